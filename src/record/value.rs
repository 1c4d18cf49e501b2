//! A decoded value.

use std::borrow::Cow;

use chrono::{DateTime, TimeDelta, Utc};

/// A decoded value: what JSON, Avro and expressions have in common.
///
/// Text and bytes are borrowed from the record where its encoding allows (a JSON string with
/// escapes has to be owned). Cloning a borrowed scalar allocates nothing.
///
/// `PartialEq` is structural (NaN differs from itself, `Int(1)` from `Float(1.0)`); the equality
/// of expressions is [`crate::expr`]'s.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// JSON and Avro null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// An unsigned 64-bit integer: a JSON number above `i64::MAX`, or CEL's `uint`.
    UInt(u64),
    /// A 64-bit floating point number.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes: Avro `bytes` and `fixed`, CEL's `bytes`.
    Bytes(Cow<'a, [u8]>),
    /// An instant: Avro's `timestamp-*` logical types, CEL's `timestamp`.
    Timestamp(DateTime<Utc>),
    /// A span of time: CEL's `duration`.
    Duration(TimeDelta),
    /// Values in order.
    List(Vec<Self>),
    /// Entries in order of appearance, each key once.
    Map(Vec<(Self, Self)>),
}

impl<'a> Value<'a> {
    /// Text borrowed from `text`.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Bytes borrowed from `bytes`.
    #[must_use]
    pub const fn bytes(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }

    /// The entry named `name` of a map; `None` where there is none or this is no map.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries.iter().find_map(|(key, value)| {
            matches!(key, Self::Text(text) if text == name).then_some(value)
        })
    }

    /// The same value, owning all that it held borrowed.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => Value::Int(int),
            Self::UInt(uint) => Value::UInt(uint),
            Self::Float(float) => Value::Float(float),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Timestamp(instant) => Value::Timestamp(instant),
            Self::Duration(duration) => Value::Duration(duration),
            Self::List(values) => Value::List(values.into_iter().map(Value::into_owned).collect()),
            Self::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect(),
            ),
        }
    }

    /// The same value, borrowing text and bytes from this one; lists and maps are copied.
    #[must_use]
    pub fn borrowed(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::text(text),
            Self::Bytes(bytes) => Self::bytes(bytes),
            other => other.clone(),
        }
    }
}
