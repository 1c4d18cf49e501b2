//! A transaction as a state machine: what may be done now, what has to be asked next, and what an
//! answer means. It asks nothing itself.
//!
//! Two ways of Kafka, by the feature `transaction.version` of the cluster:
//!
//! | | version 1 | version 2 (KIP-890) |
//! | --- | --- | --- |
//! | partitions | are added before they are written to | join with the first batch |
//! | a group's offsets | are announced before they are committed | join with the commit |
//! | epoch | lasts for many transactions | the end of each gives the next one |
//!
//! With version 1 a request that was delayed on its way may reach the coordinator within a later
//! transaction of the same epoch and end that. So after every outcome that is not known, and after
//! every abort, the producer asks for a new epoch before it begins another transaction.
//!
//! Source: `TransactionManager.java`, `TransactionCoordinator.scala` (Apache Kafka 4.x); KIP-98,
//! KIP-360, KIP-447, KIP-890; Jepsen's analysis of Bufstream 0.1.0.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::client::call::CallError;
use crate::client::producer::batch::Identity;
use crate::client::producer::flight::Place;
use crate::client::producer::outcome::ProduceError;
use crate::client::producer::transaction_error::TransactionEnd;
use crate::client::producer::transaction_error::TransactionError;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;

/// Which way the cluster does transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// What the machine is in the middle of.
#[derive(Clone, Debug)]
enum Phase {
    /// No transaction is open.
    Idle,
    /// One is open.
    Open,
    /// One is open that can only be aborted.
    Doomed(TransactionError),
    /// Nothing more is written: somebody else owns the transactional id, or it is of no use.
    Over(TransactionError),
}

/// The transactions of one transactional id, one after another.
#[derive(Debug)]
pub(super) struct Transaction {
    id: Arc<str>,
    identity: Identity,
    version: Version,
    phase: Phase,
    /// The partitions that the coordinator has been told of; only with version 1.
    members: BTreeSet<Place>,
    /// The groups that it has been told of; only with version 1.
    groups: BTreeSet<String>,
    /// Whether the coordinator may know of an open transaction.
    is_known_there: bool,
    /// Whether a new epoch is needed before the next transaction.
    needs_epoch: bool,
}

/// What is asked of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// An epoch, which fences all earlier ones.
    Epoch,
    /// To add partitions.
    Partitions,
    /// To announce offsets of a group.
    Offsets,
    /// To take the offsets.
    OffsetCommit,
    /// To end the transaction.
    End,
}

/// What an error that does not pass means for the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It cannot be completed. Once it is aborted, the producer may begin another.
    Abort,
    /// A newer producer has the transactional id: nothing more may be written.
    Fenced,
    /// Trying again would fail again: the producer is of no use.
    Useless,
}

/// What an error code that does not pass, or has not passed in time, means.
pub(super) fn meaning(asked: Asked, code: ErrorCode) -> Meaning {
    match code.action() {
        // Another member of the group has this one's name; the transactional id is still ours.
        Action::Fenced if code == ErrorCode::FENCED_INSTANCE_ID => Meaning::Abort,
        Action::Fenced => Meaning::Fenced,
        Action::Authorization if is_of_this_transaction(code) => Meaning::Abort,
        Action::Authentication | Action::Authorization | Action::Fail | Action::Proceed => {
            Meaning::Useless
        }
        _ if asked == Asked::Epoch => Meaning::Useless,
        _ => Meaning::Abort,
    }
}

/// Whether a permission is missing for a topic or a group that another transaction may do without.
fn is_of_this_transaction(code: ErrorCode) -> bool {
    [
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
    ]
    .contains(&code)
}

/// Who the producer is, and which way its transactions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incarnation {
    pub(super) identity: Identity,
    pub(super) version: Version,
}

/// An answer that was wanted, and whether an attempt before it got none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sure<T> {
    pub(super) value: T,
    pub(super) maybe_repeated: bool,
}

/// What is to be asked next on the way to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: it is over.
    Done,
    /// The coordinator ends it.
    End(Incarnation),
    /// The coordinator gives another epoch to who this is.
    Epoch(Incarnation),
}

impl Transaction {
    pub(super) fn new(id: &str, incarnation: Incarnation) -> Self {
        Self {
            id: id.into(),
            identity: incarnation.identity,
            version: incarnation.version,
            phase: Phase::Idle,
            members: BTreeSet::new(),
            groups: BTreeSet::new(),
            is_known_there: false,
            needs_epoch: false,
        }
    }

    pub(super) fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// Who it is now.
    pub(super) const fn incarnation(&self) -> Incarnation {
        Incarnation {
            identity: self.identity,
            version: self.version,
        }
    }

    /// Who writes, while records may be written.
    pub(super) const fn writer(&self) -> Option<Incarnation> {
        match self.phase {
            Phase::Open => Some(self.incarnation()),
            Phase::Idle | Phase::Doomed(_) | Phase::Over(_) => None,
        }
    }

    /// What has to be asked before a transaction can begin.
    ///
    /// # Errors
    ///
    /// [`TransactionError::NotIdle`] where one is open, else what ended the producer.
    pub(super) fn before_begin(&self) -> Result<Step, TransactionError> {
        match &self.phase {
            Phase::Idle if self.needs_epoch => Ok(Step::Epoch(self.incarnation())),
            Phase::Idle => Ok(Step::Done),
            Phase::Open | Phase::Doomed(_) => Err(TransactionError::NotIdle),
            Phase::Over(error) => Err(error.clone()),
        }
    }

    /// A transaction is open from here on; the coordinator learns of it later.
    pub(super) fn begun(&mut self) {
        self.phase = Phase::Open;
        self.members.clear();
        self.groups.clear();
    }

    /// Whether batches for `place` may go now, or the coordinator has to be told of it first.
    pub(super) fn is_member(&self, place: Place) -> bool {
        self.version == Version::Two || self.members.contains(&place)
    }

    /// Something is about to go that makes the coordinator open the transaction.
    pub(super) const fn touch(&mut self) {
        self.is_known_there = true;
    }

    /// The answer to adding partitions.
    pub(super) fn joined(
        &mut self,
        places: impl IntoIterator<Item = Place>,
        answer: Result<Sure<()>, CallError>,
    ) -> Result<(), TransactionError> {
        match answer {
            Ok(sure) => {
                self.note(sure);
                self.members.extend(places);
                Ok(())
            }
            Err(error) => Err(self.failed(Asked::Partitions, error)),
        }
    }

    /// Whether the group's offsets have to be announced first.
    pub(super) fn must_announce(&self, group: &str) -> bool {
        self.version == Version::One && !self.groups.contains(group)
    }

    /// The answer to announcing a group's offsets.
    pub(super) fn announced(
        &mut self,
        group: &str,
        answer: Result<Sure<()>, CallError>,
    ) -> Result<(), TransactionError> {
        self.take(Asked::Offsets, answer)?;
        self.groups.insert(group.to_owned());
        Ok(())
    }

    /// The answer to a commit of offsets.
    pub(super) fn offsets_taken(
        &mut self,
        answer: Result<Sure<()>, CallError>,
    ) -> Result<(), TransactionError> {
        self.take(Asked::OffsetCommit, answer)
    }

    fn take(
        &mut self,
        asked: Asked,
        answer: Result<Sure<()>, CallError>,
    ) -> Result<(), TransactionError> {
        match answer {
            Ok(sure) => {
                self.note(sure);
                Ok(())
            }
            Err(error) => Err(self.failed(asked, error)),
        }
    }

    /// An attempt without answer may still be on its way.
    fn note<T: Copy>(&mut self, sure: Sure<T>) {
        self.needs_epoch |= sure.maybe_repeated && self.version == Version::One;
    }

    /// What has to be asked to commit.
    ///
    /// # Errors
    ///
    /// [`TransactionError::NotOpen`], or why it can only be aborted, or what ended the producer.
    pub(super) fn before_commit(&self) -> Result<Step, TransactionError> {
        match &self.phase {
            Phase::Open if self.is_known_there => Ok(Step::End(self.incarnation())),
            Phase::Open => Ok(Step::Done),
            Phase::Idle => Err(TransactionError::NotOpen),
            Phase::Doomed(error) | Phase::Over(error) => Err(error.clone()),
        }
    }

    /// The answer to a commit: `None` where there was nothing to be asked.
    pub(super) fn committed(
        &mut self,
        answer: Option<Result<Sure<Identity>, CallError>>,
    ) -> TransactionEnd {
        match answer {
            None => self.phase = Phase::Idle,
            Some(Ok(sure)) => {
                self.note(sure);
                self.ended(sure.value);
                self.phase = Phase::Idle;
            }
            Some(Err(error)) => {
                let is_unknown = error.maybe_done;
                let error = self.failed(Asked::End, error);
                return match is_unknown {
                    true => TransactionEnd::Unknown(error),
                    false => TransactionEnd::NotCommitted(error),
                };
            }
        }
        TransactionEnd::Committed
    }

    fn ended(&mut self, next: Identity) {
        self.is_known_there = false;
        if self.version == Version::Two {
            self.identity = next;
        }
    }

    /// What has to be asked next to abort; may be asked again after each answer.
    ///
    /// # Errors
    ///
    /// [`TransactionError::NotOpen`], or what ended the producer.
    pub(super) fn before_abort(&self) -> Result<Step, TransactionError> {
        match &self.phase {
            Phase::Over(error) => Err(error.clone()),
            Phase::Idle => Err(TransactionError::NotOpen),
            Phase::Open | Phase::Doomed(_) if self.is_known_there => {
                Ok(Step::End(self.incarnation()))
            }
            Phase::Open | Phase::Doomed(_) if self.needs_epoch => {
                Ok(Step::Epoch(self.incarnation()))
            }
            Phase::Open | Phase::Doomed(_) => Ok(Step::Done),
        }
    }

    /// The answer to an abort.
    pub(super) fn aborted(
        &mut self,
        answer: Result<Sure<Identity>, CallError>,
    ) -> Result<(), TransactionError> {
        match answer {
            Ok(sure) => {
                self.needs_epoch = self.version == Version::One;
                self.ended(sure.value);
                Ok(())
            }
            // It never reached the coordinator, has timed out there, or was ended by an attempt
            // whose answer was lost: there is nothing to be aborted any more.
            Err(error) if error.code().is_some_and(knows_no_transaction) => {
                self.is_known_there = false;
                self.needs_epoch = true;
                Ok(())
            }
            Err(error) => Err(self.failed(Asked::End, error)),
        }
    }

    /// All of an aborted transaction is dealt with.
    pub(super) fn abandoned(&mut self) {
        self.phase = Phase::Idle;
    }

    /// The answer to the request for another epoch.
    pub(super) fn renewed(
        &mut self,
        answer: Result<Sure<Incarnation>, CallError>,
    ) -> Result<(), TransactionError> {
        match answer {
            Ok(sure) => {
                self.identity = sure.value.identity;
                self.version = sure.value.version;
                self.needs_epoch = false;
                Ok(())
            }
            Err(error) => Err(self.failed(Asked::Epoch, error)),
        }
    }

    /// Records of it were not written, or perhaps not: it can only be aborted.
    pub(super) fn doom(&mut self, error: TransactionError) {
        self.needs_epoch |= self.version == Version::One;
        if let Phase::Open = self.phase {
            self.phase = Phase::Doomed(error);
        }
    }

    /// Records were not written, and none will ever be.
    pub(super) fn not_written_for_good(&mut self, error: &ProduceError) {
        self.finish(match error {
            ProduceError::Fenced { code, .. } => TransactionError::Fenced {
                id: self.id.to_string(),
                code: *code,
            },
            error => TransactionError::NotWritten(Box::new(error.clone())),
        });
    }

    /// Nothing more is written, ever.
    fn finish(&mut self, error: TransactionError) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.phase = Phase::Over(error);
        }
    }

    /// Takes in that a request failed for good, and says so in its own words.
    fn failed(&mut self, asked: Asked, error: CallError) -> TransactionError {
        // Nobody has answered: the epoch can be had later, the transaction may be over or not.
        let meaning = error
            .code()
            .map_or(Meaning::Abort, |code| meaning(asked, code));
        if meaning == Meaning::Abort {
            self.needs_epoch = true;
            let error = TransactionError::Call(error);
            self.doom(error.clone());
            return error;
        }
        let id = self.id.to_string();
        let error = match (meaning, error.code()) {
            (Meaning::Fenced, Some(code)) => TransactionError::Fenced { id, code },
            _ => TransactionError::Call(error),
        };
        self.finish(error.clone());
        error
    }
}

/// Whether a coordinator that says this has no transaction of ours that could be aborted.
fn knows_no_transaction(code: ErrorCode) -> bool {
    [
        ErrorCode::INVALID_TXN_STATE,
        ErrorCode::INVALID_PRODUCER_ID_MAPPING,
        ErrorCode::UNKNOWN_PRODUCER_ID,
    ]
    .contains(&code)
}

#[cfg(test)]
mod tests;
