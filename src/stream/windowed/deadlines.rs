//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::record::Timestamp;

/// The times at which things, known by small numbers, want to be looked at.
///
/// A thing whose time moves on need not be entered again with each move: it is looked at too early
/// then, and entered anew.
///
/// What is taken out mostly comes in again with a later time, so its place is kept until then:
/// that costs one move through the heap instead of two.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u32)>>,
    /// Whether the first entry is taken out, and only its place is there.
    is_first_out: bool,
}

impl Deadlines {
    /// Enters `thing`; the largest time is never.
    #[inline]
    pub(super) fn push(&mut self, at: Timestamp, thing: u32) {
        if at == Timestamp::MAX {
            return;
        }
        let entry = Reverse((at, thing));
        if self.is_first_out
            && let Some(mut first) = self.heap.peek_mut()
        {
            *first = entry;
        } else {
            self.heap.push(entry);
        }
        self.is_first_out = false;
    }

    /// When the next thing is due; never, where there is none. Not between [`pop`](Self::pop) and
    /// [`settle`](Self::settle).
    #[inline]
    pub(super) fn next(&self) -> Timestamp {
        debug_assert!(!self.is_first_out, "settled");
        self.first().map_or(Timestamp::MAX, |(at, _)| at)
    }

    fn first(&self) -> Option<(Timestamp, u32)> {
        self.heap.peek().map(|Reverse(entry)| *entry)
    }

    /// The next thing that is due at `now`, and the time it was entered for. After the last one
    /// [`settle`](Self::settle).
    #[inline]
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        self.settle();
        let first = self.first().filter(|(at, _)| *at <= now)?;
        self.is_first_out = true;
        Some(first)
    }

    /// What was taken out last does not come in again.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.is_first_out {
            self.heap.pop();
            self.is_first_out = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Each thing that is due is entered again or not, as `again` says.
        #[test]
        fn things_come_when_they_are_due_whether_they_come_again_or_not(
            entered in prop::collection::vec(0i64..50, 0..20),
            again in prop::collection::vec(prop::option::of(1i64..20), 60),
        ) {
            let (mut deadlines, mut model) = (Deadlines::default(), Vec::new());
            for (thing, at) in (0..).zip(entered) {
                deadlines.push(Timestamp(at), thing);
                model.push((Timestamp(at), thing));
            }
            for (now, again) in (0..).map(Timestamp).zip(again) {
                while let Some((at, thing)) = deadlines.pop(now) {
                    model.sort_unstable();
                    prop_assert_eq!(model.remove(0), (at, thing));
                    if let Some(later) = again {
                        let entry = (now.saturating_add(later), thing);
                        deadlines.push(entry.0, entry.1);
                        model.push(entry);
                    }
                }
                deadlines.settle();
                let next = model.iter().map(|(at, _)| *at).min();
                prop_assert_eq!(deadlines.next(), next.unwrap_or(Timestamp::MAX));
                prop_assert!(deadlines.next() > now);
            }
        }
    }
}
