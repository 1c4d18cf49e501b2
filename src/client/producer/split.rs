//! Cutting a batch in two, where it is larger than its topic allows.

use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;

/// Both halves of `bytes`, one whole batch of ours: the number of records and the encoded batch of
/// each. `None` for a batch of one record, which cannot be cut.
pub(super) fn halves(bytes: &[u8]) -> Option<[(u32, Vec<u8>); 2]> {
    let batch = Batches::new(bytes).next()?.ok()?;
    let header = *batch.header();
    let middle = header.record_count / 2;
    if middle == 0 {
        return None;
    }
    let mut decompressor = Decompressor::new();
    let mut builders = [BatchBuilder::new(), BatchBuilder::new()];
    let [first, second] = &mut builders;
    for (record, number) in batch.records(&mut decompressor).ok()?.zip(0..) {
        let record = record.ok()?;
        let half = if number < middle {
            &mut *first
        } else {
            &mut *second
        };
        half.push(record.timestamp, record.key, record.value, record.headers)
            .ok()?;
    }
    let mut base_sequence = header.base_sequence;
    let halves = builders.map(|mut builder| {
        let records = builder.record_count();
        let stamp = BatchStamp {
            base_offset: Offset(0),
            compression: header.compression().ok()?,
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence,
            ..BatchStamp::default()
        };
        base_sequence = base_sequence.checked_add(records).unwrap_or(0);
        let mut out = Vec::new();
        builder.finish(&stamp, &mut out).ok()?;
        Some((records.unsigned_abs(), out))
    });
    let [first, second] = halves;
    Some([first?, second?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{HeadersView, Timestamp};

    fn batch(values: &[&[u8]]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        for value in values {
            builder
                .push(Timestamp(7), None, Some(value), HeadersView::EMPTY)
                .expect("small");
        }
        let mut out = Vec::new();
        let stamp = BatchStamp {
            producer_id: 5,
            producer_epoch: 1,
            base_sequence: 10,
            ..BatchStamp::default()
        };
        builder.finish(&stamp, &mut out).expect("a batch");
        out
    }

    #[test]
    fn halves_hold_all_records_in_order_with_numbers_that_follow() {
        let halves = halves(&batch(&[b"a", b"b", b"c"])).expect("three records");
        let read = halves.map(|(records, bytes)| {
            let batch = Batches::new(&bytes).next().expect("one").expect("whole");
            batch.verify_crc().expect("sealed");
            let mut decompressor = Decompressor::new();
            let values: Vec<_> = batch
                .records(&mut decompressor)
                .expect("readable")
                .map(|record| record.expect("whole").value.expect("a value").to_vec())
                .collect();
            (
                records,
                batch.header().base_sequence,
                batch.header().producer_id,
                values,
            )
        });
        assert_eq!(read[0], (1, 10, 5, vec![b"a".to_vec()]));
        assert_eq!(read[1], (2, 11, 5, vec![b"b".to_vec(), b"c".to_vec()]));
    }

    #[test]
    fn a_single_record_cannot_be_cut() {
        assert_eq!(halves(&batch(&[b"a"])), None);
    }
}
