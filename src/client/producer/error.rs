//! Why records were not written, or may not have been.

use thiserror::Error;

use crate::client::ErrorKind;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::protocol::batch_builder::BuildError;
use crate::record::TopicPartition;

/// A producer that stopped. What it had not written by then is not written, but for what
/// [`ProduceError::Unknown`] names.
#[derive(Clone, Debug, Error)]
pub enum ProduceError {
    /// A record is larger than a request may be. Nothing of it was sent, and the producer goes on.
    #[error("record of {bytes} bytes for topic \"{topic}\" is larger than max.request.size={max}")]
    RecordTooLarge {
        /// For which topic.
        topic: String,
        /// Its size in a batch.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The topic is not there or cannot be looked up, or no broker gives a producer id.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The topic has no such partition. Nothing was sent, and the producer goes on.
    #[error("topic \"{}\" has no partition {}", .0.topic, .0.partition)]
    NoPartition(TopicPartition),
    /// The records were refused, and none of them was written.
    #[error("{records} records for {partition} were not written: {failure}")]
    NotWritten {
        /// For which partition.
        partition: TopicPartition,
        /// How many.
        records: u64,
        /// Why.
        failure: Failure,
    },
    /// A batch could not be encoded; none of its records was written.
    #[error("{records} records for {partition} were not written: {source}")]
    Build {
        /// For which partition.
        partition: TopicPartition,
        /// How many.
        records: u64,
        /// Why.
        source: BuildError,
    },
    /// Time is up. The records were never sent.
    #[error(
        "{records} records for {partition} were not written within delivery.timeout.ms{}",
        last(cause)
    )]
    Overdue {
        /// For which partition.
        partition: TopicPartition,
        /// How many.
        records: u64,
        /// What kept them.
        cause: Option<String>,
    },
    /// Time is up. The records were sent, but no answer says whether they were written.
    #[error(
        "{records} records for {partition} may or may not be written: no answer within delivery.timeout.ms{}",
        last(cause)
    )]
    Unknown {
        /// For which partition.
        partition: TopicPartition,
        /// How many.
        records: u64,
        /// What kept the answer.
        cause: Option<String>,
    },
    /// The producer had stopped before, for a reason told then.
    #[error("the producer has stopped")]
    Stopped,
}

fn last(cause: &Option<String>) -> String {
    cause
        .as_ref()
        .map(|cause| format!(": {cause}"))
        .unwrap_or_default()
}

impl ProduceError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::RecordTooLarge { .. } | Self::Build { .. } => ErrorKind::Data,
            Self::Call(error) => error.kind(),
            Self::NoPartition(_) => ErrorKind::Usage,
            Self::NotWritten { failure, .. } => failure.kind(),
            Self::Overdue { .. } | Self::Unknown { .. } => ErrorKind::NotReachable,
            Self::Stopped => ErrorKind::Failed,
        }
    }
}
