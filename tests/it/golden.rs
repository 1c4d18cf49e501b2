//! Scripts with the output that Apache Kafka Streams gives for them.
//!
//! Format and origin: `tests/golden/streams/README.md`. A script with an operator or aggregate that
//! the engine does not have yet is left out and counted.

use std::path::Path;

use serde_json::Value;
use tidemill::stream::aggregate::Function;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

/// One windowed result.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    key: String,
    window: (i64, i64),
    value: String,
    ts: i64,
}

enum Verdict {
    EqualToKafka,
    Explained,
    NotYet,
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the counts are what a reader of the tests looks for"
)]
fn every_script_of_windows_comes_out_as_in_kafka_streams_or_as_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/streams");
    let (mut equal, mut explained, mut not_yet) = (0, 0, 0);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the scripts")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .collect();
    files.sort();
    for file in files {
        for line in std::fs::read_to_string(file).expect("text").lines() {
            match run(&serde_json::from_str(line).expect("JSON")) {
                Verdict::EqualToKafka => equal += 1,
                Verdict::Explained => explained += 1,
                Verdict::NotYet => not_yet += 1,
            }
        }
    }
    let scripts = equal + explained;
    println!(
        "golden streams: {scripts} scripts, {equal} equal to Kafka, {explained} explained, \
         0 unexplained ({not_yet} of operators to come)"
    );
    assert!(scripts >= 181, "only {scripts} scripts were run");
}

fn run(script: &Value) -> Verdict {
    let Some((windowing, in_order)) = windowing(script) else {
        return Verdict::NotYet;
    };
    let id = script["id"].as_str().expect("id");
    let is_avg = script["topology"][1]["agg"] == "avg";
    let mut task = windowing.task();
    let mut effects = Effects::new();
    let different = script["model"]["verdict"] == "different";
    for (index, piped) in script["steps"]
        .as_array()
        .expect("steps")
        .iter()
        .enumerate()
    {
        let outs = match piped.get("pipe") {
            None => Vec::new(),
            Some(_) => step(&mut task, &[record(index, piped)], &mut effects),
        };
        let results = outs
            .iter()
            .filter(|out| out.destination == Destination::Sink);
        let mut ours: Vec<Line> = results.map(|out| our_line(out, is_avg)).collect();
        let mut theirs: Vec<Line> = match different {
            true => &script["model"]["correct"][index],
            false => &script["expect"]["steps"][index]["out"],
        }
        .as_array()
        .expect("lines")
        .iter()
        .map(their_line)
        .collect();
        if !in_order || different {
            ours.sort();
            theirs.sort();
        }
        assert_eq!(ours, theirs, "{id}, step {index}");
    }
    if different {
        Verdict::Explained
    } else {
        Verdict::EqualToKafka
    }
}

/// The flow that computes what `script` does, and whether results must come in its order.
fn windowing(script: &Value) -> Option<(Windowing, bool)> {
    let topology = script["topology"].as_array()?;
    let ops: Vec<&str> = topology.iter().filter_map(|op| op["op"].as_str()).collect();
    let aggregate = &topology.get(1)?;
    let window = &aggregate["window"];
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
    if script["family"] == "throttle" || !is_judged(script) {
        return None;
    }
    let number = |name: &str| window[name].as_i64();
    let size = number("size")?;
    let argument = Some("value");
    let aggregates = match (aggregate["agg"].as_str()?, aggregate["fn"].as_str()) {
        ("count", _) => vec![("x", Function::Count, None)],
        ("sum", _) | ("reduce", Some("sum")) => vec![("x", Function::Sum, argument)],
        ("min", _) => vec![("x", Function::Min, argument)],
        ("max", _) => vec![("x", Function::Max, argument)],
        ("avg", _) => vec![("x", Function::Sum, argument), ("n", Function::Count, None)],
        _ => return None,
    };
    let windowing = Windowing {
        size,
        advance: number("advance").unwrap_or(size),
        grace: number("grace")?,
        emit,
        aggregates,
        ..Windowing::default()
    };
    Some((windowing, emit == Emit::EveryUpdate))
}

/// Hand-written vectors have no model: those that show an oddity of Kafka Streams, and those of a
/// throttled emission, say nothing of us.
fn is_judged(script: &Value) -> bool {
    let oddities = ["u3-", "u4-", "u21-", "tum-null", "tum-upper", "close-tum"];
    let id = script["id"].as_str().unwrap_or_default();
    script.get("model").is_some() || !oddities.iter().any(|oddity| id.starts_with(oddity))
}

fn record(index: usize, piped: &Value) -> Rec {
    Rec {
        key: piped["key"].as_str().map(|key| key.as_bytes().to_vec()),
        value: match &piped["value"] {
            Value::Null => None,
            value => Some(value.to_string().into_bytes()),
        },
        ..Rec::new(
            i64::try_from(index).expect("an offset"),
            piped["ts"].as_i64().expect("a time"),
            "",
            "",
        )
    }
}

fn our_line(out: &Out, is_avg: bool) -> Line {
    let value = out.json();
    Line {
        key: value["key"].as_str().expect("key").to_owned(),
        window: (
            value["window"]["start"].as_i64().expect("start"),
            value["window"]["end"].as_i64().expect("end"),
        ),
        value: match is_avg {
            true => format!("{}/{}", value["x"], value["n"]),
            false => value["x"].to_string(),
        },
        ts: out.rec.timestamp,
    }
}

fn their_line(line: &Value) -> Line {
    Line {
        key: line["key"].as_str().expect("key").to_owned(),
        window: (
            line["window"][0].as_i64().expect("start"),
            line["window"][1].as_i64().expect("end"),
        ),
        value: match &line["value"] {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        },
        ts: line["ts"].as_i64().expect("ts"),
    }
}

/// The mean of what has come so far, against exact arithmetic (`tests/golden/averages/README.md`).
#[test]
fn running_means_are_those_of_exact_arithmetic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/averages/running.jsonl");
    let text = std::fs::read_to_string(path).expect("the series");
    let series: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|series: &Value| series["op"] == "running_mean")
        .collect();
    assert!(series.len() >= 10, "only {} series", series.len());
    for series in series {
        check_running_mean(&series);
    }
}

fn check_running_mean(series: &Value) {
    let all = Windowing {
        size: 1_000_000_000_000,
        advance: 1_000_000_000_000,
        emit: Emit::EveryUpdate,
        aggregates: vec![("mean", Function::Avg, Some("value.v"))],
        ..Windowing::default()
    };
    let (mut task, mut effects) = (all.task(), Effects::new());
    let (times, values) = (series["t"].as_array(), series["v"].as_array());
    let points = times.expect("t").iter().zip(values.expect("v"));
    let mut largest = 0.0f64;
    for (offset, (time, value)) in (0..).zip(points) {
        largest = largest.max(value.as_f64().unwrap_or(0.0).abs());
        let rec = Rec::new(
            offset,
            time.as_i64().expect("a time"),
            "k",
            &format!(r#"{{"v":{value}}}"#),
        );
        let ours = &step(&mut task, &[rec], &mut effects)[0].json()["mean"];
        let exact = &series["expect"][usize::try_from(offset).expect("a place")];
        let (Some(ours), Some(exact)) = (ours.as_f64(), exact.as_f64()) else {
            assert_eq!(
                ours.is_null(),
                exact.is_null(),
                "{} at {offset}",
                series["id"]
            );
            continue;
        };
        let tolerance = 1e-12 * exact.abs().max(f64::MIN_POSITIVE);
        let tolerance = if series["id"].as_str().expect("id").contains("spike_neg") {
            1e-12 * largest
        } else {
            tolerance
        };
        assert!(
            (ours - exact).abs() <= tolerance,
            "{} at {offset}: {ours}, {exact}",
            series["id"]
        );
    }
}
