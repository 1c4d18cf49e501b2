//! Integration tests, one binary.

// What alerts tell.
mod alerts;
// Alerts of a pipeline that runs, on a broker.
mod alerts_in_run;
// What allocates nothing, once its memory has grown to the work.
mod allocations;
// Records that a pipeline cannot use.
mod bad_records;
// Who reads which partition, against Kafka's own assignors.
mod assignors;
// Averages against exact arithmetic.
mod averages;
// Record batches against the other Rust implementations.
mod batch_judges;
// The embedded broker and schema registry over loopback.
mod broker;
// The command itself: what it prints, and how it ends.
mod cli;
// Expressions against the conformance suite of CEL.
mod cel_conformance;
// The client on the embedded broker.
mod client_on_embedded_broker;
// What the client promises, on any broker.
mod client_suite;
// Apache Kafka in a container.
mod containers;
// More results at once than may stand in memory.
mod effects_bound;
// Minutes without records, on a broker.
mod empty_minutes;
// Windows without records.
mod empty_windows;
// The engine against what Apache Kafka Streams gave for the same scripts.
mod golden;
// The same for tables, joins and chains of operators.
// Flows of several topics and of tables.
mod joins;
// The same over several partitions.
mod joins_apart;
// Members of a group, as whole processes.
mod groups;
// The same beside members of other clients.
mod mixed_groups;
// Record batches that Apache Kafka wrote.
mod java_batches;
// The command killed again and again.
mod kills;
// The schemas that ship.
mod schemas;
// The client on Apache Kafka.
mod real_broker;
// Real rows through the real binary, judged by pandas.
mod real_input;
// Pipelines written in Rust, on the embedded broker.
mod rust_api;
// Pipelines written in Rust.
mod rust_builder;
// The stream engine through its public face.
mod stream;
// The stream engine against a model of it.
mod stream_properties;
// Tests over several partitions.
mod partitions;
// Pipeline files, broken and good.
mod pipeline_file;
// What whole pipelines promise, on any broker.
mod pipeline_suite;
// From a topic to lines and back.
mod restarts;
mod round_trip;
// What is told of pipeline files: explain, graph, the schema.
mod pipeline_explain;
// The tests in pipeline files.
mod pipeline_testing;
// Aggregates of tables against what their rows come to.
mod table_properties;
// Windows of every kind ask for no memory for each record.
mod window_allocations;
// Results that are thinned out, and keys with their windows.
mod thinning;
// Records that count together or not at all.
mod transactions;
// Every kind of windows against a model of its definition.
mod window_properties;
// What tests share.
mod support;
// The sources themselves: who uses whom, what a pure module may say, sizes, dead files.
mod tidy;
// Brokers whose answers are wrong.
mod wrong_answers;
