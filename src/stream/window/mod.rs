//! Windows: which records are aggregated together, and until when.
//!
//! One file a kind. Each says what windows there are, what they hold and when they close, once,
//! for everything that asks; what is remembered of them is the business of `stream::windowed`.

mod session;
mod time;

pub use session::SessionWindows;
pub use time::TimeWindows;

use chrono::TimeDelta;
use thiserror::Error;

/// Which records of a key are aggregated together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Windows {
    /// All of them: one running result for each key, which never closes. It comes out as
    /// [`crate::stream::plan::Emit::Updates`] or
    /// [`crate::stream::plan::Emit::EveryUpdate`] say, and never where only final results are
    /// wanted.
    Running,
    /// Those of one stretch of event time: tumbling and hopping windows.
    Time(TimeWindows),
    /// Those that follow one another within a gap.
    Session(SessionWindows),
}

impl From<TimeWindows> for Windows {
    fn from(windows: TimeWindows) -> Self {
        Self::Time(windows)
    }
}

/// Window parameters that make no windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WindowsError {
    /// The size is not above 0.
    #[error("window size must be above 0")]
    Size,
    /// The advance is not above 0, or above the size, which would leave gaps between windows.
    #[error("window advance must be above 0 and at most the size")]
    Advance,
    /// The gap of sessions is negative.
    #[error("session gap must not be negative")]
    Gap,
    /// The grace is negative.
    #[error("grace must not be negative")]
    Grace,
    /// A parameter is not a whole number of milliseconds.
    #[error("window size, advance and grace must be whole milliseconds")]
    Precision,
}

impl From<SessionWindows> for Windows {
    fn from(windows: SessionWindows) -> Self {
        Self::Session(windows)
    }
}

/// `delta` as whole milliseconds.
///
/// # Errors
///
/// [`WindowsError::Precision`].
fn millis(delta: TimeDelta) -> Result<i64, WindowsError> {
    if delta.subsec_nanos() % 1_000_000 != 0 {
        return Err(WindowsError::Precision);
    }
    Ok(delta.num_milliseconds())
}
