//! Moving averages against exact arithmetic (`tests/golden/averages/README.md`), through tasks.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use serde_json::Value;
use tidemill::stream::aggregate::Function;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::Bounds;
use tidemill::stream::window::RowWindows;
use tidemill::stream::window::TrailingWindows;
use tidemill::stream::window::Windows;

use crate::support::averages::Series;
use crate::support::averages::series;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

fn windowing(windows: impl Into<Windows>, emit: Emit) -> Windowing {
    Windowing {
        windows: Some(windows.into()),
        emit,
        aggregates: vec![
            ("mean", Function::Avg, Some("value.v")),
            ("n", Function::Count, Some("value.v != null")),
        ],
        ..Windowing::default()
    }
}

fn results(outs: Vec<Out>) -> Vec<Value> {
    let sink = outs
        .iter()
        .filter(|out| out.destination == Destination::Sink);
    sink.map(Out::json).collect()
}

/// The results for `given`: in one go, and written down and read back after each record.
fn whole_and_cut(windowing: &Windowing, given: &[Rec]) -> [Vec<Value>; 2] {
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let whole = results(step(&mut task, given, &mut effects));
    let mut task = windowing.task();
    let cut = given.iter().flat_map(|record| {
        let outs = step(&mut task, std::slice::from_ref(record), &mut effects);
        task = windowing.reloaded(&task);
        results(outs)
    });
    [whole, cut.collect()]
}

/// Checks the mean after each record; `None` where fewer than `min` numbers are in it.
fn check(series: &Series, means: &[Value], min: u64) {
    assert_eq!(means.len(), series.records.len(), "{}", series.id);
    let mut largest = 0.0f64;
    for (place, mean) in means.iter().enumerate() {
        largest = largest.max(series.records[place].1.unwrap_or(0.0).abs());
        let is_enough = mean["n"].as_u64().expect("a count") >= min;
        let ours = mean["mean"].as_f64().filter(|_| is_enough);
        series.check(place, ours, &series.expect[place], largest);
    }
}

#[test]
fn trailing_means_are_those_of_exact_arithmetic() {
    let all = series(&["sma_time"]);
    for series in &all {
        let bounds = match series.params["closed"].as_str() {
            Some("both") => Bounds::Closed,
            _ => Bounds::HalfOpen,
        };
        let length = series.params["window_ms"].as_i64().expect("a length");
        let length = TimeDelta::milliseconds(length);
        let trailing = TrailingWindows::new(length, None, bounds, TimeDelta::zero());
        let trailing = trailing.expect("windows");
        let given = series.json_records();
        match series.params["ties"] == "row" {
            // Each record as it comes: those of one time are seen one by one.
            true => {
                let windowing = windowing(trailing, Emit::EveryUpdate);
                for means in whole_and_cut(&windowing, &given) {
                    check(series, &means, 1);
                }
            }
            // Each window as it closes: those of one time are seen together.
            false => {
                let windowing = windowing(trailing, Emit::Final);
                let last = Rec::new(1_000, 1_000_000_000_000, "other", r#"{"v":0}"#);
                let given: Vec<Rec> = given.into_iter().chain([last]).collect();
                for finals in whole_and_cut(&windowing, &given) {
                    let of = |time: i64| finals.iter().find(|one| one["window"]["end"] == time);
                    let times = series.records.iter().map(|(time, _)| *time);
                    let means = times.map(|time| of(time).expect("one").clone());
                    check(series, &means.collect::<Vec<_>>(), 1);
                }
            }
        }
    }
    assert!(all.len() >= 100, "only {} series", all.len());
}

#[test]
fn means_of_the_last_rows_are_those_of_exact_arithmetic() {
    let all = series(&["sma_count"]);
    for series in &all {
        let param = |name: &str| series.params[name].as_u64().expect("a number");
        let rows = u32::try_from(param("n")).ok().and_then(NonZeroU32::new);
        let rows = RowWindows::new(rows.expect("rows"));
        let windowing = windowing(rows, Emit::Final);
        for means in whole_and_cut(&windowing, &series.json_records()) {
            check(series, &means, param("min_periods"));
        }
    }
    assert!(all.len() >= 30, "only {} series", all.len());
}
