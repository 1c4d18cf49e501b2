//! When a worker commits.

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::delivering::Delivering;

/// How often a worker commits, and looks at the clock for partitions that are silent.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

/// How often a worker commits whose results are seen by their readers only then, and that has read
/// all there is: as Kafka Streams does under exactly once. While more waits to be read, nobody waits
/// for what would come out in between.
const SHOW_EVERY: Duration = Duration::from_millis(100);

/// When a worker commits.
#[derive(Debug)]
pub(super) struct Beat {
    /// When it is looked at next whether a commit is due.
    pub(super) look_at: Instant,
    /// When one is due in any case.
    due_at: Instant,
    /// How long after a commit it is looked at first.
    every: Duration,
}

impl Beat {
    pub(super) fn new(delivering: &Delivering) -> Self {
        let every = match delivering {
            Delivering::AtLeastOnce { .. } => COMMIT_EVERY,
            Delivering::ExactlyOnce(_) => SHOW_EVERY,
        };
        let now = Instant::now();
        Self {
            look_at: now + every,
            due_at: now + COMMIT_EVERY,
            every,
        }
    }

    /// Whether a commit is due: after a second, or when it is looked at and all there was is read.
    pub(super) fn is_due(&mut self, is_caught_up: impl FnOnce() -> bool) -> bool {
        let now = Instant::now();
        if now < self.look_at {
            return false;
        }
        if now >= self.due_at || is_caught_up() {
            return true;
        }
        self.look_at = (now + self.every).min(self.due_at);
        false
    }

    pub(super) fn start_anew(&mut self) {
        let now = Instant::now();
        self.look_at = now + self.every;
        self.due_at = now + COMMIT_EVERY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(every: Duration) -> Beat {
        let now = Instant::now();
        Beat {
            look_at: now + every,
            due_at: now + COMMIT_EVERY,
            every,
        }
    }

    /// After how many milliseconds a commit is due, looked at each millisecond.
    async fn due_after(mut beat: Beat, is_caught_up: impl Fn(u32) -> bool) -> u32 {
        let mut millis = 0;
        while !beat.is_due(|| is_caught_up(millis)) {
            tokio::time::advance(Duration::from_millis(1)).await;
            millis += 1;
        }
        millis
    }

    #[tokio::test(start_paused = true)]
    async fn results_are_shown_after_a_tenth_of_a_second_or_a_second_while_more_waits() {
        assert_eq!(due_after(beat(SHOW_EVERY), |_| true).await, 100);
        assert_eq!(due_after(beat(SHOW_EVERY), |_| false).await, 1_000);
        // It is looked at again at each tenth.
        assert_eq!(due_after(beat(SHOW_EVERY), |now| now > 250).await, 300);
        assert_eq!(due_after(beat(COMMIT_EVERY), |_| true).await, 1_000);
    }
}
