//! What came out.

use std::collections::HashMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::render;
use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::record::Record;
use crate::record::Timestamp;
use crate::record::Value;
use crate::stream::driver::error::DriveError;
use crate::stream::effects::Destination;
use crate::stream::effects::Output;
use crate::stream::plan::Flow;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::ValueFormat;

/// One record that came out of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The record, byte by byte.
    pub record: Record,
    json: Json,
}

impl Written {
    /// The key as text; `None` where there is none. Bytes that are no text are replaced.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        let key = self.record.key.as_ref()?;
        Some(String::from_utf8_lossy(key).into_owned())
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.record.timestamp.unwrap_or(Timestamp::NONE)
    }

    /// Whether it is a tombstone.
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        self.record.value.is_none()
    }

    /// The value as JSON: null where there is none, a text where it is neither JSON nor Avro.
    #[must_use]
    pub const fn json(&self) -> &Json {
        &self.json
    }

    /// The value as a `T`.
    ///
    /// # Errors
    ///
    /// [`DriveError::Value`] where it is none.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, DriveError> {
        T::deserialize(&self.json).map_err(|error| DriveError::Value {
            doing: "read a value",
            reason: error.to_string(),
        })
    }

    /// The value of the last header with this name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.record.headers.iter().rev();
        let mut found = headers.filter(|(known, _)| known == name.as_bytes());
        let value = found.next()?.1.as_ref()?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

/// Reads the values that flows write, whatever format they have.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// The texts of the schemas of records that are given, by number from 1 on.
    given: Vec<String>,
    /// Those of results, by number from the last down.
    sinks: Vec<String>,
    decoders: HashMap<SchemaId, Decoder>,
}

/// The place of `text`, which is put there if it is new.
fn place(text: &str, known: &mut Vec<String>) -> i32 {
    let place = known.iter().position(|known| known == text);
    let place = place.unwrap_or_else(|| {
        known.push(text.to_owned());
        known.len() - 1
    });
    i32::try_from(place).unwrap_or(i32::MAX)
}

impl Readers {
    /// The id of a schema that records are given with.
    pub(super) fn given(&mut self, text: &str) -> SchemaId {
        SchemaId::Number(place(text, &mut self.given).saturating_add(1))
    }

    /// The id of a schema that results are written with.
    pub(super) fn sink(&mut self, text: &str) -> SchemaId {
        SchemaId::Number(i32::MAX - place(text, &mut self.sinks))
    }

    /// The text of a schema.
    pub(super) fn schema(&self, id: SchemaId) -> Option<&str> {
        let SchemaId::Number(number) = id else {
            return None;
        };
        let given = number
            .checked_sub(1)
            .and_then(|place| usize::try_from(place).ok());
        let given = given.and_then(|place| self.given.get(place));
        let sink = i32::MAX
            .checked_sub(number)
            .and_then(|place| usize::try_from(place).ok());
        let sink = sink.and_then(|place| self.sinks.get(place));
        given.or(sink).map(String::as_str)
    }

    /// What `flow` has put out.
    pub(super) fn written(&mut self, flow: &Flow, output: &Output<'_>) -> Written {
        let record = owned(output);
        let json = match &record.value {
            None => Json::Null,
            Some(value) => self.json(value, format(flow, output.destination)),
        };
        Written { record, json }
    }

    fn json(&mut self, bytes: &[u8], format: Format) -> Json {
        let text = || Json::from(String::from_utf8_lossy(bytes).into_owned());
        match format {
            Format::Json => serde_json::from_slice(bytes).unwrap_or_else(|_| text()),
            Format::Avro => self.avro(bytes).unwrap_or_else(text),
            Format::Text | Format::Bytes => text(),
            Format::Fixed(fixed) => match fixed.parse(bytes) {
                Ok(Value::Int(int)) => int.into(),
                Ok(Value::Float(float)) => float.into(),
                _ => text(),
            },
        }
    }

    fn avro(&mut self, bytes: &[u8]) -> Option<Json> {
        let (id, payload) = framing::split(bytes).ok()?;
        if !self.decoders.contains_key(&id) {
            let schema = Schema::parse(self.schema(id)?).ok()?;
            self.decoders
                .insert(id, Decoder::new(schema, None, Times::Integers));
        }
        let mut json = Vec::new();
        render::put_json(self.decoders.get(&id)?, payload, &mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

/// How the values are written that `flow` puts out there.
fn format(flow: &Flow, destination: Destination) -> Format {
    let is_source = matches!(flow.operator, Operator::Map(Map { select: None }));
    match (destination, &flow.sink.value) {
        (Destination::Late | Destination::DeadLetter, _) => flow.source.value_format,
        (Destination::Repartition | Destination::Internal(_), _) => Format::Bytes,
        (Destination::Sink, _) if is_source => flow.source.value_format,
        (Destination::Sink, ValueFormat::Avro { .. }) => Format::Avro,
        (Destination::Sink, ValueFormat::Json) => Format::Json,
    }
}

fn owned(output: &Output<'_>) -> Record {
    let copy = Bytes::copy_from_slice;
    let headers = output.headers.iter();
    Record {
        key: output.key.map(copy),
        value: output.value.map(copy),
        headers: headers
            .map(|header| (copy(header.name), header.value.map(copy)))
            .collect(),
        timestamp: Some(output.timestamp),
    }
}
