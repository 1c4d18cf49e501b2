//! Windows by their definitions: every record is kept for ever, every window is looked at anew, and
//! nothing is shared with the engine.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A kind of windows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Sliding {
        difference: i64,
    },
    Session {
        gap: i64,
    },
    Trailing {
        length: i64,
        is_closed: bool,
    },
    Ticks {
        length: i64,
        every: i64,
        is_closed: bool,
    },
    Rows {
        rows: usize,
    },
    Running,
    /// Half-open.
    Hopping {
        size: i64,
        advance: i64,
    },
    /// As the calendar of Berlin has them, in the spring of 2026.
    Calendar(Unit),
}

/// A stretch of the calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Hour,
    Day,
    Week,
    Month,
}

/// One record; its number is its place in the list.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) key: String,
    pub(crate) time: i64,
}

/// Key, start and end (none where windows have no bounds), and the numbers of the records in it.
pub(crate) type Window = (String, Option<Bounds>);

/// Start and end.
type Bounds = (i64, i64);

/// What is known after some records.
#[derive(Debug)]
pub(crate) struct Model {
    kind: Kind,
    grace: i64,
    stream_time: i64,
    given: Vec<Given>,
    /// Stream time when each came.
    stream_times: Vec<i64>,
    /// Numbers of records that were not late.
    accepted: Vec<usize>,
    /// Windows that are open, with what they hold.
    pub(crate) open: BTreeMap<Window, Vec<usize>>,
    /// Windows that closed, or would only have come to be when they were over.
    pub(crate) closed: BTreeSet<Window>,
    pub(crate) late: u64,
}

impl Model {
    pub(crate) fn new(kind: Kind, grace: i64) -> Self {
        Self {
            kind,
            grace,
            stream_time: i64::MIN,
            given: Vec::new(),
            stream_times: Vec::new(),
            accepted: Vec::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            late: 0,
        }
    }

    /// Takes in one record; the windows that it closes, with what they hold.
    pub(crate) fn add(&mut self, given: Given) -> BTreeMap<Window, Vec<usize>> {
        self.stream_time = self.stream_time.max(given.time);
        let over: Vec<Window> = self
            .open
            .keys()
            .filter(|w| self.is_over(w))
            .cloned()
            .collect();
        let closed = over
            .into_iter()
            .filter_map(|window| self.open.remove_entry(&window));
        let closed: BTreeMap<Window, Vec<usize>> = closed.collect();
        self.closed.extend(closed.keys().cloned());
        let number = self.given.len();
        let is_late = self.is_late(&given);
        let key = given.key.clone();
        self.given.push(given);
        self.stream_times.push(self.stream_time);
        if is_late {
            self.late += 1;
            return closed;
        }
        self.accepted.push(number);
        self.open.retain(|window, _| window.0 != key);
        for (bounds, records) in self.windows_of(&key) {
            let window = (key.clone(), bounds);
            match self.is_over(&window) {
                true => _ = self.closed.insert(window),
                false => _ = self.open.insert(window, records),
            }
        }
        closed
    }

    fn is_over(&self, (_, bounds): &Window) -> bool {
        let Some((_, end)) = bounds else {
            return false;
        };
        match (self.kind, bounds) {
            (Kind::Hopping { size, .. }, Some((start, _))) => return self.is_past(*start, size),
            (Kind::Calendar(_), _) => return end + self.grace <= self.stream_time,
            _ => {}
        }
        let allowed = match self.kind {
            Kind::Session { gap } => self.grace + gap,
            _ => self.grace,
        };
        end + allowed < self.stream_time
    }

    /// Whether a half-open window is over.
    fn is_past(&self, start: i64, size: i64) -> bool {
        let all = [start, size, self.grace].map(i128::from);
        all.iter().sum::<i128>() <= i128::from(self.stream_time)
    }

    fn is_late(&self, given: &Given) -> bool {
        let last_end = match self.kind {
            Kind::Sliding { difference } => given.time + difference,
            Kind::Trailing { length, is_closed } => given.time + length - i64::from(!is_closed),
            Kind::Ticks {
                length,
                every,
                is_closed,
            } => {
                let last = given.time + length - i64::from(!is_closed);
                last - last % every
            }
            Kind::Session { gap } => {
                let others = self.sessions(&given.key).into_iter();
                let touches =
                    |(start, end): (i64, i64)| given.time + gap >= start && end + gap >= given.time;
                let is_bridged = others
                    .filter(|(bounds, _)| !self.is_over(&(given.key.clone(), Some(*bounds))))
                    .any(|(bounds, _)| touches(bounds));
                return !is_bridged && given.time + gap + self.grace < self.stream_time;
            }
            Kind::Hopping { size, advance } => {
                return self.is_past(given.time - given.time % advance, size);
            }
            Kind::Calendar(unit) => unit.around(given.time).1 - 1,
            Kind::Rows { .. } | Kind::Running => return false,
        };
        last_end + self.grace < self.stream_time
    }

    fn of(&self, key: &str) -> Vec<usize> {
        let all = self.accepted.iter().copied();
        all.filter(|number| self.given[*number].key == key)
            .collect()
    }

    /// The windows of `key` that there are by definition, open or not; none is empty.
    fn windows_of(&self, key: &str) -> Vec<(Option<Bounds>, Vec<usize>)> {
        let numbers = self.of(key);
        let times: BTreeSet<i64> = numbers.iter().map(|n| self.given[*n].time).collect();
        let between = |from: i64, to: i64| -> Vec<usize> {
            let inside = |n: &usize| (from..=to).contains(&self.given[*n].time);
            numbers.iter().copied().filter(inside).collect()
        };
        let ends = |ends: BTreeSet<i64>, length: i64, is_closed: bool| {
            let window = |end: i64| {
                let from = end - length + i64::from(!is_closed);
                (Some(((end - length).max(0), end)), between(from, end))
            };
            let windows = ends.into_iter().map(window);
            windows.filter(|(_, records)| !records.is_empty()).collect()
        };
        match self.kind {
            Kind::Running => vec![(None, numbers)],
            Kind::Hopping { size, advance } => {
                let first = |time: i64| (time - time % advance - size / advance * advance).max(0);
                let starts = times.iter().flat_map(|time| {
                    let next = |start: &i64| start.checked_add(advance);
                    let from_first = std::iter::successors(Some(first(*time)), next);
                    from_first.take_while(|at| at <= time)
                });
                let starts: BTreeSet<i64> = starts.collect();
                let window = |start: i64| {
                    let end = start.saturating_add(size);
                    // An end beyond the largest time is shown as that, and holds it.
                    let last = start.checked_add(size).map_or(end, |end| end - 1);
                    (Some((start, end)), between(start, last))
                };
                let windows = starts.into_iter().map(window);
                windows.filter(|(_, records)| !records.is_empty()).collect()
            }
            Kind::Rows { rows } => {
                let first = numbers.len().saturating_sub(rows);
                vec![(None, numbers[first..].to_vec())]
            }
            Kind::Session { .. } => {
                let sessions = self.sessions(key).into_iter();
                sessions.map(|(bounds, all)| (Some(bounds), all)).collect()
            }
            Kind::Sliding { difference } => {
                let left = times.iter().map(|time| (*time).max(difference));
                let right = times.iter().map(|time| time + 1 + difference);
                ends(left.chain(right).collect(), difference, true)
            }
            Kind::Trailing { length, is_closed } => ends(times.clone(), length, is_closed),
            Kind::Ticks {
                length,
                every,
                is_closed,
            } => {
                let ticks = times.iter().copied().flat_map(|time| {
                    let first = (time + every - 1) / every * every;
                    let all = std::iter::successors(Some(first), |tick| Some(tick + every));
                    all.take_while(move |tick| *tick <= time + length)
                });
                ends(ticks.collect(), length, is_closed)
            }
            Kind::Calendar(unit) => {
                let all: BTreeSet<Bounds> = times.iter().map(|time| unit.around(*time)).collect();
                let window = |(start, end)| (Some((start, end)), between(start, end - 1));
                all.into_iter().map(window).collect()
            }
        }
    }

    /// The sessions that the records of `key` made, one after the other: what is over when a record
    /// comes is not continued by it.
    fn sessions(&self, key: &str) -> Vec<((i64, i64), Vec<usize>)> {
        let Kind::Session { gap } = self.kind else {
            return Vec::new();
        };
        let mut sessions: Vec<((i64, i64), Vec<usize>)> = Vec::new();
        for number in self.of(key) {
            let stream_time = self.stream_times[number];
            let time = self.given[number].time;
            let is_joined = |((start, end), _): &((i64, i64), Vec<usize>)| {
                let is_open = end + gap + self.grace >= stream_time;
                is_open && time + gap >= *start && end + gap >= time
            };
            let (joined, mut rest): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_joined);
            let starts = joined.iter().map(|((start, _), _)| *start).chain([time]);
            let ends = joined.iter().map(|((_, end), _)| *end).chain([time]);
            let bounds = (starts.min().expect("one"), ends.max().expect("one"));
            let mut records: Vec<usize> = joined.into_iter().flat_map(|(_, all)| all).collect();
            records.push(number);
            records.sort_unstable();
            rest.push((bounds, records));
            sessions = rest;
        }
        sessions
    }
}

/// When clocks in Berlin go forward in 2026, and back.
const SUMMER: std::ops::Range<i64> = 1_774_746_000_000..1_792_890_000_000;

const HOUR_MS: i64 = 3_600_000;

const DAY_MS: i64 = 24 * HOUR_MS;

/// What clocks in Berlin show at `time`.
fn local(time: i64) -> i64 {
    time + if SUMMER.contains(&time) { 2 } else { 1 } * HOUR_MS
}

/// The time at which clocks in Berlin show `local`, at midnight or a full hour that there is once.
fn instant(shown: i64) -> i64 {
    let summer = shown - 2 * HOUR_MS;
    match local(summer) == shown {
        true => summer,
        false => shown - HOUR_MS,
    }
}

impl Unit {
    /// Start and end of the one that `time` lies in.
    fn around(self, time: i64) -> Bounds {
        let day = local(time).div_euclid(DAY_MS);
        let days = |first: i64, past: i64| (instant(first * DAY_MS), instant(past * DAY_MS));
        match self {
            Self::Hour => {
                let start = time - time.rem_euclid(HOUR_MS);
                (start, start + HOUR_MS)
            }
            Self::Day => days(day, day + 1),
            Self::Week => {
                // Day 0 was a Thursday.
                let monday = day - (day + 3).rem_euclid(7);
                days(monday, monday + 7)
            }
            Self::Month => {
                let is_in = |(first, past): &(i64, i64)| (*first..*past).contains(&day);
                let months = MONTHS.windows(2).map(|pair| (pair[0], pair[1]));
                let (first, past) = months.into_iter().find(is_in).expect("a month of 2026");
                days(first, past)
            }
        }
    }
}

/// The days, counted from the epoch, on which the months of 2026 begin, and the year after.
const MONTHS: [i64; 13] = [
    20_454, 20_485, 20_513, 20_544, 20_574, 20_605, 20_635, 20_666, 20_697, 20_727, 20_758, 20_788,
    20_819,
];
