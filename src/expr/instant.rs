//! The instants that CEL knows.

use chrono::DateTime;
use chrono::Utc;

use crate::expr::error::Fault;
use crate::record::Value;

/// The first second of year 1.
const SECONDS_MIN: i64 = -62_135_596_800;
/// The last second of year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The instant as a value.
///
/// # Errors
///
/// [`Fault::Overflow`] outside of the years 1 to 9999, and where there is none.
pub(super) fn known<'e>(instant: Option<DateTime<Utc>>) -> Result<Value<'e>, Fault> {
    instant
        .filter(|instant| (SECONDS_MIN..=SECONDS_MAX).contains(&instant.timestamp()))
        .map(Value::Timestamp)
        .ok_or(Fault::Overflow)
}
