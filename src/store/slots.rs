//! Key ids to the slots of one pane.

use crate::store::keys::KeyId;

/// No slot.
const NONE: u32 = u32::MAX;

/// Which slot of a pane a key has, by flat vector; slots are numbered in the order in which the
/// keys came.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_key: Vec<u32>,
    keys: Vec<KeyId>,
}

impl Slots {
    /// The slot of `key`, if it has one.
    #[inline]
    pub(crate) fn find(&self, key: KeyId) -> Option<usize> {
        match self.by_key.get(key.index()) {
            Some(&slot) if slot != NONE => Some(slot as usize),
            _ => None,
        }
    }

    /// Gives `key`, which has none, the next slot.
    ///
    /// There are no more slots than ids, which are 32-bit numbers.
    pub(crate) fn add(&mut self, key: KeyId) -> usize {
        let slot = self.keys.len();
        if self.by_key.len() <= key.index() {
            self.by_key.resize(key.index() + 1, NONE);
        }
        if let Some(place) = self.by_key.get_mut(key.index()) {
            *place = u32::try_from(slot).unwrap_or(NONE);
        }
        self.keys.push(key);
        slot
    }

    /// The keys by slot.
    pub(crate) fn keys(&self) -> &[KeyId] {
        &self.keys
    }

    /// Forgets all slots, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        for key in self.keys.drain(..) {
            if let Some(place) = self.by_key.get_mut(key.index()) {
                *place = NONE;
            }
        }
    }
}
