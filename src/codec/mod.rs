//! Bytes to values and back: text, numbers, JSON, Avro.
//!
//! Bytes come from records and go into records; nothing here knows where a schema is fetched from
//! ([`projection::Projection::add_schema`] is given its text) or what a batch is.
//!
//! On the path from socket to window only [`projection`] is used: it reads the fields that a plan
//! names, and borrows them from the record. [`json::parse`] and the whole-value paths of a
//! projection build a complete [`crate::record::Value`].
//!
//! Invariant: no bytes, however hostile, panic, overflow the stack, or make anything allocate more
//! than a small multiple of their own length.

pub mod avro;
mod entries;
pub mod envelope;
pub mod fixed;
pub mod format;
pub mod framing;
pub mod json;
pub mod projection;
pub mod text;
mod wanted;
