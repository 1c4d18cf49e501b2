//! Topologies of scripts.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde_json::Value as Json;
use tidemill::stream::graph::function::Mapping;
use tidemill::stream::graph::join_window::JoinWindow;
use tidemill::stream::graph::suppress::Bounds;
use tidemill::stream::graph::suppress::WhenFull;
use tidemill::stream::graph::topology::Feed;
use tidemill::stream::graph::topology::JoinType;
use tidemill::stream::graph::topology::Kind;
use tidemill::stream::graph::topology::NodeId;
use tidemill::stream::graph::topology::Shape;
use tidemill::stream::graph::topology::Topology;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::TimeWindows;

use crate::golden::functions;

/// What a script's operators make.
#[derive(Default)]
pub(crate) struct Built {
    pub(crate) topology: Topology,
    pub(crate) sources: HashMap<String, NodeId>,
    pub(crate) sinks: HashMap<NodeId, String>,
    feeds: HashMap<String, Feed>,
    /// Whether windows come out once, when they close.
    is_final: bool,
}

/// The topology of a script; `None` where it has an operator of no known name.
pub(crate) fn build(script: &Json) -> Option<Built> {
    let ops = script["topology"].as_array().expect("operators");
    let mut built = Built {
        is_final: ops.iter().any(|op| op["until"] == "window_close"),
        ..Built::default()
    };
    for op in ops {
        built.add(op)?;
    }
    Some(built)
}

fn millis(json: &Json) -> TimeDelta {
    TimeDelta::milliseconds(json.as_i64().expect("milliseconds"))
}

fn join_type(op: &Json) -> JoinType {
    match op["type"].as_str() {
        Some("left") => JoinType::Left,
        Some("outer") => JoinType::Outer,
        _ => JoinType::Inner,
    }
}

impl Built {
    fn feeds(&self, op: &Json) -> Vec<Feed> {
        let names: Vec<&str> = match &op["from"] {
            Json::Null => Vec::new(),
            Json::String(name) => vec![name],
            names => names
                .as_array()
                .expect("names")
                .iter()
                .filter_map(Json::as_str)
                .collect(),
        };
        names.into_iter().map(|name| self.feeds[name]).collect()
    }

    fn shape(&self, feed: Feed) -> Shape {
        self.topology.shape(feed).expect("a feed")
    }

    fn node(&mut self, kind: Kind, feeds: Vec<Feed>) -> NodeId {
        self.topology.add("node", kind, feeds).expect("it fits")
    }

    fn add(&mut self, op: &Json) -> Option<()> {
        let feeds = self.feeds(op);
        let node = match op["op"].as_str().expect("op") {
            "stream" => self.source(op),
            "table" => {
                let source = self.source(op);
                let kind = match op["versioned_history_ms"].as_i64() {
                    Some(_) => Kind::ToVersioned(millis(&op["versioned_history_ms"])),
                    None => Kind::ToTable,
                };
                self.node(kind, vec![source.into()])
            }
            "to" => {
                let sink = self.node(Kind::Sink, feeds);
                let topic = op["topic"].as_str().expect("topic").to_owned();
                self.sinks.insert(sink, topic);
                return Some(());
            }
            "suppress" if op["until"] == "window_close" => {
                let id = op["id"].as_str()?.to_owned();
                self.feeds.insert(id, *feeds.first()?);
                return Some(());
            }
            "branch" => return self.branch(op, feeds),
            "aggregate" => self.aggregate(op, feeds)?,
            "join" => self.join(op, feeds),
            _ => self.simple(op, feeds)?,
        };
        if let Some(id) = op["id"].as_str() {
            self.feeds.insert(id.to_owned(), node.into());
        }
        Some(())
    }

    fn source(&mut self, op: &Json) -> NodeId {
        let source = self.node(Kind::Source, Vec::new());
        let topic = op["topic"].as_str().expect("topic").to_owned();
        self.sources.insert(topic, source);
        source
    }

    fn simple(&mut self, op: &Json, feeds: Vec<Feed>) -> Option<NodeId> {
        let key = |name: &str| {
            Some(&op[name])
                .filter(|of| !of.is_null())
                .map(functions::key)
        };
        let value = |name: &str| {
            Some(&op[name])
                .filter(|of| !of.is_null())
                .map(functions::value)
        };
        let kind = match op["op"].as_str()? {
            "filter" => Kind::Filter(functions::condition(&op["where"])),
            "filter_not" => Kind::Filter(functions::opposite(&op["where"])),
            "map_values" | "map" | "select_key" => Kind::Map {
                key: key("key"),
                value: value("value"),
            },
            "flat_map" => Kind::FlatMap(functions::flat_map(&op["with"])),
            "merge" => Kind::Merge,
            "repartition" => Kind::Repartition,
            "to_stream" => Kind::ToStream,
            "to_table" => Kind::ToTable,
            "suppress" if op["until"] == "time_limit" => Kind::Suppress(
                millis(&op["limit_ms"]),
                Bounds {
                    records: op["max_records"]
                        .as_u64()
                        .and_then(|max| usize::try_from(max).ok()),
                    bytes: None,
                    when_full: WhenFull::EmitEarly,
                },
            ),
            "fk_join" => Kind::JoinForeign {
                kind: join_type(op),
                foreign: functions::key(&op["fk"]),
                joiner: functions::joiner(),
            },
            _ => return None,
        };
        Some(self.node(kind, feeds))
    }

    fn branch(&mut self, op: &Json, feeds: Vec<Feed>) -> Option<()> {
        let branches = op["branches"].as_array()?;
        let conditions = branches
            .iter()
            .map(|branch| Some(&branch["where"]).filter(|of| !of.is_null()))
            .map(|of| of.map(functions::condition));
        let node = self.node(Kind::Branch(conditions.collect()), feeds);
        for (output, branch) in branches.iter().enumerate() {
            let id = branch["id"].as_str()?.to_owned();
            self.feeds.insert(id, Feed { node, output });
        }
        Some(())
    }

    fn aggregate(&mut self, op: &Json, feeds: Vec<Feed>) -> Option<NodeId> {
        let is_table = self.shape(feeds[0]) != Shape::Stream;
        let fold = functions::fold(op, is_table);
        if is_table {
            let key = functions::key(&op["group_by"]);
            let regrouped = self.node(Kind::Regroup(key), feeds);
            return Some(self.node(Kind::AggregateTable(fold), vec![regrouped.into()]));
        }
        let feeds = match &op["group_by"] {
            Json::Null => feeds,
            of => self.rekeyed(functions::key(of), feeds),
        };
        let emit = match op["emit"].as_str() {
            Some("window_close") => Emit::Final,
            _ if self.is_final => Emit::Final,
            _ => Emit::EveryUpdate,
        };
        let window = &op["window"];
        let kind = match window["type"].as_str() {
            None => Kind::Aggregate(fold),
            Some("tumbling" | "hopping") => {
                let size = millis(&window["size"]);
                let advance = Some(&window["advance"]).filter(|advance| !advance.is_null());
                let advance = advance.map_or(size, millis);
                let windows = TimeWindows::hopping(size, advance, millis(&window["grace"]));
                Kind::AggregateWindows(windows.expect("windows"), fold, emit)
            }
            Some("sliding") => {
                let difference = millis(&window["difference"]);
                let windows = SlidingWindows::new(difference, millis(&window["grace"]));
                Kind::AggregateSliding(windows.expect("windows"), fold, emit)
            }
            Some("session") => Kind::AggregateSessions {
                gap: millis(&window["gap"]),
                grace: millis(&window["grace"]),
                fold,
                emit,
            },
            _ => return None,
        };
        Some(self.node(kind, feeds))
    }

    fn rekeyed(&mut self, key: Mapping, feeds: Vec<Feed>) -> Vec<Feed> {
        let key = Some(key);
        let keyed = self.node(Kind::Map { key, value: None }, feeds);
        let met = self.node(Kind::Repartition, vec![keyed.into()]);
        vec![met.into()]
    }

    fn join(&mut self, op: &Json, feeds: Vec<Feed>) -> NodeId {
        let joiner = functions::joiner();
        let kind = match (self.shape(feeds[0]), self.shape(feeds[1])) {
            (Shape::Stream, Shape::Stream) => {
                let [before, after, grace] =
                    ["before", "after", "grace"].map(|name| millis(&op[name]));
                let window = JoinWindow::new(before, after, grace).expect("a window");
                Kind::JoinStreams(join_type(op), window, joiner)
            }
            (Shape::Stream, _) => Kind::JoinTable {
                kind: join_type(op),
                key: None,
                joiner,
                grace: op["grace"].as_i64().map(TimeDelta::milliseconds),
            },
            _ => Kind::JoinTables(join_type(op), joiner),
        };
        self.node(kind, feeds)
    }
}
