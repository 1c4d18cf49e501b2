//! Which windows without records come out.

use chrono::TimeDelta;

use crate::expr::Program;
use crate::stream::window::Windows;

/// Which windows come out that hold no record of a key.
///
/// Such a window comes out once, when it closes, whatever [`crate::stream::emit::Emit`] says, with
/// what the aggregates are of nothing: counts are 0, most others null. Its timestamp is its last
/// instant. A key's record counts here whether it was in time or late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// None.
    #[default]
    Never,
    /// Those that start at most so long after a record of the key, both ends inclusive: a key that
    /// is silent for longer is forgotten until it comes again.
    Within(TimeDelta),
    /// All that come after a record of the key. Nothing is ever forgotten, so this is for flows
    /// that have few keys.
    Always,
}

/// How many windows without records of a key come out in a row unless it is said.
const WINDOWS_DEFAULT: i32 = 1_000;

impl Empty {
    /// Those without records that come out where it is not said for how long: all, of a flow whose
    /// key is always the same; else so many in a row of each key.
    #[must_use]
    pub fn of(windows: &Windows, key: Option<&Program>) -> Self {
        if key.is_some_and(Program::is_constant) {
            return Self::Always;
        }
        let every = windows.at_most_every().unwrap_or_default();
        Self::Within(every * WINDOWS_DEFAULT)
    }

    /// For how long a key is remembered, in milliseconds; `None` where none is.
    pub(crate) fn reach_ms(self) -> Option<i64> {
        match self {
            Self::Never => None,
            Self::Within(time) => Some(time.num_milliseconds()),
            Self::Always => Some(i64::MAX),
        }
    }
}
