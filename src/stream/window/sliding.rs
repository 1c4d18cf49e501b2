//! Sliding windows.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::stream::window::WindowsError;
use crate::stream::window::millis;

/// One window for each distinct set of records that lie within a difference of each other.
///
/// Both bounds are inside. For each record of a key at `t` there is its left window
/// `[t − difference, t]` and, once a later record is in it, its right window
/// `[t + 1, t + 1 + difference]`. No window starts before the epoch: records before `difference`
/// share the window `[0, difference]` in place of left windows of their own.
///
/// A window is open while `end >= stream time − grace`. A record is late where every window that
/// could hold it is closed, the last of which ends at `t + difference`; in time, it is in each open
/// window that holds its time, whatever came before.
///
/// Source: KIP-450.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingWindows {
    difference_ms: i64,
    grace_ms: i64,
}

impl SlidingWindows {
    /// Windows of records that are at most `difference` apart.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn new(difference: TimeDelta, grace: TimeDelta) -> Result<Self, WindowsError> {
        match (millis(difference)?, millis(grace)?) {
            (..0, _) => Err(WindowsError::Difference),
            (_, ..0) => Err(WindowsError::Grace),
            (difference_ms, grace_ms) => Ok(Self {
                difference_ms,
                grace_ms,
            }),
        }
    }

    /// From the start of a window to its end, in milliseconds.
    #[must_use]
    pub const fn difference_ms(self) -> i64 {
        self.difference_ms
    }

    /// How long after its end a window stays open, in milliseconds of stream time.
    #[must_use]
    pub const fn grace_ms(self) -> i64 {
        self.grace_ms
    }

    /// The first stream time at which a window that ends at `end` is closed; beyond the 64-bit
    /// range it never is.
    #[must_use]
    pub const fn closes_at(self, end: Timestamp) -> Timestamp {
        end.saturating_add(self.grace_ms).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_make_no_windows_are_refused() {
        let ms = TimeDelta::milliseconds;
        let refused = |difference, grace| SlidingWindows::new(ms(difference), ms(grace)).err();
        assert_eq!(refused(-1, 0), Some(WindowsError::Difference));
        assert_eq!(refused(1, -1), Some(WindowsError::Grace));
        assert_eq!(refused(0, 0), None);
    }

    #[test]
    fn a_window_is_closed_a_millisecond_after_end_and_grace() {
        let ms = TimeDelta::milliseconds;
        let sliding = SlidingWindows::new(ms(10), ms(5)).unwrap();
        assert_eq!(sliding.closes_at(Timestamp(100)), Timestamp(106));
    }
}
