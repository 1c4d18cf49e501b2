//! Local state: keys to dense ids, window panes.
//!
//! [`keys::Keys`] gives each key a small number by one look-up per record; all state is flat
//! vectors by that number. [`panes::Panes`] keeps one pane for each slice of event time that has
//! data, recycles the panes of slices that are over, and tells from which offset the panes that
//! are left could be rebuilt.
//!
//! [`persist`] writes all of it down and reads it back.
//!
//! Invariant: memory is bounded by live state. A key that no pane holds any more is reclaimed
//! once there are as many such keys as live ones.

pub mod keys;
pub mod panes;
pub mod persist;
mod slots;
