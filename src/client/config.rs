//! Everything that can be set on a client.
//!
//! Names, units and defaults stand once, in [`crate::client::settings`]; this module holds the
//! values, and merges properties files and `name=value` pairs into them in the order given, the
//! later one winning.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::client::address::BrokerAddress;
use crate::client::properties;
use crate::client::properties::PropertiesError;
use crate::client::secret::Secret;
use crate::client::security::Security;
use crate::client::security::SecurityError;
use crate::client::settings;
use crate::protocol::compression::Compression;

/// All settings of a client. `Config::default()` holds the defaults of the settings table.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where to find the cluster first.
    pub brokers: Vec<BrokerAddress>,
    /// The name under which brokers log and limit us.
    pub client_id: String,
    /// The consumer group for committed offsets.
    pub group_id: Option<String>,
    /// TLS and authentication.
    pub security: Security,
    /// The longest that one connection may take to be usable: TCP, TLS, versions and SASL.
    pub connect_timeout: Duration,
    /// The longest wait for the answer to one request; then its connection is closed.
    pub request_timeout: Duration,
    /// The longest that an administrative call may take with all its retries.
    pub api_timeout: Duration,
    /// After this time unused a connection is closed.
    pub idle_timeout: Duration,
    /// Cached metadata older than this is asked for anew.
    pub metadata_age_max: Duration,
    /// First pause before a retry; doubles up to `retry_backoff_max`.
    pub retry_backoff: Duration,
    /// Longest pause before a retry.
    pub retry_backoff_max: Duration,
    /// The largest answer that is accepted from a broker, in bytes.
    pub frame_bytes_max: usize,
    /// Reading.
    pub fetch: FetchSettings,
    /// Reading as a member of a group.
    pub group: GroupSettings,
    /// Writing.
    pub produce: ProduceSettings,
    /// The schema registry.
    pub registry: RegistrySettings,
}

/// How topics are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchSettings {
    /// A broker answers once it has this many bytes, or after `wait_max`.
    pub bytes_min: i32,
    /// About the most bytes in one answer; a single larger batch still comes.
    pub bytes_max: i32,
    /// About the most bytes of one partition in one answer; a single larger batch still comes.
    pub partition_bytes_max: i32,
    /// The longest that a broker waits for data.
    pub wait_max: Duration,
    /// Whether records of open and aborted transactions are seen.
    pub isolation: Isolation,
    /// What to do when the position lies outside the log.
    pub offset_reset: OffsetReset,
    /// Whether each batch's CRC-32C is checked.
    pub check_crcs: bool,
}

/// How a member of a group behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// The name that a static member keeps over restarts.
    pub instance_id: Option<String>,
    /// Names of the assignors that it would have, best first.
    pub assignors: Vec<String>,
    /// Without a heartbeat for this long a member is removed.
    pub session_timeout: Duration,
    /// How often a member tells that it is alive.
    pub heartbeat_interval: Duration,
    /// A member that does not go on reading for longer than this leaves the group. Also how long
    /// the others wait for it in a rebalance.
    pub poll_interval: Duration,
    /// Who commits offsets.
    pub commit: Commit,
    /// How often offsets are committed.
    pub commit_interval: Duration,
}

/// Whether a member commits offsets of what it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Commit {
    /// At every interval, when partitions are given up, and at the end.
    Automatic,
    /// Never.
    Never,
}

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset, without those of aborted transactions.
    ReadCommitted,
}

impl Isolation {
    /// The number on the wire.
    #[must_use]
    pub const fn wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// What to do when the position lies outside the log (`OFFSET_OUT_OF_RANGE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OffsetReset {
    /// Go on with the first record that is there.
    Earliest,
    /// Go on with what is written from now on.
    Latest,
    /// Report an error that names the range.
    Fail,
}

/// How topics are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProduceSettings {
    /// How long an unfilled batch waits for more records.
    pub linger: Duration,
    /// A batch is sent once its records reach this many bytes before compression.
    pub batch_bytes: usize,
    /// Records that are not yet acknowledged take at most about this many bytes; then senders wait.
    pub buffer_bytes: usize,
    /// The largest request, and the largest single record, in bytes before compression.
    pub request_bytes_max: usize,
    /// A record that is not acknowledged within this time is given up.
    pub delivery_timeout: Duration,
    /// How batches are compressed.
    pub compression: Compression,
    /// Requests that one connection may await at the same time; 1 to 5.
    pub in_flight_max: usize,
    /// A transaction that is open for longer is aborted by its coordinator.
    pub transaction_timeout: Duration,
}

/// How the schema registry is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySettings {
    /// The registry's addresses, tried in order.
    pub urls: Vec<String>,
    /// User and password for basic authentication.
    pub basic_auth: Option<(String, Secret)>,
    /// A bearer token; wins over `basic_auth`.
    pub bearer_token: Option<Secret>,
    /// How subjects of keys are named.
    pub key_subject: SubjectStrategy,
    /// How subjects of values are named.
    pub value_subject: SubjectStrategy,
    /// Whether a schema that the registry does not know is registered.
    pub auto_register: bool,
    /// The longest that one call may take.
    pub timeout: Duration,
    /// Authorities for `https`, where they differ from the brokers'.
    pub ca: Option<PathBuf>,
}

/// How the name of a subject is built from topic and record name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubjectStrategy {
    /// `<topic>-key` or `<topic>-value`.
    TopicName,
    /// The record's full name.
    RecordName,
    /// `<topic>-<record's full name>`.
    TopicRecordName,
}

/// Something about the settings that works but should be known.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Warning {
    /// No such setting.
    #[error("unknown property {name}{}", nearest.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default())]
    Unknown {
        /// As given.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// Kafka or librdkafka knows it; it has no meaning here.
    #[error("property {name} has no meaning here and is ignored")]
    Ignored {
        /// As given.
        name: String,
    },
    /// The value given is not used.
    #[error("property {name}={value} is not followed: {because}")]
    NotFollowed {
        /// As given.
        name: String,
        /// As given.
        value: String,
        /// What is done instead.
        because: &'static str,
    },
    /// A protection is switched off.
    #[error("NOT SECURE: {0}")]
    Insecure(&'static str),
}

/// Settings that cannot be used; whoever wrote them must mend them.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A value that the setting does not allow.
    #[error("property {name}={value}: {because}")]
    BadValue {
        /// The setting.
        name: String,
        /// The value, or `***` for a secret.
        value: String,
        /// What is allowed.
        because: String,
    },
    /// `-X` without `=`.
    #[error("\"{0}\" is not of the form name=value")]
    NotAPair(String),
    /// The file cannot be read.
    #[error("read properties file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is malformed.
    #[error("read properties file {}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: PropertiesError,
    },
    /// No broker is named.
    #[error("no brokers: give --brokers HOST:PORT, TIDEMILL_BROKERS or bootstrap.servers")]
    NoBrokers,
    /// TLS or SASL settings do not fit together, or their files cannot be used.
    #[error(transparent)]
    Security(#[from] SecurityError),
}

impl Config {
    /// Sets one property by any of its names.
    ///
    /// # Errors
    ///
    /// [`ConfigError::BadValue`] if the setting does not allow the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<Option<Warning>, ConfigError> {
        settings::apply(self, name, value)
    }

    /// Sets one property written as `name=value`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NotAPair`] or [`ConfigError::BadValue`].
    pub fn set_pair(&mut self, pair: &str) -> Result<Option<Warning>, ConfigError> {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| ConfigError::NotAPair(pair.to_owned()))?;
        self.set(name.trim(), value)
    }

    /// Sets every property of a `.properties` file.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if the file cannot be read or holds a value that is not allowed.
    pub fn load(&mut self, path: &Path) -> Result<Vec<Warning>, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let properties = properties::parse(&text).map_err(|source| ConfigError::Malformed {
            path: path.to_owned(),
            source,
        })?;
        let mut warnings = Vec::new();
        for property in properties {
            warnings.extend(self.set(&property.name, &property.value)?);
        }
        Ok(warnings)
    }

    /// Checks that the settings fit together; to be called once all are set.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names what is missing.
    pub fn check(&self) -> Result<Vec<Warning>, ConfigError> {
        if self.brokers.is_empty() {
            return Err(ConfigError::NoBrokers);
        }
        Ok(self.security.check()?)
    }

    /// The defaults, with these brokers.
    #[must_use]
    pub fn with_brokers(brokers: Vec<BrokerAddress>) -> Self {
        Self {
            brokers,
            ..Self::default()
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        settings::defaults()
    }
}
