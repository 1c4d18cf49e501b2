//! Joins of a stream with a table: each record with the row of its key.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::persisted::load_map;
use crate::stream::graph::persisted::save_map;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::no_key;
use crate::stream::graph::topology::JoinType;
use crate::stream::graph::versions::Versions;

/// The input on which the table comes; the stream comes on input 0.
const TABLE: usize = 1;

/// Joins each record of a stream with the row of its key, as the table is when the record comes;
/// the table alone brings nothing out. The result has the record's timestamp.
///
/// Source: `KStreamKTableJoinProcessor` (Apache Kafka).
#[derive(Debug)]
pub(crate) struct StreamTable {
    pub(crate) pairing: Pairing,
    pub(crate) rows: Rows,
}

/// How a record finds its row, and what becomes of the two.
#[derive(Debug)]
pub(crate) struct Pairing {
    pub(crate) kind: JoinType,
    /// Makes the key to look up; `None` looks up the record's own.
    pub(crate) key: Option<Mapping>,
    pub(crate) joiner: Joiner,
}

impl Pairing {
    /// Sends on what `message` and the row that `look_up` finds make.
    fn join<'t>(
        &self,
        message: Message,
        look_up: impl FnOnce(&RowKey) -> Option<&'t Shared>,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        if message.value.is_none() {
            return Ok(());
        }
        let key = match &self.key {
            Some(key) => key.key(View::of(&message))?,
            None => message.key.clone(),
        };
        let row = key.map(|key| RowKey {
            key,
            window: message.window,
        });
        let found = match &row {
            Some(row) => look_up(row),
            None if self.kind == JoinType::Inner => return Err(no_key("join")),
            None => None,
        };
        if found.is_some() || self.kind != JoinType::Inner {
            let left = message.value.as_ref();
            let joined = self.joiner.join(message.key.as_ref(), left, found)?;
            out.send(message.with_value(Some(joined)));
        }
        Ok(())
    }
}

impl Operator for StreamTable {
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if input != TABLE {
            let rows = &self.rows;
            let look_up = |row: &RowKey| rows.get(row).map(|found| &found.value);
            return self.pairing.join(message, look_up, out);
        }
        if let (Some(row), Version::Newest) = (message.row(), message.version) {
            self.rows.put(row, message.value, message.time);
            out.take();
        }
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.rows);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.rows = from.take()?;
        Ok(())
    }
}

/// Joins each record of a stream with the row of its key as it was at the record's timestamp; with
/// a grace, records wait so long for versions that come late.
///
/// What waited leaves in the order of time, then key, once its timestamp is at or below stream
/// time minus the grace.
///
/// Source: KIP-914, KIP-923.
#[derive(Debug)]
pub(crate) struct AsOf {
    pairing: Pairing,
    versions: Versions,
    grace_ms: Option<i64>,
    time: Timestamp,
    /// By time, key, and the order in which they came.
    waiting: BTreeMap<((Timestamp, Option<Key>), u64), Message>,
    number: u64,
}

impl AsOf {
    pub(crate) fn new(pairing: Pairing, history: TimeDelta, grace: Option<TimeDelta>) -> Self {
        Self {
            pairing,
            versions: Versions::new(history),
            grace_ms: grace.map(|grace| grace.num_milliseconds()),
            time: Timestamp::MIN,
            waiting: BTreeMap::new(),
            number: 0,
        }
    }

    fn join(&self, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let time = message.time;
        let look_up = |row: &RowKey| self.versions.as_of(row, time);
        self.pairing.join(message, look_up, out)
    }

    fn release(&mut self, grace_ms: i64, out: &mut Out) -> Result<(), Refusal> {
        let reached = self.time.saturating_sub(grace_ms);
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0.0 > reached {
                break;
            }
            let message = entry.remove();
            self.join(message, out)?;
        }
        Ok(())
    }
}

impl Operator for AsOf {
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if input == TABLE {
            if let Some(row) = message.row() {
                self.versions.put(row, message.value, message.time);
                out.take();
            }
            return Ok(());
        }
        let Some(grace_ms) = self.grace_ms else {
            return self.join(message, out);
        };
        if message.key.is_none() {
            return self.join(message, out);
        }
        self.time = out.stream_time(self.time, message.time);
        if message.time < self.time.saturating_sub(grace_ms) {
            return self.join(message, out);
        }
        self.number += 1;
        let place = ((message.time, message.key.clone()), self.number);
        self.waiting.insert(place, message);
        out.take();
        self.release(grace_ms, out)
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        match self.grace_ms {
            Some(grace_ms) => self.release(grace_ms, out),
            None => Ok(()),
        }
    }

    fn save(&self, out: &mut Writer) {
        self.versions.save(out);
        out.put(&self.time);
        out.put(&self.number);
        save_map(self.waiting.iter(), out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.versions.load(from)?;
        self.time = from.take()?;
        self.number = from.take()?;
        self.waiting = load_map(from)?;
        Ok(())
    }
}
