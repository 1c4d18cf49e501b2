//! A flow of operators that feed each other, in words.

use crate::expr::Program;
use crate::pipeline::explain::Cost;
use crate::pipeline::explain::Fact;
use crate::pipeline::explain::fact;
use crate::pipeline::explain::units;
use crate::stream::graph::reach::Reach;
use crate::stream::graph::topology::Kind;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;

/// What there is to say of a graph: its inputs, then its operators in their order.
pub(super) fn facts(graph: &GraphPlan) -> Vec<Fact> {
    let inputs = graph.inputs.iter();
    let mut facts: Vec<Fact> = inputs.flat_map(|one| input(graph, one)).collect();
    facts.push(fact("operators", chain(graph), Cost::StateRebuilt));
    if graph.inputs.len() > 1 {
        let order = "the record with the smallest event time goes first; all wait for a partition that is known to hold more";
        facts.push(fact("order of inputs", order, Cost::Follows));
        let together = "all topics must have as many partitions, and equal keys the same one";
        facts.push(fact("partitions", together, Cost::Follows));
    }
    facts
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
    let kept = match Reach::of(&graph.topology, input.node) {
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
