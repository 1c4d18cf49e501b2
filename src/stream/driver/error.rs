//! What keeps a plan from being driven.

use thiserror::Error;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::TopicName;
use crate::stream::stage::LayoutError;

/// A plan cannot be driven, or stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DriveError {
    /// The plan cannot be laid out, not even over one partition.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A schema of the plan, or one that was given, is none.
    #[error("schema of {what}: {error}")]
    Schema {
        /// Whose it is.
        what: String,
        /// What is wrong with it.
        error: SchemaError,
    },
    /// No flow reads this topic, or it has no such partition.
    #[error("write to {topic}: no flow reads it, or it has no such partition")]
    NotRead {
        /// The topic.
        topic: TopicName,
    },
    /// There is no such flow.
    #[error("flow {0}: there is none")]
    NoFlow(String),
    /// A flow stopped at a record that it cannot use, as it is told to unless `on_error` says
    /// otherwise.
    #[error("{topic}, offset {offset}: {reason}")]
    Stopped {
        /// The topic.
        topic: TopicName,
        /// The record.
        offset: Offset,
        /// Why it cannot be used.
        reason: String,
    },
    /// A flow stopped at a result that it cannot write.
    #[error("flow {flow}: {reason}")]
    Unwritable {
        /// The flow.
        flow: Box<str>,
        /// Why.
        reason: String,
    },
    /// A record names a schema that has not been given.
    #[error("schema {0} has not been given")]
    UnknownSchema(SchemaId),
    /// What is to be written or read cannot be.
    #[error("{doing}: {reason}")]
    Value {
        /// What was being done.
        doing: &'static str,
        /// Why it cannot be.
        reason: String,
    },
    /// Flows that read what the others write, without end.
    #[error("write to {topic}: its records come back to it through other flows, without end")]
    Endless {
        /// The topic.
        topic: TopicName,
    },
}
