//! Tables, aggregates over them, and changes held back.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tidemill::record::Value;

use crate::golden::applied;
use crate::golden::definitions::Defined;
use crate::golden::definitions::Row;
use crate::golden::definitions::Said;
use crate::golden::functions;

/// The last value of each key.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<Row, Value<'static>>);

impl Defined for Table {
    fn take(&mut self, _input: usize, said: Said) -> Vec<Said> {
        let Some(row) = said.row() else {
            return Vec::new();
        };
        let old = match said.value.clone() {
            Some(value) => self.0.insert(row, value),
            None => self.0.remove(&row),
        };
        let value = said.value.clone();
        vec![said.changed(old, value)]
    }
}

/// A table aggregated by other keys: by definition, the aggregate over the rows that there are.
pub(crate) struct Grouped {
    op: Json,
    rows: BTreeMap<Row, (String, Value<'static>)>,
    /// The last result of each group, and the largest time of its changes.
    known: BTreeMap<String, (Option<Value<'static>>, i64)>,
}

impl Grouped {
    pub(crate) fn of(op: &Json) -> Self {
        let op = op.clone();
        let (rows, known) = (BTreeMap::new(), BTreeMap::new());
        Self { op, rows, known }
    }

    fn change(&mut self, group: String, ts: i64) -> Said {
        let of_group = self.rows.values().filter(|(of, _)| *of == group);
        let values: Vec<_> = of_group.map(|(_, value)| value.clone()).collect();
        let value = applied::aggregate(&self.op, &values).expect("64 bits");
        let before = self.known.get(&group).cloned();
        let (old, last) = before.unwrap_or((None, ts));
        let ts = last.max(ts);
        self.known.insert(group.clone(), (value.clone(), ts));
        Said {
            key: Some(group),
            window: None,
            value,
            old,
            ts,
        }
    }
}

impl Defined for Grouped {
    fn take(&mut self, _input: usize, said: Said) -> Vec<Said> {
        let Some(row) = said.row() else {
            return Vec::new();
        };
        let before = self.rows.remove(&row).map(|(group, _)| group);
        let group = said.value.as_ref().and_then(|value| {
            functions::made_key(&self.op["group_by"], said.key.as_deref(), Some(value))
        });
        if let (Some(group), Some(value)) = (group.clone(), said.value.clone()) {
            self.rows.insert(row, (group, value));
        }
        let mut groups: Vec<String> = before.into_iter().chain(group).collect();
        groups.dedup();
        let changes = groups.into_iter().map(|group| self.change(group, said.ts));
        changes.collect()
    }
}

/// Changes held back until a time after the first of each row.
pub(crate) struct HeldBack {
    limit: i64,
    records_max: Option<usize>,
    time: i64,
    /// Since when, and the last change.
    held: Vec<(i64, Said)>,
}

impl HeldBack {
    pub(crate) fn of(op: &Json) -> Self {
        Self {
            limit: op["limit_ms"].as_i64().expect("a limit"),
            records_max: op["max_records"]
                .as_u64()
                .and_then(|max| usize::try_from(max).ok()),
            time: i64::MIN,
            held: Vec::new(),
        }
    }
}

impl Defined for HeldBack {
    fn take(&mut self, _input: usize, said: Said) -> Vec<Said> {
        self.time = self.time.max(said.ts);
        let place = self
            .held
            .iter()
            .position(|(_, held)| held.row() == said.row());
        match place {
            Some(place) => {
                let old = self.held[place].1.old.clone();
                self.held[place].1 = Said { old, ..said };
            }
            None => self.held.push((said.ts, said)),
        }
        self.held.sort_by_key(|(since, held)| (*since, held.row()));
        let reached = self.time.saturating_sub(self.limit);
        let over = self.held.partition_point(|(since, _)| *since <= reached);
        let too_many = self
            .held
            .len()
            .saturating_sub(self.records_max.unwrap_or(usize::MAX));
        let out = self.held.drain(..over.max(too_many));
        out.map(|(_, said)| said).collect()
    }
}
