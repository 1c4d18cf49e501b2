//! The keys whose windows come out though they hold nothing.

use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::Pane;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::columns::Columns;
use crate::stream::empty::Empty;

/// The keys that have had a record before the windows that are open, and are not forgotten yet.
///
/// Which windows a key comes out in depends on the event times of its records alone: the order in
/// which these came changes nothing, nor does reading them again after a restart.
#[derive(Debug)]
pub(super) struct Known {
    reach_ms: i64,
    live: Vec<KeyId>,
    /// By key.
    seen: Vec<Option<Seen>>,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// The largest event time of its records.
    time: Timestamp,
    /// The record with that time is not before this.
    offset: Offset,
}

impl Known {
    /// No key yet; `None` where windows without records do not come out.
    pub(super) fn new(empty: Empty) -> Option<Self> {
        Some(Self {
            reach_ms: empty.reach_ms()?,
            live: Vec::new(),
            seen: Vec::new(),
        })
    }

    /// Whether no key is known.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Takes note of a record of `key` at `time`, which stands at `offset` or later.
    pub(super) fn see(&mut self, key: KeyId, time: Timestamp, offset: Offset, keys: &mut Keys) {
        if self.seen.len() <= key.index() {
            self.seen.resize(key.index() + 1, None);
        }
        let Some(place) = self.seen.get_mut(key.index()) else {
            return;
        };
        match place {
            Some(seen) if seen.time >= time => {}
            Some(seen) => *seen = Seen { time, offset },
            None => {
                *place = Some(Seen { time, offset });
                keys.take_use(key);
                self.live.push(key);
            }
        }
    }

    /// Takes note of all records in `pane`.
    pub(super) fn see_all(&mut self, pane: &Pane<Columns>, keys: &mut Keys) {
        for (slot, &key) in pane.keys().iter().enumerate() {
            self.see(key, pane.state.time(slot), pane.first_offset(), keys);
        }
    }

    /// Forgets the keys that no window from `start` on comes out of.
    pub(super) fn forget(&mut self, start: Timestamp, keys: &mut Keys) {
        let (seen, reach_ms) = (&mut self.seen, self.reach_ms);
        let mut gone = Vec::new();
        self.live.retain(|key| {
            let place = seen.get_mut(key.index());
            let Some(place) = place else { return false };
            let is_live = place.is_some_and(|seen| seen.time.saturating_add(reach_ms) >= start);
            if !is_live {
                *place = None;
                gone.push(*key);
            }
            is_live
        });
        keys.give_back(gone);
    }

    /// The keys that are in none of `panes`, by their bytes.
    pub(super) fn missing_from<'p>(
        &self,
        panes: impl Iterator<Item = &'p Pane<Columns>> + Clone,
        keys: &Keys,
    ) -> Vec<KeyId> {
        let is_missing = |key: &KeyId| !panes.clone().any(|pane| pane.slot(*key).is_some());
        let mut missing: Vec<KeyId> = self.live.iter().copied().filter(is_missing).collect();
        missing.sort_unstable_by_key(|id| {
            let key = keys.key(*id);
            (key.bytes, key.tag)
        });
        missing
    }

    /// The smallest offset from which all keys can be known again; `None` where there are none.
    pub(super) fn rebuild_from(&self) -> Option<Offset> {
        let seen = self.live.iter().filter_map(|key| self.of(*key));
        seen.map(|seen| seen.offset).min()
    }

    fn of(&self, key: KeyId) -> Option<Seen> {
        self.seen.get(key.index()).copied().flatten()
    }

    /// Writes all keys that are known.
    pub(super) fn save(&self, out: &mut Writer) {
        out.slice(&self.live);
        for seen in self.live.iter().filter_map(|key| self.of(*key)) {
            out.put(&(seen.time, seen.offset));
        }
    }

    /// Reads back what was saved; takes uses of `keys`.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such keys.
    pub(super) fn load(&mut self, keys: &mut Keys, from: &mut Reader<'_>) -> Result<(), Malformed> {
        for key in from.vec::<KeyId>()? {
            if !keys.is_live(key) || self.of(key).is_some() {
                return Err(Malformed::new("a known key that is not there, or twice"));
            }
            let (time, offset) = from.take()?;
            self.see(key, time, offset, keys);
        }
        Ok(())
    }
}
