//! Scripts with the output that Apache Kafka Streams gives for them.
//!
//! Format and origin: `tests/golden/streams/README.md`. Where the environment variable
//! `TIDEMILL_GOLDEN` names a folder, the scripts in every `*.jsonl` and `*.jsonl.gz` below it are
//! run too.
//!
//! Each script runs twice: in one go, and cut at every step, where what the tasks wrote down is
//! loaded into fresh ones. What comes out must be what Kafka Streams gave; where its own
//! definitions say otherwise (`model.verdict` is `different`), what they say, and the register of
//! differences (`stream::differences`) must have a row for each reason.

mod averages;
mod line;
mod windows;

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use line::Line;
use line::Order;
use line::in_order;

/// What runs a script, one step at a time.
trait Engine {
    /// What comes out of the step with this index.
    fn step(&mut self, index: usize, step: &Value) -> Vec<Line>;

    /// Writes down all state, and goes on with what is loaded from it.
    fn cut(&mut self);
}

/// An engine for a script, and in which order its results may be compared.
struct Run {
    engine: Box<dyn Engine>,
    order: Order,
}

/// Whether `script` is run here.
pub(crate) fn is_run(script: &Value) -> bool {
    run_of(script).is_some()
}

/// The scripts below the folders that are to be run, each in its file.
pub(crate) fn scripts() -> impl Iterator<Item = Value> {
    let mut files = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/streams"));
    if let Some(folder) = std::env::var_os("TIDEMILL_GOLDEN") {
        files.extend(below(Path::new(&folder)));
    }
    files.into_iter().flat_map(|file| {
        let text = text(&file);
        let scripts = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        scripts.collect::<Vec<Value>>()
    })
}

/// An engine for `script`, where there is one for its operators yet.
fn run_of(script: &Value) -> Option<Run> {
    windows::run_of(script)
}

#[derive(Debug, Default)]
struct Tally {
    equal: usize,
    explained: usize,
    elsewhere: usize,
    reasons: BTreeSet<String>,
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the counts are what a reader of the tests looks for"
)]
fn every_script_comes_out_as_in_kafka_streams_or_as_explained() {
    let mut tally = Tally::default();
    for script in scripts() {
        judge(&script, &mut tally);
    }
    check_register(&tally.reasons);
    let scripts = tally.equal + tally.explained;
    println!(
        "golden streams: {scripts} scripts, {} equal to Kafka, {} explained, 0 unexplained \
         ({} of tables, joins and chains are the business of `golden_graph`)",
        tally.equal, tally.explained, tally.elsewhere
    );
    assert!(scripts >= SCRIPTS_MIN, "only {scripts} scripts were run");
}

/// Every reason for a difference has a row in the register.
pub(crate) fn check_register(reasons: &BTreeSet<String>) {
    let register = include_str!("../../src/stream/differences.rs");
    let has_row = |reason: &&String| register.contains(&format!("//! | {reason} |"));
    let missing: Vec<_> = reasons.iter().filter(|reason| !has_row(reason)).collect();
    assert!(missing.is_empty(), "no row in the register for {missing:?}");
}

/// So many scripts are known to be run.
const SCRIPTS_MIN: usize = 619;

fn judge(script: &Value, tally: &mut Tally) {
    let Some(whole) = run_of(script) else {
        tally.elsewhere += 1;
        return;
    };
    let is_modelled = matches!(
        script["model"]["verdict"].as_str(),
        Some("same" | "different")
    );
    let compared = compare(script, whole, Cut::Never);
    if compared.is_err() && !is_modelled {
        // What the model of the scripts does not know, ours does.
        tally.explained += 1;
        tally.reasons.extend(windows::judge_by_definition(script));
        return;
    }
    let has_repeats = compared.unwrap_or_else(|difference| panic!("{difference}"));
    let cut = compare(script, run_of(script).expect("once more"), Cut::EveryStep);
    cut.unwrap_or_else(|difference| panic!("{difference}"));
    if script["model"]["verdict"] != "different" && !has_repeats {
        tally.equal += 1;
        return;
    }
    tally.explained += 1;
    tally.reasons.extend(has_repeats.then(|| "U-19".to_owned()));
    let reasons = script["model"]["reasons"].as_array().into_iter().flatten();
    let reasons = reasons.filter_map(Value::as_str).map(str::to_owned);
    tally.reasons.extend(reasons);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Never,
    EveryStep,
}

/// Runs `script` and compares; whether Kafka Streams gave a sliding window twice in one step,
/// which says nothing more (U-19).
fn compare(script: &Value, mut run: Run, cut: Cut) -> Result<bool, String> {
    let id = script["id"].as_str().expect("id");
    let different = script["model"]["verdict"] == "different";
    let order = match different {
        true => run.order.of_definitions(),
        false => run.order,
    };
    let is_sliding = script["topology"][1]["window"]["type"] == "sliding";
    let mut has_repeats = false;
    let steps = script["steps"].as_array().expect("steps");
    for (index, step) in steps.iter().enumerate() {
        let theirs = match different {
            true => &script["model"]["correct"][index],
            false => &script["expect"]["steps"][index]["out"],
        };
        let Some(theirs) = theirs.as_array() else {
            return Err(format!("{id}, step {index}: upstream failed"));
        };
        let theirs = theirs.iter().map(Line::of);
        let mut theirs: Vec<Line> = theirs.collect();
        if is_sliding {
            let before = theirs.len();
            theirs.dedup();
            has_repeats |= theirs.len() < before;
        }
        let ours = in_order(run.engine.step(index, step), order);
        let theirs = in_order(theirs, order);
        if ours != theirs {
            let at = format!("{id}, step {index}, cut: {cut:?}");
            return Err(format!("{at}: {ours:#?} instead of {theirs:#?}"));
        }
        if cut == Cut::EveryStep {
            run.engine.cut();
        }
    }
    Ok(has_repeats)
}

/// The files of scripts below `folder`, sorted.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of scripts") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(below(&path));
        } else if name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn text(file: &Path) -> String {
    let bytes = std::fs::read(file).expect("readable");
    let mut text = String::new();
    let is_packed = file.extension().is_some_and(|extension| extension == "gz");
    let read = match is_packed {
        true => flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text),
        false => (&*bytes).read_to_string(&mut text),
    };
    read.expect("text");
    text
}
