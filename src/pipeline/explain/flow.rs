//! A flow in words.

use chrono::TimeDelta;

use crate::codec::format::Format;
use crate::expr::Program;
use crate::pipeline::explain::Cost;
use crate::pipeline::explain::Fact;
use crate::pipeline::explain::Section;
use crate::pipeline::explain::fact;
use crate::pipeline::explain::operators;
use crate::pipeline::explain::units;
use crate::pipeline::explain::window;
use crate::stream::aggregate::Function;
use crate::stream::held::Bounds;
use crate::stream::held::WhenFull;
use crate::stream::plan::Emit;
use crate::stream::plan::Empty;
use crate::stream::plan::Flow;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Keying;
use crate::stream::plan::Map;
use crate::stream::plan::NamedAggregate;
use crate::stream::plan::OnError;
use crate::stream::plan::Operator;
use crate::stream::plan::Plan;
use crate::stream::plan::Source;
use crate::stream::plan::Thinning;
use crate::stream::plan::ValueFormat;
use crate::stream::plan::WindowAggregate;

/// What the engine keeps for a key in a slice beside its aggregates: its place in two tables, the
/// largest event time, and whether it has changed.
const SLOT_BYTES: usize = 4 + 4 + 8 + 9;

/// Everything there is to say of `flow`.
pub(super) fn section(plan: &Plan, flow: &Flow) -> Section {
    let mut facts = match &flow.operator {
        Operator::Graph(graph) => operators::facts(plan, flow, graph),
        Operator::Map(_) | Operator::Window(_) => one_input(plan, flow),
    };
    match &flow.operator {
        Operator::Map(map) => facts.push(select(map)),
        Operator::Window(all) => facts.extend(windowed(flow, all)),
        Operator::Graph(graph) => {
            let windows = graph.windows.as_ref();
            facts.extend(
                windows
                    .map(|end| windowed(flow, &end.aggregate))
                    .unwrap_or_default(),
            );
        }
    }
    facts.push(on_error(flow));
    facts.extend(sink(flow));
    Section {
        title: format!("flow {}", flow.name),
        facts,
    }
}

fn one_input(plan: &Plan, flow: &Flow) -> Vec<Fact> {
    let mut facts = source(&flow.source);
    let filter = flow.filter.as_ref().map_or("every record", Program::source);
    facts.push(fact("where", filter, Cost::ResultsDiffer));
    facts.extend(key(plan, flow));
    facts
}

fn source(source: &Source) -> Vec<Fact> {
    let schema = match (source.value_format, &source.value_schema) {
        (Format::Avro, Some(_)) => ", read as the schema in the file says",
        (Format::Avro, None) => ", each as it was written",
        _ => "",
    };
    let time = source.time.as_ref();
    let time = time.map_or("the record's timestamp", Program::source);
    let future = match source.future {
        Some(future) => format!(
            "up to {} beyond the wall clock; further ones are rejected",
            units(future)
        ),
        None => "without bound".to_owned(),
    };
    let idle = match source.idle {
        Some(idle) => format!(
            "a partition that is read to its end and silent for {} follows the wall clock, so its last windows close",
            units(idle)
        ),
        None => {
            "a silent partition waits for ever: its last windows stay open until a record comes"
                .to_owned()
        }
    };
    let format = format!(
        "keys {}, values {}{schema}",
        source.key_format, source.value_format
    );
    vec![
        fact("reads", &*source.topic, Cost::SourceReadAnew),
        fact("format", format, Cost::ResultsDiffer),
        fact("event time", time, Cost::ResultsDiffer),
        fact("future", future, Cost::Nothing),
        fact("idle", idle, Cost::Nothing),
    ]
}

fn key(plan: &Plan, flow: &Flow) -> Vec<Fact> {
    let is_windowed = matches!(flow.operator, Operator::Window(_));
    let key = flow
        .key
        .as_ref()
        .map_or("the record's key", Program::source);
    let cost = match (is_windowed, flow.is_rekeyed()) {
        (false, _) => Cost::ReadersAffected,
        (true, false) => Cost::StateRebuilt,
        (true, true) => Cost::InternalTopic,
    };
    let mut facts = vec![fact("key", key, cost)];
    if !is_windowed {
        return facts;
    }
    let internal = match (flow.is_rekeyed(), &flow.key, flow.source.keying) {
        (true, ..) => format!(
            "{}, as many partitions as {}; none where that has one",
            plan.repartition_topic(flow),
            flow.source.topic
        ),
        (false, Some(_), Keying::AlreadyPartitioned) => {
            "none: the file says that equal keys share a partition".to_owned()
        }
        (false, ..) => "none: records are keyed as their topic is".to_owned(),
    };
    facts.push(fact("internal topic", internal, Cost::Follows));
    facts
}

fn select(map: &Map) -> Fact {
    match &map.select {
        None => fact("select", "the value unchanged", Cost::ReadersAffected),
        Some(columns) => Fact {
            about: "select",
            lines: columns.iter().map(column).collect(),
            cost: Cost::ReadersAffected,
        },
    }
}

fn column((name, program): &(Box<str>, Program)) -> String {
    format!("{name} = {}", program.source())
}

fn windowed(flow: &Flow, all: &WindowAggregate) -> Vec<Fact> {
    let told = window::told(&all.windows);
    let cells: usize = all
        .aggregates
        .iter()
        .map(|named| named.function.state_bytes())
        .sum();
    let select = match &all.select {
        None => vec!["key, window and all aggregates".to_owned()],
        Some(select) => select.columns.iter().map(column).collect(),
    };
    let emit = match all.emit {
        _ if all.thinning != Thinning::Off => thinned(all.thinning),
        Emit::Final => "final: once for each key and window, when it closes".to_owned(),
        Emit::Updates => {
            "updates: with each commit, at most one for each key and window that changed; and when it closes".to_owned()
        }
        Emit::EveryUpdate => "every-update: at each change".to_owned(),
    };
    let late = match &flow.late {
        Some(topic) => format!("to {topic}, as they were; and counted"),
        None => "counted, and dropped".to_owned(),
    };
    let aggregates_cost = match flow.is_rekeyed() {
        true => Cost::InternalTopic,
        false => Cost::StateRebuilt,
    };
    vec![
        fact("window", told.kind, Cost::StateRebuilt),
        fact("closes", told.close, Cost::Follows),
        Fact {
            about: "aggregates",
            lines: all.aggregates.iter().map(aggregate).collect(),
            cost: aggregates_cost,
        },
        fact(
            "state",
            format!(
                "by {}; about {} bytes for each, and the key's own",
                told.kept,
                SLOT_BYTES + cells
            ),
            Cost::Follows,
        ),
        Fact {
            about: "select",
            lines: select,
            cost: Cost::ReadersAffected,
        },
        fact("emits", emit, Cost::ReadersAffected),
        fact("empty windows", empty(all.empty), Cost::ReadersAffected),
        fact("late", late, Cost::Nothing),
    ]
}

/// How changes are thinned out.
fn thinned(thinning: Thinning) -> String {
    match thinning {
        Thinning::Off => "each change".to_owned(),
        Thinning::Every(time) => format!(
            "updates: with commits at least {} apart, at most one for each key and window that changed; and when it closes",
            units(time)
        ),
        Thinning::Hold(time, bounds) => format!(
            "held: the last change of each key and window, {} of event time after the first that has not come out; when it closes at the latest{}",
            units(time),
            bounded(bounds)
        ),
    }
}

/// How much may be held back, as the end of a sentence.
pub(super) fn bounded(bounds: Bounds) -> String {
    let records = bounds.records.map(|records| format!("{records} results"));
    let bytes = bounds.bytes.map(|bytes| format!("about {bytes} bytes"));
    let most: Vec<String> = records.into_iter().chain(bytes).collect();
    if most.is_empty() {
        return "; any number of them is held back".to_owned();
    }
    let beyond = match bounds.when_full {
        WhenFull::EmitEarly => "the oldest come out before their time",
        WhenFull::Stop => "it is an error",
    };
    format!("; beyond {} in a partition {beyond}", most.join(" or "))
}

fn empty(empty: Empty) -> String {
    match empty {
        Empty::Never => "a window without records of a key does not come out".to_owned(),
        Empty::Within(time) => format!(
            "come out when they close, of keys that had a record in the {} before; a restart reads back as far",
            units(time)
        ),
        Empty::Always => {
            "come out when they close, of every key that ever had a record; a restart reads back as far"
                .to_owned()
        }
    }
}

fn aggregate(named: &NamedAggregate) -> String {
    let argument = named.argument.as_ref().map_or("", Program::source);
    format!(
        "{} = {argument_of}",
        named.name,
        argument_of = call(named, argument)
    )
}

/// The call as it was written in a file, or as it would be.
fn call(named: &NamedAggregate, argument: &str) -> String {
    let function = named.function;
    if argument.starts_with(&format!("{function}(")) {
        return argument.to_owned();
    }
    let parameter = match function {
        Function::Top(limit) => return format!("{function}({}, {argument})", limit.get()),
        Function::Ema(half_life) => {
            let half_life = units(TimeDelta::milliseconds(half_life.ms()));
            format!(", duration(\"{half_life}\")")
        }
        Function::Ewma(smoothing) => format!(", {}", smoothing.factor()),
        Function::Quantile(rank) => format!(", {}", rank.get()),
        Function::Collect(limit) => format!(", {}", limit.get()),
        Function::Variance(divisor) | Function::Stddev(divisor) => {
            format!(", \"{}\"", divisor.name())
        }
        _ => String::new(),
    };
    format!("{function}({argument}{parameter})")
}

fn on_error(flow: &Flow) -> Fact {
    let line = match &flow.on_error {
        OnError::Fail => "the pipeline stops at a record that cannot be used".to_owned(),
        OnError::Skip => "records that cannot be used are counted and left out".to_owned(),
        OnError::DeadLetter(topic) => {
            format!(
                "records that cannot be used go to {topic}, with the reason in headers; and are counted"
            )
        }
    };
    fact("on error", line, Cost::Nothing)
}

fn sink(flow: &Flow) -> Vec<Fact> {
    let value = match (&flow.operator, &flow.sink.value) {
        (Operator::Map(Map { select: None }), _) => flow.source.value_format.name().to_owned(),
        (_, ValueFormat::Json) => "json".to_owned(),
        (_, ValueFormat::Avro { .. }) => "avro".to_owned(),
    };
    let key = match (&flow.operator, &flow.key, flow.sink.key) {
        (.., KeyForm::Windowed) => "the key as text and its window, as Kafka Streams has them",
        (Operator::Map(_), None, KeyForm::Text) => "the record's key",
        (.., KeyForm::Text) => "the key as text",
    };
    let order = match &flow.operator {
        Operator::Graph(_) => {
            "results of one key go to one partition, in the order in which they came about"
        }
        Operator::Map(_) => {
            "records of one source partition stay in their order; equal keys go to one partition"
        }
        Operator::Window(_) => {
            "results of one key go to one partition, in the order in which they came about: by the ends of their windows where they are final"
        }
    };
    let schema = match &flow.sink.value {
        ValueFormat::Json => Vec::new(),
        ValueFormat::Avro { schema } => {
            vec![fact("schema", &**schema, Cost::ReadersAffected)]
        }
    };
    let mut facts = vec![fact(
        "writes",
        format!("{}: keys {key}, values {value}", flow.sink.topic),
        Cost::ReadersAffected,
    )];
    facts.extend(schema);
    facts.push(fact("ordered", order, Cost::Follows));
    facts
}
