//! Reading only the fields that a plan needs.
//!
//! Expressions name fields by [`Path`]; [`Fields`] gives each distinct path a slot number; one
//! [`Projection`] per key or value format reads the paths of its root out of a record's bytes into
//! the slots of a [`Row`].

use std::collections::HashMap;
use std::mem;

use thiserror::Error;

use crate::codec::avro::AvroError;
use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::SchemaError;
use crate::codec::fixed::Fixed;
use crate::codec::fixed::FixedError;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::FramingError;
use crate::codec::framing::SchemaId;
use crate::codec::json::JsonError;
use crate::codec::json::Walker;
use crate::codec::text;
use crate::codec::text::TextError;
use crate::codec::wanted;
use crate::codec::wanted::Wanted;
use crate::record::HeadersView;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Value;

/// What a path starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Root {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
    /// A result of an aggregation.
    Result,
}

/// A field within a key, a value or a result; without steps, the whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// Where the path starts.
    pub root: Root,
    /// The names of the fields on the way, outermost first.
    pub steps: Vec<Box<str>>,
}

impl Path {
    /// The path from `root` through the fields named `steps`.
    #[must_use]
    pub fn new<'s>(root: Root, steps: impl IntoIterator<Item = &'s str>) -> Self {
        Self {
            root,
            steps: steps.into_iter().map(Box::from).collect(),
        }
    }
}

/// The distinct paths that a plan reads; the place of each is its slot number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    paths: Vec<Path>,
}

impl Fields {
    /// The slot of `path`, which is added where it is new.
    pub fn slot(&mut self, path: Path) -> usize {
        let known = self.paths.iter().position(|other| *other == path);
        known.unwrap_or_else(|| {
            self.paths.push(path);
            self.paths.len() - 1
        })
    }

    /// The paths, by slot number.
    #[must_use]
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// The paths that start from `root`, each with its slot number.
    pub fn of(&self, root: Root) -> impl Iterator<Item = (usize, &Path)> {
        let paths = self.paths.iter().enumerate();
        paths.filter(move |(_, path)| path.root == root)
    }
}

/// One record as expressions see it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The topic that the record was read from.
    pub topic: &'a str,
    /// Its partition.
    pub partition: PartitionId,
    /// The record itself.
    pub record: RecordView<'a>,
    /// The fields read from it, by slot number; `None` is a field that is not there.
    pub slots: Vec<Option<Value<'a>>>,
}

/// Bytes could not be decoded. The record is at fault, and stays at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Not a number of this width.
    #[error(transparent)]
    Fixed(#[from] FixedError),
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No schema id where one should be.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// Not what its schema says, or not what the reader's schema can take.
    #[error("written with schema {schema}: {error}")]
    Avro {
        /// The schema that the record names.
        schema: SchemaId,
        /// What is wrong.
        error: AvroError,
    },
}

/// A key or a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProjectionError {
    /// The record was written with a schema that has not been given yet: fetch it, hand it to
    /// [`Projection::add_schema`], and read the record again. Not the record's fault.
    #[error("schema {0} is not known yet")]
    UnknownSchema(SchemaId),
    /// The bytes are not what they should be.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
}

impl From<DecodeError> for Box<ProjectionError> {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self::new(error.into())
    }
}

/// Reads the wanted fields of one root out of a record's bytes.
#[derive(Debug)]
pub struct Projection {
    reader: Reader,
    /// The slots that this writes.
    slots: Vec<usize>,
    /// The slot that wants the whole thing.
    whole: Option<usize>,
}

#[derive(Debug)]
enum Reader {
    Bytes,
    Text,
    Fixed(Fixed),
    Json(Walker),
    Avro(Box<Decoders>),
}

impl Projection {
    /// A projection of the paths of `fields` that start from `root`, out of bytes in `format`.
    ///
    /// In a format without fields, paths with steps are always absent.
    #[must_use]
    pub fn new(format: Format, root: Root, fields: &Fields) -> Self {
        let paths = || fields.of(root).map(|(slot, path)| (slot, &*path.steps));
        Self {
            reader: match format {
                Format::Bytes => Reader::Bytes,
                Format::Text => Reader::Text,
                Format::Fixed(fixed) => Reader::Fixed(fixed),
                Format::Json => Reader::Json(Walker::new(paths())),
                Format::Avro => Reader::Avro(Decoders::new(paths()).into()),
            },
            slots: paths().map(|(slot, _)| slot).collect(),
            whole: paths()
                .find(|(_, steps)| steps.is_empty())
                .map(|(slot, _)| slot),
        }
    }

    /// The same, reading Avro as the schema `text` wants it, by Avro's rules of schema resolution.
    /// In other formats nothing changes.
    ///
    /// Without it each record is read as it was written.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] where `text` is no schema.
    pub fn with_reader_schema(mut self, text: &str) -> Result<Self, SchemaError> {
        if let Reader::Avro(decoders) = &mut self.reader {
            decoders.set_reader(Schema::parse(text)?);
        }
        Ok(self)
    }

    /// Makes known the text of the schema `id`, as [`ProjectionError::UnknownSchema`] asks.
    /// In formats other than Avro nothing changes.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] where `text` is no schema; the id stays unknown then.
    pub fn add_schema(&mut self, id: SchemaId, text: &str) -> Result<(), SchemaError> {
        if let Reader::Avro(decoders) = &mut self.reader {
            decoders.add(id, Schema::parse(text)?);
        }
        Ok(())
    }

    /// Whether nothing is wanted, so that reading may be left out where bytes need no checking.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Reads the wanted fields of `bytes` into their `slots`; slots of other roots are left alone.
    ///
    /// `slots` has a place for every path of the [`Fields`] that this was made from. A field that
    /// is not there leaves its slot `None`, one that is null makes it [`Value::Null`]. Null bytes
    /// have no fields, and are as a whole [`Value::Null`].
    ///
    /// The schema id of Avro is taken from the front of `bytes`; where it may stand in a header,
    /// use [`read_with_headers`](Self::read_with_headers).
    ///
    /// # Errors
    ///
    /// [`ProjectionError`]; the slots of this root then hold nothing of use. It comes in a box, so
    /// that records that can be read pay nothing for those that cannot.
    #[inline]
    pub fn read<'a>(
        &mut self,
        bytes: Option<&'a [u8]>,
        slots: &mut [Option<Value<'a>>],
    ) -> Result<(), Box<ProjectionError>> {
        self.read_with(bytes, slots, framing::split)
    }

    /// Reads as [`read`](Self::read) does; the schema id of Avro may stand in the record's
    /// `headers`, in the one named `name` ([`framing::KEY_HEADER`], [`framing::VALUE_HEADER`]).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_with_headers<'a>(
        &mut self,
        bytes: Option<&'a [u8]>,
        headers: HeadersView<'_>,
        name: &[u8],
        slots: &mut [Option<Value<'a>>],
    ) -> Result<(), Box<ProjectionError>> {
        self.read_with(bytes, slots, |bytes| {
            framing::split_with_headers(headers, name, bytes)
        })
    }

    #[inline]
    fn read_with<'a>(
        &mut self,
        bytes: Option<&'a [u8]>,
        slots: &mut [Option<Value<'a>>],
        split: impl FnOnce(&'a [u8]) -> Result<(SchemaId, &'a [u8]), FramingError>,
    ) -> Result<(), Box<ProjectionError>> {
        let Some(bytes) = bytes else {
            wanted::clear(slots, &self.slots);
            self.put_whole(Value::Null, slots);
            return Ok(());
        };
        match &mut self.reader {
            Reader::Bytes => self.put_whole(Value::bytes(bytes), slots),
            Reader::Text => {
                let text = text::parse(bytes).map_err(DecodeError::from)?;
                if let Some(slot) = self.whole {
                    wanted::put_text(slots, slot, text);
                }
            }
            Reader::Fixed(fixed) => match (self.whole, fixed.integer(bytes)) {
                (Some(slot), Some(int)) => wanted::put_int(slots, slot, int),
                _ => {
                    let number = fixed.parse(bytes).map_err(DecodeError::from)?;
                    self.put_whole(number, slots);
                }
            },
            Reader::Json(walker) => {
                walker.read(bytes, slots).map_err(DecodeError::from)?;
            }
            Reader::Avro(decoders) => {
                wanted::clear(slots, &self.slots);
                let (schema, payload) = split(bytes).map_err(DecodeError::from)?;
                let decoder = decoders
                    .find(schema)
                    .ok_or(ProjectionError::UnknownSchema(schema))?;
                let read = decoder.project_payload(payload, slots);
                read.map_err(|error| DecodeError::Avro { schema, error })?;
            }
        }
        Ok(())
    }

    fn put_whole<'a>(&self, value: Value<'a>, slots: &mut [Option<Value<'a>>]) {
        if let Some(slot) = self.whole {
            wanted::put(slots, slot, value);
        }
    }
}

/// One decoder for each schema that was met.
#[derive(Debug)]
struct Decoders {
    wanted: Wanted,
    reader: Option<Schema>,
    decoders: Vec<Decoder>,
    numbers: HashMap<SchemaId, usize>,
    /// The last one found: most records follow one with the same schema.
    last: Option<(SchemaId, usize)>,
}

impl Decoders {
    fn new<'p>(paths: impl IntoIterator<Item = (usize, &'p [Box<str>])>) -> Self {
        Self {
            wanted: Wanted::new(paths),
            reader: None,
            decoders: Vec::new(),
            numbers: HashMap::new(),
            last: None,
        }
    }

    fn set_reader(&mut self, reader: Schema) {
        let writers = mem::take(&mut self.decoders)
            .into_iter()
            .map(Decoder::into_writer);
        self.decoders = writers
            .map(|writer| self.decoder(writer, Some(&reader)))
            .collect();
        self.reader = Some(reader);
    }

    fn decoder(&self, writer: Schema, reader: Option<&Schema>) -> Decoder {
        Decoder::with_wanted(writer, reader, Times::Instants, &self.wanted)
    }

    fn add(&mut self, id: SchemaId, writer: Schema) {
        let decoder = self.decoder(writer, self.reader.as_ref());
        self.numbers.insert(id, self.decoders.len());
        self.decoders.push(decoder);
        self.last = None;
    }

    #[inline]
    fn find(&mut self, id: SchemaId) -> Option<&Decoder> {
        let number = match self.last {
            Some((last, number)) if last == id => number,
            _ => {
                let number = *self.numbers.get(&id)?;
                self.last = Some((id, number));
                number
            }
        };
        self.decoders.get(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Header;

    const SCHEMA: &str = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "product", "type": "string"},
        {"name": "qty", "type": "int"}]}"#;

    fn fields() -> Fields {
        let mut fields = Fields::default();
        fields.slot(Path::new(Root::Key, []));
        fields.slot(Path::new(Root::Value, ["qty"]));
        fields.slot(Path::new(Root::Value, ["product"]));
        fields.slot(Path::new(Root::Value, ["product"]));
        fields
    }

    #[test]
    fn a_path_has_one_slot() {
        let mut fields = fields();
        assert_eq!(fields.paths().len(), 3);
        assert_eq!(fields.slot(Path::new(Root::Value, ["product"])), 2);
        assert_eq!(fields.slot(Path::new(Root::Key, ["product"])), 3);
    }

    #[test]
    fn only_the_slots_of_its_root_are_written() {
        let fields = fields();
        let mut key = Projection::new(Format::Text, Root::Key, &fields);
        let mut value = Projection::new(Format::Json, Root::Value, &fields);
        let mut slots = vec![Some(Value::Bool(true)); 3];
        key.read(Some(b"tea"), &mut slots).unwrap();
        assert_eq!(
            slots[1..],
            [Some(Value::Bool(true)), Some(Value::Bool(true))]
        );
        value
            .read(Some(br#"{"product": null}"#), &mut slots)
            .unwrap();
        assert_eq!(slots, [Some(Value::text("tea")), None, Some(Value::Null)]);
        value.read(None, &mut slots).unwrap();
        key.read(None, &mut slots).unwrap();
        assert_eq!(slots, [Some(Value::Null), None, None]);
    }

    #[test]
    fn an_unknown_schema_is_asked_for_and_then_read() {
        let mut projection = Projection::new(Format::Avro, Root::Value, &fields());
        let bytes = [0, 0, 0, 0, 7, 6, b't', b'e', b'a', 4];
        let mut slots = vec![None; 3];
        let id = SchemaId::Number(7);
        assert_eq!(
            projection.read(Some(&bytes), &mut slots),
            Err(Box::new(ProjectionError::UnknownSchema(id)))
        );
        projection.add_schema(id, SCHEMA).unwrap();
        projection.read(Some(&bytes), &mut slots).unwrap();
        assert_eq!(slots, [None, Some(Value::Int(2)), Some(Value::text("tea"))]);
        for end in 0..bytes.len() {
            let read = projection.read(Some(&bytes[..end]), &mut slots);
            assert!(
                matches!(read, Err(error) if matches!(*error, ProjectionError::Undecodable(_))),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn a_header_names_the_schema_of_a_bare_payload() {
        let mut encoded = Vec::new();
        let name = framing::VALUE_HEADER;
        for value in [&[9][..], &[0, 0, 0, 0, 7]] {
            record_header(
                &mut encoded,
                Header {
                    name,
                    value: Some(value),
                },
            );
        }
        let headers = HeadersView::parse(&encoded, 2).unwrap();
        let mut projection = Projection::new(Format::Avro, Root::Value, &fields());
        projection.add_schema(SchemaId::Number(7), SCHEMA).unwrap();
        let mut slots = vec![None; 3];
        projection
            .read_with_headers(Some(&[6, b't', b'e', b'a', 4]), headers, name, &mut slots)
            .unwrap();
        assert_eq!(slots, [None, Some(Value::Int(2)), Some(Value::text("tea"))]);
    }

    fn record_header(out: &mut Vec<u8>, header: Header<'_>) {
        for bytes in [Some(header.name), header.value].into_iter().flatten() {
            crate::record::varint::put_i64(out, bytes.len().try_into().unwrap());
            out.extend_from_slice(bytes);
        }
    }

    #[test]
    fn a_reader_schema_fills_what_the_writer_did_not_have() {
        let mut fields = Fields::default();
        let currency = fields.slot(Path::new(Root::Value, ["currency"]));
        let reader = SCHEMA.replace(
            "]}",
            r#", {"name": "currency", "type": "string", "default": "EUR"}]}"#,
        );
        let mut projection = Projection::new(Format::Avro, Root::Value, &fields)
            .with_reader_schema(&reader)
            .unwrap();
        projection.add_schema(SchemaId::Number(7), SCHEMA).unwrap();
        let mut slots = vec![None; 1];
        let bytes = [0, 0, 0, 0, 7, 6, b't', b'e', b'a', 4];
        projection.read(Some(&bytes), &mut slots).unwrap();
        assert_eq!(slots[currency], Some(Value::text("EUR")));
    }

    #[test]
    fn a_field_that_cannot_be_read_is_named_with_its_schema() {
        let mut projection = Projection::new(Format::Avro, Root::Value, &fields())
            .with_reader_schema(&SCHEMA.replace("int", "boolean"))
            .unwrap();
        projection.add_schema(SchemaId::Number(7), SCHEMA).unwrap();
        let bytes = [0, 0, 0, 0, 7, 6, b't', b'e', b'a', 4];
        let error = projection
            .read(Some(&bytes), &mut vec![None; 3])
            .unwrap_err();
        let text = "written with schema 7: read Avro: qty: the writer's int cannot be read as boolean at byte 4";
        assert_eq!(error.to_string(), text);
    }
}
