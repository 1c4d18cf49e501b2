//! Aggregates by windows, and without.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tidemill::record::Value;

use crate::golden::applied;
use crate::golden::definitions::Defined;
use crate::golden::definitions::Said;
use crate::support::window_model::Given;
use crate::support::window_model::Kind;
use crate::support::window_model::Model;
use crate::support::window_model::Window;

/// A stream aggregated by key and window.
pub(crate) struct Windowed {
    op: Json,
    model: Model,
    is_final: bool,
    /// Values and times of all records, by their numbers.
    given: Vec<(Value<'static>, i64)>,
    /// The last result of each open window.
    known: BTreeMap<Window, Value<'static>>,
}

impl Windowed {
    pub(crate) fn of(op: &Json, is_final: bool) -> Self {
        let number = |name: &str| op["window"][name].as_i64();
        let kind = match op["window"]["type"].as_str() {
            None => Kind::Running,
            Some("sliding") => Kind::Sliding {
                difference: number("difference").expect("a difference"),
            },
            Some("session") => Kind::Session {
                gap: number("gap").expect("a gap"),
            },
            _ => Kind::Hopping {
                size: number("size").expect("a size"),
                advance: number("advance").or(number("size")).expect("an advance"),
            },
        };
        Self {
            op: op.clone(),
            model: Model::new(kind, number("grace").unwrap_or(0)),
            is_final,
            given: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// The result of a window that holds the records of these numbers; `None` where that is beyond
    /// 64 bits, which is an error and no result.
    fn result(&self, (window, numbers): (&Window, &Vec<usize>)) -> Option<Said> {
        let records: Vec<_> = numbers.iter().map(|n| self.given[*n].clone()).collect();
        let last = records.iter().map(|(_, time)| *time).max();
        let values = applied::in_order(self.op["window"]["gap"].as_i64(), &records);
        Some(Said {
            key: Some(window.0.clone()),
            window: window.1,
            value: applied::aggregate(&self.op, &values).ok()?,
            old: self.known.get(window).cloned(),
            ts: last.expect("a record"),
        })
    }

    /// What the record with this number changes: rows that are gone, then those it is in or made.
    fn changes(&self, number: usize) -> Vec<Said> {
        let open = &self.model.open;
        let is_gone =
            |window: &&Window| !open.contains_key(*window) && !self.model.closed.contains(*window);
        let gone = self.known.keys().filter(is_gone);
        let gone = gone.map(|window| Said {
            key: Some(window.0.clone()),
            window: window.1,
            value: None,
            old: self.known.get(window).cloned(),
            ts: window.1.map_or(0, |(_, end)| end),
        });
        let touched = open.iter().filter(|(window, numbers)| {
            let is_new = !self.known.contains_key(*window);
            is_new || numbers.contains(&number)
        });
        let results = touched.filter_map(|window| self.result(window));
        gone.chain(results.filter(|said| said.value.is_some() || said.old.is_some()))
            .collect()
    }

    fn remember(&mut self, changes: &[Said]) {
        for said in changes {
            let window = (said.key.clone().expect("a key"), said.window);
            match said.value.clone() {
                Some(value) => self.known.insert(window, value),
                None => self.known.remove(&window),
            };
        }
        let closed = &self.model.closed;
        self.known.retain(|window, _| !closed.contains(window));
    }
}

impl Defined for Windowed {
    fn take(&mut self, _input: usize, said: Said) -> Vec<Said> {
        let (Some(key), Some(value), 0..) = (said.key, said.value, said.ts) else {
            return Vec::new();
        };
        let number = self.given.len();
        self.given.push((value, said.ts));
        let time = said.ts;
        let closed = self.model.add(Given { key, time });
        if self.is_final {
            let results = closed.iter().filter_map(|window| self.result(window));
            return results.filter(|said| said.value.is_some()).collect();
        }
        let changes = self.changes(number);
        self.remember(&changes);
        changes
    }
}
