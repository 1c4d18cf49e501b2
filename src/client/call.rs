//! One task for the cluster: find the broker, send, read the answer, and try again where the error
//! table says that it may help.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::client::address::BrokerAddress;
use crate::client::cluster::Cluster;
use crate::client::cluster::Purpose;
use crate::client::connection::Connection;
use crate::client::connection::Reply;
use crate::client::connection::RequestError;
use crate::client::coordinator::CoordinatorKind;
use crate::client::error_kind::ErrorKind;
use crate::client::retry::Retry;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Request;
use crate::record::TopicPartition;

/// Which broker a request is for.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Any.
    Any,
    /// The controller.
    Controller,
    /// The one with this node id.
    Node(i32),
    /// The leader of a partition.
    Leader(&'a TopicPartition),
    /// The coordinator of a group or a transactional id.
    Coordinator(CoordinatorKind, &'a str),
}

/// A task that failed.
#[derive(Clone, Debug, Error)]
#[error("{doing}{}", tries(*attempts))]
pub struct CallError {
    /// What was being done, to what.
    pub doing: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether one of the attempts may have been carried out although no answer came.
    pub maybe_done: bool,
    /// How the last attempt failed.
    #[source]
    pub failure: Failure,
}

fn tries(attempts: u32) -> String {
    if attempts > 1 {
        format!(" ({attempts} attempts)")
    } else {
        String::new()
    }
}

/// How an attempt failed.
#[derive(Clone, Debug, Error)]
pub enum Failure {
    /// No answer.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The broker answered with an error.
    #[error("{address} answered {}{}", code.name(), message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Answered {
        /// Which broker.
        address: BrokerAddress,
        /// Its error.
        code: ErrorCode,
        /// Its words, where it has any.
        message: Option<String>,
    },
    /// The answer says nothing about what was asked.
    #[error("the answer of {address} says nothing about {about}")]
    Missing {
        /// Which broker.
        address: BrokerAddress,
        /// What was asked.
        about: String,
    },
    /// There is no such topic. It is never created by asking.
    #[error("topic \"{topic}\" does not exist{}", nearest.as_ref().map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default())]
    UnknownTopic {
        /// The name asked for.
        topic: String,
        /// The existing topic whose name is most like it.
        nearest: Option<String>,
    },
    /// The topic has no such partition.
    #[error("topic \"{}\" has no partition {}", .0.topic, .0.partition.0)]
    UnknownPartition(TopicPartition),
    /// Nobody leads the partition now.
    #[error("{} has no leader", .0)]
    NoLeader(TopicPartition),
}

impl Failure {
    /// A broker's error for this answer.
    #[must_use]
    pub fn answered(reply: &Reply, code: ErrorCode, message: Option<&str>) -> Self {
        Self::Answered {
            address: reply.address().clone(),
            code,
            message: message.filter(|text| !text.is_empty()).map(str::to_owned),
        }
    }

    /// The broker's error code, where it answered with one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Answered { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What helps.
    fn action(&self) -> Action {
        match self {
            Self::Answered { code, .. } => code.action(),
            Self::NoLeader(_) => Action::RefreshMetadata,
            Self::Request(error) if error.is_retriable() => Action::RefreshMetadata,
            Self::Request(_)
            | Self::Missing { .. }
            | Self::UnknownTopic { .. }
            | Self::UnknownPartition(_) => Action::Fail,
        }
    }

    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Request(error) => error.kind(),
            Self::Answered { code, .. } if is_refusal(*code) => ErrorKind::Refused,
            Self::Missing { .. } => ErrorKind::Data,
            Self::UnknownTopic { .. } | Self::UnknownPartition(_) => ErrorKind::Usage,
            Self::Answered { .. } | Self::NoLeader(_) => ErrorKind::Failed,
        }
    }
}

impl CallError {
    pub(crate) fn once(doing: impl fmt::Display, failure: Failure) -> Self {
        Self {
            doing: doing.to_string(),
            attempts: 1,
            maybe_done: matches!(&failure, Failure::Request(error) if error.outcome_is_unknown()),
            failure,
        }
    }

    /// The broker's error code, where it answered with one.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        self.failure.code()
    }

    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.failure.kind()
    }
}

fn is_refusal(code: ErrorCode) -> bool {
    matches!(
        code.action(),
        Action::Authentication | Action::Authorization
    )
}

/// Whether the same request may go better after what the action asks for.
pub(crate) const fn may_help(action: Action) -> bool {
    matches!(
        action,
        Action::Retry | Action::RefreshMetadata | Action::FindCoordinator | Action::Rebootstrap
    )
}

/// Whether a topic has been unknown for so long that it was not created a moment ago.
fn is_gone(failure: &Failure, retry: &Retry) -> bool {
    failure.code() == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        && retry.elapsed() >= UNKNOWN_TOPIC_PATIENCE
}

/// Fails where `code` is an error.
pub(crate) fn check(reply: &Reply, code: i16, message: Option<&str>) -> Result<(), Failure> {
    match ErrorCode(code) {
        ErrorCode::NONE => Ok(()),
        code => Err(Failure::answered(reply, code, message)),
    }
}

/// How long a topic that brokers do not know yet is waited for: creation takes a moment to spread.
pub(crate) const UNKNOWN_TOPIC_PATIENCE: Duration = Duration::from_secs(2);

/// What became of the attempts before this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Whether one of them may have been carried out although no answer came.
    pub(crate) maybe_done: bool,
}

impl Cluster {
    /// Does one task within `api_timeout`: `build` makes the request for a version, `read` takes
    /// what is wanted from the answer.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the last attempt's failure.
    pub(crate) async fn call<'a, R, T>(
        &self,
        doing: &str,
        target: Target<'_>,
        build: impl Fn(i16) -> R,
        read: impl Fn(&Reply, Before) -> Result<T, Failure>,
    ) -> Result<T, CallError>
    where
        R: Request<'a>,
    {
        let mut retry = Retry::new(self.config(), self.config().api_timeout);
        let mut before = Before::default();
        loop {
            let within = retry.left(self.config().request_timeout);
            let failure = match self.attempt(target, &build, within).await {
                Ok(reply) => match read(&reply, before) {
                    Ok(wanted) => return Ok(wanted),
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            if let Failure::Request(error) = &failure {
                before.maybe_done |= error.outcome_is_unknown();
            }
            before.maybe_done |= failure.code() == Some(ErrorCode::REQUEST_TIMED_OUT);
            let action = failure.action();
            if !may_help(action) || is_gone(&failure, &retry) || !retry.again().await {
                return Err(CallError {
                    doing: doing.to_owned(),
                    attempts: retry.attempts(),
                    maybe_done: before.maybe_done,
                    failure,
                });
            }
            self.recover(action, target).await;
        }
    }

    async fn attempt<'a, R: Request<'a>>(
        &self,
        target: Target<'_>,
        build: impl Fn(i16) -> R,
        within: Duration,
    ) -> Result<Reply, Failure> {
        let connection = self.target(target).await?;
        let request = build(connection.version::<R>()?);
        Ok(connection.request(&request, within).await?)
    }

    async fn target(&self, target: Target<'_>) -> Result<Connection, Failure> {
        match target {
            Target::Any => Ok(self.any_connection().await?),
            Target::Controller => match self.metadata().controller {
                Some(node) => Ok(self.connection(node, Purpose::Control).await?),
                None => Ok(self.any_connection().await?),
            },
            Target::Node(node) => Ok(self.connection(node, Purpose::Control).await?),
            Target::Leader(partition) => {
                let leader = self.leader(partition).await?;
                Ok(self.connection(leader.node, Purpose::Control).await?)
            }
            Target::Coordinator(kind, key) => {
                let node = self.coordinator(kind, key).await?;
                Ok(self.connection(node, Purpose::Control).await?)
            }
        }
    }

    /// Forgets what turned out stale. A failing refresh shows in the next attempt.
    async fn recover(&self, action: Action, target: Target<'_>) {
        match target {
            Target::Coordinator(kind, key) => self.forget_coordinator(kind, key),
            Target::Leader(partition) => {
                drop(self.refresh_topics(&[&partition.topic]).await);
            }
            Target::Any | Target::Controller | Target::Node(_) if action != Action::Retry => {
                drop(self.refresh_topics(&[]).await);
            }
            Target::Any | Target::Controller | Target::Node(_) => {}
        }
    }
}
