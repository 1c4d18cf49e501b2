//! Operators that feed each other: tables, joins, aggregates of tables, and what stands between.
//!
//! A [`topology::Topology`] says which operators there are and what feeds what; it is made once and
//! shared. A [`machine::Graph`] is one at work, with its state, in one task. What travels is a
//! [`message::Message`]: a record of a stream, or a change of a row of a table with the value
//! before it, so that what is made of a table can take the old value back. What operators compute
//! are closures ([`function`]), made by hand or of expressions.
//!
//! Flows of one source, a filter and one aggregation do not come here: they have a way of their own
//! that borrows records and copies nothing (`stream::whole`). A graph owns what it keeps, each value
//! once, however many operators hold it.
//!
//! # Which records, which time
//!
//! Each operator goes by its own stream time, the largest timestamp of the messages that reached
//! it, unless the graph is told a clock. Records without key have no place in a table, an
//! aggregation or a join, and are rejected; records without value are nothing to aggregate or join.
//! Neither moves stream time.

pub(crate) mod aggregate;
pub mod aggregates;
pub(crate) mod distinct;
pub mod expression;
pub mod fold;
pub(crate) mod foreign_key;
pub(crate) mod foreign_tasks;
pub mod function;
pub mod join_window;
pub mod machine;
pub mod message;
pub mod operator;
mod persisted;
pub(crate) mod session_fold;
pub(crate) mod size;
pub(crate) mod sliding_fold;
pub(crate) mod stateless;
pub(crate) mod stream_stream;
pub(crate) mod stream_table;
pub mod suppress;
pub(crate) mod table;
pub(crate) mod table_table;
pub mod topology;
pub(crate) mod versions;
pub(crate) mod window_fold;
