//! The sessions of all keys, each in a slot, those of one key linked from the latest to the oldest.

use std::ops::Range;

use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// One open session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) key: KeyId,
    pub(super) start: Timestamp,
    /// Inside.
    pub(super) end: Timestamp,
    /// The smallest offset of a record in it.
    pub(super) first_offset: Offset,
    /// When it is to be looked at, as entered among the deadlines.
    pub(super) deadline: Timestamp,
    /// The next older session of the key, or [`NONE`].
    pub(super) older: u32,
    /// The window that was last put out for it, where updates are.
    pub(super) shown: Option<(Timestamp, Timestamp)>,
}

impl Session {
    /// A session of one record, not yet linked.
    pub(super) const fn new(key: KeyId, time: Timestamp, offset: Offset) -> Self {
        Self {
            key,
            start: time,
            end: time,
            first_offset: offset,
            deadline: Timestamp::MIN,
            older: NONE,
            shown: None,
        }
    }

    pub(super) const fn window(&self) -> Range<Timestamp> {
        self.start..self.end
    }
}

/// Sessions by slot and by key.
#[derive(Debug, Default)]
pub(super) struct SessionTable {
    /// `None` where a slot is free.
    slots: Vec<Option<Session>>,
    free: Vec<u32>,
    /// The slot of the latest session of each key, by id, or [`NONE`].
    latest: Vec<u32>,
}

/// The sessions that a record continues: at most one that begins before it and one after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Continued {
    pub(super) older: u32,
    pub(super) newer: u32,
}

impl SessionTable {
    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Session> {
        self.slots.get(slot as usize)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The latest session of `key`, where there is one.
    #[inline]
    pub(super) fn latest(&self, key: KeyId) -> u32 {
        self.latest.get(key.index()).copied().unwrap_or(NONE)
    }

    /// All sessions with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Session)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(slot, session)| Some((slot, session.as_ref()?)))
    }

    /// The sessions of `key` that a record at `time` continues.
    pub(super) fn continued(&self, key: KeyId, time: Timestamp, gap_ms: i64) -> Continued {
        let (earliest, latest) = (time.saturating_add(-gap_ms), time.saturating_add(gap_ms));
        let mut found = Continued {
            older: NONE,
            newer: NONE,
        };
        let mut slot = self.latest(key);
        while let Some(session) = self.get(slot) {
            if session.end < earliest {
                break;
            }
            if session.start > time && session.start <= latest {
                found.newer = slot;
            } else if session.start <= time {
                found.older = slot;
                break;
            }
            slot = session.older;
        }
        found
    }

    /// Puts a session where it belongs among those of its key, and says in which slot. A slot is
    /// free again or the next one.
    pub(super) fn insert(&mut self, mut session: Session) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok();
                let slot = slot.filter(|slot| *slot != NONE)?;
                self.slots.push(None);
                slot
            }
        };
        let newer = self.newer_than(session.key, session.end);
        session.older = self.older_of(newer, session.key);
        let key = session.key;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(session);
        }
        self.link(newer, key, slot);
        Some(slot)
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, slot: u32) {
        let Some(session) = self.get(slot).copied() else {
            return;
        };
        let mut newer = NONE;
        let mut at = self.latest(session.key);
        while at != slot && at != NONE {
            (newer, at) = (at, self.get(at).map_or(NONE, |session| session.older));
        }
        self.link(newer, session.key, session.older);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = None;
            self.free.push(slot);
        }
    }

    /// The oldest session of `key` that ends after `end`.
    fn newer_than(&self, key: KeyId, end: Timestamp) -> u32 {
        let mut newer = NONE;
        let mut slot = self.latest(key);
        while let Some(session) = self.get(slot).filter(|session| session.end > end) {
            (newer, slot) = (slot, session.older);
        }
        newer
    }

    fn older_of(&self, newer: u32, key: KeyId) -> u32 {
        match self.get(newer) {
            Some(session) => session.older,
            None => self.latest(key),
        }
    }

    /// Makes `slot` the one that follows `newer`, or the latest where there is none.
    fn link(&mut self, newer: u32, key: KeyId, slot: u32) {
        if let Some(session) = self.get_mut(newer) {
            session.older = slot;
            return;
        }
        if self.latest.len() <= key.index() {
            self.latest.resize(key.index() + 1, NONE);
        }
        if let Some(latest) = self.latest.get_mut(key.index()) {
            *latest = slot;
        }
    }

    /// Writes all sessions with their slots.
    pub(super) fn save(&self, out: &mut Writer) {
        out.slice(&self.slots);
    }

    /// Reads back what was saved, and takes a use of each session's key.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(super) fn load(keys: &mut Keys, from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let slots: Vec<Option<Session>> = from.vec()?;
        let mut table = Self {
            slots: vec![None; slots.len()],
            ..Self::default()
        };
        // Slots are taken from the end of the free ones, so that each session gets its own again.
        for (slot, session) in (0..NONE).zip(&slots) {
            let Some(session) = session else {
                continue;
            };
            if !keys.is_live(session.key) || session.start > session.end {
                return Err(Malformed::new(
                    "a session of no key, or that ends before it starts",
                ));
            }
            keys.take_use(session.key);
            table.free.push(slot);
            table.insert(*session);
        }
        let free = (0..NONE).zip(&slots);
        let free = free.filter(|(_, session)| session.is_none());
        table.free = free.map(|(slot, _)| slot).collect();
        Ok(table)
    }
}

impl Persist for Session {
    fn save(&self, out: &mut Writer) {
        out.put(&self.key);
        out.put(&self.start);
        out.put(&self.end);
        out.put(&self.first_offset);
        out.put(&self.shown);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let session = Self::new(from.take()?, from.take()?, Offset(0));
        Ok(Self {
            end: from.take()?,
            first_offset: from.take()?,
            shown: from.take()?,
            ..session
        })
    }
}
