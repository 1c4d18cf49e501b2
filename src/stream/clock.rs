//! Stream time of one partition, and how it goes on in silence.
//!
//! Stream time is the largest event time that an operator has seen; it never goes back. What
//! counts as seen: in a flow of one stage, the records that reach the operator, so that `where`
//! holds the clock back as it does in Kafka Streams; before a repartition, every record with a
//! usable event time, also one that `where` refuses, because there a partition whose records are
//! all refused must not hold back the others (`stream::source_clocks`).
//!
//! # Silence
//!
//! A source with `idle: d` lets its clock go on where no records are seen: once a partition is
//! caught up (everything that the broker has is read) and has stayed so without seeing a record for
//! longer than `d` of wall clock, stream time is what it was at the last record plus the time of silence beyond
//! `d`. So the clock keeps its distance to the wall clock, whether the records were a second or an
//! hour old when they came; it does not jump, and an old topic that is read again closes its last
//! windows after grace and silence, not at once. The silence is counted from the first
//! [`crate::stream::task::Task::tick`] that finds the partition caught up.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;

/// Whether a task has read all that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The position is the end of the partition, as far as the broker has told.
    CaughtUp,
    /// There is more to read, or it is not known.
    Behind,
}

/// Stream time of one partition.
#[derive(Debug)]
pub(crate) struct PartitionClock {
    stream_time: Timestamp,
    idle: Option<TimeDelta>,
    silence: Silence,
}

impl PartitionClock {
    /// A clock that stands at `stream_time`; [`Timestamp::MIN`] before the first record.
    pub(crate) const fn new(stream_time: Timestamp, idle: Option<TimeDelta>) -> Self {
        Self {
            stream_time,
            idle,
            silence: Silence::new(),
        }
    }

    #[inline]
    pub(crate) const fn stream_time(&self) -> Timestamp {
        self.stream_time
    }

    /// Takes in an event time; whether that moved stream time.
    #[inline]
    pub(crate) fn observe(&mut self, event_time: Timestamp) -> bool {
        let is_later = event_time > self.stream_time;
        if is_later {
            self.stream_time = event_time;
        }
        is_later
    }

    /// A record came.
    pub(crate) const fn wake(&mut self) {
        self.silence.end();
    }

    /// Lets the wall clock go on to `now`; how long the partition has been silent beyond `idle`,
    /// if it has.
    pub(crate) fn tick(&mut self, now: Timestamp, reading: Reading) -> Option<TimeDelta> {
        let idle = self.idle?;
        let silent = self.silence.tick(now, reading, self.stream_time)?;
        let beyond = silent - idle;
        (beyond >= TimeDelta::zero()).then_some(beyond)
    }

    /// Writes stream time and silence.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.stream_time);
        out.put(&self.silence);
    }

    /// Reads back what [`PartitionClock::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.stream_time = from.take()?;
        self.silence = from.take()?;
        Ok(())
    }

    /// Where silence `beyond` idle has stream time move on to; `None` where it does not move.
    pub(crate) fn ahead(&self, beyond: TimeDelta) -> Option<Timestamp> {
        let ahead = self.silence.stream_time_after(beyond);
        ahead.filter(|time| *time > self.stream_time)
    }

    /// Moves stream time on as silence `beyond` idle has it; whether that moved it.
    pub(crate) fn follow(&mut self, beyond: TimeDelta) -> bool {
        match self.silence.stream_time_after(beyond) {
            Some(time) => self.observe(time),
            None => false,
        }
    }
}

/// A stretch of wall clock without records, in a partition that is caught up.
#[derive(Debug)]
pub(crate) struct Silence {
    /// The wall clock when it began, and stream time then.
    since: Option<(Timestamp, Timestamp)>,
}

impl Persist for Silence {
    fn save(&self, out: &mut Writer) {
        out.put(&self.since);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            since: from.take()?,
        })
    }
}

impl Silence {
    pub(crate) const fn new() -> Self {
        Self { since: None }
    }

    pub(crate) const fn end(&mut self) {
        self.since = None;
    }

    /// How long it has lasted; `None` where there is more to read. A wall clock that steps back
    /// starts the count anew.
    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        reading: Reading,
        stream_time: Timestamp,
    ) -> Option<TimeDelta> {
        if reading == Reading::Behind {
            self.end();
            return None;
        }
        let (since, _) = *self.since.get_or_insert((now, stream_time));
        if now < since {
            self.since = Some((now, stream_time));
            return Some(TimeDelta::zero());
        }
        Some(TimeDelta::milliseconds(
            now.0.saturating_sub(since.0).max(0),
        ))
    }

    /// Stream time when it began, moved on by `beyond`; `None` where there was no stream time.
    pub(crate) fn stream_time_after(&self, beyond: TimeDelta) -> Option<Timestamp> {
        let (_, stream_time) = self.since.filter(|(_, time)| *time != Timestamp::MIN)?;
        Some(stream_time.saturating_add(beyond.num_milliseconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(stream_time: i64) -> PartitionClock {
        PartitionClock::new(Timestamp(stream_time), Some(TimeDelta::milliseconds(30)))
    }

    fn tick(clock: &mut PartitionClock, now: i64) -> i64 {
        if let Some(beyond) = clock.tick(Timestamp(now), Reading::CaughtUp) {
            clock.follow(beyond);
        }
        clock.stream_time().0
    }

    #[test]
    fn in_silence_the_clock_goes_on_by_what_is_beyond_idle() {
        let mut clock = clock(500);
        assert_eq!(tick(&mut clock, 1_000), 500, "silence begins");
        assert_eq!(tick(&mut clock, 1_030), 500, "idle, and not beyond");
        assert_eq!(tick(&mut clock, 1_031), 501);
        assert_eq!(
            tick(&mut clock, 1_080),
            550,
            "not 600: counted from its beginning"
        );
    }

    #[test]
    fn a_record_or_more_to_read_ends_the_silence() {
        let mut clock = clock(500);
        tick(&mut clock, 1_000);
        clock.wake();
        assert_eq!(tick(&mut clock, 2_000), 500, "a new silence begins");
        assert_eq!(clock.tick(Timestamp(2_100), Reading::Behind), None);
        assert_eq!(tick(&mut clock, 2_200), 500, "and once more");
    }

    #[test]
    fn a_wall_clock_that_steps_back_starts_the_count_anew_and_never_moves_time_back() {
        let mut clock = clock(500);
        tick(&mut clock, 1_000);
        assert_eq!(tick(&mut clock, 1_130), 600);
        assert_eq!(tick(&mut clock, 1_050), 600, "still the same silence");
        assert_eq!(tick(&mut clock, 400), 600);
        assert_eq!(tick(&mut clock, 440), 610);
    }

    #[test]
    fn without_a_first_record_there_is_nothing_to_go_on_from() {
        let mut clock = clock(i64::MIN);
        tick(&mut clock, 0);
        assert_eq!(tick(&mut clock, 1_000), i64::MIN);
        let mut never = PartitionClock::new(Timestamp(5), None);
        assert_eq!(never.tick(Timestamp(0), Reading::CaughtUp), None);
        assert_eq!(tick(&mut never, i64::MAX), 5, "no `idle`, no going on");
    }
}
