//! Scripts with the output that Apache Kafka Streams gives for them.
//!
//! Format and origin: `tests/golden/streams/README.md`. Where the environment variable
//! `TIDEMILL_GOLDEN` names a folder, the scripts in every `*.jsonl` and `*.jsonl.gz` below it are
//! run too.
//!
//! Each script runs twice: in one go, and cut at every step, where what the engine wrote down is
//! loaded into a fresh one. What comes out must be what Kafka Streams gave. Where its own
//! definitions say otherwise, it must be what they say: the script's own model of them, or, where it
//! has none, ours (`definitions`); and the register of differences (`stream::differences`) must have
//! a row for each reason.

mod applied;
mod averages;
mod build;
mod definitions;
mod functions;
mod graph;
mod line;
mod oddities;
mod task;

use std::collections::BTreeSet;

use serde_json::Value;

use definitions::Definitions;
use line::Line;
use line::Order;
use line::Tables;

use crate::support::json_lines;

/// What runs a script, one step at a time.
trait Engine {
    /// What comes out of the step with this index.
    fn step(&mut self, index: usize, step: &Value) -> Vec<Line>;

    /// Writes down all state, and goes on with what is loaded from it.
    fn cut(&mut self);
}

/// The engines that can run `script`: a graph, and, where it is one aggregate of a stream, a task
/// with built-in aggregates.
fn engines(script: &Value) -> Vec<Box<dyn Engine>> {
    let is_graphs = !ABOUT_TASKS.iter().any(|id| script["id"] == *id);
    let graph = graph::engine(script).filter(|_| is_graphs);
    [task::engine(script), graph]
        .into_iter()
        .flatten()
        .collect()
}

/// Scripts about sums, which are for the functions of a graph to take care of, and about event
/// times, which it is given.
const ABOUT_TASKS: [&str; 2] = ["u12-long-wrap", "negative-ts"];

/// Whose output a script is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judge {
    Kafka,
    /// The model that the script has.
    Model,
    Definitions,
}

#[derive(Debug)]
enum Verdict {
    Equal,
    /// For reasons that stand in the register.
    Explained(Vec<String>),
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the counts are what a reader of the tests looks for"
)]
fn every_script_comes_out_as_in_kafka_streams_or_as_explained() {
    let (mut equal, mut explained) = (0, 0);
    let (mut unexplained, mut reasons) = (Vec::new(), BTreeSet::new());
    let all = json_lines::in_folders("tests/golden/streams", "TIDEMILL_GOLDEN");
    for script in all.filter(|line| line.get("topology").is_some()) {
        match judge(&script) {
            Ok(Verdict::Equal) => equal += 1,
            Ok(Verdict::Explained(why)) => {
                explained += 1;
                reasons.extend(why);
            }
            Err(difference) => unexplained.push(format!("{}: {difference}", script["id"])),
        }
    }
    let scripts = equal + explained + unexplained.len();
    println!(
        "golden streams: {scripts} scripts, {equal} equal to Kafka, {explained} explained, {} \
         unexplained",
        unexplained.len()
    );
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(scripts >= SCRIPTS_MIN, "only {scripts} scripts were run");
    check_register(&reasons);
}

/// So many scripts are known to be run.
const SCRIPTS_MIN: usize = 1_197;

/// Every reason for a difference has a row in the register.
fn check_register(reasons: &BTreeSet<String>) {
    let register = include_str!("../../src/stream/differences.rs");
    let has_row = |reason: &&String| register.contains(&format!("//! | {reason} |"));
    let missing: Vec<_> = reasons.iter().filter(|reason| !has_row(reason)).collect();
    assert!(missing.is_empty(), "no row in the register for {missing:?}");
}

fn judge(script: &Value) -> Result<Verdict, String> {
    if script["model"]["verdict"] == "different" {
        hold(script, Judge::Model)?;
        let reasons = script["model"]["reasons"].as_array().into_iter().flatten();
        let reasons = reasons.filter_map(Value::as_str).map(str::to_owned);
        return Ok(Verdict::Explained(reasons.collect()));
    }
    let difference = match hold(script, Judge::Kafka) {
        Ok(()) => return Ok(Verdict::Equal),
        Err(difference) => difference,
    };
    hold(script, Judge::Definitions)?;
    let mut reasons = oddities::of(script);
    if script["model"]["verdict"] == "same" {
        // Its model looks at the result of a step, and takes nulls as upstream does.
        reasons.retain(|reason| ["U-7", "U-19"].contains(&reason.as_str()));
    }
    match reasons.is_empty() {
        true => Err(difference),
        false => Ok(Verdict::Explained(reasons)),
    }
}

/// Runs `script` by each engine, in one go and cut at every step, and compares.
fn hold(script: &Value, judge: Judge) -> Result<(), String> {
    for cut in [Cut::Never, Cut::EveryStep] {
        let engines = engines(script);
        if engines.is_empty() {
            return Err("an operator that is not known".to_owned());
        }
        for mut engine in engines {
            hold_run(script, judge, &mut *engine, cut)?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    EveryStep,
}

fn hold_run(script: &Value, judge: Judge, engine: &mut dyn Engine, cut: Cut) -> Result<(), String> {
    let mut definitions = match judge {
        Judge::Definitions => {
            Some(Definitions::of(script).ok_or("an operator without definition")?)
        }
        Judge::Kafka | Judge::Model => None,
    };
    let order = order(script, judge);
    let (mut our_tables, mut their_tables) = (Tables::default(), Tables::default());
    let steps = script["steps"].as_array().ok_or("no steps")?;
    for (index, step) in steps.iter().enumerate() {
        let mut ours = engine.step(index, step);
        let mut theirs = match (judge, &mut definitions) {
            (_, Some(definitions)) => definitions.step(step),
            (Judge::Model, _) => lines(&script["model"]["correct"][index])?,
            _ => lines(&script["expect"]["steps"][index]["out"])?,
        };
        if judge == Judge::Model {
            // It names no topics.
            ours = ours.into_iter().map(Line::anywhere).collect();
            theirs = theirs.into_iter().map(Line::anywhere).collect();
        }
        let ours = our_tables.in_order(ours, order);
        let theirs = their_tables.in_order(theirs, order);
        if ours != theirs {
            return Err(format!(
                "step {index}, cut: {cut:?}, {step}:\n  ours: {ours:?}\n  {judge:?}: {theirs:?}"
            ));
        }
        if cut == Cut::EveryStep {
            engine.cut();
        }
    }
    Ok(())
}

/// The lines of a step; there are none behind an error.
fn lines(of: &Value) -> Result<Vec<Line>, String> {
    let lines = of.as_array().ok_or("upstream failed")?;
    Ok(lines.iter().map(Line::of).collect())
}

/// The order in which what comes out of `script` is compared: as it came, but for what the README
/// of the scripts says has none.
fn order(script: &Value, judge: Judge) -> Order {
    let ops = script["topology"].as_array().into_iter().flatten();
    let any = |is_met: fn(&Value) -> bool| ops.clone().any(is_met);
    let is_final = any(|op| op["until"] == "window_close" || op["emit"] == "window_close");
    let is_sliding = any(|op| op["window"]["type"] == "sliding");
    let is_session = any(|op| op["window"]["type"] == "session");
    let is_table = any(|op| op["op"] == "table") && any(|op| op["op"] == "filter");
    match judge {
        _ if is_table || any(|op| op["op"] == "fk_join") => Order::Table,
        _ if is_final => Order::Any,
        // Upstream's stores in memory give windows the other way round.
        Judge::Kafka if is_sliding && script["config"]["store"] == "in_memory" => Order::Any,
        Judge::Kafka => Order::Kept,
        Judge::Model | Judge::Definitions if is_sliding || is_session => Order::Net,
        Judge::Model | Judge::Definitions => Order::Any,
    }
}
