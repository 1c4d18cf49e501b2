//! How near the times of two records must be to join.

use std::ops::RangeInclusive;

use chrono::TimeDelta;
use thiserror::Error;

use crate::record::Timestamp;

/// How near the times of two records must be, and how long a record waits for partners.
///
/// A left record at *t* joins right records in `[t − before, t + after]`, both ends inside. Either
/// may be negative, which puts the window beside the record, as long as the window is not empty.
/// A record is open until stream time is beyond the end of its own window plus grace: a left one
/// while stream time ≤ *t* + after + grace, a right one while stream time ≤ *t* + before + grace.
///
/// Source: `JoinWindows` (Apache Kafka).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinWindow {
    before_ms: i64,
    after_ms: i64,
    grace_ms: i64,
}

/// Parameters that make no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JoinWindowError {
    /// No time is both.
    #[error("join window must not be empty: before plus after is below 0")]
    Empty,
    /// The grace is below 0.
    #[error("grace must not be below 0")]
    Grace,
}

impl JoinWindow {
    /// The window that ends `before` before a record and `after` after it.
    ///
    /// # Errors
    ///
    /// [`JoinWindowError`] where the parameters make none.
    pub const fn new(
        before: TimeDelta,
        after: TimeDelta,
        grace: TimeDelta,
    ) -> Result<Self, JoinWindowError> {
        let window = Self {
            before_ms: before.num_milliseconds(),
            after_ms: after.num_milliseconds(),
            grace_ms: grace.num_milliseconds(),
        };
        if window.before_ms.saturating_add(window.after_ms) < 0 {
            return Err(JoinWindowError::Empty);
        }
        if window.grace_ms < 0 {
            return Err(JoinWindowError::Grace);
        }
        Ok(window)
    }

    /// How long a record may matter: it may have been the partner of one that is still open.
    pub(crate) fn reach(self) -> TimeDelta {
        let window = self.before_ms.saturating_add(self.after_ms);
        let reach = window.saturating_add(self.grace_ms);
        TimeDelta::try_milliseconds(reach).unwrap_or(TimeDelta::MAX)
    }

    /// The times of the partners of a record of `side` (0 left, 1 right) at `time`.
    pub(crate) const fn partners(self, side: usize, time: Timestamp) -> RangeInclusive<Timestamp> {
        let (before, after) = match side {
            0 => (self.before_ms, self.after_ms),
            _ => (self.after_ms, self.before_ms),
        };
        time.saturating_sub(before)..=time.saturating_add(after)
    }

    /// Whether a record of `side` at `time` can have no more partners at stream time `now`.
    pub(crate) fn is_closed(self, side: usize, time: Timestamp, now: Timestamp) -> bool {
        let end = *self.partners(side, time).end();
        now > end.saturating_add(self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(before: i64, after: i64, grace: i64) -> Result<JoinWindow, JoinWindowError> {
        let millis = TimeDelta::milliseconds;
        JoinWindow::new(millis(before), millis(after), millis(grace))
    }

    #[test]
    fn both_ends_are_inside_and_the_right_side_sees_the_mirror_image() {
        let window = window(10, 3, 0).unwrap();
        let times = |range: RangeInclusive<Timestamp>| (range.start().0, range.end().0);
        assert_eq!(times(window.partners(0, Timestamp(100))), (90, 103));
        assert_eq!(times(window.partners(1, Timestamp(100))), (97, 110));
    }

    #[test]
    fn a_record_is_open_at_the_end_of_its_window_plus_grace_and_not_beyond() {
        let window = window(10, 3, 5).unwrap();
        assert!(!window.is_closed(0, Timestamp(100), Timestamp(108)));
        assert!(window.is_closed(0, Timestamp(100), Timestamp(109)));
        assert!(!window.is_closed(1, Timestamp(100), Timestamp(115)));
        assert!(window.is_closed(1, Timestamp(100), Timestamp(116)));
    }

    #[test]
    fn an_empty_window_and_a_negative_grace_are_refused() {
        assert_eq!(window(10, -11, 0), Err(JoinWindowError::Empty));
        assert!(window(10, -10, 0).is_ok(), "one instant is a window");
        assert_eq!(window(1, 1, -1), Err(JoinWindowError::Grace));
    }
}
