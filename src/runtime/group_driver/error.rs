//! Why a member is not in its group.

use thiserror::Error;

use crate::client::ConnectError;
use crate::client::ErrorKind;
use crate::client::call::Failure;
use crate::group::assignor::UnknownAssignor;
use crate::protocol::message::ReadError;
use crate::protocol::message::WriteError;

/// A member that is not in its group.
#[derive(Debug, Error)]
pub enum GroupError {
    /// A wrong setting.
    #[error("partition.assignment.strategy: {0}")]
    Assignor(#[from] UnknownAssignor),
    /// The system gives no thread.
    #[error("start a thread for the group")]
    Thread(#[source] std::io::Error),
    /// No broker can be reached.
    #[error(transparent)]
    Connect(ConnectError),
    /// The coordinator refuses for good.
    #[error("be a member of group \"{group}\"")]
    Refused {
        /// The group.
        group: String,
        /// Its words.
        source: Failure,
    },
    /// The group has agreed on an assignor that this member did not offer.
    #[error("group \"{group}\" shares out by \"{protocol}\", which this member did not offer")]
    Protocol {
        /// The group.
        group: String,
        /// The name that the coordinator gave.
        protocol: String,
    },
    /// The leader sent a share that cannot be read.
    #[error("read the share that the leader of group \"{group}\" sent")]
    Share {
        /// The group.
        group: String,
        /// What is wrong with it.
        source: ReadError,
    },
    /// What is to be told to the group does not fit its messages.
    #[error("write to group \"{group}\"")]
    Write {
        /// The group.
        group: String,
        /// What does not fit.
        source: WriteError,
    },
    /// A part of the driver panicked: a bug of ours.
    #[error("keeping a member in its group panicked: {0}")]
    Panicked(String),
    /// The driver has ended before.
    #[error("the member of group \"{0}\" has ended")]
    Gone(String),
}

impl GroupError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(error) => error.kind(),
            Self::Refused { source, .. } => source.kind(),
            Self::Assignor(_) => ErrorKind::Usage,
            Self::Share { .. } => ErrorKind::Data,
            Self::Thread(_)
            | Self::Protocol { .. }
            | Self::Write { .. }
            | Self::Panicked(_)
            | Self::Gone(_) => ErrorKind::Failed,
        }
    }
}
