//! Tables: the latest value of each key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::persisted::load_map;
use crate::stream::graph::persisted::save_map;
use crate::stream::graph::versions::Put;
use crate::stream::graph::versions::Versions;

/// A value, and the timestamp that it came with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stamped {
    pub(crate) value: Shared,
    pub(crate) time: Timestamp,
}

impl Stamped {
    /// The value, held once more.
    pub(crate) fn shared(&self) -> Shared {
        Arc::clone(&self.value)
    }
}

impl Persist for Stamped {
    fn save(&self, out: &mut Writer) {
        out.put(&self.value);
        out.put(&self.time);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (value, time) = (from.take()?, from.take()?);
        Ok(Self { value, time })
    }
}

impl Persist for Rows {
    fn save(&self, out: &mut Writer) {
        save_map(self.0.iter(), out);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        load_map(from).map(Self)
    }
}

/// The rows of a table, in memory.
#[derive(Debug, Default)]
pub(crate) struct Rows(HashMap<RowKey, Stamped, RandomState>);

impl Rows {
    pub(crate) fn get(&self, row: &RowKey) -> Option<&Stamped> {
        self.0.get(row)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &RowKey> {
        self.0.keys()
    }

    /// Sets the value of a row, or deletes it; what it was before.
    pub(crate) fn put(
        &mut self,
        row: RowKey,
        value: Option<Shared>,
        time: Timestamp,
    ) -> Option<Stamped> {
        match (self.0.entry(row), value) {
            (Entry::Occupied(mut entry), Some(value)) => {
                Some(entry.insert(Stamped { value, time }))
            }
            (Entry::Occupied(entry), None) => Some(entry.remove()),
            (Entry::Vacant(entry), Some(value)) => {
                entry.insert(Stamped { value, time });
                None
            }
            (Entry::Vacant(_), None) => None,
        }
    }
}

/// Why a record without key has no place in a table, an aggregation or a join.
pub(crate) fn no_key(of: &str) -> Refusal {
    Refusal::new(format_args!("{of}: the record has no key"))
}

/// Makes a table of a stream by the order of offsets: whatever its timestamp, a later record
/// overwrites an earlier one, and one without value deletes.
///
/// Source: `KTableSource` (Apache Kafka).
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Rows,
}

impl Operator for Table {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("table"))?;
        let (value, time) = (message.value.clone(), message.time);
        let old = self.rows.put(row, value.clone(), time);
        out.take();
        out.send(message.with_change(value, old.map(|old| old.value), time));
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

/// Makes a table of a stream by the order of timestamps, with a history to look back into.
///
/// A record with an older timestamp fills in history; one older than the history is late.
///
/// Source: KIP-889, `KTableSource`.
#[derive(Debug)]
pub(crate) struct VersionedTable {
    pub(crate) versions: Versions,
}

impl Operator for VersionedTable {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("table"))?;
        let (value, time) = (message.value.clone(), message.time);
        match self.versions.put(row, value.clone(), time) {
            Put::Refused => out.late(),
            Put::Newest { before } => {
                out.take();
                out.send(message.with_change(value, before, time));
            }
            Put::Older => {
                out.take();
                let mut message = message.with_change(value, None, time);
                message.version = Version::Older;
                out.send(message);
            }
        }
        Ok(())
    }

    fn row(&self, row: &RowKey) -> Option<Shared> {
        self.versions.as_of(row, Timestamp::MAX).cloned()
    }

    fn save(&self, out: &mut Writer) {
        self.versions.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.versions.load(from)?;
        Ok(())
    }
}
