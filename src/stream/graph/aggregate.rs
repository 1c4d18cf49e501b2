//! Running aggregates: one row for each key, over all that has come.

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::fold::Fold;
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
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::Stamped;
use crate::stream::graph::table::no_key;

/// Aggregates a stream by its keys into a table, whose rows are stamped with the largest timestamp
/// that is in them. Records without value are left out.
///
/// Source: `KStreamAggregate` (Apache Kafka).
#[derive(Debug)]
pub(crate) struct AggregateStream {
    pub(crate) fold: Fold,
    pub(crate) rows: Rows,
}

impl Operator for AggregateStream {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.value.is_none() {
            return Ok(());
        }
        let row = message.row().ok_or_else(|| no_key("aggregate"))?;
        let before = self.rows.get(&row);
        let old = before.map(Stamped::shared);
        let time = before.map_or(message.time, |before| before.time.max(message.time));
        let value = self.fold.add(old.as_ref(), View::of(&message))?;
        self.rows.put(row, value.clone(), time);
        out.take();
        out.send(message.with_change(value, old, time));
        Ok(())
    }

    fn row(&self, row: &RowKey) -> Option<Shared> {
        self.rows.get(row).map(Stamped::shared)
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.rows);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.rows = from.take()?;
        Ok(())
    }
}

/// Gives the rows of a table the keys to aggregate them by: a change of a row's key becomes one
/// change under the old key and one under the new, the old one first.
///
/// Source: `KTableRepartitionMap` (Apache Kafka).
#[derive(Debug)]
pub(crate) struct Regroup(pub(crate) Mapping);

impl Regroup {
    fn key(&self, message: &Message, value: Option<&Shared>) -> Result<Option<Key>, Refusal> {
        match value {
            Some(value) => self.0.key(View::with(message, Some(value))),
            None => Ok(None),
        }
    }
}

impl Operator for Regroup {
    fn take(&mut self, _input: usize, mut message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Older {
            return Ok(());
        }
        let from = self.key(&message, message.old.as_ref())?;
        let to = self.key(&message, message.value.as_ref())?;
        message.window = None;
        if from == to {
            if to.is_some() {
                message.key = to;
                out.send(message);
            }
            return Ok(());
        }
        let mut part = |key: Option<Key>, value, old| {
            if key.is_some() {
                let time = message.time;
                let message = message.clone().with_change(value, old, time);
                out.send(Message { key, ..message });
            }
        };
        part(from, None, message.old.clone());
        part(to, message.value.clone(), None);
        Ok(())
    }
}

/// Aggregates a table by the keys that [`Regroup`] gave: takes the old value out, then the new one
/// in.
///
/// Source: `KTableAggregate` (Apache Kafka).
#[derive(Debug)]
pub(crate) struct AggregateTable {
    pub(crate) fold: Fold,
    pub(crate) rows: Rows,
}

impl Operator for AggregateTable {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("aggregate"))?;
        let before = self.rows.get(&row);
        let old = before.map(Stamped::shared);
        let time = before.map_or(Timestamp::MIN, |before| before.time);
        let time = time.max(message.time);
        let mut value = old.clone();
        if let (Some(_), Some(taken)) = (&value, &message.old) {
            let view = View::with(&message, Some(taken));
            value = self.fold.remove(value.as_ref(), view)?;
        }
        if message.value.is_some() {
            value = self.fold.add(value.as_ref(), View::of(&message))?;
        }
        self.rows.put(row, value.clone(), time);
        out.take();
        out.send(message.with_change(value, old, time));
        Ok(())
    }

    fn row(&self, row: &RowKey) -> Option<Shared> {
        self.rows.get(row).map(Stamped::shared)
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.rows);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.rows = from.take()?;
        Ok(())
    }
}
