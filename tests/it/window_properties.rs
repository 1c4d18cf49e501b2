//! Every kind of windows against a model of their definitions
//! (`support::window_model`): what comes out of each step, and that a task that was written down
//! and read back at any step goes on the same.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use chrono::TimeDelta;
use proptest::prelude::*;
use tidemill::stream::aggregate::Function;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::window::Bounds;
use tidemill::stream::window::RowWindows;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::SlidingWindows;
use tidemill::stream::window::TimeWindows;
use tidemill::stream::window::TrailingWindows;
use tidemill::stream::window::Windows;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::outs;
use crate::support::stream::step;
use crate::support::window_model::Given;
use crate::support::window_model::Kind;
use crate::support::window_model::Model;
use crate::support::window_model::Window;

/// What a result says: how many, their sum, the largest, and its timestamp.
type Result = (i64, i64, i64, i64);

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => (0i64..14).prop_map(|difference| Kind::Sliding { difference }),
        3 => (0i64..10).prop_map(|gap| Kind::Session { gap }),
        2 => (1i64..14, any::<bool>())
            .prop_map(|(length, is_closed)| Kind::Trailing { length, is_closed }),
        2 => (1i64..14, 1i64..14, any::<bool>()).prop_map(|(length, every, is_closed)| {
            Kind::Ticks { length, every: every.min(length), is_closed }
        }),
        1 => (1usize..6).prop_map(|rows| Kind::Rows { rows }),
        1 => Just(Kind::Running),
        2 => (1i64..14, 1i64..14).prop_map(|(size, advance)| {
            Kind::Hopping { size, advance: advance.min(size) }
        }),
    ]
}

fn windows(kind: Kind, grace: i64) -> Windows {
    let ms = TimeDelta::milliseconds;
    let trailing = |length, every: Option<i64>, is_closed| {
        let bounds = if is_closed {
            Bounds::Closed
        } else {
            Bounds::HalfOpen
        };
        TrailingWindows::new(ms(length), every.map(ms), bounds, ms(grace)).unwrap()
    };
    match kind {
        Kind::Sliding { difference } => SlidingWindows::new(ms(difference), ms(grace))
            .unwrap()
            .into(),
        Kind::Session { gap } => SessionWindows::new(ms(gap), ms(grace)).unwrap().into(),
        Kind::Trailing { length, is_closed } => trailing(length, None, is_closed).into(),
        Kind::Ticks {
            length,
            every,
            is_closed,
        } => trailing(length, Some(every), is_closed).into(),
        Kind::Rows { rows } => {
            let rows = NonZeroU32::new(u32::try_from(rows).unwrap()).unwrap();
            RowWindows::new(rows).into()
        }
        Kind::Running => Windows::Running,
        Kind::Hopping { size, advance } => TimeWindows::hopping(ms(size), ms(advance), ms(grace))
            .unwrap()
            .into(),
    }
}

/// Records that mostly go forward, sometimes leap, and often meet at one time or a bound.
fn records() -> impl Strategy<Value = Vec<Given>> {
    let advance = prop_oneof![6 => -8i64..5, 2 => Just(0i64), 1 => 10i64..40];
    prop::collection::vec((advance, 0u8..3), 0..24).prop_map(|steps| {
        let mut latest = 0i64;
        let given = |(advance, key): (i64, u8)| {
            let time = (latest + advance).max(0);
            latest = latest.max(time);
            Given {
                key: format!("k{key}"),
                time,
            }
        };
        steps.into_iter().map(given).collect()
    })
}

fn record(number: usize, given: &Given) -> Rec {
    let offset = i64::try_from(number).unwrap();
    Rec::new(
        offset,
        given.time,
        &given.key,
        &value_of(number).to_string(),
    )
}

/// Numbers of either sign, so that sums and extremes tell records apart.
fn value_of(number: usize) -> i64 {
    let number = i64::try_from(number).unwrap();
    (number * 7 + 3) * if number % 3 == 0 { -1 } else { 1 }
}

fn result_of(numbers: &[usize], given: &[Given]) -> Result {
    let values = || numbers.iter().map(|number| value_of(*number));
    let times = numbers.iter().map(|number| given[*number].time);
    (
        i64::try_from(numbers.len()).unwrap(),
        values().sum(),
        values().max().unwrap(),
        times.max().unwrap(),
    )
}

/// What came out, in order; no result is a tombstone.
fn results(outs: &[Out]) -> Vec<(Window, Option<Result>)> {
    let sink = outs
        .iter()
        .filter(|out| out.destination == Destination::Sink);
    sink.map(|out| {
        let key = String::from_utf8(out.rec.key.clone().unwrap()).unwrap();
        if out.rec.value.is_none() {
            let bound = |name: &str| out.header(name).unwrap().parse::<i64>().unwrap();
            let bounds = (bound("tidemill-window-start"), bound("tidemill-window-end"));
            return ((key, Some(bounds)), None);
        }
        let json = out.json();
        let bound = |name: &str| json["window"][name].as_i64();
        let number = |name: &str| json[name].as_i64().unwrap();
        let result = (number("n"), number("sum"), number("max"), out.rec.timestamp);
        ((key, bound("start").zip(bound("end"))), Some(result))
    })
    .collect()
}

fn windowing(kind: Kind, grace: i64, emit: Emit) -> Windowing {
    Windowing {
        windows: Some(windows(kind, grace)),
        emit,
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value")),
            ("max", Function::Max, Some("value")),
        ],
        ..Windowing::default()
    }
}

/// What is known of windows after what came out: the last result of each that is still there.
fn apply(known: &mut BTreeMap<Window, Result>, came: Vec<(Window, Option<Result>)>) {
    for (window, result) in came {
        match result {
            Some(result) => known.insert(window, result),
            None => known.remove(&window),
        };
    }
}

fn with_results(
    windows: BTreeMap<Window, Vec<usize>>,
    given: &[Given],
) -> BTreeMap<Window, Result> {
    let result = |(window, numbers): (Window, Vec<usize>)| (window, result_of(&numbers, given));
    windows.into_iter().map(result).collect()
}

/// How many cases each property has: what `TIDEMILL_CASES` says, or few enough for every run.
fn cases() -> u32 {
    let cases = std::env::var("TIDEMILL_CASES").ok();
    cases.map_or(250, |cases| cases.parse().expect("a number of cases"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn final_results_are_those_of_the_definitions_each_once(
        kind in kinds(), grace in 0i64..12, given in records(), cut in 1usize..5,
    ) {
        let windowing = windowing(kind, grace, Emit::Final);
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut model = Model::new(kind, grace);
        let mut late = 0;
        for (number, record_given) in given.iter().enumerate() {
            let closed = model.add(record_given.clone());
            let outs = step(&mut task, &[record(number, record_given)], &mut effects);
            late += effects.account.late;
            let came = results(&outs);
            let theirs = match kind {
                Kind::Rows { .. } => {
                    let mine = |(window, _): &(&Window, &Vec<usize>)| window.0 == record_given.key;
                    let open = model.open();
                    let rows = open.iter().filter(mine);
                    rows.map(|(window, all)| (window.clone(), all.clone())).collect()
                }
                _ => closed,
            };
            let theirs = with_results(theirs, &given);
            prop_assert_eq!(came.len(), theirs.len(), "each once: {:?}", came);
            let mut ours = BTreeMap::new();
            apply(&mut ours, came);
            prop_assert_eq!(ours, theirs, "step {}", number);
            if number % cut == 0 {
                task = windowing.reloaded(&task);
            }
        }
        prop_assert_eq!(late, model.late as u64);
    }

    #[test]
    fn every_update_tells_of_each_change_of_an_open_window_and_of_nothing_else(
        kind in kinds(), grace in 0i64..12, given in records(), cut in 1usize..5,
    ) {
        let windowing = windowing(kind, grace, Emit::EveryUpdate);
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut model = Model::new(kind, grace);
        let mut known: BTreeMap<Window, Result> = BTreeMap::new();
        for (number, record_given) in given.iter().enumerate() {
            let before = with_results(model.open(), &given);
            let closed = model.add(record_given.clone());
            let outs = step(&mut task, &[record(number, record_given)], &mut effects);
            let came = results(&outs);
            if !matches!(kind, Kind::Session { .. }) {
                let after = with_results(model.open(), &given);
                let is_news = |(window, result): &(&Window, &Result)| {
                    before.get(*window) != Some(result)
                };
                let news = after.iter().filter(is_news).count();
                prop_assert_eq!(came.len(), news, "each once: {:?}", came);
            }
            apply(&mut known, came);
            known.retain(|window, _| !closed.contains_key(window));
            let theirs = with_results(model.open(), &given);
            known.retain(|window, _| !model.closed.contains_key(window));
            prop_assert_eq!(&known, &theirs, "step {}", number);
            if number % cut == 0 {
                task = windowing.reloaded(&task);
            }
        }
    }

    #[test]
    fn updates_bring_each_commit_what_has_changed_and_each_window_its_last_word(
        kind in kinds(), grace in 0i64..12, given in records(), commit in 1usize..6,
    ) {
        let windowing = windowing(kind, grace, Emit::Updates);
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut model = Model::new(kind, grace);
        let mut known: BTreeMap<Window, Result> = BTreeMap::new();
        let mut finals: BTreeMap<Window, Result> = BTreeMap::new();
        for (number, record_given) in given.iter().enumerate() {
            let closed = with_results(model.add(record_given.clone()), &given);
            let stepped = step(&mut task, &[record(number, record_given)], &mut effects);
            apply(&mut known, results(&stepped));
            for (window, result) in &closed {
                prop_assert_eq!(known.get(window), Some(result), "the last word");
            }
            finals.extend(closed);
            if number % commit == 0 {
                effects.clear();
                task.flush(&mut effects).unwrap();
                let came = results(&outs(&effects));
                let mut windows: Vec<_> = came.iter().map(|(window, _)| window).collect();
                let count = windows.len();
                windows.sort();
                windows.dedup();
                prop_assert_eq!(windows.len(), count, "each at most once: {:?}", came);
                apply(&mut known, came);
                let mut theirs = with_results(model.open(), &given);
                theirs.extend(finals.clone());
                prop_assert_eq!(&known, &theirs, "after {}", number);
                task = windowing.reloaded(&task);
            }
        }
    }
}

#[test]
fn a_session_longer_than_its_gap_is_whole_after_a_restart_that_reads_it_again() {
    let windowing = windowing(Kind::Session { gap: 10 }, 0, Emit::Final);
    let given: Vec<Given> = [0, 0, 8, 16, 24, 32, 40, 60]
        .into_iter()
        .zip(["b", "a", "a", "a", "a", "a", "a", "c"])
        .map(|(time, key)| Given {
            key: key.to_owned(),
            time,
        })
        .collect();
    let records: Vec<Rec> = (0..)
        .zip(&given)
        .map(|(n, given)| record(n, given))
        .collect();
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let outs = step(&mut task, &records[..6], &mut effects);
    assert_eq!(results(&outs).len(), 1, "b's session is over");
    let progress = task.progress();
    assert_eq!(progress.committable.0, 1);
    let mut task = windowing.task();
    task.restore(&progress);
    let outs = step(&mut task, &records[1..], &mut effects);
    let whole = result_of(&[1, 2, 3, 4, 5, 6], &given);
    let expected = [(("a".to_owned(), Some((0, 40))), Some(whole))];
    assert_eq!(results(&outs), expected);
    assert_eq!(effects.account.late, 0);
}

/// What comes out from record `stop` on of a task that stopped there and reads again what its
/// windows need; `saved_at`: how many records after its restart it is written down and read back.
fn restarted(
    windowing: &Windowing,
    records: &[Rec],
    stop: usize,
    saved_at: Option<usize>,
) -> Vec<Out> {
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &records[..stop], &mut effects);
    let progress = task.progress();
    task = windowing.task();
    task.restore(&progress);
    let again = usize::try_from(progress.committable.0).unwrap();
    let mut came = Vec::new();
    for (number, record) in records[again..].iter().enumerate() {
        if saved_at == Some(number) {
            task = windowing.reloaded(&task);
        }
        came.extend(step(&mut task, std::slice::from_ref(record), &mut effects));
    }
    came
}

#[test]
fn a_task_that_is_saved_while_it_catches_up_still_knows_how_far_it_had_come() {
    // The session of `a` is open from first to last, those of `b` come and go.
    let given: Vec<Given> = [0, 0, 8, 16, 16, 24, 32, 40, 60]
        .into_iter()
        .zip(["a", "b", "a", "a", "b", "a", "a", "a", "c"])
        .map(|(time, key)| Given {
            key: key.to_owned(),
            time,
        })
        .collect();
    let records: Vec<Rec> = (0..)
        .zip(&given)
        .map(|(n, given)| record(n, given))
        .collect();
    for kind in [Kind::Session { gap: 10 }, Kind::Sliding { difference: 10 }] {
        for emit in [Emit::Final, Emit::Updates] {
            let windowing = windowing(kind, 0, emit);
            let whole = restarted(&windowing, &records, 7, None);
            for saved_at in 0..=8 {
                let saved = restarted(&windowing, &records, 7, Some(saved_at));
                assert_eq!(saved, whole, "{kind:?}, {emit:?}, saved at {saved_at}");
            }
        }
    }
}
