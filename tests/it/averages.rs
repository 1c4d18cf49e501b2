//! Averages against exact arithmetic (`tests/golden/averages/README.md`).

use chrono::TimeDelta;
use tidemill::record::Timestamp;
use tidemill::record::Value;
use tidemill::stream::aggregate::Function;
use tidemill::stream::aggregate::accumulator::Accumulator;
use tidemill::stream::aggregate::parameter::Divisor;
use tidemill::stream::aggregate::parameter::Form;
use tidemill::stream::aggregate::parameter::HalfLife;
use tidemill::stream::aggregate::parameter::Nulls;
use tidemill::stream::aggregate::parameter::Smoothing;

use crate::support::averages::Op;
use crate::support::averages::Series;
use crate::support::averages::series;

/// Adds the records of `series` one by one, and checks the result of each; also in an accumulator
/// that could take them back, where there is one.
fn check(series: &Series, function: Function) {
    let retractable = Accumulator::retractable(function);
    let plain = Accumulator::new(function);
    for mut accumulator in retractable.into_iter().chain([plain]) {
        let mut largest = 0.0f64;
        for (place, (time, number)) in series.records.iter().enumerate() {
            largest = largest.max(number.unwrap_or(0.0).abs());
            let value = number.map_or(Value::Null, Value::Float);
            accumulator.add(Timestamp(*time), &value).expect("a number");
            let ours = result(&accumulator);
            series.check(place, ours, &series.expect[place], largest);
        }
    }
}

fn result(accumulator: &Accumulator) -> Option<f64> {
    match accumulator.result(None).expect("in range") {
        Value::Float(float) => Some(float),
        Value::Null => None,
        other => panic!("{other:?}"),
    }
}

#[expect(clippy::print_stdout, reason = "the count is what a reader looks for")]
fn run(file: &str, check_one: impl Fn(&Series) -> bool) {
    let all = series(file);
    let checked = all.iter().filter(|series| check_one(series)).count();
    println!("golden averages: {file}: {checked} of {} series", all.len());
    assert!(checked >= 10, "only {checked} series");
}

#[test]
fn running_means_and_variances_are_those_of_exact_arithmetic() {
    run("running.jsonl", |series| {
        let divisor = match series.params["ddof"].as_i64() {
            Some(1) => Divisor::Sample,
            _ => Divisor::Population,
        };
        check(
            series,
            match &*series.op {
                "running_mean" => Function::Avg,
                "running_var" => Function::Variance(divisor),
                other => panic!("{other}"),
            },
        );
        true
    });
}

#[test]
fn what_is_taken_back_was_never_there() {
    run("running_ops.jsonl", |series| {
        let retractable = |function| Accumulator::retractable(function).expect("takes back");
        let mut columns = [
            ("mean", retractable(Function::Avg)),
            (
                "var_pop",
                retractable(Function::Variance(Divisor::Population)),
            ),
            (
                "var_sample",
                retractable(Function::Variance(Divisor::Sample)),
            ),
        ];
        let mut largest = 0.0f64;
        for (place, (op, number)) in series.ops.iter().enumerate() {
            largest = largest.max(number.abs());
            for (name, column) in &mut columns {
                let value = Value::Float(*number);
                match op {
                    Op::Add => column.add(Timestamp(0), &value).expect("a number"),
                    Op::Remove => column.retract(Timestamp(0), &value).expect("was added"),
                }
                let exact = &series.expect[place][*name];
                series.check(place, result(column), exact, largest);
            }
        }
        true
    });
}

#[test]
fn means_that_are_smoothed_by_record_are_those_of_the_definition() {
    run("ema.jsonl", |series| {
        let param = |name: &str| series.params[name].as_f64();
        let by = [
            param("alpha").map(Smoothing::by_factor),
            param("span").map(Smoothing::by_span),
            param("com").map(Smoothing::by_centre_of_mass),
            param("half_life").map(Smoothing::by_half_life),
        ];
        let smoothing = by.into_iter().flatten().next().expect("a smoothing");
        let smoothing = smoothing.expect("a good one");
        let factor = param("alpha_used").expect("a factor");
        let error = (smoothing.factor() - factor).abs();
        assert!(error <= 1e-15 * factor, "{}: {factor}", series.id);
        let form = match series.params["adjust"].as_bool() {
            Some(true) => Form::Adjusted,
            _ => Form::Plain,
        };
        let nulls = match series.params["ignore_missing"].as_bool() {
            Some(true) => Nulls::Skip,
            _ => Nulls::Decay,
        };
        check(series, Function::Ewma(smoothing.with(form, nulls)));
        true
    });
}

/// The recursive form is none of ours: it depends on the order, and loses records of one time.
fn check_by_time(series: &Series) -> bool {
    if series.op != "ema_time_ratio" {
        assert_eq!(series.op, "ema_time_recursive");
        return false;
    }
    let ms = series.params["half_life_ms"]
        .as_i64()
        .expect("milliseconds");
    let half_life = HalfLife::new(TimeDelta::milliseconds(ms)).expect("above 0");
    check(series, Function::Ema(half_life));
    true
}

#[test]
fn means_that_decay_with_time_are_those_of_the_definition() {
    run("ema_time.jsonl", check_by_time);
}

#[test]
fn means_that_decay_with_time_do_not_depend_on_the_order() {
    run("ema_time_unordered.jsonl", check_by_time);
}
