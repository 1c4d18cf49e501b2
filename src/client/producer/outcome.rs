//! What became of records that were handed to a producer.

use std::time::Duration;

use thiserror::Error;

use crate::client::call::CallError;
use crate::client::connection::RequestError;
use crate::client::error_kind::ErrorKind;
use crate::client::producer::transaction_error::TransactionError;
use crate::protocol::batch_builder::BuildError;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::record::Offset;
use crate::record::TopicPartition;

/// What became of one batch. Batches of a partition are told in the order in which their records
/// were sent, and each record is in exactly one.
#[derive(Clone, Debug)]
pub struct BatchOutcome {
    /// Where the records were to go.
    pub topic_partition: TopicPartition,
    /// How many records.
    pub records: u64,
    /// What became of them.
    pub outcome: Outcome,
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every in-sync replica has it, once.
    Written {
        /// The offset of the first record; the others follow without a gap. `None` where the broker
        /// only knows that it was written before.
        base_offset: Option<Offset>,
    },
    /// It is not in the log and will not be.
    NotWritten(ProduceError),
    /// It may be in the log or not: the last answer did not come.
    Unknown(ProduceError),
}

/// Records that could not be written.
#[derive(Clone, Debug, Error)]
pub enum ProduceError {
    /// The broker refuses for good.
    #[error("write to {partition}: {}: {}", code.name(), message.as_deref().unwrap_or_else(|| code.description()))]
    Answered {
        /// Where to.
        partition: TopicPartition,
        /// The broker's error.
        code: ErrorCode,
        /// The broker's words, where it has any.
        message: Option<String>,
    },
    /// No attempt succeeded in time.
    #[error("write to {partition}: not acknowledged within {} ms{}", after.as_millis(), last.as_ref().map(|last| format!(" ({last})")).unwrap_or_default())]
    TimedOut {
        /// Where to.
        partition: TopicPartition,
        /// The delivery timeout.
        after: Duration,
        /// What went wrong last.
        last: Option<String>,
    },
    /// The batch cannot be built.
    #[error("build a batch for {partition}")]
    Build {
        /// Where to.
        partition: TopicPartition,
        /// Why not.
        source: BuildError,
    },
    /// The leader refuses us, or does not speak our versions.
    #[error("write to the cluster")]
    Request(#[source] RequestError),
    /// The cluster gives no producer id.
    #[error("become an idempotent producer")]
    Initialise(#[source] CallError),
    /// The broker has lost track of the producer, within a transaction.
    #[error("write to {0}: the broker has lost track of the producer")]
    OutOfStep(TopicPartition),
    /// The coordinator does not let the transaction go on.
    #[error(transparent)]
    Transaction(Box<TransactionError>),
    /// The transaction that it was in has been given up.
    #[error("the transaction was given up")]
    Aborted,
    /// A newer producer has taken over; nothing more is written.
    #[error("write to {partition}: a newer producer has taken over ({})", code.name())]
    Fenced {
        /// Where to.
        partition: TopicPartition,
        /// The broker's error.
        code: ErrorCode,
    },
}

impl ProduceError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Answered { code, .. } if code.action() == Action::Authorization => {
                ErrorKind::Refused
            }
            Self::Answered { code, .. } if code.action() == Action::SplitBatch => ErrorKind::Data,
            Self::TimedOut { .. } => ErrorKind::NotReachable,
            Self::Build { .. } => ErrorKind::Data,
            Self::Initialise(error) => error.kind(),
            Self::Request(error) => error.kind(),
            Self::Transaction(error) => error.kind(),
            Self::Answered { .. } | Self::Fenced { .. } | Self::OutOfStep(_) | Self::Aborted => {
                ErrorKind::Failed
            }
        }
    }
}

/// A record that is not taken.
#[derive(Clone, Debug, Error)]
pub enum SendError {
    /// Too many bytes wait for their acknowledgement: wait for room.
    #[error("the send buffer is full (buffer.memory)")]
    Full,
    /// The record alone is above the limit.
    #[error("record of {bytes} bytes for topic \"{topic}\" is above max.request.size = {limit}")]
    TooLarge {
        /// Where to.
        topic: String,
        /// About how large it is.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The topic has no such partition.
    #[error("topic \"{topic}\" has no partition {partition}")]
    NoPartition {
        /// Where to.
        topic: String,
        /// Which.
        partition: i32,
    },
    /// The record cannot be encoded.
    #[error("encode a record for topic \"{topic}\"")]
    Encode {
        /// Where to.
        topic: String,
        /// Why not.
        source: BuildError,
    },
    /// The producer writes in transactions, and none is open.
    #[error("no transaction is open")]
    NoTransaction,
    /// The producer has failed for good, or its transaction can only be aborted.
    #[error("the producer has failed")]
    Failed(#[source] Box<ProduceError>),
}

/// How many records a producer has dealt with so far.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// Taken.
    pub sent: u64,
    /// Written for sure.
    pub written: u64,
    /// Not written for sure.
    pub not_written: u64,
    /// Perhaps written.
    pub unknown: u64,
    /// Bytes of the batches written, compressed.
    pub bytes: u64,
    /// Batches written.
    pub batches: u64,
    /// Batches that were sent again.
    pub retries: u64,
    /// How often a broker had lost track of our sequence, which means that it lost records.
    pub sequence_resets: u64,
    /// The first error, if there was any.
    pub first_error: Option<ProduceError>,
}

impl Delivery {
    /// Records that were taken and not dealt with yet.
    #[must_use]
    pub const fn outstanding(&self) -> u64 {
        self.sent.saturating_sub(self.settled())
    }

    /// Records that are dealt with, whatever their outcome.
    pub(super) const fn settled(&self) -> u64 {
        self.written + self.not_written + self.unknown
    }

    pub(super) fn count(&mut self, records: u64, outcome: &Outcome) {
        let error = match outcome {
            Outcome::Written { .. } => {
                self.written += records;
                return;
            }
            Outcome::NotWritten(error) => {
                self.not_written += records;
                error
            }
            Outcome::Unknown(error) => {
                self.unknown += records;
                error
            }
        };
        self.first_error.get_or_insert_with(|| error.clone());
    }
}
