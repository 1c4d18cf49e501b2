//! Why a broker could not be connected to.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::client::address::BrokerAddress;
use crate::client::dial::DialError;
use crate::client::error_chain::chain;
use crate::client::error_kind::ErrorKind;
use crate::client::security::SecurityError;

/// A connection that could not be made.
#[derive(Clone, Debug, Error)]
pub enum ConnectError {
    /// No TCP connection, or no TLS over it.
    #[error("connect to {address}")]
    Dial {
        /// Where.
        address: BrokerAddress,
        /// Why.
        source: DialError,
    },
    /// The peer does not answer.
    #[error("connect to {address}: no answer within {} ms while {step}", after.as_millis())]
    Silent {
        /// Where.
        address: BrokerAddress,
        /// What was being done.
        step: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The peer accepts connections but does not answer as a broker does.
    #[error("connect to {address}: {because} while {step}")]
    Handshake {
        /// Where.
        address: BrokerAddress,
        /// What was being done.
        step: &'static str,
        /// What happened.
        because: String,
    },
    /// Authentication failed. Final: the same credentials are not tried again.
    #[error("connect to {address}: {mechanism} authentication{user} refused: {because}")]
    Refused {
        /// Where.
        address: BrokerAddress,
        /// By which mechanism.
        mechanism: &'static str,
        /// ` of "name"`, or nothing.
        user: String,
        /// The broker's words.
        because: String,
    },
    /// The bearer token cannot be read.
    #[error("read token file {}", path.display())]
    Token {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// The settings cannot be used.
    #[error(transparent)]
    Security(Arc<SecurityError>),
    /// No address is known for this broker: it is not, or no longer, in the cluster's metadata.
    #[error("broker {0} is not in the cluster's metadata")]
    UnknownBroker(i32),
    /// None of the cluster's addresses can be connected to.
    #[error("no broker can be reached: {}", causes(tried))]
    NoBroker {
        /// What became of each, in the order tried.
        tried: Vec<Self>,
    },
}

fn causes(tried: &[ConnectError]) -> String {
    let each: Vec<String> = tried.iter().map(|error| chain(error)).collect();
    each.join("; ")
}

impl ConnectError {
    /// Its class. Where several addresses were tried, a refusal by one counts: it was reached.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused { .. } => ErrorKind::Refused,
            Self::Token { .. } | Self::Security(_) => ErrorKind::Usage,
            Self::NoBroker { tried } => {
                let refused = tried.iter().find(|error| error.is_final());
                refused.map_or(ErrorKind::NotReachable, Self::kind)
            }
            Self::Dial { .. }
            | Self::Silent { .. }
            | Self::Handshake { .. }
            | Self::UnknownBroker(_) => ErrorKind::NotReachable,
        }
    }

    /// Whether trying again cannot help until somebody changes something.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Token { .. } | Self::Security(_) => true,
            Self::NoBroker { tried } => tried.iter().any(Self::is_final),
            Self::Dial { .. }
            | Self::Silent { .. }
            | Self::Handshake { .. }
            | Self::UnknownBroker(_) => false,
        }
    }
}

impl From<SecurityError> for ConnectError {
    fn from(error: SecurityError) -> Self {
        Self::Security(Arc::new(error))
    }
}
