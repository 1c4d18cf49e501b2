//! Reading only the fields that a plan needs.
//!
//! Expressions name fields by [`Path`]; [`Fields`] gives each distinct path a slot number; one
//! [`Projection`] per key or value format reads the paths of its root out of a record's bytes into
//! the slots of a [`Row`].

use thiserror::Error;

use crate::codec::format::Format;
use crate::codec::framing::FramingError;
use crate::codec::framing::SchemaId;
use crate::codec::json::JsonError;
use crate::codec::json::Walker;
use crate::codec::text;
use crate::codec::text::TextError;
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
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DecodeError {
    /// Not text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// No schema id where one should be.
    #[error(transparent)]
    Framing(#[from] FramingError),
}

/// A key or a value could not be read.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ProjectionError {
    /// The record was written with a schema that has not been given yet: fetch it, hand it to
    /// [`Projection::add_schema`], and read the record again. Not the record's fault.
    #[error("schema {0} is not known yet")]
    UnknownSchema(SchemaId),
    /// The bytes are not what they should be.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
}

/// Reads the wanted fields of one root out of a record's bytes.
#[derive(Debug)]
pub struct Projection {
    reader: Reader,
    /// The slots this writes.
    slots: Vec<usize>,
    /// The slots that want the whole thing.
    whole: Vec<usize>,
}

#[derive(Debug)]
enum Reader {
    Bytes,
    Text,
    Json(Walker),
}

impl Projection {
    /// A projection of the paths of `fields` that start from `root`, out of bytes in `format`.
    ///
    /// In a format without fields, paths with steps are always absent.
    #[must_use]
    pub fn new(format: Format, root: Root, fields: &Fields) -> Self {
        let whole = fields.of(root).filter(|(_, path)| path.steps.is_empty());
        Self {
            reader: match format {
                Format::Bytes => Reader::Bytes,
                Format::Text | Format::Avro => Reader::Text,
                Format::Json => {
                    let paths = fields.of(root);
                    Reader::Json(Walker::new(paths.map(|(slot, path)| (slot, &*path.steps))))
                }
            },
            whole: whole.map(|(slot, _)| slot).collect(),
            slots: fields.of(root).map(|(slot, _)| slot).collect(),
        }
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
    /// # Errors
    ///
    /// [`ProjectionError`]; the slots of this root then hold nothing of use.
    pub fn read<'a>(
        &mut self,
        bytes: Option<&'a [u8]>,
        slots: &mut [Option<Value<'a>>],
    ) -> Result<(), ProjectionError> {
        self.clear(slots);
        let Some(bytes) = bytes else {
            self.set_whole(&Value::Null, slots);
            return Ok(());
        };
        match &mut self.reader {
            Reader::Bytes => self.set_whole(&Value::bytes(bytes), slots),
            Reader::Text => {
                let text = text::parse(bytes).map_err(DecodeError::from)?;
                self.set_whole(&Value::text(text), slots);
            }
            Reader::Json(walker) => walker.read(bytes, slots).map_err(DecodeError::from)?,
        }
        Ok(())
    }

    fn clear(&self, slots: &mut [Option<Value<'_>>]) {
        for &slot in &self.slots {
            if let Some(slot) = slots.get_mut(slot) {
                *slot = None;
            }
        }
    }

    fn set_whole<'a>(&self, value: &Value<'a>, slots: &mut [Option<Value<'a>>]) {
        for &slot in &self.whole {
            if let Some(slot) = slots.get_mut(slot) {
                *slot = Some(value.clone());
            }
        }
    }
}
