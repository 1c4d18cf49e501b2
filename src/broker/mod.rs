//! The embedded development broker and schema registry.
//!
//! One broker, no replicas, on loopback only: what an ordinary Kafka client needs to produce,
//! consume in groups and administrate, in the real wire protocol. Bytes come from connections
//! ([`connection`]), which split them into bounded frames; [`api`] has one file per API; what they
//! change is the [`state`], kept in memory or, with a data directory, on disk ([`log`]).
//!
//! What is not there stands in `SKIPPED.md` beside this file. It never uses [`crate::client`]: a
//! double built from what it doubles proves nothing.

mod acceptance;
mod acceptor;
mod api;
mod clock;
mod config;
mod connection;
mod fetch_session;
mod groups;
mod hook;
mod housekeeping;
mod internal_topic;
mod log;
mod marker;
mod offsets_topic;
mod partition;
mod producer_ids;
mod producers;
mod random_id;
mod registry;
mod server;
mod setting;
mod state;
mod topic;
mod topics;
mod transactions;

pub use config::BrokerConfig;
pub use hook::Hook;
pub use hook::HookAction;
pub use hook::HookedRequest;
pub use log::LogError;
pub use server::Broker;
pub use server::StartError;
