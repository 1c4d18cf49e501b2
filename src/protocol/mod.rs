//! Kafka's wire format, both directions, pure.

pub mod message;
