//! From a fetch answer to positions: which batches are whole, where they end, what is wrong.

use crate::client::fetcher::slot::Part;
use crate::client::fetcher::slot::Slot;
use crate::client::fetcher::slot::Watermarks;
use crate::protocol::aborted::AbortedTransaction;
use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_reader::Batches;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::fetch::PartitionData;
use crate::record::Offset;

/// What a partition's part of an answer comes to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// No news.
    Nothing,
    /// Batches, and the position has moved.
    Moved(Part),
    /// Something is wrong at the new position, after the batches before it.
    Bad(Option<Part>, Problem),
}

/// What is wrong with a partition's part of an answer.
#[derive(Debug)]
pub(super) enum Problem {
    /// The broker's error.
    Code(ErrorCode),
    /// The log parts from what we read at this offset.
    Diverged(Offset),
    /// A batch that cannot be read.
    Batch(BatchError),
    /// The first batch does not fit into what we asked for.
    Larger(usize),
}

/// Whether checksums are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksums {
    Check,
    Trust,
}

impl Checksums {
    pub(super) const fn of(check_crcs: bool) -> Self {
        if check_crcs { Self::Check } else { Self::Trust }
    }
}

/// Moves the slot's position past the whole batches in `data`, whose records begin at `start` in
/// their frame.
pub(super) fn take(
    slot: &mut Slot,
    number: usize,
    data: &PartitionData<'_>,
    start: usize,
    checksums: Checksums,
) -> Outcome {
    let code = ErrorCode(data.error_code);
    if code != ErrorCode::NONE {
        return Outcome::Bad(None, Problem::Code(code));
    }
    if data.diverging_epoch.end_offset >= 0 {
        return Outcome::Bad(
            None,
            Problem::Diverged(Offset(data.diverging_epoch.end_offset)),
        );
    }
    slot.watermarks = watermarks(data);
    let Some(records) = data
        .records
        .as_deref()
        .filter(|records| !records.is_empty())
    else {
        return Outcome::Nothing;
    };
    let from = slot.position;
    let (end, problem) = walk(slot, records, checksums);
    let part = (slot.position > from).then(|| Part {
        slot: number,
        position: from,
        next_offset: slot.position,
        start,
        end: start + end,
        aborted: aborted(data),
    });
    match (part, problem) {
        (part, Some(problem)) => Outcome::Bad(part, problem),
        (Some(part), None) => Outcome::Moved(part),
        (None, None) => Outcome::Nothing,
    }
}

/// Walks the batches, moving the position; returns the end of the good ones.
fn walk(slot: &mut Slot, records: &[u8], checksums: Checksums) -> (usize, Option<Problem>) {
    let mut batches = Batches::new(records);
    let mut end = 0;
    for batch in batches.by_ref() {
        let checked = batch.and_then(|batch| match checksums {
            Checksums::Check => batch.verify_crc().map(|()| batch),
            Checksums::Trust => Ok(batch),
        });
        let batch = match checked {
            Ok(batch) => batch,
            Err(error) => return (end, Some(Problem::Batch(error))),
        };
        end += batch.bytes().len();
        slot.was_corrupt = false;
        slot.last_epoch = batch.header().partition_leader_epoch;
        slot.position = slot.position.max(batch.header().next_offset());
    }
    let larger = batches.next_len().filter(|_| end == 0).map(Problem::Larger);
    (end, larger)
}

fn watermarks(data: &PartitionData<'_>) -> Watermarks {
    let known = |offset: i64| Some(Offset(offset)).filter(|offset| offset.0 >= 0);
    Watermarks {
        high_watermark: known(data.high_watermark),
        last_stable_offset: known(data.last_stable_offset),
        log_start_offset: known(data.log_start_offset),
    }
}

fn aborted(data: &PartitionData<'_>) -> Vec<AbortedTransaction> {
    let listed = data.aborted_transactions.iter().flatten();
    let read = listed.map(|aborted| AbortedTransaction {
        producer_id: aborted.producer_id,
        first_offset: Offset(aborted.first_offset),
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::batch_builder::BatchBuilder;
    use crate::protocol::batch_builder::BatchStamp;
    use crate::protocol::batch_header::BatchHeader;
    use crate::record::Timestamp;
    use crate::record::TopicPartition;

    fn slot(position: i64) -> Slot {
        Slot::new(TopicPartition::new("t", 0), Offset(position), 1)
    }

    fn batch(base: i64, records: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        for _ in 0..records {
            builder
                .push(Timestamp(1), None, Some(b"value"), [])
                .expect("fits");
        }
        let stamp = BatchStamp {
            base_offset: Offset(base),
            ..BatchStamp::default()
        };
        let mut out = Vec::new();
        builder.finish(&stamp, &mut out).expect("fits");
        out
    }

    fn data(records: &[u8]) -> PartitionData<'_> {
        PartitionData {
            high_watermark: 100,
            records: Some(records.into()),
            ..PartitionData::default()
        }
    }

    #[test]
    fn the_position_moves_past_whole_batches_and_the_cut_one_is_left() {
        let whole = [batch(0, 3), batch(3, 2)].concat();
        let mut cut = whole.clone();
        cut.extend_from_slice(&batch(5, 4)[..70]);
        let mut slot = slot(1);
        let Outcome::Moved(part) = take(&mut slot, 0, &data(&cut), 10, Checksums::Check) else {
            panic!("moved");
        };
        assert_eq!((part.position, part.next_offset), (Offset(1), Offset(5)));
        assert_eq!((part.start, part.end), (10, 10 + whole.len()));
        assert_eq!(slot.watermarks.high_watermark, Some(Offset(100)));
    }

    #[test]
    fn an_emptied_batch_moves_the_position_too() {
        let mut slot = slot(7);
        let original = batch(7, 5);
        let header = BatchHeader::parse(&original).expect("whole");
        let mut out = Vec::new();
        BatchBuilder::new()
            .rewrite(&header, [], &mut out)
            .expect("fits");
        assert!(matches!(
            take(&mut slot, 0, &data(&out), 0, Checksums::Check),
            Outcome::Moved(_)
        ));
        assert_eq!(slot.position, Offset(12));
    }

    #[test]
    fn a_damaged_batch_stops_behind_the_good_ones() {
        let mut records = [batch(0, 3), batch(3, 2)].concat();
        if let Some(last) = records.last_mut() {
            *last ^= 1;
        }
        let mut slot = slot(0);
        let outcome = take(&mut slot, 0, &data(&records), 0, Checksums::Check);
        assert!(
            matches!(
                outcome,
                Outcome::Bad(Some(_), Problem::Batch(BatchError::Crc { .. }))
            ),
            "{outcome:?}"
        );
        assert_eq!(slot.position, Offset(3));
    }

    #[test]
    fn a_first_batch_that_is_cut_tells_how_large_it_is() {
        let whole = batch(0, 50);
        let mut slot = slot(0);
        let outcome = take(&mut slot, 0, &data(&whole[..100]), 0, Checksums::Check);
        assert!(
            matches!(outcome, Outcome::Bad(None, Problem::Larger(bytes)) if bytes == whole.len()),
            "{outcome:?}"
        );
        assert_eq!(slot.position, Offset(0));
    }
}
