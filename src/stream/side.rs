//! One input of a graph of operators.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;
use crate::record::put_header;
use crate::store::keys::TaggedKey;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aside::Aside;
use crate::stream::aside::Origin;
use crate::stream::effects::Effects;
use crate::stream::event_time::Future;
use crate::stream::event_time::event_time;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::own_headers;
use crate::stream::graph::reach::Reach;
use crate::stream::graph::topology::NodeId;
use crate::stream::intake::Intake;
use crate::stream::key;
use crate::stream::mapped::passes;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::OnError;
use crate::stream::progress::Progress;
use crate::stream::reason::Reason;
use crate::stream::source_step::SourceStep;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;

/// One input of a graph: reads records, and keeps them until their turn.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) node: NodeId,
    flow: Arc<Flow>,
    partition: PartitionId,
    value_slot: usize,
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
    pub(crate) message: Message,
    /// The record itself, where it may have to be put aside.
    pub(crate) raw: Option<Raw>,
    bytes: usize,
}

/// A record as it was, owned.
#[derive(Debug)]
pub(crate) struct Raw {
    timestamp: Timestamp,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    headers: Vec<u8>,
    header_count: usize,
}

impl Raw {
    fn of(record: RecordView<'_>) -> Self {
        let mut headers = Vec::new();
        let mut header_count = 0;
        for header in record.headers.iter() {
            put_header(&mut headers, header);
            header_count += 1;
        }
        Self {
            timestamp: record.timestamp,
            key: record.key.map(Box::from),
            value: record.value.map(Box::from),
            headers,
            header_count,
        }
    }

    fn view(&self, offset: Offset) -> RecordView<'_> {
        RecordView {
            offset,
            timestamp: self.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: HeadersView::parse(&self.headers, self.header_count).unwrap_or_default(),
        }
    }
}

impl Side {
    pub(crate) fn new(
        stage: &Arc<Stage>,
        plan: &GraphPlan,
        input: &GraphInput,
        partition: PartitionId,
    ) -> Result<Self, SchemaError> {
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
            source: SourceStep::new(&own, partition)?,
            aside: Aside::new(own),
            queue: VecDeque::new(),
            waiting_bytes: 0,
            offered: Offset(0),
            start: Offset(0),
            reach: Reach::of(&plan.topology, input.node),
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
        let keeps_raw =
            self.flow.late.is_some() || matches!(self.flow.on_error, OnError::DeadLetter(_));
        let (flow, slot, key_text) = (&*self.flow, self.value_slot, &mut self.key_text);
        let (queue, waiting_bytes) = (&mut self.queue, &mut self.waiting_bytes);
        self.source
            .run(records, &mut self.offered, effects, |intake, _, row, _| {
                let Some(message) = read(flow, slot, key_text, intake, row, now)? else {
                    return Ok(Outcome::Filtered);
                };
                let record = row.record;
                let bytes = [record.key, record.value].into_iter().flatten();
                let bytes = QUEUED_BYTES + bytes.map(<[u8]>::len).sum::<usize>();
                *waiting_bytes += bytes;
                queue.push_back(Queued {
                    offset: record.offset,
                    message,
                    raw: keeps_raw.then(|| Raw::of(record)),
                    bytes,
                });
                Ok(Outcome::Waiting)
            })
    }

    /// The event time of the first record that waits.
    pub(crate) fn first_time(&self) -> Option<Timestamp> {
        self.queue.front().map(|queued| queued.message.time)
    }

    pub(crate) fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(queued.bytes);
        if let Reach::Time(_) = self.reach {
            let time = queued.message.time;
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
        outcome: Result<Outcome, Trouble>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let raw = raw.unwrap_or_else(|| Raw {
            timestamp: time,
            key: None,
            value: None,
            headers: Vec::new(),
            header_count: 0,
        });
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
            sources: Vec::new(),
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
        self.start = progress.committable;
        self.offered = progress.committable;
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.source.ledger.replayed_below);
        out.put(&self.position());
        out.put(&self.start);
        out.count(self.needed.len());
        self.needed.iter().for_each(|needed| out.put(needed));
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.source.ledger.replayed_below = from.take()?;
        self.offered = from.take()?;
        self.start = from.take()?;
        self.needed = from.vec()?.into();
        Ok(())
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

/// The message that the record of `row` becomes; `None` where `where` refuses it.
fn read(
    flow: &Flow,
    value_slot: usize,
    key_text: &mut Vec<u8>,
    intake: &mut Intake,
    row: &mut Row<'_>,
    now: Timestamp,
) -> Result<Option<Message>, Trouble> {
    intake.read(row)?;
    let record = row.record;
    let is_tombstone = record.value.is_none();
    if !is_tombstone && !passes(flow.filter.as_ref(), row)? {
        return Ok(None);
    }
    let future = Future {
        now,
        max: flow.source.future,
    };
    let time = match is_tombstone {
        true => event_time(None, row, future)?,
        false => event_time(flow.source.time.as_ref(), row, future)?,
    };
    let key = match (record.key, &flow.key) {
        (None, None) => None,
        _ => {
            let value = intake.key_value(row)?;
            Some(as_text(intake.key(row, value.as_ref(), key_text)?))
        }
    };
    let value = row.slots.get(value_slot).cloned().flatten();
    let value = value.filter(|_| !is_tombstone).map(Value::into_owned);
    let message = Message::new(key, value, time);
    let headers = own_headers(record.headers);
    Ok(Some(Message { headers, ..message }))
}
