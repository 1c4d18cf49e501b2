//! Joins of two tables where the left one names the row of the right one.

use std::collections::BTreeSet;
use std::collections::HashMap;

use foldhash::fast::RandomState;

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
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::Stamped;
use crate::stream::graph::table::no_key;
use crate::stream::graph::topology::JoinType;

/// Joins each row of the left table with the row of the right table whose key it names: a row for
/// each left row that names one that is there; in a left join, a row for each left row.
///
/// A change on the right brings out every left row that names it, in the order of their keys.
///
/// Source: KIP-213; `KTable.join` with a foreign key extractor.
#[derive(Debug)]
pub(crate) struct ForeignKey {
    kind: JoinType,
    foreign: Mapping,
    joiner: Joiner,
    left: Rows,
    right: Rows,
    /// Which left rows name which right row.
    naming: HashMap<RowKey, BTreeSet<RowKey>, RandomState>,
}

impl ForeignKey {
    pub(crate) fn new(kind: JoinType, foreign: Mapping, joiner: Joiner) -> Self {
        Self {
            kind,
            foreign,
            joiner,
            left: Rows::default(),
            right: Rows::default(),
            naming: HashMap::default(),
        }
    }

    /// The right row that a left value names.
    fn named(&self, message: &Message, left: Option<&Shared>) -> Result<Option<RowKey>, Refusal> {
        let Some(left) = left else {
            return Ok(None);
        };
        let key = self.foreign.key(View::with(message, Some(left)))?;
        Ok(key.map(|key| RowKey { key, window: None }))
    }

    fn join(
        &self,
        key: Option<&Key>,
        left: Option<&Shared>,
        right: Option<&Shared>,
    ) -> Result<Option<Shared>, Refusal> {
        let has_row = left.is_some() && (right.is_some() || self.kind != JoinType::Inner);
        has_row
            .then(|| self.joiner.join(key, left, right))
            .transpose()
    }

    fn take_left(&mut self, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("join"))?;
        let before = self.left.get(&row).cloned();
        let before = before.map(|before| before.value);
        let names = self.named(&message, message.value.as_ref())?;
        let named = self.named(&message, before.as_ref())?;
        let key = message.key.as_ref();
        let right = names.as_ref().and_then(|row| self.right.get(row));
        let right_before = named.as_ref().and_then(|row| self.right.get(row));
        let value_of = |found: Option<&Stamped>| found.map(Stamped::shared);
        let value = self.join(key, message.value.as_ref(), value_of(right).as_ref())?;
        let old = self.join(key, before.as_ref(), value_of(right_before).as_ref())?;
        let time = right.map_or(Timestamp::MIN, |right| right.time);
        let time = time.max(message.time);
        self.rename(&row, named, names);
        self.left.put(row, message.value.clone(), message.time);
        out.take();
        if value.is_some() || old.is_some() {
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }

    /// Notes that `row` names another right row than it did.
    fn rename(&mut self, row: &RowKey, before: Option<RowKey>, now: Option<RowKey>) {
        if before == now {
            return;
        }
        if let Some(before) = before
            && let Some(rows) = self.naming.get_mut(&before)
        {
            rows.remove(row);
            if rows.is_empty() {
                self.naming.remove(&before);
            }
        }
        if let Some(now) = now {
            self.naming.entry(now).or_default().insert(row.clone());
        }
    }

    fn take_right(&mut self, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("join"))?;
        let naming = self.naming.get(&row).into_iter().flatten();
        let before = self.right.get(&row).map(Stamped::shared);
        let mut changes = Vec::new();
        for left_row in naming {
            let Some(left) = self.left.get(left_row) else {
                continue;
            };
            let key = Some(&left_row.key);
            let value = self.join(key, Some(&left.value), message.value.as_ref())?;
            let old = self.join(key, Some(&left.value), before.as_ref())?;
            if value.is_some() || old.is_some() {
                changes.push((left_row.clone(), value, old, left.time.max(message.time)));
            }
        }
        self.right.put(row, message.value.clone(), message.time);
        out.take();
        for (row, value, old, time) in changes {
            let (key, window) = (Some(row.key), row.window);
            let message = Message {
                key,
                window,
                ..message.clone()
            };
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }
}

impl Operator for ForeignKey {
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        match (message.version, input) {
            (Version::Older, _) => Ok(()),
            (Version::Newest, 0) => self.take_left(message, out),
            (Version::Newest, _) => self.take_right(message, out),
        }
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.left);
        out.put(&self.right);
        out.count(self.naming.len());
        for (named, naming) in &self.naming {
            out.put(named);
            out.count(naming.len());
            naming.iter().for_each(|row| out.put(row));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.left = from.take()?;
        self.right = from.take()?;
        for _ in 0..from.count(1)? {
            let named = from.take()?;
            let naming = from.vec()?.into_iter().collect();
            self.naming.insert(named, naming);
        }
        Ok(())
    }
}
