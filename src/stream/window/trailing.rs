//! Trailing windows.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::stream::window::WindowsError;
use crate::stream::window::millis;

/// The records of the last stretch of time, as of each record or as of each tick: moving averages
/// and their kin.
///
/// A window ends at an instant *t*: the time of a record of the key, or, with `every`, a multiple
/// of it since the epoch at which the window holds a record. It holds the records from
/// `t − length` up to *t*, which is inside, and nothing later, also when later records have come.
/// [`Bounds`] says whether `t − length` is inside too.
///
/// A window is open while `end >= stream time − grace`. A record is late where every window that
/// could hold it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailingWindows {
    length_ms: i64,
    every_ms: Option<i64>,
    bounds: Bounds,
    grace_ms: i64,
}

/// Whether the start of a trailing window is inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bounds {
    /// `[t − length, t]`, as in Kafka Streams' sliding windows.
    #[default]
    Closed,
    /// `(t − length, t]`, as in pandas and polars.
    HalfOpen,
}

impl TrailingWindows {
    /// Windows of `length` that end at each record, or at each multiple of `every`.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn new(
        length: TimeDelta,
        every: Option<TimeDelta>,
        bounds: Bounds,
        grace: TimeDelta,
    ) -> Result<Self, WindowsError> {
        let every = every.map(millis).transpose()?;
        match (millis(length)?, every, millis(grace)?) {
            (..=0, ..) => Err(WindowsError::Size),
            (length, Some(every), _) if every <= 0 || every > length => Err(WindowsError::Advance),
            (.., ..0) => Err(WindowsError::Grace),
            (length_ms, every_ms, grace_ms) => Ok(Self {
                length_ms,
                every_ms,
                bounds,
                grace_ms,
            }),
        }
    }

    /// From the start of a window to its end, in milliseconds.
    #[must_use]
    pub const fn length_ms(self) -> i64 {
        self.length_ms
    }

    /// From one tick to the next, in milliseconds; `None` where each record has a window.
    #[must_use]
    pub const fn every_ms(self) -> Option<i64> {
        self.every_ms
    }

    /// Whether the start is inside.
    #[must_use]
    pub const fn bounds(self) -> Bounds {
        self.bounds
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
        let refused = |length, every: Option<i64>, grace| {
            let every = every.map(ms);
            TrailingWindows::new(ms(length), every, Bounds::Closed, ms(grace)).err()
        };
        assert_eq!(refused(0, None, 0), Some(WindowsError::Size));
        assert_eq!(refused(5, Some(0), 0), Some(WindowsError::Advance));
        assert_eq!(refused(5, Some(6), 0), Some(WindowsError::Advance), "gaps");
        assert_eq!(refused(5, None, -1), Some(WindowsError::Grace));
        assert_eq!(refused(5, Some(5), 0), None);
    }
}
