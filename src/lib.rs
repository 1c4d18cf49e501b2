//! Tidemill does for Apache Kafka what people now need Kafka Streams, MirrorMaker 2, kcat, a lag
//! exporter and a console for: one static binary, and this library under it.
//!
//! # The map
//!
//! Modules stand on floors; each may use only those in its row, all of which stand below it.
//! `tests/it/tidy.rs` reads the sources and fails on any other edge, on a cycle, and on an impure
//! word in a pure module.
//!
//! | floor | module | what lives there | may use | pure |
//! | --- | --- | --- | --- | --- |
//! | 1 | [`record`] | records owned and borrowed, headers, offsets, timestamps, topic partitions, decoded values | — | yes |
//! | 2 | [`protocol`] | record batches v2, compression, CRC, aborted-transaction filter, message bodies, error table, partitioner | record | yes |
//! | 2 | [`codec`] | bytes to values and back: text, JSON, Avro; the projection; registry framing; the JSON envelope | record | yes |
//! | 2 | [`store`] | keys to dense ids, window panes, and how state is written down | record | file I/O only |
//! | 2 | [`group`] | members of consumer groups as state machines, assignors, what may be committed | record | yes |
//! | 3 | [`expr`] | the expression language: parse, check types, compile to closures | record, codec | yes |
//! | 3 | [`client`] | the only module with Kafka sockets: connection, security, metadata, fetcher, producer, groups, admin, registry client | record, protocol, codec | no |
//! | 3 | [`broker`] | the embedded development broker and schema registry, one file per API | record, protocol, codec | no |
//! | 4 | [`stream`] | clocks, windows, aggregates, operators, tables and joins, the plan, the task that steps it, alerts, [the builder](stream::builder) for Rust and [its test driver](stream::driver) | record, codec, expr, store | yes |
//! | 5 | [`pipeline`] | the pipeline file: read with spans, check, compile to a plan, explain, draw, test on a virtual clock | record, codec, expr, stream | yes |
//! | 6 | [`runtime`] | the loops of `run`: worker, commit, shutdown | all below but broker | no |
//! | 7 | [`cli`] | flags, commands, printing, exit codes | all | no |
//!
//! The broker never uses the client, and the client never uses the broker: a double built from what
//! it doubles proves nothing. Only `cli` prints, only `client` and `broker` open sockets, only
//! `runtime` runs loops.
//!
//! # From where to start
//!
//! | to | see |
//! | --- | --- |
//! | write a pipeline in Rust: filter, map, windows, averages, tables, joins | [`stream::builder`], with an example of each |
//! | test it without a broker | [`stream::driver::TestDriver`] |
//! | run it in a program of one's own | [`runtime::run()`] |
//! | read a pipeline file | [`pipeline::compile()`] |
//! | tell in words what a plan does | [`pipeline::explain`] |
//!
//! # One record's way
//!
//! | step | where | what |
//! | --- | --- | --- |
//! | receive | [`client::fetcher`] | bytes of whole batches, lent from the buffer that the socket was read into |
//! | split | [`protocol::batch_reader`] | records that borrow from the batch; aborted and control batches left out |
//! | decode | [`codec::projection`] | only the fields that the plan names, into a row |
//! | evaluate | [`expr::Program`] | `where`, `time`, `key` and the arguments of aggregates: closures over the row |
//! | step | [`stream::task`] | one look-up of the key, one update of the window's slice; results, late and rejected records out |
//! | encode | [`stream::effects`] | straight into one arena, and from there into [`protocol::batch_builder`] |
//! | send | [`client::producer`] | in order, each once, at most five requests on the way |
//! | commit | `runtime::commit` | once all of it is acknowledged: the offset that every open window can be rebuilt from |
//!
//! # Glossary
//!
//! | word | meaning |
//! | --- | --- |
//! | record, batch, header, key, value | what is in a topic; a *tombstone* is a record whose value is null |
//! | topic partition | one log; an *offset* is the place of one record in it |
//! | position | the offset of the next record to hand out |
//! | committed offset | the offset of the next record to read after a restart |
//! | high watermark, last stable offset, log start offset | the ends of a partition, on the broker's side |
//! | leader epoch, producer epoch | which leadership of a partition, which incarnation of a producer; never just "epoch" |
//! | event time, stream time, wall clock | the record's own time; the largest event time seen; ours |
//! | out of order | with an event time below stream time |
//! | late | with all its windows closed |
//! | rejected, filtered | cannot be used; refused by `where` |
//! | size, advance, grace, close | terms of windows, which are half-open unless they say otherwise; a window closes when stream time reaches its end plus grace |
//! | gap, session | how far apart records of one window may be; the records that follow one another within it |
//! | trailing window, tick, rows | the last stretch of time as of a record or a multiple of `every`; the last so many records |
//! | retract | take a value back out of an aggregate, as if it had never been added |
//! | as-of join | with the version of a row that held at the record's time |
//! | stretch, internal topic | the operators of a flow that work in one task; what carries records from one to another, so that those of one key meet |
//! | global table | a table that every task has all of |
//! | pane, slice | the state of all keys for one stretch of event time |
//! | group, member, coordinator | who read topics together; one of them; the broker that keeps the group |
//! | generation, member epoch | the round in which a classic group's partitions were shared out; the same where the broker shares out |
//! | instance, standby | a process that runs a pipeline; a copy of a task's state, kept in case its owner is lost |
//! | assignor, share | how partitions are shared out; those of one member |
//! | source topic, sink topic, repartition topic | where a flow reads, where it writes, and what joins its two stages where it is keyed anew |
//! | table, row, change | the latest value of each key; one of them; a new value with the one before it |
//! | topology, operator, graph | which operators feed which; one of them; all of them at work in one task, with their state |
//! | message | what travels between operators: a record of a stream, or a change of a table |
//! | plan, stage, task | what a pipeline computes; a stretch of it that reads one topic; one partition of that |
//! | effects | what a task asks to be written |
//! | alert, watch, notice | a condition on the results of a flow, key by key; one at the end of one task; what it tells: that a key fired, cleared, or fell silent |
//! | codec, projection | bytes to values and back; only those that a plan reads |

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod broker;
pub mod cli;
pub mod client;
pub mod codec;
pub mod expr;
pub mod group;
pub mod pipeline;
pub mod protocol;
pub mod record;
pub mod runtime;
pub mod store;
pub mod stream;

/// What the README shows in Rust holds.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
