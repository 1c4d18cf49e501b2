//! Which windows a log of records makes, told by where they end.

use std::ops::Range;

use crate::record::Timestamp;
use crate::stream::window::Bounds;
use crate::stream::window::SlidingWindows;
use crate::stream::window::TrailingWindows;
use crate::stream::windowed::log::Log;

/// A kind of windows of one length, each told by its end, which is inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    kind: Kind,
    length_ms: i64,
    /// How far before its end the first record of a window may be.
    reach_ms: i64,
    grace_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sliding,
    EachRecord,
    Every(i64),
}

impl From<SlidingWindows> for Ends {
    fn from(windows: SlidingWindows) -> Self {
        Self {
            kind: Kind::Sliding,
            length_ms: windows.difference_ms(),
            reach_ms: windows.difference_ms(),
            grace_ms: windows.grace_ms(),
        }
    }
}

impl From<TrailingWindows> for Ends {
    fn from(windows: TrailingWindows) -> Self {
        let reach_ms = match windows.bounds() {
            Bounds::Closed => windows.length_ms(),
            Bounds::HalfOpen => windows.length_ms() - 1,
        };
        Self {
            kind: windows.every_ms().map_or(Kind::EachRecord, Kind::Every),
            length_ms: windows.length_ms(),
            reach_ms,
            grace_ms: windows.grace_ms(),
        }
    }
}

impl Ends {
    /// Where the first record of the window that ends at `end` may be.
    pub(super) const fn first_place(self, end: i64) -> i64 {
        end.saturating_sub(self.reach_ms)
    }

    /// The bounds that a result shows; none before the epoch.
    pub(super) fn bounds(self, end: i64) -> Range<Timestamp> {
        Timestamp(end.saturating_sub(self.length_ms).max(0))..Timestamp(end)
    }

    /// Windows that end below this are closed at `stream_time`.
    pub(super) const fn open_from(self, stream_time: Timestamp) -> i64 {
        stream_time.0.saturating_sub(self.grace_ms)
    }

    /// The first stream time at which the window that ends at `end` is closed.
    pub(super) const fn closes_at(self, end: i64) -> Timestamp {
        let last_open = Timestamp(end.saturating_add(self.grace_ms));
        last_open.saturating_add(1)
    }

    /// The end of the last window that may hold a record at `at`.
    pub(super) const fn last_holding(self, at: i64) -> i64 {
        let last = at.saturating_add(self.reach_ms);
        match self.kind {
            Kind::Sliding | Kind::EachRecord => last,
            Kind::Every(every) => last - last % every,
        }
    }

    /// The end of the first window that would hold a record at `at`, were there only that one.
    pub(super) fn first_holding(self, at: i64) -> i64 {
        match self.kind {
            Kind::Sliding => at.max(self.length_ms),
            Kind::EachRecord => at,
            Kind::Every(every) => up_to_multiple(at, every),
        }
    }

    /// The end of the last window that exists because of a record at `at`: it need not hold it.
    pub(super) const fn last_because_of(self, at: i64) -> i64 {
        match self.kind {
            Kind::Sliding => at.saturating_add(1).saturating_add(self.length_ms),
            Kind::EachRecord | Kind::Every(_) => self.last_holding(at),
        }
    }

    /// Records before this are wanted by no window that ends at `open_from` or later.
    pub(super) const fn wanted_from(self, open_from: i64) -> i64 {
        // A sliding window may be there because of a record right before it.
        self.first_place(open_from).saturating_sub(1)
    }

    /// Where windows must end for nothing at `at` to be wanted.
    pub(super) const fn unwanted_at(self, at: i64) -> i64 {
        at.saturating_add(self.reach_ms).saturating_add(1)
    }

    /// How many windows that a record at `at` is in by itself are closed, where those that end
    /// below `open_from` are.
    pub(super) fn expired(self, at: i64, open_from: i64) -> u64 {
        let first = self.first_holding(at);
        match self.kind {
            _ if first >= open_from => 0,
            Kind::Sliding | Kind::EachRecord => 1,
            Kind::Every(every) => ((open_from - 1 - first) / every).unsigned_abs() + 1,
        }
    }

    /// The end of the first window of `log` that ends at `from` or later.
    pub(super) fn first_from(self, log: &Log, from: i64) -> Option<i64> {
        match self.kind {
            Kind::EachRecord => log.at(log.below_near_end(from)),
            Kind::Every(every) => {
                let tick = up_to_multiple(from.max(0), every);
                let at = log.at(log.below_near_first(self.first_place(tick)))?;
                Some(tick.max(up_to_multiple(at, every)))
            }
            Kind::Sliding => {
                let left = self.first_left(log, from);
                let right = self.first_right(log, from);
                left.into_iter().chain(right).min()
            }
        }
    }

    /// The end of the first left window, or that of all early records.
    fn first_left(self, log: &Log, from: i64) -> Option<i64> {
        let is_early = log.at(0).is_some_and(|at| at < self.length_ms);
        if is_early && from <= self.length_ms {
            return Some(self.length_ms);
        }
        log.at(log.below_near_end(from.max(self.length_ms)))
    }

    /// The end of the first right window that holds something.
    fn first_right(self, log: &Log, from: i64) -> Option<i64> {
        let before = from.saturating_sub(1).saturating_sub(self.length_ms);
        let index = log.below_near_first(before);
        let (at, next) = (log.at(index)?, log.at(index + 1)?);
        let end = self.last_because_of(at);
        // Where it is empty, the next record's left window ends before any other right one.
        (next <= end).then_some(end)
    }

    /// Whether the window that ends at `end` would be there without the entry at `at`, which is in
    /// it.
    pub(super) fn exists_without(self, log: &Log, end: i64, at: i64) -> bool {
        let (first, past) = (log.below(self.first_place(end)), log.below(end + 1));
        let has_others = past - first > 1;
        match self.kind {
            Kind::EachRecord => end != at,
            Kind::Every(_) => has_others,
            Kind::Sliding => {
                let is_left = end != at && log.has(end);
                let is_early = end == self.length_ms && has_others;
                let is_right = has_others && log.has(end - 1 - self.length_ms);
                is_left || is_early || is_right
            }
        }
    }

    /// The end of the window that an early record at `at` shares with all of them, where it is one.
    pub(super) const fn of_early(self, at: i64) -> Option<i64> {
        match self.kind {
            Kind::Sliding if at < self.length_ms => Some(self.length_ms),
            _ => None,
        }
    }

    /// Whether results of one record's changes come out from the latest start to the earliest, new
    /// windows behind the others, as Kafka Streams has them.
    pub(super) const fn is_sliding(self) -> bool {
        matches!(self.kind, Kind::Sliding)
    }
}

fn up_to_multiple(at: i64, every: i64) -> i64 {
    match at % every {
        0 => at,
        rest => at.saturating_add(every - rest),
    }
}
