//! Windows that are runs of slices of event time, of whichever kind.

use std::ops::Range;

use crate::record::Timestamp;
use crate::stream::window::CalendarWindows;
use crate::stream::window::TimeWindows;

/// Windows, and the slices that their bounds cut event time into.
///
/// Windows of a calendar are told by the time of their start, and each is one slice.
#[derive(Clone, Debug)]
pub(crate) enum Slices {
    Time(TimeWindows),
    Calendar(CalendarWindows),
}

impl From<TimeWindows> for Slices {
    fn from(windows: TimeWindows) -> Self {
        Self::Time(windows)
    }
}

impl From<CalendarWindows> for Slices {
    fn from(windows: CalendarWindows) -> Self {
        Self::Calendar(windows)
    }
}

impl Slices {
    /// The first window that can hold anything.
    pub(super) fn first(&self) -> i64 {
        match self {
            Self::Time(_) => 0,
            Self::Calendar(windows) => windows.holding(Timestamp(0)).start.0,
        }
    }

    pub(super) const fn grace_ms(&self) -> i64 {
        match self {
            Self::Time(windows) => windows.grace_ms(),
            Self::Calendar(windows) => windows.grace_ms(),
        }
    }

    pub(super) const fn start(&self, window: i64) -> Timestamp {
        match self {
            Self::Time(windows) => windows.start(window),
            Self::Calendar(_) => Timestamp(window),
        }
    }

    /// The end of window `window`; where there is none of this number, that of the one before.
    pub(super) fn end(&self, window: i64) -> Timestamp {
        match self {
            Self::Time(windows) => windows.end(window),
            Self::Calendar(windows) => windows.holding(Timestamp(window)).end,
        }
    }

    /// The window after `window`.
    pub(super) fn after(&self, window: i64) -> i64 {
        match self {
            Self::Time(_) => window.saturating_add(1),
            Self::Calendar(_) => self.end(window).0,
        }
    }

    /// The windows below this are closed when stream time is `stream_time`.
    pub(super) fn closed_at(&self, stream_time: Timestamp) -> i64 {
        match self {
            Self::Time(windows) => windows.closed_at(stream_time),
            Self::Calendar(windows) => {
                let past = stream_time.0.saturating_sub(windows.grace_ms()).max(0);
                windows.holding(Timestamp(past)).start.0
            }
        }
    }

    pub(super) fn slice(&self, time: Timestamp) -> i64 {
        match self {
            Self::Time(windows) => windows.slice(time),
            Self::Calendar(windows) => windows.holding(time).start.0,
        }
    }

    pub(super) fn slice_times(&self, slice: i64) -> Range<i64> {
        match self {
            Self::Time(windows) => windows.slice_times(slice),
            Self::Calendar(_) => slice..self.end(slice).0,
        }
    }

    pub(super) const fn holding(&self, slice: i64) -> Range<i64> {
        match self {
            Self::Time(windows) => windows.holding(slice),
            Self::Calendar(_) => slice..slice.saturating_add(1),
        }
    }

    pub(super) const fn slices(&self, window: i64) -> Range<i64> {
        match self {
            Self::Time(windows) => windows.slices(window),
            Self::Calendar(_) => window..window.saturating_add(1),
        }
    }

    /// The windows of `all` that are closed where those below `closed` are.
    pub(super) const fn expired(&self, all: &Range<i64>, closed: i64) -> u64 {
        match self {
            Self::Time(_) if all.start < closed => closed.abs_diff(all.start),
            Self::Time(_) | Self::Calendar(_) => 0,
        }
    }
}
