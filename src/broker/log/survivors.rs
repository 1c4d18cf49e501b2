//! What of one batch survives compaction.

use std::collections::HashMap;

use bytes::Bytes;

use crate::broker::log::compaction::Compaction;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;

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
    let mut out = Vec::new();
    let kept = records.iter().copied();
    BatchBuilder::new().rewrite(header, kept, &mut out).ok()?;
    Some(out.into())
}
