//! The windows around one record.

use std::cmp::Reverse;

use crate::stream::windowed::arena::Arena;
use crate::stream::windowed::ends::Ends;
use crate::stream::windowed::log::Log;

/// The windows that a new record is in or has made, and what they hold.
///
/// All but the one that begins right after the record hold it. So each is made of the entries from
/// its start up to the record and of those behind it up to its end, and two runs of running
/// aggregates, backward and forward from the record, are enough for all.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// The ends of the windows, in the order in which they come out.
    ends: Vec<i64>,
    /// Places and slots, from the record backward: aggregates from there up to the record.
    up_to: Vec<(i64, u32)>,
    /// Places and slots, from behind the record forward: aggregates up to there.
    behind: Vec<(i64, u32)>,
}

impl Around {
    /// Finds the windows of `log` that end at `open_from` or later, and hold the entry at `at` or
    /// are there because of it.
    pub(super) fn find(&mut self, ends: Ends, log: &Log, at: i64, is_new: bool, open_from: i64) {
        self.ends.clear();
        let last = ends.last_holding(at);
        let mut from = at.max(open_from);
        while let Some(end) = ends.first_from(log, from).filter(|end| *end <= last) {
            self.ends.push(end);
            from = end.saturating_add(1);
        }
        if !ends.is_sliding() {
            return;
        }
        let existed = |end: i64| !is_new || ends.exists_without(log, end, at);
        // New ones: the right window of the record before, then the left one.
        self.ends.sort_unstable_by_key(|&end| match existed(end) {
            true => (0, Reverse(end)),
            false => (1, Reverse(end)),
        });
        let right = ends.last_because_of(at);
        let is_made = is_new
            && right >= open_from
            && !log.has(right)
            && ends.first_from(log, right) == Some(right);
        if is_made {
            self.ends.push(right);
        }
        // The window of all early records comes last, of those that one of them changes.
        let early = ends.of_early(at);
        if let Some(place) = self.ends.iter().position(|end| Some(*end) == early) {
            let end = self.ends.remove(place);
            self.ends.push(end);
        }
    }

    pub(super) fn ends(&self) -> &[i64] {
        &self.ends
    }

    /// Puts together the aggregates on both sides of the record at `at`.
    pub(super) fn gather(&mut self, ends: Ends, log: &Log, at: i64, arena: &mut Arena) {
        let past = log.below(at.saturating_add(1));
        let first = log.below(ends.first_place(at));
        let entries = log.entries();
        let mut before = None;
        for entry in entries.range(first..past).rev() {
            let slot = arena.take();
            arena.join(slot, entry.own);
            if let Some(before) = before {
                arena.join(slot, before);
            }
            before = Some(slot);
            self.up_to.push((entry.at, slot));
        }
        let last = log.below(ends.last_because_of(at).saturating_add(1));
        let mut before = None;
        for entry in entries.range(past..last.max(past)) {
            let slot = arena.take();
            if let Some(before) = before {
                arena.join(slot, before);
            }
            arena.join(slot, entry.own);
            before = Some(slot);
            self.behind.push((entry.at, slot));
        }
    }

    /// Puts the aggregates of the window that ends at `end` into the slot `result`.
    pub(super) fn make(&self, ends: Ends, end: i64, result: u32, arena: &mut Arena) {
        arena.reset(result);
        let from = ends.first_place(end);
        // From the record backward, places descend.
        let inside = self.up_to.partition_point(|(at, _)| *at >= from);
        if let Some((_, slot)) = inside.checked_sub(1).and_then(|last| self.up_to.get(last)) {
            arena.join(result, *slot);
        }
        let inside = self.behind.partition_point(|(at, _)| *at <= end);
        if let Some((_, slot)) = inside.checked_sub(1).and_then(|last| self.behind.get(last)) {
            arena.join(result, *slot);
        }
    }

    /// Gives all slots back.
    pub(super) fn give_back(&mut self, arena: &mut Arena) {
        for (_, slot) in self.up_to.drain(..).chain(self.behind.drain(..)) {
            arena.give(slot);
        }
    }
}
