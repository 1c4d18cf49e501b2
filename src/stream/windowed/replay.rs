//! Records that are read once more after a restart, to rebuild what is open.

use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::effects::Effects;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::windowed::Contribution;

/// Stream time, after a restart that may not have caught up yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReplayedTime {
    pub(super) now: Timestamp,
    replay: Option<Replay>,
}

/// A restart that has not caught up yet.
///
/// Until then time goes on as the records that are read again have it, so that what they are part
/// of is decided as before, and nothing that closes comes out: it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    /// Records from this offset on are new.
    below: Offset,
    /// Stream time when it stopped.
    stream_time: Timestamp,
    /// Whether time stands until then, and all that is over by then closes at once.
    stands: bool,
}

/// What records that come again say of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayClock {
    /// Each its own: stream time is the largest of theirs.
    OfRecords,
    /// Nothing: stream time is made of other clocks, and was behind some of their times.
    Unknown,
}

impl ReplayedTime {
    /// With nothing to catch up with.
    pub(super) const fn at(now: Timestamp) -> Self {
        Self { now, replay: None }
    }

    pub(super) const fn is_replayed(&self) -> bool {
        self.replay.is_some()
    }
}

impl Persist for ReplayedTime {
    fn save(&self, out: &mut Writer) {
        let replay = self.replay;
        let replay = replay.map(|replay| ((replay.below, replay.stream_time), replay.stands));
        out.put(&self.now);
        out.put(&replay);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (now, replay) = (
            from.take()?,
            from.take::<Option<((Offset, Timestamp), bool)>>()?,
        );
        let replay = replay.map(|((below, stream_time), stands)| Replay {
            below,
            stream_time,
            stands,
        });
        Ok(Self { now, replay })
    }
}

/// Windows that close at deadlines of their own, and are rebuilt from records after a restart.
pub(super) trait Replayed {
    fn time(&mut self) -> &mut ReplayedTime;

    /// When the next window closes.
    fn next_deadline(&self) -> Timestamp;

    /// Closes what is over at the time that it is, and puts out what has not come out yet, unless
    /// a replay is under way; as far as there is room.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    fn close(&mut self, effects: &mut Effects) -> Result<Drained, Failure>;

    /// Goes on where an earlier run stopped, at `stream_time` and having dealt with the records
    /// below `below`, some of which come again.
    fn restore(&mut self, stream_time: Timestamp, below: Offset, clock: ReplayClock) {
        self.time().replay = Some(Replay {
            below,
            stream_time,
            stands: clock == ReplayClock::Unknown,
        });
    }

    /// Closes the windows that are over at `stream_time`.
    ///
    /// # Errors
    ///
    /// As [`Self::close`].
    #[inline]
    fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        if let Some(replay) = self.time().replay {
            if stream_time <= replay.stream_time {
                return Ok(Drained::All);
            }
            self.end_replay(replay, effects)?;
        }
        let now = self.time().now.max(stream_time);
        self.time().now = now;
        if now < self.next_deadline() {
            return Ok(Drained::All);
        }
        self.close(effects)
    }

    /// Takes note of a record, which may be one that comes again.
    ///
    /// # Errors
    ///
    /// As [`Self::close`].
    #[inline]
    fn take_note(
        &mut self,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.time().replay {
            None => Ok(()),
            Some(replay) => self.go_on(replay, record, effects),
        }
    }

    #[inline(never)]
    fn go_on(
        &mut self,
        replay: Replay,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        if record.offset >= replay.below {
            return self.end_replay(replay, effects);
        }
        if replay.stands {
            return Ok(());
        }
        let time = self.time();
        // What closed after it stopped has not come out.
        time.now = time.now.max(record.time.min(replay.stream_time));
        self.close_unheard(effects)
    }

    /// Closes what is over in a replay, which brings nothing out.
    fn close_unheard(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        effects.without_bound(|effects| self.close(effects).map(drop))
    }

    fn end_replay(&mut self, replay: Replay, effects: &mut Effects) -> Result<(), Failure> {
        let time = self.time();
        time.now = time.now.max(replay.stream_time);
        let closed = self.close_unheard(effects);
        self.time().replay = None;
        closed
    }
}
