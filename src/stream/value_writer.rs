//! Objects of named values to the bytes of a sink topic.

use std::borrow::Cow;
use std::ops::Range;

use crate::codec::avro::encode;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::SchemaError;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::codec::json;
use crate::codec::json::JsonWriteError;
use crate::codec::json::Name;
use crate::codec::json::ObjectWriter;
use crate::codec::json::put_value;
use crate::record::Timestamp;
use crate::record::Value;
use crate::stream::plan::ValueFormat;
use crate::stream::reason::Reason;

/// Writes objects with the same names, again and again.
#[derive(Debug)]
pub(crate) struct ValueWriter {
    names: Vec<Name>,
    text_names: Vec<Box<str>>,
    format: Format,
}

/// The value of one name.
#[derive(Debug)]
pub(crate) enum Field<'v> {
    /// Any value.
    Value(Value<'v>),
    /// A window: an object of its start and end, in integer milliseconds.
    Window(Range<Timestamp>),
}

impl<'v> Field<'v> {
    fn put_json(&self, out: &mut Vec<u8>) -> Result<(), JsonWriteError> {
        match self {
            Self::Value(value) => put_value(out, value),
            Self::Window(window) => {
                put_window(window, out);
                Ok(())
            }
        }
    }

    fn into_value(self) -> Value<'v> {
        match self {
            Self::Value(value) => value,
            Self::Window(window) => Value::Map(vec![
                (Value::text("start"), Value::Int(window.start.0)),
                (Value::text("end"), Value::Int(window.end.0)),
            ]),
        }
    }
}

/// Appends the JSON object of the start and the end of `window`, in milliseconds.
pub(crate) fn put_window(window: &Range<Timestamp>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"start\":");
    json::put_int(out, window.start.0);
    out.extend_from_slice(b",\"end\":");
    json::put_int(out, window.end.0);
    out.push(b'}');
}

#[derive(Debug)]
enum Format {
    Json,
    Avro { schema: Schema, id: SchemaId },
}

impl ValueWriter {
    /// A writer of objects with `names`; Avro is framed with `id`.
    ///
    /// # Errors
    ///
    /// Where the format's schema is none.
    pub(crate) fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        format: &ValueFormat,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let text_names: Vec<Box<str>> = names.into_iter().map(Box::from).collect();
        Ok(Self {
            names: text_names.iter().map(|name| Name::new(name)).collect(),
            text_names,
            format: match format {
                ValueFormat::Json => Format::Json,
                ValueFormat::Avro { schema } => Format::Avro {
                    schema: Schema::parse(schema)?,
                    id,
                },
            },
        })
    }

    /// Appends the object whose values, in the order of the names, are `values`.
    ///
    /// # Errors
    ///
    /// Where a value has no form in the format; what was appended is then of no use.
    pub(crate) fn put<'v>(
        &self,
        values: impl IntoIterator<Item = Result<Field<'v>, Reason>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        match &self.format {
            Format::Json => self.put_json(values, out),
            Format::Avro { schema, id } => {
                let value = self.object(values)?;
                framing::put_prefix(out, *id);
                encode::encode_payload(schema, &value, out)
                    .map_err(|error| Reason::Write(error.to_string()))
            }
        }
    }

    /// The names, ready to be written, where objects are JSON.
    #[inline]
    pub(crate) fn json_names(&self) -> Option<&[Name]> {
        match self.format {
            Format::Json => Some(&self.names),
            Format::Avro { .. } => None,
        }
    }

    /// Appends `value` as it is, whatever the names.
    ///
    /// # Errors
    ///
    /// Where it has no form in the format; what was appended is then of no use.
    pub(crate) fn put_value(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        match &self.format {
            Format::Json => put_value(out, value).map_err(|error| Reason::Write(error.to_string())),
            Format::Avro { schema, id } => {
                framing::put_prefix(out, *id);
                encode::encode_payload(schema, value, out)
                    .map_err(|error| Reason::Write(error.to_string()))
            }
        }
    }

    fn put_json<'v>(
        &self,
        values: impl IntoIterator<Item = Result<Field<'v>, Reason>>,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        let mut object = ObjectWriter::new(out);
        for ((name, text), value) in self.names.iter().zip(&self.text_names).zip(values) {
            value?
                .put_json(object.named(name))
                .map_err(|error| Reason::Write(format!("{text}: {error}")))?;
        }
        object.finish();
        Ok(())
    }

    fn object<'o, 'v: 'o>(
        &'o self,
        values: impl IntoIterator<Item = Result<Field<'v>, Reason>>,
    ) -> Result<Value<'o>, Reason> {
        let names = self.text_names.iter();
        let entries = names
            .zip(values)
            .map(|(name, value)| Ok((Value::Text(Cow::Borrowed(name)), value?.into_value())));
        entries.collect::<Result<_, _>>().map(Value::Map)
    }
}
