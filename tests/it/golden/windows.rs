//! Scripts of aggregates: `stream`, `aggregate`, perhaps `suppress` until the window closes, `to`.

use chrono::TimeDelta;
use serde_json::Value;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
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
use crate::golden::Run;
use crate::golden::line::Line;
use crate::golden::line::Order;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

/// An engine for `script`, if that is a script of this kind.
pub(crate) fn run_of(script: &Value) -> Option<Run> {
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
    if aggregate.get("group_by").is_some() || script["family"] == "throttle" || !is_judged(script) {
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
    let order = match (emit, aggregate["window"]["type"].as_str()) {
        (Emit::Final, _) => Order::Any,
        // Upstream's in-memory stores give windows from the earliest on.
        (_, Some("sliding")) if script["config"]["store"] == "in_memory" => Order::AnyOrNet,
        (_, Some("session" | "sliding")) => Order::AsTheyCameOrNet,
        _ => Order::AsTheyCameUnlessDefined,
    };
    let task = windowing.task();
    let engine = Aggregation {
        windowing,
        task,
        effects: Effects::new(),
        shown,
        given: Given {
            gap: aggregate["window"]["gap"].as_i64(),
            ..Given::default()
        },
    };
    Some(Run {
        engine: Box::new(engine),
        order,
    })
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

/// How an aggregate of a script is shown.
#[derive(Clone, Copy, Debug)]
enum Shown {
    One(Function),
    /// `sum/count`.
    Avg,
    /// Which records there are, in the order in which they were applied.
    Ordered(Fold),
}

/// What is made of records, in order.
#[derive(Clone, Copy, Debug)]
enum Fold {
    Concat,
    Plus,
    Last,
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
            ("concat", _) => Some(Self::Ordered(Fold::Concat)),
            ("reduce", Some("concat")) => Some(Self::Ordered(Fold::Plus)),
            ("reduce", Some("last")) => Some(Self::Ordered(Fold::Last)),
            _ => None,
        }
    }

    fn aggregates(self) -> Vec<(&'static str, Function, Option<&'static str>)> {
        match self {
            Self::One(Function::Count) => vec![("x", Function::Count, None)],
            Self::One(function) => vec![("x", function, Some("value.x"))],
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

    fn show(self, value: &Value, given: &Given) -> String {
        match self {
            Self::One(_) => value["x"].to_string(),
            Self::Avg => format!("{}/{}", value["x"], value["n"]),
            Self::Ordered(fold) => {
                let numbers = value["x"].as_array().expect("a list").iter();
                let numbers = numbers.map(|number| number.as_u64().expect("a number"));
                let texts = given.in_order(numbers.map(|n| usize::try_from(n).expect("small")));
                match fold {
                    Fold::Concat => texts.concat(),
                    Fold::Plus => texts.join("+"),
                    Fold::Last => texts.last().cloned().unwrap_or_default(),
                }
            }
        }
    }
}

/// What was given: values as text, and times.
#[derive(Debug, Default)]
struct Given {
    records: Vec<(String, i64)>,
    /// Where windows are sessions, which put the earlier one first when they merge.
    gap: Option<i64>,
}

impl Given {
    fn push(&mut self, given: &Value) {
        let text = match &given["value"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        self.records.push((text, given["ts"].as_i64().unwrap_or(0)));
    }

    /// The values of the records with these numbers, in the order in which they were applied.
    fn in_order(&self, numbers: impl Iterator<Item = usize>) -> Vec<String> {
        let mut numbers: Vec<usize> = numbers.collect();
        numbers.sort_unstable();
        let Some(gap) = self.gap else {
            return numbers.iter().map(|n| self.records[*n].0.clone()).collect();
        };
        // First time, last time, values.
        let mut sessions: Vec<(i64, i64, Vec<String>)> = Vec::new();
        for number in numbers {
            let (text, time) = self.records[number].clone();
            let is_joined = |(first, last, _): &(i64, i64, Vec<String>)| {
                time + gap >= *first && last + gap >= time
            };
            let (mut joined, rest): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_joined);
            joined.sort_by_key(|(_, last, _)| *last);
            joined.push((time, time, vec![text]));
            let first = joined.iter().map(|(first, ..)| *first).min().expect("one");
            let last = joined.iter().map(|(_, last, _)| *last).max().expect("one");
            let texts = joined.into_iter().flat_map(|(.., texts)| texts).collect();
            sessions = rest;
            sessions.push((first, last, texts));
        }
        sessions.into_iter().flat_map(|(.., texts)| texts).collect()
    }
}

/// Hand-written vectors have no model: those that show an oddity of Kafka Streams, and those of a
/// throttled emission, say nothing of us.
fn is_judged(script: &Value) -> bool {
    let oddities = [
        "u1-",
        "u2-",
        "u3-",
        "u4-",
        "u5-",
        "u6-",
        "u12-",
        "u13-",
        "u15-",
        "u16-",
        "u19-",
        "u21-",
        "u23-",
        "sli-0",
        "tum-null",
        "tum-upper",
        "close-tum",
        "negative",
    ];
    let id = script["id"].as_str().unwrap_or_default();
    script.get("model").is_some() || !oddities.iter().any(|oddity| id.starts_with(oddity))
}

struct Aggregation {
    windowing: Windowing,
    task: Task,
    effects: Effects,
    shown: Shown,
    given: Given,
}

impl Engine for Aggregation {
    fn step(&mut self, index: usize, given: &Value) -> Vec<Line> {
        self.given.push(given);
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
        let mut out = Writer::new();
        self.task.save(&mut out);
        let bytes = out.into_bytes();
        let mut task = self.windowing.task();
        let mut from = Reader::new(&bytes);
        task.load(&mut from).expect("what was saved");
        from.end().expect("all of it");
        assert_eq!(task.progress(), self.task.progress());
        self.task = task;
    }
}

impl Aggregation {
    fn line(&self, out: &Out) -> Line {
        let key = out.rec.key.clone().expect("a key");
        let bound = |name: &str| out.header(&format!("tidemill-window-{name}"));
        let number = |text: String| text.parse::<i64>().expect("an integer");
        let (window, value) = match out.rec.value {
            Some(_) => {
                let json = out.json();
                let bound = |name: &str| json["window"][name].as_i64();
                (
                    bound("start").zip(bound("end")),
                    Some(self.shown.show(&json, &self.given)),
                )
            }
            None => (
                bound("start").map(number).zip(bound("end").map(number)),
                None,
            ),
        };
        Line {
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
