//! Why the registry gave no answer, or not the one hoped for.

use std::time::Duration;

use thiserror::Error;

use crate::client::ErrorKind;
use crate::client::dial::DialError;
use crate::client::security::SecurityError;

/// A call to the schema registry that failed.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// No address is given.
    #[error("no schema registry: give --registry URL, TIDEMILL_REGISTRY or schema.registry.url")]
    NoUrl,
    /// An address is none.
    #[error("schema registry {url}: {because}")]
    BadUrl {
        /// As given.
        url: String,
        /// What is wrong with it.
        because: &'static str,
    },
    /// Certificates cannot be used.
    #[error("schema registry: {0}")]
    Security(#[from] SecurityError),
    /// No connection.
    #[error("connect to schema registry {url}: {source}")]
    Connect {
        /// Which one.
        url: String,
        /// Why not.
        source: DialError,
    },
    /// Connected, but no answer in time.
    #[error("schema registry {url}: no answer to {call} within {} ms", after.as_millis())]
    Silent {
        /// Which one.
        url: String,
        /// Method and path.
        call: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer is not HTTP, is cut short or too large, or is not the JSON that was expected.
    #[error("schema registry {url}: {call}: {because}")]
    Garbled {
        /// Which one.
        url: String,
        /// Method and path.
        call: String,
        /// What is wrong with the answer.
        because: String,
    },
    /// The registry says no.
    #[error("schema registry {url}: {call}: {message} (code {code})")]
    Answer {
        /// Which one.
        url: String,
        /// Method and path.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own code, or the status where it gave none.
        code: i32,
        /// Its words.
        message: String,
    },
}

impl RegistryError {
    /// Its class.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoUrl | Self::BadUrl { .. } | Self::Security(_) => ErrorKind::Usage,
            Self::Connect { .. } | Self::Silent { .. } => ErrorKind::NotReachable,
            Self::Garbled { .. } => ErrorKind::Failed,
            Self::Answer {
                status: 401 | 403, ..
            } => ErrorKind::Refused,
            Self::Answer { .. } => ErrorKind::Failed,
        }
    }

    /// Whether the registry answered that the subject, version or schema is not there.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Answer { status: 404, .. })
    }

    /// Whether another of the registry's addresses may do better.
    #[must_use]
    pub(super) const fn is_worth_another_address(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Silent { .. } | Self::Garbled { .. } => true,
            Self::Answer { status, .. } => *status >= 500,
            Self::NoUrl | Self::BadUrl { .. } | Self::Security(_) => false,
        }
    }
}
