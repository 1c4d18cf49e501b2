//! Averages against exact arithmetic (`tests/golden/averages/README.md`).

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use chrono::TimeDelta;
use proptest::prelude::*;
use tidemill::record::Timestamp;
use tidemill::record::Value;
use tidemill::stream::aggregate::Function;
use tidemill::stream::aggregate::accumulator::Accumulator;
use tidemill::stream::aggregate::parameter::Divisor;
use tidemill::stream::aggregate::parameter::Form;
use tidemill::stream::aggregate::parameter::HalfLife;
use tidemill::stream::aggregate::parameter::Nulls;
use tidemill::stream::aggregate::parameter::Smoothing;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::Bounds;
use tidemill::stream::window::RowWindows;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::TrailingWindows;
use tidemill::stream::window::Windows;

use crate::support::averages::Op;
use crate::support::averages::Series;
use crate::support::averages::series;
use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::outs;
use crate::support::stream::step;

/// Adds the records of `series` one by one, and checks the result of each: in an accumulator, in one
/// that could take them back, where there is one, and in a task that is written down and read back
/// after each.
fn check(series: &Series, function: Function) {
    let retractable = Accumulator::retractable(function);
    let plain = Accumulator::new(function);
    for mut accumulator in retractable.into_iter().chain([plain]) {
        let results = series.records.iter().map(|(time, number)| {
            let value = number.map_or(Value::Null, Value::Float);
            accumulator.add(Timestamp(*time), &value).expect("a number");
            result(&accumulator)
        });
        check_all(series, &results.collect::<Vec<_>>());
    }
    check_all(series, &results_of_task(series, function));
}

fn check_all(series: &Series, results: &[Option<f64>]) {
    let mut largest = 0.0f64;
    for (place, ours) in results.iter().enumerate() {
        largest = largest.max(series.records[place].1.unwrap_or(0.0).abs());
        series.check(place, *ours, &series.expect[place], largest);
    }
    assert_eq!(results.len(), series.expect.len(), "{}", series.id);
}

fn results_of_task(series: &Series, function: Function) -> Vec<Option<f64>> {
    let windowing = Windowing {
        windows: Some(Windows::Running),
        emit: Emit::EveryUpdate,
        aggregates: vec![("x", function, Some("value.v"))],
        ..Windowing::default()
    };
    let mut task = windowing.task();
    let mut effects = Effects::new();
    let results = series.json_records().into_iter().map(|record| {
        let outs = step(&mut task, &[record], &mut effects);
        task = windowing.reloaded(&task);
        outs.first().expect("a result").json()["x"].as_f64()
    });
    results.collect()
}

fn result(accumulator: &Accumulator) -> Option<f64> {
    match accumulator.result(None).expect("in range") {
        Value::Float(float) => Some(float),
        Value::Null => None,
        other => panic!("{other:?}"),
    }
}

fn run(ops: &[&str], check_one: impl Fn(&Series)) {
    let all = series(ops);
    all.iter().for_each(check_one);
    assert!(all.len() >= 10, "only {} series of {ops:?}", all.len());
}

#[test]
fn running_means_and_variances_are_those_of_exact_arithmetic() {
    run(&["running_mean", "running_var"], |series| {
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
    });
}

#[test]
fn what_is_taken_back_was_never_there() {
    run(&["running_ops"], |series| {
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
    });
}

#[test]
fn means_that_are_smoothed_by_record_are_those_of_the_definition() {
    run(&["ema"], |series| {
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
    });
}

/// Whatever the order in which records come. The recursive form is none of ours: it depends on the
/// order, and loses records of one time.
#[test]
fn means_that_decay_with_time_are_those_of_the_definition() {
    run(&["ema_time_ratio"], |series| {
        let ms = series.params["half_life_ms"].as_i64();
        let half_life = TimeDelta::milliseconds(ms.expect("milliseconds"));
        let half_life = HalfLife::new(half_life).expect("above 0");
        check(series, Function::Ema(half_life));
    });
}

const HALF_LIFE: i64 = 7;

/// Records that were taken in, by key: event time and number.
type Seen = BTreeMap<String, Vec<(i64, f64)>>;

/// The time-decayed mean of all that a key has seen before `end`.
fn decayed(seen: &[(i64, f64)], end: i64) -> f64 {
    let before = seen.iter().filter(|(time, _)| *time < end);
    let end = end.min(1_000);
    let (values, weights) = before.fold((0.0, 0.0), |(values, weights), (time, number)| {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let weight = ((time - end) as f64 / HALF_LIFE as f64).exp2();
        (values + number * weight, weights + weight)
    });
    values / weights
}

/// The results by window start and key, the last one of each.
fn collect(outs: &[Out], into: &mut BTreeMap<(i64, String), f64>) {
    for out in outs
        .iter()
        .filter(|out| out.destination == Destination::Sink)
    {
        let value = out.json();
        let start = value["window"]["start"].as_i64().expect("a start");
        let key = value["key"].as_str().expect("a key").to_owned();
        into.insert((start, key), value["ema"].as_f64().expect("a mean"));
    }
}

fn emits() -> impl Strategy<Value = Emit> {
    prop::sample::select(vec![Emit::Final, Emit::Updates, Emit::EveryUpdate])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Also through state that is saved and loaded after every step.
    #[test]
    fn a_mean_that_decays_covers_the_whole_history_up_to_the_end_of_the_window_and_nothing_later(
        (size, advance, grace) in (1i64..20, 1i64..20, 0i64..12),
        steps in prop::collection::vec((-9i64..7, 0u8..3, -50i64..50), 1..50),
        emit in emits(),
    ) {
        let half_life = HalfLife::new(TimeDelta::milliseconds(HALF_LIFE)).unwrap();
        let windowing = Windowing {
            size, advance: advance.min(size), grace, emit,
            aggregates: vec![
                ("n", Function::Count, None),
                ("ema", Function::Ema(half_life), Some("value")),
            ],
            ..Windowing::default()
        };
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let (mut seen, mut expected, mut ours) = (Seen::new(), BTreeMap::new(), BTreeMap::new());
        let (mut time, mut stream_time) = (0i64, 0i64);
        for ((step_ms, key, number), offset) in steps.into_iter().zip(0..) {
            time = (time + step_ms).max(0);
            stream_time = stream_time.max(time);
            let is_open = |start: i64| start + size + grace > stream_time;
            let key = format!("k{key}");
            let rec = Rec::new(offset, time, &key, &number.to_string());
            collect(&step(&mut task, &[rec], &mut effects), &mut ours);
            let windows = |time: i64| {
                let starts = (0..=time / windowing.advance).map(|n| n * windowing.advance);
                starts.filter(move |start| time < start + size)
            };
            if windows(time).any(is_open) {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                seen.entry(key).or_default().push((time, number as f64));
            }
            for (key, seen) in &seen {
                for start in seen.iter().flat_map(|(time, _)| windows(*time)) {
                    if is_open(start) {
                        expected.insert((start, key.clone()), decayed(seen, start + size));
                    }
                }
            }
            effects.clear();
            task.flush(&mut effects).unwrap();
            collect(&outs(&effects), &mut ours);
            task = windowing.reloaded(&task);
        }
        for (window, mean) in &ours {
            let exact = expected[window];
            prop_assert!((mean - exact).abs() <= 1e-9, "{window:?}: {mean}, not {exact}");
        }
        let must = expected.keys().filter(|(start, _)| {
            emit != Emit::Final || start + size + grace <= stream_time
        });
        prop_assert_eq!(must.count(), ours.len());
    }
}

/// Windows of every kind that is not made of slices, and whether their ends are inside; `None`
/// where they have none.
fn kinds(ms: i64, grace: i64) -> Vec<(Windows, Option<i64>)> {
    let (length, grace) = (TimeDelta::milliseconds(ms), TimeDelta::milliseconds(grace));
    let trailing = |every, bounds| TrailingWindows::new(length, every, bounds, grace).unwrap();
    let tick = Some(TimeDelta::milliseconds(3.min(ms)));
    vec![
        (Windows::Running, None),
        (
            RowWindows::new(NonZeroU32::MIN.saturating_add(2)).into(),
            None,
        ),
        (SessionWindows::new(length, grace).unwrap().into(), Some(1)),
        (SlidingWindows::new(length, grace).unwrap().into(), Some(1)),
        (trailing(None, Bounds::Closed).into(), Some(1)),
        (trailing(None, Bounds::HalfOpen).into(), Some(1)),
        (trailing(tick, Bounds::Closed).into(), Some(1)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Each result as it comes out, and what was put out last of windows that never close.
    #[test]
    fn in_windows_of_every_kind_a_mean_that_decays_covers_the_history_and_nothing_later(
        ms in 1i64..20, grace in prop_oneof![0i64..12, Just(1_000)],
        steps in prop::collection::vec((-9i64..7, 0u8..2, -50i64..50), 1..40),
        emit in emits(),
    ) {
        let half_life = HalfLife::new(TimeDelta::milliseconds(HALF_LIFE)).unwrap();
        for (windows, past) in kinds(ms, grace) {
            let windowing = Windowing {
                emit,
                windows: Some(windows.clone()),
                aggregates: vec![("ema", Function::Ema(half_life), Some("value"))],
                ..Windowing::default()
            };
            let (mut task, mut effects) = (windowing.task(), Effects::new());
            let (mut seen, mut last) = (Seen::new(), BTreeMap::new());
            let end_of = |out: &Out| past.map(|past| {
                past + out.json()["window"]["end"].as_i64().expect("an end")
            });
            let mut time = 0i64;
            for ((step_ms, key, number), offset) in steps.iter().zip(0..) {
                time = (time + step_ms).max(0);
                let key = format!("k{key}");
                let rec = Rec::new(offset, time, &key, &number.to_string());
                let closed = step(&mut task, &[rec], &mut effects);
                // Windows close before the record comes in, but rows come out with it.
                let before = seen.clone();
                if effects.account.late == 0 {
                    #[expect(clippy::cast_precision_loss, reason = "small")]
                    seen.entry(key).or_default().push((time, *number as f64));
                }
                let at_close = match emit {
                    Emit::Final if past.is_some() => before,
                    _ => seen.clone(),
                };
                effects.clear();
                task.flush(&mut effects).unwrap();
                let flushed = outs(&effects);
                let all = closed.iter().map(|out| (out, &at_close));
                for (out, seen) in all.chain(flushed.iter().map(|out| (out, &seen))) {
                    if out.destination != Destination::Sink || out.rec.value.is_none() {
                        last.remove(&out.rec.key);
                        continue;
                    }
                    let key = out.json()["key"].as_str().expect("a key").to_owned();
                    let end = end_of(out).unwrap_or(i64::MAX);
                    let (mean, exact) = (&out.json()["ema"], decayed(&seen[&key], end));
                    let mean = mean.as_f64().expect("a mean");
                    prop_assert!((mean - exact).abs() <= 1e-9, "{windows:?}: {mean}, not {exact}");
                    if past.is_some() && !matches!(windows, Windows::Session(_)) {
                        last.insert(Some(format!("{key} {end}").into_bytes()), (key, end, mean));
                    }
                }
                task = windowing.reloaded(&task);
            }
            for (key, end, mean) in last.values().filter(|_| grace == 1_000) {
                let exact = decayed(&seen[key], *end);
                prop_assert!((mean - exact).abs() <= 1e-9, "{windows:?}: {mean}, not {exact}");
            }
        }
    }
}
