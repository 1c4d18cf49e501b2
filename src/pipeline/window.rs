//! `window:`: of which kind, how long, and how long it stays open.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use jiff::tz::TimeZone;
use jiff::tz::TimeZoneName;

use crate::pipeline::file::EmptyBody;
use crate::pipeline::file::GRACE_DEFAULT;
use crate::pipeline::file::WindowBody;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::EMPTY;
use crate::pipeline::vocabulary::EMPTY_WORDS;
use crate::pipeline::vocabulary::WINDOW;
use crate::pipeline::yaml::Node;
use crate::stream::window::Bounds;
use crate::stream::window::CalendarWindows;
use crate::stream::window::RowWindows;
use crate::stream::window::SessionWindows;
use crate::stream::window::SlidingWindows;
use crate::stream::window::TimeWindows;
use crate::stream::window::TrailingWindows;
use crate::stream::window::Unit;
use crate::stream::window::Windows;
use crate::stream::window::WindowsError;

/// The kinds of windows, each with the keys that say more of it.
const KINDS: [(&str, &[&str]); 7] = [
    ("tumbling", &["grace", "empty"]),
    ("hopping", &["every", "grace", "empty"]),
    ("sliding", &["grace"]),
    ("session", &["grace"]),
    ("trailing", &["every", "bounds", "grace"]),
    ("rows", &[]),
    ("calendar", &["zone", "grace", "empty"]),
];

impl Reader<'_, '_> {
    /// The window of a flow; where it cannot be read, which is reported, one in its place.
    pub(super) fn window(&mut self, node: &Node) -> Option<WindowBody> {
        let keys = self.keys(node, &node.span, &WINDOW);
        let written = keys.and_then(|keys| self.as_written(keys, node));
        let empty = keys.and_then(|keys| keys.optional("empty"));
        Some(WindowBody {
            value: written.or_else(stand_in)?,
            empty: empty.and_then(|empty| self.empty(empty)),
            span: node.span.clone(),
        })
    }

    /// `empty: zero`, or `empty: { zero: 2h }`.
    fn empty(&mut self, node: &Node) -> Option<EmptyBody> {
        let Some(word) = node.text() else {
            let keys = self.keys(node, &node.span, &EMPTY)?;
            return self.span(keys.optional("zero")?).map(EmptyBody::ZeroFor);
        };
        if word == "zero" {
            return Some(EmptyBody::Zero);
        }
        let finding = Finding::new(format!("unknown `empty: {word}`"), node.span.clone())
            .nearest(word, EMPTY_WORDS.iter().copied())
            .help("write `empty: zero`, `empty: { zero: 2h }`, or remove it");
        self.report(finding);
        None
    }

    fn as_written(&mut self, keys: Keys<'_>, node: &Node) -> Option<Windows> {
        let (kind, length) = self.kind(keys, node)?;
        self.without_strays(keys, kind);
        let grace = keys.optional("grace").map(|node| self.span(node));
        let grace = grace.unwrap_or(Some(GRACE_DEFAULT));
        let made = match kind {
            "tumbling" => TimeWindows::tumbling(self.span(length)?, grace?).map(Windows::from),
            "hopping" => {
                let every = keys
                    .optional("every")
                    .or_else(|| self.without_every(node))?;
                let (size, every) = (self.span(length)?, self.span(every)?);
                TimeWindows::hopping(size, every, grace?).map(Windows::from)
            }
            "sliding" => SlidingWindows::new(self.span(length)?, grace?).map(Windows::from),
            "session" => SessionWindows::new(self.span(length)?, grace?).map(Windows::from),
            "trailing" => self.trailing(keys, length, grace?)?,
            "rows" => Ok(RowWindows::new(self.rows(length)?).into()),
            _ => self.calendar(keys, length, grace?)?,
        };
        made.map_err(|error| {
            let finding = Finding::new(error.to_string(), node.span.clone());
            let help =
                "lengths are whole milliseconds above 0, as in `{ hopping: 1m, every: 10s }`";
            self.report(finding.help(help));
        })
        .ok()
    }

    /// The one kind that `keys` name, and what stands under it.
    fn kind<'t>(&mut self, keys: Keys<'t>, node: &Node) -> Option<(&'static str, &'t Node)> {
        let mut kinds = KINDS
            .iter()
            .filter_map(|(kind, _)| Some((*kind, keys.optional(kind)?)));
        match (kinds.next(), kinds.next()) {
            (Some((first, _)), Some((second, at))) => {
                let message = format!("a window both {first} and {second}");
                self.report(Finding::new(message, at.span.clone()).help("remove one of the two"));
                None
            }
            (Some(kind), None) => Some(kind),
            (None, _) => {
                let finding = Finding::new("a window without a size", node.span.clone());
                self.report(
                    finding.help("write `tumbling: 1m`, or `hopping: 1m` with `every: 10s`"),
                );
                None
            }
        }
    }

    /// Reports what says more of a window than its kind has.
    fn without_strays(&mut self, keys: Keys<'_>, kind: &str) {
        let own = KINDS.iter().find(|(name, _)| *name == kind);
        let own = own.map_or(&[][..], |(_, own)| own);
        for key in ["every", "bounds", "zone", "grace", "empty"] {
            let Some(stray) = keys.optional(key).filter(|_| !own.contains(&key)) else {
                continue;
            };
            let what = match kind {
                "rows" => "of a window of rows".to_owned(),
                kind => format!("of a {kind} window"),
            };
            let finding = Finding::new(format!("`{key}` {what}"), stray.span.clone());
            self.report(finding.help(match (key, kind) {
                ("every", "tumbling") => "windows that overlap are `hopping: 1m, every: 10s`",
                ("every", _) => "only hopping and trailing windows have one; remove it",
                ("bounds", _) => "only trailing windows have them; remove it",
                ("empty", _) => {
                    "only tumbling, hopping and calendar windows can hold nothing; remove it"
                }
                ("zone", _) => "only calendar windows have one; remove it",
                _ => "nothing of it is late; remove it",
            }));
        }
    }

    fn without_every<'t>(&mut self, window: &Node) -> Option<&'t Node> {
        let finding = Finding::new("a hopping window without `every`", window.span.clone());
        self.report(finding.help("add `every: 10s`, how often a window begins"));
        None
    }

    fn trailing(
        &mut self,
        keys: Keys<'_>,
        length: &Node,
        grace: TimeDelta,
    ) -> Option<Result<Windows, WindowsError>> {
        let length = self.span(length)?;
        let every = match keys.optional("every") {
            None => None,
            Some(every) => Some(self.span(every)?),
        };
        let bounds = match keys.optional("bounds") {
            None => Bounds::default(),
            Some(bounds) => self.bounds(bounds)?,
        };
        Some(TrailingWindows::new(length, every, bounds, grace).map(Windows::from))
    }

    fn bounds(&mut self, node: &Node) -> Option<Bounds> {
        let text = self.text(node, "`closed` or `half-open`")?;
        match &*text.value {
            "closed" => Some(Bounds::Closed),
            "half-open" => Some(Bounds::HalfOpen),
            other => {
                let finding = Finding::new(format!("unknown `bounds: {other}`"), text.span)
                    .nearest(other, ["closed", "half-open"])
                    .help("closed is [t - length, t], half-open (t - length, t]");
                self.report(finding);
                None
            }
        }
    }

    fn rows(&mut self, node: &Node) -> Option<NonZeroU32> {
        let text = self.text(node, "a number of records")?;
        let rows = text.value.parse().ok();
        if rows.is_none() {
            let finding = Finding::new("expected a number of records", text.span);
            self.report(finding.help("write `rows: 20`, from 1 to 4294967295"));
        }
        rows
    }

    fn calendar(
        &mut self,
        keys: Keys<'_>,
        unit: &Node,
        grace: TimeDelta,
    ) -> Option<Result<Windows, WindowsError>> {
        let zone = match keys.optional("zone") {
            None => TimeZone::UTC,
            Some(zone) => self.zone(zone)?,
        };
        let unit = self.unit(unit)?;
        Some(CalendarWindows::new(unit, zone, grace).map(Windows::from))
    }

    fn unit(&mut self, node: &Node) -> Option<Unit> {
        let text = self.text(node, "hour, day, week or month")?;
        let unit = Unit::ALL.into_iter().find(|unit| unit.name() == text.value);
        if unit.is_none() {
            let finding = Finding::new(format!("unknown `calendar: {}`", text.value), text.span)
                .nearest(&text.value, Unit::ALL.map(Unit::name))
                .help("one of hour, day, week, month");
            self.report(finding);
        }
        unit
    }

    fn zone(&mut self, node: &Node) -> Option<TimeZone> {
        let text = self.text(node, "a time zone")?;
        let zone = jiff::tz::db().get(&text.value).ok();
        if zone.is_none() {
            let names: Vec<_> = jiff::tz::db().available().collect();
            let finding = Finding::new(format!("unknown time zone `{}`", text.value), text.span)
                .nearest(&text.value, names.iter().map(TimeZoneName::as_str))
                .help("a name of the IANA database, such as Europe/Berlin");
            self.report(finding);
        }
        zone
    }
}

/// The window that is assumed where one could not be read, so that the rest of the flow can still
/// be checked.
fn stand_in() -> Option<Windows> {
    let windows = TimeWindows::tumbling(TimeDelta::minutes(1), GRACE_DEFAULT);
    windows.ok().map(Windows::from)
}
