//! The second stage of a re-keyed flow: from the repartition topic to the sink topic.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::arguments::Arguments;
use crate::stream::arguments::Source;
use crate::stream::aside::Origin;
use crate::stream::clock::Reading;
use crate::stream::effects::Effects;
use crate::stream::outcome::Full;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Operator;
use crate::stream::plan::WindowAggregate;
use crate::stream::progress::Progress;
use crate::stream::reason::Reason;
use crate::stream::recycle::recycle;
use crate::stream::repartition::Incoming;
use crate::stream::repartition::Sent;
use crate::stream::source_clocks::SourceClocks;
use crate::stream::source_step::Ledger;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::thinning::Pace;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::ReplayClock;
use crate::stream::windowed::Windowed;

/// Reads a repartition partition and aggregates it; stream time is that of the source partition
/// that is furthest behind ([`crate::stream::source_clocks`]).
///
/// A restart of the first stage may send records of a source partition once more. They stand
/// behind the first ones, in the same order, so a record whose source offset is not above all
/// those of its source partition before it is a repetition, and is left out.
#[derive(Debug)]
pub(crate) struct AfterRepartition {
    stage: Arc<Stage>,
    partition: PartitionId,
    ledger: Ledger,
    clocks: SourceClocks,
    /// The largest source offset seen of each source partition.
    seen: Vec<Offset>,
    windowed: Windowed,
    pace: Pace,
    /// Up to which stream time windows are closed: behind the clocks while records come again, or
    /// where more has to come out than can at once.
    reached: Timestamp,
    /// Whether records come again that an earlier run has dealt with: time stands until they have.
    is_replaying: bool,
    /// What they come to. It came out then.
    unheard: Effects,
    sources: Box<[Source]>,
    arguments: Vec<Value<'static>>,
}

impl AfterRepartition {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        partition: PartitionId,
        sources: u32,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let sources = sources as usize;
        Ok(Self {
            stage: Arc::clone(stage),
            partition,
            ledger: Ledger::new(stage),
            clocks: SourceClocks::new(sources),
            seen: vec![Offset(-1); sources],
            windowed: Windowed::new(stage, aggregation, id)?,
            pace: Pace::new(aggregation.thinning),
            reached: Timestamp::MIN,
            is_replaying: false,
            unheard: Effects::new(),
            sources: Source::computed(aggregation.aggregates.len()),
            arguments: Vec::new(),
        })
    }

    pub(crate) fn step<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        _now: Timestamp,
        position: &mut Offset,
        effects: &mut Effects,
    ) -> StepEnd {
        match self.put_out_more(effects) {
            Ok(Drained::All) => {}
            Ok(Drained::Part) => return StepEnd::Full { offset: *position },
            Err(failure) => return StepEnd::Failed(failure),
        }
        let mut arguments = recycle(std::mem::take(&mut self.arguments));
        let mut end = StepEnd::Done;
        for record in records {
            if let Some(early) = self.take(record, &mut arguments, effects) {
                end = early;
                break;
            }
            *position = record.offset.next();
            if effects.is_full() {
                end = StepEnd::Full { offset: *position };
                break;
            }
        }
        self.arguments = recycle(arguments);
        end
    }

    #[inline]
    fn take<'b>(
        &mut self,
        record: RecordView<'b>,
        arguments: &mut Vec<Value<'b>>,
        effects: &mut Effects,
    ) -> Option<StepEnd> {
        self.clocks.wake();
        self.is_replaying &= self.ledger.is_replayed(record.offset);
        let (sent, incoming) = match self.read(record, arguments) {
            Ok((_, None)) => {
                return match self.advance(effects) {
                    Ok(Drained::All) => None,
                    Ok(Drained::Part) => Some(StepEnd::Full {
                        offset: record.offset,
                    }),
                    Err(failure) => Some(StepEnd::Failed(failure)),
                };
            }
            Ok((sent, Some(incoming))) => (sent, incoming),
            Err(reason) => {
                let here = || self.here(record);
                let refused = Err(reason.into());
                return self.ledger.enter(record.offset, refused, here, effects);
            }
        };
        let outcome = self.aggregate(record, sent, incoming, arguments, effects);
        let origin = || match incoming.source {
            None => self.here(record),
            Some(source) => Origin {
                topic: &self.stage.flow.source.topic,
                partition: sent.partition,
                record: source,
            },
        };
        self.ledger.enter(record.offset, outcome, origin, effects)
    }

    fn here<'o>(&'o self, record: RecordView<'o>) -> Origin<'o> {
        Origin {
            topic: self.stage.input(),
            partition: self.partition,
            record,
        }
    }

    /// Reads a record and hears its clock; without the rest it is a clock record.
    #[inline]
    fn read<'b>(
        &mut self,
        record: RecordView<'b>,
        arguments: &mut Vec<Value<'b>>,
    ) -> Result<(Sent, Option<Incoming<'b>>), Box<Reason>> {
        let malformed = Reason::Repartition;
        let sent = Sent::of(record.headers).ok_or(malformed("no clock header"))?;
        let source = usize::try_from(sent.partition.0).unwrap_or(usize::MAX);
        let heard = self.clocks.hear(source, sent.time);
        heard.ok_or(malformed("a source partition that is not there"))?;
        if record.key.is_none() && record.value.is_none() {
            return Ok((sent, None));
        }
        let incoming = Incoming::read(record, sent, arguments).map_err(malformed)?;
        if !record.timestamp.is_event_time() {
            return Err(Reason::BeforeEpoch(record.timestamp).into());
        }
        self.check(arguments)?;
        Ok((sent, Some(incoming)))
    }

    /// The arguments were checked when they were sent; they may be of another plan.
    fn check(&self, arguments: &[Value<'_>]) -> Result<(), Box<Reason>> {
        let Operator::Window(aggregation) = &self.stage.flow.operator else {
            return Ok(());
        };
        let aggregates = &aggregation.aggregates;
        if aggregates.len() != arguments.len() {
            return Err(Reason::Repartition("arguments of other aggregates").into());
        }
        Arguments::all_computed(&self.sources, arguments).check(aggregates)
    }

    #[inline]
    fn aggregate(
        &mut self,
        record: RecordView<'_>,
        sent: Sent,
        incoming: Incoming<'_>,
        arguments: &[Value<'_>],
        effects: &mut Effects,
    ) -> Result<Outcome, Box<Trouble>> {
        if self.advance(effects)? == Drained::Part {
            return Err(Full.into());
        }
        let source = usize::try_from(sent.partition.0).unwrap_or(usize::MAX);
        match self.seen.get_mut(source) {
            Some(seen) if sent.offset > *seen => *seen = sent.offset,
            _ => return Ok(Outcome::Replayed),
        }
        let contribution = Contribution {
            key: incoming.key,
            time: record.timestamp,
            offset: record.offset,
            arguments: Arguments::all_computed(&self.sources, arguments),
        };
        let added = match self.ledger.is_replayed(record.offset) {
            true => {
                let added = self.windowed.add(contribution, &mut self.unheard);
                self.unheard.clear();
                added
            }
            false => self.windowed.add(contribution, effects),
        };
        match added? {
            Added::Aggregated { expired_windows } => Ok(Outcome::Aggregated { expired_windows }),
            Added::Late => Ok(Outcome::Late {
                time: record.timestamp,
                stream_time: self.clocks.stream_time(),
            }),
        }
    }

    #[inline]
    fn advance(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        let stream_time = self.clocks.stream_time();
        if self.is_replaying || stream_time <= self.reached {
            return Ok(Drained::All);
        }
        let advanced = self.windowed.advance(stream_time, effects);
        self.reached = self.windowed.reached();
        advanced
    }

    pub(crate) fn has_more(&self) -> bool {
        self.windowed.has_more()
    }

    pub(crate) fn put_out_more(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        if !self.has_more() {
            return Ok(Drained::All);
        }
        let drained = self.windowed.put_out_more(effects);
        self.reached = self.reached.max(self.windowed.reached());
        drained
    }

    pub(crate) const fn add_schema(
        &self,
        _root: Root,
        _id: SchemaId,
        _text: &str,
    ) -> Result<(), SchemaError> {
        Ok(())
    }

    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        reading: Reading,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.clocks.tick(now, reading);
        self.is_replaying &= reading == Reading::Behind;
        self.advance(effects).map(drop)
    }

    pub(crate) fn flush_due(
        &mut self,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.pace.is_due(now) {
            true => self.flush(effects),
            false => Ok(()),
        }
    }

    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        match self.is_replaying {
            true => Ok(()),
            false => self.windowed.flush(effects),
        }
    }

    pub(crate) fn progress(&self, position: Offset) -> Progress {
        Progress {
            position: self.ledger.reached(position),
            committable: self.windowed.rebuild_from().unwrap_or(position),
            stream_time: self.reached,
            sources: self.clocks.clocks().to_vec(),
        }
    }

    pub(crate) fn restore(&mut self, progress: &Progress) {
        self.ledger.replayed_below = progress.position;
        self.clocks.restore(progress.stream_time, &progress.sources);
        self.reached = progress.stream_time;
        self.is_replaying = progress.committable < progress.position;
        self.windowed.restore(
            progress.stream_time,
            progress.position,
            ReplayClock::Unknown,
        );
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.ledger.replayed_below);
        self.clocks.save(out);
        out.put(&self.reached);
        out.put(&self.is_replaying);
        out.slice(&self.seen);
        self.windowed.save(out);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.ledger.replayed_below = from.take()?;
        self.clocks.load(from)?;
        self.reached = from.take()?;
        self.is_replaying = from.take()?;
        self.seen = from.vec()?;
        self.seen.resize(self.clocks.clocks().len(), Offset(-1));
        self.windowed.load(from)
    }
}
