//! Session windows.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::stream::window::WindowsError;
use crate::stream::window::millis;

/// Windows of activity: from the first to the last of records that follow one another within a
/// gap.
///
/// Two records of a key are of one session where their times differ by the gap or less; a record
/// that comes between two sessions merges them. Both bounds are inside: a session is
/// `[first, last]`, of one record `[t, t]`.
///
/// A session is open while `last >= stream time − gap − grace`, since a record that is not late
/// could still continue it, and closed after that instant. A record is late where it continues no
/// open session and would be closed as one of its own. What is closed is never opened again.
///
/// Source: KIP-94; `KStreamSessionWindowAggregate` (Apache Kafka, commit 1eb7644).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionWindows {
    gap_ms: i64,
    grace_ms: i64,
}

impl SessionWindows {
    /// Sessions that end after `gap` without a record.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn new(gap: TimeDelta, grace: TimeDelta) -> Result<Self, WindowsError> {
        match (millis(gap)?, millis(grace)?) {
            (..0, _) => Err(WindowsError::Gap),
            (_, ..0) => Err(WindowsError::Grace),
            (gap_ms, grace_ms) => Ok(Self { gap_ms, grace_ms }),
        }
    }

    /// The longest time between two records of one session, in milliseconds.
    #[must_use]
    pub const fn gap_ms(self) -> i64 {
        self.gap_ms
    }

    /// How long after gap and end a session stays open, in milliseconds of stream time.
    #[must_use]
    pub const fn grace_ms(self) -> i64 {
        self.grace_ms
    }

    /// The first stream time at which a session that ends at `end` is closed; beyond the 64-bit
    /// range it never is.
    #[must_use]
    pub const fn closes_at(self, end: Timestamp) -> Timestamp {
        let last_open = end.saturating_add(self.gap_ms);
        last_open.saturating_add(self.grace_ms).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_make_no_sessions_are_refused() {
        let ms = TimeDelta::milliseconds;
        let refused = |gap, grace| SessionWindows::new(ms(gap), ms(grace)).err();
        assert_eq!(refused(-1, 0), Some(WindowsError::Gap));
        assert_eq!(refused(1, -1), Some(WindowsError::Grace));
        assert_eq!(refused(0, 0), None);
    }

    #[test]
    fn a_session_is_closed_a_millisecond_after_gap_and_grace() {
        let ms = TimeDelta::milliseconds;
        let sessions = SessionWindows::new(ms(10), ms(5)).unwrap();
        assert_eq!(sessions.closes_at(Timestamp(100)), Timestamp(116));
        assert_eq!(sessions.closes_at(Timestamp::MAX), Timestamp::MAX);
    }
}
