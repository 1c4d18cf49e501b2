//! When to try again, and when to give up.
//!
//! What each error code asks for stands in [`crate::protocol::error_code`]; here is only the pause
//! before the next attempt, and the deadline after which there is none.

use std::time::Duration;

use tokio::time::Instant;

use crate::client::config::Config;

/// The attempts of one task: pauses that double, and a deadline.
#[derive(Debug)]
pub struct Retry {
    begun: Instant,
    deadline: Instant,
    pause: Duration,
    pause_max: Duration,
    attempts: u32,
}

impl Retry {
    /// The first attempt begins now; none begins after `within`.
    #[must_use]
    pub fn new(config: &Config, within: Duration) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            deadline: begun + within,
            pause: config.retry_backoff,
            pause_max: config.retry_backoff_max,
            attempts: 1,
        }
    }

    /// Pauses, and tells whether another attempt may begin. Returns `false` at once where the pause
    /// would reach the deadline.
    pub async fn again(&mut self) -> bool {
        if Instant::now() + self.pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.pause_max);
        self.attempts += 1;
        true
    }

    /// The time since the first attempt began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// How many attempts have begun.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The time left, at most `at_most`.
    #[must_use]
    pub fn left(&self, at_most: Duration) -> Duration {
        self.deadline
            .saturating_duration_since(Instant::now())
            .min(at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_their_limit_and_end_before_the_deadline() {
        let config = Config {
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_millis(300),
            ..Config::default()
        };
        let begun = Instant::now();
        let mut retry = Retry::new(&config, Duration::from_millis(1000));
        let mut at = Vec::new();
        while retry.again().await {
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at, [100, 300, 600, 900]);
        assert_eq!(retry.attempts(), 5);
    }
}
