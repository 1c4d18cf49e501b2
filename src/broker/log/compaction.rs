//! Compaction: of each key only the newest record stays.

use std::collections::HashMap;

use bytes::Bytes;

use crate::broker::log::Log;
use crate::broker::log::error::LogError;
use crate::broker::log::segment::Segment;
use crate::broker::log::survivors::Rule;
use crate::broker::log::survivors::survivors;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::Timestamp;

/// What one run of compaction goes by.
pub(crate) struct Compaction<'a> {
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// Tombstones stay for this long after the run that first met them (`delete.retention.ms`).
    pub(crate) delete_retention_ms: i64,
    /// Segments with a younger record than this are left alone (`min.compaction.lag.ms`).
    pub(crate) lag_ms_min: i64,
    /// Nothing is done while the share of bytes not yet compacted is below this.
    pub(crate) dirty_ratio_min: f64,
    /// Small neighbours are joined up to this length.
    pub(crate) segment_bytes_max: u64,
    /// Segments that reach beyond this offset (the last stable offset) are left alone.
    pub(crate) below: Offset,
    /// Whether a data batch belongs to an aborted transaction; such batches go.
    pub(crate) is_aborted: &'a dyn Fn(&BatchHeader) -> bool,
    /// Whether a batch is its producer's last; such a batch stays when its records go, because
    /// it holds the producer's sequence number.
    pub(crate) is_last_of_producer: &'a dyn Fn(&BatchHeader) -> bool,
}

impl std::fmt::Debug for Compaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compaction")
            .field("now", &self.now)
            .field("below", &self.below)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Compacts the closed segments where enough is to be gained, or where tombstones fell due.
    ///
    /// Records keep their offsets, batches their base and last offsets.
    ///
    /// # Errors
    ///
    /// [`LogError`] where a file cannot be read or written; segments done before stay done.
    pub(crate) fn compact(&mut self, run: &Compaction<'_>) -> Result<(), LogError> {
        let count = self.compactable(run);
        if !self.is_worthwhile(count, run) {
            return Ok(());
        }
        let newest = self.newest_offsets(count, run)?;
        let rule = Rule { run, newest };
        self.tombstones_due = None;
        for segment in self.segments.iter_mut().take(count) {
            let due = compact_segment(segment, &rule)?;
            self.tombstones_due = earliest(self.tombstones_due, due);
        }
        self.compacted_below = self
            .segments
            .get(count)
            .map_or(self.end, |segment| segment.base_offset);
        self.join_small(count, run.segment_bytes_max)
    }

    /// How many segments from the oldest on may be compacted; never the active one.
    fn compactable(&self, run: &Compaction<'_>) -> usize {
        let is_ripe = |segment: &Segment| {
            segment.end() <= run.below
                && run.now >= segment.max_timestamp.saturating_add(run.lag_ms_min)
        };
        let closed = self.segments.len().saturating_sub(1);
        self.segments
            .iter()
            .take(closed)
            .take_while(|segment| is_ripe(segment))
            .count()
    }

    fn is_worthwhile(&self, count: usize, run: &Compaction<'_>) -> bool {
        let closed = || self.segments.iter().take(count);
        let bytes = |segment: &Segment| segment.bytes;
        let all: u64 = closed().map(bytes).sum();
        let dirty: u64 = closed()
            .filter(|segment| segment.base_offset >= self.compacted_below)
            .map(bytes)
            .sum();
        let is_due = self.tombstones_due.is_some_and(|due| run.now >= due);
        #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
        let is_dirty = dirty > 0 && dirty as f64 >= run.dirty_ratio_min * all as f64;
        is_dirty || (is_due && count > 0)
    }

    /// The offset of the newest record of each key.
    fn newest_offsets(
        &self,
        count: usize,
        run: &Compaction<'_>,
    ) -> Result<HashMap<Box<[u8]>, Offset>, LogError> {
        let mut newest = HashMap::new();
        let mut decompressor = Decompressor::default();
        for segment in self.segments.iter().take(count) {
            for entry in segment.entries() {
                let bytes = segment.bytes_of(entry)?;
                note_keys(&bytes, run, &mut decompressor, &mut newest);
            }
        }
        Ok(newest)
    }

    /// Joins neighbours among the first `count` segments while the sum stays within `bytes_max`.
    fn join_small(&mut self, count: usize, bytes_max: u64) -> Result<(), LogError> {
        let (mut index, mut left) = (0, count.saturating_sub(1));
        while left > 0 {
            left -= 1;
            let (Some(first), Some(second)) =
                (self.segments.get(index), self.segments.get(index + 1))
            else {
                break;
            };
            if first.bytes.saturating_add(second.bytes) > bytes_max {
                index += 1;
                continue;
            }
            let batches = all_batches(first)?.into_iter().chain(all_batches(second)?);
            let batches = batches.collect();
            if let Some(first) = self.segments.get_mut(index) {
                first.replace(batches)?;
            }
            if let Some(second) = self.segments.remove(index + 1) {
                second.remove()?;
            }
        }
        Ok(())
    }
}

fn all_batches(segment: &Segment) -> Result<Vec<Bytes>, LogError> {
    segment
        .entries()
        .map(|entry| segment.bytes_of(entry))
        .collect()
}

fn note_keys(
    bytes: &[u8],
    run: &Compaction<'_>,
    decompressor: &mut Decompressor,
    newest: &mut HashMap<Box<[u8]>, Offset>,
) {
    // Batches were checked when they were appended: one that cannot be read is left as it is.
    let Some(Ok(batch)) = Batches::new(bytes).next() else {
        return;
    };
    if batch.header().is_control() || (run.is_aborted)(batch.header()) {
        return;
    }
    let Ok(records) = batch.records(decompressor) else {
        return;
    };
    for record in records.flatten() {
        if let Some(key) = record.key {
            newest.insert(key.into(), record.offset);
        }
    }
}

/// Compacts one segment; returns when the first of the tombstones left in it falls due.
fn compact_segment(segment: &mut Segment, rule: &Rule<'_>) -> Result<Option<Timestamp>, LogError> {
    let mut decompressor = Decompressor::default();
    let mut kept = Vec::new();
    let mut is_changed = false;
    let mut due = None;
    for bytes in all_batches(segment)? {
        let outcome = survivors(&bytes, rule, &mut decompressor);
        due = earliest(due, outcome.tombstones_due);
        is_changed |= outcome.batch.as_ref() != Some(&bytes);
        kept.extend(outcome.batch);
    }
    if is_changed {
        segment.replace(kept)?;
    }
    Ok(due)
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}
