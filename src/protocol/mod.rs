//! Kafka's wire format, both directions, pure.

pub mod aborted;
pub mod batch_builder;
pub mod batch_error;
pub mod batch_header;
pub mod batch_reader;
pub mod compression;
pub mod control_record;
pub mod crc;
pub mod error_code;
pub mod message;
pub mod partitioner;
