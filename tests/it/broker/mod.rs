//! The embedded broker over loopback, spoken to by a raw client that is not ours.

mod groups;
mod hostile_frames;
mod persistence;
mod produce_and_fetch;
pub(crate) mod raw_client;
mod registry;
mod topics;
mod transactions;
