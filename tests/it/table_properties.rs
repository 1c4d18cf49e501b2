//! Random changes of a table against what its rows come to: an aggregate of a table is at any time
//! that of the rows that there are, whatever was taken back before.
//!
//! A case is made of a seed; `TIDEMILL_CASES` says how many there are.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_json::json;
use tidemill::record::Timestamp;
use tidemill::record::Value;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::graph::aggregates::Aggregates;
use tidemill::stream::graph::function::Function;
use tidemill::stream::graph::function::Mapping;
use tidemill::stream::graph::function::View;
use tidemill::stream::graph::machine::Graph;
use tidemill::stream::graph::message::Key;
use tidemill::stream::graph::message::Message;
use tidemill::stream::graph::topology::Kind;
use tidemill::stream::graph::topology::NodeId;
use tidemill::stream::graph::topology::Topology;

use crate::support::chance::Chance;
use crate::support::expected::Aggregate;
use crate::support::expected::Member;
use crate::support::expected::is_same;
use crate::support::setting;

/// What can be taken back.
const AGGREGATES: [Aggregate; 7] = [
    Aggregate::Count,
    Aggregate::Known,
    Aggregate::Sum,
    Aggregate::Avg,
    Aggregate::Variance,
    Aggregate::Stddev,
    Aggregate::Median,
];

/// A row's group, and its number.
type Row = (&'static str, Option<i64>);

/// A value as the table has it: group and number.
fn value_of((group, number): Row) -> Value<'static> {
    let number = number.map_or(Value::Null, Value::Int);
    Value::List(vec![Value::text(group).into_owned(), number])
}

fn part(view: View<'_>, place: usize) -> Value<'static> {
    match view.value {
        Some(Value::List(parts)) => parts[place].clone(),
        _ => Value::Null,
    }
}

fn arguments(view: View<'_>) -> Vec<Value<'static>> {
    let number = part(view, 1);
    let argument = |aggregate: &Aggregate| match aggregate {
        Aggregate::Count => Value::Bool(true),
        Aggregate::Known => Value::Bool(number != Value::Null),
        _ => number.clone(),
    };
    AGGREGATES.iter().map(argument).collect()
}

fn topology() -> (Topology, NodeId) {
    let mut topology = Topology::new();
    let mut add = |kind, feeds: &[NodeId]| {
        topology
            .add("node", kind, feeds.iter().copied())
            .expect("it fits")
    };
    let named = AGGREGATES.map(|aggregate| (aggregate.named().0.into(), aggregate.named().1));
    let aggregates = Aggregates::new(named.into(), Function::new(|view| Ok(arguments(view))));
    let source = add(Kind::Source, &[]);
    let table = add(Kind::ToTable, &[source]);
    let by_group = Mapping::new(|view| Ok(part(view, 0)));
    let regrouped = add(Kind::Regroup(by_group), &[table]);
    let sums = add(Kind::AggregateRows(aggregates), &[regrouped]);
    add(Kind::Sink, &[sums]);
    (topology, source)
}

fn reloaded(graph: &Graph, topology: &Topology) -> Graph {
    let mut out = Writer::new();
    graph.save(&mut out);
    let bytes = out.into_bytes();
    let mut fresh = Graph::new(topology);
    fresh
        .load(&mut Reader::new(&bytes))
        .expect("what was saved");
    fresh
}

fn json_of(value: &Value<'_>) -> Json {
    match value {
        Value::Int(int) => json!(int),
        Value::Float(float) => json!(float),
        Value::Null => Json::Null,
        other => panic!("{other:?}"),
    }
}

/// The aggregates of a result, without its key.
fn results(message: &Message) -> Vec<Json> {
    match message.value.as_deref() {
        Some(Value::Map(entries)) => entries[1..]
            .iter()
            .map(|(_, value)| json_of(value))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn expected(rows: &BTreeMap<&'static str, Row>, group: &str) -> Vec<Json> {
    let of_group = rows.values().filter(|(of, _)| *of == group);
    let members: Vec<Member> = of_group.map(|(_, number)| (0, 0, *number)).collect();
    AGGREGATES.map(|aggregate| aggregate.of(&members, 0)).into()
}

fn run(seed: u64, (topology, source): &(Topology, NodeId)) {
    let mut chance = Chance::new(seed);
    let mut graph = Graph::new(topology);
    let mut rows = BTreeMap::new();
    for step in 0..chance.of(1..24) {
        let key = ["a", "b", "c", "d"][chance.below(4)];
        let row = (["x", "y"][chance.below(2)], Some(chance.of(-9..10)));
        let row = match chance.below(8) {
            0 | 1 => None,
            2 => Some((row.0, None)),
            _ => Some(row),
        };
        let before = match row {
            Some(row) => rows.insert(key, row),
            None => rows.remove(key),
        };
        let key = Key::of(&Value::text(key));
        let message = Message::new(key, row.map(value_of), Timestamp(step));
        let mut came: Vec<(NodeId, Message)> = Vec::new();
        graph.take(*source, message, &mut came);
        let mut touched: Vec<&str> = before.into_iter().chain(row).map(|row| row.0).collect();
        touched.dedup();
        assert_eq!(
            came.len(),
            touched.len(),
            "seed {seed}, step {step}: {came:?}"
        );
        for (group, (_, message)) in touched.into_iter().zip(&came) {
            assert_eq!(message.key, Key::of(&Value::text(group)));
            let (ours, theirs) = (results(message), expected(&rows, group));
            let mut pairs = ours.iter().zip(&theirs);
            let is_right = pairs.all(|(ours, theirs)| is_same(ours, theirs));
            assert!(
                is_right,
                "seed {seed}, step {step}, {group}: {ours:?}, not {theirs:?}"
            );
        }
        if chance.once_in(3) {
            graph = reloaded(&graph, topology);
        }
    }
}

#[test]
fn an_aggregate_of_a_table_is_that_of_its_rows_whatever_was_taken_back() {
    let topology = topology();
    (0..setting("TIDEMILL_CASES", 2_000)).for_each(|seed| run(seed, &topology));
}
