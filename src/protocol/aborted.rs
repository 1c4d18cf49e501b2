//! The read_committed filter: which batches of a fetch answer belong to aborted transactions.

use std::collections::HashSet;

use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_reader::Batch;
use crate::protocol::control_record::MarkerKind;
use crate::record::Offset;

/// One aborted transaction, as a fetch answer lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AbortedTransaction {
    /// The producer that aborted.
    pub producer_id: i64,
    /// The offset of the transaction's first record.
    pub first_offset: Offset,
}

/// What a reader does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Its records are data: hand them out.
    Data,
    /// Its transaction was aborted: move the position past it.
    Aborted,
    /// It holds a control record: move the position past it.
    Control,
}

/// Tells which batches to hand out, fed with all batches of one partition's fetch answer in
/// order.
///
/// A producer's transactional batches are dropped from its first offset in the list to its abort
/// marker. Each answer brings the list for its own batches, so begin anew with each. An empty
/// list makes this the filter of `read_uncommitted`, which leaves out control batches only.
///
/// Source: `CompletedFetch.java` (Apache Kafka), KIP-98.
#[derive(Clone, Debug, Default)]
pub struct AbortedTransactions {
    /// Those not reached yet, the next one last.
    pending: Vec<AbortedTransaction>,
    /// The producers that are in an aborted transaction here.
    producers: HashSet<i64>,
}

impl AbortedTransactions {
    /// A filter for one answer, whose aborted list may come in any order.
    pub fn new(list: impl IntoIterator<Item = AbortedTransaction>) -> Self {
        let mut filter = Self::default();
        filter.begin(list);
        filter
    }

    /// Begins anew with the list of another answer, in the same memory.
    pub fn begin(&mut self, list: impl IntoIterator<Item = AbortedTransaction>) {
        self.producers.clear();
        self.pending.clear();
        self.pending.extend(list);
        self.pending
            .sort_unstable_by_key(|aborted| std::cmp::Reverse(aborted.first_offset));
    }

    /// Says what to do with `batch`, the next one of the answer.
    ///
    /// # Errors
    ///
    /// As [`Batch::control`], where `batch` is a control batch.
    pub fn visibility(&mut self, batch: &Batch<'_>) -> Result<Visibility, BatchError> {
        let header = batch.header();
        if header.has_producer_id() {
            self.enter_through(header.last_offset());
        }
        if header.is_control() {
            self.leave(batch)?;
            return Ok(Visibility::Control);
        }
        let is_aborted = header.is_transactional() && self.producers.contains(&header.producer_id);
        Ok(if is_aborted {
            Visibility::Aborted
        } else {
            Visibility::Data
        })
    }

    fn enter_through(&mut self, last_offset: Offset) {
        let is_reached = |next: &mut AbortedTransaction| next.first_offset <= last_offset;
        while let Some(reached) = self.pending.pop_if(is_reached) {
            self.producers.insert(reached.producer_id);
        }
    }

    fn leave(&mut self, marker: &Batch<'_>) -> Result<(), BatchError> {
        let control = marker.control()?;
        if control.is_some_and(|control| control.kind == MarkerKind::Abort) {
            self.producers.remove(&marker.header().producer_id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::batch_builder::BatchStamp;
    use crate::protocol::batch_reader::Batches;
    use crate::protocol::control_record::ControlRecord;
    use crate::record::Record;
    use crate::record::Timestamp;

    fn stamp(producer_id: i64, base_offset: i64) -> BatchStamp {
        BatchStamp {
            base_offset: Offset(base_offset),
            producer_id,
            producer_epoch: 0,
            base_sequence: 0,
            is_transactional: true,
            ..BatchStamp::default()
        }
    }

    /// Two records at `base_offset` and the one after.
    fn data(stamp: &BatchStamp) -> Vec<u8> {
        let records = [Record::default(), Record::default()];
        stamp.batch_of(&records).expect("fits")
    }

    fn marker(producer_id: i64, base_offset: i64, kind: MarkerKind) -> Vec<u8> {
        let control = ControlRecord {
            kind,
            coordinator_epoch: 0,
        };
        stamp(producer_id, base_offset)
            .marker(control, Timestamp(0))
            .expect("fits")
    }

    fn aborted(producer_id: i64, first_offset: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id,
            first_offset: Offset(first_offset),
        }
    }

    fn verdicts(list: &[AbortedTransaction], answer: &[Vec<u8>]) -> Vec<Visibility> {
        let mut filter = AbortedTransactions::new(list.iter().copied());
        Batches::new(&answer.concat())
            .map(|batch| filter.visibility(&batch.expect("good")).expect("good"))
            .collect()
    }

    #[test]
    fn a_producer_is_dropped_from_its_first_offset_to_its_marker() {
        use Visibility::{Aborted, Control, Data};
        let plain = BatchStamp {
            is_transactional: false,
            ..stamp(1, 9)
        };
        let answer = [
            data(&stamp(1, 0)),
            marker(1, 2, MarkerKind::Commit),
            data(&stamp(1, 3)),
            data(&stamp(2, 5)),
            data(&stamp(1, 7)),
            data(&plain),
            marker(1, 11, MarkerKind::Abort),
            data(&stamp(1, 12)),
            marker(2, 14, MarkerKind::Commit),
        ];
        assert_eq!(
            verdicts(&[aborted(1, 3)], &answer),
            [
                Data, Control, Aborted, Data, Aborted, Data, Control, Data, Control
            ]
        );
    }

    #[test]
    fn a_transaction_that_starts_at_the_last_offset_of_a_batch_takes_it() {
        let answer = [data(&stamp(1, 0))];
        assert_eq!(verdicts(&[aborted(1, 1)], &answer), [Visibility::Aborted]);
        assert_eq!(verdicts(&[aborted(1, 2)], &answer), [Visibility::Data]);
    }

    #[test]
    fn two_aborted_transactions_of_one_producer_stand_each_for_itself() {
        use Visibility::{Aborted, Control, Data};
        let answer = [
            data(&stamp(1, 0)),
            marker(1, 2, MarkerKind::Abort),
            data(&stamp(1, 3)),
            marker(1, 5, MarkerKind::Commit),
            data(&stamp(1, 6)),
            marker(1, 8, MarkerKind::Abort),
        ];
        let list = [aborted(1, 6), aborted(1, 0)];
        assert_eq!(
            verdicts(&list, &answer),
            [Aborted, Control, Data, Control, Aborted, Control]
        );
    }

    #[test]
    fn a_control_batch_of_an_unknown_kind_ends_no_transaction() {
        let mut unknown = marker(1, 2, MarkerKind::Abort);
        let type_at = unknown
            .windows(4)
            .rposition(|window| window == [8, 0, 0, 0])
            .expect("the key's length and version");
        unknown[type_at + 4] = 99;
        let answer = [data(&stamp(1, 0)), unknown, data(&stamp(1, 3))];
        assert_eq!(
            verdicts(&[aborted(1, 0)], &answer),
            [
                Visibility::Aborted,
                Visibility::Control,
                Visibility::Aborted
            ]
        );
    }

    #[test]
    fn the_next_answer_begins_with_no_producer_dropped() {
        let mut filter = AbortedTransactions::new([aborted(1, 0), aborted(2, 500)]);
        let bytes = data(&stamp(1, 0));
        let batch = Batches::new(&bytes).next().expect("one").expect("good");
        assert_eq!(filter.visibility(&batch), Ok(Visibility::Aborted));
        filter.begin([]);
        assert_eq!(filter.visibility(&batch), Ok(Visibility::Data));
    }
}
