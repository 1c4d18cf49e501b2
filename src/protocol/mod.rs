//! Kafka's wire format, both directions, pure.
//!
//! Two halves: the bodies of requests and answers ([`message`]), which carry records as raw bytes,
//! and those records, in batches of format 2: found and borrowed ([`batch_reader`]), built
//! ([`batch_builder`]), patched in place ([`batch_header`]). Beside them stand what both sides of a
//! connection have to agree on: [`compression`], [`error_code`], [`partitioner`].
//!
//! Bytes come from sockets and go to them. Whatever they are, nothing here panics, and nothing
//! allocates more than a stated bound.
//!
//! Deliberately absent: message formats 0 and 1, which brokers before Kafka 0.11 wrote; they are
//! named in an error.

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
