//! Times in tests: `12:00:05` on one fixed day.

use chrono::DateTime;
use chrono::SecondsFormat;

use crate::record::Timestamp;

/// Midnight of the day that clock times stand on: 2024-01-01 in UTC, a Monday.
pub const DAY: Timestamp = Timestamp(1_704_067_200_000);

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;
/// Clock times reach to 99:59:59.999, the fifth day.
const HOURS_MAX: i64 = 100;

/// Reads `12:00`, `12:00:05` or `12:00:05.250`, on [`DAY`]; hours from 24 on are those of the days
/// after it, up to 99. `None` where `text` is none of these.
///
/// # Examples
///
/// ```
/// use tidemill::pipeline::testing::clock;
///
/// assert_eq!(clock::time("00:00:01.500").map(|time| time.0 - clock::DAY.0), Some(1_500));
/// assert_eq!(clock::time("24:00").map(|time| time.0 - clock::DAY.0), Some(86_400_000));
/// assert_eq!(clock::time("12:60"), None);
/// ```
#[must_use]
pub fn time(text: &str) -> Option<Timestamp> {
    let mut parts = text.split(':');
    let hours = two_digits(parts.next()?)?;
    let minutes = two_digits(parts.next()?)?;
    let (seconds, millis) = match parts.next() {
        Some(seconds) => seconds_and_millis(seconds)?,
        None => (0, 0),
    };
    if parts.next().is_some() || minutes > 59 || seconds > 59 {
        return None;
    }
    let since = hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS + millis;
    Some(DAY.saturating_add(since))
}

/// Reads a clock time, RFC 3339 text, or milliseconds since the epoch.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    let millis = || text.parse::<i64>().ok().map(Timestamp);
    let rfc3339 = || {
        let instant = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Timestamp(instant.timestamp_millis()))
    };
    time(text).or_else(millis).or_else(rfc3339)
}

/// The time as a test would write it: a clock time where it has one, else RFC 3339, else the number.
#[must_use]
pub fn written(time: Timestamp) -> String {
    let since = time.0.saturating_sub(DAY.0);
    if !(0..HOURS_MAX * HOUR_MS).contains(&since) {
        return rfc3339(time);
    }
    let (hours, minutes) = (since / HOUR_MS, since / MINUTE_MS % 60);
    let (seconds, millis) = (since / SECOND_MS % 60, since % SECOND_MS);
    match (seconds, millis) {
        (0, 0) => format!("{hours:02}:{minutes:02}"),
        (_, 0) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

/// The time as RFC 3339 text; beyond what that can say, the number.
pub(super) fn rfc3339(time: Timestamp) -> String {
    match DateTime::from_timestamp_millis(time.0) {
        Some(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        None => time.to_string(),
    }
}

fn two_digits(text: &str) -> Option<i64> {
    let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_two.then(|| text.parse().ok()).flatten()
}

fn seconds_and_millis(text: &str) -> Option<(i64, i64)> {
    let Some((seconds, fraction)) = text.split_once('.') else {
        return Some((two_digits(text)?, 0));
    };
    let is_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_empty() || fraction.len() > 3 || !is_digits {
        return None;
    }
    Some((
        two_digits(seconds)?,
        format!("{fraction:0<3}").parse().ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_clock_time_is_none() {
        for text in [
            "",
            "12",
            "1:00",
            "12:0",
            "12:00:",
            "12:00:60",
            "12:00:00.",
            "12:00:00.0001",
            "12:00:00:00",
            "-1:00",
            "noon",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_clock_times_or_rfc_3339_or_numbers() {
        assert_eq!(instant("00:00"), Some(DAY));
        assert_eq!(instant("2024-01-01T01:00:00+01:00"), Some(DAY));
        assert_eq!(instant("7"), Some(Timestamp(7)));
        assert_eq!(instant("noon"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_written_time_reads_back(since in -100_000_000i64..500_000_000) {
            let time = Timestamp(DAY.0 + since);
            prop_assert_eq!(instant(&written(time)), Some(time));
        }
    }
}
