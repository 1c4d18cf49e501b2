//! Old segments go: by age, by size, and below the log's start.

use crate::broker::log::Log;
use crate::broker::log::error::LogError;
use crate::record::Timestamp;

impl Log {
    /// Removes the oldest segments while each holds only records older than `retention_ms`, or
    /// while what is left is still at least `retention_bytes`. A bound below 0 does not apply.
    ///
    /// A record is too old once `now` is more than `retention_ms` past its segment's largest
    /// timestamp. By age the active segment goes too, and an empty one takes its place.
    ///
    /// # Errors
    ///
    /// [`LogError`] where a file cannot be removed.
    pub(crate) fn retain(
        &mut self,
        now: Timestamp,
        retention_ms: i64,
        retention_bytes: i64,
    ) -> Result<(), LogError> {
        if retention_ms >= 0 {
            self.remove_by_age(now, retention_ms)?;
        }
        if let Ok(bytes) = u64::try_from(retention_bytes) {
            self.remove_by_size(bytes)?;
        }
        Ok(())
    }

    fn remove_by_age(&mut self, now: Timestamp, retention_ms: i64) -> Result<(), LogError> {
        while let Some(oldest) = self.segments.front() {
            let newest = if oldest.max_timestamp.is_event_time() {
                oldest.max_timestamp
            } else {
                oldest.changed_at
            };
            let is_empty = oldest.entries().next().is_none();
            if is_empty || now <= newest.saturating_add(retention_ms) {
                break;
            }
            if self.segments.len() == 1 {
                self.roll(now)?;
            }
            self.remove_oldest()?;
        }
        Ok(())
    }

    fn remove_by_size(&mut self, retention_bytes: u64) -> Result<(), LogError> {
        let mut size = self.size_bytes();
        while self.segments.len() > 1
            && let Some(oldest) = self.segments.front()
            && size.saturating_sub(oldest.bytes) >= retention_bytes
        {
            size = size.saturating_sub(oldest.bytes);
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the segments that lie below the log's start as a whole.
    pub(super) fn remove_segments_below_start(&mut self) -> Result<(), LogError> {
        while self.segments.len() > 1
            && self
                .segments
                .get(1)
                .is_some_and(|second| second.base_offset <= self.start)
        {
            self.remove_oldest()?;
        }
        Ok(())
    }

    /// Removes the oldest of at least two segments.
    fn remove_oldest(&mut self) -> Result<(), LogError> {
        if let Some(oldest) = self.segments.pop_front() {
            oldest.remove()?;
        }
        if let Some(now_oldest) = self.segments.front() {
            self.start = self.start.max(now_oldest.base_offset);
        }
        Ok(())
    }
}
