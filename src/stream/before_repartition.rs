//! The first stage of a re-keyed flow: from the source topic to the repartition topic.

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
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::intake::Intake;
use crate::stream::keyed::Keying;
use crate::stream::keyed::Refused;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::progress::Progress;
use crate::stream::progress::SourceTime;
use crate::stream::repartition::ClockBytes;
use crate::stream::repartition::Outgoing;
use crate::stream::repartition::Sent;
use crate::stream::source_step::SourceStep;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;

/// Reads a source partition, and sends on by the flow's key what the aggregation needs.
///
/// Its clock is that of the whole source partition, also of records that `where` refuses: a
/// partition whose records are all refused must not hold back the others.
#[derive(Debug)]
pub(crate) struct BeforeRepartition {
    source: SourceStep,
    keying: Keying,
    sender: Sender,
}

#[derive(Debug)]
struct Sender {
    partition: PartitionId,
    /// How many partitions the repartition topic has.
    partitions: u32,
    clock: PartitionClock,
    is_idle: bool,
    /// What all partitions have been told of the clock.
    told: SourceTime,
    last_offset: Offset,
    carries_source: bool,
    header: ClockBytes,
}

impl BeforeRepartition {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        partition: PartitionId,
        partitions: u32,
    ) -> Result<Self, SchemaError> {
        Ok(Self {
            source: SourceStep::new(stage, partition)?,
            keying: Keying::new(&stage.flow),
            sender: Sender {
                partition,
                partitions,
                clock: PartitionClock::new(Timestamp::MIN, stage.flow.source.idle),
                is_idle: false,
                told: SourceTime::Unheard,
                last_offset: Offset(-1),
                carries_source: stage.flow.late.is_some(),
                header: ClockBytes::default(),
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
        let (keying, sender) = (&mut self.keying, &mut self.sender);
        self.source.run(
            records,
            position,
            effects,
            |intake, ledger, row, effects| {
                if ledger.is_replayed(row.record.offset) {
                    return Ok(Outcome::Replayed);
                }
                sender.wake(row.record.offset);
                take(keying, sender, intake, row, now, effects)
            },
        )
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
        if self.sender.clock.tick(now, reading).is_some() {
            self.sender.is_idle = true;
            self.sender.tell(effects);
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        self.sender.tell(effects);
        Ok(())
    }

    pub(crate) fn progress(&self, position: Offset) -> Progress {
        Progress {
            position: self.source.ledger.reached(position),
            stream_time: self.sender.clock.stream_time(),
            ..Progress::starting_at(position)
        }
    }

    pub(crate) fn restore(&mut self, progress: &Progress) {
        self.source.ledger.replayed_below = progress.position;
        self.sender.clock.observe(progress.stream_time);
        self.sender.last_offset = Offset(progress.position.0.saturating_sub(1));
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.source.ledger.replayed_below);
        self.sender.clock.save(out);
        out.put(&self.sender.is_idle);
        out.put(&self.sender.told);
        out.put(&self.sender.last_offset);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.source.ledger.replayed_below = from.take()?;
        self.sender.clock.load(from)?;
        self.sender.is_idle = from.take()?;
        self.sender.told = from.take()?;
        self.sender.last_offset = from.take()?;
        Ok(())
    }
}

#[inline]
fn take(
    keying: &mut Keying,
    sender: &mut Sender,
    intake: &mut Intake,
    row: &mut Row<'_>,
    now: Timestamp,
    effects: &mut Effects,
) -> Result<Outcome, Box<Trouble>> {
    let read = keying.read(intake, row)?;
    let time = keying.time(row, now);
    if read == Err(Refused) {
        if let Ok(time) = time {
            sender.clock.observe(time);
        }
        return Ok(Outcome::Filtered);
    }
    let record = row.record;
    keying.with(intake, row, time?, |keyed| {
        sender.clock.observe(keyed.time);
        let outgoing = Outgoing {
            sent: sender.sent(),
            key: keyed.key,
            event_time: keyed.time,
            arguments: keyed.arguments,
            source: sender.carries_source.then_some(record),
        };
        outgoing.put(&mut sender.header, effects);
        Ok(Outcome::Passed)
    })
}

impl Sender {
    #[inline]
    const fn wake(&mut self, offset: Offset) {
        self.clock.wake();
        self.is_idle = false;
        self.last_offset = offset;
    }

    #[inline]
    const fn sent(&self) -> Sent {
        Sent {
            partition: self.partition,
            offset: self.last_offset,
            time: self.time(),
        }
    }

    const fn time(&self) -> SourceTime {
        match (self.is_idle, self.clock.stream_time()) {
            (true, time) => SourceTime::Idle(time),
            (false, Timestamp::MIN) => SourceTime::Unheard,
            (false, time) => SourceTime::Active(time),
        }
    }

    /// Sends a clock record to every partition, if there is news.
    fn tell(&mut self, effects: &mut Effects) {
        let sent = self.sent();
        if sent.time == self.told {
            return;
        }
        self.told = sent.time;
        let partitions = i32::try_from(self.partitions).unwrap_or(i32::MAX);
        for partition in (0..partitions).map(PartitionId) {
            sent.put_clock_record(Destination::Repartition, partition, effects);
        }
    }
}
