//! Reading only the wanted fields.

use crate::codec::avro::decode;
use crate::codec::avro::decode::Steps;
use crate::codec::avro::default;
use crate::codec::avro::input::Fault;
use crate::codec::avro::input::Input;
use crate::codec::avro::input::Read;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Record;
use crate::codec::avro::skip::Skip;
use crate::codec::avro::step;
use crate::codec::avro::step::Resolver;
use crate::codec::avro::step::Step;
use crate::codec::avro::step::StepId;
use crate::codec::wanted;
use crate::codec::wanted::Node;
use crate::codec::wanted::Slots;
use crate::codec::wanted::Wanted;
use crate::record::Value;

/// What to read of one value.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// Nothing.
    Skip(Skip),
    /// All of it.
    Slot(usize, StepId),
    /// All of it, and fields of it besides.
    Whole(StepId, Wanted),
    /// Some fields, in the writer's order; and the defaults of those that it lacks.
    Record(Vec<Self>, Vec<(usize, Value<'static>)>),
    /// By the writer's branch.
    Union(Vec<Self>),
    /// Some entries: the name, the slots to empty first, what to read.
    Map(Vec<(Box<str>, Vec<usize>, Self)>, Skip),
    /// The reader cannot read this.
    Mismatch(Box<str>),
}

impl Want {
    /// Puts a value that was read as a whole.
    pub(super) fn put_whole<'a>(&self, value: Value<'a>, slots: Slots<'_, 'a>) {
        match self {
            Self::Slot(slot, _) => wanted::put(slots, *slot, value),
            Self::Whole(_, tree) => {
                if let Some(root) = tree.root() {
                    tree.spread(root, Some(value), slots);
                }
            }
            _ => {}
        }
    }
}

impl Resolver<'_> {
    /// What to read of a datum for the fields `wanted`.
    pub(super) fn want(&mut self, wanted: &Wanted) -> Want {
        let (writer, reader) = (self.writer.root(), self.reader.root());
        match wanted.root() {
            Some(root) => self.want_node(writer, reader, wanted, root),
            None => Want::Skip(Skip::new(self.writer, writer)),
        }
    }

    fn want_node(&mut self, writer: NodeId, reader: NodeId, wanted: &Wanted, node: &Node) -> Want {
        match node.slot {
            Some(slot) if node.fields.is_empty() => Want::Slot(slot, self.step(writer, reader)),
            Some(_) => Want::Whole(self.step(writer, reader), wanted.below(node)),
            None if node.fields.is_empty() => Want::Skip(Skip::new(self.writer, writer)),
            None => self.want_fields(writer, reader, wanted, node),
        }
    }

    fn want_fields(
        &mut self,
        writer: NodeId,
        reader: NodeId,
        wanted: &Wanted,
        node: &Node,
    ) -> Want {
        match (self.writer.kind(writer), self.reader.kind(reader)) {
            (Kind::Union(branches), _) => {
                let branches = branches.iter();
                Want::Union(
                    branches
                        .map(|&branch| self.want_node(branch, reader, wanted, node))
                        .collect(),
                )
            }
            (_, Kind::Union(branches)) => match self.branch(writer, branches) {
                Some(branch) => self.want_node(writer, branch, wanted, node),
                None => self.want_none(writer, reader),
            },
            (Kind::Record(from), Kind::Record(to)) => self.want_record(from, to, wanted, node),
            (&Kind::Map(from), &Kind::Map(to)) => {
                let fields = node.fields.iter().filter_map(|(name, child)| {
                    let child = wanted.node(*child)?;
                    let want = self.want_node(from, to, wanted, child);
                    Some((name.clone(), child.slots.clone(), want))
                });
                Want::Map(fields.collect(), Skip::new(self.writer, from))
            }
            _ => self.want_none(writer, reader),
        }
    }

    /// There are no fields here; but where the reader cannot read the whole, that still counts.
    fn want_none(&mut self, writer: NodeId, reader: NodeId) -> Want {
        let step = self.step(writer, reader);
        match self.steps.get(step) {
            Some(Step::Mismatch(reason)) => Want::Mismatch(reason.clone()),
            _ => Want::Skip(Skip::new(self.writer, writer)),
        }
    }

    fn want_record(
        &mut self,
        writer: &Record,
        reader: &Record,
        wanted: &Wanted,
        node: &Node,
    ) -> Want {
        let child = |name: &str| {
            let mut fields = node.fields.iter();
            let (_, child) = fields.find(|(field, _)| **field == *name)?;
            wanted.node(*child)
        };
        let sources = writer.sources(reader);
        let mut defaults = Vec::new();
        for (field, _) in reader
            .fields
            .iter()
            .zip(&sources)
            .filter(|(_, source)| source.is_none())
        {
            let Some(default) = default::of_field(self.reader, field, self.times) else {
                return Want::Mismatch(self.missing(&field.name));
            };
            if let Some(child) = child(&field.name) {
                defaults.extend(spread(wanted, child, default));
            }
        }
        let mut fields = Vec::with_capacity(writer.fields.len());
        for (source, place) in writer.fields.iter().zip(step::inverse(&sources, writer)) {
            let target = place.and_then(|place| reader.fields.get(place));
            let want = match target.and_then(|field| Some((field, child(&field.name)?))) {
                Some((field, child)) => self.want_node(source.node, field.node, wanted, child),
                None => Want::Skip(Skip::new(self.writer, source.node)),
            };
            push(&mut fields, want);
        }
        Want::Record(fields, defaults)
    }
}

/// Adds `want`; what is skipped in a row is skipped at once.
fn push(fields: &mut Vec<Want>, want: Want) {
    if let (Some(Want::Skip(last)), Want::Skip(next)) = (fields.last_mut(), &want)
        && let Some(both) = last.then(*next)
    {
        *last = both;
        return;
    }
    fields.push(want);
}

/// The slots at and below `node` that `value` fills.
fn spread(wanted: &Wanted, node: &Node, value: Value<'static>) -> Vec<(usize, Value<'static>)> {
    let count = node.slots.iter().max().map_or(0, |slot| slot + 1);
    let mut slots = vec![None; count];
    wanted.spread(node, Some(value), &mut slots);
    let filled = slots.into_iter().enumerate();
    filled
        .filter_map(|(slot, value)| Some((slot, value?)))
        .collect()
}

impl Steps<'_> {
    /// Reads one value's wanted fields.
    #[inline(always)]
    pub(super) fn project<'a>(
        self,
        want: &Want,
        input: &mut Input<'a>,
        slots: Slots<'_, 'a>,
    ) -> Read<()> {
        match want {
            Want::Skip(skip) => skip.run(self.writer, input),
            Want::Slot(slot, step) => {
                wanted::put(slots, *slot, self.value(*step, input)?);
                Ok(())
            }
            _ => self.project_compound(want, input, slots),
        }
    }

    fn project_compound<'a>(
        self,
        want: &Want,
        input: &mut Input<'a>,
        slots: Slots<'_, 'a>,
    ) -> Read<()> {
        match want {
            Want::Record(fields, defaults) => self.project_record(fields, defaults, input, slots),
            Want::Union(branches) => {
                let want = decode::branch(branches, input)?;
                self.project(want, input, slots)
            }
            Want::Map(fields, other) => self.project_map(fields, *other, input, slots),
            Want::Mismatch(reason) => Err(Fault::Mismatch(reason.clone()).into()),
            Want::Whole(step, _) | Want::Slot(_, step) => {
                want.put_whole(self.value(*step, input)?, slots);
                Ok(())
            }
            Want::Skip(skip) => skip.run(self.writer, input),
        }
    }

    fn project_record<'a>(
        self,
        fields: &[Want],
        defaults: &[(usize, Value<'static>)],
        input: &mut Input<'a>,
        slots: Slots<'_, 'a>,
    ) -> Read<()> {
        input.descend()?;
        for (slot, default) in defaults {
            wanted::put(slots, *slot, default.clone());
        }
        for want in fields {
            self.project(want, input, slots)?;
        }
        input.ascend();
        Ok(())
    }

    fn project_map<'a>(
        self,
        fields: &[(Box<str>, Vec<usize>, Want)],
        other: Skip,
        input: &mut Input<'a>,
        slots: Slots<'_, 'a>,
    ) -> Read<()> {
        decode::blocks(input, |input| {
            let key = input.text()?;
            match fields.iter().find(|(name, ..)| **name == *key) {
                Some((_, below, want)) => {
                    // The key may have been there before: the last one counts.
                    wanted::clear(slots, below);
                    self.project(want, input, slots)
                }
                None => other.run(self.writer, input),
            }
        })
    }
}
