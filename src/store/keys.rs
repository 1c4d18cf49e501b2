//! Keys to dense ids.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The number of a live key; small, and used again once the key is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(u32);

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
#[derive(Debug, Default)]
pub struct Keys {
    table: HashTable<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    arena: Vec<u8>,
    /// Bytes of the arena that belong to no key any more.
    dead_bytes: usize,
    used: usize,
    hasher: RandomState,
}

/// How many unused keys are always kept.
pub const UNUSED_KEPT_MIN: usize = 1024;

/// How many dead bytes are never worth a compaction.
const DEAD_BYTES_KEPT_MIN: usize = 64 * 1024;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    start: usize,
    len: usize,
    uses: u32,
    tag: u8,
    is_live: bool,
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
            entry.hash == hash && entry.tag == key.tag && self.bytes(entry) == key.bytes
        })
    }

    #[cold]
    fn add(&mut self, hash: u64, key: TaggedKey<'_>) -> Option<KeyId> {
        let id = match self.free.last() {
            Some(&id) => id,
            None => u32::try_from(self.entries.len()).ok()?,
        };
        self.compact_if_worth_it();
        let entry = Entry {
            hash,
            start: self.arena.len(),
            len: key.bytes.len(),
            uses: 0,
            tag: key.tag,
            is_live: true,
        };
        self.arena.extend_from_slice(key.bytes);
        match self.free.pop().and(self.entries.get_mut(id as usize)) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
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
    fn bytes(&self, entry: &Entry) -> &[u8] {
        let range = entry.start..entry.start + entry.len;
        self.arena.get(range).unwrap_or_default()
    }

    /// Says that one holder more has state of the key.
    #[inline]
    pub fn take_use(&mut self, id: KeyId) {
        if let Some(entry) = self.entries.get_mut(id.index()) {
            self.used += usize::from(entry.uses == 0);
            entry.uses += 1;
        }
    }

    /// Says that the holders named have no state of the keys any more, one use each.
    pub fn give_back(&mut self, ids: impl IntoIterator<Item = KeyId>) {
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id.index()) {
                entry.uses = entry.uses.saturating_sub(1);
                self.used -= usize::from(entry.uses == 0);
            }
        }
        let unused = self.table.len() - self.used;
        if unused > self.used.max(UNUSED_KEPT_MIN) {
            self.reclaim();
        }
    }

    fn reclaim(&mut self) {
        let (entries, free) = (&mut self.entries, &mut self.free);
        let dead_bytes = &mut self.dead_bytes;
        self.table
            .retain(|&mut id| match entries.get_mut(id as usize) {
                Some(entry) if entry.uses == 0 => {
                    entry.is_live = false;
                    *dead_bytes += entry.len;
                    free.push(id);
                    false
                }
                _ => true,
            });
    }

    fn compact_if_worth_it(&mut self) {
        let live = self.arena.len() - self.dead_bytes;
        if self.dead_bytes <= live.max(DEAD_BYTES_KEPT_MIN) {
            return;
        }
        let mut arena = Vec::with_capacity(live);
        for entry in self.entries.iter_mut().filter(|entry| entry.is_live) {
            let range = entry.start..entry.start + entry.len;
            entry.start = arena.len();
            arena.extend_from_slice(self.arena.get(range).unwrap_or_default());
        }
        self.arena = arena;
        self.dead_bytes = 0;
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
        assert!(keys.arena.len() < 300_000, "{}", keys.arena.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_used_key_keeps_its_id_and_bytes(
            steps in prop::collection::vec((0u32..4000, any::<bool>()), 1..6000),
        ) {
            let mut keys = Keys::new();
            let mut used: HashMap<u32, KeyId> = HashMap::new();
            for (number, is_taken) in steps {
                let name = number.to_be_bytes();
                if is_taken && !used.contains_key(&number) {
                    let id = keys.intern(text(&name)).unwrap();
                    keys.take_use(id);
                    used.insert(number, id);
                } else if let Some(id) = used.remove(&number) {
                    keys.give_back([id]);
                }
            }
            for (number, id) in used {
                let name = number.to_be_bytes();
                prop_assert_eq!(keys.key(id), text(&name));
                prop_assert_eq!(keys.intern(text(&name)), Some(id));
            }
        }
    }
}
