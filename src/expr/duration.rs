//! Durations as text: `5m`, `1h30m`, `500ms`.

use chrono::TimeDelta;

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is empty, or a number or its unit is missing.
    #[error("expected a duration such as `10s`, `5m` or `1h30m`, found `{0}`")]
    Malformed(String),
    /// A unit that is not known.
    #[error("unknown unit `{0}` of a duration: one of ns, us, ms, s, m, h, d")]
    UnknownUnit(String),
    /// The duration does not fit 64 bits of nanoseconds, about 292 years.
    #[error("duration `{0}` is too long")]
    OutOfRange(String),
}

/// The units by name, in nanoseconds. `d` is 24 hours, whatever a calendar says.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a duration: numbers with units, largest first or in any order, `1h30m`.
///
/// A number may have a fraction (`1.5h`), the whole a sign; `0` needs no unit. What is finer than
/// a nanosecond is cut off.
///
/// # Errors
///
/// [`DurationError`], always the text's fault.
///
/// Source: Go's `time.ParseDuration`, which defines CEL's `duration()`; the unit `d` is ours.
///
/// # Examples
///
/// ```
/// use chrono::TimeDelta;
/// use tidemill::expr::duration;
///
/// assert_eq!(duration::parse("1h30m"), Ok(TimeDelta::minutes(90)));
/// assert_eq!(duration::parse("-1.5s"), Ok(TimeDelta::milliseconds(-1_500)));
/// assert!(duration::parse("5").is_err(), "5 of what?");
/// ```
pub fn parse(text: &str) -> Result<TimeDelta, DurationError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    if digits == "0" {
        return Ok(TimeDelta::zero());
    }
    let mut rest = digits;
    let mut nanos = 0i64;
    while !rest.is_empty() {
        let part = take_part(&mut rest, text)?;
        nanos = nanos
            .checked_add(part)
            .ok_or_else(|| DurationError::OutOfRange(text.to_owned()))?;
    }
    if digits.is_empty() {
        return Err(DurationError::Malformed(text.to_owned()));
    }
    Ok(TimeDelta::nanoseconds(if negative {
        -nanos
    } else {
        nanos
    }))
}

/// Takes one number with its unit off the front of `rest`, in nanoseconds.
fn take_part(rest: &mut &str, text: &str) -> Result<i64, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let out_of_range = || DurationError::OutOfRange(text.to_owned());
    let whole = take_while(rest, |char| char.is_ascii_digit());
    let fraction = match rest.strip_prefix('.') {
        Some(after) => {
            *rest = after;
            take_while(rest, |char| char.is_ascii_digit())
        }
        None => "",
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(malformed());
    }
    let name = take_while(rest, |char| char.is_alphabetic());
    if name.is_empty() {
        return Err(malformed());
    }
    let unit = unit_nanos(name).ok_or_else(|| DurationError::UnknownUnit(name.to_owned()))?;
    let whole: i64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| out_of_range())?,
    };
    whole
        .checked_mul(unit)
        .and_then(|nanos| nanos.checked_add(fraction_nanos(fraction, unit)))
        .ok_or_else(out_of_range)
}

fn take_while<'t>(rest: &mut &'t str, wanted: impl Fn(char) -> bool) -> &'t str {
    let end = rest.find(|char| !wanted(char)).unwrap_or(rest.len());
    let (taken, tail) = rest.split_at(end);
    *rest = tail;
    taken
}

fn unit_nanos(name: &str) -> Option<i64> {
    UNITS
        .iter()
        .find_map(|(unit, nanos)| (*unit == name).then_some(*nanos))
}

/// `0.fraction` of `unit`, in nanoseconds, cut off below. Always less than one unit.
fn fraction_nanos(fraction: &str, unit: i64) -> i64 {
    let mut scaled = 0i128;
    let mut scale = 1i128;
    // More than 18 digits cannot change a whole nanosecond of a day.
    for digit in fraction.bytes().take(18) {
        scaled = scaled * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    i64::try_from(scaled * i128::from(unit) / scale).unwrap_or(0)
}

/// Writes a duration as CEL does: seconds with up to nine digits of fraction, `90s`, `0.5s`.
#[must_use]
pub fn to_text(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    let nanos = duration.subsec_nanos();
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}", seconds.unsigned_abs());
    if nanos != 0 {
        let digits = format!("{:09}", nanos.unsigned_abs());
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('s');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, nanos) in [
            ("0", 0),
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-10s", -10_000_000_000),
            ("1d", 86_400_000_000_000),
            ("1µs", 1_000),
            ("0.9999999999s", 999_999_999),
        ] {
            assert_eq!(parse(text), Ok(TimeDelta::nanoseconds(nanos)), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_or_a_unit_without_a_number_is_refused() {
        for text in [
            "", "-", "5", "s", "5m3", ".s", "5 m", "m5", "1h 30m", "--1s",
        ] {
            assert!(
                matches!(parse(text), Err(DurationError::Malformed(_))),
                "{text}: {:?}",
                parse(text)
            );
        }
        assert_eq!(
            parse("5min"),
            Err(DurationError::UnknownUnit("min".to_owned()))
        );
    }

    #[test]
    fn a_duration_beyond_64_bits_of_nanoseconds_is_refused() {
        assert!(parse("9223372036854775807ns").is_ok());
        for text in ["9223372036854775808ns", "106752d", "99999999999999999999s"] {
            assert_eq!(parse(text), Err(DurationError::OutOfRange(text.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn every_duration_comes_back(nanos: i64) {
            let duration = TimeDelta::nanoseconds(nanos.max(-i64::MAX));
            prop_assert_eq!(parse(&to_text(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9a-zµ ]{0,24}") {
            let _ = parse(&text);
        }
    }
}
