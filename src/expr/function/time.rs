//! Instants, durations, and their parts.

use std::str::FromStr;

use chrono::DateTime;
use chrono::Datelike;
use chrono::FixedOffset;
use chrono::Offset;
use chrono::TimeDelta;
use chrono::Timelike;
use chrono::Utc;

use crate::expr::code::Any;
use crate::expr::code::Budget;
use crate::expr::duration as durations;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::function::arg;
use crate::expr::function::no_overload;
use crate::expr::instant;
use crate::record::Value;

type Outcome<'e> = Result<Value<'e>, Fault>;

/// An instant of an RFC 3339 text, or of seconds since the epoch.
pub(super) fn timestamp<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let found = match arg(args, 0) {
        Value::Timestamp(instant) => *instant,
        Value::Int(seconds) => DateTime::from_timestamp(*seconds, 0).ok_or(Fault::Overflow)?,
        Value::Text(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => instant.to_utc(),
            Err(_) => return Err(not_from_text(ValueType::Timestamp)),
        },
        other => return no_overload(other),
    };
    instant::known(Some(found))
}

pub(super) fn duration<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Duration(duration) => Ok(Value::Duration(*duration)),
        Value::Text(text) => match durations::parse(text) {
            Ok(duration) => Ok(Value::Duration(duration)),
            Err(_) => Err(not_from_text(ValueType::Duration)),
        },
        other => no_overload(other),
    }
}

const fn not_from_text(to: ValueType) -> Fault {
    Fault::Conversion {
        from: ValueType::Text,
        to,
    }
}

/// The instant in the zone that the second argument names, in UTC without one.
fn local(args: &[Any<'_>]) -> Result<DateTime<FixedOffset>, Fault> {
    let Value::Timestamp(instant) = arg(args, 0) else {
        return no_overload(arg(args, 0));
    };
    let zone = match args.get(1).map(|arg| &**arg) {
        None => Utc.fix(),
        Some(Value::Text(name)) => zone(name)?,
        Some(other) => return no_overload(other),
    };
    Ok(instant.with_timezone(&zone))
}

/// `UTC`, or an offset with or without a sign: `+02:00`, `02:00`.
fn zone(name: &str) -> Result<FixedOffset, Fault> {
    if matches!(name, "UTC" | "Z" | "GMT" | "") {
        return Ok(Utc.fix());
    }
    let signed = match name.as_bytes().first() {
        Some(b'+' | b'-') => FixedOffset::from_str(name),
        _ => FixedOffset::from_str(&format!("+{name}")),
    };
    signed.map_err(|_| Fault::BadZone)
}

fn part<'e>(args: &[Any<'e>], part: fn(&DateTime<FixedOffset>) -> u32) -> Outcome<'e> {
    Ok(Value::Int(part(&local(args)?).into()))
}

pub(super) fn full_year<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    Ok(Value::Int(local(args)?.year().into()))
}

/// January is 0.
pub(super) fn month<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part(args, Datelike::month0)
}

/// January 1st is 0.
pub(super) fn day_of_year<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part(args, Datelike::ordinal0)
}

/// The first of a month is 0.
pub(super) fn day_of_month<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part(args, Datelike::day0)
}

/// The first of a month is 1.
pub(super) fn date<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part(args, Datelike::day)
}

/// Sunday is 0.
pub(super) fn day_of_week<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part(args, |instant| instant.weekday().num_days_from_sunday())
}

/// A part of an instant, or the whole of a duration in a unit.
fn part_or_whole<'e>(
    args: &[Any<'e>],
    of_instant: fn(&DateTime<FixedOffset>) -> u32,
    of_duration: fn(&TimeDelta) -> i64,
) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Duration(duration) => Ok(Value::Int(of_duration(duration))),
        _ => part(args, of_instant),
    }
}

pub(super) fn hours<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part_or_whole(args, Timelike::hour, TimeDelta::num_hours)
}

pub(super) fn minutes<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part_or_whole(args, Timelike::minute, TimeDelta::num_minutes)
}

pub(super) fn seconds<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    part_or_whole(args, Timelike::second, TimeDelta::num_seconds)
}

/// Of an instant the milliseconds within its second, of a duration all.
pub(super) fn milliseconds<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let within = |instant: &DateTime<FixedOffset>| instant.timestamp_subsec_millis();
    part_or_whole(args, within, TimeDelta::num_milliseconds)
}
