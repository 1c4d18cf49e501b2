//! The only module with Kafka sockets: connections, security, metadata, reading, writing, offsets,
//! administration, and the schema registry's client.
//!
//! Bytes come from brokers as frames; [`crate::protocol`] reads them. Nothing here decides what a
//! record means, and nothing prints. Every wait has a deadline, every queue a bound.

pub mod address;
pub mod admin;
mod bootstrap;
pub mod broker_versions;
pub mod call;
pub mod cluster;
pub mod config;
mod connect_error;
pub mod connection;
pub mod coordinator;
pub mod dial;
pub(crate) mod error_chain;
mod error_kind;
pub mod fetcher;
mod frame_guard;
pub mod group;
mod handshake;
pub mod jaas;
mod lent;
pub mod metadata;
pub mod offsets;
pub mod producer;
pub mod properties;
mod retry;
pub mod schema_registry;
mod secret;
pub mod security;
pub mod settings;
mod tls;
pub mod topic_config;
mod wire;

pub use connect_error::ConnectError;
pub use error_kind::ErrorKind;
pub use handshake::ConnectOptions;
pub use retry::Retry;
pub use secret::Secret;
