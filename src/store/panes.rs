//! Window panes: the state of one slice of event time for all keys that have any.

use std::collections::VecDeque;
use std::ops::Range;

use crate::record::Offset;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::store::slots::Slots;

/// What a pane remembers for each of its slots, in flat vectors.
pub trait PaneState {
    /// Adds one slot in its initial state, after those there are.
    fn push(&mut self);

    /// Forgets all slots, and keeps the memory.
    fn clear(&mut self);

    /// Writes the state of all slots.
    fn save(&self, out: &mut Writer);

    /// Reads back the state of `slots` slots into this, which has none.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    fn load(&mut self, slots: usize, from: &mut Reader<'_>) -> Result<(), Malformed>;
}

/// The state of one slice of event time: a slot for each key that has any.
#[derive(Debug)]
pub struct Pane<S> {
    slots: Slots,
    first_offset: Offset,
    /// The state, by slot.
    pub state: S,
}

impl<S: PaneState> Pane<S> {
    /// A pane without slots around `state`, which has none either.
    #[must_use]
    pub fn new(state: S) -> Self {
        Self {
            slots: Slots::default(),
            first_offset: Offset(0),
            state,
        }
    }

    /// The slot of `key`, if it has one.
    #[inline]
    #[must_use]
    pub fn slot(&self, key: KeyId) -> Option<usize> {
        self.slots.find(key)
    }

    /// The slot of `key`, which gets the next one where it has none.
    #[inline]
    pub fn slot_or_add(&mut self, key: KeyId) -> usize {
        self.slot(key).unwrap_or_else(|| self.add(key))
    }

    #[inline(never)]
    fn add(&mut self, key: KeyId) -> usize {
        self.state.push();
        self.slots.add(key)
    }

    /// The keys by slot, which is the order in which they came.
    #[must_use]
    pub fn keys(&self) -> &[KeyId] {
        self.slots.keys()
    }

    /// Writes the slots and their state.
    pub fn save(&self, out: &mut Writer) {
        out.put(&self.first_offset);
        out.slice(self.keys());
        self.state.save(out);
    }

    /// Reads back what [`Pane::save`] wrote into this, which has no slots, and takes a use of each
    /// of its `keys`.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn load(&mut self, keys: &mut Keys, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.first_offset = from.take()?;
        let ids: Vec<KeyId> = from.vec()?;
        for &id in &ids {
            if !keys.is_live(id) || self.slot(id).is_some() {
                return Err(Malformed::new(
                    "a pane with a key that is not there, or twice",
                ));
            }
            keys.take_use(id);
            self.slots.add(id);
        }
        self.state.load(ids.len(), from)
    }

    /// The offset of the first record that this pane was made for.
    #[must_use]
    pub const fn first_offset(&self) -> Offset {
        self.first_offset
    }

    /// Forgets all slots, and keeps the memory.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.state.clear();
    }
}

/// The panes of all slices that have data, by slice number; panes of slices that are over are used
/// again.
#[derive(Debug)]
pub struct Panes<S> {
    /// In ascending order of slice numbers.
    open: VecDeque<(i64, Pane<S>)>,
    spare: Vec<Pane<S>>,
    /// Where the pane asked for last stands: records come nearly in order.
    last: usize,
}

/// How many spare panes are always kept.
const SPARE_KEPT_MIN: usize = 2;

impl<S: PaneState> Default for Panes<S> {
    fn default() -> Self {
        Self {
            open: VecDeque::new(),
            spare: Vec::new(),
            last: 0,
        }
    }
}

impl<S: PaneState> Panes<S> {
    /// The pane of `slice`, which is made, for the record at `offset`, where there is none.
    ///
    /// `state` makes the state of a pane without slots.
    #[inline]
    pub fn pane_or_add(
        &mut self,
        slice: i64,
        offset: Offset,
        state: impl FnOnce() -> S,
    ) -> &mut Pane<S> {
        let is_last = matches!(self.open.get(self.last), Some((last, _)) if *last == slice);
        if !is_last {
            self.last = self.place_or_add(slice, offset, state);
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "`last` is the place just found, filled or confirmed"
        )]
        &mut self.open[self.last].1
    }

    fn place_or_add(&mut self, slice: i64, offset: Offset, state: impl FnOnce() -> S) -> usize {
        let place = self.place(slice);
        if matches!(self.open.get(place), Some((found, _)) if *found == slice) {
            return place;
        }
        let mut pane = self.spare.pop().unwrap_or_else(|| Pane::new(state()));
        pane.first_offset = offset;
        self.open.insert(place, (slice, pane));
        place
    }

    /// Where the pane of `slice` stands or would stand.
    fn place(&self, slice: i64) -> usize {
        self.open.partition_point(|(other, _)| *other < slice)
    }

    /// The number of the oldest slice that has data.
    #[must_use]
    pub fn first_slice(&self) -> Option<i64> {
        self.open.front().map(|(slice, _)| *slice)
    }

    /// The panes of `slices`, oldest first, each with its slice number.
    pub fn range(&self, slices: Range<i64>) -> impl Iterator<Item = (i64, &Pane<S>)> + Clone {
        let places = self.place(slices.start)..self.place(slices.end.max(slices.start));
        self.open.range(places).map(|(slice, pane)| (*slice, pane))
    }

    /// The panes of all slices above `slice`, oldest first.
    pub fn above_mut(&mut self, slice: i64) -> impl Iterator<Item = &mut Pane<S>> {
        let place = self.place(slice.saturating_add(1));
        self.open.range_mut(place..).map(|(_, pane)| pane)
    }

    /// All panes, oldest first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pane<S>> {
        self.open.iter_mut().map(|(_, pane)| pane)
    }

    /// Gives up the panes of all slices below `slice`, and with them their uses of `keys`.
    pub fn release_below(&mut self, slice: i64, keys: &mut Keys) {
        while matches!(self.open.front(), Some((first, _)) if *first < slice) {
            let Some((_, mut pane)) = self.open.pop_front() else {
                break;
            };
            keys.give_back(pane.keys().iter().copied());
            if self.spare.len() < self.open.len().max(SPARE_KEPT_MIN) {
                pane.clear();
                self.spare.push(pane);
            }
        }
        self.last = 0;
    }

    /// Writes all panes.
    pub fn save(&self, out: &mut Writer) {
        out.count(self.open.len());
        for (slice, pane) in &self.open {
            out.put(slice);
            pane.save(out);
        }
    }

    /// Reads back what [`Panes::save`] wrote into this, which has no panes; takes uses of `keys`.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn load(
        &mut self,
        keys: &mut Keys,
        mut state: impl FnMut() -> S,
        from: &mut Reader<'_>,
    ) -> Result<(), Malformed> {
        for _ in 0..from.count(1)? {
            let slice = from.take()?;
            if matches!(self.open.back(), Some((before, _)) if *before >= slice) {
                return Err(Malformed::new("panes out of order"));
            }
            let mut pane = Pane::new(state());
            pane.load(keys, from)?;
            self.open.push_back((slice, pane));
        }
        Ok(())
    }

    /// The smallest offset from which all panes can be rebuilt; `None` where there are none.
    ///
    /// Offsets must have been given in ascending order: then the first record of a pane has its
    /// smallest.
    #[must_use]
    pub fn rebuild_from(&self) -> Option<Offset> {
        let offsets = self.open.iter().map(|(_, pane)| pane.first_offset);
        offsets.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::TaggedKey;

    impl PaneState for Vec<u32> {
        fn push(&mut self) {
            self.push(0);
        }

        fn clear(&mut self) {
            self.clear();
        }

        fn save(&self, out: &mut Writer) {
            out.slice(self);
        }

        fn load(&mut self, slots: usize, from: &mut Reader<'_>) -> Result<(), Malformed> {
            *self = from.vec()?;
            assert_eq!(self.len(), slots);
            Ok(())
        }
    }

    fn touch(panes: &mut Panes<Vec<u32>>, keys: &mut Keys, slice: i64, offset: i64, key: &[u8]) {
        let id = keys.intern(TaggedKey { tag: 0, bytes: key }).unwrap();
        let pane = panes.pane_or_add(slice, Offset(offset), Vec::new);
        if pane.slot(id).is_none() {
            keys.take_use(id);
        }
        let slot = pane.slot_or_add(id);
        pane.state[slot] += 1;
    }

    #[test]
    fn panes_stand_in_order_of_slices_and_slots_in_order_of_arrival() {
        let (mut panes, mut keys) = (Panes::default(), Keys::new());
        for ((slice, key), offset) in [(5, b"b"), (3, b"a"), (5, b"a"), (5, b"b")]
            .into_iter()
            .zip(0..)
        {
            touch(&mut panes, &mut keys, slice, offset, key);
        }
        let seen: Vec<_> = panes
            .range(i64::MIN..i64::MAX)
            .map(|(slice, pane)| {
                let names = pane.keys().iter().map(|&id| keys.key(id).bytes.to_vec());
                (
                    slice,
                    names.collect::<Vec<_>>().concat(),
                    pane.state.clone(),
                )
            })
            .collect();
        let expected = [(3, b"a".to_vec(), vec![1]), (5, b"ba".to_vec(), vec![2, 1])];
        assert_eq!(seen, expected);
        assert_eq!(panes.range(4..5).count(), 0);
        let (start, end) = (5, 4);
        assert_eq!(panes.range(start..end).count(), 0, "empty, and no panic");
    }

    #[test]
    fn panes_can_be_rebuilt_from_the_first_record_of_the_oldest_one_that_is_left() {
        let (mut panes, mut keys) = (Panes::default(), Keys::new());
        touch(&mut panes, &mut keys, 2, 10, b"a");
        touch(&mut panes, &mut keys, 1, 11, b"a");
        touch(&mut panes, &mut keys, 2, 12, b"b");
        assert_eq!(panes.rebuild_from(), Some(Offset(10)));
        panes.release_below(2, &mut keys);
        assert_eq!(
            panes.rebuild_from(),
            Some(Offset(10)),
            "slice 1 was first seen later"
        );
        panes.release_below(3, &mut keys);
        assert_eq!(panes.rebuild_from(), None);
    }

    #[test]
    fn loaded_panes_are_those_that_were_saved_and_keep_their_keys() {
        let (mut panes, mut keys) = (Panes::default(), Keys::new());
        for (slice, offset) in [(2, 10), (1, 11), (2, 12)] {
            touch(&mut panes, &mut keys, slice, offset, b"a");
        }
        touch(&mut panes, &mut keys, 2, 13, b"b");
        let mut out = Writer::new();
        keys.save(&mut out);
        panes.save(&mut out);
        let bytes = out.into_bytes();
        let load = |bytes: &[u8]| -> Result<_, Malformed> {
            let from = &mut Reader::new(bytes);
            let (mut keys, mut panes) = (Keys::load(from)?, Panes::default());
            panes.load(&mut keys, Vec::new, from)?;
            from.end().map(|()| (panes, keys))
        };
        let (mut loaded, mut keys) = load(&bytes).unwrap();
        assert_eq!(loaded.rebuild_from(), Some(Offset(10)));
        touch(&mut loaded, &mut keys, 2, 14, b"b");
        let counts = loaded.range(2..3).map(|(_, pane)| pane.state.clone());
        assert_eq!(counts.collect::<Vec<_>>(), [vec![2, 2]]);
        loaded.release_below(3, &mut keys);
        for end in 0..bytes.len() {
            assert!(load(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_recycled_pane_remembers_nothing() {
        let (mut panes, mut keys) = (Panes::default(), Keys::new());
        for round in 0..10 {
            touch(&mut panes, &mut keys, round, round, b"a");
            touch(&mut panes, &mut keys, round, round, b"b");
            let pane = panes.pane_or_add(round, Offset(round), Vec::new);
            assert_eq!(pane.state, [1, 1]);
            panes.release_below(round + 1, &mut keys);
        }
        assert_eq!(keys.len(), 2);
        assert!(panes.spare.len() <= SPARE_KEPT_MIN);
    }
}
