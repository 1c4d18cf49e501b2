//! The loops of `run`: from a plan and a cluster to results.
//!
//! A program of one's own calls [`run()`] and no more. [`app`] looks up the topics, lays the plan out over their partitions and starts the workers.
//! Each [`worker`] is a thread with partitions of its own: it reads, steps the tasks, writes what
//! they put out, and commits. What a commit does, and in which order, is [`commit`]'s. Nothing is
//! shared between workers but counters.
//!
//! Until state is durable, a commit holds the offset from which every open window can be rebuilt,
//! and how far each task had come ([`crate::stream::progress`]). It holds the results as well
//! ([`delivering`]), so that a restart neither loses nor repeats one; with
//! [`Delivery::AtLeastOnce`](crate::pipeline::Delivery) it may write again what came out between
//! the last commit and the end.

pub mod app;
mod beat;
mod clock;
mod commit;
mod counts;
mod delivering;
mod error;
pub mod group_driver;
mod input;
mod internal_topics;
mod joint;
mod outputs;
mod run;
mod schemas;
mod stop;
mod watching;
mod worker;

pub use counts::FlowCounts;
pub use error::RunError;
pub use run::run;
pub use watching::Alerts;
pub use worker::End;
