//! The broker's wall clock.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tokio::time::Instant;

use crate::record::Timestamp;

/// The wall clock at start, carried on by the runtime's own clock: it never steps back, and
/// follows a paused runtime, so that tests and simulation have virtual time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started_at: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that shows the system's time now.
    pub(crate) fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            started_at: Timestamp(millis(since_epoch.unwrap_or_default())),
            started: Instant::now(),
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.started_at
            .saturating_add(millis(self.started.elapsed()))
    }

    /// The instant at which the clock shows `time`; a time long past is now.
    pub(crate) fn instant_of(&self, time: Timestamp) -> Instant {
        let ahead = time.saturating_sub(self.started_at.0).0;
        self.started + Duration::from_millis(u64::try_from(ahead).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
