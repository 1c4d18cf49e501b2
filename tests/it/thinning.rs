//! Results that are thinned out, and keys that carry their windows.

use chrono::TimeDelta;
use tidemill::record::Timestamp;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::held::Bounds;
use tidemill::stream::held::WhenFull;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::KeyForm;
use tidemill::stream::plan::Thinning;
use tidemill::stream::window::SessionWindows;
use tidemill::stream::window::Windows;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::ones;
use crate::support::stream::outs;
use crate::support::stream::step;

fn ms(millis: i64) -> TimeDelta {
    TimeDelta::milliseconds(millis)
}

/// The results among `outs`, as `key start count`.
fn results(outs: &[Out]) -> Vec<String> {
    let sink = outs
        .iter()
        .filter(|out| out.destination == Destination::Sink);
    sink.map(|out| {
        let value = out.json();
        let (start, key) = (&value["window"]["start"], value["key"].as_str());
        format!("{} {start} {}", key.expect("a text key"), value["n"])
    })
    .collect()
}

/// Windows of 100 ms whose results are held back for 10.
fn holding(bounds: Bounds) -> Windowing {
    Windowing {
        size: 100,
        advance: 100,
        emit: Emit::EveryUpdate,
        thinning: Thinning::Hold(ms(10), bounds),
        ..Windowing::default()
    }
}

fn run(windowing: &Windowing, stamps: &[(i64, &str)]) -> Vec<String> {
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    results(&step(&mut task, &ones(stamps), &mut effects))
}

#[test]
fn updates_at_a_pace_come_with_commits_that_are_so_far_apart_and_the_last_brings_all() {
    let windowing = Windowing {
        size: 1_000,
        advance: 1_000,
        emit: Emit::Updates,
        thinning: Thinning::Every(ms(5_000)),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let mut commit = |record: (i64, i64), now: i64| {
        let (offset, time) = record;
        step(&mut task, &[Rec::new(offset, time, "a", "1")], &mut effects);
        effects.clear();
        let flushed = task.flush_due(Timestamp(now), &mut effects);
        flushed.expect("JSON");
        results(&outs(&effects))
    };
    assert_eq!(commit((0, 1), 10_000), ["a 0 1"], "the first");
    assert_eq!(commit((1, 2), 14_999), Vec::<String>::new());
    assert_eq!(commit((2, 3), 15_000), ["a 0 3"], "once for both");
    assert_eq!(commit((3, 4), 16_000), Vec::<String>::new());
    effects.clear();
    task.flush(&mut effects).expect("JSON");
    assert_eq!(results(&outs(&effects)), ["a 0 4"]);
}

#[test]
fn a_window_that_closes_puts_its_updates_out_at_whatever_pace() {
    let windowing = Windowing {
        emit: Emit::Updates,
        thinning: Thinning::Every(ms(5_000)),
        ..Windowing::default()
    };
    assert_eq!(run(&windowing, &[(1, "a"), (2, "a"), (10, "a")]), ["a 0 2"]);
}

#[test]
fn a_change_is_held_back_exactly_so_long_and_later_ones_do_not_put_it_off() {
    let windowing = holding(Bounds::default());
    let stamps = [(5, "a"), (6, "a"), (14, "b")];
    assert_eq!(run(&windowing, &stamps), Vec::<String>::new());
    let stamps = [(5, "a"), (6, "a"), (14, "b"), (15, "c")];
    assert_eq!(run(&windowing, &stamps), ["a 0 2"]);
}

#[test]
fn what_is_held_back_comes_out_when_its_window_closes_at_the_latest() {
    let stamps = [(95, "a"), (96, "a"), (100, "b")];
    assert_eq!(run(&holding(Bounds::default()), &stamps), ["a 0 2"]);
}

#[test]
fn beyond_its_bounds_the_oldest_comes_out_early_or_is_an_error() {
    let bounds = Bounds {
        records: Some(1),
        ..Bounds::default()
    };
    let stamps = [(1, "b"), (2, "b"), (3, "a")];
    assert_eq!(run(&holding(bounds), &stamps), ["b 0 2"]);
    let stop = Bounds {
        when_full: WhenFull::Stop,
        ..bounds
    };
    let (mut task, mut effects) = (holding(stop).task(), Effects::new());
    let out = step(&mut task, &ones(&stamps), &mut effects);
    assert_eq!(results(&out), Vec::<String>::new());
    assert_eq!(
        out[0].header("tidemill-reason").as_deref(),
        Some("more results are held back than may be")
    );
    assert_eq!(effects.account.failed_results, 1);
}

#[test]
fn a_restart_loses_nothing_that_is_held_back() {
    let windowing = holding(Bounds::default());
    let given = ones(&[(5, "a"), (6, "a"), (99, "z"), (130, "z")]);
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &given[..2], &mut effects);
    let progress = task.progress();
    let mut again = windowing.task();
    again.restore(&progress);
    let from = usize::try_from(progress.committable.0).expect("an offset");
    let after = step(&mut again, &given[from..], &mut effects);
    assert_eq!(results(&after), ["a 0 2", "z 0 1"], "read again");

    let mut out = Writer::new();
    task.save(&mut out);
    let mut loaded = windowing.task();
    let bytes = out.into_bytes();
    loaded.load(&mut Reader::new(&bytes)).expect("its own");
    let after = step(&mut loaded, &given[2..], &mut effects);
    assert_eq!(results(&after), ["a 0 2", "z 0 1"], "saved");
}

/// Keys as `TimeWindowedSerializer` and `SessionWindowedSerializer` (Apache Kafka) write them,
/// and the part of each that says which partition it goes to.
#[test]
fn a_windowed_key_is_that_of_kafka_streams_and_goes_to_the_partition_of_its_key() {
    let session = SessionWindows::new(ms(15), ms(0)).expect("sessions");
    let session = Some(Windows::from(session));
    let stamps = [(10, "A"), (20, "A"), (99, "B")];
    for (windows, expected) in [
        (None, &b"A\0\0\0\0\0\0\0\x0a"[..]),
        (session, b"A\0\0\0\0\0\0\0\x14\0\0\0\0\0\0\0\x0a"),
    ] {
        let windowing = Windowing {
            windows,
            key_form: KeyForm::Windowed,
            ..Windowing::default()
        };
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        step(&mut task, &ones(&stamps), &mut effects);
        let output = effects.outputs().next().expect("a result");
        assert_eq!(output.key, Some(expected));
        assert_eq!((output.key_stem, output.partition), (Some(&b"A"[..]), None));
    }
}
