//! Source records to what operators take in.

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
use crate::expr::EvalError;
use crate::expr::Program;
use crate::record::RecordView;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::key;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::plan::NamedAggregate;
use crate::stream::reason::Reason;

/// Reads the fields, the key and the arguments of source records as a flow wants them.
#[derive(Debug)]
pub(crate) struct Intake {
    flow: Arc<Flow>,
    key: Projection,
    value: Projection,
    slots: usize,
    /// Where the whole decoded key stands, if it has to be decoded.
    key_slot: Option<usize>,
}

impl Intake {
    /// # Errors
    ///
    /// Where the schema that values are to be read as is none.
    pub(crate) fn new(flow: &Arc<Flow>) -> Result<Self, SchemaError> {
        let mut fields = flow.fields.clone();
        let is_decoded = flow.key.is_none() && flow.source.key_format.is_decoded();
        let key_slot = is_decoded.then(|| fields.slot(Path::new(Root::Key, [])));
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
    #[inline]
    pub(crate) fn read(&mut self, row: &mut Row<'_>) -> Result<(), Trouble> {
        let record = row.record;
        read(
            &mut self.value,
            record.value,
            record,
            VALUE_HEADER,
            &mut row.slots,
        )
        .map_err(|error| read_error(error, Root::Value, Reason::Value))?;
        read(
            &mut self.key,
            record.key,
            record,
            KEY_HEADER,
            &mut row.slots,
        )
        .map_err(|error| read_error(error, Root::Key, Reason::Key))
    }

    /// The value that the key of `row` is made of, where an expression says so.
    ///
    /// # Errors
    ///
    /// Where the expression fails.
    #[inline]
    pub(crate) fn key_value<'r>(&'r self, row: &'r Row<'r>) -> Result<Option<Value<'r>>, Reason> {
        match &self.flow.key {
            Some(program) => program.eval(row).map(Some).map_err(Reason::KeyExpression),
            None => Ok(None),
        }
    }

    /// The key of `row`, made of `value` where an expression gave one, else of the record's own;
    /// it may have to stand in `scratch`.
    ///
    /// # Errors
    ///
    /// Where there is none.
    #[inline]
    pub(crate) fn key<'k>(
        &self,
        row: &'k Row<'k>,
        value: Option<&'k Value<'k>>,
        scratch: &'k mut Vec<u8>,
    ) -> Result<TaggedKey<'k>, Reason> {
        match (value, self.key_slot) {
            (Some(value), _) => key::of_value(value, scratch).ok_or(Reason::NullKey),
            (None, Some(slot)) => {
                let slot = row.slots.get(slot).and_then(Option::as_ref);
                let value = slot.ok_or(Reason::NoKey)?;
                key::of_value(value, scratch).ok_or(Reason::NoKey)
            }
            (None, None) => record_key(row.record, self.flow.source.key_format),
        }
    }
}

#[inline]
fn read<'a>(
    projection: &mut Projection,
    bytes: Option<&'a [u8]>,
    record: RecordView<'a>,
    header: &[u8],
    slots: &mut [Option<Value<'a>>],
) -> Result<(), ProjectionError> {
    if projection.is_empty() {
        Ok(())
    } else if record.headers.is_empty() {
        projection.read(bytes, slots)
    } else {
        projection.read_with_headers(bytes, record.headers, header, slots)
    }
}

#[cold]
fn read_error(
    error: ProjectionError,
    root: Root,
    reason: impl FnOnce(DecodeError) -> Reason,
) -> Trouble {
    match error {
        ProjectionError::UnknownSchema(id) => Trouble::NeedsSchema(root, id),
        ProjectionError::Undecodable(error) => Trouble::Rejected(reason(error)),
    }
}

#[inline]
fn record_key(record: RecordView<'_>, format: Format) -> Result<TaggedKey<'_>, Reason> {
    let bytes = record.key.ok_or(Reason::NoKey)?;
    match format {
        Format::Bytes => Ok(key::of_bytes(bytes)),
        _ if std::str::from_utf8(bytes).is_ok() => Ok(key::of_text(bytes)),
        _ => Err(Reason::KeyNotText),
    }
}

/// Evaluates and checks the arguments of all `aggregates` into `arguments`, so that a record that
/// any of them refuses touches none.
///
/// A field that is not there counts as null: it is not part of the aggregate.
///
/// # Errors
///
/// Where an argument has no value, or one that its aggregate cannot take.
#[inline]
pub(crate) fn arguments<'r>(
    aggregates: &'r [NamedAggregate],
    row: &'r Row<'r>,
    arguments: &mut Vec<Value<'r>>,
) -> Result<(), Reason> {
    arguments.clear();
    for named in aggregates {
        let value = match &named.argument {
            None => named.function.without_argument(),
            Some(program) => argument(program, named, row)?,
        };
        arguments.push(value);
    }
    Ok(())
}

#[inline]
fn argument<'r>(
    program: &'r Program,
    named: &'r NamedAggregate,
    row: &'r Row<'r>,
) -> Result<Value<'r>, Reason> {
    let value = match program.slot().and_then(|slot| row.slots.get(slot)) {
        Some(Some(value)) => value.borrowed(),
        Some(None) => Value::Null,
        None if named.function.is_numeric() => number(program, row).map_err(failed(named))?,
        None => program.eval(row).map_err(failed(named))?,
    };
    match named.function.check(&value) {
        Ok(()) => Ok(value),
        Err(error) => Err(Reason::BadArgument {
            name: named.name.clone(),
            error,
        }),
    }
}

#[inline]
fn number(program: &Program, row: &Row<'_>) -> Result<Value<'static>, EvalError> {
    let number = program.eval_number(row)?;
    Ok(number.map_or(Value::Null, |number| number.into_value()))
}

fn failed(named: &NamedAggregate) -> impl FnOnce(EvalError) -> Reason {
    |error| Reason::Argument {
        name: named.name.clone(),
        error,
    }
}
