//! What one partition remembers of the producers that wrote to it: epochs, the last batches by
//! sequence number, open transactions.
//!
//! Source: `ProducerStateManager.java`, `ProducerAppendInfo.java`, `ProducerStateEntry.java`
//! (Apache Kafka 4.x); KIP-98, KIP-360.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use crate::broker::transactions::ProducerRef;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::error_code::ErrorCode;
use crate::record::Offset;
use crate::record::Timestamp;

/// How many batches of a producer are remembered, and so how many may be in flight.
const BATCHES_MAX: usize = 5;
/// How long a silent producer is remembered (`producer.id.expiration.ms`).
const EXPIRES_AFTER_MS: i64 = 86_400_000;
/// How many producers are remembered; the one that has been silent longest makes room.
const PRODUCERS_MAX: usize = 10_000;

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Append it.
    Append,
    /// It was appended before, at this offset: answer with that.
    Duplicate(Offset),
}

/// A transaction that was aborted, as readers of committed data must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    /// Whose transaction.
    pub(crate) producer_id: i64,
    /// Where its first record stands.
    pub(crate) first_offset: Offset,
    /// Where its marker stands.
    pub(crate) last_offset: Offset,
}

/// The producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// Oldest first; empty after a change of epoch by a marker.
    batches: VecDeque<Appended>,
    /// Where the open transaction begins.
    transaction: Option<Offset>,
    wrote_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Appended {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: Offset,
}

impl Producers {
    /// What is to be done with the batch of `header`, control batches apart.
    ///
    /// # Errors
    ///
    /// `INVALID_PRODUCER_EPOCH` for an older epoch than the one known,
    /// `OUT_OF_ORDER_SEQUENCE_NUMBER` where the sequence has a gap or goes back beyond the
    /// batches remembered.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Verdict, ErrorCode> {
        if !header.has_producer_id() {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.by_id.get(&header.producer_id) else {
            return Ok(Verdict::Append);
        };
        if header.producer_epoch < producer.epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if header.producer_epoch > producer.epoch {
            return in_order(header.base_sequence == 0);
        }
        let same = |batch: &&Appended| {
            batch.first_sequence == header.base_sequence
                && batch.last_sequence == last_sequence(header)
        };
        if let Some(batch) = producer.batches.iter().find(same) {
            return Ok(Verdict::Duplicate(batch.base_offset));
        }
        let expected = producer
            .batches
            .back()
            .map_or(0, |batch| sequence_after(batch.last_sequence));
        in_order(header.base_sequence == expected)
    }

    /// Takes note of a batch that was appended at `header.base_offset`.
    pub(crate) fn appended(&mut self, header: &BatchHeader, now: Timestamp) {
        if !header.has_producer_id() || header.is_control() {
            return;
        }
        self.make_room(header.producer_id);
        let producer = self.known(header.producer_id, header.producer_epoch, now);
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Appended {
            first_sequence: header.base_sequence,
            last_sequence: last_sequence(header),
            base_offset: header.base_offset,
        });
        if header.is_transactional() {
            producer.transaction.get_or_insert(header.base_offset);
        }
    }

    /// Takes note of a transaction marker at `marker`; returns the offset at which the
    /// transaction began, where it wrote anything.
    pub(crate) fn transaction_ended(
        &mut self,
        producer_id: i64,
        epoch: i16,
        now: Timestamp,
    ) -> Option<Offset> {
        self.known(producer_id, epoch, now).transaction.take()
    }

    /// Where the oldest open transaction begins.
    pub(crate) fn first_undecided(&self) -> Option<Offset> {
        self.by_id
            .values()
            .filter_map(|producer| producer.transaction)
            .min()
    }

    /// The producers whose transactions are open.
    pub(crate) fn undecided(&self) -> impl Iterator<Item = ProducerRef> {
        let open = self.by_id.iter();
        open.filter(|(_, producer)| producer.transaction.is_some())
            .map(|(&id, producer)| ProducerRef {
                id,
                epoch: producer.epoch,
            })
    }

    /// Whether the batch of `header` is the last one that its producer wrote.
    pub(crate) fn is_last(&self, header: &BatchHeader) -> bool {
        self.by_id
            .get(&header.producer_id)
            .and_then(|producer| producer.batches.back())
            .is_some_and(|batch| batch.base_offset == header.base_offset)
    }

    /// Forgets the producers that have been silent for a day, open transactions apart.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.by_id.retain(|_, producer| {
            producer.transaction.is_some()
                || now < producer.wrote_at.saturating_add(EXPIRES_AFTER_MS)
        });
    }

    fn known(&mut self, id: i64, epoch: i16, now: Timestamp) -> &mut Producer {
        let producer = self.by_id.entry(id).or_insert_with(|| Producer {
            epoch,
            batches: VecDeque::new(),
            transaction: None,
            wrote_at: now,
        });
        if producer.epoch != epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        producer.wrote_at = now;
        producer
    }

    fn make_room(&mut self, id: i64) {
        if self.by_id.len() < PRODUCERS_MAX || self.by_id.contains_key(&id) {
            return;
        }
        let silent = self
            .by_id
            .iter()
            .filter(|(_, producer)| producer.transaction.is_none())
            .min_by_key(|(_, producer)| producer.wrote_at)
            .map(|(id, _)| *id);
        if let Some(id) = silent {
            self.by_id.remove(&id);
        }
    }
}

fn in_order(is_in_order: bool) -> Result<Verdict, ErrorCode> {
    if is_in_order {
        Ok(Verdict::Append)
    } else {
        Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
    }
}

/// Sequence numbers run from 0 to `i32::MAX` and then begin anew.
fn sequence_after(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

fn last_sequence(header: &BatchHeader) -> i32 {
    let last = i64::from(header.base_sequence) + i64::from(header.last_offset_delta.max(0));
    let wrapped = last % (i64::from(i32::MAX) + 1);
    i32::try_from(wrapped).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LeaderEpoch;

    const NOW: Timestamp = Timestamp(1_000);

    fn batch(offset: i64, epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: Offset(offset),
            batch_length: 0,
            partition_leader_epoch: LeaderEpoch(0),
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: NOW,
            max_timestamp: NOW,
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence: sequence,
            record_count: count,
        }
    }

    fn after(batches: &[BatchHeader]) -> Producers {
        let mut producers = Producers::default();
        for header in batches {
            assert_eq!(producers.check(header), Ok(Verdict::Append));
            producers.appended(header, NOW);
        }
        producers
    }

    #[test]
    fn a_batch_sent_again_is_answered_with_its_old_offset_while_among_the_last_five() {
        let six: Vec<_> = (0..60)
            .step_by(10)
            .map(|n| batch(n.into(), 0, n, 10))
            .collect();
        let producers = after(&six);
        assert_eq!(producers.check(&six[1]), Ok(Verdict::Duplicate(Offset(10))));
        assert_eq!(producers.check(&six[5]), Ok(Verdict::Duplicate(Offset(50))));
        assert_eq!(
            producers.check(&six[0]),
            Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            "the sixth last is forgotten"
        );
    }

    #[test]
    fn a_gap_is_refused_and_the_next_in_order_taken() {
        let producers = after(&[batch(0, 0, 0, 3)]);
        assert_eq!(producers.check(&batch(3, 0, 3, 1)), Ok(Verdict::Append));
        let gap = producers.check(&batch(3, 0, 4, 1));
        assert_eq!(gap, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
    }

    #[test]
    fn a_new_epoch_begins_at_zero_and_fences_the_old_one() {
        let mut producers = after(&[batch(0, 0, 0, 3)]);
        let late = producers.check(&batch(3, 1, 3, 1));
        assert_eq!(late, Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
        let first = batch(3, 1, 0, 1);
        assert_eq!(producers.check(&first), Ok(Verdict::Append));
        producers.appended(&first, NOW);
        let zombie = producers.check(&batch(4, 0, 3, 1));
        assert_eq!(zombie, Err(ErrorCode::INVALID_PRODUCER_EPOCH));
    }

    #[test]
    fn an_unknown_producer_may_begin_anywhere() {
        let first = batch(0, 3, 1_000, 1);
        assert_eq!(Producers::default().check(&first), Ok(Verdict::Append));
    }

    #[test]
    fn sequences_wrap_from_the_largest_number_to_zero() {
        let producers = after(&[batch(0, 0, i32::MAX - 1, 2)]);
        assert_eq!(producers.check(&batch(2, 0, 0, 1)), Ok(Verdict::Append));
        let producers = after(&[batch(0, 0, i32::MAX, 2)]);
        assert_eq!(producers.check(&batch(2, 0, 1, 1)), Ok(Verdict::Append));
    }

    #[test]
    fn a_transaction_is_undecided_from_its_first_batch_to_its_marker() {
        let transactional = |offset, sequence| BatchHeader {
            attributes: 1 << 4,
            ..batch(offset, 0, sequence, 1)
        };
        let mut producers = after(&[transactional(5, 0), transactional(8, 1)]);
        assert_eq!(producers.first_undecided(), Some(Offset(5)));
        assert_eq!(producers.transaction_ended(7, 0, NOW), Some(Offset(5)));
        assert_eq!(producers.first_undecided(), None);
    }

    #[test]
    fn a_producer_is_forgotten_after_exactly_a_day_of_silence() {
        let mut producers = after(&[batch(0, 0, 0, 1)]);
        producers.expire(NOW.saturating_add(EXPIRES_AFTER_MS - 1));
        assert_eq!(producers.by_id.len(), 1);
        producers.expire(NOW.saturating_add(EXPIRES_AFTER_MS));
        assert!(producers.by_id.is_empty());
    }
}
