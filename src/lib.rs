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
//! | 2 | [`store`] | keys to dense ids, window panes | record | file I/O only |
//! | 3 | [`expr`] | the expression language: parse, check types, compile to closures | record, codec | yes |
//! | 3 | [`client`] | the only module with Kafka sockets: connection, security, metadata, fetcher, producer, coordinator, admin, registry client | record, protocol, codec | no |
//! | 3 | [`broker`] | the embedded development broker and schema registry, one file per API | record, protocol, codec | no |
//! | 4 | [`stream`] | clocks, windows, aggregates, operators, the plan, the task that steps it | record, codec, expr, store | yes |
//! | 5 | [`pipeline`] | the pipeline file: read with spans, check, compile to a plan | record, codec, expr, stream | yes |
//! | 6 | [`runtime`] | the loops of `run`: worker, commit, shutdown | all below but broker | no |
//! | 7 | [`cli`] | flags, commands, printing, exit codes | all | no |

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod broker;
pub mod cli;
pub mod client;
pub mod codec;
pub mod expr;
pub mod pipeline;
pub mod protocol;
pub mod record;
pub mod runtime;
pub mod store;
pub mod stream;
