//! Windows of so many records.

use std::num::NonZeroU32;

/// The last so many records of a key, in the order of their offsets, whatever their times.
///
/// Each record makes one result, of itself and those before it; while there are fewer, of those
/// that there are. Nothing is ever late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowWindows {
    rows: NonZeroU32,
}

impl RowWindows {
    /// Windows of `rows` records.
    #[must_use]
    pub const fn new(rows: NonZeroU32) -> Self {
        Self { rows }
    }

    /// How many records a window holds at most.
    #[must_use]
    pub const fn rows(self) -> NonZeroU32 {
        self.rows
    }
}
