//! A few fields out of a document, without building it.

use crate::codec::json::scan::Fault;
use crate::codec::json::scan::JsonError;
use crate::codec::json::scan::RawText;
use crate::codec::json::scan::Scanner;
use crate::codec::wanted;
use crate::codec::wanted::Node;
use crate::codec::wanted::Slots;
use crate::codec::wanted::Wanted;

/// Reads wanted fields out of JSON documents, in one pass over each.
///
/// The whole document is checked, as [`crate::codec::json::parse()`] would; what is not wanted costs
/// no allocation. Wanted text is borrowed where it has no escapes.
#[derive(Clone, Debug)]
pub struct Walker {
    wanted: Wanted,
}

impl Walker {
    /// A walker for `paths`: each a slot and the names of the fields on the way, outermost first.
    #[must_use]
    pub fn new<'p>(paths: impl IntoIterator<Item = (usize, &'p [Box<str>])>) -> Self {
        Self {
            wanted: Wanted::new(paths),
        }
    }

    /// Reads the wanted fields of `bytes` into `slots`; those of absent fields become `None`.
    ///
    /// # Errors
    ///
    /// [`JsonError`] where the bytes are not exactly one document, wherever the fault stands.
    pub fn read<'a>(&self, bytes: &'a [u8], slots: Slots<'_, 'a>) -> Result<(), JsonError> {
        let mut scanner = Scanner::new(bytes);
        match self.wanted.root() {
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
                wanted::put(slots, slot, scanner.value()?);
                Ok(())
            }
            _ => self.walk_fields(scanner, node, slots),
        }
    }

    fn walk_fields<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        node: &Node,
        slots: Slots<'_, 'a>,
    ) -> Result<(), JsonError> {
        if node.slot.is_some() {
            let value = scanner.value()?;
            self.wanted.spread(node, Some(value), slots);
            return Ok(());
        }
        // The field may have been there before: the last one counts.
        wanted::clear(slots, &node.slots);
        if scanner.peek_token() == b'{' {
            self.object(scanner, node, slots)
        } else {
            scanner.skip()
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
                match self.field(node, key) {
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
    fn field(&self, node: &Node, key: RawText<'_>) -> Option<&Node> {
        let child = if key.has_escapes {
            let key = key.decode();
            node.fields.iter().find(|(name, _)| **name == *key)
        } else {
            let mut fields = node.fields.iter();
            fields.find(|(name, _)| name.as_bytes() == key.bytes)
        };
        child.and_then(|(_, child)| self.wanted.node(*child))
    }
}

impl Scanner<'_> {
    /// Checks the value that starts here, and moves past it.
    #[inline]
    fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek_token() {
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.skip_number(),
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
