//! One input of a graph of operators.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aside::Aside;
use crate::stream::aside::Origin;
use crate::stream::clock::Reading;
use crate::stream::effects::Effects;
use crate::stream::event_time::Future;
use crate::stream::event_time::event_time;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::own_headers;
use crate::stream::graph::topology::NodeId;
use crate::stream::intake::Intake;
use crate::stream::key;
use crate::stream::mapped::passes;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::parcel::Raw;
use crate::stream::plan::Flow;
use crate::stream::plan::OnError;
use crate::stream::plan::Operator;
use crate::stream::progress::Progress;
use crate::stream::reach::Reach;
use crate::stream::reason::Reason;
use crate::stream::received::Came;
use crate::stream::received::Received;
use crate::stream::source_step::SourceStep;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::stretch::Stretch;
use crate::stream::stretch::StretchInput;

/// One input of a graph: reads records, and keeps them until their turn.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) node: NodeId,
    flow: Arc<Flow>,
    partition: PartitionId,
    value_slot: usize,
    /// What is known of an internal topic; `None` where the topic is the user's.
    received: Option<Received>,
    /// Whether its clocks say what time it is.
    pub(crate) tells_time: bool,
    /// Whether it is of a global table.
    pub(crate) is_global: bool,
    /// Whether records that `where` refuses are to move the clock.
    times_refused: bool,
    source: SourceStep,
    aside: Aside,
    queue: VecDeque<Queued>,
    /// How many bytes wait, about.
    pub(crate) waiting_bytes: usize,
    /// The offset of the next record that has not been offered.
    pub(crate) offered: Offset,
    /// Where this input began.
    start: Offset,
    reach: Reach,
    /// Which records the state can be rebuilt from, where that is known by their times: each later
    /// than those before it.
    needed: VecDeque<(Timestamp, Offset)>,
    key_text: Vec<u8>,
}

/// A record that waits for its turn.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) offset: Offset,
    /// Its event time; as small as can be where it only tells a clock.
    pub(crate) time: Timestamp,
    /// `None` where it only moves time.
    pub(crate) message: Option<Message>,
    /// Where it was sent, in an internal topic.
    pub(crate) came: Option<Came>,
    /// The record itself, where it may have to be put aside.
    pub(crate) raw: Option<Raw>,
    bytes: usize,
}

impl Side {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        stretch: &Stretch,
        from: &StretchInput,
        partition: PartitionId,
    ) -> Result<Self, SchemaError> {
        let input = &from.input;
        let own = Arc::new(Stage {
            flow: Arc::clone(&input.flow),
            part: Part::Whole,
            partitions: stage.partitions,
        });
        Ok(Self {
            node: input.node,
            flow: Arc::clone(&input.flow),
            partition,
            value_slot: input.value_slot,
            received: from.internal.map(Received::new),
            tells_time: from.tells_time(),
            is_global: from.partition.is_some(),
            times_refused: !stretch.outlets.is_empty(),
            source: SourceStep::new(&own, partition)?,
            aside: Aside::new(own),
            queue: VecDeque::new(),
            waiting_bytes: 0,
            offered: Offset(0),
            start: Offset(0),
            reach: reach(stage, stretch, input.node),
            needed: VecDeque::new(),
            key_text: Vec::new(),
        })
    }

    /// Reads `records` into the queue; those that go no further are dealt with at once.
    pub(crate) fn offer<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        now: Timestamp,
        effects: &mut Effects,
    ) -> StepEnd {
        let reading = Intaking {
            flow: &self.flow,
            value_slot: self.value_slot,
            keeps_raw: self.flow.late.is_some()
                || matches!(self.flow.on_error, OnError::DeadLetter(_)),
            times_refused: self.times_refused,
            now,
        };
        let (received, key_text) = (self.received.as_ref(), &mut self.key_text);
        let (queue, waiting_bytes) = (&mut self.queue, &mut self.waiting_bytes);
        self.source
            .run(records, &mut self.offered, effects, |intake, _, row, _| {
                let (queued, outcome) = match received {
                    Some(received) => (Some(receive(received, row.record)?), Outcome::Waiting),
                    None => reading.read(key_text, intake, row)?,
                };
                if let Some(queued) = queued {
                    *waiting_bytes += queued.bytes;
                    queue.push_back(queued);
                }
                Ok(outcome)
            })
    }

    /// The event time of the first record that waits.
    pub(crate) fn first_time(&self) -> Option<Timestamp> {
        self.queue.front().map(|queued| queued.time)
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(queued.bytes);
        if let (Reach::Time(_), Some(message)) = (self.reach, &queued.message) {
            let time = message.time;
            if self.needed.back().is_none_or(|(last, _)| time > *last) {
                self.needed.push_back((time, queued.offset));
            }
        }
        Some(queued)
    }

    pub(crate) fn is_replayed(&self, offset: Offset) -> bool {
        self.source.ledger.is_replayed(offset)
    }

    /// Whether what an earlier run dealt with has not all been dealt with again.
    pub(crate) fn is_replaying(&self) -> bool {
        self.is_replayed(self.position())
    }

    /// The offset of the next record that has not been dealt with.
    pub(crate) fn position(&self) -> Offset {
        self.queue
            .front()
            .map_or(self.offered, |queued| queued.offset)
    }

    /// Enters what became of a record.
    ///
    /// # Errors
    ///
    /// Where the flow is to stop at it.
    pub(crate) fn enter(
        &self,
        offset: Offset,
        raw: Option<Raw>,
        time: Timestamp,
        outcome: Result<Outcome, Box<Trouble>>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        // Whoever sent a message counted its record, and what every task reads is nobody's: only
        // what goes wrong is counted.
        let outcome = match (self.received.is_some() || self.is_global, outcome) {
            (true, Ok(Outcome::Aggregated { expired_windows })) => {
                effects.account.expired_windows += expired_windows;
                return Ok(());
            }
            (true, Ok(Outcome::Passed | Outcome::Filtered | Outcome::Replayed)) => return Ok(()),
            (_, outcome) => outcome,
        };
        let raw = raw.unwrap_or_else(|| Raw::unknown(time));
        let origin = || Origin {
            topic: &self.flow.source.topic,
            partition: self.partition,
            record: raw.view(offset),
        };
        match self.source.ledger.enter(offset, outcome, origin, effects) {
            Some(StepEnd::Failed(failure)) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Puts aside a result that cannot be written.
    ///
    /// # Errors
    ///
    /// Where the flow is to stop at it.
    pub(crate) fn put_aside(
        &self,
        key: &[u8],
        time: Timestamp,
        reason: &Reason,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        self.aside.result(key, None, time, reason, effects)
    }

    pub(crate) fn add_schema(
        &mut self,
        root: Root,
        id: SchemaId,
        text: &str,
    ) -> Result<(), SchemaError> {
        self.source.intake.add_schema(root, id, text)
    }

    pub(crate) fn progress(&self, stream_time: Timestamp) -> Progress {
        if self.is_global {
            return Progress::starting_at(self.start);
        }
        let position = self.position();
        let committable = match self.reach {
            Reach::Nothing => position,
            Reach::All => self.start,
            Reach::Time(reach) => {
                let oldest = stream_time.saturating_sub(reach.num_milliseconds());
                let mut needed = self.needed.iter().skip_while(|(time, _)| *time < oldest);
                needed.next().map_or(position, |(_, offset)| *offset)
            }
        };
        Progress {
            position: self.source.ledger.reached(position),
            committable,
            stream_time,
            sources: self
                .received
                .as_ref()
                .map(|received| received.clocks().to_vec())
                .unwrap_or_default(),
        }
    }

    /// Hears what time it was where `queued` was sent.
    pub(crate) fn hear(&mut self, queued: &Queued) {
        if let (Some(received), Some(came)) = (&mut self.received, queued.came) {
            received.hear(came);
        }
    }

    /// Whether `queued` came before, from a writer that restarted.
    pub(crate) fn is_repetition(&mut self, queued: &Queued) -> bool {
        match (&mut self.received, queued.came) {
            (Some(received), Some(came)) => received.is_repetition(came),
            _ => false,
        }
    }

    /// The time that all who write its internal topic have reached.
    pub(crate) fn source_time(&self) -> Timestamp {
        let received = self.received.as_ref();
        received.map_or(Timestamp::MIN, Received::stream_time)
    }

    /// Whether all who write its internal topic have been silent for as long as they may.
    pub(crate) fn is_idle(&self) -> bool {
        self.received.as_ref().is_some_and(Received::is_idle)
    }

    /// Lets the wall clock go on for the clocks of an internal topic.
    pub(crate) fn tick(&mut self, now: Timestamp, reading: Reading) {
        if let Some(received) = &mut self.received {
            received.tick(now, reading);
        }
    }

    /// Forgets which records are no longer needed at `stream_time`.
    pub(crate) fn forget(&mut self, stream_time: Timestamp) {
        if let Reach::Time(reach) = self.reach {
            let oldest = stream_time.saturating_sub(reach.num_milliseconds());
            while self.needed.front().is_some_and(|(time, _)| *time < oldest) {
                self.needed.pop_front();
            }
        }
    }

    pub(crate) fn restore(&mut self, progress: &Progress) {
        self.source.ledger.replayed_below = progress.position;
        if let Some(received) = &mut self.received {
            received.restore(progress);
        }
        self.start = progress.committable;
        self.offered = progress.committable;
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.source.ledger.replayed_below);
        out.put(&self.position());
        out.put(&self.start);
        out.count(self.needed.len());
        self.needed.iter().for_each(|needed| out.put(needed));
        if let Some(received) = &self.received {
            received.save(out);
        }
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.source.ledger.replayed_below = from.take()?;
        self.offered = from.take()?;
        self.start = from.take()?;
        self.needed = from.vec()?.into();
        match &mut self.received {
            Some(received) => received.load(from),
            None => Ok(()),
        }
    }
}

/// How far back the state goes that comes of an input.
fn reach(stage: &Stage, stretch: &Stretch, node: NodeId) -> Reach {
    let reach = Reach::of(&stretch.topology, node);
    match &stage.flow.operator {
        Operator::Graph(graph) if stretch.is_last() => reach.with_end(graph),
        _ => reach,
    }
}

/// What a record that waits takes besides its key and value, about.
const QUEUED_BYTES: usize = 128;

/// The key as it stands in topics, where the integer 7 and the text "7" are one.
fn as_text(key: TaggedKey<'_>) -> Key {
    Key::from(match std::str::from_utf8(key.bytes) {
        Ok(_) => key::of_text(key.bytes),
        Err(_) => key::of_bytes(key.bytes),
    })
}

/// What the record of an internal topic becomes.
fn receive(received: &Received, record: RecordView<'_>) -> Result<Queued, Box<Trouble>> {
    let (came, parcel) = received.read(record)?;
    let bytes = QUEUED_BYTES + record.value.map_or(0, <[u8]>::len);
    let (message, raw) = match parcel {
        Some(parcel) => (Some(parcel.message), parcel.raw),
        None => (None, None),
    };
    let time = message.as_ref().map(|message| message.time);
    Ok(Queued {
        offset: record.offset,
        time: time.unwrap_or(Timestamp::MIN),
        message,
        came: Some(came),
        raw,
        bytes,
    })
}

/// How records of a topic of the user's are read.
struct Intaking<'r> {
    flow: &'r Flow,
    value_slot: usize,
    keeps_raw: bool,
    times_refused: bool,
    now: Timestamp,
}

impl Intaking<'_> {
    /// What the record of `row` becomes, and what became of it.
    fn read(
        &self,
        key_text: &mut Vec<u8>,
        intake: &mut Intake,
        row: &mut Row<'_>,
    ) -> Result<(Option<Queued>, Outcome), Box<Trouble>> {
        intake.read(row)?;
        let record = row.record;
        let is_tombstone = record.value.is_none();
        if !is_tombstone && !passes(self.flow.filter.as_ref(), row)? {
            let time = self.times_refused.then(|| self.time(row).ok()).flatten();
            let time = time.map(|time| self.queued(record, time, None));
            return Ok((time, Outcome::Filtered));
        }
        let time = self.time(row)?;
        let key = match (record.key, &self.flow.key) {
            (None, None) => None,
            _ => {
                let value = intake.key_value(row)?;
                Some(as_text(intake.key(row, value.as_ref(), key_text)?))
            }
        };
        let value = row.slots.get(self.value_slot).cloned().flatten();
        let value = value.filter(|_| !is_tombstone).map(Value::into_owned);
        let message = Message::new(key, value, time);
        let headers = own_headers(record.headers);
        let message = Message { headers, ..message };
        let queued = self.queued(record, time, Some(message));
        Ok((Some(queued), Outcome::Waiting))
    }

    fn time(&self, row: &Row<'_>) -> Result<Timestamp, Box<Reason>> {
        let future = Future {
            now: self.now,
            max: self.flow.source.future,
        };
        let time = self.flow.source.time.as_ref();
        event_time(time.filter(|_| row.record.value.is_some()), row, future)
    }

    fn queued(&self, record: RecordView<'_>, time: Timestamp, message: Option<Message>) -> Queued {
        let bytes = [record.key, record.value].into_iter().flatten();
        Queued {
            offset: record.offset,
            time,
            raw: (self.keeps_raw && message.is_some()).then(|| Raw::of(record)),
            message,
            came: None,
            bytes: QUEUED_BYTES + bytes.map(<[u8]>::len).sum::<usize>(),
        }
    }
}
