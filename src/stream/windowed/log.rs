//! The records of one key that windows still want, in order, and a window that slides over them.

use std::collections::VecDeque;

use crate::record::Offset;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::windowed::arena::Arena;
use crate::stream::windowed::arena::NONE;

/// What came at one place: an event time, or a position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: i64,
    /// The offset of the first record at this place.
    pub(super) offset: Offset,
    /// The slot with the aggregates of the records at this place.
    pub(super) own: u32,
    /// The slot with the aggregates from here to the middle of the window that was swept last;
    /// [`NONE`] where there never was one.
    suffix: u32,
    /// Whether there was a change since the last commit.
    pub(super) has_changed: bool,
}

/// The entries of one key in ascending order of places, no two at one.
///
/// A window that only moves forward costs two merges for each entry, however many it holds ("two
/// stacks"): the entries of its front part each have the aggregates from there to the middle, its
/// back part has one for all. Once the front is used up, all that is left becomes the front.
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// The first and last place of the window that was swept last.
    swept: Option<(i64, i64)>,
    /// About where its first entry stands, and the first one behind it: windows mostly move on by
    /// little.
    near: (usize, usize),
    /// Entries below this place are the front part of the window swept last.
    middle: i64,
    /// The slot with the aggregates of its back part, or [`NONE`].
    back: u32,
    is_back_empty: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            swept: None,
            near: (0, 0),
            middle: i64::MIN,
            back: NONE,
            is_back_empty: true,
        }
    }
}

/// So many steps cost less than a search.
const STEPS_MAX: usize = 6;

/// Where a record went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) index: usize,
    pub(super) is_new: bool,
    pub(super) slot: u32,
}

impl Log {
    pub(super) const fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    /// How many entries lie below `at`.
    #[inline]
    pub(super) fn below(&self, at: i64) -> usize {
        match self.entries.back() {
            Some(last) if last.at < at => self.entries.len(),
            _ => self.entries.partition_point(|entry| entry.at < at),
        }
    }

    /// As [`below`](Self::below), for what is probably near the first entry of the window swept
    /// last.
    #[inline]
    pub(super) fn below_near_first(&self, at: i64) -> usize {
        self.below_near(self.near.0, at)
    }

    /// The same near the first entry behind that window.
    #[inline]
    pub(super) fn below_near_end(&self, at: i64) -> usize {
        self.below_near(self.near.1, at)
    }

    #[inline]
    fn below_near(&self, mut index: usize, at: i64) -> usize {
        for _ in 0..STEPS_MAX {
            let before = index.checked_sub(1).map(|before| self.at(before));
            if self.at(index).is_some_and(|here| here < at) {
                index += 1;
            } else if before.is_some_and(|before| before.is_none_or(|before| before >= at)) {
                index -= 1;
            } else {
                return index;
            }
        }
        self.below(at)
    }

    /// The place of the entry with this index.
    #[inline]
    pub(super) fn at(&self, index: usize) -> Option<i64> {
        self.entries.get(index).map(|entry| entry.at)
    }

    /// Whether there is an entry at `at`.
    pub(super) fn has(&self, at: i64) -> bool {
        self.at(self.below(at)) == Some(at)
    }

    /// The entry at `at`, which is made for the record at `offset` where there is none.
    #[inline]
    pub(super) fn insert(&mut self, at: i64, offset: Offset, arena: &mut Arena) -> Place {
        let index = self.below(at);
        if self.swept.is_some_and(|(_, to)| at <= to) {
            self.swept = None;
        }
        if let Some(entry) = self.entries.get(index).filter(|entry| entry.at == at) {
            return Place {
                index,
                is_new: false,
                slot: entry.own,
            };
        }
        let slot = arena.take();
        let entry = Entry {
            at,
            offset,
            own: slot,
            suffix: NONE,
            has_changed: false,
        };
        self.entries.insert(index, entry);
        Place {
            index,
            is_new: true,
            slot,
        }
    }

    /// Notes that there was a change at the entry with this index.
    #[inline]
    pub(super) fn mark(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.has_changed = true;
        }
    }

    /// A commit begins: nothing has changed since.
    pub(super) fn settle(&mut self) {
        for entry in &mut self.entries {
            entry.has_changed = false;
        }
    }

    /// Whether there was a change from `from` to `to`, both inside, since the last commit.
    pub(super) fn has_changed(&self, from: i64, to: i64) -> bool {
        let entries = self.entries.range(self.below(from)..);
        let mut entries = entries.take_while(|entry| entry.at <= to);
        entries.any(|entry| entry.has_changed)
    }

    /// Puts the aggregates of the entries from `from` to `to`, both inside, into the slot `result`;
    /// `false` where there are none. Cheap where neither bound is below that of the last call.
    pub(super) fn sweep(&mut self, from: i64, to: i64, result: u32, arena: &mut Arena) -> bool {
        let first = self.below_near_first(from);
        let end = self.below_near_end(to.saturating_add(1));
        self.near = (first, end);
        let Some(start) = self.at(first).filter(|at| *at <= to) else {
            return false;
        };
        match self.swept {
            Some((swept_from, swept_to)) if swept_from <= from && swept_to <= to => {
                if start < self.middle {
                    let begin = self.below_near(end, swept_to.saturating_add(1));
                    self.push_back(begin..end, arena);
                } else {
                    self.flip(first..end, to, arena);
                }
            }
            _ => self.flip(first..end, to, arena),
        }
        self.swept = Some((from, to));
        let front = self.entries.get(first).map_or(NONE, |entry| entry.suffix);
        arena.set(result, front);
        if !self.is_back_empty {
            arena.join(result, self.back);
        }
        true
    }

    fn push_back(&mut self, range: std::ops::Range<usize>, arena: &mut Arena) {
        for entry in self.entries.range(range) {
            if !self.is_back_empty {
                arena.join(self.back, entry.own);
                continue;
            }
            if self.back == NONE {
                self.back = arena.take();
            }
            arena.set(self.back, entry.own);
            self.is_back_empty = false;
        }
    }

    /// Makes the entries in `range`, the last of which is at `to` or below, the front part.
    fn flip(&mut self, range: std::ops::Range<usize>, to: i64, arena: &mut Arena) {
        let mut after = NONE;
        for entry in self.entries.range_mut(range).rev() {
            if entry.suffix == NONE {
                entry.suffix = arena.take();
            }
            arena.set(entry.suffix, entry.own);
            if after != NONE {
                arena.join(entry.suffix, after);
            }
            after = entry.suffix;
        }
        self.middle = to.saturating_add(1);
        self.is_back_empty = true;
    }

    /// Forgets the entries below `at`.
    pub(super) fn evict_below(&mut self, at: i64, arena: &mut Arena) {
        while let Some(entry) = self.entries.front().filter(|entry| entry.at < at) {
            arena.give(entry.own);
            arena.give(entry.suffix);
            self.entries.pop_front();
            self.near.0 = self.near.0.saturating_sub(1);
            self.near.1 = self.near.1.saturating_sub(1);
        }
        if self.entries.is_empty() {
            arena.give(self.back);
            *self = Self {
                entries: std::mem::take(&mut self.entries),
                ..Self::default()
            };
        }
    }

    /// Writes the entries.
    pub(super) fn save(&self, out: &mut Writer) {
        out.count(self.entries.len());
        for entry in &self.entries {
            out.put(entry);
        }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(super) fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let entries: Vec<Entry> = from.vec()?;
        if !entries.is_sorted_by(|left, right| left.at < right.at) {
            return Err(Malformed::new("records out of order"));
        }
        Ok(Self {
            entries: entries.into(),
            ..Self::default()
        })
    }
}

impl Persist for Entry {
    fn save(&self, out: &mut Writer) {
        out.put(&self.at);
        out.put(&self.offset);
        out.put(&self.own);
        out.put(&self.has_changed);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            at: from.take()?,
            offset: from.take()?,
            own: from.take()?,
            suffix: NONE,
            has_changed: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;
    use crate::record::Value;
    use crate::stream::aggregate::Function;
    use crate::stream::arguments::Arguments;
    use crate::stream::arguments::Source;
    use crate::stream::columns::Columns;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Against the sum of what lies between, whichever way the window moves.
        #[test]
        fn a_window_holds_what_lies_between_its_bounds(
            steps in prop::collection::vec((0i64..40, 0i64..12, 0i64..6, any::<bool>()), 1..60),
        ) {
            let mut arena = Arena::new(Columns::new(&[Function::Sum, Function::Max]));
            let result = arena.take();
            let mut log = Log::default();
            let mut model: Vec<i64> = Vec::new();
            let mut evicted = 0;
            for (at, length, back, is_evicting) in steps {
                let at = at.max(evicted);
                let place = log.insert(at, Offset(0), &mut arena);
                let value = Value::Int(at);
                arena.columns.add(place.slot as usize, Timestamp(at), Arguments::all_computed(&Source::computed(2), &[value.clone(), value]));
                model.push(at);
                let (from, to) = (at - length, at - back.min(length));
                if is_evicting {
                    evicted = evicted.max(from);
                    log.evict_below(evicted, &mut arena);
                    model.retain(|at| *at >= evicted);
                }
                let inside = || model.iter().copied().filter(|at| (from..=to).contains(at));
                let is_there = log.sweep(from, to, result, &mut arena);
                prop_assert_eq!(is_there, inside().count() > 0);
                if is_there {
                    let [sum, max] = arena.columns.aggregates() else { unreachable!() };
                    let slot = result as usize;
                    prop_assert_eq!(sum.result(slot, None), Ok(Value::Int(inside().sum())));
                    prop_assert_eq!(max.result(slot, None), Ok(Value::Int(inside().max().unwrap())));
                }
            }
        }
    }
}
