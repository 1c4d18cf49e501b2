//! Source records to what operators take in.
//!
//! What stands between a record and its windows is always inlined into the loop over records: each
//! call would save and restore more registers than it has work to do.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::format::Format;
use crate::codec::framing::KEY_HEADER;
use crate::codec::framing::SchemaId;
use crate::codec::framing::VALUE_HEADER;
use crate::codec::projection::DecodeError;
use crate::codec::projection::Path;
use crate::codec::projection::Projection;
use crate::codec::projection::ProjectionError;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::record::HeadersView;
use crate::record::RecordView;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::key;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::reason::Reason;

/// Reads the fields, the key and the arguments of source records as a flow wants them.
#[derive(Debug)]
pub(crate) struct Intake {
    flow: Arc<Flow>,
    key: Projection,
    value: Projection,
    slots: usize,
    /// Where the key stands, if it is a field or has to be decoded.
    key_slot: Option<usize>,
}

impl Intake {
    /// # Errors
    ///
    /// Where the schema that values are to be read as is none.
    pub(crate) fn new(flow: &Arc<Flow>) -> Result<Self, SchemaError> {
        let mut fields = flow.fields.clone();
        let key_slot = match &flow.key {
            Some(program) => program.slot(),
            None if flow.source.key_format.is_decoded() => {
                Some(fields.slot(Path::new(Root::Key, [])))
            }
            None => None,
        };
        let mut value = Projection::new(flow.source.value_format, Root::Value, &fields);
        if let Some(schema) = &flow.source.value_schema {
            value = value.with_reader_schema(schema)?;
        }
        Ok(Self {
            key: Projection::new(flow.source.key_format, Root::Key, &fields),
            value,
            slots: fields.paths().len(),
            key_slot,
            flow: Arc::clone(flow),
        })
    }

    /// How many slots a row needs.
    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// Makes known a schema that [`Trouble::NeedsSchema`] asked for.
    ///
    /// # Errors
    ///
    /// Where `text` is no schema.
    pub(crate) fn add_schema(
        &mut self,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        match root {
            Root::Key => self.key.add_schema(id, text),
            Root::Value => self.value.add_schema(id, text),
            Root::Result => Ok(()),
        }
    }

    /// Fills the slots of `row` from its record.
    ///
    /// # Errors
    ///
    /// [`Trouble`].
    #[inline(always)]
    pub(crate) fn read(&mut self, row: &mut Row<'_>) -> Result<(), Box<Trouble>> {
        let Row { record, slots, .. } = row;
        let headers = record.headers;
        read(&mut self.value, record.value, headers, VALUE_HEADER, slots)
            .map_err(|error| read_error(*error, Root::Value, Reason::Value))?;
        read(&mut self.key, record.key, headers, KEY_HEADER, slots)
            .map_err(|error| read_error(*error, Root::Key, Reason::Key))
    }

    /// The value that the key of `row` is made of, where an expression says so and it does not
    /// stand in the row.
    ///
    /// # Errors
    ///
    /// Where the expression fails.
    #[inline]
    pub(crate) fn key_value<'r>(
        &'r self,
        row: &'r Row<'r>,
    ) -> Result<Option<Value<'r>>, Box<Reason>> {
        match &self.flow.key {
            Some(program) if !self.has_key(row) => {
                let value = program.eval(row).map_err(Reason::KeyExpression)?;
                Ok(Some(value))
            }
            _ => Ok(None),
        }
    }

    /// Whether the key can be had without evaluating an expression.
    #[inline]
    pub(crate) fn has_key(&self, row: &Row<'_>) -> bool {
        self.flow.key.is_none() || field(row, self.key_slot).is_some()
    }

    /// The key of `row`, made of `value` where an expression gave one, else of the record's own;
    /// it may have to stand in `scratch`.
    ///
    /// # Errors
    ///
    /// Where there is none.
    #[inline(always)]
    pub(crate) fn key<'k>(
        &self,
        row: &'k Row<'k>,
        value: Option<&'k Value<'k>>,
        scratch: &'k mut Vec<u8>,
    ) -> Result<TaggedKey<'k>, Box<Reason>> {
        match value.or_else(|| field(row, self.key_slot)) {
            Some(value) => {
                let key = key::of_value(value, scratch);
                key.ok_or_else(|| match &self.flow.key {
                    Some(_) => Reason::NullKey.into(),
                    None => Reason::NoKey.into(),
                })
            }
            None if self.key_slot.is_some() => Err(Reason::NoKey.into()),
            None => record_key(&row.record, self.flow.source.key_format),
        }
    }
}

#[inline]
fn field<'r>(row: &'r Row<'_>, slot: Option<usize>) -> Option<&'r Value<'r>> {
    row.slots.get(slot?)?.as_ref()
}

#[inline(always)]
fn read<'a>(
    projection: &mut Projection,
    bytes: Option<&'a [u8]>,
    headers: HeadersView<'a>,
    header: &[u8],
    slots: &mut [Option<Value<'a>>],
) -> Result<(), Box<ProjectionError>> {
    if projection.is_empty() {
        Ok(())
    } else if headers.is_empty() {
        projection.read(bytes, slots)
    } else {
        projection.read_with_headers(bytes, headers, header, slots)
    }
}

#[cold]
fn read_error(
    error: ProjectionError,
    root: Root,
    reason: impl FnOnce(DecodeError) -> Reason,
) -> Box<Trouble> {
    match error {
        ProjectionError::UnknownSchema(id) => Box::new(Trouble::NeedsSchema(root, id)),
        ProjectionError::Undecodable(error) => reason(error).into(),
    }
}

#[inline(always)]
fn record_key<'r>(record: &RecordView<'r>, format: Format) -> Result<TaggedKey<'r>, Box<Reason>> {
    let bytes = record.key.ok_or(Reason::NoKey)?;
    match format {
        Format::Bytes => Ok(key::of_bytes(bytes)),
        _ if is_text(bytes) => Ok(key::of_text(bytes)),
        _ => Err(Reason::KeyNotText.into()),
    }
}

/// Whether `bytes` are UTF-8; by words where they are ASCII, as most keys are.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}
