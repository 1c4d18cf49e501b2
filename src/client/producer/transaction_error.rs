//! Why a transaction cannot go on, and what became of it.

use thiserror::Error;

use crate::client::call::CallError;
use crate::client::error_kind::ErrorKind;
use crate::client::producer::outcome::ProduceError;
use crate::protocol::error_code::ErrorCode;

/// A transaction that cannot go on.
#[derive(Clone, Debug, Error)]
pub enum TransactionError {
    /// Another process, or another part of this one, has taken the transactional id over; or the
    /// transaction was open for longer than the coordinator allows. Nothing more is written.
    #[error(
        "transactional id \"{id}\": a newer instance has taken over, or the transaction was open for longer than transaction.timeout.ms ({code})"
    )]
    Fenced {
        /// The transactional id.
        id: String,
        /// The broker's error.
        code: ErrorCode,
    },
    /// Not all of its records were written: it can only be aborted.
    #[error("the transaction cannot be committed")]
    NotWritten(#[source] Box<ProduceError>),
    /// Not everything was acknowledged in time: it can only be aborted.
    #[error("the transaction cannot be committed: {0} records were not acknowledged in time")]
    NotAcknowledged(u64),
    /// The coordinator refuses, or does not answer.
    #[error(transparent)]
    Call(CallError),
    /// There is an open transaction.
    #[error("a transaction is open: commit or abort it first")]
    NotIdle,
    /// There is no open transaction.
    #[error("no transaction is open")]
    NotOpen,
}

impl TransactionError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotWritten(error) => error.kind(),
            Self::Call(error) => error.kind(),
            Self::NotAcknowledged(_) => ErrorKind::NotReachable,
            Self::Fenced { .. } | Self::NotIdle | Self::NotOpen => ErrorKind::Failed,
        }
    }
}

/// What became of a transaction that was to be committed.
#[derive(Clone, Debug)]
pub enum TransactionEnd {
    /// All of it counts.
    Committed,
    /// Nothing of it counts, nor will: abort it, and do its work again.
    NotCommitted(TransactionError),
    /// All of it may count, or nothing: the coordinator has not said. The committed offsets tell,
    /// once the transactional id has been taken over anew.
    Unknown(TransactionError),
}
