//! Windows, as they are written in Rust.

use std::panic::Location;

use chrono::TimeDelta;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneName;

use crate::expr;
use crate::expr::Program;
use crate::stream::builder::mistake::Mistake;
use crate::stream::empty::Empty;
use crate::stream::window::Bounds;
use crate::stream::window::CalendarWindows;
use crate::stream::window::RowWindows;
use crate::stream::window::SessionWindows;
use crate::stream::window::SlidingWindows;
use crate::stream::window::TimeWindows;
use crate::stream::window::TrailingWindows;
use crate::stream::window::Unit;
use crate::stream::window::Windows;

/// Which records of a key are aggregated together: made by [`tumbling`] and its like.
///
/// Windows stay open for no grace unless they are given one; a record all of whose windows are
/// closed is late.
#[derive(Clone, Debug)]
pub struct Window {
    kind: Kind,
    grace: TimeDelta,
    empty: Option<Nothing>,
    at: &'static Location<'static>,
}

/// Which windows without records come out.
#[derive(Clone, Copy, Debug)]
enum Nothing {
    Zero,
    ZeroFor(TimeDelta),
}

#[derive(Clone, Debug)]
enum Kind {
    Tumbling(TimeDelta),
    Hopping(TimeDelta, TimeDelta),
    Sliding(TimeDelta),
    Session(TimeDelta),
    Trailing {
        length: TimeDelta,
        every: Option<TimeDelta>,
        bounds: Bounds,
    },
    Rows(u32),
    Calendar(Unit, String),
}

impl Window {
    #[track_caller]
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            grace: TimeDelta::zero(),
            empty: None,
            at: Location::caller(),
        }
    }

    /// Lets windows without records come out too, with counts of 0, for keys that are known: a
    /// thousand in a row after a key's last record. Tumbling, hopping and calendar windows.
    #[must_use]
    pub fn empty_zero(self) -> Self {
        let empty = Some(Nothing::Zero);
        Self { empty, ..self }
    }

    /// As [`Window::empty_zero`], those that start at most so long after a key's last record.
    #[must_use]
    pub fn empty_zero_for(self, time: TimeDelta) -> Self {
        let empty = Some(Nothing::ZeroFor(time));
        Self { empty, ..self }
    }

    /// Which of `windows`, without records, come out of a flow with this key.
    pub(super) fn empty(&self, windows: &Windows, key: Option<&Program>) -> Result<Empty, Mistake> {
        match (self.empty, windows.at_most_every()) {
            (None, _) => Ok(Empty::Never),
            (Some(_), None) => {
                let mistake = Mistake::new("empty windows of such a kind", self.at);
                Err(mistake.help("only tumbling, hopping and calendar windows can hold nothing"))
            }
            (Some(Nothing::Zero), _) => Ok(Empty::of(windows, key)),
            (Some(Nothing::ZeroFor(time)), _) => Ok(Empty::Within(time)),
        }
    }

    /// Keeps windows open for so long beyond their end. Windows of rows never close.
    #[must_use]
    pub fn grace(self, grace: TimeDelta) -> Self {
        Self { grace, ..self }
    }

    /// The windows.
    pub(super) fn windows(&self) -> Result<Windows, Mistake> {
        let grace = self.grace;
        let made = match &self.kind {
            Kind::Tumbling(size) => TimeWindows::tumbling(*size, grace).map(Windows::from),
            Kind::Hopping(size, every) => {
                TimeWindows::hopping(*size, *every, grace).map(Windows::from)
            }
            Kind::Sliding(difference) => SlidingWindows::new(*difference, grace).map(Windows::from),
            Kind::Session(gap) => SessionWindows::new(*gap, grace).map(Windows::from),
            Kind::Trailing {
                length,
                every,
                bounds,
            } => TrailingWindows::new(*length, *every, *bounds, grace).map(Windows::from),
            Kind::Rows(rows) => return self.rows(*rows),
            Kind::Calendar(unit, zone) => {
                CalendarWindows::new(*unit, self.zone(zone)?, grace).map(Windows::from)
            }
        };
        made.map_err(|error| Mistake::new(error.to_string(), self.at))
    }

    fn rows(&self, rows: u32) -> Result<Windows, Mistake> {
        if self.grace != TimeDelta::zero() {
            let mistake = Mistake::new("grace of a window of rows", self.at);
            return Err(mistake.help("nothing of it is late; remove it"));
        }
        let rows = rows.try_into();
        let rows = rows.map(|rows| RowWindows::new(rows).into());
        rows.map_err(|_| Mistake::new("a window of 0 rows", self.at))
    }

    fn zone(&self, zone: &str) -> Result<TimeZone, Mistake> {
        jiff::tz::db().get(zone).map_err(|_| {
            let names: Vec<_> = jiff::tz::db().available().collect();
            let names = names.iter().map(TimeZoneName::as_str);
            Mistake {
                nearest: expr::nearest(zone, names).map(str::to_owned),
                ..Mistake::new(format!("unknown time zone `{zone}`"), self.at)
                    .help("a name of the IANA database, such as Europe/Berlin")
            }
        })
    }
}

/// Windows of equal size, one after another: `[n · size, (n + 1) · size)`.
#[track_caller]
#[must_use]
pub fn tumbling(size: TimeDelta) -> Window {
    Window::new(Kind::Tumbling(size))
}

/// Windows of equal size that overlap: one begins `every` so often, at most a `size`.
#[track_caller]
#[must_use]
pub fn hopping(size: TimeDelta, every: TimeDelta) -> Window {
    Window::new(Kind::Hopping(size, every))
}

/// One window for each distinct set of records that lie within `difference` of each other, both
/// ends inside (Kafka's sliding windows, KIP-450).
#[track_caller]
#[must_use]
pub fn sliding(difference: TimeDelta) -> Window {
    Window::new(Kind::Sliding(difference))
}

/// Records that follow one another with gaps of at most `gap`; sessions merge.
#[track_caller]
#[must_use]
pub fn session(gap: TimeDelta) -> Window {
    Window::new(Kind::Session(gap))
}

/// As of each record the last stretch of time, both ends inside; see [`Trailing::every`].
#[track_caller]
#[must_use]
pub fn trailing(length: TimeDelta) -> Trailing {
    Trailing {
        length,
        every: None,
        bounds: Bounds::Closed,
        grace: TimeDelta::zero(),
        at: Location::caller(),
    }
}

/// As of each record the last `count` records of its key.
#[track_caller]
#[must_use]
pub fn rows(count: u32) -> Window {
    Window::new(Kind::Rows(count))
}

/// Hours, days, weeks or months in UTC; see [`Calendar::zone`].
#[track_caller]
#[must_use]
pub fn calendar(unit: Unit) -> Calendar {
    Calendar {
        unit,
        zone: "UTC".to_owned(),
        grace: TimeDelta::zero(),
        at: Location::caller(),
    }
}

/// The last stretch of time: made by [`trailing`].
#[derive(Clone, Debug)]
pub struct Trailing {
    length: TimeDelta,
    every: Option<TimeDelta>,
    bounds: Bounds,
    grace: TimeDelta,
    at: &'static Location<'static>,
}

impl Trailing {
    /// One result at each multiple of `every` in event time, in place of one as of each record.
    #[must_use]
    pub fn every(self, every: TimeDelta) -> Self {
        let every = Some(every);
        Self { every, ..self }
    }

    /// Leaves out what is exactly `length` old: `(t − length, t]`.
    #[must_use]
    pub fn half_open(self) -> Self {
        let bounds = Bounds::HalfOpen;
        Self { bounds, ..self }
    }

    /// Keeps windows open for so long beyond their end.
    #[must_use]
    pub fn grace(self, grace: TimeDelta) -> Self {
        Self { grace, ..self }
    }
}

impl From<Trailing> for Window {
    fn from(trailing: Trailing) -> Self {
        Self {
            kind: Kind::Trailing {
                length: trailing.length,
                every: trailing.every,
                bounds: trailing.bounds,
            },
            grace: trailing.grace,
            empty: None,
            at: trailing.at,
        }
    }
}

/// Hours, days, weeks or months: made by [`calendar`].
#[derive(Clone, Debug)]
pub struct Calendar {
    unit: Unit,
    zone: String,
    grace: TimeDelta,
    at: &'static Location<'static>,
}

impl Calendar {
    /// Those of a time zone, by its name in the IANA database: `Europe/Berlin`.
    #[must_use]
    pub fn zone(self, zone: &str) -> Self {
        let zone = zone.to_owned();
        Self { zone, ..self }
    }

    /// Keeps windows open for so long beyond their end.
    #[must_use]
    pub fn grace(self, grace: TimeDelta) -> Self {
        Self { grace, ..self }
    }
}

impl From<Calendar> for Window {
    fn from(calendar: Calendar) -> Self {
        Self {
            kind: Kind::Calendar(calendar.unit, calendar.zone),
            grace: calendar.grace,
            empty: None,
            at: calendar.at,
        }
    }
}
