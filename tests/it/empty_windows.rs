//! Windows without records: which come out, of which keys, and until when.

use chrono::TimeDelta;
use proptest::prelude::*;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::aggregate::Function;
use tidemill::stream::aggregate::parameter::HalfLife;
use tidemill::stream::clock::Reading;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::Empty;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;
use tidemill::stream::window::CalendarWindows;
use tidemill::stream::window::Unit;

use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::ones;
use crate::support::stream::outs;
use crate::support::stream::results;
use crate::support::stream::step;

const YEAR_MS: i64 = 365 * 86_400_000;

fn within(millis: i64) -> Empty {
    Empty::Within(TimeDelta::milliseconds(millis))
}

fn windowing(empty: Empty) -> Windowing {
    Windowing {
        empty,
        ..Windowing::default()
    }
}

fn run(windowing: &Windowing, stamps: &[(i64, &str)]) -> Vec<String> {
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    results(&step(&mut task, &ones(stamps), &mut effects))
}

#[test]
fn a_window_without_records_comes_out_at_its_close_with_what_aggregates_are_of_nothing() {
    let (mut task, mut effects) = (windowing(within(1_000)).task(), Effects::new());
    let outs = step(
        &mut task,
        &ones(&[(5, "a"), (25, "a"), (30, "a")]),
        &mut effects,
    );
    assert_eq!(results(&outs), ["a 0 1 1", "a 10 0 null", "a 20 1 1"]);
    let timestamps: Vec<i64> = outs.iter().map(|out| out.rec.timestamp).collect();
    assert_eq!(timestamps, [5, 19, 25], "the last instant of an empty one");
}

#[test]
fn a_window_that_starts_exactly_so_long_after_a_record_still_comes_out() {
    let stamps = [(10, "a"), (70, "b")];
    let out = run(&windowing(within(10)), &stamps);
    assert_eq!(out, ["a 10 1 1", "a 20 0 null"], "and not [30, 40)");
    let out = run(&windowing(within(9)), &stamps);
    assert_eq!(out, ["a 10 1 1"]);
}

#[test]
fn keys_with_records_come_first_then_the_others_by_their_bytes() {
    let stamps = [
        (1, "c"),
        (2, "b"),
        (3, "a"),
        (11, "d"),
        (12, "b"),
        (20, "a"),
    ];
    let out = run(&windowing(within(100)), &stamps);
    assert_eq!(
        out[3..],
        ["d 10 1 1", "b 10 1 1", "a 10 0 null", "c 10 0 null"]
    );
}

#[test]
fn by_default_nothing_comes_out_of_a_window_without_records() {
    let out = run(&windowing(Empty::Never), &[(1, "a"), (55, "a"), (60, "a")]);
    assert_eq!(out, ["a 0 1 1", "a 50 1 1"]);
}

#[test]
fn with_updates_an_empty_window_comes_out_once_when_it_closes() {
    let windowing = Windowing {
        emit: Emit::Updates,
        ..windowing(within(100))
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let given = ones(&[(1, "a"), (11, "b"), (21, "b")]);
    let mut out = Vec::new();
    for record in given {
        out.extend(step(&mut task, &[record], &mut effects));
        effects.clear();
        task.flush(&mut effects).expect("JSON");
        out.extend(outs(&effects));
    }
    assert_eq!(
        results(&out),
        ["a 0 1 1", "b 10 1 1", "a 10 0 null", "b 20 1 1"]
    );
}

#[test]
fn a_late_record_stays_late_and_its_key_is_known_from_then_on() {
    let (mut task, mut effects) = (windowing(within(15)).task(), Effects::new());
    let given = ones(&[(25, "a"), (9, "z"), (40, "a")]);
    let outs = step(&mut task, &given, &mut effects);
    assert_eq!(effects.account.late, 1);
    assert_eq!(
        results(&outs),
        ["a 20 1 1", "z 20 0 null", "a 30 0 null"],
        "[20, 30) starts 11 ms after z's record, [30, 40) 21 ms"
    );
}

#[test]
fn days_without_records_come_out_as_the_calendar_has_them() {
    let day = 86_400_000;
    let days =
        CalendarWindows::new(Unit::Day, jiff::tz::TimeZone::UTC, TimeDelta::zero()).expect("days");
    let windowing = Windowing {
        windows: Some(days.into()),
        ..windowing(within(2 * day))
    };
    let out = run(&windowing, &[(5, "a"), (9 * day, "b")]);
    let starts = [day, 2 * day].map(|start| format!("a {start} 0 null"));
    assert_eq!(out, [&["a 0 1 1".to_owned()], &starts[..]].concat());
}

#[test]
fn a_mean_over_the_whole_history_goes_on_in_empty_windows() {
    let half_life = HalfLife::new(TimeDelta::milliseconds(10)).expect("a half-life");
    let windowing = Windowing {
        aggregates: vec![("mean", Function::Ema(half_life), Some("value"))],
        ..windowing(within(10))
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let outs = step(&mut task, &ones(&[(5, "a"), (40, "b")]), &mut effects);
    let means: Vec<_> = outs.iter().map(|out| out.json()["mean"].clone()).collect();
    assert_eq!(means, [1.0, 1.0], "of the one value that there is");
}

#[test]
fn in_silence_empty_windows_come_out_as_the_wall_clock_goes_on() {
    let windowing = Windowing {
        idle: Some(5),
        ..windowing(within(1_000))
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &ones(&[(5, "a")]), &mut effects);
    effects.clear();
    for now in [100, 131] {
        task.tick(Timestamp(now), Reading::CaughtUp, &mut effects)
            .expect("JSON");
    }
    assert_eq!(
        results(&outs(&effects)),
        ["a 0 1 1", "a 10 0 null", "a 20 0 null"]
    );
}

/// Steps over `given` until all of it is dealt with; between any two steps that could not go on, a
/// new task takes over from what `again` makes of the old one. What came out of each step.
fn in_batches(
    task: &mut Task,
    given: &[Rec],
    mut again: impl FnMut(&mut Task),
) -> Vec<Vec<String>> {
    let (mut effects, mut batches) = (Effects::new(), Vec::new());
    loop {
        effects.clear();
        let position = task.position();
        let rest = given.iter().filter(|record| record.offset >= position.0);
        let end = task.step(rest.map(Rec::view), Timestamp(0), &mut effects);
        batches.push(results(&outs(&effects)));
        match end {
            StepEnd::Done => return batches,
            StepEnd::Full { .. } => again(task),
            other => panic!("{other:?}"),
        }
    }
}

/// The windows of ten minutes of which a year has 52,560.
const TEN_MINUTES_MS: i64 = 600_000;

fn ten_minutes() -> Windowing {
    Windowing {
        size: TEN_MINUTES_MS,
        advance: TEN_MINUTES_MS,
        ..windowing(Empty::Always)
    }
}

#[test]
fn a_gap_of_a_year_comes_out_in_batches_that_are_bounded_and_leave_nothing_out() {
    let given = ones(&[(0, "all"), (YEAR_MS, "all")]);
    let windowing = ten_minutes();
    let batches = in_batches(&mut windowing.task(), &given, |_| {});
    assert!(batches.len() > 10, "{} batches", batches.len());
    assert!(batches.iter().all(|batch| batch.len() < 10_000));
    let all = batches.concat();
    assert_eq!(all.len(), 52_560);
    let right =
        |(number, line): (i64, &String)| *line == format!("all {} 0 null", number * TEN_MINUTES_MS);
    assert!((1..).zip(&all[1..]).all(right), "each of them, in order");

    let saved = in_batches(&mut windowing.task(), &given, |task| {
        let mut out = Writer::new();
        task.save(&mut out);
        let mut next = windowing.task();
        next.load(&mut Reader::new(&out.into_bytes()))
            .expect("its own");
        *task = next;
    });
    assert!(
        saved.concat() == all,
        "also where each batch is another run's"
    );
}

#[test]
fn a_restart_in_the_middle_of_a_gap_goes_on_with_the_window_after_the_last() {
    let given = ones(&[(0, "all"), (YEAR_MS / 5, "all")]);
    let windowing = ten_minutes();
    let all = in_batches(&mut windowing.task(), &given, |_| {}).concat();
    let again = in_batches(&mut windowing.task(), &given, |task| {
        let progress = task.progress();
        let mut next = windowing.task();
        next.restore(&progress);
        let (mut effects, below) = (Effects::new(), progress.position);
        let replayed: Vec<Rec> = given
            .iter()
            .filter(|rec| rec.offset < below.0)
            .cloned()
            .collect();
        assert_eq!(step(&mut next, &replayed, &mut effects), []);
        *task = next;
    });
    assert!(again.len() > 2);
    assert!(again.concat() == all);
}

#[test]
fn behind_a_repartition_a_gap_comes_out_in_batches_too() {
    let windowing = Windowing {
        key: Some("\"all\""),
        ..ten_minutes()
    };
    let stages = windowing.stages(2);
    let given = ones(&[(0, "a"), (YEAR_MS / 5, "a")]);
    let (mut effects, mut through) = (Effects::new(), Vec::new());
    for partition in 0..2 {
        let before = Task::new(&stages[0], PartitionId(partition), None);
        let mut before = before.expect("JSON");
        let mut sent = step(&mut before, &given, &mut effects);
        effects.clear();
        before.flush(&mut effects).expect("clocks");
        sent.extend(outs(&effects));
        // Of the clock records, which go to every partition, those for this one.
        sent.retain(|out| out.partition.is_none_or(|to| to == 0));
        for out in sent {
            let offset = i64::try_from(through.len()).expect("few");
            through.push(Rec { offset, ..out.rec });
        }
    }
    let after = Task::new(&stages[1], PartitionId(0), None);
    let batches = in_batches(&mut after.expect("JSON"), &through, |task| {
        assert!(task.progress().stream_time < Timestamp(YEAR_MS / 5));
    });
    assert!(batches.len() > 2);
    let all = batches.concat();
    assert_eq!(all.len(), 10_512);
    assert_eq!(all[0], "all 0 2 2", "of both source partitions");
}

/// What comes out by the definition: at each record the windows that it closes, of each key that
/// has a record in the window, or one within reach of its start.
fn by_definition(stamps: &[(i64, &str)], windowing: &Windowing, reach: i64) -> Vec<String> {
    let Windowing {
        size,
        advance,
        grace,
        ..
    } = *windowing;
    let (mut stream_time, mut seen, mut out) =
        (i64::MIN, Vec::<(i64, &str, bool)>::new(), Vec::new());
    for &(time, key) in stamps {
        let later = stream_time.max(time);
        let closes = |end: i64| stream_time < end + grace && end + grace <= later;
        let starts = (0..).map(|number| number * advance);
        let starts = starts.take_while(|start| start + size + grace <= later);
        for start in starts.filter(|start| closes(start + size)) {
            let mut keys: Vec<&str> = seen.iter().map(|(_, key, _)| *key).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let of = seen.iter().filter(|(_, other, _)| *other == key);
                let times = of
                    .clone()
                    .filter(|(at, ..)| *at < start + size && start - at <= reach);
                let count =
                    of.filter(|(at, _, is_late)| (start..start + size).contains(at) && !is_late);
                let count = count.count();
                if count > 0 {
                    out.push(format!("{key} {start} {count} {count}"));
                } else if times.count() > 0 {
                    out.push(format!("{key} {start} 0 null"));
                }
            }
        }
        stream_time = later;
        let last_end = time / advance * advance + size;
        seen.push((time, key, last_end + grace <= stream_time));
    }
    out.sort();
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_comes_out_is_what_the_definition_says_also_after_restarts(
        stamps in prop::collection::vec((0i64..120, 0usize..3), 0..25),
        size in 1i64..12, advance in 1i64..12, grace in 0i64..15, reach in 0i64..40,
        cut in 0usize..25,
    ) {
        let names = ["a", "b", "c"];
        let stamps: Vec<(i64, &str)> = stamps.iter().map(|(time, key)| (*time, names[*key])).collect();
        let windowing = Windowing {
            size, advance: advance.min(size), grace,
            ..windowing(within(reach))
        };
        let expected = by_definition(&stamps, &windowing, reach);
        let sorted = |mut lines: Vec<String>| { lines.sort(); lines };
        prop_assert_eq!(&sorted(run(&windowing, &stamps)), &expected);

        let given = ones(&stamps);
        let (first, rest) = given.split_at(cut.min(given.len()));
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let before = results(&step(&mut task, first, &mut effects));
        let progress = task.progress();
        let mut again = windowing.task();
        again.restore(&progress);
        let from = usize::try_from(progress.committable.0).expect("an offset");
        let after = results(&step(&mut again, &given[from..], &mut effects));
        prop_assert_eq!(&sorted([before.clone(), after].concat()), &expected, "read again");

        let mut out = Writer::new();
        task.save(&mut out);
        let mut loaded = windowing.task();
        loaded.load(&mut Reader::new(&out.into_bytes())).expect("its own");
        let after = results(&step(&mut loaded, rest, &mut effects));
        prop_assert_eq!(&sorted([before, after].concat()), &expected, "saved");
    }
}
