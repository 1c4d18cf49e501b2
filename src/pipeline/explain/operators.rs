//! A flow of operators that feed each other, in words.

use crate::expr::Program;
use crate::pipeline::explain::Cost;
use crate::pipeline::explain::Fact;
use crate::pipeline::explain::fact;
use crate::pipeline::explain::flow::bounded;
use crate::pipeline::explain::units;
use crate::stream::graph::topology::Kind;
use crate::stream::plan::Extent;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::Plan;
use crate::stream::reach::Reach;

/// What there is to say of a graph: its inputs, then its operators in their order.
pub(super) fn facts(plan: &Plan, flow: &Flow, graph: &GraphPlan) -> Vec<Fact> {
    let inputs = graph.inputs.iter();
    let mut facts: Vec<Fact> = inputs.flat_map(|one| input(graph, one)).collect();
    facts.push(fact("operators", chain(graph), Cost::StateRebuilt));
    facts.extend(held(graph));
    let is_shared = |input: &&GraphInput| input.extent == Extent::Partition;
    if graph.inputs.iter().filter(is_shared).count() > 1 {
        let order = "the record with the smallest event time goes first; all wait for a partition that is known to hold more";
        facts.push(fact("order of inputs", order, Cost::Follows));
        let together = "equal keys must stand in the same partition; a topic with fewer partitions than those that it meets goes through an internal topic with as many";
        facts.push(fact("partitions", together, Cost::Follows));
    }
    facts.extend(internal(plan, flow));
    facts
}

/// The internal topics, and what goes through each.
fn internal(plan: &Plan, flow: &Flow) -> Option<Fact> {
    let topics = plan.internal_topics(flow);
    let lines = topics
        .iter()
        .map(|outlet| format!("{}: {}", outlet.topic, outlet.what));
    let mut lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return None;
    }
    lines.push("none where all topics have one partition".to_owned());
    Some(Fact {
        about: "internal topics",
        lines,
        cost: Cost::InternalTopic,
    })
}

/// How changes are held back, where they are.
fn held(graph: &GraphPlan) -> Option<Fact> {
    let mut nodes = graph.topology.nodes().iter();
    let held = nodes.find_map(|node| match node.kind {
        Kind::Suppress(limit, bounds) => Some((limit, bounds)),
        _ => None,
    });
    let (limit, bounds) = held?;
    let line = format!(
        "held: the last change of each row, {} of event time after the first that has not come out{}",
        units(limit),
        bounded(bounds)
    );
    Some(fact("emits", line, Cost::ReadersAffected))
}

/// The operators between sources and sink, in words.
pub(in crate::pipeline) fn chain(graph: &GraphPlan) -> String {
    let nodes = graph.topology.nodes().iter();
    let between = nodes.filter(|node| !matches!(node.kind, Kind::Source | Kind::Sink));
    let words: Vec<&str> = between.map(|node| node.kind.words()).collect();
    words.join(", ")
}

fn input(graph: &GraphPlan, input: &GraphInput) -> Vec<Fact> {
    let (flow, source) = (&input.flow, &input.flow.source);
    let line = format!(
        "{}: keys {}, values {}",
        source.topic, source.key_format, source.value_format
    );
    let of = |program: &Option<Program>, default: &str| {
        let text = program.as_ref().map(Program::source);
        text.map_or_else(|| default.to_owned(), str::to_owned)
    };
    let kept = match Reach::of_input(graph, input.node) {
        _ if input.extent == Extent::Everything => {
            "everything, in every task; read from its beginning at each start, before anything else"
                .to_owned()
        }
        Reach::Nothing => "nothing is kept of its records".to_owned(),
        Reach::Time(time) => format!("records of the last {}", units(time)),
        Reach::All => "everything; a restart reads the topic from where it began".to_owned(),
    };
    vec![
        fact("reads", line, Cost::SourceReadAnew),
        fact(
            "event time",
            of(&source.time, "the record's timestamp"),
            Cost::ResultsDiffer,
        ),
        fact(
            "where",
            of(&flow.filter, "every record"),
            Cost::ResultsDiffer,
        ),
        fact("key", of(&flow.key, "the record's key"), Cost::StateRebuilt),
        fact("keeps", kept, Cost::Follows),
    ]
}
