//! Avro: schemas, and data in Avro's binary form.
//!
//! Schema texts are parsed by apache-avro and laid out in an arena of our own ([`schema::Schema`]).
//! A [`decode::Decoder`] is compiled from the writer's schema, the reader's where there is one, and
//! for a projection the wanted fields; it then reads data without looking at a schema again.
//!
//! | Avro | value |
//! | --- | --- |
//! | `null`, `boolean`, `int`, `long`, `string`, `bytes`, `fixed` | as they are |
//! | `float`, `double` | float |
//! | `enum` | text: the symbol |
//! | `record`, `map` | map with text keys |
//! | `array` | list |
//! | union | the value of its branch |
//! | `timestamp-*`, `local-timestamp-*` | instant (local ones as if in UTC) |
//! | `decimal` of up to 38 digits | text, such as `-12.50` |
//! | `uuid` | text in hyphenated form |
//! | `date`, `time-*` | the integer: days, milliseconds or microseconds |
//! | `duration`, `big-decimal`, longer `decimal`s, anything unknown | what stands below it |
//!
//! Source: Avro 1.12 specification; `Resolver.java` and `SchemaCompatibility.java` of Apache Avro
//! 1.12 where the specification leaves a choice.

pub mod compatibility;
mod decimal;
pub mod decode;
mod default;
pub mod encode;
mod input;
mod normal;
mod project;
pub mod render;
pub mod schema;
mod skip;
mod step;

pub use input::{AvroError, Fault};
pub use normal::normalized;
pub use step::Times;

#[cfg(test)]
mod tests;
