//! A few fields out of a document, without building it.

use std::borrow::Cow;

use crate::codec::json::scan::Fault;
use crate::codec::json::scan::JsonError;
use crate::codec::json::scan::RawText;
use crate::codec::json::scan::Scanner;
use crate::codec::wanted;
use crate::codec::wanted::Node;
use crate::codec::wanted::Slots;
use crate::codec::wanted::Wanted;
use crate::record::Value;

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
            Some(slot) if node.fields.is_empty() => put_value(scanner, slot, slots),
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
        if scanner.peek_token() == b'{' {
            self.object(scanner, node, slots)
        } else {
            wanted::clear(slots, &node.slots);
            scanner.skip()
        }
    }

    /// Of fields of one name the last counts. Those that are not there are emptied in the end: most
    /// are there, and are overwritten in place.
    fn object<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        node: &Node,
        slots: Slots<'_, 'a>,
    ) -> Result<(), JsonError> {
        scanner.descend()?;
        scanner.at += 1;
        let mut absent = Absent::all(node.fields.len());
        if absent.is_unknown {
            wanted::clear(slots, &node.slots);
        }
        if !scanner.is_empty(b'}') {
            loop {
                let key = scanner.key()?;
                match field(node, key) {
                    Some((place, child)) => {
                        absent.remove(place);
                        self.walk_child(scanner, child, slots)?;
                    }
                    None => scanner.skip()?,
                }
                if !scanner.goes_on(b'}', Fault::ObjectEnd)? {
                    break;
                }
            }
        }
        scanner.ascend();
        for (_, child) in absent.places().filter_map(|place| node.fields.get(place)) {
            if let Some(child) = self.wanted.node(*child) {
                wanted::clear(slots, &child.slots);
            }
        }
        Ok(())
    }

    #[inline]
    fn walk_child<'a>(
        &self,
        scanner: &mut Scanner<'a>,
        child: usize,
        slots: Slots<'_, 'a>,
    ) -> Result<(), JsonError> {
        match self.wanted.node(child) {
            Some(child) => self.walk(scanner, child, slots),
            None => scanner.skip(),
        }
    }
}

/// The place of the field named `key` among those of `node`, and the number of its own node.
#[inline]
fn field(node: &Node, key: RawText<'_>) -> Option<(usize, usize)> {
    let mut fields = node.fields.iter().enumerate();
    let found = if key.has_escapes {
        let key = key.decode();
        fields.find(|(_, (name, _))| **name == *key)
    } else {
        fields.find(|(_, (name, _))| name.as_bytes() == key.bytes)
    };
    found.map(|(place, (_, child))| (place, *child))
}

/// Reads the value that starts here into `slot`; texts and integers in place.
#[inline]
fn put_value<'a>(
    scanner: &mut Scanner<'a>,
    slot: usize,
    slots: Slots<'_, 'a>,
) -> Result<(), JsonError> {
    match scanner.peek_token() {
        b'"' => match scanner.string()?.decode() {
            Cow::Borrowed(text) => wanted::put_text(slots, slot, text),
            owned @ Cow::Owned(_) => wanted::put(slots, slot, Value::Text(owned)),
        },
        b'-' | b'0'..=b'9' => match scanner.number()?.into() {
            Value::Int(int) => wanted::put_int(slots, slot, int),
            number => wanted::put(slots, slot, number),
        },
        _ => wanted::put(slots, slot, scanner.value()?),
    }
    Ok(())
}

/// Which wanted fields of an object have not come yet.
struct Absent {
    /// A bit for each field.
    bits: u64,
    /// Of so many fields nobody keeps count.
    is_unknown: bool,
}

impl Absent {
    #[inline]
    fn all(count: usize) -> Self {
        let unused = u32::try_from(count)
            .ok()
            .and_then(|n| u64::BITS.checked_sub(n));
        Self {
            bits: unused
                .and_then(|unused| u64::MAX.checked_shr(unused))
                .unwrap_or(0),
            is_unknown: unused.is_none(),
        }
    }

    #[inline]
    fn remove(&mut self, place: usize) {
        let bit = u32::try_from(place)
            .ok()
            .and_then(|place| 1u64.checked_shl(place));
        self.bits &= !bit.unwrap_or(0);
    }

    #[inline]
    fn places(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let place = self.bits.trailing_zeros();
            self.bits &= self.bits.checked_sub(1)?;
            usize::try_from(place).ok()
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_document_left_in_the_slots_does_not_show_in_the_next() {
        let path = |steps: &[&str]| steps.iter().map(|&step| step.into()).collect::<Vec<_>>();
        let paths = [path(&["a"]), path(&["b", "c"]), path(&["b", "d"])];
        let walker = Walker::new(paths.iter().map(Vec::as_slice).enumerate());
        let mut slots = vec![None; 3];
        let (one, tea) = (|| Some(Value::Int(1)), || Some(Value::text("tea")));
        for (document, expected) in [
            (
                r#"{"a": 1, "b": {"c": 1, "d": "tea"}}"#,
                [one(), one(), tea()],
            ),
            (r#"{"a": "tea", "b": {"d": 1}}"#, [tea(), None, one()]),
            (
                r#"{"b": {"c": "tea"}, "b": {}, "a": 1}"#,
                [one(), None, None],
            ),
            (r#"{"b": {"c": 1}}"#, [None, one(), None]),
            (r#"{"b": 7, "a": 1}"#, [one(), None, None]),
            ("{}", [None, None, None]),
        ] {
            walker.read(document.as_bytes(), &mut slots).unwrap();
            assert_eq!(slots, expected, "{document}");
        }
    }

    #[test]
    fn absent_fields_are_told_also_of_more_than_there_are_bits_for() {
        for count in [0, 1, 63, 64, 65, 200] {
            let names: Vec<Box<str>> = (0..count).map(|name| format!("f{name}").into()).collect();
            let paths = names.iter().map(std::slice::from_ref).enumerate();
            let walker = Walker::new(paths);
            let mut slots = vec![Some(Value::Bool(true)); count];
            walker.read(br#"{"f0": null}"#, &mut slots).unwrap();
            let present = slots.iter().filter(|slot| slot.is_some()).count();
            assert_eq!(present, count.min(1), "{count} fields");
        }
    }
}
