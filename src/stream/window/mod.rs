//! Windows: which records are aggregated together, and until when.
//!
//! One file a kind. Each says what windows there are, what they hold and when they close, once,
//! for everything that asks; what is remembered of them is the business of `stream::windowed`.

mod calendar;
mod rows;
mod session;
mod sliding;
mod time;
mod trailing;

pub use calendar::{CalendarWindows, Unit};
pub use rows::RowWindows;
pub use session::SessionWindows;
pub use sliding::SlidingWindows;
pub use time::TimeWindows;
pub use trailing::{Bounds, TrailingWindows};

use chrono::TimeDelta;
use thiserror::Error;

use crate::record::Timestamp;
use crate::stream::emit::Emit;

/// No month is longer: 31 days and an hour that clocks are put back.
const MONTH_MS_MAX: i64 = (31 * 24 + 1) * 3_600_000;

/// Which records of a key are aggregated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Windows {
    /// All of them: one running result for each key, which never closes. It comes out as
    /// [`crate::stream::plan::Emit::Updates`] or
    /// [`crate::stream::plan::Emit::EveryUpdate`] say, and never where only final results are
    /// wanted.
    Running,
    /// Those of one stretch of event time: tumbling and hopping windows.
    Time(TimeWindows),
    /// Those that follow one another within a gap.
    Session(SessionWindows),
    /// Each distinct set of those that lie within a difference of each other.
    Sliding(SlidingWindows),
    /// Those of the last stretch of time, as of each record or tick.
    Trailing(TrailingWindows),
    /// The last so many.
    Rows(RowWindows),
    /// Those of one hour, day, week or month of a time zone.
    Calendar(CalendarWindows),
}

impl Windows {
    /// When results come out unless it is said: of windows that close, then.
    #[must_use]
    pub const fn default_emit(&self) -> Emit {
        match self {
            Self::Running => Emit::Updates,
            _ => Emit::Final,
        }
    }

    /// After how long without records every window has closed, in milliseconds of stream time; 0
    /// for what never closes.
    #[must_use]
    pub fn open_ms(&self) -> i64 {
        let open = match self {
            Self::Running | Self::Rows(_) => return 0,
            Self::Time(windows) => [windows.size_ms(), windows.grace_ms()],
            Self::Session(windows) => [windows.gap_ms(), windows.grace_ms()],
            Self::Sliding(windows) => [windows.difference_ms(), windows.grace_ms()],
            Self::Trailing(windows) => [
                windows
                    .length_ms()
                    .saturating_add(windows.every_ms().unwrap_or(0)),
                windows.grace_ms(),
            ],
            Self::Calendar(windows) => [MONTH_MS_MAX, windows.grace_ms()],
        };
        // Ends that are inside close an instant later.
        open.into_iter().fold(1, i64::saturating_add)
    }

    /// Whether a result is of a stretch of event time, whose bounds it shows.
    #[must_use]
    pub const fn has_bounds(&self) -> bool {
        !matches!(self, Self::Running | Self::Rows(_))
    }

    /// The first stream time at which the window that ends at `end` is closed; `None` where windows
    /// never close.
    #[must_use]
    pub fn closes_at(&self, end: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Running | Self::Rows(_) => None,
            Self::Time(windows) => Some(end.saturating_add(windows.grace_ms())),
            Self::Calendar(windows) => Some(end.saturating_add(windows.grace_ms())),
            Self::Session(windows) => Some(windows.closes_at(end)),
            Self::Sliding(windows) => Some(windows.closes_at(end)),
            Self::Trailing(windows) => Some(windows.closes_at(end)),
        }
    }

    /// How long it is from the start of one window to that of the next, at most; `None` where that
    /// is not for the windows to say but for the records.
    #[must_use]
    pub fn at_most_every(&self) -> Option<TimeDelta> {
        match self {
            Self::Time(windows) => Some(TimeDelta::milliseconds(windows.advance_ms())),
            Self::Calendar(windows) => Some(windows.unit().longest()),
            Self::Running
            | Self::Session(_)
            | Self::Sliding(_)
            | Self::Trailing(_)
            | Self::Rows(_) => None,
        }
    }
}

/// A kind of windows is windows.
macro_rules! kinds {
    ($($kind:ident($windows:ty)),*) => {$(
        impl From<$windows> for Windows {
            fn from(windows: $windows) -> Self {
                Self::$kind(windows)
            }
        }
    )*};
}

kinds!(
    Time(TimeWindows),
    Session(SessionWindows),
    Sliding(SlidingWindows),
    Trailing(TrailingWindows),
    Rows(RowWindows),
    Calendar(CalendarWindows)
);

/// Window parameters that make no windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WindowsError {
    /// The size is not above 0.
    #[error("window size must be above 0")]
    Size,
    /// The advance is not above 0, or above the size, which would leave gaps between windows.
    #[error("window advance must be above 0 and at most the size")]
    Advance,
    /// The gap of sessions is negative.
    #[error("session gap must not be negative")]
    Gap,
    /// The difference of sliding windows is negative.
    #[error("sliding difference must not be negative")]
    Difference,
    /// The grace is negative.
    #[error("grace must not be negative")]
    Grace,
    /// A parameter is not a whole number of milliseconds.
    #[error("window size, advance and grace must be whole milliseconds")]
    Precision,
}

/// `delta` as whole milliseconds.
///
/// # Errors
///
/// [`WindowsError::Precision`].
fn millis(delta: TimeDelta) -> Result<i64, WindowsError> {
    if delta.subsec_nanos() % 1_000_000 != 0 {
        return Err(WindowsError::Precision);
    }
    Ok(delta.num_milliseconds())
}
