//! Where to start and end reading: the spellings of `--offset`.

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use crate::expr::duration;

/// A bound of the records to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// The first record there is.
    Start,
    /// After the last record there is at the start of the command.
    End,
    /// This offset.
    At(i64),
    /// So many records after the start.
    AfterStart(i64),
    /// So many records before the end.
    BeforeEnd(i64),
    /// The first record with this timestamp or a later one, in milliseconds since the epoch.
    Time(i64),
    /// That many milliseconds before now.
    Ago(i64),
}

/// What `--offset` says: where reading starts and, if given, where it ends.
///
/// Spellings: `start` (or `beginning`, `earliest`, `oldest`), `end` (`latest`, `newest`), `N`, `-N`
/// (the last N), `+N` (N after the start), `A:B` and `:B` (up to and without B), `@TIME`, `@T1:T2`,
/// `@-1h` (a while ago). A time is seconds (up to 10 digits) or milliseconds (13 digits) since the
/// epoch, a date, or an RFC 3339 time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetSpec {
    /// The first record to read.
    pub from: Bound,
    /// The record not to read any more; `None` reads on.
    pub to: Option<Bound>,
}

/// The list that a wrong spelling is answered with.
const SPELLINGS: &str =
    "start, end, N, -N (last N), +N (N after the start), A:B, :B, @TIME, @T1:T2, @-1h";

impl FromStr for OffsetSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("{text:?} is no offset; one of {SPELLINGS}"))
    }
}

fn parse(text: &str) -> Option<OffsetSpec> {
    if let Some(times) = text.strip_prefix('@') {
        return parse_times(times);
    }
    match text.split_once(':') {
        Some(("", to)) => Some(OffsetSpec {
            from: Bound::Start,
            to: Some(parse_bound(to)?),
        }),
        Some((from, "")) => Some(OffsetSpec {
            from: parse_bound(from)?,
            to: None,
        }),
        Some((from, to)) => Some(OffsetSpec {
            from: parse_bound(from)?,
            to: Some(parse_bound(to)?),
        }),
        None => Some(OffsetSpec {
            from: parse_bound(text)?,
            to: None,
        }),
    }
}

fn parse_bound(text: &str) -> Option<Bound> {
    match text {
        "start" | "beginning" | "earliest" | "oldest" => return Some(Bound::Start),
        "end" | "latest" | "newest" => return Some(Bound::End),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())??;
    Some(match text.as_bytes().first()? {
        b'+' => Bound::AfterStart(number),
        b'-' => Bound::BeforeEnd(number),
        _ => Bound::At(number),
    })
}

/// `T`, `T1:T2`, `:T2`. A time of day holds colons too, so every colon is tried, from the last.
fn parse_times(text: &str) -> Option<OffsetSpec> {
    if let Some(from) = parse_time(text) {
        return Some(OffsetSpec { from, to: None });
    }
    text.rmatch_indices(':').find_map(|(at, _)| {
        let (from, to) = (text.get(..at)?, text.get(at + 1..)?);
        let from = if from.is_empty() {
            Bound::Start
        } else {
            parse_time(from)?
        };
        let to = if to.is_empty() {
            None
        } else {
            Some(parse_time(to)?)
        };
        Some(OffsetSpec { from, to })
    })
}

fn parse_time(text: &str) -> Option<Bound> {
    if text == "end" {
        return Some(Bound::End);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return Some(Bound::Ago(duration::parse(ago).ok()?.num_milliseconds()));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            1..=10 => number.checked_mul(1000).map(Bound::Time),
            _ => Some(Bound::Time(number)),
        };
    }
    parse_date(text).map(|time| Bound::Time(time.timestamp_millis()))
}

fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|date| date.and_hms_opt(0, 0, 0));
    date.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok())
        .map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, from: Bound, to: Option<Bound>) {
        assert_eq!(text.parse(), Ok(OffsetSpec { from, to }), "{text}");
    }

    #[test]
    fn every_spelling_means_what_its_first_tool_meant() {
        for text in ["start", "beginning", "earliest", "oldest"] {
            check(text, Bound::Start, None);
        }
        for text in ["end", "latest", "newest"] {
            check(text, Bound::End, None);
        }
        check("42", Bound::At(42), None);
        check("-10", Bound::BeforeEnd(10), None);
        check("+10", Bound::AfterStart(10), None);
        check("5:9", Bound::At(5), Some(Bound::At(9)));
        check(":9", Bound::Start, Some(Bound::At(9)));
        check("5:", Bound::At(5), None);
        check(":end", Bound::Start, Some(Bound::End));
        check("-5:end", Bound::BeforeEnd(5), Some(Bound::End));
    }

    #[test]
    fn times_are_seconds_milliseconds_dates_or_a_while_ago() {
        check("@1700000000", Bound::Time(1_700_000_000_000), None);
        check("@1700000000000", Bound::Time(1_700_000_000_000), None);
        check("@2023-11-14", Bound::Time(1_699_920_000_000), None);
        check(
            "@2023-11-14T22:13:20Z",
            Bound::Time(1_700_000_000_000),
            None,
        );
        check("@-1h", Bound::Ago(3_600_000), None);
        check(
            "@-1h:-30m",
            Bound::Ago(3_600_000),
            Some(Bound::Ago(1_800_000)),
        );
        check(
            "@2023-11-14T22:13:20Z:2023-11-14T22:13:21Z",
            Bound::Time(1_700_000_000_000),
            Some(Bound::Time(1_700_000_001_000)),
        );
    }

    #[test]
    fn a_wrong_one_is_answered_with_the_list() {
        for text in [
            "",
            "soon",
            "--1",
            "1x",
            "@",
            "@soon",
            "1:2:3",
            "99999999999999999999",
        ] {
            let error = text.parse::<OffsetSpec>().expect_err(text);
            assert!(error.contains(SPELLINGS), "{error}");
        }
    }
}
