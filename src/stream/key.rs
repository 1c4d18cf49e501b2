//! What a flow is keyed by, as text and as a value.

use std::borrow::Cow;

use chrono::DateTime;
use chrono::TimeDelta;

use crate::codec::json;
use crate::codec::json::JsonWriteError;
use crate::record::Value;
use crate::store::keys::TaggedKey;

/// What kind of value a key is: tells keys of equal text apart, and gives the value back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Text = 0,
    Bytes = 1,
    Bool = 2,
    Int = 3,
    UInt = 4,
    Float = 5,
    Timestamp = 6,
    Duration = 7,
    Json = 8,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Text,
        Self::Bytes,
        Self::Bool,
        Self::Int,
        Self::UInt,
        Self::Float,
        Self::Timestamp,
        Self::Duration,
        Self::Json,
    ];

    fn of(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == tag)
    }
}

/// The key made of text as it is.
#[inline]
pub(crate) const fn of_text(bytes: &[u8]) -> TaggedKey<'_> {
    TaggedKey {
        tag: Kind::Text as u8,
        bytes,
    }
}

/// The key made of bytes that need not be text.
#[inline]
pub(crate) const fn of_bytes(bytes: &[u8]) -> TaggedKey<'_> {
    TaggedKey {
        tag: Kind::Bytes as u8,
        bytes,
    }
}

/// The key made of `value`; `None` where that is null or has no text.
///
/// Its bytes, which become the record key of results, are: text as it is; bytes as they are;
/// numbers in decimal as JSON has them; `true` and `false`; instants and durations as integer
/// milliseconds; lists and maps as compact JSON. They stand in `value` or else in `scratch`.
#[inline]
pub(crate) fn of_value<'k>(
    value: &'k Value<'_>,
    scratch: &'k mut Vec<u8>,
) -> Option<TaggedKey<'k>> {
    let kind = match value {
        Value::Text(text) => return Some(of_text(text.as_bytes())),
        Value::Bytes(bytes) => return Some(of_bytes(bytes)),
        Value::Null => return None,
        Value::Bool(_) => Kind::Bool,
        Value::Int(_) => Kind::Int,
        Value::UInt(_) => Kind::UInt,
        Value::Float(_) => Kind::Float,
        Value::Timestamp(_) => Kind::Timestamp,
        Value::Duration(_) => Kind::Duration,
        Value::List(_) | Value::Map(_) => Kind::Json,
    };
    scratch.clear();
    json::put_value(scratch, value).ok()?;
    Some(TaggedKey {
        tag: kind as u8,
        bytes: scratch,
    })
}

/// Appends the value that `key` was made of as JSON.
///
/// # Errors
///
/// Where it has no form in JSON.
#[inline]
pub(crate) fn put_json(out: &mut Vec<u8>, key: TaggedKey<'_>) -> Result<(), JsonWriteError> {
    if key.tag == Kind::Text as u8 && json::put_simple_text(out, key.bytes) {
        return Ok(());
    }
    json::put_value(out, &to_value(key))
}

/// The value that `key` was made of, as far as its text tells.
pub(crate) fn to_value(key: TaggedKey<'_>) -> Value<'_> {
    match read(key) {
        Some(value) => value,
        None => Value::Text(String::from_utf8_lossy(key.bytes)),
    }
}

fn read(key: TaggedKey<'_>) -> Option<Value<'_>> {
    let kind = Kind::of(key.tag)?;
    if kind == Kind::Bytes {
        return Some(Value::bytes(key.bytes));
    }
    let text = std::str::from_utf8(key.bytes).ok()?;
    match kind {
        Kind::Text | Kind::Bytes => Some(Value::Text(Cow::Borrowed(text))),
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::UInt => text.parse().ok().map(Value::UInt),
        Kind::Float => text.parse().ok().map(Value::Float),
        Kind::Timestamp => {
            DateTime::from_timestamp_millis(text.parse().ok()?).map(Value::Timestamp)
        }
        Kind::Duration => TimeDelta::try_milliseconds(text.parse().ok()?).map(Value::Duration),
        Kind::Json => json::parse(key.bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_kind_are_text_and_come_back_as_values() {
        let cases = [
            (Value::text("tea"), "tea"),
            (Value::text(""), ""),
            (Value::Int(-7), "-7"),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Float(2.0), "2.0"),
            (Value::Bool(true), "true"),
            (Value::Duration(TimeDelta::seconds(2)), "2000"),
            (
                Value::List(vec![Value::text("a"), Value::Int(1)]),
                r#"["a",1]"#,
            ),
        ];
        for (value, text) in cases {
            let mut scratch = Vec::new();
            let key = of_value(&value, &mut scratch).expect("a key");
            assert_eq!(std::str::from_utf8(key.bytes), Ok(text));
            assert_eq!(to_value(key), value);
        }
    }

    #[test]
    fn null_and_numbers_that_are_not_finite_are_no_keys() {
        let mut scratch = Vec::new();
        assert_eq!(of_value(&Value::Null, &mut scratch), None);
        assert_eq!(of_value(&Value::Float(f64::NAN), &mut scratch), None);
    }

    #[test]
    fn a_number_and_the_text_of_it_are_different_keys() {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let (number, text) = (Value::Int(7), Value::text("7"));
        let number = of_value(&number, &mut left);
        let text = of_value(&text, &mut right);
        assert_ne!(number, text);
    }
}
