//! Values to types of Rust and back, by serde.
//!
//! What fields a type has is found out by deserialising it once from nothing (`probe`), so that
//! only those are read from a record ([`crate::codec::projection`]).

mod probe;
mod read;
mod write;

pub(crate) use probe::Shape;
pub(crate) use read::Input;
pub(crate) use write::to_value;
