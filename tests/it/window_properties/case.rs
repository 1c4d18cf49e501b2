//! Random flows, and records for them.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use jiff::tz::TimeZone;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::Bounds;
use tidemill::stream::window::CalendarWindows;
use tidemill::stream::window::RowWindows;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::TimeWindows;
use tidemill::stream::window::TrailingWindows;
use tidemill::stream::window::Unit as CalendarUnit;
use tidemill::stream::window::Windows;

use crate::support::chance::Chance;
use crate::support::expected::Aggregate;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::window_model::Kind;
use crate::support::window_model::Unit;

/// A flow, what it is given, and when it is interrupted.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) grace: i64,
    pub(crate) emit: Emit,
    /// Whether only records whose `w` is true are meant.
    pub(crate) has_filter: bool,
    /// Whether records are keyed by their `k`, not by their own key.
    pub(crate) has_key: bool,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) records: Vec<Record>,
    /// After how many records each the task is interrupted, and how.
    pub(crate) cut: (usize, Cut),
    /// After how many records each there is a commit.
    pub(crate) commit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// All state is written down, and read back.
    Saved,
    /// Only its progress is; what is open is rebuilt of records that come again.
    Restarted,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) time: i64,
    pub(crate) key: Option<&'static str>,
    pub(crate) body: Body,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Tombstone,
    /// No JSON.
    Junk,
    /// `x` is text.
    Text,
    /// `x`, and whether `w` is true.
    Number(Option<i64>, bool),
}

impl Case {
    /// The case of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let kind = kind(&mut chance);
        let (unit, _) = scale(kind);
        let emit = [Emit::Final, Emit::Updates, Emit::EveryUpdate][chance.below(3)];
        let cut = match chance.once_in(3) {
            true => Cut::Restarted,
            false => Cut::Saved,
        };
        let aggregates = Aggregate::some(&mut chance, kind);
        let mut records = records(&mut chance, kind);
        if !aggregates.iter().any(|aggregate| aggregate.is_numeric()) {
            // What is no number may be one of the values then.
            records.retain(|record| !matches!(record.body, Body::Text));
        }
        Self {
            kind,
            grace: chance.of(0..12) * unit,
            emit,
            has_filter: chance.once_in(3),
            has_key: chance.once_in(4),
            aggregates,
            records,
            cut: (1 + chance.below(6), cut),
            commit: 1 + chance.below(5),
        }
    }

    pub(crate) fn windowing(&self) -> Windowing {
        let aggregates = self.aggregates.iter().map(|aggregate| aggregate.named());
        Windowing {
            windows: Some(self.windows()),
            emit: self.emit,
            filter: self.has_filter.then_some("value.w"),
            key: self.has_key.then_some("value.k"),
            aggregates: aggregates.collect(),
            ..Windowing::default()
        }
    }

    fn windows(&self) -> Windows {
        let ms = TimeDelta::milliseconds;
        let grace = ms(self.grace);
        let trailing = |length, every: Option<i64>, is_closed| {
            let bounds = if is_closed {
                Bounds::Closed
            } else {
                Bounds::HalfOpen
            };
            TrailingWindows::new(ms(length), every.map(ms), bounds, grace).unwrap()
        };
        match self.kind {
            Kind::Sliding { difference } => {
                SlidingWindows::new(ms(difference), grace).unwrap().into()
            }
            Kind::Session { gap } => SessionWindows::new(ms(gap), grace).unwrap().into(),
            Kind::Trailing { length, is_closed } => trailing(length, None, is_closed).into(),
            Kind::Ticks {
                length,
                every,
                is_closed,
            } => trailing(length, Some(every), is_closed).into(),
            Kind::Rows { rows } => {
                let rows = NonZeroU32::new(u32::try_from(rows).unwrap()).unwrap();
                RowWindows::new(rows).into()
            }
            Kind::Running => Windows::Running,
            Kind::Hopping { size, advance } => TimeWindows::hopping(ms(size), ms(advance), grace)
                .unwrap()
                .into(),
            Kind::Calendar(unit) => {
                let unit = match unit {
                    Unit::Hour => CalendarUnit::Hour,
                    Unit::Day => CalendarUnit::Day,
                    Unit::Week => CalendarUnit::Week,
                    Unit::Month => CalendarUnit::Month,
                };
                let zone = TimeZone::get("Europe/Berlin").unwrap();
                CalendarWindows::new(unit, zone, grace).unwrap().into()
            }
        }
    }
}

fn kind(chance: &mut Chance) -> Kind {
    let length = chance.of(1..14);
    let is_closed = chance.once_in(2);
    match chance.below(16) {
        0..3 => Kind::Sliding {
            difference: length - 1,
        },
        3..6 => Kind::Session {
            gap: chance.of(0..10),
        },
        6..8 => Kind::Trailing { length, is_closed },
        8..10 => Kind::Ticks {
            length,
            every: chance.of(1..length + 1),
            is_closed,
        },
        10 => Kind::Rows {
            rows: 1 + chance.below(5),
        },
        11 => Kind::Running,
        12..15 => Kind::Hopping {
            size: length,
            advance: chance.of(1..length + 1),
        },
        _ => {
            let units = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month];
            Kind::Calendar(units[chance.below(4)])
        }
    }
}

/// How long a step of time is, and when the first record comes.
const fn scale(kind: Kind) -> (i64, i64) {
    const HOUR_MS: i64 = 3_600_000;
    // Two days before clocks go forward.
    let spring = 1_774_566_000_000;
    match kind {
        Kind::Calendar(Unit::Hour) => (HOUR_MS / 4, spring),
        Kind::Calendar(Unit::Day) => (HOUR_MS * 6, spring),
        Kind::Calendar(Unit::Week) => (HOUR_MS * 42, spring),
        Kind::Calendar(Unit::Month) => (HOUR_MS * 60, spring),
        _ => (1, 0),
    }
}

const YEAR_MS: i64 = 31_536_000_000;

/// Records that mostly go forward, sometimes leap, and often meet at one time or a bound.
fn records(chance: &mut Chance, kind: Kind) -> Vec<Record> {
    let (unit, first) = scale(kind);
    let mut latest = first;
    let keys = 1 + chance.below(3);
    let count = chance.below(18);
    let record = |_| {
        let advance = match chance.below(9) {
            0..6 => chance.of(-8..5),
            6..8 => 0,
            _ => chance.of(10..40),
        };
        // As far as the model knows the calendar.
        let time = (latest + advance * unit).clamp(0, first + YEAR_MS / 2);
        latest = latest.max(time);
        let key = ["a", "b", "c"][chance.below(keys)];
        let number = chance.of(-9..10);
        let (time, key, body) = match chance.below(40) {
            0 => (-1, Some(key), Body::Number(Some(number), true)),
            1 => (time, None, Body::Number(Some(number), true)),
            2 => (time, Some(key), Body::Tombstone),
            3 => (time, Some(key), Body::Junk),
            4 => (time, Some(key), Body::Text),
            5..8 => (time, Some(key), Body::Number(None, true)),
            8..14 => (time, Some(key), Body::Number(Some(number), false)),
            _ => (time, Some(key), Body::Number(Some(number), true)),
        };
        Record { time, key, body }
    };
    (0..count).map(record).collect()
}

impl Record {
    /// As it stands in its topic at this offset. Its key is in its value too.
    pub(crate) fn at(&self, offset: usize) -> Rec {
        let (x, is_meant) = match &self.body {
            Body::Number(Some(number), is_meant) => (number.to_string(), *is_meant),
            Body::Number(None, is_meant) => ("null".to_owned(), *is_meant),
            Body::Text | Body::Junk | Body::Tombstone => (r#""one""#.to_owned(), true),
        };
        let key = self
            .key
            .map_or("null".to_owned(), |key| format!("\"{key}\""));
        let value = match self.body {
            Body::Tombstone => None,
            Body::Junk => Some(r#"{"x":1,"#.to_owned()),
            _ => Some(format!(r#"{{"x":{x},"k":{key},"w":{is_meant}}}"#)),
        };
        Rec {
            key: self.key.map(|key| key.as_bytes().to_vec()),
            value: value.map(String::into_bytes),
            ..Rec::new(i64::try_from(offset).unwrap(), self.time, "", "")
        }
    }
}
