//! The event time of a record.

use chrono::DateTime;
use chrono::TimeDelta;

use crate::codec::projection::Row;
use crate::expr::Program;
use crate::expr::ValueType;
use crate::record::Timestamp;
use crate::record::Value;
use crate::stream::reason::Reason;

/// How far beyond the wall clock an event time may lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Future {
    pub(crate) now: Timestamp,
    /// `None`: any distance.
    pub(crate) max: Option<TimeDelta>,
}

/// The event time of `row`: what `time` says, or the record's own timestamp.
///
/// # Errors
///
/// Where there is no usable one: it is no time, it is before the epoch, or it is further beyond
/// the wall clock than `future` allows.
#[inline]
pub(crate) fn event_time(
    time: Option<&Program>,
    row: &Row<'_>,
    future: Future,
) -> Result<Timestamp, Box<Reason>> {
    let time = match time {
        None => row.record.timestamp,
        Some(program) => to_timestamp(&program.eval(row).map_err(Reason::Time)?)?,
    };
    check(time, future)?;
    Ok(time)
}

/// Checks that `time` may serve as event time.
///
/// # Errors
///
/// Where it is before the epoch or too far beyond the wall clock.
#[inline]
pub(crate) fn check(time: Timestamp, future: Future) -> Result<(), Box<Reason>> {
    if !time.is_event_time() {
        return Err(Reason::BeforeEpoch(time).into());
    }
    match future.max {
        Some(max) if time > future.now.saturating_add(max.num_milliseconds()) => {
            let now = future.now;
            let future = max;
            Err(Reason::Future { time, now, future }.into())
        }
        _ => Ok(()),
    }
}

fn to_timestamp(value: &Value<'_>) -> Result<Timestamp, Box<Reason>> {
    match value {
        Value::Int(millis) => Ok(Timestamp(*millis)),
        Value::UInt(millis) => Ok(i64::try_from(*millis).map_or(Timestamp::MAX, Timestamp)),
        Value::Timestamp(instant) => Ok(Timestamp(instant.timestamp_millis())),
        Value::Text(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(Timestamp(instant.timestamp_millis())),
            Err(_) => Err(Reason::NotRfc3339(text.chars().take(40).collect()).into()),
        },
        other => Err(Reason::NotATime(ValueType::of(other)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_instants_and_rfc_3339_text_are_times() {
        let millis = 1_700_000_000_123;
        let instant = DateTime::from_timestamp_millis(millis).unwrap();
        for value in [
            Value::Int(millis),
            Value::UInt(1_700_000_000_123),
            Value::Timestamp(instant),
            Value::text("2023-11-14T22:13:20.123Z"),
            Value::text("2023-11-14T23:13:20.123+01:00"),
        ] {
            assert_eq!(to_timestamp(&value), Ok(Timestamp(millis)), "{value:?}");
        }
    }

    #[test]
    fn other_values_are_not() {
        let refused = to_timestamp(&Value::Float(1.0));
        assert_eq!(refused, Err(Reason::NotATime(ValueType::Double).into()));
        let refused = to_timestamp(&Value::text("yesterday"));
        assert_eq!(refused, Err(Reason::NotRfc3339("yesterday".into()).into()));
    }

    #[test]
    fn the_epoch_and_the_last_instant_of_the_future_allowed_are_times() {
        let future = Future {
            now: Timestamp(1_000),
            max: Some(TimeDelta::milliseconds(10)),
        };
        assert_eq!(check(Timestamp(0), future), Ok(()));
        assert!(check(Timestamp(-1), future).is_err());
        assert_eq!(check(Timestamp(1_010), future), Ok(()));
        assert!(check(Timestamp(1_011), future).is_err());
        let any = Future {
            max: None,
            ..future
        };
        assert_eq!(check(Timestamp::MAX, any), Ok(()));
    }
}
