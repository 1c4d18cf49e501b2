//! How each type of a writer's schema is read, compiled for one reader.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::codec::avro::default;
use crate::codec::avro::schema::Enum;
use crate::codec::avro::schema::Fixed;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Logical;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Record;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::Tick;
use crate::codec::avro::skip::Skip;
use crate::record::Value;

/// The number of a [`Step`] among its like.
pub(super) type StepId = usize;

/// How one value is read.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    /// The 32-bit integer, rounded to a 32-bit float.
    IntToFloat,
    /// The 64-bit integer, rounded to a 32-bit float.
    LongToFloat,
    /// The integer, rounded to a 64-bit float.
    ToDouble,
    Timestamp(Tick),
    /// Bytes behind their length.
    Sized(Leaf),
    /// So many bytes.
    Fixed(usize, Leaf),
    /// The text for each symbol, or the symbol that the reader does not know.
    Enum(Vec<Result<Box<str>, Box<str>>>),
    Array(StepId),
    Map(StepId),
    /// By the writer's branch.
    Union(Vec<StepId>),
    Record(RecordStep),
    /// The reader cannot read this.
    Mismatch(Box<str>),
}

/// What bytes become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Bytes,
    Text,
    Decimal {
        scale: u32,
    },
    /// 16 bytes.
    Uuid,
}

/// How a record is read.
#[derive(Clone, Debug)]
pub(super) struct RecordStep {
    /// What to do for the writer's fields, in order.
    pub(super) fields: Vec<FieldStep>,
    /// The reader's fields in order, with the value of those that the writer does not have.
    pub(super) shape: Vec<(Box<str>, Option<Value<'static>>)>,
}

#[derive(Clone, Debug)]
pub(super) enum FieldStep {
    Skip(Skip),
    /// Read into the field of the reader with this number.
    Read(usize, StepId),
}

/// How times are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// As instants: [`Value::Timestamp`].
    Instants,
    /// As the integers that are written: [`Value::Int`].
    Integers,
}

/// Compiles steps.
#[derive(Debug)]
pub(super) struct Resolver<'s> {
    pub(super) writer: &'s Schema,
    pub(super) reader: &'s Schema,
    pub(super) times: Times,
    pub(super) steps: Vec<Step>,
    known: HashMap<(NodeId, NodeId), StepId>,
    /// The fields on the way to what is being resolved.
    path: Vec<String>,
}

impl<'s> Resolver<'s> {
    pub(super) fn new(writer: &'s Schema, reader: &'s Schema, times: Times) -> Self {
        Self {
            writer,
            reader,
            times,
            steps: Vec::new(),
            known: HashMap::new(),
            path: Vec::new(),
        }
    }

    /// The step that reads what the writer wrote as `writer` as the reader's `reader`.
    pub(super) fn step(&mut self, writer: NodeId, reader: NodeId) -> StepId {
        if let Some(&known) = self.known.get(&(writer, reader)) {
            return known;
        }
        let id = self.steps.len();
        self.known.insert((writer, reader), id);
        // A place first: the types may be recursive.
        self.steps.push(Step::Null);
        let step = self.resolve(writer, reader);
        if let Some(place) = self.steps.get_mut(id) {
            *place = step;
        }
        id
    }

    fn resolve(&mut self, writer: NodeId, reader: NodeId) -> Step {
        let (write, read) = (self.writer.kind(writer), self.reader.kind(reader));
        match (write, read) {
            (Kind::Union(branches), _) => Step::Union(
                branches
                    .iter()
                    .map(|&branch| self.step(branch, reader))
                    .collect(),
            ),
            (_, Kind::Union(branches)) => match self.branch(writer, branches) {
                Some(branch) => self.resolve(writer, branch),
                None => self.mismatch(writer, reader),
            },
            (&Kind::Array(from), &Kind::Array(to)) => Step::Array(self.step(from, to)),
            (&Kind::Map(from), &Kind::Map(to)) => Step::Map(self.step(from, to)),
            (Kind::Record(from), Kind::Record(to)) => self.record(from, to),
            (Kind::Enum(from), Kind::Enum(to)) if to.name.answers_to(&from.name) => {
                Step::Enum(symbols(from, to))
            }
            (Kind::Fixed(from), Kind::Fixed(to)) if same_fixed(from, to) => {
                Step::Fixed(from.size, self.leaf(writer, reader, Leaf::Bytes))
            }
            _ => match self.scalar(writer, reader) {
                Some(step) => step,
                None => self.mismatch(writer, reader),
            },
        }
    }

    fn scalar(&self, writer: NodeId, reader: NodeId) -> Option<Step> {
        let step = match (self.writer.kind(writer), self.reader.kind(reader)) {
            (Kind::Null, Kind::Null) => Step::Null,
            (Kind::Boolean, Kind::Boolean) => Step::Boolean,
            (Kind::Int, Kind::Int) => Step::Int,
            (Kind::Int | Kind::Long, Kind::Long) => match self.logical(writer, reader) {
                Some(Logical::Timestamp(tick) | Logical::LocalTimestamp(tick))
                    if self.times == Times::Instants =>
                {
                    Step::Timestamp(tick)
                }
                _ => Step::Long,
            },
            (Kind::Int, Kind::Float) => Step::IntToFloat,
            (Kind::Long, Kind::Float) => Step::LongToFloat,
            (Kind::Int | Kind::Long, Kind::Double) => Step::ToDouble,
            (Kind::Float, Kind::Float | Kind::Double) => Step::Float,
            (Kind::Double, Kind::Double) => Step::Double,
            (Kind::Bytes | Kind::String, Kind::Bytes) => {
                Step::Sized(self.leaf(writer, reader, Leaf::Bytes))
            }
            (Kind::Bytes | Kind::String, Kind::String) => Step::Sized(Leaf::Text),
            _ => return None,
        };
        Some(step)
    }

    /// The reader's logical type; with the writer's unit or scale, where that says how to
    /// understand the bytes.
    fn logical(&self, writer: NodeId, reader: NodeId) -> Option<Logical> {
        use Logical as L;
        match (
            self.writer.node(writer).logical,
            self.reader.node(reader).logical,
        ) {
            (
                Some(wrote @ (L::Timestamp(_) | L::LocalTimestamp(_))),
                Some(L::Timestamp(_) | L::LocalTimestamp(_)),
            )
            | (Some(wrote @ L::Decimal { .. }), Some(L::Decimal { .. })) => Some(wrote),
            (_, read) => read,
        }
    }

    fn leaf(&self, writer: NodeId, reader: NodeId, plain: Leaf) -> Leaf {
        match self.logical(writer, reader) {
            Some(Logical::Decimal { scale, .. }) => Leaf::Decimal { scale },
            Some(Logical::Uuid) => Leaf::Uuid,
            _ => plain,
        }
    }

    /// The branch of a reader's union that reads the writer's type: one of the same type and full
    /// name, else of the same type and name, else one that it is promoted to; the first of these.
    ///
    /// The specification takes the first that matches in any way. Java prefers the exact one, and
    /// so do we.
    ///
    /// Source: `Resolver.ReaderUnion.firstMatchingBranch` (Apache Avro 1.12).
    pub(super) fn branch(&self, writer: NodeId, branches: &[NodeId]) -> Option<NodeId> {
        let ranked = branches
            .iter()
            .filter_map(|&branch| Some((self.rank(writer, branch)?, branch)));
        ranked
            .min_by_key(|&(rank, _)| rank)
            .map(|(_, branch)| branch)
    }

    /// How well the reader's type fits the writer's, 0 best.
    fn rank(&self, writer: NodeId, reader: NodeId) -> Option<u8> {
        let (write, read) = (self.writer.kind(writer), self.reader.kind(reader));
        if let (Some(wrote), Some(reads)) = (write.type_name(), read.type_name()) {
            if write.name() != read.name() {
                return None;
            }
            return if wrote.full == reads.full {
                Some(0)
            } else {
                reads.answers_to(wrote).then_some(1)
            };
        }
        if write.name() == read.name() {
            return Some(0);
        }
        self.scalar(writer, reader).map(|_| 2)
    }

    fn record(&mut self, writer: &Record, reader: &Record) -> Step {
        let sources = writer.sources(reader);
        let mut shape = Vec::with_capacity(reader.fields.len());
        for (field, source) in reader.fields.iter().zip(&sources) {
            let default = match source {
                Some(_) => None,
                None => match default::of_field(self.reader, field, self.times) {
                    Some(default) => Some(default),
                    None => return Step::Mismatch(self.missing(&field.name)),
                },
            };
            shape.push((field.name.as_str().into(), default));
        }
        let mut fields = Vec::with_capacity(writer.fields.len());
        for (source, place) in writer.fields.iter().zip(inverse(&sources, writer)) {
            let target = place.and_then(|place| Some((place, reader.fields.get(place)?)));
            fields.push(match target {
                Some((place, field)) => {
                    self.path.push(field.name.clone());
                    let step = self.step(source.node, field.node);
                    self.path.pop();
                    FieldStep::Read(place, step)
                }
                None => FieldStep::Skip(Skip::new(self.writer, source.node)),
            });
        }
        Step::Record(RecordStep { fields, shape })
    }

    /// Why a record cannot be read: the reader wants `field`, which the writer does not have.
    pub(super) fn missing(&self, field: &str) -> Box<str> {
        let reason = "the writer has no such field, and the reader no default";
        let path = self.path.iter().map(String::as_str).chain([field]);
        format!("{}: {reason}", path.collect::<Vec<_>>().join(".")).into()
    }

    fn mismatch(&self, writer: NodeId, reader: NodeId) -> Step {
        let label = |schema: &Schema, id| {
            let kind = schema.kind(id);
            match kind.type_name() {
                Some(name) => format!("{} {}", kind.name(), name.full),
                None => kind.name().to_owned(),
            }
        };
        let (wrote, reads) = (label(self.writer, writer), label(self.reader, reader));
        let reason = format!("the writer's {wrote} cannot be read as {reads}");
        Step::Mismatch(match &*self.path {
            [] => reason.into(),
            path => format!("{}: {reason}", path.join(".")).into(),
        })
    }
}

/// For each of the writer's fields, the number of the reader's field that reads it.
pub(super) fn inverse(sources: &[Option<usize>], writer: &Record) -> Vec<Option<usize>> {
    let mut places = vec![None; writer.fields.len()];
    for (place, source) in sources.iter().enumerate() {
        if let Some(slot) = source.and_then(|source| places.get_mut(source)) {
            *slot = Some(place);
        }
    }
    places
}

fn same_fixed(writer: &Fixed, reader: &Fixed) -> bool {
    reader.name.answers_to(&writer.name) && writer.size == reader.size
}

fn symbols(writer: &Enum, reader: &Enum) -> Vec<Result<Box<str>, Box<str>>> {
    let known: HashSet<&String> = reader.symbols.iter().collect();
    let symbols = writer.symbols.iter();
    symbols
        .map(|symbol| match (known.contains(symbol), &reader.default) {
            (true, _) => Ok(symbol.as_str().into()),
            (false, Some(default)) => Ok(default.as_str().into()),
            (false, None) => Err(symbol.as_str().into()),
        })
        .collect()
}
