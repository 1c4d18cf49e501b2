//! The stream engine against a model written from the definitions: every window a list of records,
//! nothing sliced, nothing recycled.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::stream::account::Account;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::progress::Progress;
use tidemill::stream::task::Task;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::step;

/// By window start and key: how many, their sum, the latest.
type Windows = BTreeMap<(i64, String), (i64, i64, i64)>;

/// What a run leaves behind: closed windows, and how many records were late.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    windows: Windows,
    late: u64,
    expired_windows: u64,
}

/// The windows that hold `time`, by definition.
fn starts(windowing: &Windowing, time: i64) -> impl Iterator<Item = i64> {
    let (size, advance) = (windowing.size, windowing.advance);
    let all = (0..=time / advance).map(move |n| n * advance);
    all.filter(move |start| time < start + size)
}

fn is_closed(windowing: &Windowing, start: i64, stream_time: i64) -> bool {
    start + windowing.size + windowing.grace <= stream_time
}

fn put(windows: &mut Windows, start: i64, rec: &Rec) {
    let key = String::from_utf8(rec.key.clone().expect("a key")).expect("text");
    let value: i64 = std::str::from_utf8(rec.value.as_deref().expect("a value"))
        .expect("text")
        .parse()
        .expect("a number");
    let cell = windows.entry((start, key)).or_insert((0, 0, i64::MIN));
    *cell = (cell.0 + 1, cell.1 + value, cell.2.max(rec.timestamp));
}

fn model(windowing: &Windowing, records: &[Rec]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut stream_time = i64::MIN;
    for rec in records {
        stream_time = stream_time.max(rec.timestamp);
        let (closed, open): (Vec<i64>, Vec<i64>) = starts(windowing, rec.timestamp)
            .partition(|start| is_closed(windowing, *start, stream_time));
        if open.is_empty() {
            outcome.late += 1;
            continue;
        }
        outcome.expired_windows += closed.len() as u64;
        for start in open {
            put(&mut outcome.windows, start, rec);
        }
    }
    let closed = |(start, _): &(i64, String), _: &mut _| is_closed(windowing, *start, stream_time);
    outcome.windows.retain(closed);
    outcome
}

/// Adds what came out, which must not contradict what came out before, nor the order of windows.
fn collect(windowing: &Windowing, outs: &[Out], into: &mut Windows) {
    for out in outs
        .iter()
        .filter(|out| out.destination == Destination::Sink)
    {
        let value = out.json();
        let number = |value: &serde_json::Value| value.as_i64().expect("an integer");
        let (start, end) = (
            number(&value["window"]["start"]),
            number(&value["window"]["end"]),
        );
        assert_eq!(end - start, windowing.size);
        let key = value["key"].as_str().expect("a key").to_owned();
        let cell = (
            number(&value["n"]),
            number(&value["sum"]),
            out.rec.timestamp,
        );
        into.insert((start, key), cell);
    }
}

fn windowings() -> impl Strategy<Value = Windowing> {
    (1i64..25, 1i64..25, 0i64..12).prop_map(|(size, advance, grace)| Windowing {
        size,
        advance: advance.min(size),
        grace,
        ..Windowing::default()
    })
}

/// Records that mostly go forward in time, sometimes leap, and are sometimes out of order.
fn records(keys: u8) -> impl Strategy<Value = Vec<Rec>> {
    let step = prop_oneof![8 => -12i64..6, 1 => 20i64..60];
    prop::collection::vec((step, 0..keys, -50i64..50), 0..80).prop_map(|steps| {
        let mut time: i64 = 0;
        (0..)
            .zip(steps)
            .map(|(offset, (step, key, value))| {
                time = (time + step).max(0);
                let key = format!("k{key}");
                Rec::new(offset, time, &key, &value.to_string())
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn closed_windows_hold_what_the_definition_says_however_records_are_spread_over_steps(
        windowing in windowings(), given in records(5), cut in 1usize..9,
    ) {
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut account = Account::default();
        let mut ours = Outcome::default();
        let mut last = (i64::MIN, i64::MIN);
        for batch in given.chunks(cut) {
            let outs = step(&mut task, batch, &mut effects);
            account += effects.account;
            for out in outs.iter().filter(|out| out.destination == Destination::Sink) {
                let start = out.json()["window"]["start"].as_i64().unwrap();
                prop_assert!(start >= last.0, "windows come out by their ends");
                last.0 = start;
            }
            let before = ours.windows.len();
            let results = outs.iter().filter(|out| out.destination == Destination::Sink).count();
            collect(&windowing, &outs, &mut ours.windows);
            prop_assert_eq!(ours.windows.len(), before + results, "once each");
        }
        (ours.late, ours.expired_windows) = (account.late, account.expired_windows);
        prop_assert_eq!(ours, model(&windowing, &given));
        prop_assert_eq!(account.taken, given.len() as u64);
    }

    #[test]
    fn the_last_update_of_a_window_is_its_final_result(
        windowing in windowings(), given in records(4), cut in 1usize..9, every in any::<bool>(),
    ) {
        let emit = if every { Emit::EveryUpdate } else { Emit::Updates };
        let windowing = Windowing { emit, ..windowing };
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut updated = Windows::new();
        for batch in given.chunks(cut) {
            let outs = step(&mut task, batch, &mut effects);
            collect(&windowing, &outs, &mut updated);
            effects.clear();
            task.flush(&mut effects).unwrap();
            let outs = crate::support::stream::outs(&effects);
            collect(&windowing, &outs, &mut updated);
        }
        let stream_time = given.iter().map(|rec| rec.timestamp).max().unwrap_or(0);
        updated.retain(|(start, _), _| is_closed(&windowing, *start, stream_time));
        prop_assert_eq!(updated, model(&windowing, &given).windows);
    }

    #[test]
    fn killed_and_restored_at_every_kth_record_a_task_gives_the_same_windows(
        windowing in windowings(), given in records(4), k in 1usize..12, lost in 0usize..6,
    ) {
        let mut effects = Effects::new();
        let mut ours = Windows::new();
        let mut late = 0;
        let mut progress = Progress::starting_at(tidemill::record::Offset(0));
        let mut done = 0;
        while done < given.len() {
            let mut task = windowing.task();
            task.restore(&Progress::parse(progress.committable, &progress.to_metadata()).unwrap());
            let from = usize::try_from(progress.committable.0).unwrap();
            let committed = usize::try_from(progress.position.0).unwrap();
            let commit = (committed + k).min(given.len());
            let outs = step(&mut task, &given[from..commit], &mut effects);
            late += effects.account.late;
            collect(&windowing, &outs, &mut ours);
            progress = task.progress();
            // What comes out after the commit comes out again after the crash, and no different.
            let crash = (commit + lost).min(given.len());
            let outs = step(&mut task, &given[commit..crash], &mut effects);
            let mut before = Windows::new();
            collect(&windowing, &outs, &mut before);
            for (window, cell) in before {
                let known = ours.insert(window, cell);
                prop_assert!(known.is_none_or(|known| known == cell));
            }
            done = commit;
        }
        let expected = model(&windowing, &given);
        prop_assert_eq!(ours, expected.windows);
        prop_assert_eq!(late, expected.late);
    }
}

/// A re-keyed flow over four source partitions, with its repartition topic in memory.
struct Rekeyed {
    windowing: Windowing,
    before: Vec<Task>,
    after: Vec<Task>,
    topic: Vec<Vec<Rec>>,
    read: Vec<usize>,
    effects: Effects,
    results: Windows,
    account: Account,
}

const SOURCES: usize = 4;

impl Rekeyed {
    fn new(windowing: Windowing) -> Self {
        let stages = windowing.stages(u32::try_from(SOURCES).unwrap());
        assert_eq!(stages.len(), 2);
        let tasks = |stage: usize| -> Vec<Task> {
            let partitions = (0..).take(SOURCES).map(PartitionId);
            let task = |partition| Task::new(&stages[stage], partition, None).unwrap();
            partitions.map(task).collect()
        };
        Self {
            windowing,
            before: tasks(0),
            after: tasks(1),
            topic: vec![Vec::new(); SOURCES],
            read: vec![0; SOURCES],
            effects: Effects::new(),
            results: Windows::new(),
            account: Account::default(),
        }
    }

    /// Reads `records` of one source partition, and sends on what comes of them.
    fn read_source(&mut self, source: usize, records: &[Rec]) {
        step(&mut self.before[source], records, &mut self.effects);
        self.before[source].flush(&mut self.effects).unwrap();
        for out in crate::support::stream::outs(&self.effects) {
            assert_eq!(out.destination, Destination::Repartition);
            let by_key = || {
                let key = out.rec.key.as_deref().expect("a key");
                usize::from(key.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte))) % SOURCES
            };
            let partition = out
                .partition
                .map(|partition| usize::try_from(partition).unwrap());
            let log = &mut self.topic[partition.unwrap_or_else(by_key)];
            let offset = i64::try_from(log.len()).unwrap();
            log.push(Rec { offset, ..out.rec });
        }
    }

    /// Reads up to `count` records of one repartition partition.
    fn read_repartition(&mut self, partition: usize, count: usize) {
        let log = &self.topic[partition];
        let from = self.read[partition];
        let to = (from + count).min(log.len());
        let outs = step(
            &mut self.after[partition],
            &log[from..to],
            &mut self.effects,
        );
        self.account += self.effects.account;
        let late = outs
            .iter()
            .filter(|out| out.destination == Destination::Late)
            .count();
        assert_eq!(late as u64, self.effects.account.late);
        collect(&self.windowing, &outs, &mut self.results);
        self.read[partition] = to;
    }

    fn read_all(&mut self) {
        for partition in 0..SOURCES {
            self.read_repartition(partition, usize::MAX / 2);
        }
    }
}

/// Source partitions whose records are out of order by at most `jitter`.
fn sources(jitter: i64) -> impl Strategy<Value = Vec<Vec<Rec>>> {
    let partition = prop::collection::vec((0i64..8, 0..=jitter, 0u8..6, -9i64..9), 1..40);
    prop::collection::vec(partition, SOURCES).prop_map(|partitions| {
        let partition = |steps: Vec<(i64, i64, u8, i64)>| {
            let mut time = 20;
            let steps = (0..).zip(steps);
            let record = |(offset, (step, back, key, value)): (i64, (i64, i64, u8, i64))| {
                time += step;
                let value = format!(r#"{{"k":"k{key}","x":{value}}}"#);
                Rec {
                    key: None,
                    ..Rec::new(offset, time - back, "", &value)
                }
            };
            steps.map(record).collect()
        };
        partitions.into_iter().map(partition).collect()
    })
}

fn rekeyed_windowing(size: i64, advance: i64) -> Windowing {
    Windowing {
        size,
        advance: advance.min(size),
        grace: 5,
        key: Some("value.k"),
        aggregates: vec![
            ("n", tidemill::stream::aggregate::Function::Count, None),
            (
                "sum",
                tidemill::stream::aggregate::Function::Sum,
                Some("value.x"),
            ),
        ],
        ..Windowing::default()
    }
}

/// All windows of all records, closed where the source furthest behind has passed them.
fn rekeyed_model(windowing: &Windowing, sources: &[Vec<Rec>]) -> Windows {
    let last = |records: &Vec<Rec>| records.iter().map(|rec| rec.timestamp).max().unwrap();
    let stream_time = sources.iter().map(last).min().unwrap();
    let mut windows = Windows::new();
    for rec in sources.iter().flatten() {
        let value: serde_json::Value =
            serde_json::from_slice(rec.value.as_deref().unwrap()).unwrap();
        let keyed = Rec {
            key: value["k"].as_str().map(|key| key.as_bytes().to_vec()),
            value: Some(value["x"].to_string().into_bytes()),
            ..rec.clone()
        };
        for start in starts(windowing, rec.timestamp) {
            put(&mut windows, start, &keyed);
        }
    }
    windows.retain(|(start, _), _| is_closed(windowing, *start, stream_time));
    windows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_the_partitions_of_a_rekeyed_flow_are_interleaved_nothing_is_late(
        size in 1i64..30, advance in 1i64..30, given in sources(5),
        turns in prop::collection::vec((0..SOURCES, 1usize..15, 0..SOURCES, 0usize..20), 0..60),
    ) {
        let windowing = rekeyed_windowing(size, advance);
        let mut flow = Rekeyed::new(windowing.clone());
        let mut read = [0; SOURCES];
        for (source, count, partition, read_on) in turns {
            let to = (read[source] + count).min(given[source].len());
            flow.read_source(source, &given[source][read[source]..to]);
            read[source] = to;
            flow.read_repartition(partition, read_on);
        }
        for source in 0..SOURCES {
            flow.read_source(source, &given[source][read[source]..]);
        }
        flow.read_all();
        prop_assert_eq!(flow.account.late, 0);
        prop_assert_eq!(flow.account.replayed, 0);
        prop_assert_eq!(flow.results, rekeyed_model(&windowing, &given));
    }

    #[test]
    fn a_crash_of_either_stage_changes_no_result_of_a_rekeyed_flow(
        size in 1i64..30, advance in 1i64..30, given in sources(5),
        turns in prop::collection::vec((0..SOURCES, 1usize..15, any::<bool>(), 0usize..30), 0..40),
    ) {
        let windowing = rekeyed_windowing(size, advance);
        let stages = windowing.stages(u32::try_from(SOURCES).unwrap());
        let mut flow = Rekeyed::new(windowing.clone());
        let mut read = [0; SOURCES];
        for (place, count, is_first_stage, read_on) in turns {
            let to = (read[place] + count).min(given[place].len());
            let partition = PartitionId(i32::try_from(place).unwrap());
            if is_first_stage {
                // It crashes before it has committed what it sent, and sends it again.
                let progress = flow.before[place].progress();
                flow.read_source(place, &given[place][read[place]..to]);
                flow.before[place] = Task::new(&stages[0], partition, None).unwrap();
                flow.before[place].restore(&progress);
            }
            flow.read_source(place, &given[place][read[place]..to]);
            read[place] = to;
            flow.read_repartition(place, read_on);
            if !is_first_stage {
                let progress = flow.after[place].progress();
                flow.read_repartition(place, read_on);
                flow.after[place] = Task::new(&stages[1], partition, None).unwrap();
                flow.after[place].restore(&progress);
                flow.read[place] = usize::try_from(progress.committable.0).unwrap();
            }
        }
        for source in 0..SOURCES {
            flow.read_source(source, &given[source][read[source]..]);
        }
        flow.read_all();
        prop_assert_eq!(flow.results, rekeyed_model(&windowing, &given));
    }
}

#[test]
fn a_partition_read_only_after_the_others_were_read_to_the_end_makes_nothing_late() {
    let windowing = rekeyed_windowing(10, 10);
    let mut flow = Rekeyed::new(windowing.clone());
    let partition = |_| -> Vec<Rec> {
        let record = |offset: i64| {
            let value = format!(r#"{{"k":"k{}","x":1}}"#, offset % 3);
            Rec {
                key: None,
                ..Rec::new(offset, offset, "", &value)
            }
        };
        (0..1_000).map(record).collect()
    };
    let given: Vec<Vec<Rec>> = (0..SOURCES).map(partition).collect();
    for (source, records) in given.iter().enumerate().skip(1) {
        flow.read_source(source, records);
    }
    flow.read_all();
    assert!(
        flow.results.is_empty(),
        "a source not heard of holds all windows open"
    );
    flow.read_source(0, &given[0]);
    flow.read_all();
    assert_eq!(flow.account.late, 0);
    assert_eq!(flow.results, rekeyed_model(&windowing, &given));
    assert_eq!(
        flow.results.len(),
        99 * 3,
        "all but those still open at 999"
    );
}

#[test]
fn a_source_partition_without_data_holds_windows_open_only_until_it_is_idle() {
    use tidemill::stream::clock::Reading::CaughtUp;
    let windowing = Windowing {
        idle: Some(100),
        ..rekeyed_windowing(10, 10)
    };
    let mut flow = Rekeyed::new(windowing.clone());
    let value = r#"{"k":"a","x":1}"#;
    let records = [1, 40].map(|time| Rec::new(time, time, "", value));
    for source in 1..SOURCES {
        flow.read_source(source, &records);
    }
    flow.read_all();
    assert!(flow.results.is_empty());
    for now in [0, 100] {
        flow.effects.clear();
        flow.before[0]
            .tick(Timestamp(now), CaughtUp, &mut flow.effects)
            .unwrap();
        let told = flow.effects.len();
        assert_eq!(
            told,
            if now == 0 { 0 } else { SOURCES },
            "each partition, once"
        );
        for out in crate::support::stream::outs(&flow.effects) {
            let log = &mut flow.topic[usize::try_from(out.partition.unwrap()).unwrap()];
            let offset = i64::try_from(log.len()).unwrap();
            log.push(Rec { offset, ..out.rec });
        }
    }
    flow.read_all();
    assert_eq!(flow.results.len(), 1);
    assert_eq!(flow.results[&(0, "a".to_owned())], (3, 3, 1));
}
