//! Scripts of one aggregate of a stream, run by a task: `stream`, `aggregate`, perhaps `suppress`
//! until the window closes, `to`.

use chrono::TimeDelta;
use serde_json::Value;
use tidemill::record::Value as Held;
use tidemill::stream::aggregate::Function;
use tidemill::stream::aggregate::parameter::Limit;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::OnError;
use tidemill::stream::task::Task;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::Windows;

use crate::golden::Engine;
use crate::golden::applied;
use crate::golden::functions;
use crate::golden::line::Line;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

/// An engine for `script`, if that is a script of this kind.
pub(crate) fn engine(script: &Value) -> Option<Box<dyn Engine>> {
    let topology = script["topology"].as_array()?;
    let ops: Vec<&str> = topology.iter().filter_map(|op| op["op"].as_str()).collect();
    let aggregate = topology.get(1)?;
    let emit = match (&*ops, aggregate["emit"].as_str()) {
        (["stream", "aggregate", "to"], Some("window_close")) => Emit::Final,
        (["stream", "aggregate", "to"], _) => Emit::EveryUpdate,
        (["stream", "aggregate", "suppress", "to"], _)
            if topology[2]["until"] == "window_close" =>
        {
            Emit::Final
        }
        _ => return None,
    };
    if aggregate.get("group_by").is_some() {
        return None;
    }
    let shown = Shown::of(aggregate)?;
    let windowing = Windowing {
        windows: windows(aggregate)?,
        emit,
        aggregates: shown.aggregates(),
        on_error: OnError::Skip,
        ..windowing(aggregate)
    };
    let task = windowing.task();
    Some(Box::new(Aggregation {
        topic: topology.last()?["topic"].as_str()?.to_owned(),
        windowing,
        task,
        effects: Effects::new(),
        shown,
        gap: aggregate["window"]["gap"].as_i64(),
        given: Vec::new(),
    }))
}

/// Windows that are not tumbling or hopping; the inner `None` is those.
fn windows(aggregate: &Value) -> Option<Option<Windows>> {
    let span = |name: &str| {
        let ms = aggregate["window"][name].as_i64()?;
        Some(TimeDelta::milliseconds(ms))
    };
    match aggregate["window"]["type"].as_str() {
        None => Some(Some(Windows::Running)),
        Some("tumbling" | "hopping") => Some(None),
        Some("session") => {
            let sessions = SessionWindows::new(span("gap")?, span("grace")?);
            Some(Some(sessions.expect("sessions").into()))
        }
        Some("sliding") => {
            let sliding = SlidingWindows::new(span("difference")?, span("grace")?);
            Some(Some(sliding.expect("sliding windows").into()))
        }
        Some(_) => None,
    }
}

/// Tumbling or hopping windows, where it is those.
fn windowing(aggregate: &Value) -> Windowing {
    let number = |name: &str| aggregate["window"][name].as_i64();
    let size = number("size").unwrap_or(1);
    Windowing {
        size,
        advance: number("advance").unwrap_or(size),
        grace: number("grace").unwrap_or(0),
        ..Windowing::default()
    }
}

/// How an aggregate of a script is computed and shown.
#[derive(Clone, Debug)]
enum Shown {
    One(Function),
    /// `sum/count`.
    Avg,
    /// What this operator makes of the records, of which the task says which there are.
    Ordered(Value),
}

impl Shown {
    fn of(aggregate: &Value) -> Option<Self> {
        if aggregate.get("delete_on").is_some() {
            return None;
        }
        match (aggregate["agg"].as_str()?, aggregate["fn"].as_str()) {
            ("count", _) => Some(Self::One(Function::Count)),
            ("sum", _) | ("reduce", Some("sum")) => Some(Self::One(Function::Sum)),
            ("min", _) => Some(Self::One(Function::Min)),
            ("max", _) => Some(Self::One(Function::Max)),
            ("avg", _) => Some(Self::Avg),
            ("concat", _) | ("reduce", Some("concat" | "last")) => {
                Some(Self::Ordered(aggregate.clone()))
            }
            _ => None,
        }
    }

    fn aggregates(&self) -> Vec<(&'static str, Function, Option<&'static str>)> {
        match self {
            Self::One(Function::Count) => vec![("x", Function::Count, None)],
            Self::One(function) => vec![("x", *function, Some("value.x"))],
            Self::Avg => vec![
                ("x", Function::Sum, Some("value.x")),
                ("n", Function::Count, None),
            ],
            Self::Ordered(_) => {
                let all = Limit::new(1_000).expect("a limit");
                vec![("x", Function::Collect(all), Some("value.i"))]
            }
        }
    }
}

struct Aggregation {
    windowing: Windowing,
    task: Task,
    effects: Effects,
    topic: String,
    shown: Shown,
    /// Where windows are sessions.
    gap: Option<i64>,
    /// Values and times, by their numbers.
    given: Vec<(Held<'static>, i64)>,
}

impl Engine for Aggregation {
    fn step(&mut self, index: usize, given: &Value) -> Vec<Line> {
        let value = functions::value_of(&given["value"]).unwrap_or_default();
        self.given.push((value, given["ts"].as_i64().unwrap_or(0)));
        if given.get("pipe").is_none() {
            return Vec::new();
        }
        let outs = step(&mut self.task, &[record(index, given)], &mut self.effects);
        let results = outs
            .iter()
            .filter(|out| out.destination == Destination::Sink);
        results.map(|out| self.line(out)).collect()
    }

    fn cut(&mut self) {
        self.task = self.windowing.reloaded(&self.task);
    }
}

impl Aggregation {
    fn show(&self, value: &Value) -> String {
        match &self.shown {
            Shown::One(_) => value["x"].to_string(),
            Shown::Avg => format!("{}/{}", value["x"], value["n"]),
            Shown::Ordered(op) => {
                let numbers = value["x"].as_array().expect("a list").iter();
                let numbers = numbers.map(|number| number.as_u64().expect("a number"));
                let numbers = numbers.map(|number| usize::try_from(number).expect("small"));
                let mut numbers: Vec<usize> = numbers.collect();
                numbers.sort_unstable();
                let records: Vec<_> = numbers.iter().map(|n| self.given[*n].clone()).collect();
                let values = applied::in_order(self.gap, &records);
                let value = applied::aggregate(op, &values).expect("64 bits");
                functions::text(&value.expect("a value"))
            }
        }
    }

    fn line(&self, out: &Out) -> Line {
        let key = out.rec.key.clone().expect("a key");
        let bound = |name: &str| out.header(&format!("tidemill-window-{name}"));
        let number = |text: String| text.parse::<i64>().expect("an integer");
        let (window, value) = match out.rec.value {
            Some(_) => {
                let json = out.json();
                let bound = |name: &str| json["window"][name].as_i64();
                (bound("start").zip(bound("end")), Some(self.show(&json)))
            }
            None => (
                bound("start").map(number).zip(bound("end").map(number)),
                None,
            ),
        };
        Line {
            topic: self.topic.clone(),
            key: Some(String::from_utf8(key).expect("text")),
            window,
            value,
            ts: out.rec.timestamp,
        }
    }
}

/// The record of a step; its value says also which step it is.
fn record(index: usize, given: &Value) -> Rec {
    let offset = i64::try_from(index).expect("an offset");
    Rec {
        key: given["key"].as_str().map(|key| key.as_bytes().to_vec()),
        value: match &given["value"] {
            Value::Null => None,
            value => Some(format!(r#"{{"x":{value},"i":{index}}}"#).into_bytes()),
        },
        ..Rec::new(offset, given["ts"].as_i64().expect("a time"), "", "")
    }
}
