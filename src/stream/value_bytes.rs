//! Values in bytes that say what they are, for internal topics.
//!
//! | first byte | then |
//! | --- | --- |
//! | 0 null, 1 false, 2 true | nothing |
//! | 3 int | varint |
//! | 4 uint | 8 bytes, little-endian |
//! | 5 float | 8 bytes, little-endian IEEE 754 |
//! | 6 text, 7 bytes | varint length, the bytes |
//! | 8 timestamp, 9 duration | varint seconds, varint nanoseconds |
//! | 10 list | varint count, that many values |
//! | 11 map | varint count, that many keys each followed by its value |
//!
//! Varints are zig-zag ([`varint`]).

use std::borrow::Cow;

use chrono::DateTime;
use chrono::TimeDelta;

use crate::record::Value;
use crate::record::varint;

/// Values may stand in each other this deeply when they are read.
const DEPTH_MAX: usize = 130;

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(bool) => out.push(1 + u8::from(*bool)),
        Value::Int(int) => {
            out.push(3);
            varint::put_i64(out, *int);
        }
        Value::UInt(uint) => {
            out.push(4);
            out.extend_from_slice(&uint.to_le_bytes());
        }
        Value::Float(float) => {
            out.push(5);
            out.extend_from_slice(&float.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(6);
            put_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(7);
            put_bytes(out, bytes);
        }
        Value::Timestamp(instant) => {
            out.push(8);
            varint::put_i64(out, instant.timestamp());
            varint::put_i64(out, instant.timestamp_subsec_nanos().into());
        }
        Value::Duration(duration) => {
            out.push(9);
            varint::put_i64(out, duration.num_seconds());
            varint::put_i64(out, duration.subsec_nanos().into());
        }
        Value::List(values) => {
            out.push(10);
            put_count(out, values.len());
            values.iter().for_each(|value| put(out, value));
        }
        Value::Map(entries) => {
            out.push(11);
            put_count(out, entries.len());
            for (key, value) in entries {
                put(out, key);
                put(out, value);
            }
        }
    }
}

/// Appends a count or a length, as a varint.
pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    varint::put_i64(out, i64::try_from(count).unwrap_or(i64::MAX));
}

/// Appends `bytes` behind their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Reads one value off the front of `bytes`; `None` where there is none, or one too deep.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<Value<'a>> {
    take_within(bytes, DEPTH_MAX)
}

fn take_within<'a>(bytes: &mut &'a [u8], depth: usize) -> Option<Value<'a>> {
    let depth = depth.checked_sub(1)?;
    let (&kind, rest) = bytes.split_first()?;
    *bytes = rest;
    match kind {
        0 => Some(Value::Null),
        1 => Some(Value::Bool(false)),
        2 => Some(Value::Bool(true)),
        3 => varint::take_i64(bytes).map(Value::Int),
        4 => take_array(bytes).map(|bytes| Value::UInt(u64::from_le_bytes(bytes))),
        5 => take_array(bytes).map(|bytes| Value::Float(f64::from_le_bytes(bytes))),
        6 => {
            let text = std::str::from_utf8(take_bytes(bytes)?).ok()?;
            Some(Value::Text(Cow::Borrowed(text)))
        }
        7 => take_bytes(bytes).map(Value::bytes),
        8 => {
            let (seconds, nanos) = take_seconds(bytes)?;
            DateTime::from_timestamp(seconds, nanos.try_into().ok()?).map(Value::Timestamp)
        }
        9 => {
            let (seconds, nanos) = take_seconds(bytes)?;
            let whole = TimeDelta::try_seconds(seconds)?;
            whole
                .checked_add(&TimeDelta::nanoseconds(nanos))
                .map(Value::Duration)
        }
        10 => {
            let count = take_count(bytes)?;
            let values = (0..count).map(|_| take_within(bytes, depth));
            values.collect::<Option<_>>().map(Value::List)
        }
        11 => {
            let count = take_count(bytes)?;
            let entries =
                (0..count).map(|_| Some((take_within(bytes, depth)?, take_within(bytes, depth)?)));
            entries.collect::<Option<_>>().map(Value::Map)
        }
        _ => None,
    }
}

fn take_seconds(bytes: &mut &[u8]) -> Option<(i64, i64)> {
    Some((varint::take_i64(bytes)?, varint::take_i64(bytes)?))
}

fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (array, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*array)
}

/// Reads a count of things that take at least one byte each; `None` where there is none, or it is
/// more than the bytes that are left.
pub(crate) fn take_count(bytes: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(varint::take_i64(bytes)?).ok()?;
    (count <= bytes.len()).then_some(count)
}

/// Reads bytes behind their length; `None` where there are not as many.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = take_count(bytes)?;
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value<'static>> {
        let instant = (
            -1_000_000_000_000i64..1_000_000_000_000,
            0u32..2_000_000_000,
        )
            .prop_filter_map("leap seconds only at second 59", |(seconds, nanos)| {
                DateTime::from_timestamp(seconds, nanos)
            });
        let scalars = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<u64>().prop_map(Value::UInt),
            any::<f64>()
                .prop_filter("NaN differs from itself", |f| !f.is_nan())
                .prop_map(Value::Float),
            any::<String>().prop_map(|text| Value::Text(Cow::Owned(text))),
            any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(Cow::Owned(bytes))),
            instant.prop_map(Value::Timestamp),
            any::<i64>().prop_map(|nanos| Value::Duration(TimeDelta::nanoseconds(nanos))),
        ];
        scalars.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    #[test]
    fn a_count_beyond_the_bytes_left_and_a_value_too_deep_are_refused() {
        let mut huge = vec![10];
        varint::put_i64(&mut huge, i64::MAX);
        assert_eq!(take(&mut &huge[..]), None);
        let mut deep = [10, 2].repeat(100_000);
        deep.push(0);
        assert_eq!(take(&mut &deep[..]), None);
        assert_eq!(take(&mut &[12][..]), None, "no such kind");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn every_value_comes_back_and_every_cut_is_refused(value in values()) {
            let mut bytes = Vec::new();
            put(&mut bytes, &value);
            for end in 0..bytes.len() {
                prop_assert_eq!(take(&mut &bytes[..end]), None, "cut at {}", end);
            }
            bytes.push(9);
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest), Some(value));
            prop_assert_eq!(rest, &[9]);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _value = take(&mut &bytes[..]);
        }
    }
}
