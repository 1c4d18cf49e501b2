//! Why a pipeline stopped.

use std::sync::Arc;

use thiserror::Error;

use crate::client::ConnectError;
use crate::client::ErrorKind;
use crate::client::call::CallError;
use crate::client::fetcher::FetchError;
use crate::client::producer::ProduceError;
use crate::client::producer::SendError;
use crate::client::producer::TransactionError;
use crate::client::schema_registry::RegistryError;
use crate::codec::avro::schema::SchemaError;
use crate::record::TopicPartition;
use crate::stream::progress::ProgressError;
use crate::stream::stage::LayoutError;
use crate::stream::step::Failure;

/// A pipeline that stopped. What it had committed by then is the place where the next run goes on.
#[derive(Debug, Error)]
pub enum RunError {
    /// A source topic is missing.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A worker cannot connect.
    #[error(transparent)]
    Connect(ConnectError),
    /// The cluster refuses something, or cannot be reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Reading stopped.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A record could not be handed over for writing.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Records were not written.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// A transaction cannot go on. Nothing that is not committed counts.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The coordinator has not said whether the last transaction counts.
    #[error("the last commit may count or not, as the next run finds out: {0}")]
    InDoubt(TransactionError),
    /// The settings ask for records that exactly once must not see.
    #[error("exactly once reads committed records only, and isolation.level is read_uncommitted")]
    Isolation,
    /// Not everything was acknowledged in time.
    #[error("{0} records were not acknowledged within delivery.timeout.ms")]
    NotAcknowledged(u64),
    /// The registry has no answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A schema of the registry or of a sink is none.
    #[error("{what}: {source}")]
    Schema {
        /// Which one.
        what: String,
        /// What is wrong with it.
        source: SchemaError,
    },
    /// An alert cannot be told as it is to be.
    #[error("alert {alert}: {reason}")]
    Alert {
        /// Its name.
        alert: Arc<str>,
        /// Why not, and what to do about it.
        reason: &'static str,
    },
    /// A record is at fault, and the pipeline's policy is to stop there.
    #[error("{}", at(partition, failure))]
    Record {
        /// Where the record stands.
        partition: TopicPartition,
        /// Which record, and what is wrong with it.
        failure: Failure,
    },
    /// The group's committed offsets were not written by this pipeline.
    #[error("group \"{group}\" on {partition}: {source}")]
    ForeignProgress {
        /// The group.
        group: String,
        /// Of which partition.
        partition: TopicPartition,
        /// What stands there.
        source: ProgressError,
    },
    /// The operating system gives no thread or socket.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A worker panicked: a bug of ours. What it had not committed is done again by the next run.
    #[error("a worker panicked: {0}")]
    Panicked(String),
}

/// A failure with its place in front, as `topic-partition@offset`.
fn at(partition: &TopicPartition, failure: &Failure) -> String {
    let Failure {
        flow,
        offset,
        reason,
    } = failure;
    match offset {
        Some(offset) => format!("{partition}@{offset}: flow {flow}: {reason}"),
        None => format!("{partition}: flow {flow}: {reason}"),
    }
}

impl RunError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(error) => error.kind(),
            Self::Call(error) => error.kind(),
            Self::Fetch(error) => error.kind(),
            Self::Produce(error) => error.kind(),
            Self::Send(SendError::Failed(error)) => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Alert { .. } => ErrorKind::Usage,
            Self::Transaction(error) | Self::InDoubt(error) => error.kind(),
            Self::Isolation => ErrorKind::Usage,
            Self::Record { .. } | Self::Schema { .. } | Self::Send(_) => ErrorKind::Data,
            Self::Layout(_)
            | Self::System { .. }
            | Self::Panicked(_)
            | Self::ForeignProgress { .. } => ErrorKind::Failed,
            Self::NotAcknowledged(_) => ErrorKind::NotReachable,
        }
    }
}
