//! Joins.

use serde_json::Value as Json;
use tidemill::record::Value;

use crate::golden::definitions::Defined;
use crate::golden::definitions::Row;
use crate::golden::definitions::Said;
use crate::golden::functions::joined;

/// Which sides may stay alone.
#[derive(Clone, Copy, Debug)]
struct Alone([bool; 2]);

impl Alone {
    fn of(op: &Json) -> Self {
        Self(match op["type"].as_str() {
            Some("left") => [true, false],
            Some("outer") => [true, true],
            _ => [false, false],
        })
    }
}

/// A value, and what stands on the other side, in the order left, right.
fn pair(side: usize, own: Option<&Value<'_>>, other: Option<&Value<'_>>) -> Value<'static> {
    match side {
        0 => joined(own, other),
        _ => joined(other, own),
    }
}

/// Two streams: pairs of records of one key whose times are near enough.
pub(crate) struct StreamJoin {
    alone: Alone,
    /// How far before and after a record of each side its partners may be.
    reach: [(i64, i64); 2],
    grace: i64,
    time: i64,
    given: Vec<Given>,
}

struct Given {
    side: usize,
    said: Said,
    has_matched: bool,
    is_over: bool,
}

impl StreamJoin {
    pub(crate) fn of(op: &Json) -> Self {
        let [before, after, grace] =
            ["before", "after", "grace"].map(|name| op[name].as_i64().expect("milliseconds"));
        Self {
            alone: Alone::of(op),
            reach: [(before, after), (after, before)],
            grace,
            time: i64::MIN,
            given: Vec::new(),
        }
    }

    fn is_over(&self, side: usize, ts: i64) -> bool {
        ts.saturating_add(self.reach[side].1)
            .saturating_add(self.grace)
            < self.time
    }

    /// The records whose time is over without a partner, each by itself.
    fn close(&mut self) -> Vec<Said> {
        let mut out = Vec::new();
        for number in 0..self.given.len() {
            let given = &self.given[number];
            if given.is_over || !self.is_over(given.side, given.said.ts) {
                continue;
            }
            if self.alone.0[given.side] && !given.has_matched {
                let value = pair(given.side, given.said.value.as_ref(), None);
                out.push(given.said.clone().changed(None, Some(value)));
            }
            self.given[number].is_over = true;
        }
        out.sort_by_key(|said| said.ts);
        out
    }
}

impl Defined for StreamJoin {
    fn take(&mut self, side: usize, said: Said) -> Vec<Said> {
        if said.value.is_none() {
            return Vec::new();
        }
        if said.key.is_none() {
            let value = pair(side, said.value.as_ref(), None);
            let alone = self.alone.0[side].then(|| said.changed(None, Some(value)));
            return alone.into_iter().collect();
        }
        self.time = self.time.max(said.ts);
        let mut out = self.close();
        if self.is_over(side, said.ts) {
            return out;
        }
        let (before, after) = self.reach[side];
        let mut has_matched = false;
        let partners = self.given.iter_mut().filter(|other| {
            let is_near = (said.ts - before..=said.ts + after).contains(&other.said.ts);
            other.side != side && !other.is_over && other.said.row() == said.row() && is_near
        });
        let mut partners: Vec<_> = partners.collect();
        partners.sort_by_key(|other| other.said.ts);
        for other in partners {
            let value = pair(side, said.value.as_ref(), other.said.value.as_ref());
            let ts = said.ts.max(other.said.ts);
            let said = Said { ts, ..said.clone() };
            out.push(said.changed(None, Some(value)));
            other.has_matched = true;
            has_matched = true;
        }
        let is_over = false;
        self.given.push(Given {
            side,
            said,
            has_matched,
            is_over,
        });
        out
    }
}

/// A stream with the rows of a table as they are.
pub(crate) struct TableJoin {
    alone: Alone,
    changes: Vec<Said>,
}

impl TableJoin {
    pub(crate) fn of(op: &Json) -> Self {
        let (alone, changes) = (Alone::of(op), Vec::new());
        Self { alone, changes }
    }
}

/// The value that a table has for `row` after `changes`.
fn last_of(changes: &[Said], row: &Row) -> Option<Value<'static>> {
    let of_row = |said: &&Said| said.row().as_ref() == Some(row);
    changes.iter().rev().find(of_row)?.value.clone()
}

fn with_row(alone: Alone, said: Said, found: Option<Value<'static>>) -> Vec<Said> {
    if said.value.is_none() || (found.is_none() && !alone.0[0]) {
        return Vec::new();
    }
    let value = joined(said.value.as_ref(), found.as_ref());
    vec![said.changed(None, Some(value))]
}

impl Defined for TableJoin {
    fn take(&mut self, input: usize, said: Said) -> Vec<Said> {
        if input == 1 {
            self.changes.push(said);
            return Vec::new();
        }
        let found = said.row().and_then(|row| last_of(&self.changes, &row));
        with_row(self.alone, said, found)
    }
}

/// A stream with the rows of a table as they were at the time of the record.
pub(crate) struct AsOfJoin {
    alone: Alone,
    history: i64,
    grace: Option<i64>,
    /// What the table took in, and its time.
    versions: Vec<Said>,
    table_time: i64,
    time: i64,
    waiting: Vec<Said>,
}

impl AsOfJoin {
    pub(crate) fn of(op: &Json, history: i64) -> Self {
        Self {
            alone: Alone::of(op),
            history,
            grace: op["grace"].as_i64(),
            versions: Vec::new(),
            table_time: i64::MIN,
            time: i64::MIN,
            waiting: Vec::new(),
        }
    }

    fn put(&mut self, said: Said) {
        if said.key.is_some() && said.ts >= self.table_time.saturating_sub(self.history) {
            self.table_time = self.table_time.max(said.ts);
            self.versions.push(said);
        }
    }

    fn found(&self, said: &Said) -> Option<Value<'static>> {
        let of_key = |version: &&Said| said.key.is_some() && version.key == said.key;
        let all = self.versions.iter().filter(of_key);
        let newest = all.clone().map(|version| version.ts).max()?;
        // Of several with one time the last one counts.
        let version = all
            .filter(|version| version.ts <= said.ts)
            .max_by_key(|v| v.ts)?;
        let is_kept = said.ts >= self.table_time.saturating_sub(self.history);
        version
            .value
            .clone()
            .filter(|_| version.ts == newest || is_kept)
    }

    fn joined(&self, said: Said) -> Vec<Said> {
        let found = self.found(&said);
        with_row(self.alone, said, found)
    }
}

impl Defined for AsOfJoin {
    fn take(&mut self, input: usize, said: Said) -> Vec<Said> {
        if input == 1 {
            self.put(said);
            return Vec::new();
        }
        let Some(grace) = self.grace.filter(|_| said.key.is_some()) else {
            return self.joined(said);
        };
        self.time = self.time.max(said.ts);
        let reached = self.time.saturating_sub(grace);
        if said.ts < reached {
            return self.joined(said);
        }
        self.waiting.push(said);
        self.waiting
            .sort_by(|a, b| (a.ts, &a.key).cmp(&(b.ts, &b.key)));
        let over = self.waiting.partition_point(|said| said.ts <= reached);
        let released: Vec<Said> = self.waiting.drain(..over).collect();
        released
            .into_iter()
            .flat_map(|said| self.joined(said))
            .collect()
    }
}

/// Two tables: a row wherever both have one, or as the type of join says.
pub(crate) struct TablesJoin {
    alone: Alone,
    changes: [Vec<Said>; 2],
}

impl TablesJoin {
    pub(crate) fn of(op: &Json) -> Self {
        let (alone, changes) = (Alone::of(op), [Vec::new(), Vec::new()]);
        Self { alone, changes }
    }

    fn joined(&self, row: &Row) -> Option<Value<'static>> {
        let [left, right] = [0, 1].map(|side| last_of(&self.changes[side], row));
        let has_row = match (&left, &right) {
            (Some(_), Some(_)) => true,
            (Some(_), None) => self.alone.0[0],
            (None, Some(_)) => self.alone.0[1],
            (None, None) => false,
        };
        has_row.then(|| joined(left.as_ref(), right.as_ref()))
    }
}

impl Defined for TablesJoin {
    fn take(&mut self, side: usize, said: Said) -> Vec<Said> {
        let Some(row) = said.row() else {
            return Vec::new();
        };
        let other = &self.changes[1 - side];
        let of_row = |other: &&Said| other.row().as_ref() == Some(&row);
        let other = other.iter().rev().find(of_row);
        let other = other
            .filter(|other| other.value.is_some())
            .map(|other| other.ts);
        let before = self.joined(&row);
        self.changes[side].push(said.clone());
        let after = self.joined(&row);
        if before.is_none() && after.is_none() {
            return Vec::new();
        }
        let ts = other.map_or(said.ts, |other| other.max(said.ts));
        vec![Said { ts, ..said }.changed(before, after)]
    }
}
