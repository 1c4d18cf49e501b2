//! Tumbling and hopping windows, and the slices that their boundaries cut event time into.

use std::ops::Range;

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::stream::window::WindowsError;
use crate::stream::window::millis;

/// Half-open windows of one size, aligned to the epoch, with the grace that late records get.
///
/// Window *n*, from 0 upward, is `[n · advance, n · advance + size)`: its start is inside, its end
/// is not. None starts before the epoch, so a record stamped before `size − advance` is in fewer
/// windows. Tumbling windows are those whose advance is their size; an advance need not divide the
/// size.
///
/// A window is open while `stream time < end + grace` and closed at the instant that stream time
/// equals it. Ends beyond the 64-bit range are never reached.
///
/// Source: `TimeWindows.windowsFor` and `KStreamWindowAggregate` (Apache Kafka, commit 1eb7644),
/// which take `end + grace <= stream time` as closed.
///
/// # Examples
///
/// ```
/// use chrono::TimeDelta;
/// use tidemill::record::Timestamp;
/// use tidemill::stream::window::TimeWindows;
///
/// let seconds = TimeDelta::seconds;
/// let windows = TimeWindows::hopping(seconds(5), seconds(3), seconds(1))?;
/// assert_eq!(windows.containing(Timestamp(4_000)), 0..2, "[0, 5000) and [3000, 8000)");
/// assert_eq!(windows.closed_at(Timestamp(5_999)), 0, "1 ms before [0, 5000) closes");
/// assert_eq!(windows.closed_at(Timestamp(6_000)), 1, "closed");
/// # Ok::<(), tidemill::stream::window::WindowsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindows {
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
}

impl TimeWindows {
    /// Windows that follow one another without overlap.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn tumbling(size: TimeDelta, grace: TimeDelta) -> Result<Self, WindowsError> {
        Self::hopping(size, size, grace)
    }

    /// Windows that start every `advance`, and overlap where that is less than `size`.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn hopping(
        size: TimeDelta,
        advance: TimeDelta,
        grace: TimeDelta,
    ) -> Result<Self, WindowsError> {
        let windows = Self {
            size_ms: millis(size)?,
            advance_ms: millis(advance)?,
            grace_ms: millis(grace)?,
        };
        match windows {
            Self { size_ms, .. } if size_ms <= 0 => Err(WindowsError::Size),
            Self { advance_ms, .. } if advance_ms <= 0 => Err(WindowsError::Advance),
            Self { advance_ms, .. } if advance_ms > windows.size_ms => Err(WindowsError::Advance),
            Self { grace_ms, .. } if grace_ms < 0 => Err(WindowsError::Grace),
            windows => Ok(windows),
        }
    }

    /// How long each window is, in milliseconds.
    #[must_use]
    pub const fn size_ms(self) -> i64 {
        self.size_ms
    }

    /// From the start of one window to that of the next, in milliseconds.
    #[must_use]
    pub const fn advance_ms(self) -> i64 {
        self.advance_ms
    }

    /// How long after its end a window stays open, in milliseconds of stream time.
    #[must_use]
    pub const fn grace_ms(self) -> i64 {
        self.grace_ms
    }

    /// The start of window `window`, inside it.
    #[must_use]
    pub const fn start(self, window: i64) -> Timestamp {
        Timestamp(window.saturating_mul(self.advance_ms))
    }

    /// The end of window `window`, outside it; cut to the largest 64-bit time where it lies
    /// beyond (`WindowKeySchema`, Apache Kafka).
    #[must_use]
    pub const fn end(self, window: i64) -> Timestamp {
        self.start(window).saturating_add(self.size_ms)
    }

    /// The numbers of the windows that hold `time`, which is not negative, oldest first.
    #[must_use]
    pub fn containing(self, time: Timestamp) -> Range<i64> {
        self.holding(self.slice(time))
    }

    /// How many windows, counted from window 0, are closed when stream time is `stream_time`.
    ///
    /// So window *n* is closed exactly where *n* is below this.
    #[must_use]
    pub const fn closed_at(self, stream_time: Timestamp) -> i64 {
        let past = stream_time.0.saturating_sub(self.size_ms);
        let past = past.saturating_sub(self.grace_ms);
        if past < 0 {
            return 0;
        }
        (past / self.advance_ms).saturating_add(1)
    }

    /// The number of the slice that `time`, which is not negative, falls into.
    ///
    /// Slices are what is left of event time when it is cut at every window start and every
    /// window end: one a window where the advance divides the size, else two. Every window is a
    /// run of whole slices.
    #[must_use]
    pub const fn slice(self, time: Timestamp) -> i64 {
        let window = time.0 / self.advance_ms;
        match self.rest_ms() {
            0 => window,
            rest if time.0 % self.advance_ms < rest => window.saturating_mul(2),
            _ => window.saturating_mul(2).saturating_add(1),
        }
    }

    /// The event times in slice `slice`.
    #[must_use]
    pub const fn slice_times(self, slice: i64) -> Range<i64> {
        match self.rest_ms() {
            0 => self.start(slice).0..self.start(slice.saturating_add(1)).0,
            rest => {
                let start = self.start(slice / 2);
                let middle = start.saturating_add(rest).0;
                match slice % 2 {
                    0 => start.0..middle,
                    _ => middle..start.saturating_add(self.advance_ms).0,
                }
            }
        }
    }

    /// The numbers of the windows that contain slice `slice`, oldest first.
    #[must_use]
    pub const fn holding(self, slice: i64) -> Range<i64> {
        let hops = self.size_ms / self.advance_ms;
        let (last, first) = match self.rest_ms() {
            0 => (slice, slice.saturating_sub(hops).saturating_add(1)),
            _ => (
                slice / 2,
                (slice / 2).saturating_sub(hops).saturating_add(slice % 2),
            ),
        };
        let first = if first < 0 { 0 } else { first };
        first..last.saturating_add(1)
    }

    /// The numbers of the slices that make up window `window`, oldest first.
    #[must_use]
    pub const fn slices(self, window: i64) -> Range<i64> {
        let hops = self.size_ms / self.advance_ms;
        let end = window.saturating_add(hops);
        match self.rest_ms() {
            0 => window..end,
            _ => window.saturating_mul(2)..end.saturating_mul(2).saturating_add(1),
        }
    }

    /// What the last, incomplete hop of a window covers.
    const fn rest_ms(self) -> i64 {
        self.size_ms % self.advance_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(size: i64, advance: i64, grace: i64) -> Result<TimeWindows, WindowsError> {
        let ms = TimeDelta::milliseconds;
        TimeWindows::hopping(ms(size), ms(advance), ms(grace))
    }

    #[test]
    fn parameters_that_make_no_windows_are_refused() {
        assert_eq!(windows(0, 0, 0), Err(WindowsError::Size));
        assert_eq!(windows(5, 0, 0), Err(WindowsError::Advance));
        assert_eq!(windows(5, 6, 0), Err(WindowsError::Advance), "gaps");
        assert_eq!(windows(5, 5, -1), Err(WindowsError::Grace));
        let micros = TimeDelta::microseconds(1_500);
        let refused = TimeWindows::tumbling(micros, TimeDelta::zero());
        assert_eq!(refused, Err(WindowsError::Precision));
    }

    #[test]
    fn a_time_on_a_boundary_is_in_the_window_that_starts_there() {
        let tumbling = windows(10, 10, 0).unwrap();
        assert_eq!(tumbling.containing(Timestamp(9)), 0..1);
        assert_eq!(tumbling.containing(Timestamp(10)), 1..2);
        let hopping = windows(10, 4, 0).unwrap();
        assert_eq!(hopping.containing(Timestamp(9)), 0..3);
        assert_eq!(hopping.containing(Timestamp(10)), 1..3, "[0, 10) is over");
        assert_eq!(hopping.containing(Timestamp(12)), 1..4);
    }

    #[test]
    fn the_largest_time_and_the_largest_sizes_overflow_nothing() {
        for (size, advance) in [(i64::MAX, 1), (i64::MAX, 2), (i64::MAX, i64::MAX), (3, 2)] {
            let windows = windows(size, advance, i64::MAX).unwrap();
            let slice = windows.slice(Timestamp::MAX);
            assert!(
                windows
                    .holding(slice)
                    .contains(&windows.containing(Timestamp::MAX).start)
            );
            assert_eq!(windows.closed_at(Timestamp::MAX), 0, "the grace never ends");
            assert_eq!(windows.closed_at(Timestamp::MIN), 0);
        }
        assert_eq!(windows(10, 10, 0).unwrap().end(i64::MAX), Timestamp::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Against the definition: window n is [n * advance, n * advance + size), closed at
        /// end + grace.
        #[test]
        fn windows_and_slices_are_those_of_the_definition(
            size in 1i64..40, advance in 1i64..40, grace in 0i64..20,
            time in 0i64..300, stream_time in 0i64..300,
        ) {
            let advance = advance.min(size);
            let windows = windows(size, advance, grace).unwrap();
            let holds = |n: i64, t: i64| n * advance <= t && t < n * advance + size;
            let by_definition: Vec<i64> = (0..400).filter(|&n| holds(n, time)).collect();
            let slice = windows.slice(Timestamp(time));
            prop_assert_eq!(windows.holding(slice).collect::<Vec<_>>(), by_definition);
            prop_assert!(windows.slice_times(slice).contains(&time));
            for n in 0..(300 / advance) {
                let closed = n * advance + size + grace <= stream_time;
                prop_assert_eq!(n < windows.closed_at(Timestamp(stream_time)), closed);
                prop_assert_eq!(windows.slices(n).contains(&slice), holds(n, time));
                prop_assert_eq!(windows.slice_times(windows.slices(n).start).start, n * advance);
                let last = windows.slices(n).end - 1;
                prop_assert_eq!(windows.slice_times(last).end, n * advance + size);
            }
        }
    }
}
