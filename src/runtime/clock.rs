//! The wall clock.

use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use crate::record::Timestamp;

/// What time it is; before 1970 it is 1970.
pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
