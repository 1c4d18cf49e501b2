//! Conversions between types.

use std::borrow::Cow;
use std::str::FromStr;

use chrono::SecondsFormat;

use crate::expr::code::Any;
use crate::expr::code::Budget;
use crate::expr::duration;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::function::arg;
use crate::expr::function::no_overload;
use crate::record::Value;

type Outcome<'e> = Result<Value<'e>, Fault>;

/// 2^63 and 2^64: doubles from here on are out of range.
const BEYOND_INT: f64 = 9_223_372_036_854_775_808.0;
const BEYOND_UINT: f64 = 18_446_744_073_709_551_616.0;

fn parsed<T: FromStr>(value: &Value<'_>, text: &str, to: ValueType) -> Result<T, Fault> {
    let from = ValueType::of(value);
    text.parse().map_err(|_| Fault::Conversion { from, to })
}

/// Doubles are cut off towards zero; an instant becomes seconds since the epoch.
pub(super) fn int<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Int(int) => Ok(Value::Int(*int)),
        Value::UInt(uint) => i64::try_from(*uint)
            .map(Value::Int)
            .map_err(|_| Fault::Overflow),
        // −2^63 itself is out of range too: cel-go's `doubleToInt64Checked`.
        Value::Float(float) if *float > -BEYOND_INT && *float < BEYOND_INT => {
            Ok(Value::Int(truncated_int(*float)))
        }
        Value::Float(_) => Err(Fault::Overflow),
        value @ Value::Text(text) => Ok(Value::Int(parsed(value, text, ValueType::Int)?)),
        Value::Timestamp(instant) => Ok(Value::Int(instant.timestamp())),
        other => no_overload(other),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the caller has checked the range"
)]
const fn truncated_int(float: f64) -> i64 {
    float as i64
}

/// Doubles are cut off towards zero.
pub(super) fn uint<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::UInt(uint) => Ok(Value::UInt(*uint)),
        Value::Int(int) => u64::try_from(*int)
            .map(Value::UInt)
            .map_err(|_| Fault::Overflow),
        Value::Float(float) if *float >= 0.0 && *float < BEYOND_UINT => {
            Ok(Value::UInt(truncated_uint(*float)))
        }
        Value::Float(_) => Err(Fault::Overflow),
        value @ Value::Text(text) => Ok(Value::UInt(parsed(value, text, ValueType::UInt)?)),
        other => no_overload(other),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has checked the range"
)]
const fn truncated_uint(float: f64) -> u64 {
    float as u64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
pub(super) fn double<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Float(float) => Ok(Value::Float(*float)),
        Value::Int(int) => Ok(Value::Float(*int as f64)),
        Value::UInt(uint) => Ok(Value::Float(*uint as f64)),
        value @ Value::Text(text) => Ok(Value::Float(parsed(value, text, ValueType::Double)?)),
        other => no_overload(other),
    }
}

/// Doubles in plain digits, the fewest that give the same number back; instants in RFC 3339, UTC;
/// durations in seconds; bytes must be UTF-8.
pub(super) fn string<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    let text = match arg(args, 0) {
        Value::Text(text) => {
            budget.draw_bytes(text.len())?;
            return Ok(Value::Text(text.clone()));
        }
        Value::Bool(bool) => bool.to_string(),
        Value::Int(int) => int.to_string(),
        Value::UInt(uint) => uint.to_string(),
        Value::Float(float) => float.to_string(),
        Value::Bytes(bytes) => {
            budget.draw_bytes(bytes.len())?;
            let conversion = Fault::Conversion {
                from: ValueType::Bytes,
                to: ValueType::Text,
            };
            String::from_utf8(bytes.to_vec()).map_err(|_| conversion)?
        }
        Value::Timestamp(instant) => instant.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        Value::Duration(span) => duration::to_text(*span),
        other => return no_overload(other),
    };
    Ok(Value::Text(Cow::Owned(text)))
}

pub(super) fn bytes<'e>(args: &[Any<'e>], budget: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Bytes(bytes) => {
            budget.draw_bytes(bytes.len())?;
            Ok(Value::Bytes(bytes.clone()))
        }
        Value::Text(text) => {
            budget.draw_bytes(text.len())?;
            Ok(Value::Bytes(Cow::Owned(text.as_bytes().to_vec())))
        }
        other => no_overload(other),
    }
}

/// Texts as Go's `strconv.ParseBool` reads them.
pub(super) fn bool<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    match arg(args, 0) {
        Value::Bool(bool) => Ok(Value::Bool(*bool)),
        Value::Text(text) => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(Fault::Conversion {
                from: ValueType::Text,
                to: ValueType::Bool,
            }),
        },
        other => no_overload(other),
    }
}
