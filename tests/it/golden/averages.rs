//! Series of averages with what exact arithmetic gives for them.

use std::path::Path;

use serde_json::Value;
use tidemill::stream::aggregate::Function;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;

use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

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
