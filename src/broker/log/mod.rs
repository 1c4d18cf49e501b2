//! The log of one partition: batches as received, in segments, in memory or in files.
//!
//! A segment is the unit of retention and compaction; the last one, the active segment, takes
//! appends and is never compacted. In a file, batches stand end to end, as in Kafka's own `.log`
//! files; offset and time look-ups use an index of one entry a batch that is kept in memory and
//! built anew at start.
//!
//! Durability: an append is a write to the file, not a sync, as with Kafka's defaults. A segment
//! is synced when the next one begins and at shutdown, so what a power failure can take is the
//! tail of the active segment; at start that segment's checksums are verified and a torn tail is
//! cut off.

mod compaction;
mod error;
mod recovery;
mod retention;
mod segment;
mod survivors;

use std::collections::VecDeque;
use std::path::PathBuf;

use bytes::Bytes;

pub(crate) use compaction::Compaction;
pub use error::LogError;
use segment::Segment;

use crate::protocol::batch_header::BatchHeader;
use crate::record::Offset;
use crate::record::Timestamp;

/// When a new segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rolling {
    /// A segment is not made longer than this by an append (`segment.bytes`).
    pub(crate) segment_bytes_max: u64,
    /// A segment takes no append once it is this old (`segment.ms`).
    pub(crate) segment_ms_max: i64,
}

/// Whether a read returns its first batch also where that is above the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstBatch {
    /// Yes: the reader could not go on otherwise (KIP-74).
    Always,
    /// Only within the bound.
    WithinBound,
}

/// The log of one partition.
#[derive(Debug)]
pub(crate) struct Log {
    /// In order, never empty; the last one is active.
    segments: VecDeque<Segment>,
    start: Offset,
    end: Offset,
    /// Where segment files stand; `None` keeps batches in memory.
    dir: Option<PathBuf>,
    /// Segments that begin below this have been compacted.
    compacted_below: Offset,
    /// When the first tombstone that compaction has met may go.
    tombstones_due: Option<Timestamp>,
}

impl Log {
    /// An empty log in memory.
    pub(crate) fn in_memory() -> Self {
        Self {
            segments: VecDeque::from([Segment::in_memory(Offset(0), Timestamp::MIN)]),
            start: Offset(0),
            end: Offset(0),
            dir: None,
            compacted_below: Offset(0),
            tombstones_due: None,
        }
    }

    /// The offset of the oldest record that may be read.
    pub(crate) const fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets.
    pub(crate) const fn end(&self) -> Offset {
        self.end
    }

    /// The bytes of all batches.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends one whole batch whose header says `header`, its base offset being the log's end.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be written; the log is as it was then.
    pub(crate) fn append(
        &mut self,
        header: &BatchHeader,
        batch: Bytes,
        rolling: Rolling,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let length = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if self.active().is_full(length, rolling, now) {
            self.roll(now)?;
        }
        let end = header.next_offset();
        self.active_mut(now).append(header, batch, now)?;
        self.end = end;
        Ok(())
    }

    /// Reads whole batches: from the one that holds `from` on, those that begin below `below`, up
    /// to `bytes_max` in all.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be read.
    pub(crate) fn read(
        &self,
        from: Offset,
        below: Offset,
        bytes_max: usize,
        first: FirstBatch,
    ) -> Result<Vec<Bytes>, LogError> {
        let mut out = Vec::new();
        let mut left = bytes_max;
        let mut first = first;
        for segment in &self.segments {
            if segment.end_after(from) {
                let is_done = segment.read(from, below, &mut left, &mut first, &mut out)?;
                if is_done {
                    break;
                }
            }
        }
        Ok(out)
    }

    /// The first batch with a timestamp at or above `time`, among those that end at or above
    /// `from`.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be read.
    pub(crate) fn batch_at_time(
        &self,
        time: Timestamp,
        from: Offset,
    ) -> Result<Option<Bytes>, LogError> {
        for segment in &self.segments {
            if segment.max_timestamp >= time
                && let Some(batch) = segment
                    .find(|entry| entry.max_timestamp >= time && entry.last_offset >= from)?
            {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// The largest timestamp among the batches that end at or above the log's start; `None` where
    /// there is no batch.
    pub(crate) fn max_timestamp(&self) -> Option<Timestamp> {
        let entries = self.segments.iter().flat_map(Segment::entries);
        entries
            .filter(|entry| entry.last_offset >= self.start)
            .map(|entry| entry.max_timestamp)
            .max()
    }

    /// Forgets what lies below `offset`, which is at most the log's end; segments that lie below
    /// it as a whole are removed. Never moves back.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the new start cannot be written down.
    pub(crate) fn advance_start(&mut self, offset: Offset) -> Result<(), LogError> {
        if offset <= self.start || offset > self.end {
            return Ok(());
        }
        self.start = offset;
        self.save_start()?;
        self.remove_segments_below_start()
    }

    /// Makes all that was appended durable.
    ///
    /// # Errors
    ///
    /// [`LogError`] where a file cannot be synced.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.active().sync()
    }

    fn roll(&mut self, now: Timestamp) -> Result<(), LogError> {
        self.sync()?;
        let segment = match &self.dir {
            Some(dir) => Segment::create(dir, self.end, now)?,
            None => Segment::in_memory(self.end, now),
        };
        self.segments.push_back(segment);
        Ok(())
    }

    #[expect(clippy::expect_used, reason = "a log has a segment from its making on")]
    fn active(&self) -> &Segment {
        self.segments.back().expect("a log has an active segment")
    }

    #[expect(clippy::expect_used, reason = "a log has a segment from its making on")]
    fn active_mut(&mut self, now: Timestamp) -> &mut Segment {
        let segment = self
            .segments
            .back_mut()
            .expect("a log has an active segment");
        if segment.entries().next().is_none() {
            segment.created_at = now;
        }
        segment
    }
}

#[cfg(test)]
mod tests;
