//! Calendar windows.

use std::ops::Range;

use chrono::TimeDelta;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::record::Timestamp;
use crate::stream::window::WindowsError;
use crate::stream::window::millis;

/// Hours, days, weeks or months as clocks and calendars of a time zone have them.
///
/// A window is half-open, and begins where one of those begins in the zone: days at midnight,
/// weeks on Monday. Where clocks are set forward or back a day has 23 or 25 hours, and what is
/// skipped on the calendar has no window. A window closes as tumbling ones do: when stream time
/// reaches its end plus grace.
///
/// The rules of zones are those of the IANA database that the program was built with. From the year
/// 9999 on, all time is one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarWindows {
    unit: Unit,
    zone: TimeZone,
    grace_ms: i64,
}

/// How long calendar windows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// From one full hour of the clock to the next; a change of the clock begins one too.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first to the first.
    Month,
}

impl Unit {
    /// Every unit, in ascending order.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Month];

    /// The name in pipeline files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// How long one is at most, the change of clocks left aside.
    #[must_use]
    pub const fn longest(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::hours(1),
            Self::Day => TimeDelta::days(1),
            Self::Week => TimeDelta::days(7),
            Self::Month => TimeDelta::days(31),
        }
    }
}

const HOUR_MS: i64 = 3_600_000;

impl CalendarWindows {
    /// Windows of one `unit` each in `zone`.
    ///
    /// # Errors
    ///
    /// [`WindowsError`].
    pub fn new(unit: Unit, zone: TimeZone, grace: TimeDelta) -> Result<Self, WindowsError> {
        match millis(grace)? {
            ..0 => Err(WindowsError::Grace),
            grace_ms => Ok(Self {
                unit,
                zone,
                grace_ms,
            }),
        }
    }

    /// How long windows are.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Whose clocks and calendars count.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// How long after its end a window stays open, in milliseconds of stream time.
    #[must_use]
    pub const fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    /// The window that holds `time`: start inside, end outside.
    #[must_use]
    pub fn holding(&self, time: Timestamp) -> Range<Timestamp> {
        let window = match self.unit {
            Unit::Hour => self.hour(time),
            Unit::Day | Unit::Week | Unit::Month => self.dates(time),
        };
        window.unwrap_or(LAST_INSTANT..Timestamp::MAX)
    }

    fn dates(&self, time: Timestamp) -> Option<Range<Timestamp>> {
        let date = self.local(time)?.date();
        let mut start = match self.unit {
            Unit::Hour | Unit::Day => date,
            Unit::Week => {
                let past_monday = date.weekday().to_monday_zero_offset();
                date.checked_sub(i64::from(past_monday).days()).ok()?
            }
            Unit::Month => date.first_of_month(),
        };
        // The days around a change of the date line may be none.
        loop {
            let unit = match self.unit {
                Unit::Hour | Unit::Day => 1.day(),
                Unit::Week => 1.week(),
                Unit::Month => 1.month(),
            };
            let next = start.checked_add(unit).ok()?;
            let window = self.midnight(start)?..self.midnight(next)?;
            if window.contains(&time) {
                return Some(window);
            }
            start = next;
        }
    }

    fn hour(&self, time: Timestamp) -> Option<Range<Timestamp>> {
        let local = self.local(time)?;
        let minutes = i64::from(local.minute()) * 60_000 + i64::from(local.second()) * 1_000;
        let past = minutes + time.0.rem_euclid(1_000);
        let start = Timestamp(time.0 - past);
        let end = start.saturating_add(HOUR_MS);
        let start = self.change_between(start, time).unwrap_or(start);
        let end = self.change_between(time, end).unwrap_or(end);
        Some(start..end)
    }

    /// The instant after `from`, and at `to` at the latest, at which the zone's clocks change.
    fn change_between(&self, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let before = self.zone.to_offset(instant(from)?);
        let changes = self.zone.following(instant(from)?);
        let mut changes = changes.map(|change| (millisecond(change.timestamp()), change.offset()));
        changes
            .by_ref()
            .take_while(|(change, _)| *change <= to)
            .find_map(|(change, offset)| (offset != before).then_some(change))
    }

    /// What clock and calendar say.
    fn local(&self, time: Timestamp) -> Option<DateTime> {
        Some(self.zone.to_datetime(instant(time)?))
    }

    /// The first instant of `date`; where the clocks skip its midnight, that of the change.
    fn midnight(&self, date: Date) -> Option<Timestamp> {
        let midnight = self.zone.to_ambiguous_timestamp(date.into());
        // What is skipped is taken for what clocks showed before the change.
        midnight.compatible().ok().map(millisecond)
    }
}

/// The beginning of the year 9999, which leaves room for a month and a zone before the last day
/// that a date can say.
const LAST_INSTANT: Timestamp = Timestamp(253_370_764_800_000);

fn instant(time: Timestamp) -> Option<jiff::Timestamp> {
    let known = time < LAST_INSTANT;
    known.then(|| jiff::Timestamp::from_millisecond(time.0).ok())?
}

fn millisecond(time: jiff::Timestamp) -> Timestamp {
    Timestamp(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn windows(unit: Unit, zone: &str) -> CalendarWindows {
        let zone = TimeZone::get(zone).unwrap();
        CalendarWindows::new(unit, zone, TimeDelta::zero()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        millisecond(text.parse().unwrap())
    }

    fn hours(window: &Range<Timestamp>) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let ms = (window.end.0 - window.start.0) as f64;
        ms / 3_600_000.0
    }

    #[test]
    fn a_day_begins_at_local_midnight_and_has_23_or_25_hours_where_clocks_change() {
        let days = windows(Unit::Day, "Europe/Berlin");
        let spring = days.holding(at("2026-03-29T12:00:00Z"));
        assert_eq!(spring.start, at("2026-03-28T23:00:00Z"));
        assert_eq!(spring.end, at("2026-03-29T22:00:00Z"));
        let autumn = days.holding(at("2026-10-25T12:00:00Z"));
        assert_eq!(hours(&autumn), 25.0);
        let plain = days.holding(at("2026-11-24T22:59:59.999Z"));
        assert_eq!(hours(&plain), 24.0);
        assert_eq!(
            days.holding(plain.end).start,
            plain.end,
            "the end is outside"
        );
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let weeks = windows(Unit::Week, "America/New_York");
        let week = weeks.holding(at("2026-11-24T12:00:00Z"));
        assert_eq!(week.start, at("2026-11-23T05:00:00Z"));
        let months = windows(Unit::Month, "Asia/Kolkata");
        let month = months.holding(at("2028-02-29T12:00:00Z"));
        assert_eq!(month.start, at("2028-01-31T18:30:00Z"));
        assert_eq!(month.end, at("2028-02-29T18:30:00Z"));
    }

    #[test]
    fn a_midnight_that_clocks_skip_begins_its_day_at_the_change() {
        let days = windows(Unit::Day, "America/Sao_Paulo");
        let day = days.holding(at("2018-11-04T12:00:00Z"));
        assert_eq!(day.start, at("2018-11-04T03:00:00Z"), "00:00 was 01:00");
        assert_eq!(hours(&day), 23.0);
        let days = windows(Unit::Day, "Pacific/Apia");
        let last = days.holding(at("2011-12-30T09:59:59Z"));
        assert_eq!(days.holding(last.end).start, last.end, "the 30th was none");
        assert_eq!(hours(&last), 24.0);
    }

    #[test]
    fn an_hour_that_comes_twice_is_two_windows_and_a_half_one_its_own() {
        let berlin = windows(Unit::Hour, "Europe/Berlin");
        let first = berlin.holding(at("2026-10-25T00:30:00Z"));
        let second = berlin.holding(at("2026-10-25T01:30:00Z"));
        assert_eq!((hours(&first), hours(&second)), (1.0, 1.0));
        assert_eq!(first.end, second.start);
        let lord_howe = windows(Unit::Hour, "Australia/Lord_Howe");
        let half = lord_howe.holding(at("2026-10-03T15:40:00Z"));
        assert_eq!(hours(&half), 0.5, "02:00 to 02:30 were none");
    }

    #[test]
    fn beyond_the_years_of_calendars_all_is_one_window() {
        let days = windows(Unit::Day, "UTC");
        assert!(days.holding(Timestamp(i64::MAX - 1)).end == Timestamp::MAX);
        assert!(days.holding(Timestamp(0)).contains(&Timestamp(0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn windows_of_every_zone_follow_one_another_without_gap_or_overlap(
            zone in 0..400usize, unit in 0..4usize,
            time in 0i64..2_500_000_000_000,
        ) {
            let zones = jiff::tz::db().available();
            let zone = zones.map(|zone| zone.to_string()).nth(zone).unwrap();
            let windows = windows(Unit::ALL[unit], &zone);
            let window = windows.holding(Timestamp(time));
            prop_assert!(window.contains(&Timestamp(time)), "{:?}", windows);
            prop_assert_eq!(windows.holding(window.start), window.clone(), "{:?}", windows);
            prop_assert_eq!(windows.holding(window.end.saturating_add(-1)), window.clone());
            prop_assert_eq!(windows.holding(window.end).start, window.end, "{:?}", windows);
        }
    }
}
