//! A windowed flow in one stage, from source topic to sink topic.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::clock::PartitionClock;
use crate::stream::clock::Reading;
use crate::stream::effects::Effects;
use crate::stream::intake::Intake;
use crate::stream::keyed::Keyed;
use crate::stream::keyed::Keying;
use crate::stream::keyed::Refused;
use crate::stream::outcome::Full;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::plan::WindowAggregate;
use crate::stream::progress::Progress;
use crate::stream::source_step::Ledger;
use crate::stream::source_step::SourceStep;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::thinning::Pace;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::ReplayClock;
use crate::stream::windowed::Windowed;

/// Reads a source partition and aggregates it; stream time is that of the records that reach the
/// aggregation.
#[derive(Debug)]
pub(crate) struct Whole {
    source: SourceStep,
    keying: Keying,
    timed: Timed,
    /// After how long everything that is open has closed.
    open_ms: i64,
}

/// Windows and the clock that closes them.
#[derive(Debug)]
struct Timed {
    clock: PartitionClock,
    windowed: Windowed,
    pace: Pace,
    /// Whether records come again that an earlier run has dealt with: what they come to is only
    /// right once all have.
    is_catching_up: bool,
    /// What they come to. It came out then.
    unheard: Effects,
}

impl Whole {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        partition: PartitionId,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        Ok(Self {
            source: SourceStep::new(stage, partition)?,
            keying: Keying::new(&stage.flow),
            open_ms: aggregation.windows.open_ms(),
            timed: Timed {
                clock: PartitionClock::new(Timestamp::MIN, stage.flow.source.idle),
                windowed: Windowed::new(stage, aggregation, id)?,
                pace: Pace::new(aggregation.thinning),
                is_catching_up: false,
                unheard: Effects::new(),
            },
        })
    }

    pub(crate) fn step<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        now: Timestamp,
        position: &mut Offset,
        effects: &mut Effects,
    ) -> StepEnd {
        match self.put_out_more(effects) {
            Ok(Drained::All) => {}
            Ok(Drained::Part) => return StepEnd::Full { offset: *position },
            Err(failure) => return StepEnd::Failed(failure),
        }
        let (keying, timed) = (&mut self.keying, &mut self.timed);
        let end = self.source.run(
            records,
            position,
            effects,
            |intake, ledger, row, effects| take(keying, timed, intake, ledger, row, now, effects),
        );
        self.timed.is_catching_up &= self.source.ledger.is_replayed(*position);
        end
    }

    pub(crate) fn add_schema(
        &mut self,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        self.source.intake.add_schema(root, id, text)
    }

    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        reading: Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.timed.is_catching_up &= reading == Reading::Behind;
        let Timed {
            clock, windowed, ..
        } = &mut self.timed;
        if let Some(beyond) = clock.tick(now, reading)
            && let Some(ahead) = clock.ahead(beyond)
        {
            let advanced = windowed.advance(ahead, effects).map(drop);
            clock.observe(windowed.reached());
            return advanced;
        }
        Ok(())
    }

    pub(crate) fn has_more(&self) -> bool {
        self.timed.windowed.has_more()
    }

    pub(crate) fn put_out_more(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        if !self.has_more() {
            return Ok(Drained::All);
        }
        let drained = self.timed.windowed.put_out_more(effects);
        self.timed.clock.observe(self.timed.windowed.reached());
        drained
    }

    pub(crate) fn flush_due(
        &mut self,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.timed.pace.is_due(now) {
            true => self.flush(effects),
            false => Ok(()),
        }
    }

    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match self.timed.is_catching_up {
            true => Ok(()),
            false => self.timed.windowed.flush(effects),
        }
    }

    /// Puts out what is open, as if it closed now.
    pub(crate) fn show(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        let now = self.timed.clock.stream_time();
        let all_closed = now.saturating_add(self.open_ms);
        self.timed.windowed.show(all_closed, effects)
    }

    pub(crate) fn progress(&self, position: Offset) -> Progress {
        let rebuild_from = self.timed.windowed.rebuild_from();
        Progress {
            position: self.source.ledger.reached(position),
            committable: rebuild_from.unwrap_or(position),
            stream_time: self.timed.clock.stream_time(),
            sources: Vec::new(),
        }
    }

    pub(crate) fn restore(&mut self, progress: &Progress) {
        self.source.ledger.replayed_below = progress.position;
        self.timed.is_catching_up = progress.committable < progress.position;
        self.timed.clock.observe(progress.stream_time);
        self.timed.windowed.restore(
            progress.stream_time,
            progress.position,
            ReplayClock::OfRecords,
        );
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.source.ledger.replayed_below);
        out.put(&self.timed.is_catching_up);
        self.timed.clock.save(out);
        self.timed.windowed.save(out);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.source.ledger.replayed_below = from.take()?;
        self.timed.is_catching_up = from.take()?;
        self.timed.clock.load(from)?;
        self.timed.windowed.load(from)
    }
}

#[inline]
fn take(
    keying: &mut Keying,
    timed: &mut Timed,
    intake: &mut Intake,
    ledger: &Ledger,
    row: &mut Row<'_>,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<Outcome, Box<Trouble>> {
    if keying.read(intake, row)? == Err(Refused) {
        return Ok(Outcome::Filtered);
    }
    let offset = row.record.offset;
    let time = keying.time(row, now)?;
    if time > timed.clock.stream_time() && ledger.is_replayed(offset) {
        // Whatever the earlier run took in moved its clock: this record was too far in the future
        // then, and was put aside.
        return Ok(Outcome::Replayed);
    }
    keying.with(intake, row, time, |keyed| {
        match ledger.is_replayed(offset) {
            true => timed.take_again(offset, keyed),
            false => timed.take(offset, keyed, effects),
        }
    })
}

impl Timed {
    /// Takes in what an earlier run took in, to rebuild what it held.
    #[inline(never)]
    fn take_again(&mut self, offset: Offset, keyed: Keyed<'_>) -> Result<Outcome, Box<Trouble>> {
        let mut unheard = std::mem::take(&mut self.unheard);
        let taken = self.take(offset, keyed, &mut unheard);
        unheard.clear();
        self.unheard = unheard;
        taken
    }

    #[inline]
    fn take(
        &mut self,
        offset: Offset,
        keyed: Keyed<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Box<Trouble>> {
        self.clock.wake();
        if keyed.time > self.clock.stream_time() {
            if self.windowed.advance(keyed.time, effects)? == Drained::Part {
                self.clock.observe(self.windowed.reached());
                return Err(Full.into());
            }
            self.clock.observe(keyed.time);
        }
        let contribution = Contribution {
            key: keyed.key,
            time: keyed.time,
            offset,
            arguments: keyed.arguments,
        };
        match self.windowed.add(contribution, effects)? {
            Added::Aggregated { expired_windows } => Ok(Outcome::Aggregated { expired_windows }),
            Added::Late => Ok(Outcome::Late {
                time: keyed.time,
                stream_time: self.clock.stream_time(),
            }),
        }
    }
}
