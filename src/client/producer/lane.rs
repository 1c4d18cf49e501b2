//! The way to one partition, as a state machine: which batch goes next, and what an answer to one
//! means for those behind it.
//!
//! Invariants: batches reach the log in the order in which their records were sent, each at most
//! once as far as brokers can tell. A batch keeps its sequence number as long as it may be in the
//! log. After a failure nothing new is sent until everything in flight is answered, and then the
//! failed batches go again one by one.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::client::producer::batch::Closed;
use crate::client::producer::batch::Identity;
use crate::client::producer::batch::Numbered;
use crate::client::producer::outcome::Outcome;
use crate::client::producer::outcome::ProduceError;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::record::Offset;
use crate::record::TopicPartition;

/// The way to one partition.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) partition: TopicPartition,
    pub(super) open: Option<Closed>,
    pub(super) closed: VecDeque<Closed>,
    /// Failed batches in order of their sequence numbers.
    failed: VecDeque<Numbered>,
    flying: usize,
    /// What the numbers of batches that are not encoded yet begin with.
    identity: Option<Identity>,
    next_sequence: i32,
    /// The number that the broker expects next, as far as answers tell.
    expected: i32,
    repair: Repair,
    /// Whether the broker has acknowledged a batch of this identity. Until then it accepts any
    /// sequence number, so that only one batch may be in flight.
    is_established: bool,
    /// No attempt before this time.
    pub(super) not_before: Instant,
    pub(super) last_error: Option<String>,
    /// How often the broker had lost track of us.
    pub(super) resets: u64,
}

/// What is to be done to sequence numbers once nothing is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    Nothing,
    /// A batch in the middle was refused for good: those behind it close the gap.
    CloseGap,
    /// The broker has lost track: begin anew with the next epoch.
    NextEpoch,
}

/// What a broker said to one batch, or did not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its error code, first offset and words.
    Code(ErrorCode, Offset, Option<String>),
    /// The request did not reach it.
    NotSent(String),
    /// Nothing came back.
    Lost(String),
}

/// What a lane has for the sender.
#[derive(Debug)]
pub(super) enum Next {
    /// This batch again.
    Again(Numbered),
    /// This batch, to be encoded with these numbers.
    Fresh(Closed, Identity, i32),
}

/// What became of a batch after its answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is dealt with.
    Done(Numbered, Outcome),
    /// It goes again; perhaps the partition has another leader.
    Again,
    /// It is too large and goes again in parts.
    Split(Numbered),
    /// Nothing more may be written.
    Fenced(Numbered, ProduceError),
}

impl Lane {
    pub(super) fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            open: None,
            closed: VecDeque::new(),
            failed: VecDeque::new(),
            flying: 0,
            identity: None,
            next_sequence: 0,
            expected: 0,
            repair: Repair::Nothing,
            is_established: false,
            not_before: Instant::now(),
            last_error: None,
            resets: 0,
        }
    }

    /// Whether anything is under way or waits.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && !self.is_under_way()
    }

    /// Whether there is a batch that takes no more records.
    pub(super) fn is_under_way(&self) -> bool {
        !self.closed.is_empty() || !self.failed.is_empty() || self.flying > 0
    }

    /// Closes the open batch against more records.
    pub(super) fn close(&mut self) {
        self.closed.extend(self.open.take());
    }

    /// Whether [`Self::next`] would give a batch.
    pub(super) fn has_next(&self, now: Instant) -> bool {
        if self.not_before > now {
            return false;
        }
        let is_mending = !self.failed.is_empty() || self.repair != Repair::Nothing;
        let must_settle = is_mending || !self.is_established;
        if must_settle && self.flying > 0 {
            return false;
        }
        !self.failed.is_empty() || !self.closed.is_empty()
    }

    /// The oldest record that is not in flight: since when it waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let failed = self.failed.front().map(|batch| batch.since);
        let waiting = self
            .closed
            .front()
            .or(self.open.as_ref())
            .map(|batch| batch.since);
        failed.or(waiting)
    }

    /// The next batch to be sent; from then on it is in flight. `fresh` is the producer's identity.
    pub(super) fn next(&mut self, fresh: Identity, now: Instant) -> Option<Next> {
        if !self.has_next(now) {
            return None;
        }
        if self.flying == 0 {
            self.mend(fresh);
        }
        let next = match self.failed.pop_front() {
            Some(batch) => Next::Again(batch),
            None => {
                let closed = self.closed.pop_front()?;
                let identity = *self.identity.get_or_insert(fresh);
                let sequence = self.next_sequence;
                self.next_sequence =
                    crate::client::producer::batch::after(sequence, closed.builder.record_count());
                Next::Fresh(closed, identity, sequence)
            }
        };
        self.flying += 1;
        Some(next)
    }

    /// Numbers what comes from here on as `identity`, from 0 where that is another than before.
    /// Nothing may be under way. A broker that knows the producer knows it under its next epoch
    /// too, and so still refuses a gap.
    pub(super) fn adopt(&mut self, identity: Identity) {
        let own = self.identity.replace(identity);
        if own == Some(identity) {
            return;
        }
        self.is_established &= own.is_some_and(|own| own.id == identity.id);
        self.repair = Repair::Nothing;
        self.next_sequence = 0;
        self.expected = 0;
    }

    /// Mends the numbers. A batch that may be in the log goes with its old number first: only its
    /// answer tells whether it is. Those behind one that is not in the log are not either, because
    /// brokers refuse gaps.
    fn mend(&mut self, fresh: Identity) {
        if self
            .failed
            .front()
            .is_some_and(|batch| batch.may_be_written)
        {
            return;
        }
        match self.repair {
            Repair::Nothing => return,
            Repair::CloseGap => self.next_sequence = self.expected,
            Repair::NextEpoch => {
                self.identity = Some(match self.identity {
                    Some(own) if own.id == fresh.id && own.epoch < i16::MAX => Identity {
                        epoch: own.epoch + 1,
                        ..own
                    },
                    _ => fresh,
                });
                self.next_sequence = 0;
                self.expected = 0;
                self.is_established = false;
            }
        }
        self.repair = Repair::Nothing;
        let identity = self.identity.unwrap_or(fresh);
        for batch in &mut self.failed {
            batch.may_be_written = false;
            batch.renumber(identity, self.next_sequence);
            self.next_sequence = batch.next_sequence();
        }
    }

    /// A batch was never sent: it goes back to where it was.
    fn fail(&mut self, batch: Numbered) {
        let later = self.failed.iter().position(|other| precedes(&batch, other));
        self.failed
            .insert(later.unwrap_or(self.failed.len()), batch);
    }

    /// The encoder gave up on a fresh batch: its numbers are free again.
    pub(super) fn unbuildable(&mut self) {
        self.flying -= 1;
        self.repair = self.repair.or(Repair::CloseGap);
    }

    /// Takes the answer to a batch in flight.
    pub(super) fn answered(&mut self, mut batch: Numbered, answer: Answer) -> Verdict {
        self.flying = self.flying.saturating_sub(1);
        batch.attempts += 1;
        let (code, base_offset, message) = match answer {
            Answer::NotSent(because) => return self.again(batch, because),
            Answer::Lost(because) => {
                batch.may_be_written = true;
                return self.again(batch, because);
            }
            Answer::Code(code, base_offset, message) => (code, base_offset, message),
        };
        match code.action() {
            Action::Proceed => self.written(batch, code, base_offset),
            Action::Retry
            | Action::RefreshMetadata
            | Action::FindCoordinator
            | Action::Rebootstrap => {
                let appended = [
                    ErrorCode::REQUEST_TIMED_OUT,
                    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
                ];
                batch.may_be_written |= appended.contains(&code);
                self.again(batch, code.name().to_owned())
            }
            Action::ReinitialiseProducer => self.out_of_step(batch, code, message),
            Action::SplitBatch if batch.records > 1 && !batch.may_be_written => {
                Verdict::Split(batch)
            }
            Action::Fenced => {
                let partition = self.partition.clone();
                Verdict::Fenced(batch, ProduceError::Fenced { partition, code })
            }
            _ => {
                let error = self.error(code, message);
                self.give_up(batch, error)
            }
        }
    }

    fn error(&self, code: ErrorCode, message: Option<String>) -> ProduceError {
        ProduceError::Answered {
            partition: self.partition.clone(),
            code,
            message,
        }
    }

    fn written(&mut self, batch: Numbered, code: ErrorCode, base_offset: Offset) -> Verdict {
        // A batch whose first answer was lost may be acknowledged after those behind it.
        if is_before(self.expected, batch.next_sequence()) {
            self.expected = batch.next_sequence();
        }
        self.is_established = true;
        self.last_error = None;
        let is_known = code == ErrorCode::NONE && base_offset.0 >= 0;
        let base_offset = is_known.then_some(base_offset);
        Verdict::Done(batch, Outcome::Written { base_offset })
    }

    fn again(&mut self, batch: Numbered, because: String) -> Verdict {
        self.last_error = Some(because);
        self.fail(batch);
        Verdict::Again
    }

    /// The broker sees a gap before this batch, or does not know us.
    fn out_of_step(
        &mut self,
        mut batch: Numbered,
        code: ErrorCode,
        message: Option<String>,
    ) -> Verdict {
        let follows_failed = self
            .failed
            .front()
            .is_some_and(|earlier| precedes(earlier, &batch));
        if code == ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            && (follows_failed || self.repair == Repair::CloseGap)
        {
            // The gap is of our making: this batch was refused because of it, so it is not written.
            batch.may_be_written = false;
            return self.again(batch, code.name().to_owned());
        }
        self.repair = Repair::NextEpoch;
        self.resets += 1;
        if batch.may_be_written {
            let error = self.error(code, message);
            return Verdict::Done(batch, Outcome::Unknown(error));
        }
        self.again(batch, code.name().to_owned())
    }

    /// No further attempt: what is known of a batch, and what its number means for the others.
    fn give_up(&mut self, batch: Numbered, error: ProduceError) -> Verdict {
        if batch.may_be_written {
            self.repair = Repair::NextEpoch;
            return Verdict::Done(batch, Outcome::Unknown(error));
        }
        self.repair = self.repair.or(Repair::CloseGap);
        Verdict::Done(batch, Outcome::NotWritten(error))
    }

    /// Puts the parts of a batch in its place.
    pub(super) fn replace(&mut self, parts: [Numbered; 2]) {
        for part in parts {
            self.fail(part);
        }
    }

    /// A batch that cannot be split after all.
    pub(super) fn refuse(&mut self, batch: Numbered, error: ProduceError) -> Verdict {
        self.give_up(batch, error)
    }

    /// Takes out batches whose first record is not younger than `oldest`; none as long as others
    /// are in flight, so that outcomes come in order.
    pub(super) fn expire(&mut self, oldest: Instant, error: &ProduceError) -> Expired {
        let mut expired = Expired::default();
        if self.flying > 0 {
            return expired;
        }
        while self
            .failed
            .front()
            .is_some_and(|batch| batch.since <= oldest)
        {
            let Some(batch) = self.failed.pop_front() else {
                break;
            };
            if let Verdict::Done(batch, outcome) = self.give_up(batch, error.clone()) {
                expired.numbered.push((batch, outcome));
            }
        }
        while self
            .closed
            .front()
            .is_some_and(|batch| batch.since <= oldest)
        {
            expired.closed.extend(self.closed.pop_front());
        }
        if self
            .open
            .as_ref()
            .is_some_and(|batch| batch.since <= oldest)
        {
            expired.closed.extend(self.open.take());
        }
        expired
    }

    /// Takes out everything that is not in flight.
    pub(super) fn drain(&mut self, error: &ProduceError) -> Expired {
        self.expire(Instant::now(), error)
    }

    /// An open batch, begun now where there is none.
    pub(super) fn open(
        &mut self,
        spare: impl FnOnce() -> Box<BatchBuilder>,
    ) -> (&mut Closed, Begun) {
        let begun = if self.open.is_none() {
            Begun::Now
        } else {
            Begun::Before
        };
        let open = self.open.get_or_insert_with(|| Closed {
            builder: spare(),
            since: Instant::now(),
            held: 0,
        });
        (open, begun)
    }
}

/// Whether a batch was begun just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    Now,
    Before,
}

/// Batches that were given up.
#[derive(Debug, Default)]
pub(super) struct Expired {
    pub(super) numbered: Vec<(Numbered, Outcome)>,
    pub(super) closed: Vec<Closed>,
}

impl Repair {
    /// The more thorough of both.
    const fn or(self, other: Self) -> Self {
        match self {
            Self::Nothing => other,
            Self::CloseGap | Self::NextEpoch => self,
        }
    }
}

const fn precedes(first: &Numbered, second: &Numbered) -> bool {
    is_before(first.sequence, second.sequence)
}

/// Whether one sequence number comes before another: they wrap, but those in flight are few.
const fn is_before(first: i32, second: i32) -> bool {
    const HALF: i32 = 1 << 30;
    first != second && (second.wrapping_sub(first) & i32::MAX) < HALF
}

#[cfg(test)]
mod tests;
