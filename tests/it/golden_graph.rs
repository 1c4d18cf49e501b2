//! Scripts of tables, joins and chains of operators, with the output that Apache Kafka Streams
//! gives for them.
//!
//! Format and origin: `tests/golden/streams/README.md`, which also says how each family is
//! compared. Windows of built-in aggregates are judged in `golden`; of folds, here. State is saved and read back between any two steps.

mod build;
mod functions;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value as Json;
use tidemill::record::Timestamp;
use tidemill::record::Value;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::graph::machine::Graph;
use tidemill::stream::graph::message::Key;
use tidemill::stream::graph::message::Message;
use tidemill::stream::graph::topology::NodeId;

use crate::golden::check_register;
use crate::golden::is_run;
use crate::golden::scripts;
use crate::golden_graph::build::Built;
use crate::golden_graph::build::build;

/// One record that came out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    topic: String,
    key: Option<String>,
    window: Option<(i64, i64)>,
    value: Option<String>,
    ts: i64,
}

/// How the output of a step is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Record by record.
    Kept,
    /// In any order.
    Any,
    /// Only what has become of each row in the step.
    Net,
    /// Only the table that results, values only.
    Table,
}

enum Verdict {
    Equal,
    Explained,
    NotYet,
}

/// Scripts whose output differs from Kafka's for a reason in the register, where the script has no
/// output by definition to compare with. Each must differ, or it has no place here.
///
/// `U-25` is not in the register: the first record of a window forwards what the aggregate starts
/// from (the 0 of a count) as its old value, so an aggregate over that table takes out something that was
/// never in it.
const EXPLAINED: [(&str, &str); 27] = [
    ("st-left-s1-018", "U-20"),
    ("suppress-limit-s1-013", "U-7"),
    ("suppress-limit-s1-036", "U-7"),
    ("composite-s1-005", "U-10"),
    ("composite-s1-026", "U-10"),
    ("composite-s1-016", "U-25"),
    ("composite-s1-031", "U-25"),
    ("composite-s1-020", "U-7"),
    ("composite-s1-035", "U-8"),
    ("composite-s1-038", "U-5"),
    ("ss-neg-before", "U-10"),
    ("ss-inner", "U-10"),
    ("ss-left", "U-10"),
    ("ss-0-nograce", "U-14"),
    ("ss-0-nograce-mem", "U-14"),
    ("u8-session-table-agg", "U-8"),
    ("u17-left-null-late", "U-17"),
    ("u17-left-asymmetric", "U-17"),
    ("u17-left-default-config", "U-17"),
    ("u18-negative-after-near-zero", "U-18"),
    ("u18-far-from-zero", "U-10"),
    ("u20-versioned-grace-null-key", "U-20"),
    ("u22-null-moves-join-time", "U-22"),
    ("u22-null-moves-join-time-left", "U-22"),
    ("u24-left-null-before-grace", "U-24"),
    ("u24-outer-null-before-grace", "U-24"),
    ("u24-left-default-config", "U-24"),
];

/// How the output of a script is compared; `None` where it is judged elsewhere, or not at all: a
/// throttled emission says nothing of ours.
fn order_of(script: &Json) -> Option<Order> {
    let family = script["family"].as_str().unwrap_or_default();
    let kept = match family {
        "throttle" => return None,
        "stateless" | "ss-inner" | "ss-left" | "ss-outer" => Order::Any,
        "st-inner" | "st-left" | "suppress-limit" | "composite" => Order::Kept,
        "tt-inner" | "tt-left" | "tt-outer" | "table-groupby" | "fk-join" => Order::Table,
        _ if is_run(script) => return None,
        _ if script.get("model").is_none() => return order_of_vector(script),
        _ if family.ends_with("-close") || family.ends_with("-suppress") => Order::Any,
        "session" => Order::Net,
        _ => Order::Kept,
    };
    Some(kept)
}

/// How a hand-written script is compared: as its family would be.
fn order_of_vector(script: &Json) -> Option<Order> {
    let ops = script["topology"].as_array()?;
    let count = |op: &str| ops.iter().filter(|known| known["op"] == op).count();
    let is_held_back = ops.iter().any(|op| op["until"] == "time_limit");
    match (count("table"), count("join"), count("aggregate")) {
        (2, ..) => Some(Order::Table),
        (0, 1, _) => Some(Order::Any),
        _ if count("filter") > 0 => Some(Order::Table),
        (1, ..) | (_, _, 2) => Some(Order::Kept),
        _ if is_held_back => Some(Order::Kept),
        _ => None,
    }
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the counts are what a reader of the tests looks for"
)]
fn every_script_of_tables_and_joins_comes_out_as_in_kafka_streams_or_as_explained() {
    let (mut equal, mut explained, mut not_yet) = (0, 0, 0);
    let (mut unexplained, mut reasons) = (Vec::new(), BTreeSet::new());
    for script in scripts() {
        let Some(order) = order_of(&script) else {
            continue;
        };
        let id = script["id"].as_str().expect("id");
        let reason = EXPLAINED.iter().find(|(known, _)| *known == id);
        match (run(&script, order), reason) {
            (Ok(Verdict::Equal), Some(_)) => {
                unexplained.push(format!(
                    "{id} is equal to Kafka, and has no reason not to be"
                ));
            }
            (Ok(Verdict::Equal), None) => equal += 1,
            (Ok(Verdict::Explained), _) => {
                explained += 1;
                let given = script["model"]["reasons"].as_array().into_iter().flatten();
                reasons.extend(given.filter_map(Json::as_str).map(str::to_owned));
            }
            (Ok(Verdict::NotYet), _) => not_yet += 1,
            (Err(_), Some((_, reason))) => {
                explained += 1;
                reasons.insert((*reason).to_owned());
            }
            (Err(difference), None) => unexplained.push(difference),
        }
    }
    println!(
        "golden streams, tables, joins and folds: {} scripts, {equal} equal to Kafka, {explained} \
         explained, {} unexplained ({not_yet} of operators to come)",
        equal + explained,
        unexplained.len()
    );
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(equal + explained >= SCRIPTS_MIN, "scripts are missing");
    check_register(&reasons);
}

/// So many scripts are known to be run.
const SCRIPTS_MIN: usize = 552;

fn run(script: &Json, order: Order) -> Result<Verdict, String> {
    let Some(built) = build(script) else {
        return Ok(Verdict::NotYet);
    };
    let mut graph = Graph::new(&built.topology);
    let different = script["model"]["verdict"] == "different";
    let (mut ours_table, mut theirs_table) = (BTreeMap::new(), BTreeMap::new());
    for (index, step) in script["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .enumerate()
    {
        let mut ours = step_of(&mut graph, &built, step);
        graph = cut(&graph, &built);
        let mut theirs = match different {
            true => their_lines(&script["model"]["correct"][index]),
            false => their_lines(&script["expect"]["steps"][index]["out"]),
        };
        if different {
            ours.iter_mut().for_each(|line| line.topic = String::new());
            theirs
                .iter_mut()
                .for_each(|line| line.topic = String::new());
        }
        let is_equal = match order {
            Order::Kept if !different => ours == theirs,
            Order::Kept | Order::Any => {
                ours.sort();
                theirs.sort();
                ours == theirs
            }
            Order::Net => net(&ours) == net(&theirs),
            Order::Table => {
                apply(&mut ours_table, &ours);
                apply(&mut theirs_table, &theirs);
                ours_table == theirs_table
            }
        };
        if !is_equal {
            let id = script["id"].as_str().expect("id");
            return Err(format!(
                "{id}, step {index} {step}:\n  ours   {ours:?}\n  theirs {theirs:?}"
            ));
        }
    }
    Ok(match different {
        true => Verdict::Explained,
        false => Verdict::Equal,
    })
}

/// The graph that goes on from what `graph` has saved.
fn cut(graph: &Graph, built: &Built) -> Graph {
    let mut out = Writer::new();
    graph.save(&mut out);
    let bytes = out.into_bytes();
    let mut from = Reader::new(&bytes);
    let mut fresh = Graph::new(&built.topology);
    fresh.load(&mut from).expect("what was saved");
    from.end().expect("all of it");
    fresh
}

fn step_of(graph: &mut Graph, built: &Built, step: &Json) -> Vec<Line> {
    let Some(topic) = step["pipe"].as_str() else {
        return Vec::new();
    };
    let key = step["key"].as_str().map(functions::own);
    let message = Message::new(
        key.as_ref().and_then(Key::of),
        functions::value_of(&step["value"]),
        Timestamp(step["ts"].as_i64().expect("ts")),
    );
    let mut came_out: Vec<(NodeId, Message)> = Vec::new();
    graph.take(built.sources[topic], message, &mut came_out);
    let line = |(sink, message): (NodeId, Message)| our_line(&built.sinks[&sink], &message);
    came_out.into_iter().map(line).collect()
}

fn our_line(topic: &str, message: &Message) -> Line {
    let text = |value: Value<'_>| functions::text(&value);
    Line {
        topic: topic.to_owned(),
        key: message.key.as_ref().map(|key| text(key.value())),
        window: message.window.map(|span| (span.start.0, span.end.0)),
        value: message.value.as_ref().map(|value| functions::text(value)),
        ts: message.time.0,
    }
}

fn their_lines(lines: &Json) -> Vec<Line> {
    let lines = lines.as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().map(their_line).collect()
}

fn their_line(line: &Json) -> Line {
    let text = |json: &Json| functions::value_of(json).map(|value| functions::text(&value));
    Line {
        topic: line["topic"].as_str().unwrap_or_default().to_owned(),
        key: text(&line["key"]),
        window: line["window"].as_array().map(|window| {
            let end = |index: usize| window[index].as_i64().expect("an end");
            (end(0), end(1))
        }),
        value: text(&line["value"]),
        ts: line["ts"].as_i64().expect("ts"),
    }
}

/// What has become of each row: value and time, no time where there is no value.
fn net(lines: &[Line]) -> BTreeMap<Row, (Option<String>, i64)> {
    let last = lines.iter().map(|line| {
        let time = line.value.as_ref().map_or(0, |_| line.ts);
        ((line.key.clone(), line.window), (line.value.clone(), time))
    });
    last.collect()
}

type Row = (Option<String>, Option<(i64, i64)>);

fn apply(table: &mut BTreeMap<Row, String>, lines: &[Line]) {
    for line in lines {
        let row = (line.key.clone(), line.window);
        match &line.value {
            Some(value) => table.insert(row, value.clone()),
            None => table.remove(&row),
        };
    }
}
