//! The batches of one partition on their way: what is sent next, and what an answer means. Pure.
//!
//! Invariant: batches leave in the order of their sequence numbers, and while one of them has to be
//! sent again, none behind it is sent for the first time. A broker accepts a sequence number only
//! right behind the last one, so this order is what makes a repeated batch harmless (KIP-98).

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::protocol::error_code::ErrorCode;
use crate::record::Offset;

/// A sealed batch.
#[derive(Debug)]
pub(super) struct SealedBatch {
    /// The sequence number of its first record.
    pub(super) sequence: i32,
    /// How many records it holds.
    pub(super) records: u32,
    /// Its encoded form.
    pub(super) bytes: Vec<u8>,
    /// What it takes of the buffer until it is done with.
    pub(super) held: u32,
    /// When it is given up.
    pub(super) deadline: Instant,
    state: State,
    /// Whether a broker may have seen it.
    was_sent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight,
}

/// What became of a batch that was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is in the log, at this offset where the broker still knew it.
    Written(Option<Offset>),
    /// It will be sent again; the metadata has to be fetched first where the leader may have moved.
    Again,
    /// The broker has lost what it knew of this producer, and nothing of the batch was written: the
    /// producer has to begin anew with another id.
    Renew,
    /// It is larger than the topic allows; cut in two it may fit.
    TooLarge,
    /// It was refused for good. Nothing of it was written.
    Refused(ErrorCode),
}

/// The batches of one partition, in order.
#[derive(Debug, Default)]
pub(super) struct Lane {
    batches: VecDeque<SealedBatch>,
    in_flight: usize,
    next_sequence: i32,
    /// A batch must be sent again once all that are in flight have been answered.
    must_settle: bool,
    /// Not to be sent from before this time.
    pause_until: Option<Instant>,
}

impl Lane {
    /// The sequence number that the next sealed batch takes.
    pub(super) const fn next_sequence(&self) -> i32 {
        self.next_sequence
    }

    pub(super) fn push(&mut self, records: u32, bytes: Vec<u8>, held: u32, deadline: Instant) {
        let sequence = self.next_sequence;
        self.next_sequence = sequence_after(sequence, records);
        let batch = SealedBatch {
            sequence,
            records,
            bytes,
            held,
            deadline,
            state: State::Waiting,
            was_sent: false,
        };
        self.batches.push_back(batch);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The batch to send next, if one may be sent at `now`.
    pub(super) fn ready(&self, now: Instant) -> Option<&SealedBatch> {
        let may_send = !self.must_settle && self.pause_until.is_none_or(|until| until <= now);
        if !may_send {
            return None;
        }
        self.batches
            .iter()
            .find(|batch| batch.state == State::Waiting)
    }

    /// When this lane may be sent from again, where it pauses.
    pub(super) fn pause_until(&self) -> Option<Instant> {
        self.pause_until.filter(|_| !self.is_empty())
    }

    /// Nothing is sent before `until`.
    pub(super) fn pause(&mut self, until: Instant) {
        self.pause_until = Some(until);
    }

    /// Marks the batch that [`Self::ready`] returned as in flight.
    pub(super) fn sent(&mut self) {
        self.pause_until = None;
        if let Some(batch) = self
            .batches
            .iter_mut()
            .find(|batch| batch.state == State::Waiting)
        {
            batch.state = State::InFlight;
            batch.was_sent = true;
            self.in_flight += 1;
        }
    }

    /// What the broker's `code` for the batch with `sequence` means.
    pub(super) fn judge(&self, sequence: i32, code: ErrorCode, offset: Offset) -> Verdict {
        let is_first = self
            .batches
            .front()
            .is_some_and(|batch| batch.sequence == sequence);
        match code {
            ErrorCode::NONE => Verdict::Written(Some(offset)),
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Verdict::Written(None),
            // An earlier batch failed, so this one came too soon.
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if !is_first => Verdict::Again,
            ErrorCode::UNKNOWN_PRODUCER_ID if is_first => Verdict::Renew,
            ErrorCode::UNKNOWN_PRODUCER_ID => Verdict::Again,
            ErrorCode::MESSAGE_TOO_LARGE => Verdict::TooLarge,
            code if code.is_retriable() => Verdict::Again,
            code => Verdict::Refused(code),
        }
    }

    /// The batch with `sequence` is in the log; takes it out.
    pub(super) fn written(&mut self, sequence: i32) -> Option<SealedBatch> {
        let at = self
            .batches
            .iter()
            .position(|batch| batch.sequence == sequence)?;
        self.landed();
        self.batches.remove(at)
    }

    /// The batch with `sequence` will be sent again, before all behind it.
    pub(super) fn again(&mut self, sequence: i32) {
        if let Some(batch) = self
            .batches
            .iter_mut()
            .find(|batch| batch.sequence == sequence)
        {
            batch.state = State::Waiting;
            self.must_settle = true;
            self.landed();
        }
    }

    /// Puts `halves` in the place of the batch with `sequence`, which was answered.
    pub(super) fn split(&mut self, sequence: i32, halves: [(u32, Vec<u8>); 2]) {
        let Some(at) = self
            .batches
            .iter()
            .position(|batch| batch.sequence == sequence)
        else {
            return;
        };
        let Some(whole) = self.batches.remove(at) else {
            return;
        };
        let mut sequence = whole.sequence;
        // The first half gives back what the whole took of the buffer.
        let mut held = whole.held;
        for (place, (records, bytes)) in halves.into_iter().enumerate() {
            let (deadline, state) = (whole.deadline, State::Waiting);
            let half = SealedBatch {
                sequence,
                records,
                bytes,
                held,
                deadline,
                state,
                was_sent: false,
            };
            self.batches.insert(at + place, half);
            sequence = sequence_after(sequence, records);
            held = 0;
        }
        self.must_settle = true;
        self.landed();
    }

    /// The batch with `sequence`.
    pub(super) fn batch(&self, sequence: i32) -> Option<&SealedBatch> {
        self.batches.iter().find(|batch| batch.sequence == sequence)
    }

    /// Whether nothing is in flight.
    pub(super) const fn is_settled(&self) -> bool {
        self.in_flight == 0
    }

    /// Numbers all batches anew from 0, for a new producer id; `restamp` gets each batch's bytes and
    /// new number. Only once nothing is in flight.
    pub(super) fn renew(&mut self, mut restamp: impl FnMut(&mut [u8], i32)) {
        debug_assert!(self.is_settled(), "a batch in flight keeps its number");
        let mut sequence = 0;
        for batch in &mut self.batches {
            batch.sequence = sequence;
            restamp(&mut batch.bytes, sequence);
            sequence = sequence_after(sequence, batch.records);
        }
        self.next_sequence = sequence;
    }

    /// The first batch, where its time is up and it is not in flight.
    pub(super) fn overdue(&self, now: Instant) -> Option<Overdue> {
        let first = self.batches.front()?;
        let is_over = first.deadline <= now && first.state == State::Waiting;
        is_over.then_some(if first.was_sent {
            Overdue::MayBeWritten
        } else {
            Overdue::NotWritten
        })
    }

    /// How many records are not known to be written.
    pub(super) fn records(&self) -> u64 {
        self.batches
            .iter()
            .map(|batch| u64::from(batch.records))
            .sum()
    }

    fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.must_settle = false;
        }
    }
}

/// What is known of a batch whose time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// It was never sent.
    NotWritten,
    /// It was sent, and no answer came: nobody can say.
    MayBeWritten,
}

/// Sequence numbers wrap from `i32::MAX` to 0 (`DefaultRecordBatch.incrementSequence`).
fn sequence_after(sequence: i32, records: u32) -> i32 {
    let next = (i64::from(sequence) + i64::from(records)) & i64::from(i32::MAX);
    i32::try_from(next).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(batches: u32) -> Lane {
        let mut lane = Lane::default();
        for _ in 0..batches {
            lane.push(10, Vec::new(), 1, Instant::now());
        }
        lane
    }

    fn sent_sequence(lane: &mut Lane) -> Option<i32> {
        let sequence = lane.ready(Instant::now()).map(|batch| batch.sequence);
        if sequence.is_some() {
            lane.sent();
        }
        sequence
    }

    #[test]
    fn a_failed_batch_goes_again_before_all_behind_it_once_those_in_flight_are_answered() {
        let mut lane = lane(3);
        assert_eq!(sent_sequence(&mut lane), Some(0));
        assert_eq!(sent_sequence(&mut lane), Some(10));
        assert_eq!(
            lane.judge(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, Offset(-1)),
            Verdict::Again
        );
        lane.again(0);
        assert_eq!(
            sent_sequence(&mut lane),
            None,
            "the second is still in flight"
        );
        assert_eq!(
            lane.judge(10, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, Offset(-1)),
            Verdict::Again
        );
        lane.again(10);
        let order: Vec<_> = std::iter::from_fn(|| sent_sequence(&mut lane)).collect();
        assert_eq!(order, [0, 10, 20]);
    }

    #[test]
    fn a_duplicate_is_written_and_an_out_of_order_first_batch_is_refused() {
        let mut lane = lane(1);
        sent_sequence(&mut lane);
        assert_eq!(
            lane.judge(0, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Offset(-1)),
            Verdict::Written(None)
        );
        let out_of_order = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;
        assert_eq!(
            lane.judge(0, out_of_order, Offset(-1)),
            Verdict::Refused(out_of_order)
        );
        assert_eq!(lane.written(0).map(|batch| batch.records), Some(10));
        assert!(lane.is_empty() && lane.is_settled());
    }

    #[test]
    fn halves_take_the_place_and_the_numbers_of_the_whole() {
        let mut lane = lane(2);
        sent_sequence(&mut lane);
        lane.split(0, [(4, vec![1]), (6, vec![2])]);
        let order: Vec<_> = std::iter::from_fn(|| sent_sequence(&mut lane)).collect();
        assert_eq!(order, [0, 4, 10]);
        assert_eq!(
            (
                lane.written(0).map(|half| half.held),
                lane.written(4).map(|half| half.held)
            ),
            (Some(1), Some(0))
        );
    }

    #[test]
    fn sequence_numbers_wrap_to_zero() {
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    }

    #[test]
    fn with_a_new_producer_id_numbers_begin_at_zero() {
        let mut lane = lane(3);
        sent_sequence(&mut lane);
        lane.written(0);
        let mut stamped = Vec::new();
        lane.renew(|_, sequence| stamped.push(sequence));
        assert_eq!(stamped, [0, 10]);
        assert_eq!(lane.next_sequence(), 20);
    }
}
