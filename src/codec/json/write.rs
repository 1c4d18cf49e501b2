//! Values to JSON, appended to a buffer.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use thiserror::Error;

use crate::record::Value;

/// A value has no form in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JsonWriteError {
    /// NaN or an infinity.
    #[error("write JSON: a number that is not finite")]
    NotFinite,
    /// A map key that is neither text, bool nor integer.
    #[error("write JSON: a map key that is neither text, bool nor integer")]
    MapKey,
}

/// Appends `value` to `out` as compact JSON.
///
/// Floats are written in the shortest form that reads back to the same bits, always with a point
/// or an exponent, so that they read back as floats. Timestamps are integer milliseconds since the
/// epoch (rounded down), durations integer milliseconds (rounded towards zero), bytes text in
/// base64 with padding. Map keys that are bools or integers become text.
///
/// # Errors
///
/// [`JsonWriteError`]; `out` is then as long as before.
#[inline]
pub fn put_value(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), JsonWriteError> {
    match value {
        Value::Int(int) => {
            put_int(out, *int);
            Ok(())
        }
        value => put_whole(out, value),
    }
}

/// Appends `value`, or nothing.
fn put_whole(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), JsonWriteError> {
    let start = out.len();
    put(out, value).inspect_err(|_| out.truncate(start))
}

fn put(out: &mut Vec<u8>, value: &Value<'_>) -> Result<(), JsonWriteError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(bool) => put_plain(out, bool),
        Value::Int(int) => put_int(out, *int),
        Value::UInt(uint) => put_plain(out, uint),
        Value::Float(float) if float.is_finite() => put_plain(out, float),
        Value::Float(_) => return Err(JsonWriteError::NotFinite),
        Value::Text(text) => put_text(out, text),
        Value::Bytes(bytes) => put_base64(out, bytes),
        Value::Timestamp(instant) => put_plain(out, &instant.timestamp_millis()),
        Value::Duration(duration) => put_plain(out, &duration.num_milliseconds()),
        Value::List(values) => put_list(out, values)?,
        Value::Map(entries) => put_map(out, entries)?,
    }
    Ok(())
}

fn put_list(out: &mut Vec<u8>, values: &[Value<'_>]) -> Result<(), JsonWriteError> {
    let mut before = b'[';
    for value in values {
        out.push(before);
        put(out, value)?;
        before = b',';
    }
    if before == b'[' {
        out.push(b'[');
    }
    out.push(b']');
    Ok(())
}

fn put_map(out: &mut Vec<u8>, entries: &[(Value<'_>, Value<'_>)]) -> Result<(), JsonWriteError> {
    let mut object = ObjectWriter::new(out);
    for (key, value) in entries {
        let key = match key {
            Value::Text(text) => Cow::Borrowed(text.as_ref()),
            Value::Bool(bool) => bool.to_string().into(),
            Value::Int(int) => int.to_string().into(),
            Value::UInt(uint) => uint.to_string().into(),
            _ => return Err(JsonWriteError::MapKey),
        };
        put(object.field(&key), value)?;
    }
    object.finish();
    Ok(())
}

/// Appends `text` to `out` as a JSON string.
#[inline]
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    if !put_simple_text(out, text.as_bytes()) {
        put_plain(out, text);
    }
}

/// Appends `text` to `out` as a JSON string if it is printable ASCII that needs no escaping, and
/// says so; else nothing is appended.
#[inline]
pub fn put_simple_text(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let is_simple = is_simple(text);
    if is_simple {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    }
    is_simple
}

#[inline]
fn is_simple(text: &[u8]) -> bool {
    let is_simple = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\';
    // Without an early end, several bytes are looked at at once.
    text.iter().fold(true, |all, byte| all & is_simple(*byte))
}

/// Appends `int` to `out` in decimal.
#[inline]
pub fn put_int(out: &mut Vec<u8>, int: i64) {
    put_plain(out, &int);
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// What serde_json cannot fail to write: a scalar or text, into memory.
#[inline]
fn put_plain<T: Serialize + ?Sized>(out: &mut Vec<u8>, scalar: &T) {
    let written = serde_json::to_writer(&mut *out, scalar);
    debug_assert!(written.is_ok(), "a scalar into memory");
}

/// A field name, ready to be written many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `,"name":`
    encoded: Box<[u8]>,
}

impl Name {
    /// The name `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut encoded = vec![b','];
        put_text(&mut encoded, name);
        encoded.push(b':');
        Self {
            encoded: encoded.into(),
        }
    }
}

/// Writes one JSON object straight into a buffer, field by field, in the order of the calls.
///
/// It does not check that names differ. An object that is dropped unfinished stays unfinished.
///
/// # Examples
///
/// ```
/// use tidemill::codec::json::ObjectWriter;
///
/// let mut out = Vec::new();
/// let mut result = ObjectWriter::new(&mut out);
/// result.text("key", "tea");
/// let mut window = ObjectWriter::new(result.field("window"));
/// window.int("start", 0);
/// window.int("end", 60_000);
/// window.finish();
/// result.float("revenue", 6.0)?;
/// result.finish();
/// assert_eq!(out, br#"{"key":"tea","window":{"start":0,"end":60000},"revenue":6.0}"#);
/// # Ok::<(), tidemill::codec::json::JsonWriteError>(())
/// ```
#[derive(Debug)]
pub struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> ObjectWriter<'o> {
    /// Opens an object at the end of `out`.
    #[inline]
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_empty: true,
        }
    }

    /// Starts the field `name`; its value goes at the end of the buffer given back.
    #[inline]
    pub fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        put_text(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// Starts the field `name`, which needs no escaping any more; else as
    /// [`field`](Self::field).
    #[inline]
    pub fn named(&mut self, name: &Name) -> &mut Vec<u8> {
        let encoded = name.encoded.get(usize::from(self.is_empty)..);
        self.is_empty = false;
        self.out.extend_from_slice(encoded.unwrap_or_default());
        self.out
    }

    /// Writes the field `name` with the integer `int`.
    #[inline]
    pub fn int(&mut self, name: &str, int: i64) {
        put_int(self.field(name), int);
    }

    /// Writes the field `name` with the float `float`.
    ///
    /// # Errors
    ///
    /// [`JsonWriteError::NotFinite`]; nothing is written then.
    #[inline]
    pub fn float(&mut self, name: &str, float: f64) -> Result<(), JsonWriteError> {
        self.value(name, &Value::Float(float))
    }

    /// Writes the field `name` with the text `text`.
    #[inline]
    pub fn text(&mut self, name: &str, text: &str) {
        put_text(self.field(name), text);
    }

    /// Writes the field `name` with `value`.
    ///
    /// # Errors
    ///
    /// As [`put_value`]; nothing is written then.
    pub fn value(&mut self, name: &str, value: &Value<'_>) -> Result<(), JsonWriteError> {
        let start = self.out.len();
        let was_empty = self.is_empty;
        put(self.field(name), value).inspect_err(|_| {
            self.out.truncate(start);
            self.is_empty = was_empty;
        })
    }

    /// Closes the object.
    #[inline]
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn written(value: &Value<'_>) -> String {
        let mut out = Vec::new();
        put_value(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn text_is_written_as_serde_json_writes_it(text in ".*", ascii in "[ -\u{7f}]{0,40}") {
            for text in [text, ascii] {
                let expected = serde_json::to_string(&text).unwrap();
                prop_assert_eq!(written(&Value::text(&text)), expected.clone());
                let mut out = Vec::new();
                if put_simple_text(&mut out, text.as_bytes()) {
                    prop_assert_eq!(out, expected.as_bytes());
                } else {
                    prop_assert_eq!(out, b"");
                }
            }
        }
    }

    #[test]
    fn what_json_lacks_has_a_fixed_form() {
        let instant = DateTime::from_timestamp_micros(-1).unwrap();
        assert_eq!(written(&Value::Timestamp(instant)), "-1", "rounded down");
        assert_eq!(
            written(&Value::Duration(TimeDelta::microseconds(-1999))),
            "-1"
        );
        assert_eq!(written(&Value::bytes(b"\x00\xff\x10\x80")), r#""AP8QgA==""#);
        let map = vec![
            (Value::Int(-1), Value::List(vec![])),
            (Value::Bool(true), Value::Map(vec![])),
            (Value::UInt(u64::MAX), Value::Float(-0.0)),
        ];
        let expected = r#"{"-1":[],"true":{},"18446744073709551615":-0.0}"#;
        assert_eq!(written(&Value::Map(map)), expected);
    }

    #[test]
    fn floats_are_shortest_and_stay_floats() {
        for (float, text) in [
            (6.0, "6.0"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(written(&Value::Float(float)), text);
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let list = Value::List(vec![Value::Int(1), Value::Float(float)]);
            assert_eq!(put_value(&mut out, &list), Err(JsonWriteError::NotFinite));
        }
        let map = Value::Map(vec![(Value::Null, Value::Null)]);
        assert_eq!(put_value(&mut out, &map), Err(JsonWriteError::MapKey));
        assert_eq!(out, b"before");

        let mut object = ObjectWriter::new(&mut out);
        assert_eq!(
            object.float("nan", f64::NAN),
            Err(JsonWriteError::NotFinite)
        );
        object.named(&Name::new("na\"me")).extend_from_slice(b"1");
        object.int("int", 2);
        object.finish();
        assert_eq!(out, br#"before{"na\"me":1,"int":2}"#);
    }
}
