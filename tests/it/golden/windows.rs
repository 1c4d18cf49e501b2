//! Scripts of aggregates: `stream`, `aggregate`, perhaps `suppress` until the window closes, `to`.

use std::collections::BTreeMap;

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
use crate::golden::line::in_order;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;
use crate::support::window_model;
use crate::support::window_model::Kind;
use crate::support::window_model::Model;
use crate::support::window_model::Window;

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

impl Fold {
    fn of(self, texts: &[String]) -> String {
        match self {
            Self::Concat => texts.concat(),
            Self::Plus => texts.join("+"),
            Self::Last => texts.last().cloned().unwrap_or_default(),
        }
    }
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
                let numbers = numbers.map(|number| usize::try_from(number).expect("small"));
                fold.of(&given.in_order(numbers))
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

/// Holds what comes out of `script`, whole and cut at every step, against the definitions; the ids
/// of what makes Kafka Streams differ.
pub(crate) fn judge_by_definition(script: &Value) -> Vec<String> {
    for is_cut in [false, true] {
        let mut run = run_of(script).expect("a script of windows");
        let mut definition = Definition::of(script);
        let steps = script["steps"].as_array().expect("steps");
        for (index, given) in steps.iter().enumerate() {
            let order = match definition.emit {
                Emit::Final => Order::Any,
                Emit::Updates | Emit::EveryUpdate => Order::Net,
            };
            let theirs = in_order(definition.step(given), order);
            let ours = in_order(run.engine.step(index, given), order);
            assert_eq!(ours, theirs, "{}, step {index}", script["id"]);
            if is_cut {
                run.engine.cut();
            }
        }
    }
    let about = script["ref"].as_str().unwrap_or_default().split(' ');
    let oddities: Vec<String> = about
        .filter(|id| id.starts_with("U-"))
        .map(str::to_owned)
        .collect();
    match (
        oddities.is_empty(),
        script["id"].as_str().unwrap_or_default(),
    ) {
        (false, _) => oddities,
        (true, "ses-late-bridge") => vec!["U-5".to_owned()],
        (true, "tum-null-value-count") => vec!["U-7".to_owned()],
        (true, "tum-upper-overflow") => vec!["U-21".to_owned()],
        (true, id) if id.starts_with("throttle") || id.starts_with("close-tum") => {
            vec!["cache".to_owned()]
        }
        (true, id) => vec![format!("the reason of {id}")],
    }
}

/// A script as the definitions have it.
struct Definition {
    model: Model,
    /// What the model knows: records with key and value.
    given: Given,
    shown: Shown,
    emit: Emit,
    known: BTreeMap<Window, Line>,
}

impl Definition {
    fn of(script: &Value) -> Self {
        let aggregate = &script["topology"][1];
        let window = &aggregate["window"];
        let number = |name: &str| window[name].as_i64();
        let kind = match window["type"].as_str() {
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
        let is_final =
            aggregate["emit"] == "window_close" || script["topology"][2]["op"] == "suppress";
        Self {
            model: Model::new(kind, number("grace").unwrap_or(0)),
            given: Given {
                gap: number("gap"),
                ..Given::default()
            },
            shown: Shown::of(aggregate).expect("an aggregate"),
            emit: if is_final {
                Emit::Final
            } else {
                Emit::EveryUpdate
            },
            known: BTreeMap::new(),
        }
    }

    fn step(&mut self, given: &Value) -> Vec<Line> {
        let is_used = !given["key"].is_null() && !given["value"].is_null();
        let time = given["ts"].as_i64().filter(|time| is_used && *time >= 0);
        let (Some(key), Some(time)) = (given["key"].as_str(), time) else {
            return Vec::new();
        };
        self.given.push(given);
        let closed = self.model.add(window_model::Given {
            key: key.to_owned(),
            time,
        });
        if self.emit == Emit::Final {
            let lines = closed.iter();
            let lines = lines.map(|(window, all)| self.line(window, all));
            return lines.filter(is_expressible).collect();
        }
        let open = self.model.open();
        let lines = open.iter().filter(|(_, all)| !all.is_empty());
        let now: BTreeMap<Window, Line> = lines
            .map(|(window, all)| (window.clone(), self.line(window, all)))
            .filter(|(_, line)| is_expressible(line))
            .collect();
        let news = now
            .iter()
            .filter(|(window, line)| self.known.get(*window) != Some(line));
        let mut lines: Vec<Line> = news.map(|(_, line)| line.clone()).collect();
        let is_gone = |window: &&Window| {
            let is_closed = self.model.closed.contains_key(*window);
            window.1.is_some() && !now.contains_key(*window) && !is_closed
        };
        for window in self.known.keys().filter(is_gone) {
            lines.push(Line {
                key: Some(window.0.clone()),
                window: window.1,
                value: None,
                ts: 0,
            });
        }
        self.known = now;
        lines
    }

    fn line(&self, window: &Window, records: &[usize]) -> Line {
        let times = records.iter().map(|number| self.given.records[*number].1);
        Line {
            key: Some(window.0.clone()),
            window: window.1,
            value: Some(self.value(records)),
            ts: times.max().expect("a record"),
        }
    }

    fn value(&self, records: &[usize]) -> String {
        let texts = || self.given.in_order(records.iter().copied());
        let numbers = || {
            let texts = texts().into_iter();
            texts.map(|text| text.parse::<i128>().expect("a number"))
        };
        match self.shown {
            Shown::One(Function::Count) => records.len().to_string(),
            Shown::One(Function::Min) => numbers().min().expect("one").to_string(),
            Shown::One(Function::Max) => numbers().max().expect("one").to_string(),
            Shown::One(_) => numbers().sum::<i128>().to_string(),
            Shown::Avg => format!("{}/{}", numbers().sum::<i128>(), records.len()),
            Shown::Ordered(fold) => fold.of(&texts()),
        }
    }
}

/// A sum beyond 64 bits is an error, and no result.
fn is_expressible(line: &Line) -> bool {
    let integer = line.value.as_deref().and_then(|text| text.parse().ok());
    integer.is_none_or(|integer: i128| i64::try_from(integer).is_ok())
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
