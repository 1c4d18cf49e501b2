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
    /// Numbers of records that were not late.
    accepted: Vec<usize>,
    /// Windows that closed, each with what it held then.
    pub(crate) closed: BTreeMap<Window, Vec<usize>>,
    pub(crate) late: usize,
}

impl Model {
    pub(crate) fn new(kind: Kind, grace: i64) -> Self {
        Self {
            kind,
            grace,
            stream_time: i64::MIN,
            given: Vec::new(),
            accepted: Vec::new(),
            closed: BTreeMap::new(),
            late: 0,
        }
    }

    /// Takes in one record; the windows that it closes, with what they hold.
    pub(crate) fn add(&mut self, given: Given) -> BTreeMap<Window, Vec<usize>> {
        self.stream_time = self.stream_time.max(given.time);
        let closed: BTreeMap<Window, Vec<usize>> = self
            .windows()
            .into_iter()
            .filter(|(window, _)| self.is_over(window) && !self.closed.contains_key(window))
            .collect();
        self.closed.extend(closed.clone());
        let number = self.given.len();
        let is_late = self.is_late(&given);
        self.given.push(given);
        match is_late {
            true => self.late += 1,
            false => self.accepted.push(number),
        }
        // A window that only comes to be when it is over never was.
        let born_over = self.windows().into_iter();
        let born_over = born_over.filter(|(window, _)| self.is_over(window));
        for (window, records) in born_over.collect::<Vec<_>>() {
            self.closed.entry(window).or_insert(records);
        }
        closed
    }

    /// The windows that are open, with what they hold.
    pub(crate) fn open(&self) -> BTreeMap<Window, Vec<usize>> {
        let all = self.windows().into_iter();
        all.filter(|(window, _)| !self.is_over(window)).collect()
    }

    fn is_over(&self, (_, bounds): &Window) -> bool {
        let Some((_, end)) = bounds else {
            return false;
        };
        if let (Kind::Hopping { size, .. }, Some((start, _))) = (self.kind, bounds) {
            return self.is_past(*start, size);
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
            Kind::Rows { .. } | Kind::Running => return false,
        };
        last_end + self.grace < self.stream_time
    }

    fn of(&self, key: &str) -> Vec<usize> {
        let all = self.accepted.iter().copied();
        all.filter(|number| self.given[*number].key == key)
            .collect()
    }

    /// All windows that there are by definition, open or not.
    fn windows(&self) -> BTreeMap<Window, Vec<usize>> {
        let keys: BTreeSet<&String> = self.given.iter().map(|given| &given.key).collect();
        let mut windows = BTreeMap::new();
        for key in keys {
            for (bounds, records) in self.windows_of(key) {
                windows.insert((key.clone(), bounds), records);
            }
        }
        windows
    }

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
                let last = times.last().map_or(-1, |last| last + length);
                let ticks = (0..=last / every).map(|n| n * every);
                ends(ticks.collect(), length, is_closed)
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
            let stream_time = self.given[..=number].iter().map(|given| given.time).max();
            let stream_time = stream_time.expect("at least this one");
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
