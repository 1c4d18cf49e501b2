//! Spans of time, short to write.

use chrono::TimeDelta;

/// So many milliseconds.
#[must_use]
pub const fn millis(count: u32) -> TimeDelta {
    TimeDelta::milliseconds(count as i64)
}

/// So many seconds.
#[must_use]
pub const fn secs(count: u32) -> TimeDelta {
    TimeDelta::seconds(count as i64)
}

/// So many minutes.
#[must_use]
pub const fn mins(count: u32) -> TimeDelta {
    TimeDelta::minutes(count as i64)
}

/// So many hours.
#[must_use]
pub const fn hours(count: u32) -> TimeDelta {
    TimeDelta::hours(count as i64)
}

/// So many days of 24 hours.
#[must_use]
pub const fn days(count: u32) -> TimeDelta {
    TimeDelta::days(count as i64)
}
