//! The stream engine: a pure function of records, state and time.
//!
//! A [`plan::Plan`] says what to compute. The runtime lays it out over the partitions that there
//! are ([`plan::Plan::lay_out`]), makes one [`task::Task`] for each partition of each stage, feeds
//! it records and the wall clock, and obeys the [`effects::Effects`] that come back. Nothing here
//! reads a clock, waits, or writes anywhere, so the same engine runs in production, in tests on a
//! virtual clock, and in simulation.
//!
//! # Time
//!
//! Stream time is the largest event time that an operator has seen ([`clock`]). A window is closed
//! at the instant stream time reaches its end plus grace; a record all of whose windows are closed
//! is late. What is committed with the offsets ([`progress`]) holds stream time, so a restart
//! decides as before.
//!
//! # State
//!
//! Keys become dense ids by one look-up per record; everything else is flat vectors by id and pane
//! ([`crate::store`]). Event time is cut into slices at window starts and ends; a record updates
//! one slice, and slices are merged when a window's result comes out.

pub mod account;
mod after_repartition;
pub mod aggregate;
pub mod alert;
mod arguments;
mod aside;
mod before_repartition;
pub mod builder;
pub mod clock;
mod columns;
mod cut;
pub mod differences;
pub mod driver;
pub mod effects;
pub mod emit;
pub mod empty;
mod end_windows;
mod event_time;
pub mod graph;
pub mod held;
mod intake;
mod joined;
mod key;
mod keyed;
mod mapped;
mod onward;
mod outcome;
mod parcel;
pub mod plan;
pub mod progress;
pub mod reach;
mod reason;
mod received;
mod recycle;
pub mod repartition;
mod results;
mod side;
mod source_clocks;
mod source_step;
pub mod stage;
pub mod step;
pub mod stretch;
pub mod task;
pub mod thinning;
mod typed;
mod value_bytes;
mod value_writer;
mod whole;
pub mod window;
mod windowed;
