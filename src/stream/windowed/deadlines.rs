//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::record::Timestamp;

/// The times at which things, known by small numbers, want to be looked at.
///
/// A thing whose time moves on need not be entered again with each move: it is looked at too early
/// then, and entered anew.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Deadlines {
    /// Enters `thing`; the largest time is never.
    #[inline]
    pub(super) fn push(&mut self, at: Timestamp, thing: u32) {
        if at != Timestamp::MAX {
            self.heap.push(Reverse((at, thing)));
        }
    }

    /// When the next thing is due; never, where there is none.
    #[inline]
    pub(super) fn next(&self) -> Timestamp {
        self.heap
            .peek()
            .map_or(Timestamp::MAX, |Reverse((at, _))| *at)
    }

    /// The next thing that is due at `now`, and the time it was entered for.
    #[inline]
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        if self.next() > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }
}
