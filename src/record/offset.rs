//! The place of one record in its topic partition.

use std::fmt;

/// The place of one record in its topic partition, from 0 upward.
///
/// A position or a committed offset is an `Offset` too: that of the *next* record to read. Offsets
/// of two clusters, or of two partitions, say nothing about each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

impl Offset {
    /// The offset after this one; the largest offset is its own successor.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// How many offsets lie in `[self, end)`; 0 where `end` is not above `self`.
    ///
    /// Not a count of records: compaction, aborted transactions and their markers leave holes.
    #[must_use]
    pub const fn distance_to(self, end: Self) -> u64 {
        if end.0 > self.0 {
            end.0.abs_diff(self.0)
        } else {
            0
        }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which leadership of a partition wrote or serves a record; grows by one with each new leader.
///
/// −1 stands for unknown, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// The leader epoch is not known.
    pub const UNKNOWN: Self = Self(-1);
}

impl Default for LeaderEpoch {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
