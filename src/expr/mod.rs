//! The expression language: parse, check types, compile to closures.
//!
//! The syntax and the meaning are CEL's, so that whoever knows it from elsewhere knows it here. An
//! expression has no loops but macros over what is in the record, no side effects, and always ends.
//!
//! [`compile()`] turns a text into a [`Program`] within a [`Scope`], which says what the names
//! stand for and what is known of their types. The fields of a record that an expression reads
//! become slots ([`crate::codec::projection::Fields`]), filled before it is evaluated.
//!
//! One extension: a double with an integer is computed in doubles, where CEL has no overload.
//!
//! # Conformance
//!
//! CEL's own conformance suite, release v0.25.1 (2344 cases), held against this module by
//! `tests/it/cel_conformance.rs`, which writes this table:
//!
#![doc = include_str!("conformance.md")]

pub mod ast;
mod call;
mod code;
mod compile;
mod comprehension;
pub mod duration;
mod element;
mod equality;
mod error;
mod function;
mod instant;
mod lookup;
mod meta;
mod native;
mod number;
mod operator;
mod parser;
mod program;
mod quoted;
pub mod schema_type;
mod scope;
mod token;
mod ty;

pub use compile::{compile, compile_expr};

pub use error::{Diagnostic, EvalError, Fault, ValueType, nearest};
pub use number::Number;
pub use parser::{NESTING_MAX, SOURCE_BYTES_MAX, parse};
pub use program::Program;
pub use scope::Scope;
pub use ty::{RecordType, Type};

#[cfg(test)]
mod tests;
