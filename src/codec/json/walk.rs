//! A few fields out of a document, without building it.

use crate::codec::json::scan::Fault;
use crate::codec::json::scan::JsonError;
use crate::codec::json::scan::RawText;
use crate::codec::json::scan::Scanner;
use crate::record::Value;

/// Reads wanted fields out of JSON documents, in one pass over each.
///
/// The whole document is checked, as [`crate::codec::json::parse`] would; what is not wanted costs
/// no allocation. Wanted text is borrowed where it has no escapes.
#[derive(Clone, Debug, Default)]
pub struct Walker {
    /// The wanted paths as a tree; the first node is the document.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Where this value goes, if it is wanted itself.
    slot: Option<usize>,
    fields: Vec<(Box<str>, usize)>,
    /// The slots of this node and of all below it.
    slots: Vec<usize>,
}

type Slots<'s, 'a> = &'s mut [Option<Value<'a>>];

impl Walker {
    /// A walker for `paths`: each a slot and the names of the fields on the way, outermost first.
    #[must_use]
    pub fn new<'p>(paths: impl IntoIterator<Item = (usize, &'p [Box<str>])>) -> Self {
        let mut walker = Self {
            nodes: vec![Node::default()],
        };
        for (slot, steps) in paths {
            walker.want(slot, steps);
        }
        walker
    }

    fn want(&mut self, slot: usize, steps: &[Box<str>]) {
        let mut at = 0;
        for step in steps {
            self.note_slot(at, slot);
            at = self.child(at, step);
        }
        self.note_slot(at, slot);
        if let Some(node) = self.nodes.get_mut(at) {
            node.slot = Some(slot);
        }
    }

    fn note_slot(&mut self, at: usize, slot: usize) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.slots.push(slot);
        }
    }

    fn child(&mut self, at: usize, name: &str) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return new;
        };
        if let Some((_, child)) = node.fields.iter().find(|(field, _)| **field == *name) {
            return *child;
        }
        node.fields.push((name.into(), new));
        self.nodes.push(Node::default());
        new
    }

    /// Reads the wanted fields of `bytes` into `slots`; those of absent fields become `None`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the bytes are not exactly one document, wherever the fault stands.
    pub fn read<'a>(&self, bytes: &'a [u8], slots: Slots<'_, 'a>) -> Result<(), JsonError> {
        let mut scanner = Scanner::new(bytes);
        match self.nodes.first() {
            Some(root) => self.walk(&mut scanner, root, slots)?,
            None => scanner.skip()?,
        }
        scanner.finish()
    }

    /// Reads the value that starts here for `node`.
    #[inline]
    fn walk<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        node: &Node,
        slots: Slots<'_, 'a>,
    ) -> Result<(), JsonError> {
        match node.slot {
            Some(slot) if node.fields.is_empty() => {
                let value = scanner.value()?;
                put(slots, slot, value);
                Ok(())
            }
            Some(_) => {
                let value = scanner.value()?;
                self.spread(node, Some(value), slots);
                Ok(())
            }
            None => {
                // The field may have been there before: the last one counts.
                clear(slots, &node.slots);
                if scanner.peek_token() == b'{' {
                    self.object(scanner, node, slots)
                } else {
                    scanner.skip()
                }
            }
        }
    }

    fn object<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        node: &Node,
        slots: Slots<'_, 'a>,
    ) -> Result<(), JsonError> {
        scanner.descend()?;
        scanner.at += 1;
        if !scanner.is_empty(b'}') {
            loop {
                let key = scanner.key()?;
                match self.wanted(node, key) {
                    Some(field) => self.walk(scanner, field, slots)?,
                    None => scanner.skip()?,
                }
                if !scanner.goes_on(b'}', Fault::ObjectEnd)? {
                    break;
                }
            }
        }
        scanner.ascend();
        Ok(())
    }

    #[inline]
    fn wanted(&self, node: &Node, key: RawText<'_>) -> Option<&Node> {
        let child = if key.has_escapes {
            let key = key.decode();
            node.fields.iter().find(|(name, _)| **name == *key)
        } else {
            let mut fields = node.fields.iter();
            fields.find(|(name, _)| name.as_bytes() == key.bytes)
        };
        child.and_then(|(_, child)| self.nodes.get(*child))
    }

    /// Puts a value that is wanted itself, and those of its fields that are too.
    fn spread<'a>(&self, node: &Node, value: Option<Value<'a>>, slots: Slots<'_, 'a>) {
        for (name, child) in &node.fields {
            let field = value.as_ref().and_then(|value| value.field(name));
            if let Some(child) = self.nodes.get(*child) {
                self.spread(child, field.cloned(), slots);
            }
        }
        if let Some(slot) = node.slot.and_then(|slot| slots.get_mut(slot)) {
            *slot = value;
        }
    }
}

#[inline]
fn put<'a>(slots: Slots<'_, 'a>, slot: usize, value: Value<'a>) {
    if let Some(slot) = slots.get_mut(slot) {
        *slot = Some(value);
    }
}

fn clear(slots: Slots<'_, '_>, doomed: &[usize]) {
    for &slot in doomed {
        if let Some(slot) = slots.get_mut(slot) {
            *slot = None;
        }
    }
}

impl Scanner<'_> {
    /// Checks the value that starts here, and moves past it.
    #[inline]
    fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek_token() {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b'{' => self.skip_object(),
            b'[' => self.skip_list(),
            _ => self.word().map(drop),
        }
    }

    fn skip_object(&mut self) -> Result<(), JsonError> {
        self.descend()?;
        self.at += 1;
        if !self.is_empty(b'}') {
            loop {
                self.key()?;
                self.skip()?;
                if !self.goes_on(b'}', Fault::ObjectEnd)? {
                    break;
                }
            }
        }
        self.ascend();
        Ok(())
    }

    fn skip_list(&mut self) -> Result<(), JsonError> {
        self.descend()?;
        self.at += 1;
        if !self.is_empty(b']') {
            loop {
                self.skip()?;
                if !self.goes_on(b']', Fault::ListEnd)? {
                    break;
                }
            }
        }
        self.ascend();
        Ok(())
    }
}
