//! Lines to records.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use thiserror::Error;

use crate::codec::envelope::KEY;
use crate::codec::envelope::Names;
use crate::codec::envelope::VALUE;
use crate::codec::framing::SchemaId;
use crate::codec::json;
use crate::codec::json::Fault;
use crate::codec::json::JsonError;
use crate::codec::json::scan::Scanner;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::Value;

/// What a line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The topic, where the line names one.
    pub topic: Option<String>,
    /// The partition, where the line names one.
    pub partition: Option<PartitionId>,
    /// The offset that the record had, where the line names one.
    pub offset: Option<Offset>,
    /// The timestamp; `None` leaves it to the producer.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Payload,
    /// The value.
    pub value: Payload,
    /// The headers, in order.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// A key or a value as a line gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// None at all: null.
    #[default]
    Null,
    /// These bytes.
    Bytes(Bytes),
    /// A datum that still has to be written with its schema
    /// ([`crate::codec::avro::render::from_json`]).
    Avro {
        /// The schema, whose prefix goes before the datum; `None`: the schema that the record's
        /// header names, and no prefix.
        schema: Option<SchemaId>,
        /// The datum as JSON.
        json: Vec<u8>,
    },
}

/// A line is not an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {fault}")]
pub struct LineError {
    /// Where, in bytes from 1 upward.
    pub column: usize,
    /// What is wrong.
    pub fault: LineFault,
}

/// What can be wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineFault {
    /// It is not JSON.
    #[error("{0}")]
    Json(Fault),
    /// It is not an object.
    #[error("expected an object, such as {{\"key\":\"a\",\"value\":{{\"x\":1}}}}")]
    NotAnObject,
    /// A field that envelopes do not have.
    #[error(
        "unknown field {0:?}; an envelope has topic, partition, offset, timestamp, timestamp_type, \
         key, key_encoding, key_schema, value, value_encoding, value_schema, headers"
    )]
    UnknownField(String),
    /// A field that was there before.
    #[error("field {0} again")]
    Repeated(&'static str),
    /// A field that holds something else than it should.
    #[error("{field} should be {expected}")]
    Type {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Reads one line, with or without its end.
///
/// # Errors
///
/// [`LineError`] names the column of the first thing that is wrong.
///
/// # Examples
///
/// ```
/// use tidemill::codec::envelope::{Payload, read_line};
///
/// let line = read_line(br#"{"key": "a", "value": {"x": 1}}"#)?;
/// assert_eq!(line.key, Payload::Bytes("a".into()));
/// assert_eq!(line.value, Payload::Bytes(r#"{"x":1}"#.into()));
/// let error = read_line(br#"{"kye": "a"}"#).unwrap_err();
/// assert_eq!(error.column, 2);
/// # Ok::<(), tidemill::codec::envelope::LineError>(())
/// ```
pub fn read_line(line: &[u8]) -> Result<Line, LineError> {
    let mut scanner = Scanner::new(line);
    if scanner.peek_token() != b'{' {
        return Err(error(scanner.at, LineFault::NotAnObject));
    }
    let mut fields = Fields::default();
    scanner.descend()?;
    scanner.at += 1;
    if !scanner.is_empty(b'}') {
        loop {
            scanner.peek_token();
            let name_at = scanner.at;
            let name = scanner.key()?.decode();
            scanner.peek_token();
            let value_at = scanner.at;
            let value = scanner.value()?;
            fields.put(
                &name,
                name_at,
                Found {
                    value,
                    at: value_at,
                },
            )?;
            if !scanner.goes_on(b'}', Fault::ObjectEnd)? {
                break;
            }
        }
    }
    scanner.finish()?;
    fields.line()
}

const fn error(at: usize, fault: LineFault) -> LineError {
    LineError {
        column: at + 1,
        fault,
    }
}

impl From<JsonError> for LineError {
    fn from(json: JsonError) -> Self {
        error(json.at, LineFault::Json(json.fault))
    }
}

/// The value of a field and where it stands.
#[derive(Debug)]
struct Found<'a> {
    value: Value<'a>,
    at: usize,
}

impl Found<'_> {
    const fn wrong(&self, field: &'static str, expected: &'static str) -> LineError {
        error(self.at, LineFault::Type { field, expected })
    }
}

/// The names of all fields.
const NAMES: [&str; 12] = [
    "topic",
    "partition",
    "offset",
    "timestamp",
    "timestamp_type",
    KEY.value,
    KEY.encoding,
    KEY.schema,
    VALUE.value,
    VALUE.encoding,
    VALUE.schema,
    "headers",
];

/// The fields of a line, each in the place of its name.
#[derive(Debug, Default)]
struct Fields<'a>([Option<Found<'a>>; NAMES.len()]);

impl<'a> Fields<'a> {
    fn put(&mut self, name: &str, name_at: usize, found: Found<'a>) -> Result<(), LineError> {
        let mut places = NAMES.iter().zip(&mut self.0);
        let Some((name, place)) = places.find(|(known, _)| **known == name) else {
            return Err(error(name_at, LineFault::UnknownField(name.into())));
        };
        if place.is_some() {
            return Err(error(name_at, LineFault::Repeated(name)));
        }
        *place = Some(found);
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Found<'a>> {
        let mut places = NAMES.iter().zip(&mut self.0);
        places.find(|(known, _)| **known == name)?.1.take()
    }

    fn line(mut self) -> Result<Line, LineError> {
        self.text("timestamp_type", "CreateTime or LogAppendTime", |name| {
            matches!(name, "CreateTime" | "LogAppendTime").then_some(())
        })?;
        let int32 = "an integer of 32 bits";
        let partition = self.int("partition", int32, |number| i32::try_from(number).ok())?;
        Ok(Line {
            topic: self.text("topic", "text", |name| Some(name.to_owned()))?,
            partition: partition.map(PartitionId),
            offset: self.int("offset", "an integer", Some)?.map(Offset),
            timestamp: self.int("timestamp", "an integer", Some)?.map(Timestamp),
            key: self.payload(KEY)?,
            value: self.payload(VALUE)?,
            headers: self.headers()?,
        })
    }

    /// A text field; null is as good as absent.
    fn text<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        convert: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, LineError> {
        let Some(found) = self.take(name) else {
            return Ok(None);
        };
        let converted = match &found.value {
            Value::Null => return Ok(None),
            Value::Text(text) => convert(text),
            _ => None,
        };
        converted
            .map(Some)
            .ok_or_else(|| found.wrong(name, expected))
    }

    /// An integer field; null is as good as absent.
    fn int<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        convert: impl Fn(i64) -> Option<T>,
    ) -> Result<Option<T>, LineError> {
        let Some(found) = self.take(name) else {
            return Ok(None);
        };
        let converted = match found.value {
            Value::Null => return Ok(None),
            Value::Int(int) => convert(int),
            _ => None,
        };
        converted
            .map(Some)
            .ok_or_else(|| found.wrong(name, expected))
    }

    fn payload(&mut self, names: Names) -> Result<Payload, LineError> {
        let known = "null, json, text, base64 or avro";
        let encoding = self.text(names.encoding, known, Encoding::named)?;
        let schema = self.schema(names, encoding)?;
        let found = self.take(names.value).unwrap_or(Found {
            value: Value::Null,
            at: 0,
        });
        let wrong = |expected| found.wrong(names.value, expected);
        Ok(match (encoding, &found.value) {
            (None | Some(Encoding::Null), Value::Null) => Payload::Null,
            (Some(Encoding::Null), _) => return Err(wrong("null")),
            (None | Some(Encoding::Text), Value::Text(text)) => {
                Payload::Bytes(Bytes::copy_from_slice(text.as_bytes()))
            }
            (Some(Encoding::Text), _) => return Err(wrong("text")),
            (Some(Encoding::Base64), value) => {
                let bytes = base64(value).ok_or_else(|| wrong("{\"base64\": …} with padding"))?;
                Payload::Bytes(bytes)
            }
            (Some(Encoding::Avro), value) => Payload::Avro {
                schema,
                json: compact(value),
            },
            (None, value) => Payload::Bytes(base64(value).unwrap_or_else(|| compact(value).into())),
            (Some(Encoding::Json), value) => Payload::Bytes(compact(value).into()),
        })
    }

    fn schema(
        &mut self,
        names: Names,
        encoding: Option<Encoding>,
    ) -> Result<Option<SchemaId>, LineError> {
        let Some(found) = self.take(names.schema) else {
            return Ok(None);
        };
        if encoding != Some(Encoding::Avro) {
            return Err(found.wrong(names.schema, "left out where the encoding is not avro"));
        }
        let id = match &found.value {
            Value::Int(number) => i32::try_from(*number).ok().map(SchemaId::Number),
            Value::Text(text) => guid(text).map(SchemaId::Guid),
            _ => None,
        };
        id.map(Some)
            .ok_or_else(|| found.wrong(names.schema, "a schema's number or GUID"))
    }

    fn headers(&mut self) -> Result<Vec<(Bytes, Option<Bytes>)>, LineError> {
        let Some(found) = self.take("headers") else {
            return Ok(Vec::new());
        };
        let headers = match &found.value {
            Value::Null => Some(Vec::new()),
            Value::List(headers) => headers.iter().map(header).collect(),
            _ => None,
        };
        let expected =
            "an array of [name, value], each text or {\"base64\": …}, the value also null";
        headers.ok_or_else(|| found.wrong("headers", expected))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Null,
    Json,
    Text,
    Base64,
    Avro,
}

impl Encoding {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "json" => Self::Json,
            "text" => Self::Text,
            "base64" => Self::Base64,
            "avro" => Self::Avro,
            _ => return None,
        })
    }
}

fn header(value: &Value<'_>) -> Option<(Bytes, Option<Bytes>)> {
    let Value::List(pair) = value else {
        return None;
    };
    let [name, value] = pair.as_slice() else {
        return None;
    };
    let value = match value {
        Value::Null => None,
        value => Some(text_or_base64(value)?),
    };
    Some((text_or_base64(name)?, value))
}

fn text_or_base64(value: &Value<'_>) -> Option<Bytes> {
    match value {
        Value::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        value => base64(value),
    }
}

/// The bytes of `{"base64": …}`.
fn base64(value: &Value<'_>) -> Option<Bytes> {
    let Value::Map(entries) = value else {
        return None;
    };
    match (entries.as_slice(), value.field("base64")) {
        ([_], Some(Value::Text(text))) => BASE64_STANDARD
            .decode(text.as_bytes())
            .ok()
            .map(Bytes::from),
        _ => None,
    }
}

/// A GUID in hyphenated form.
fn guid(text: &str) -> Option<u128> {
    let guid = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    (SchemaId::Guid(guid).to_string() == text.to_ascii_lowercase()).then_some(guid)
}

fn compact(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let written = json::put_value(&mut out, value);
    debug_assert!(written.is_ok(), "what was JSON is JSON");
    out
}
