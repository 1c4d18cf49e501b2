//! Lines to records, Avro included.

use bytes::Bytes;
use thiserror::Error;

use crate::codec::envelope::Line;
use crate::codec::envelope::Payload;
use crate::codec::framing;
use crate::codec::framing::FramingError;
use crate::codec::framing::SchemaId;
use crate::record::Record;

/// A line cannot be made a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError<E> {
    /// A key or a value is Avro, but neither its `…_schema` field nor a header names the schema.
    #[error("{field} is avro: name its schema in {field}_schema or in the header {header}")]
    NoSchema {
        /// `key` or `value`.
        field: &'static str,
        /// The header that could have named it.
        header: &'static str,
    },
    /// The header that should name the schema does not.
    #[error("{field}: {error}")]
    Header {
        /// `key` or `value`.
        field: &'static str,
        /// What is wrong with it.
        error: FramingError,
    },
    /// The datum could not be written.
    #[error("{field}: {error}")]
    Encode {
        /// `key` or `value`.
        field: &'static str,
        /// Why.
        error: E,
    },
}

impl Line {
    /// The record, for whose Avro parts `encode` appends a datum: it is given the schema, the datum
    /// as JSON, and where to ([`crate::codec::avro::render::from_json`] does it). The prefix, where
    /// there is one, is already written.
    ///
    /// # Errors
    ///
    /// [`RecordError`] where a schema is not named or `encode` fails.
    pub fn into_record<E>(
        self,
        mut encode: impl FnMut(SchemaId, &[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Record, RecordError<E>> {
        let Self {
            key,
            value,
            headers,
            timestamp,
            ..
        } = self;
        let key = bytes("key", key, &headers, &mut encode)?;
        let value = bytes("value", value, &headers, &mut encode)?;
        Ok(Record {
            key,
            value,
            headers,
            timestamp,
        })
    }
}

fn bytes<E>(
    field: &'static str,
    payload: Payload,
    headers: &[(Bytes, Option<Bytes>)],
    encode: &mut impl FnMut(SchemaId, &[u8], &mut Vec<u8>) -> Result<(), E>,
) -> Result<Option<Bytes>, RecordError<E>> {
    let (schema, json) = match payload {
        Payload::Null => return Ok(None),
        Payload::Bytes(bytes) => return Ok(Some(bytes)),
        Payload::Avro { schema, json } => (schema, json),
    };
    let mut out = Vec::new();
    let schema = match schema {
        Some(schema) => {
            framing::put_prefix(&mut out, schema);
            schema
        }
        None => header_schema(field, headers)?,
    };
    encode(schema, &json, &mut out).map_err(|error| RecordError::Encode { field, error })?;
    Ok(Some(out.into()))
}

/// The schema that the last header of its name holds.
fn header_schema<E>(
    field: &'static str,
    headers: &[(Bytes, Option<Bytes>)],
) -> Result<SchemaId, RecordError<E>> {
    let header = if field == "key" {
        "__key_schema_id"
    } else {
        "__value_schema_id"
    };
    let mut named = headers.iter().rev().filter(|(name, _)| name == header);
    let value = named.next().and_then(|(_, value)| value.as_ref());
    let value = value.ok_or(RecordError::NoSchema { field, header })?;
    let (schema, _) =
        framing::split(value).map_err(|error| RecordError::Header { field, error })?;
    Ok(schema)
}
