//! Operators by their definitions: everything that came is kept, and looked at anew each time.
//!
//! Nothing is shared with the engine but what a value is. Where a script has no model of its own,
//! and Kafka Streams did otherwise than the engine, this says who is right.

mod joins;
mod tables;
mod windows;

use std::collections::HashMap;

use serde_json::Value as Json;
use tidemill::record::Value;

use crate::golden::definitions::joins::AsOfJoin;
use crate::golden::definitions::joins::StreamJoin;
use crate::golden::definitions::joins::TableJoin;
use crate::golden::definitions::joins::TablesJoin;
use crate::golden::definitions::tables::Grouped;
use crate::golden::definitions::tables::HeldBack;
use crate::golden::definitions::tables::Table;
use crate::golden::definitions::windows::Windowed;
use crate::golden::functions;
use crate::golden::line::Line;

/// One record of a stream, or one change of a table.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    key: Option<String>,
    window: Option<(i64, i64)>,
    value: Option<Value<'static>>,
    /// Of a table, the value before.
    old: Option<Value<'static>>,
    ts: i64,
}

/// What tells rows of a table apart.
type Row = (String, Option<(i64, i64)>);

impl Said {
    fn row(&self) -> Option<Row> {
        Some((self.key.clone()?, self.window))
    }

    fn changed(self, old: Option<Value<'static>>, value: Option<Value<'static>>) -> Self {
        Self { old, value, ..self }
    }
}

/// What an operator is by its definition.
trait Defined {
    /// What comes of one more message on `input`, in order.
    fn take(&mut self, input: usize, said: Said) -> Vec<Said>;
}

impl<F: FnMut(Said) -> Vec<Said>> Defined for F {
    fn take(&mut self, _input: usize, said: Said) -> Vec<Said> {
        self(said)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Stream,
    Table,
    Versioned(i64),
}

struct Node {
    /// `Err`: a sink of this topic.
    defined: Result<Box<dyn Defined>, String>,
    shape: Shape,
    /// Who reads it, and by which input.
    readers: Vec<(usize, usize)>,
}

/// The operators of a script.
#[derive(Default)]
pub(crate) struct Definitions {
    nodes: Vec<Node>,
    ids: HashMap<String, usize>,
    sources: HashMap<String, usize>,
    came: Vec<Line>,
}

impl Definitions {
    /// Those of `script`; `None` where it has an operator without a definition here.
    pub(crate) fn of(script: &Json) -> Option<Self> {
        let ops = script["topology"].as_array()?;
        let mut definitions = Self::default();
        for (place, op) in ops.iter().enumerate() {
            let is_held = ops.get(place + 1).is_some_and(is_until_close);
            definitions.add(op, is_held)?;
        }
        Some(definitions)
    }

    /// What comes out of one step.
    pub(crate) fn step(&mut self, step: &Json) -> Vec<Line> {
        if let Some(topic) = step["pipe"].as_str() {
            let said = Said {
                key: step["key"].as_str().map(str::to_owned),
                window: None,
                value: functions::value_of(&step["value"]),
                old: None,
                ts: step["ts"].as_i64().expect("ts"),
            };
            self.send(self.sources[topic], 0, said);
        }
        std::mem::take(&mut self.came)
    }

    fn send(&mut self, number: usize, input: usize, said: Said) {
        let node = &mut self.nodes[number];
        let defined = match &mut node.defined {
            Ok(defined) => defined,
            Err(topic) => {
                let topic = topic.clone();
                self.came.push(line(topic, said));
                return;
            }
        };
        let sent = defined.take(input, said);
        let readers = node.readers.clone();
        for said in sent {
            for (reader, input) in &readers {
                self.send(*reader, *input, said.clone());
            }
        }
    }

    fn add(&mut self, op: &Json, is_held: bool) -> Option<()> {
        let names: Vec<&str> = match &op["from"] {
            Json::String(name) => vec![name],
            names => names
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect(),
        };
        let feeds: Option<Vec<usize>> = names
            .iter()
            .map(|name| self.ids.get(*name).copied())
            .collect();
        let feeds = feeds?;
        let shapes: Vec<Shape> = feeds.iter().map(|feed| self.nodes[*feed].shape).collect();
        let number = self.nodes.len();
        let (defined, shape) = match op["op"].as_str()? {
            "to" => (Err(op["topic"].as_str()?.to_owned()), Shape::Stream),
            _ => {
                let (defined, shape) = defined(op, &shapes, is_held)?;
                (Ok(defined), shape)
            }
        };
        self.nodes.push(Node {
            defined,
            shape,
            readers: Vec::new(),
        });
        for (input, feed) in feeds.into_iter().enumerate() {
            self.nodes[feed].readers.push((number, input));
        }
        if let Some(topic) = op["topic"].as_str().filter(|_| op["op"] != "to") {
            self.sources.insert(topic.to_owned(), number);
        }
        if let Some(id) = op["id"].as_str() {
            self.ids.insert(id.to_owned(), number);
        }
        Some(())
    }
}

fn is_until_close(op: &Json) -> bool {
    op["until"] == "window_close"
}

fn line(topic: String, said: Said) -> Line {
    Line {
        topic,
        key: said.key,
        window: said.window,
        value: said.value.as_ref().map(functions::text),
        ts: said.ts,
    }
}

/// The operator `op` over inputs of these shapes; `is_held` where only closed windows matter.
fn defined(op: &Json, shapes: &[Shape], is_held: bool) -> Option<(Box<dyn Defined>, Shape)> {
    let first = shapes.first().copied().unwrap_or(Shape::Stream);
    let is_table = first != Shape::Stream;
    let window = &op["window"];
    Some(match op["op"].as_str()? {
        "stream" | "merge" => (Box::new(|said| vec![said]), Shape::Stream),
        "suppress" if is_until_close(op) => (Box::new(|said| vec![said]), Shape::Table),
        "suppress" => (Box::new(HeldBack::of(op)), Shape::Table),
        "table" => match op["versioned_history_ms"].as_i64() {
            Some(history) => (Box::new(|said| vec![said]), Shape::Versioned(history)),
            None => (Box::new(Table::default()), Shape::Table),
        },
        "to_table" => (Box::new(Table::default()), Shape::Table),
        "to_stream" => (
            Box::new(|said: Said| vec![Said { old: None, ..said }]),
            Shape::Stream,
        ),
        "filter" => (filter(op, is_table), first),
        "map" | "select_key" | "map_values" => (map(op), first),
        "aggregate" if is_table && op["agg"] == "concat" => return None,
        "aggregate" if is_table => (Box::new(Grouped::of(op)), Shape::Table),
        "aggregate" if op.get("group_by").is_none() => {
            let is_final = is_held || op["emit"] == "window_close";
            let is_final = is_final && !window.is_null();
            (Box::new(Windowed::of(op, is_final)), Shape::Table)
        }
        "join" => match (first, shapes.get(1)?) {
            (Shape::Stream, Shape::Stream) => (Box::new(StreamJoin::of(op)), Shape::Stream),
            (Shape::Stream, Shape::Table) => (Box::new(TableJoin::of(op)), Shape::Stream),
            (Shape::Stream, Shape::Versioned(history)) => {
                (Box::new(AsOfJoin::of(op, *history)), Shape::Stream)
            }
            _ => (Box::new(TablesJoin::of(op)), Shape::Table),
        },
        _ => return None,
    })
}

fn filter(op: &Json, is_table: bool) -> Box<dyn Defined> {
    let of = op["where"].clone();
    Box::new(move |said: Said| {
        let is_kept =
            |value: &Value<'static>| functions::holds(&of, said.key.as_deref(), Some(value));
        let (old, value) = (
            said.old.clone().filter(is_kept),
            said.value.clone().filter(is_kept),
        );
        match is_table {
            _ if old.is_some() || value.is_some() => vec![said.changed(old, value)],
            false if functions::holds(&of, said.key.as_deref(), said.value.as_ref()) => vec![said],
            _ => Vec::new(),
        }
    })
}

fn map(op: &Json) -> Box<dyn Defined> {
    let op = op.clone();
    Box::new(move |said: Said| {
        let made = |value: &Option<Value<'static>>| match (value, &op["value"]) {
            (Some(value), of) if !of.is_null() => Some(functions::made_value(of, value)),
            (value, _) => value.clone(),
        };
        let present = |value: &Value<'static>| *value != Value::Null;
        let (old, value) = (
            made(&said.old).filter(present),
            made(&said.value).filter(present),
        );
        let (key, window) = match &op["key"] {
            Json::Null => (said.key.clone(), said.window),
            of => (
                functions::made_key(of, said.key.as_deref(), said.value.as_ref()),
                None,
            ),
        };
        vec![Said {
            key,
            window,
            old,
            value,
            ts: said.ts,
        }]
    })
}
