//! Fewer results than there are changes.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::stream::held::Bounds;

/// How results of windows are thinned out, beyond what [`crate::stream::emit::Emit`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Thinning {
    /// Not at all.
    #[default]
    Off,
    /// Of [`crate::stream::emit::Emit::Updates`]: commits bring changes out only so long of wall
    /// clock after one that did, so that between two results of a key and window is at least as
    /// much, but for the one that comes out when the window closes. The last commit brings all out,
    /// and so Kafka Streams has it with its caches and `commit.interval.ms`.
    Every(TimeDelta),
    /// Of [`crate::stream::emit::Emit::EveryUpdate`]: each key and window is held back for so long
    /// of stream time after the event time of its first change that has not come out, then its last
    /// one comes out; also after the window is closed (Kafka Streams' `untilTimeLimit`).
    Hold(TimeDelta, Bounds),
}

/// When commits bring changes out.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Option<TimeDelta>,
    last: Option<Timestamp>,
}

impl Pace {
    pub(crate) const fn new(thinning: Thinning) -> Self {
        let every = match thinning {
            Thinning::Every(time) => Some(time),
            Thinning::Off | Thinning::Hold(..) => None,
        };
        Self { every, last: None }
    }

    /// Whether a commit at `now` brings changes out. A wall clock that stepped back does not put it
    /// off.
    pub(crate) fn is_due(&mut self, now: Timestamp) -> bool {
        let (Some(every), Some(last)) = (self.every, self.last) else {
            self.last = Some(now);
            return true;
        };
        let is_due = now < last || now >= last.saturating_add(every.num_milliseconds());
        if is_due {
            self.last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_exactly_so_long_after_the_last_that_was_due_is_due() {
        let mut pace = Pace::new(Thinning::Every(TimeDelta::milliseconds(50)));
        let mut is_due = |now: i64| pace.is_due(Timestamp(now));
        assert!(is_due(1_000), "the first");
        assert!(!is_due(1_049));
        assert!(is_due(1_050));
        assert!(!is_due(1_099));
        assert!(is_due(900), "the wall clock stepped back");
        assert!(!is_due(940));
    }

    #[test]
    fn without_a_pace_every_commit_is_due() {
        let mut pace = Pace::new(Thinning::Off);
        assert!(pace.is_due(Timestamp(5)) && pace.is_due(Timestamp(5)));
    }
}
