//! Moving past what nobody wants.

use crate::codec::avro::input::Block;
use crate::codec::avro::input::Fault;
use crate::codec::avro::input::Input;
use crate::codec::avro::input::Read;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Schema;

/// How to move past one value or several in a row.
///
/// Lengths, counts and union branches are checked; text, booleans and symbols are not, and of a
/// block whose writer says its size only the size is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// So many bytes.
    Bytes(usize),
    /// So many integers.
    Longs(usize),
    /// Bytes behind their length.
    Sized,
    /// A value of this type.
    Node(NodeId),
}

impl Skip {
    /// The way past a value of the type `id`.
    pub(super) fn new(schema: &Schema, id: NodeId) -> Self {
        match schema.kind(id) {
            Kind::Boolean => Self::Bytes(1),
            Kind::Float => Self::Bytes(4),
            Kind::Double => Self::Bytes(8),
            Kind::Fixed(fixed) if fixed.size > 0 => Self::Bytes(fixed.size),
            Kind::Int | Kind::Long | Kind::Enum(_) => Self::Longs(1),
            Kind::Bytes | Kind::String => Self::Sized,
            _ => Self::Node(id),
        }
    }

    /// This way and then `next`, where the two make one.
    pub(super) fn then(self, next: Self) -> Option<Self> {
        match (self, next) {
            (Self::Bytes(one), Self::Bytes(other)) => one.checked_add(other).map(Self::Bytes),
            (Self::Longs(one), Self::Longs(other)) => Some(Self::Longs(one + other)),
            _ => None,
        }
    }

    /// Goes it.
    #[inline]
    pub(super) fn run(self, schema: &Schema, input: &mut Input<'_>) -> Read<()> {
        match self {
            Self::Bytes(count) => input.bytes(count).map(drop),
            Self::Longs(count) => (0..count).try_for_each(|_| input.skip_long()),
            Self::Sized => input.sized().map(drop),
            Self::Node(id) => skip(schema, id, input),
        }
    }
}

fn skip(schema: &Schema, id: NodeId, input: &mut Input<'_>) -> Read<()> {
    match schema.kind(id) {
        Kind::Null | Kind::Fixed(_) if Skip::new(schema, id) == Skip::Node(id) => input.free(1),
        Kind::Union(branches) => {
            let branch = input.long()?;
            let node = usize::try_from(branch)
                .ok()
                .and_then(|index| branches.get(index));
            let node = *node.ok_or(Fault::Branch(branch))?;
            Skip::new(schema, node).run(schema, input)
        }
        Kind::Record(record) => {
            input.descend()?;
            if record.fields.is_empty() {
                input.free(1)?;
            }
            for field in &record.fields {
                Skip::new(schema, field.node).run(schema, input)?;
            }
            input.ascend();
            Ok(())
        }
        &Kind::Array(items) => {
            skip_blocks(input, |input| Skip::new(schema, items).run(schema, input))
        }
        &Kind::Map(values) => skip_blocks(input, |input| {
            input.sized()?;
            Skip::new(schema, values).run(schema, input)
        }),
        _ => Skip::new(schema, id).run(schema, input),
    }
}

fn skip_blocks<'a>(
    input: &mut Input<'a>,
    mut item: impl FnMut(&mut Input<'a>) -> Read<()>,
) -> Read<()> {
    input.descend()?;
    loop {
        match input.block()? {
            Block { count: 0, .. } => break,
            Block {
                bytes: Some(bytes), ..
            } => drop(input.bytes(bytes)?),
            Block { count, bytes: None } => {
                for _ in 0..count {
                    item(input)?;
                }
            }
        }
    }
    input.ascend();
    Ok(())
}
