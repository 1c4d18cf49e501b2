//! Sets of values.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::expr::Number;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::value_bytes;

/// So many values are many, however small.
const COUNT_MAX: usize = 1024;

/// So many bytes of values are many, however few.
const BYTES_MAX: usize = 64 << 10;

/// Different values, one behind the other.
///
/// Numbers of equal value are one, whatever their types; other values are the same where their
/// encoding ([`value_bytes`]) is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Elements {
    bytes: Vec<u8>,
    /// Where each one ends in `bytes`.
    ends: Vec<usize>,
    /// By hash, the position in `ends`.
    table: HashTable<usize>,
}

impl Elements {
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are too many to keep, or they are too large.
    pub(crate) const fn are_many(&self) -> bool {
        self.ends.len() > COUNT_MAX || self.bytes.len() > BYTES_MAX
    }

    /// The encoded values, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|position| element(&self.bytes, &self.ends, position))
    }

    /// Adds `value`, if it is not in.
    #[inline]
    pub(crate) fn insert(&mut self, value: &Value<'_>) {
        let start = self.bytes.len();
        put(&mut self.bytes, value);
        self.keep_from(start);
    }

    /// Adds an encoded value, if it is not in.
    pub(crate) fn insert_encoded(&mut self, element: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(element);
        self.keep_from(start);
    }

    /// Shows `value`, encoded, to `see` and keeps nothing of it.
    #[inline]
    pub(crate) fn with(&mut self, value: &Value<'_>, see: impl FnOnce(&[u8])) {
        let start = self.bytes.len();
        put(&mut self.bytes, value);
        see(self.bytes.get(start..).unwrap_or_default());
        self.bytes.truncate(start);
    }

    /// Keeps the bytes from `start` on as a value, unless they are one already.
    fn keep_from(&mut self, start: usize) {
        let (bytes, ends) = (&self.bytes, &self.ends);
        let hash_of = |element: &[u8]| FixedState::default().hash_one(element);
        let new = bytes.get(start..).unwrap_or_default();
        let hash = hash_of(new);
        let is_new = |position: &usize| element(bytes, ends, *position) == new;
        if self.table.find(hash, is_new).is_some() {
            self.bytes.truncate(start);
            return;
        }
        let rehash = |position: &usize| hash_of(element(bytes, ends, *position));
        self.table.insert_unique(hash, ends.len(), rehash);
        self.ends.push(self.bytes.len());
    }

    /// Forgets all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.table.clear();
    }
}

fn element<'e>(bytes: &'e [u8], ends: &[usize], position: usize) -> &'e [u8] {
    let before = position.checked_sub(1).and_then(|before| ends.get(before));
    let start = before.copied().unwrap_or(0);
    let end = ends.get(position).copied().unwrap_or(start);
    bytes.get(start..end).unwrap_or_default()
}

/// Doubles from this on are no longer whole numbers that fit an integer of ours.
const WHOLE_MAX: f64 = 18_446_744_073_709_551_616.0;

/// Appends `value` so that equal ones are equal bytes.
#[expect(clippy::cast_possible_truncation, reason = "whole, and within 65 bits")]
fn put(out: &mut Vec<u8>, value: &Value<'_>) {
    match Number::of(value) {
        Some(Number::UInt(uint)) => match i64::try_from(uint) {
            Ok(int) => value_bytes::put(out, &Value::Int(int)),
            Err(_) => value_bytes::put(out, value),
        },
        Some(Number::Float(float)) if float.fract() == 0.0 && float.abs() < WHOLE_MAX => {
            let whole = float as i128;
            match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(int), _) => value_bytes::put(out, &Value::Int(int)),
                (_, Ok(uint)) => value_bytes::put(out, &Value::UInt(uint)),
                _ => value_bytes::put(out, value),
            }
        }
        _ => value_bytes::put(out, value),
    }
}

impl Persist for Elements {
    fn save(&self, out: &mut Writer) {
        out.count(self.len());
        self.iter().for_each(|element| out.bytes(element));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut elements = Self::default();
        for _ in 0..from.count(1)? {
            elements.insert_encoded(from.bytes()?);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_one_value_are_one_and_text_is_no_number() {
        let mut elements = Elements::default();
        for value in [
            Value::Int(1),
            Value::UInt(1),
            Value::Float(1.0),
            Value::Float(0.0),
            Value::Float(-0.0),
            Value::UInt(u64::MAX),
            Value::Float(18_446_744_073_709_551_615.0),
            Value::Int(i64::MIN),
            Value::Float(-9_223_372_036_854_775_808.0),
            Value::text("1"),
            Value::Float(1.5),
        ] {
            elements.insert(&value);
        }
        // 1, 0, 2^64 − 1, 2^64, −2^63, "1", 1.5
        assert_eq!(elements.len(), 7);
    }

    #[test]
    fn a_few_large_values_are_many() {
        let mut elements = Elements::default();
        elements.insert(&Value::text(&"x".repeat(40_000)));
        assert!(!elements.are_many());
        elements.insert(&Value::text(&"y".repeat(40_000)));
        assert!(elements.are_many());
    }
}
