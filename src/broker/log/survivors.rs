//! What of one batch survives compaction.

use std::collections::HashMap;

use bytes::Bytes;

use crate::broker::log::compaction::Compaction;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::BatchMut;
use crate::protocol::batch_header::HEADER_LEN;
use crate::protocol::batch_header::PREFIX_LEN;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Compressor;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::varint;

/// The base timestamp is the instant from which tombstones may go (KIP-534).
const DELETE_HORIZON: i16 = 1 << 6;

/// What one run keeps.
#[derive(Debug)]
pub(crate) struct Rule<'a> {
    /// The run.
    pub(crate) run: &'a Compaction<'a>,
    /// The offset of the newest record of each key.
    pub(crate) newest: HashMap<Box<[u8]>, Offset>,
}

/// What is left of one batch.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The batch, unchanged or written anew; `None` where it goes as a whole.
    pub(crate) batch: Option<Bytes>,
    /// When its tombstones may go; `None` where it has none.
    pub(crate) tombstones_due: Option<Timestamp>,
}

/// What of the batch `bytes` survives under `rule`.
///
/// Control batches stay; batches of aborted transactions go; a batch that loses its last record
/// stays, empty, where it is its producer's last.
pub(crate) fn survivors(
    bytes: &Bytes,
    rule: &Rule<'_>,
    decompressor: &mut Decompressor,
) -> Outcome {
    let unchanged = Outcome {
        batch: Some(bytes.clone()),
        tombstones_due: None,
    };
    let Some(Ok(batch)) = Batches::new(bytes).next() else {
        return unchanged;
    };
    let header = *batch.header();
    if header.is_control() {
        return unchanged;
    }
    let is_last = header.has_producer_id() && (rule.run.is_last_of_producer)(&header);
    if (rule.run.is_aborted)(&header) {
        let batch = is_last.then(|| rewritten(&header, &[]));
        return Outcome {
            batch: batch.flatten(),
            tombstones_due: None,
        };
    }
    let Ok(records) = batch.records(decompressor) else {
        return unchanged;
    };
    let Ok(records) = records.collect::<Result<Vec<_>, _>>() else {
        return unchanged;
    };
    rule.apply(&header, &records, is_last, unchanged)
}

impl Rule<'_> {
    fn apply(
        &self,
        header: &BatchHeader,
        records: &[RecordView<'_>],
        is_last: bool,
        unchanged: Outcome,
    ) -> Outcome {
        let has_horizon = header.attributes & DELETE_HORIZON != 0;
        let is_due = has_horizon && self.run.now >= header.base_timestamp;
        let kept: Vec<_> = records
            .iter()
            .filter(|record| self.is_newest(record) && !(is_due && record.value.is_none()))
            .copied()
            .collect();
        let has_tombstone = kept.iter().any(|record| record.value.is_none());
        let mut header = *header;
        if has_tombstone && !has_horizon {
            header.attributes |= DELETE_HORIZON;
            header.base_timestamp = self.run.now.saturating_add(self.run.delete_retention_ms);
        } else if kept.len() == records.len() {
            let tombstones_due = has_tombstone.then_some(header.base_timestamp);
            return Outcome {
                tombstones_due,
                ..unchanged
            };
        }
        let stays = !kept.is_empty() || is_last;
        Outcome {
            batch: stays.then(|| rewritten(&header, &kept)).flatten(),
            tombstones_due: has_tombstone.then_some(header.base_timestamp),
        }
    }

    /// Without a key nothing can be kept: a record without one has no newest.
    fn is_newest(&self, record: &RecordView<'_>) -> bool {
        let newest = record.key.and_then(|key| self.newest.get(key));
        newest.is_some_and(|newest| *newest <= record.offset)
    }
}

/// The batch that `header` begins, with `records` alone; their offsets and the batch's base and
/// last offset stay. `None` where the codec or a length is impossible.
fn rewritten(header: &BatchHeader, records: &[RecordView<'_>]) -> Option<Bytes> {
    let mut plain = Vec::new();
    let mut record_bytes = Vec::new();
    for record in records {
        record_bytes.clear();
        put_record(&mut record_bytes, header, record);
        put_length(&mut plain, record_bytes.len());
        plain.extend_from_slice(&record_bytes);
    }
    let mut out = vec![0; HEADER_LEN];
    let compression = header.compression().ok()?;
    if !records.is_empty() {
        Compressor::new()
            .compress(compression, &plain, &mut out)
            .ok()?;
    }
    let mut header = *header;
    header.batch_length = i32::try_from(out.len() - PREFIX_LEN).ok()?;
    header.record_count = i32::try_from(records.len()).ok()?;
    if header.timestamp_type() == TimestampType::CreateTime
        && let Some(max) = records.iter().map(|record| record.timestamp).max()
    {
        header.max_timestamp = max;
    }
    out.get_mut(..HEADER_LEN)?
        .copy_from_slice(&header.to_bytes());
    BatchMut::new(&mut out)?.seal();
    Some(out.into())
}

fn put_record(out: &mut Vec<u8>, header: &BatchHeader, record: &RecordView<'_>) {
    out.push(0);
    varint::put_i64(
        out,
        record.timestamp.0.wrapping_sub(header.base_timestamp.0),
    );
    varint::put_i64(out, record.offset.0.wrapping_sub(header.base_offset.0));
    put_bytes(out, record.key);
    put_bytes(out, record.value);
    put_length(out, record.headers.len());
    out.extend_from_slice(record.headers.encoded());
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::put_i64(out, -1),
        Some(bytes) => {
            put_length(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    varint::put_i64(out, i64::try_from(length).unwrap_or(i64::MAX));
}
