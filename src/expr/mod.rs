//! The expression language: parse, check types, compile to closures.
