//! Keys to dense ids.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;

/// The number of a live key; small, and used again once the key is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(u32);

impl Persist for KeyId {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl KeyId {
    /// The place of this key in a flat vector.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A key as its owner gave it: bytes, and a tag that tells keys of equal bytes apart (the integer
/// 7 from the text "7").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggedKey<'a> {
    /// What kind of key it is; this table only compares it.
    pub tag: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Gives each distinct key a dense id, and takes back the ids of keys that are no longer used.
///
/// Each holder of a key's state takes a use of it ([`Keys::take_use`]) and gives it back. Keys
/// without uses stay findable until they are as many as the used ones and at least
/// [`UNUSED_KEPT_MIN`]; then all of them go at once, so that a key that comes and goes with each
/// window costs no more than its look-up.
///
/// A look-up touches as little memory as it can: the table of ids, then one entry that holds the
/// hash and, if it is short, the key itself.
#[derive(Debug, Default)]
pub struct Keys {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    /// How many uses each key has, by id; [`FREE`] where the id is nobody's.
    uses: Vec<u32>,
    free: Vec<u32>,
    long_keys: LongKeys,
    used: usize,
    hasher: RandomState,
}

/// How many unused keys are always kept.
pub const UNUSED_KEPT_MIN: usize = 1024;

/// Stands for the uses of an id that is nobody's.
const FREE: u32 = u32::MAX;

/// How long a key may be to stand in its entry, which is then half a cache line.
const SHORT_MAX: usize = 22;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    /// The key, or where it stands among the long ones: start and length, 8 bytes each.
    bytes: [u8; SHORT_MAX],
    /// How many of `bytes` are the key's; [`LONG`] for a long one.
    len: u8,
    tag: u8,
}

const LONG: u8 = u8::MAX;

impl Entry {
    fn new(hash: u64, key: TaggedKey<'_>, long_keys: &mut LongKeys) -> Self {
        let mut bytes = [0; SHORT_MAX];
        let len = match (
            bytes.get_mut(..key.bytes.len()),
            u8::try_from(key.bytes.len()),
        ) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(key.bytes);
                len
            }
            _ => {
                let range = long_keys.add(key.bytes);
                bytes = place_of(&range);
                LONG
            }
        };
        Self {
            hash,
            bytes,
            len,
            tag: key.tag,
        }
    }

    /// Where the key stands among the long ones, if it is one of them.
    fn long(&self) -> Option<Range<usize>> {
        if self.len != LONG {
            return None;
        }
        let (start, rest) = self.bytes.split_first_chunk()?;
        let (len, _) = rest.split_first_chunk()?;
        let start = usize::from_le_bytes(*start);
        Some(start..start + usize::from_le_bytes(*len))
    }
}

/// The form in which an entry holds `range`.
fn place_of(range: &Range<usize>) -> [u8; SHORT_MAX] {
    let mut bytes = [0; SHORT_MAX];
    let numbers = range.start.to_le_bytes().into_iter();
    let numbers = numbers.chain(range.len().to_le_bytes());
    for (place, byte) in bytes.iter_mut().zip(numbers) {
        *place = byte;
    }
    bytes
}

/// The bytes of keys that are too long for their entries, end to end.
#[derive(Debug, Default)]
struct LongKeys {
    arena: Vec<u8>,
    /// Bytes of the arena that belong to no key any more.
    dead_bytes: usize,
}

/// How many dead bytes are never worth a compaction.
const DEAD_BYTES_KEPT_MIN: usize = 64 * 1024;

impl LongKeys {
    fn add(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        start..self.arena.len()
    }

    fn is_compaction_due(&self) -> bool {
        let live = self.arena.len() - self.dead_bytes;
        self.dead_bytes > live.max(DEAD_BYTES_KEPT_MIN)
    }

    /// Moves the keys of `entries` together; no other keys are left after that.
    fn compact<'e>(&mut self, entries: impl Iterator<Item = &'e mut Entry>) {
        let mut arena = Vec::with_capacity(self.arena.len() - self.dead_bytes);
        for entry in entries {
            if let Some(range) = entry.long() {
                let start = arena.len();
                arena.extend_from_slice(self.arena.get(range).unwrap_or_default());
                entry.bytes = place_of(&(start..arena.len()));
            }
        }
        self.arena = arena;
        self.dead_bytes = 0;
    }
}

/// Whether both are the same bytes; of 8 to 16 of them, as many keys have, in two words and
/// without a call.
#[inline]
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    match (ends(left), ends(right)) {
        (Some(left_ends), Some(right_ends)) if left.len() == right.len() && left.len() <= 16 => {
            left_ends == right_ends
        }
        _ => left == right,
    }
}

/// The first and the last eight bytes, where there are so many.
#[inline]
fn ends(bytes: &[u8]) -> Option<[u64; 2]> {
    let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
    Some([*first, *last].map(u64::from_ne_bytes))
}

impl Keys {
    /// A table without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys can be found, used or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All ids are below this.
    #[must_use]
    pub fn ids_end(&self) -> usize {
        self.entries.len()
    }

    /// The id of `key`, which is added where it is new.
    ///
    /// A new key has no uses, and is safe only until the next call of [`Keys::give_back`].
    ///
    /// Returns `None` where 2^32 keys are alive at once, which no machine of today holds.
    #[inline]
    pub fn intern(&mut self, key: TaggedKey<'_>) -> Option<KeyId> {
        let hash = self.hasher.hash_one(key.bytes);
        let found = self.table.find(hash, |&id| self.is_at(id, hash, key));
        match found {
            Some(&id) => Some(KeyId(id)),
            None => self.add(hash, key),
        }
    }

    #[inline]
    fn is_at(&self, id: u32, hash: u64, key: TaggedKey<'_>) -> bool {
        self.entries.get(id as usize).is_some_and(|entry| {
            entry.hash == hash && entry.tag == key.tag && is_equal(self.bytes(entry), key.bytes)
        })
    }

    #[cold]
    fn add(&mut self, hash: u64, key: TaggedKey<'_>) -> Option<KeyId> {
        if self.long_keys.is_compaction_due() {
            let live = self.entries.iter_mut().zip(&self.uses);
            let live = live.filter(|(_, uses)| **uses != FREE);
            self.long_keys.compact(live.map(|(entry, _)| entry));
        }
        let id = match self.free.last() {
            Some(&id) => id,
            None => u32::try_from(self.entries.len()).ok()?,
        };
        let entry = Entry::new(hash, key, &mut self.long_keys);
        if self.free.pop().is_none() {
            self.entries.push(entry);
            self.uses.push(0);
        } else if let (Some(place), Some(uses)) = (
            self.entries.get_mut(id as usize),
            self.uses.get_mut(id as usize),
        ) {
            (*place, *uses) = (entry, 0);
        }
        let entries = &self.entries;
        let rehash = |&id: &u32| entries.get(id as usize).map_or(0, |entry| entry.hash);
        self.table.insert_unique(hash, id, rehash);
        Some(KeyId(id))
    }

    /// The key with this id; empty where the id is not in use.
    #[must_use]
    pub fn key(&self, id: KeyId) -> TaggedKey<'_> {
        let entry = self.entries.get(id.index());
        TaggedKey {
            tag: entry.map_or(0, |entry| entry.tag),
            bytes: entry.map_or(&[], |entry| self.bytes(entry)),
        }
    }

    #[inline]
    fn bytes<'k>(&'k self, entry: &'k Entry) -> &'k [u8] {
        match entry.bytes.get(..usize::from(entry.len)) {
            Some(short) => short,
            None => self.long_bytes(entry),
        }
    }

    #[cold]
    fn long_bytes(&self, entry: &Entry) -> &[u8] {
        let range = entry.long().unwrap_or_default();
        self.long_keys.arena.get(range).unwrap_or_default()
    }

    /// Says that one holder more has state of the key.
    #[inline]
    pub fn take_use(&mut self, id: KeyId) {
        if let Some(uses) = self.uses.get_mut(id.index()) {
            self.used += usize::from(*uses == 0);
            *uses += 1;
        }
    }

    /// Says that the holders named have no state of the keys any more, one use each.
    pub fn give_back(&mut self, ids: impl IntoIterator<Item = KeyId>) {
        for id in ids {
            if let Some(uses) = self.uses.get_mut(id.index())
                && (1..FREE).contains(uses)
            {
                *uses -= 1;
                self.used -= usize::from(*uses == 0);
            }
        }
        let unused = self.table.len() - self.used;
        if unused > self.used.max(UNUSED_KEPT_MIN) {
            self.reclaim();
        }
    }

    /// Whether `id` is that of a key.
    #[must_use]
    pub fn is_live(&self, id: KeyId) -> bool {
        self.uses.get(id.index()).is_some_and(|uses| *uses != FREE)
    }

    /// Writes the keys that have uses, with their ids.
    pub fn save(&self, out: &mut Writer) {
        out.count(self.entries.len());
        for (entry, uses) in self.entries.iter().zip(&self.uses) {
            let is_used = (1..FREE).contains(uses);
            out.put(&is_used);
            if is_used {
                out.put(&entry.tag);
                out.bytes(self.bytes(entry));
            }
        }
    }

    /// Reads back what [`Keys::save`] wrote. The keys have their ids and no uses: those who hold
    /// state of them must take theirs again, before the next [`Keys::give_back`].
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut keys = Self::default();
        let count = from.count(1)?;
        for id in 0..u32::try_from(count).map_err(|_| Malformed::new("too many keys"))? {
            match from.take::<bool>()? {
                true => keys.load_key(id, from)?,
                false => keys.push_free(id),
            }
        }
        keys.free.reverse();
        Ok(keys)
    }

    fn load_key(&mut self, id: u32, from: &mut Reader<'_>) -> Result<(), Malformed> {
        let (tag, bytes) = (from.take()?, from.bytes()?);
        let free = std::mem::take(&mut self.free);
        let added = self.intern(TaggedKey { tag, bytes });
        self.free = free;
        match added {
            Some(KeyId(added)) if added == id => Ok(()),
            _ => Err(Malformed::new("one key twice")),
        }
    }

    fn push_free(&mut self, id: u32) {
        self.entries.push(Entry {
            hash: 0,
            bytes: [0; SHORT_MAX],
            len: 0,
            tag: 0,
        });
        self.uses.push(FREE);
        self.free.push(id);
    }

    fn reclaim(&mut self) {
        let (entries, uses) = (&self.entries, &mut self.uses);
        let (free, long_keys) = (&mut self.free, &mut self.long_keys);
        self.table
            .retain(|&mut id| match uses.get_mut(id as usize) {
                Some(uses @ 0) => {
                    *uses = FREE;
                    free.push(id);
                    let long = entries.get(id as usize).and_then(Entry::long);
                    long_keys.dead_bytes += long.map_or(0, |range| range.len());
                    false
                }
                _ => true,
            });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn text(bytes: &[u8]) -> TaggedKey<'_> {
        TaggedKey { tag: 0, bytes }
    }

    #[test]
    fn keys_that_differ_in_one_byte_are_two_whatever_their_length() {
        for length in 0..40 {
            let key = vec![7u8; length];
            assert!(is_equal(&key, &key.clone()), "{length}");
            assert!(!is_equal(&key, &vec![7u8; length + 1]), "{length}");
            for place in 0..length {
                let mut other = key.clone();
                other[place] = 8;
                assert!(!is_equal(&key, &other), "{length}, {place}");
            }
        }
    }

    #[test]
    fn equal_keys_have_one_id_and_keys_of_different_tags_have_two() {
        let mut keys = Keys::new();
        let seven = keys.intern(text(b"7"));
        assert_eq!(keys.intern(text(b"7")), seven);
        let number = keys.intern(TaggedKey {
            tag: 1,
            bytes: b"7",
        });
        assert_ne!(number, seven);
        assert_ne!(keys.intern(text(b"")), seven, "an empty key is a key");
        assert_eq!(keys.len(), 3);
    }

    #[test]
    fn a_used_key_outlives_every_reclaim_and_memory_stays_bounded() {
        let mut keys = Keys::new();
        let kept = keys.intern(text(b"kept")).unwrap();
        keys.take_use(kept);
        for round in 0..100u32 {
            let ids: Vec<_> = (0..1000u32)
                .map(|number| {
                    let name = format!("a key of some length {round} {number}");
                    let id = keys.intern(text(name.as_bytes())).unwrap();
                    keys.take_use(id);
                    id
                })
                .collect();
            keys.give_back(ids);
        }
        assert_eq!(keys.key(kept), text(b"kept"));
        assert_eq!(keys.intern(text(b"kept")), Some(kept));
        assert!(keys.ids_end() < 4 * UNUSED_KEPT_MIN, "{}", keys.ids_end());
        assert!(
            keys.long_keys.arena.len() < 400_000,
            "{}",
            keys.long_keys.arena.len()
        );
    }

    #[test]
    fn a_key_that_is_there_twice_is_refused() {
        let mut out = Writer::new();
        out.count(2);
        for _ in 0..2 {
            out.put(&true);
            out.put(&0u8);
            out.bytes(b"a");
        }
        let refused = Keys::load(&mut Reader::new(&out.into_bytes()));
        assert_eq!(refused.err(), Some(Malformed::new("one key twice")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_used_key_keeps_its_id_and_bytes(
            steps in prop::collection::vec((0u32..4000, any::<bool>()), 1..6000),
        ) {
            let key_of = |number: u32| format!("{number}").repeat(1 + number as usize % 8);
            let mut keys = Keys::new();
            let mut used: HashMap<u32, KeyId> = HashMap::new();
            for (number, is_taken) in steps {
                let name = key_of(number);
                if is_taken && !used.contains_key(&number) {
                    let id = keys.intern(text(name.as_bytes())).unwrap();
                    keys.take_use(id);
                    used.insert(number, id);
                } else if let Some(id) = used.remove(&number) {
                    keys.give_back([id]);
                }
            }
            let mut out = Writer::new();
            keys.save(&mut out);
            let bytes = out.into_bytes();
            let mut loaded = Keys::load(&mut Reader::new(&bytes)).unwrap();
            for (number, id) in used {
                let name = key_of(number);
                prop_assert_eq!(keys.key(id), text(name.as_bytes()));
                prop_assert_eq!(keys.intern(text(name.as_bytes())), Some(id));
                prop_assert_eq!(loaded.intern(text(name.as_bytes())), Some(id), "loaded");
                prop_assert_eq!(loaded.key(id), text(name.as_bytes()));
            }
            prop_assert!(loaded.intern(text(b"new")).is_some());
        }
    }
}
