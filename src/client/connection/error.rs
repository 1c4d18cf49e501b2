//! Why a request got no usable answer.

use std::time::Duration;

use thiserror::Error;

use crate::client::address::BrokerAddress;
use crate::client::connect_error::ConnectError;
use crate::client::error_kind::ErrorKind;
use crate::protocol::message::ApiKey;
use crate::protocol::message::ReadError;
use crate::protocol::message::Versions;
use crate::protocol::message::WriteError;

/// A request that got no usable answer.
#[derive(Clone, Debug, Error)]
pub enum RequestError {
    /// The broker lacks the API, or speaks no version of it that we do. Nothing was sent.
    #[error("{address} does not offer {api} in a version that is understood here (offered: {}, understood: {understood})",
        offered.map_or_else(|| "none".to_owned(), |range| range.to_string()))]
    Unsupported {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// The broker's versions.
        offered: Option<Versions>,
        /// Ours.
        understood: Versions,
    },
    /// The request cannot be written. Nothing was sent.
    #[error("write {api} request")]
    Write {
        /// Which API.
        api: ApiKey,
        /// What cannot be written.
        source: WriteError,
    },
    /// The connection ended before the request was sent.
    #[error("{api} was not sent to {address}: {because}")]
    NotSent {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// Why the connection ended.
        because: String,
    },
    /// The connection ended before the answer came: the broker may have acted on the request.
    #[error("{api} to {address} got no answer: {because}")]
    Lost {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// Why the connection ended.
        because: String,
    },
    /// No answer came in time: the broker may have acted on the request.
    #[error("{api} to {address} got no answer within {} ms", after.as_millis())]
    Deadline {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer cannot be read: the broker did act on the request.
    #[error("read the answer of {address}")]
    Malformed {
        /// Which broker.
        address: BrokerAddress,
        /// What is wrong with it.
        source: ReadError,
    },
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl RequestError {
    /// Whether the broker may have acted on the request.
    #[must_use]
    pub const fn outcome_is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. } | Self::Deadline { .. } | Self::Malformed { .. }
        )
    }

    /// Whether another attempt, perhaps on a new connection, may go better.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Lost { .. } | Self::Deadline { .. } => true,
            Self::Connect(error) => !error.is_final(),
            Self::Unsupported { .. } | Self::Write { .. } | Self::Malformed { .. } => false,
        }
    }

    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(error) => error.kind(),
            Self::NotSent { .. } | Self::Lost { .. } => ErrorKind::NotReachable,
            Self::Deadline { .. } => ErrorKind::Deadline,
            Self::Malformed { .. } => ErrorKind::Data,
            Self::Unsupported { .. } | Self::Write { .. } => ErrorKind::Failed,
        }
    }
}
