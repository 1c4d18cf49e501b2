//! The wanted fields of one key or value, as a tree.

use std::borrow::Cow;

use crate::record::Value;

/// The slots that decoded fields go to.
pub(super) type Slots<'s, 'a> = &'s mut [Option<Value<'a>>];

/// Wanted paths as a tree; the root stands for the whole.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    nodes: Vec<Node>,
}

/// The root or a field on the way of a wanted path.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Where the value goes, if it is wanted itself.
    pub(super) slot: Option<usize>,
    /// The fields below that are on the way of a path, each with its node's number.
    pub(super) fields: Vec<(Box<str>, usize)>,
    /// The slots of this node and of all below it.
    pub(super) slots: Vec<usize>,
}

impl Wanted {
    /// The tree of `paths`: each a slot and the names of the fields on the way.
    pub(super) fn new<'p>(paths: impl IntoIterator<Item = (usize, &'p [Box<str>])>) -> Self {
        let mut wanted = Self {
            nodes: vec![Node::default()],
        };
        for (slot, steps) in paths {
            wanted.want(slot, steps);
        }
        wanted
    }

    fn want(&mut self, slot: usize, steps: &[Box<str>]) {
        let mut at = 0;
        for step in steps {
            self.edit(at, |node| node.slots.push(slot));
            at = self.child(at, step);
        }
        self.edit(at, |node| {
            node.slots.push(slot);
            node.slot = Some(slot);
        });
    }

    fn edit(&mut self, at: usize, edit: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(at) {
            edit(node);
        }
    }

    fn child(&mut self, at: usize, name: &str) -> usize {
        let mut fields = self.node(at).into_iter().flat_map(|node| &node.fields);
        if let Some((_, child)) = fields.find(|(field, _)| **field == *name) {
            return *child;
        }
        let new = self.nodes.len();
        self.edit(at, |node| node.fields.push((name.into(), new)));
        self.nodes.push(Node::default());
        new
    }

    /// The node of the whole.
    pub(super) fn root(&self) -> Option<&Node> {
        self.nodes.first()
    }

    /// The node numbered `at`.
    #[inline]
    pub(super) fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The tree whose root is `node`.
    pub(super) fn below(&self, node: &Node) -> Self {
        let mut below = self.clone();
        below.edit(0, |root| root.clone_from(node));
        below
    }

    /// Puts the value of `node` into its slot, and those of its fields that are wanted into
    /// theirs.
    pub(super) fn spread<'a>(&self, node: &Node, value: Option<Value<'a>>, slots: Slots<'_, 'a>) {
        for (name, child) in &node.fields {
            let field = value.as_ref().and_then(|value| value.field(name));
            if let Some(child) = self.node(*child) {
                self.spread(child, field.cloned(), slots);
            }
        }
        if let Some(slot) = node.slot.and_then(|slot| slots.get_mut(slot)) {
            *slot = value;
        }
    }
}

/// Puts `value` into its slot.
#[inline]
pub(super) fn put<'a>(slots: Slots<'_, 'a>, slot: usize, value: Value<'a>) {
    if let Some(slot) = slots.get_mut(slot) {
        *slot = Some(value);
    }
}

/// Puts a text into its slot. Where the record before had one there too, it is overwritten in place,
/// which takes less than dropping a value and moving another.
#[inline]
pub(super) fn put_text<'a>(slots: Slots<'_, 'a>, slot: usize, text: &'a str) {
    match slots.get_mut(slot) {
        Some(Some(Value::Text(Cow::Borrowed(before)))) => *before = text,
        Some(slot) => *slot = Some(Value::text(text)),
        None => {}
    }
}

/// Puts an integer into its slot, as [`put_text`] does a text.
#[inline]
pub(super) fn put_int(slots: Slots<'_, '_>, slot: usize, int: i64) {
    match slots.get_mut(slot) {
        Some(Some(Value::Int(before))) => *before = int,
        Some(slot) => *slot = Some(Value::Int(int)),
        None => {}
    }
}

/// Empties the slots numbered `numbers`.
#[inline]
pub(super) fn clear(slots: Slots<'_, '_>, numbers: &[usize]) {
    for &number in numbers {
        if let Some(slot) = slots.get_mut(number) {
            *slot = None;
        }
    }
}
