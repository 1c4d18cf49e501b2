//! Why a partition cannot be read on.

use thiserror::Error;

use crate::client::call::CallError;
use crate::client::connect_error::ConnectError;
use crate::client::connection::RequestError;
use crate::client::error_kind::ErrorKind;
use crate::protocol::batch_error::BatchError;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::record::Offset;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// A partition that cannot be read on until somebody decides: it stands still until
/// [`crate::client::fetcher::Fetcher::seek`]. What passes by itself is retried and never shows.
#[derive(Clone, Debug, Error)]
pub enum FetchError {
    /// A broker refuses us, or the settings cannot be used. All partitions stand still.
    #[error(transparent)]
    Connect(Box<ConnectError>),
    /// A broker lacks a version of the API that we speak.
    #[error(transparent)]
    Request(Box<RequestError>),
    /// The position lies outside the log, and the policy is to fail.
    #[error(
        "position {position} of {partition} is outside the log, which holds {log_start} up to {log_end} (auto.offset.reset=none; choose an offset, or set earliest or latest)"
    )]
    OutOfRange {
        /// Which partition.
        partition: TopicPartition,
        /// Where we are.
        position: Offset,
        /// The first offset in the log.
        log_start: Offset,
        /// The offset after the last.
        log_end: Offset,
    },
    /// Where the log begins and ends could not be found out.
    #[error("position {position} of {partition} is outside the log")]
    RangeUnknown {
        /// Which partition.
        partition: TopicPartition,
        /// Where we are.
        position: Offset,
        /// Why.
        source: Box<CallError>,
    },
    /// The log was cut back below our position by an unclean leader election: records that were
    /// read before are gone from it.
    #[error(
        "the log of {partition} was truncated to {end} below position {position}: records read from there on are no longer in it"
    )]
    Truncated {
        /// Which partition.
        partition: TopicPartition,
        /// Where we are.
        position: Offset,
        /// Where the log parts from what we read.
        end: Offset,
    },
    /// There is no such topic any more.
    #[error("topic \"{0}\" does not exist")]
    UnknownTopic(TopicName),
    /// The topic has no such partition.
    #[error("topic \"{}\" has no partition {}", .0.topic, .0.partition)]
    UnknownPartition(TopicPartition),
    /// The topic was deleted and created again: offsets of the old one mean nothing in it.
    #[error("topic \"{0}\" was deleted and created again")]
    Recreated(TopicName),
    /// The broker refuses for good.
    #[error("read {partition}: {}: {}", code.name(), code.description())]
    Answered {
        /// Which partition.
        partition: TopicPartition,
        /// The broker's error.
        code: ErrorCode,
    },
    /// A batch that cannot be read. A wrong checksum was seen twice, on two connections.
    #[error("read {partition}@{offset}")]
    Batch {
        /// Which partition.
        partition: TopicPartition,
        /// Where the batch begins.
        offset: Offset,
        /// What is wrong with it.
        source: BatchError,
    },
    /// A batch above every limit.
    #[error(
        "the batch {partition}@{offset} takes {bytes} bytes, above receive.message.max.bytes = {limit}"
    )]
    TooLarge {
        /// Which partition.
        partition: TopicPartition,
        /// Where we are.
        offset: Offset,
        /// How large the batch is.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl FetchError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(error) => error.kind(),
            Self::Request(error) => error.kind(),
            Self::RangeUnknown { source, .. } => source.kind(),
            Self::UnknownTopic(_) | Self::UnknownPartition(_) => ErrorKind::Usage,
            Self::Batch { .. } | Self::Truncated { .. } | Self::TooLarge { .. } => ErrorKind::Data,
            Self::Answered { code, .. } if code.action() == Action::Authorization => {
                ErrorKind::Refused
            }
            Self::Answered { .. } | Self::OutOfRange { .. } | Self::Recreated(_) => {
                ErrorKind::Failed
            }
        }
    }
}
