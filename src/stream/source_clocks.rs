//! Stream time behind a repartition: that of the source partition that is furthest behind.
//!
//! Records of one repartition partition come from all source partitions, in whatever order these
//! happen to be read. So each carries the stream time of its source partition in a header, and
//! where a source partition has nothing to send it sends clock records. A window closes only once
//! every source partition has passed it; reading one partition to its end before another is even
//! begun makes nothing late.
//!
//! A source partition not heard of yet holds everything open. One that has been silent for as long
//! as `idle` says holds nothing open while others are active; once all are silent, stream time is
//! the largest of theirs, and goes on with the wall clock.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::clock::Reading;
use crate::stream::clock::Silence;
use crate::stream::progress::SourceTime;

/// The clocks of all source partitions, and stream time made from them.
#[derive(Debug)]
pub(crate) struct SourceClocks {
    clocks: Vec<SourceTime>,
    stream_time: Timestamp,
    /// The smallest active clock: raising one that is above it changes nothing. As small as can be
    /// while a source is unheard, when raising any changes nothing.
    smallest: Timestamp,
    silence: Silence,
}

impl SourceClocks {
    /// Clocks of `sources` partitions, none heard of yet.
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            clocks: vec![SourceTime::Unheard; sources],
            stream_time: Timestamp::MIN,
            smallest: Timestamp::MIN,
            silence: Silence::new(),
        }
    }

    /// Goes on from a committed `stream_time` and committed `clocks`; clocks of partitions that
    /// are no more are left out, those of new ones are unheard.
    pub(crate) fn restore(&mut self, stream_time: Timestamp, clocks: &[SourceTime]) {
        for (clock, committed) in self.clocks.iter_mut().zip(clocks) {
            *clock = *committed;
        }
        self.stream_time = stream_time;
        self.settle();
    }

    #[inline]
    pub(crate) const fn stream_time(&self) -> Timestamp {
        self.stream_time
    }

    pub(crate) fn clocks(&self) -> &[SourceTime] {
        &self.clocks
    }

    /// A record came.
    pub(crate) const fn wake(&mut self) {
        self.silence.end();
    }

    /// Takes in what source partition `source` says of itself; `None` where there is no such
    /// partition. A time smaller than one heard before is not taken.
    #[inline]
    pub(crate) fn hear(&mut self, source: usize, heard: SourceTime) -> Option<()> {
        let clock = self.clocks.get_mut(source)?;
        if let (SourceTime::Active(old), SourceTime::Active(new)) = (*clock, heard) {
            if new <= old {
                return Some(());
            }
            *clock = heard;
            if old > self.smallest {
                return Some(());
            }
        } else {
            *clock = later(*clock, heard);
        }
        self.settle();
        Some(())
    }

    /// Lets the wall clock go on to `now`; where all sources are silent, stream time follows.
    pub(crate) fn tick(&mut self, now: Timestamp, reading: Reading) {
        let is_silent = |clock: &SourceTime| matches!(clock, SourceTime::Idle(_));
        if !self.clocks.iter().all(is_silent) {
            self.silence.end();
            return;
        }
        let beyond = self.silence.tick(now, reading, self.stream_time);
        let followed = beyond.and_then(|beyond: TimeDelta| self.silence.stream_time_after(beyond));
        self.raise(followed.unwrap_or(Timestamp::MIN));
    }

    /// Writes all clocks.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.stream_time);
        out.slice(&self.clocks);
        out.put(&self.silence);
    }

    /// Reads back what [`SourceClocks::save`] wrote, of as many source partitions.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        let (stream_time, clocks) = (from.take()?, from.vec::<SourceTime>()?);
        if clocks.len() != self.clocks.len() {
            return Err(Malformed::new("clocks of other source partitions"));
        }
        self.silence = from.take()?;
        self.restore(stream_time, &clocks);
        Ok(())
    }

    fn raise(&mut self, time: Timestamp) {
        self.stream_time = self.stream_time.max(time);
    }

    fn settle(&mut self) {
        let mut smallest = None;
        let mut largest_idle = Timestamp::MIN;
        for clock in &self.clocks {
            match *clock {
                SourceTime::Unheard => {
                    self.smallest = Timestamp::MIN;
                    return;
                }
                SourceTime::Active(time) => {
                    smallest =
                        Some(smallest.map_or(time, |smallest: Timestamp| smallest.min(time)));
                }
                SourceTime::Idle(time) => largest_idle = largest_idle.max(time),
            }
        }
        self.smallest = smallest.unwrap_or(Timestamp::MAX);
        self.raise(smallest.unwrap_or(largest_idle));
    }
}

/// `heard`, with the time of `known` where that is later.
fn later(known: SourceTime, heard: SourceTime) -> SourceTime {
    let floor = match known {
        SourceTime::Unheard => Timestamp::MIN,
        SourceTime::Active(time) | SourceTime::Idle(time) => time,
    };
    match heard {
        SourceTime::Unheard => known,
        SourceTime::Active(time) => SourceTime::Active(time.max(floor)),
        SourceTime::Idle(time) => SourceTime::Idle(time.max(floor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(time: i64) -> SourceTime {
        SourceTime::Active(Timestamp(time))
    }

    fn idle(time: i64) -> SourceTime {
        SourceTime::Idle(Timestamp(time))
    }

    fn heard(sources: usize, told: &[(usize, SourceTime)]) -> SourceClocks {
        let mut clocks = SourceClocks::new(sources);
        for &(source, time) in told {
            clocks.hear(source, time).expect("a source that there is");
        }
        clocks
    }

    #[test]
    fn stream_time_is_that_of_the_source_furthest_behind() {
        let clocks = heard(2, &[(0, active(50)), (1, active(20)), (0, active(60))]);
        assert_eq!(clocks.stream_time(), Timestamp(20));
        let clocks = heard(2, &[(0, active(50)), (1, active(20)), (1, active(70))]);
        assert_eq!(
            clocks.stream_time(),
            Timestamp(50),
            "now the other is behind"
        );
        let clocks = heard(
            3,
            &[
                (0, active(5)),
                (1, active(9)),
                (2, active(7)),
                (0, active(8)),
            ],
        );
        assert_eq!(clocks.stream_time(), Timestamp(7));
    }

    #[test]
    fn a_source_not_heard_of_holds_everything_open() {
        let mut clocks = heard(2, &[(0, active(50))]);
        assert_eq!(clocks.stream_time(), Timestamp::MIN);
        clocks.hear(1, active(40));
        assert_eq!(clocks.stream_time(), Timestamp(40));
        assert_eq!(clocks.hear(2, active(1)), None, "no such source");
    }

    #[test]
    fn an_idle_source_holds_nothing_open_and_of_idle_ones_the_latest_counts() {
        let mut clocks = heard(3, &[(0, active(50)), (1, active(20)), (2, idle(i64::MIN))]);
        assert_eq!(clocks.stream_time(), Timestamp(20), "empty, and silent");
        clocks.hear(1, idle(20));
        assert_eq!(clocks.stream_time(), Timestamp(50));
        clocks.hear(0, idle(55));
        assert_eq!(clocks.stream_time(), Timestamp(55));
        clocks.hear(1, active(30));
        assert_eq!(clocks.stream_time(), Timestamp(55), "never back");
    }

    #[test]
    fn only_where_all_are_silent_the_wall_clock_counts() {
        let mut clocks = heard(2, &[(0, idle(50)), (1, active(20))]);
        clocks.tick(Timestamp(0), Reading::CaughtUp);
        clocks.tick(Timestamp(1_000), Reading::CaughtUp);
        assert_eq!(clocks.stream_time(), Timestamp(20));
        clocks.hear(1, idle(20));
        clocks.tick(Timestamp(1_000), Reading::CaughtUp);
        clocks.tick(Timestamp(1_007), Reading::CaughtUp);
        assert_eq!(clocks.stream_time(), Timestamp(57));
    }

    #[test]
    fn a_restored_clock_goes_on_where_it_was() {
        let mut clocks = SourceClocks::new(3);
        clocks.restore(Timestamp(90), &[active(80), active(95)]);
        assert_eq!(clocks.stream_time(), Timestamp(90));
        clocks.hear(2, active(100));
        assert_eq!(
            clocks.stream_time(),
            Timestamp(90),
            "80 is behind what was committed"
        );
        clocks.hear(0, active(93));
        assert_eq!(clocks.stream_time(), Timestamp(93));
    }
}
