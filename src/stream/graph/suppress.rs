//! Holding back the changes of a table, so that fewer come out.

use std::collections::BTreeSet;
use std::collections::HashMap;

use chrono::TimeDelta;
use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::size::message_bytes;
use crate::stream::graph::table::no_key;

/// How much changes may be held back, and what happens when that is too little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// At most so many rows; `None`: any number.
    pub records: Option<usize>,
    /// At most about so many bytes; `None`: any number.
    pub bytes: Option<usize>,
    /// What happens beyond that.
    pub when_full: WhenFull,
}

/// What happens when more is held back than may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest come out before their time.
    #[default]
    EmitEarly,
    /// The record that is too much is refused, which stops the task unless it is told otherwise.
    Stop,
}

/// Holds back the changes of each row until a time after the first of them, then lets only the
/// last one out.
///
/// A row leaves once its buffer time, the timestamp of the first change held back, is at or below
/// stream time minus the limit: later changes of it replace the value and the timestamp, and do
/// not put the time off. Rows leave in the order of buffer time, then key, then window.
///
/// Source: `KTableSuppressProcessorSupplier` (Apache Kafka), `untilTimeLimit`.
#[derive(Debug)]
pub(crate) struct Suppress {
    limit_ms: i64,
    bounds: Bounds,
    held: HashMap<RowKey, Held, RandomState>,
    order: BTreeSet<(Timestamp, RowKey)>,
    bytes: usize,
    time: Timestamp,
}

#[derive(Debug)]
struct Held {
    since: Timestamp,
    bytes: usize,
    /// Its old value is what came out before.
    message: Message,
}

impl Suppress {
    pub(crate) fn new(limit: TimeDelta, bounds: Bounds) -> Self {
        Self {
            limit_ms: limit.num_milliseconds().max(0),
            bounds,
            held: HashMap::default(),
            order: BTreeSet::new(),
            bytes: 0,
            time: Timestamp::MIN,
        }
    }

    fn hold(&mut self, row: RowKey, mut message: Message) {
        let before = self.held.remove(&row);
        let since = before.as_ref().map_or(message.time, |before| before.since);
        if let Some(before) = before {
            self.bytes -= before.bytes;
            message.old = before.message.old;
        }
        let bytes = message_bytes(&message);
        self.bytes += bytes;
        self.order.insert((since, row.clone()));
        let held = Held {
            since,
            bytes,
            message,
        };
        self.held.insert(row, held);
    }

    fn is_too_much(&self) -> bool {
        let Bounds { records, bytes, .. } = self.bounds;
        records.is_some_and(|max| self.held.len() > max)
            || bytes.is_some_and(|max| self.bytes > max)
    }

    fn release_first(&mut self, out: &mut Out) {
        if let Some((_, row)) = self.order.pop_first()
            && let Some(held) = self.held.remove(&row)
        {
            self.bytes -= held.bytes;
            out.send(held.message);
        }
    }

    fn release(&mut self, out: &mut Out) {
        let reached = self.time.saturating_sub(self.limit_ms);
        while self
            .order
            .first()
            .is_some_and(|(since, _)| *since <= reached)
        {
            self.release_first(out);
        }
    }
}

impl Operator for Suppress {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Older {
            return Ok(());
        }
        let row = message.row().ok_or_else(|| no_key("suppress"))?;
        self.time = out.stream_time(self.time, message.time);
        self.hold(row, message);
        out.take();
        self.release(out);
        while self.is_too_much() {
            if self.bounds.when_full == WhenFull::Stop {
                return Err(Refusal::new("suppress: more is held back than may be"));
            }
            self.release_first(out);
        }
        Ok(())
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.release(out);
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.count(self.held.len());
        for (row, held) in &self.held {
            out.put(row);
            out.put(&held.since);
            out.put(&held.message);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        for _ in 0..from.count(1)? {
            let (row, since): (RowKey, _) = (from.take()?, from.take()?);
            let message = from.take()?;
            let bytes = message_bytes(&message);
            self.bytes += bytes;
            self.order.insert((since, row.clone()));
            let held = Held {
                since,
                bytes,
                message,
            };
            self.held.insert(row, held);
        }
        Ok(())
    }
}
