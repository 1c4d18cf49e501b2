//! JSON: reading whole documents, reading a few fields of them, and writing values.
//!
//! [`parse()`] and [`Walker`] accept exactly the documents that `serde_json::from_slice::<Value>`
//! accepts and give them the same values: the last of repeated keys wins (in the place of the
//! first), nothing but white space may follow the document, at most 127 lists and objects stand
//! within each other, integers are exact from `i64::MIN` to `u64::MAX` and beyond that become the
//! nearest float, `-0` is a float, a number too large for a float is an error, strings are UTF-8
//! without lone surrogates. (One thing is left out: the key `$serde_json::private::RawValue`,
//! which serde_json treats as an instruction, is here a key like any other.) A property test and
//! the fuzz target `json` hold both against serde_json.
//!
//! The walker checks the whole document in its one pass, also behind the last wanted field.

mod number;
mod parse;
pub(super) mod scan;
mod walk;
mod write;

pub use parse::parse;
pub use scan::{Fault, JsonError};
pub use walk::Walker;
pub use write::{
    JsonWriteError, Name, ObjectWriter, put_int, put_simple_text, put_text, put_value,
};

#[cfg(test)]
mod tests;
