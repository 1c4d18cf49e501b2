//! The stream engine through its public face: what comes out, what is put aside, what a restart
//! changes (nothing).

use tidemill::codec::framing::SchemaId;
use tidemill::codec::projection::Root;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::stream::account::Account;
use tidemill::stream::aggregate::Function;
use tidemill::stream::clock::Reading;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::Keying;
use tidemill::stream::plan::OnError;
use tidemill::stream::plan::ValueFormat;
use tidemill::stream::progress::Progress;
use tidemill::stream::step::Failure;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::Windowing;
use crate::support::stream::mapping;
use crate::support::stream::outs;
use crate::support::stream::results;
use crate::support::stream::step;

/// Records at these times with these keys, valued by their offsets.
fn records(stamps: &[(i64, &str)]) -> Vec<Rec> {
    let numbered = (0..).zip(stamps);
    let record = |(offset, (time, key)): (i64, &(i64, &str))| {
        Rec::new(offset, *time, key, &offset.to_string())
    };
    numbered.map(record).collect()
}

fn aside(outs: &[Out], destination: Destination) -> Vec<&Out> {
    let aside = outs.iter().filter(|out| out.destination == destination);
    aside.collect()
}

#[test]
fn a_result_is_an_object_with_key_window_and_aggregates_stamped_with_its_latest_record() {
    let (mut task, mut effects) = (Windowing::default().task(), Effects::new());
    let records = records(&[(3, "tea"), (9, "tea"), (7, "tea"), (10, "tea")]);
    let outs = step(&mut task, &records, &mut effects);
    assert_eq!(outs.len(), 1);
    let value = std::str::from_utf8(outs[0].rec.value.as_deref().unwrap());
    let expected = r#"{"key":"tea","window":{"start":0,"end":10},"n":3,"sum":3}"#;
    assert_eq!(value, Ok(expected));
    assert_eq!(outs[0].rec.key.as_deref(), Some(&b"tea"[..]));
    assert_eq!(outs[0].rec.timestamp, 9);
}

#[test]
fn windows_come_out_by_their_ends_and_keys_as_they_were_first_seen() {
    let hopping = Windowing {
        size: 10,
        advance: 5,
        ..Windowing::default()
    };
    let (mut task, mut effects) = (hopping.task(), Effects::new());
    let records = records(&[(6, "b"), (6, "a"), (8, "b"), (30, "c")]);
    let outs = step(&mut task, &records, &mut effects);
    assert_eq!(results(&outs), ["b 0 2 2", "a 0 1 1", "b 5 2 2", "a 5 1 1"]);
}

#[test]
fn a_late_record_goes_aside_as_it_was_with_where_it_was_read() {
    let (mut task, mut effects) = (Windowing::default().task(), Effects::new());
    let mut records = records(&[(9, "a"), (10, "a"), (9, "a")]);
    records[2].headers = (b"\x02h\x02v".to_vec(), 1);
    let outs = step(&mut task, &records, &mut effects);
    let late = aside(&outs, Destination::Late);
    assert_eq!(
        late.len(),
        1,
        "at the instant that stream time reaches the end it is closed"
    );
    assert_eq!(late[0].rec.key, records[2].key);
    assert_eq!(late[0].rec.value, records[2].value);
    assert_eq!(late[0].rec.timestamp, 9);
    assert_eq!(late[0].header("h").as_deref(), Some("v"));
    assert_eq!(late[0].header("tidemill-flow").as_deref(), Some("flow"));
    assert_eq!(late[0].header("tidemill-topic").as_deref(), Some("in"));
    assert_eq!(late[0].header("tidemill-partition").as_deref(), Some("0"));
    assert_eq!(late[0].header("tidemill-offset").as_deref(), Some("2"));
    let reason = late[0].header("tidemill-reason").unwrap();
    let expected = "late: all windows that hold 9 are closed, stream time is 10";
    assert_eq!(reason, expected);
}

#[test]
fn a_record_late_for_some_windows_only_counts_as_aggregated() {
    let hopping = Windowing {
        size: 10,
        advance: 5,
        ..Windowing::default()
    };
    let (mut task, mut effects) = (hopping.task(), Effects::new());
    let outs = step(&mut task, &records(&[(12, "a"), (8, "a")]), &mut effects);
    assert!(outs.is_empty());
    let expected = Account {
        taken: 2,
        aggregated: 2,
        expired_windows: 1,
        ..Account::default()
    };
    assert_eq!(effects.account, expected);
}

#[test]
fn what_cannot_be_used_is_rejected_whole_and_touches_nothing() {
    let windowing = Windowing {
        time: Some("value.at"),
        future: Some(100),
        filter: Some("value.ok"),
        key: Some("value.k"),
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.x")),
        ],
        ..Windowing::default()
    };
    let cases = [
        ("{", "decode value: "),
        (
            r#"{"ok":1}"#,
            "where: evaluate `value.ok`: expected bool, found int",
        ),
        (r#"{"ok":true}"#, "time: evaluate `value.at`: no such field"),
        (
            r#"{"ok":true,"at":1.5}"#,
            "time: expected integer milliseconds",
        ),
        (
            r#"{"ok":true,"at":"noon"}"#,
            "time: \"noon\" is not RFC 3339 text",
        ),
        (r#"{"ok":true,"at":-1}"#, "time: -1 is before the epoch"),
        (
            r#"{"ok":true,"at":101}"#,
            "time: 101 is more than 0.1s ahead of the wall clock, 0",
        ),
        (
            r#"{"ok":true,"at":1}"#,
            "key: evaluate `value.k`: no such field",
        ),
        (r#"{"ok":true,"at":1,"k":null}"#, "key: null"),
        (
            r#"{"ok":true,"at":1,"k":"a","x":"12"}"#,
            "sum: not a number",
        ),
    ];
    for (value, reason) in cases {
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let outs = step(&mut task, &[Rec::new(0, 0, "", value)], &mut effects);
        assert_eq!(
            (effects.account.taken, effects.account.rejected),
            (1, 1),
            "{value}"
        );
        assert_eq!(outs.len(), 1, "{value}");
        assert_eq!(outs[0].destination, Destination::DeadLetter);
        let given = outs[0].header("tidemill-reason").unwrap();
        assert!(given.starts_with(reason), "{value}: {given}");
        let after = r#"{"ok":true,"at":10,"k":"a","x":1}"#;
        let outs = step(&mut task, &[Rec::new(1, 0, "", after)], &mut effects);
        assert!(outs.is_empty(), "{value}: no window had anything");
    }
}

#[test]
fn a_missing_or_null_argument_counts_for_nothing() {
    let windowing = Windowing {
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.x")),
            ("avg", Function::Avg, Some("value.x")),
            (
                "many",
                Function::Count,
                Some("has(value.x) && value.x != null && value.x > 1"),
            ),
            ("max", Function::Max, Some("value.x")),
        ],
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let values = [r#"{"x":1}"#, r#"{"x":null}"#, "{}", r#"{"x":4}"#];
    let mut records: Vec<Rec> = (0..)
        .zip(values)
        .map(|(offset, value)| Rec::new(offset, 1, "a", value))
        .collect();
    records.push(Rec::new(4, 10, "a", r#"{"x":0}"#));
    let outs = step(&mut task, &records, &mut effects);
    let value = outs[0].json();
    assert_eq!(value["avg"], 2.5);
    assert_eq!((&value["many"], &value["max"]), (&1.into(), &4.into()));

    let nothing = Windowing {
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.x")),
            ("avg", Function::Avg, Some("value.x")),
        ],
        ..Windowing::default()
    };
    let mut task = nothing.task();
    let records = [
        Rec::new(0, 1, "a", r#"{"x":null}"#),
        Rec::new(1, 2, "a", "{}"),
        Rec::new(2, 10, "a", "{}"),
    ];
    let value = step(&mut task, &records, &mut effects)[0].json();
    assert_eq!(value["n"], 2);
    assert!(value["sum"].is_null() && value["avg"].is_null(), "{value}");
}

#[test]
fn tombstones_and_refused_records_are_filtered_and_move_no_time() {
    let windowing = Windowing {
        filter: Some("value >= 0"),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let mut records = records(&[(5, "a"), (20, "a"), (30, "a")]);
    records[1].value = None;
    records[2].value = Some(b"-1".to_vec());
    let outs = step(&mut task, &records, &mut effects);
    assert!(outs.is_empty(), "nothing is closed");
    assert_eq!(
        (effects.account.aggregated, effects.account.filtered),
        (1, 2)
    );
}

#[test]
fn a_record_without_a_key_is_rejected_where_the_flow_has_no_other() {
    let (mut task, mut effects) = (Windowing::default().task(), Effects::new());
    let mut records = records(&[(5, "a")]);
    records[0].key = None;
    let outs = step(&mut task, &records, &mut effects);
    let reason = outs[0].header("tidemill-reason").unwrap();
    assert_eq!(
        reason,
        "key: the record has none, and the flow names no other `key`"
    );
}

#[test]
fn under_the_fail_policy_a_task_stops_at_the_record_with_all_before_it_done() {
    let windowing = Windowing {
        on_error: OnError::Fail,
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let mut records = records(&[(5, "a"), (6, "a"), (7, "a")]);
    records[1].value = Some(b"nonsense".to_vec());
    let end = task.step(records.iter().map(Rec::view), Timestamp(0), &mut effects);
    let StepEnd::Failed(Failure { offset, reason, .. }) = end else {
        panic!("{end:?}");
    };
    assert_eq!(offset, Some(Offset(1)));
    assert!(reason.starts_with("decode value: "), "{reason}");
    assert_eq!((task.position(), effects.account.taken), (Offset(1), 1));
}

#[test]
fn a_sum_beyond_64_bits_is_a_dead_letter_and_the_other_results_still_come_out() {
    let (mut task, mut effects) = (Windowing::default().task(), Effects::new());
    let max = i64::MAX.to_string();
    let records = [
        Rec::new(0, 1, "a", &max),
        Rec::new(1, 2, "a", "1"),
        Rec::new(2, 3, "b", "1"),
        Rec::new(3, 10, "b", "1"),
    ];
    let outs = step(&mut task, &records, &mut effects);
    assert_eq!(results(&outs), ["b 0 1 1"]);
    let dead = aside(&outs, Destination::DeadLetter);
    let reason = dead[0].header("tidemill-reason");
    assert_eq!(reason.as_deref(), Some("sum: sum out of range"));
    assert_eq!(dead[0].header("tidemill-window-end").as_deref(), Some("10"));
    assert_eq!(dead[0].rec.key.as_deref(), Some(&b"a"[..]));
    assert_eq!(effects.account.failed_results, 1);

    let strict = Windowing {
        on_error: OnError::Fail,
        ..Windowing::default()
    };
    effects.clear();
    let end = strict
        .task()
        .step(records.iter().map(Rec::view), Timestamp(0), &mut effects);
    assert!(matches!(
        end,
        StepEnd::Failed(Failure {
            offset: Some(Offset(3)),
            ..
        })
    ));
}

#[test]
fn updates_come_once_a_commit_for_each_key_and_window_and_none_is_lost_at_close() {
    for advance in [10, 5] {
        let windowing = Windowing {
            advance,
            emit: Emit::Updates,
            ..Windowing::default()
        };
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let given = records(&[(6, "a"), (7, "a"), (8, "b"), (9, "a"), (12, "a")]);
        assert!(step(&mut task, &given[..3], &mut effects).is_empty());
        task.flush(&mut effects).unwrap();
        let first = outs(&effects);
        effects.clear();
        task.flush(&mut effects).unwrap();
        assert!(effects.is_empty(), "nothing has changed since");
        let closing = step(&mut task, &given[3..], &mut effects);
        if advance == 10 {
            assert_eq!(results(&first), ["a 0 2 1", "b 0 1 2"]);
            assert_eq!(results(&closing), ["a 0 3 4"], "b has not changed since");
        } else {
            let both = ["a 0 2 1", "b 0 1 2", "a 5 2 1", "b 5 1 2"];
            assert_eq!(results(&first), both);
            assert_eq!(results(&closing), ["a 0 3 4"]);
            effects.clear();
            task.flush(&mut effects).unwrap();
            assert_eq!(results(&outs(&effects)), ["a 5 4 8", "a 10 1 4"]);
        }
    }
}

#[test]
fn a_silent_partition_closes_its_windows_as_the_wall_clock_goes_on() {
    let windowing = Windowing {
        grace: 2,
        idle: Some(1_000),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let tick = |task: &mut Task, now, effects: &mut Effects| {
        effects.clear();
        task.tick(Timestamp(now), Reading::CaughtUp, effects)
            .unwrap();
        results(&outs(effects))
    };
    step(&mut task, &records(&[(5, "a")]), &mut effects);
    assert!(tick(&mut task, 50_000, &mut effects).is_empty());
    assert!(
        tick(&mut task, 51_006, &mut effects).is_empty(),
        "11 is before 12"
    );
    assert_eq!(tick(&mut task, 51_007, &mut effects), ["a 0 1 0"]);
    let progress = task.progress();
    assert_eq!(
        progress.stream_time,
        Timestamp(12),
        "the step is part of the progress"
    );
    let mut again = windowing.task();
    again.restore(&progress);
    let late = step(&mut again, &[Rec::new(1, 9, "a", "1")], &mut effects);
    assert_eq!(
        aside(&late, Destination::Late).len(),
        1,
        "as before the restart"
    );
}

#[test]
fn records_that_are_refused_do_not_keep_windows_open_in_silence() {
    let windowing = Windowing {
        idle: Some(1_000),
        filter: Some("value >= 0"),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &records(&[(5, "a")]), &mut effects);
    for now in [0, 500, 1_005] {
        step(
            &mut task,
            &[Rec::new(now + 1, now, "a", "-1")],
            &mut effects,
        );
        effects.clear();
        task.tick(Timestamp(now), Reading::CaughtUp, &mut effects)
            .unwrap();
    }
    assert_eq!(results(&outs(&effects)), ["a 0 1 0"]);
}

#[test]
fn records_read_again_after_a_restart_are_neither_late_nor_rejected_again() {
    let windowing = Windowing::default();
    let mut given = records(&[(15, "a"), (3, "a"), (16, "b"), (17, "c"), (22, "a")]);
    given[2].value = Some(b"nonsense".to_vec());
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let first = step(&mut task, &given[..4], &mut effects);
    assert_eq!(aside(&first, Destination::Late).len(), 1);
    assert_eq!(aside(&first, Destination::DeadLetter).len(), 1);
    let progress = task.progress();
    assert_eq!(
        (progress.position, progress.committable),
        (Offset(4), Offset(0))
    );

    let metadata = progress.to_metadata();
    let mut again = windowing.task();
    again.restore(&Progress::parse(progress.committable, &metadata).unwrap());
    assert_eq!(again.position(), Offset(0));
    let replay = step(&mut again, &given[..4], &mut effects);
    assert!(replay.is_empty());
    assert_eq!(
        (effects.account.aggregated, effects.account.replayed),
        (2, 2)
    );
    assert_eq!(again.progress(), progress);
    let rest = step(&mut again, &given[4..], &mut effects);
    assert_eq!(results(&rest), ["a 10 1 0", "c 10 1 3"]);
}

/// Tasks of several flows share the offset that is committed for their partition: one of them may
/// have to read again what another needs.
#[test]
fn a_task_without_windows_puts_nothing_out_again_below_the_position_it_had() {
    let windowing = Windowing {
        key: Some("value.k"),
        aggregates: vec![("n", Function::Count, None)],
        ..Windowing::default()
    };
    let sending = || Task::new(&windowing.stages(2)[0], PartitionId(0), None).unwrap();
    let value = r#"{"k":"a"}"#;
    let given: Vec<Rec> = (0..4)
        .map(|offset| Rec::new(offset, 5, "a", value))
        .collect();
    for make in [
        &(|| mapping(None, None, None)) as &dyn Fn() -> Task,
        &sending,
    ] {
        let (mut task, mut effects) = (make(), Effects::new());
        step(&mut task, &given[..3], &mut effects);
        assert_eq!(effects.account.passed, 3);
        let shared = Progress {
            committable: Offset(1),
            ..task.progress()
        };
        let mut again = make();
        again.restore(&shared);
        assert_eq!(step(&mut again, &given[1..], &mut effects).len(), 1);
        assert_eq!((effects.account.replayed, effects.account.passed), (2, 1));
    }
}

#[test]
fn a_record_that_was_too_far_in_the_future_stays_rejected_when_it_is_read_again() {
    let windowing = Windowing {
        future: Some(100),
        ..Windowing::default()
    };
    let given = records(&[(5, "a"), (5_000, "a"), (6, "a")]);
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    step(&mut task, &given, &mut effects);
    assert_eq!(
        (effects.account.aggregated, effects.account.rejected),
        (2, 1)
    );
    let mut again = windowing.task();
    again.restore(&task.progress());
    effects.clear();
    let end = again.step(given.iter().map(Rec::view), Timestamp(9_000), &mut effects);
    assert_eq!(end, StepEnd::Done);
    assert_eq!(
        (effects.account.aggregated, effects.account.replayed),
        (2, 1)
    );
    assert_eq!(again.progress(), task.progress());
}

#[test]
fn an_unknown_schema_stops_the_step_before_its_record_and_nothing_is_lost() {
    let windowing = Windowing {
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.qty")),
        ],
        is_avro: true,
        ..Windowing::default()
    };
    // Framed under id 1: the record of one int, 3.
    let avro = b"\0\0\0\0\x01\x06".to_vec();
    let mut given = records(&[(5, "a"), (10, "a")]);
    given[0].value = Some(avro.clone());
    given[1].value = Some(avro);
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let end = task.step(given.iter().map(Rec::view), Timestamp(0), &mut effects);
    let StepEnd::NeedsSchema { root, id, offset } = end else {
        panic!("{end:?}");
    };
    assert_eq!(
        (root, offset, effects.account.taken),
        (Root::Value, Offset(0), 0)
    );
    let schema = r#"{"type":"record","name":"o","fields":[{"name":"qty","type":"int"}]}"#;
    task.add_schema(root, id, schema).unwrap();
    let outs = step(&mut task, &given, &mut effects);
    assert_eq!(results(&outs), ["a 0 1 3"]);
}

#[test]
fn offsets_without_records_move_the_position_and_never_back() {
    let mut task = Windowing::default().task();
    task.move_to(Offset(7));
    task.move_to(Offset(3));
    assert_eq!(task.progress().committable, Offset(7));
    assert_eq!(task.position(), Offset(7));
}

/// A tumbling sum over JSON, keys all known, windows that come and go: the path from record to
/// window allocates nothing.
#[test]
fn in_steady_state_a_step_allocates_nothing() {
    let keyed = |key: Option<&'static str>, advance| Windowing {
        size: 1_000,
        advance,
        key,
        filter: Some(r#"value.status == "paid""#),
        time: Some("value.at"),
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.price * value.qty")),
            ("max", Function::Max, Some("value.price")),
        ],
        ..Windowing::default()
    };
    let record = |offset: i64| {
        let (key, at) = (format!("k{}", offset % 50), 10 * offset);
        let value = format!(
            r#"{{"status":"paid","at":{at},"key":"{key}","price":{},"qty":2}}"#,
            offset % 7
        );
        Rec::new(offset, 0, &key, &value)
    };
    let records: Vec<Rec> = (0..6_000).map(record).collect();
    for windowing in [
        keyed(None, 1_000),
        keyed(Some("value.key"), 1_000),
        keyed(None, 300),
    ] {
        let (mut task, mut effects) = (windowing.task(), Effects::new());
        let mut run = |records: &[Rec]| {
            for batch in records.chunks(100) {
                effects.clear();
                let views = batch.iter().map(Rec::view);
                let end = task.step(views, Timestamp(0), &mut effects);
                assert_eq!((end, effects.account.aggregated), (StepEnd::Done, 100));
            }
        };
        run(&records[..4_000]);
        let allocations = allocation_counter::measure(|| run(&records[4_000..])).count_total;
        assert_eq!(allocations, 0, "{windowing:?}");
    }
}

#[test]
fn select_stands_in_the_place_of_key_window_and_aggregates() {
    let windowing = Windowing {
        select: Some(vec![
            ("product", "key"),
            ("from", "window.start"),
            ("mean", "double(sum) / double(n)"),
        ]),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let outs = step(
        &mut task,
        &records(&[(12, "a"), (13, "a"), (20, "a")]),
        &mut effects,
    );
    let value = std::str::from_utf8(outs[0].rec.value.as_deref().unwrap());
    assert_eq!(value, Ok(r#"{"product":"a","from":10,"mean":0.5}"#));
}

#[test]
fn a_select_that_fails_is_a_dead_letter() {
    let windowing = Windowing {
        select: Some(vec![("x", "n / (n - 1)")]),
        ..Windowing::default()
    };
    let (mut task, mut effects) = (windowing.task(), Effects::new());
    let outs = step(&mut task, &records(&[(1, "a"), (10, "a")]), &mut effects);
    let dead = aside(&outs, Destination::DeadLetter);
    let reason = dead[0].header("tidemill-reason").unwrap();
    assert_eq!(reason, "select x: evaluate `n / (n - 1)`: division by zero");
}

#[test]
fn results_are_written_as_avro_under_the_schema_and_the_id_given() {
    let schema = r#"{"type":"record","name":"r","fields":[
        {"name":"key","type":"string"},
        {"name":"window","type":{"type":"record","name":"w","fields":[
            {"name":"start","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"end","type":"long"}]}},
        {"name":"n","type":"long"},
        {"name":"sum","type":["null","double"]}]}"#;
    let windowing = Windowing {
        sink: ValueFormat::Avro {
            schema: schema.into(),
        },
        ..Windowing::default()
    };
    let stages = windowing.stages(1);
    let id = Some(SchemaId::Number(7));
    let mut task = Task::new(&stages[0], PartitionId(0), id).unwrap();
    let mut effects = Effects::new();
    let outs = step(
        &mut task,
        &records(&[(1, "a"), (2, "a"), (10, "a")]),
        &mut effects,
    );
    let mut expected = vec![0, 0, 0, 0, 7, 2, b'a', 0, 20, 4, 2];
    expected.extend_from_slice(&1.0f64.to_le_bytes());
    assert_eq!(outs[0].rec.value, Some(expected));

    let narrow = ValueFormat::Avro {
        schema: schema.replace(r#"["null","double"]"#, r#""string""#).into(),
    };
    let windowing = Windowing {
        sink: narrow,
        ..windowing
    };
    let outs = step(
        &mut windowing.task(),
        &records(&[(1, "a"), (10, "a")]),
        &mut effects,
    );
    let dead = aside(&outs, Destination::DeadLetter);
    let reason = dead[0].header("tidemill-reason").unwrap();
    assert_eq!(reason, "write Avro: sum: expected string, found an integer");
}

#[test]
fn a_flow_without_windows_keeps_what_it_does_not_change() {
    let (mut task, mut effects) = (mapping(Some("value > 1"), None, None), Effects::new());
    let mut given = records(&[(9, "a"), (-1, "a"), (7, "a"), (8, "a")]);
    given[2].headers = (b"\x02h\x02v".to_vec(), 1);
    given[3].value = None;
    given[2].value = Some(b" 2 ".to_vec());
    let outs = step(&mut task, &given, &mut effects);
    assert_eq!(
        outs.len(),
        2,
        "a tombstone deletes what an earlier record may have written"
    );
    let kept = |rec: &Rec| Rec {
        offset: 0,
        ..rec.clone()
    };
    assert_eq!(outs[0].rec, kept(&given[2]), "byte by byte");
    assert_eq!(outs[1].rec, kept(&given[3]));
    let (passed, filtered) = (effects.account.passed, effects.account.filtered);
    assert_eq!((passed, filtered), (2, 2));
    assert_eq!(task.progress().committable, Offset(4));
}

#[test]
fn a_flow_without_windows_rewrites_keys_and_values() {
    let columns = [("double", "value.x * 2"), ("from", "partition")];
    let mut task = mapping(None, Some("value.k"), Some(&columns));
    let mut effects = Effects::new();
    let given = [
        Rec::new(0, 5, "old", r#"{"k":7,"x":4}"#),
        Rec::new(1, 6, "old", r#"{"k":7,"x":"no"}"#),
    ];
    let outs = step(&mut task, &given, &mut effects);
    assert_eq!(outs[0].rec, Rec::new(0, 5, "7", r#"{"double":8,"from":0}"#));
    assert_eq!(outs[1].destination, Destination::DeadLetter);
    assert_eq!(outs[1].rec.key.as_deref(), Some(&b"old"[..]), "as it was");
}

#[test]
fn a_late_record_of_a_rekeyed_flow_goes_aside_as_it_was_in_the_source() {
    let windowing = Windowing {
        key: Some("value.k"),
        aggregates: vec![
            ("n", Function::Count, None),
            ("sum", Function::Sum, Some("value.x")),
        ],
        ..Windowing::default()
    };
    let stages = windowing.stages(2);
    let task = |stage: usize, partition| {
        Task::new(&stages[stage], PartitionId(partition), None).expect("JSON")
    };
    let mut effects = Effects::new();
    let mut sent: Vec<Rec> = Vec::new();
    let value = r#"{"k":"b","x":1}"#;
    for source in [0, 1] {
        let mut given = [Rec::new(4, 20, "a", value), Rec::new(5, 3, "a", value)];
        given[1].headers = (b"\x02h\x02v".to_vec(), 1);
        for out in step(&mut task(0, source), &given[..], &mut effects) {
            let offset = i64::try_from(sent.len()).unwrap();
            sent.push(Rec { offset, ..out.rec });
        }
    }
    let outs = step(&mut task(1, 0), &sent, &mut effects);
    let late = aside(&outs, Destination::Late);
    assert_eq!(
        late.len(),
        1,
        "the first source's was in time: the other was not heard of yet"
    );
    assert_eq!(
        (late[0].rec.timestamp, late[0].rec.key.as_deref()),
        (3, Some(&b"a"[..]))
    );
    assert_eq!(late[0].rec.value.as_deref(), Some(value.as_bytes()));
    assert_eq!(late[0].header("h").as_deref(), Some("v"));
    assert_eq!(late[0].header("tidemill-clock"), None);
    assert_eq!(late[0].header("tidemill-topic").as_deref(), Some("in"));
    assert_eq!(late[0].header("tidemill-partition").as_deref(), Some("1"));
    assert_eq!(late[0].header("tidemill-offset").as_deref(), Some("5"));
}

#[test]
fn a_flow_is_repartitioned_only_where_equal_keys_may_stand_apart() {
    let own_key = Windowing::default();
    let other_key = Windowing {
        key: Some("value.k"),
        ..Windowing::default()
    };
    let partitioned = Windowing {
        keying: Keying::AlreadyPartitioned,
        ..other_key.clone()
    };
    assert_eq!(own_key.stages(4).len(), 1);
    assert_eq!(
        other_key.stages(1).len(),
        1,
        "one partition holds everything"
    );
    assert_eq!(partitioned.stages(4).len(), 1);
    let stages = other_key.stages(4);
    let (before, after) = (&stages[0], &stages[1]);
    assert_eq!((&**before.input(), before.partitions), ("in", 4));
    assert_eq!(
        (&**after.input(), after.partitions),
        ("test-flow-repartition", 4)
    );
    assert_eq!(
        before.destination(Destination::Repartition),
        Some(after.input())
    );
    assert_eq!(before.destination(Destination::Sink), None);
    assert_eq!(
        before.destination(Destination::Late),
        None,
        "only the second knows"
    );
    let dead = before.destination(Destination::DeadLetter);
    assert_eq!(dead, after.destination(Destination::DeadLetter));
    assert_eq!(
        after.destination(Destination::Sink).map(|topic| &**topic),
        Some("out")
    );
}

#[test]
fn foreign_records_in_a_repartition_topic_are_rejected_and_stop_nothing() {
    let windowing = Windowing {
        key: Some("value.k"),
        ..Windowing::default()
    };
    let stages = windowing.stages(2);
    let mut task = Task::new(&stages[1], PartitionId(0), None).expect("JSON");
    let mut effects = Effects::new();
    let clock = |bytes: &[u8]| {
        let mut block = b"\x1ctidemill-clock".to_vec();
        block.push(u8::try_from(bytes.len() * 2).unwrap());
        block.extend_from_slice(bytes);
        (block, 1)
    };
    let plain = Rec::new(0, 1, "a", "1");
    let cases = [
        ((Vec::new(), 0), "no clock header"),
        (clock(b"\0\0"), "no clock header"),
        (clock(b"\x04\0\0\0"), "a source partition that is not there"),
        (clock(b"\0\0\0\0"), "cut short"),
    ];
    for (headers, reason) in cases {
        let rec = Rec {
            headers,
            ..plain.clone()
        };
        let outs = step(&mut task, &[rec], &mut effects);
        let given = outs[0].header("tidemill-reason").unwrap();
        assert_eq!(given, format!("read repartition record: {reason}"));
        assert_eq!(effects.account.rejected, 1);
    }
}
