//! Tests of pipeline files over several partitions, each with its own clock, and the driver that they
//! run on.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use tidemill::pipeline::Colour;
use tidemill::pipeline::Findings;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::pipeline::testing;
use tidemill::pipeline::testing::Verdict;
use tidemill::record::PartitionId;
use tidemill::record::Record;
use tidemill::record::Timestamp;
use tidemill::stream::driver::DriveError;
use tidemill::stream::driver::TestDriver;

/// `own` is keyed by the key of its records, `anew` by a field of their values.
const HEAD: &str = "tidemill: 1
name: t
sources:
  in: { topic: in, idle: 60s }
flows:
  own:
    from: in
    window: { tumbling: 10s }
    aggregate: { n: count() }
    to: { topic: own }
  anew:
    from: in
    key: value.to
    window: { tumbling: 10s }
    aggregate: { n: count() }
    to: { topic: anew }
tests:
";

fn outside<T>(call: impl FnOnce(&Outside<'_>) -> T) -> T {
    let file = r#"{"partition":1,"timestamp":1704110401000,"key":"a","value":{"to":"x"}}"#;
    call(&Outside {
        variable: &|_| None,
        file: &|_| Ok(file.to_owned()),
    })
}

fn run(test: &str) -> Result<Verdict, Findings> {
    let text = format!("{HEAD}{test}");
    outside(|outside| {
        let pipeline = compile(&text, outside).unwrap_or_else(|findings| {
            panic!("{}", findings.render("t.yaml", &text, Colour::Never));
        });
        testing::run(&pipeline, &pipeline.tests[0], outside)
    })
}

fn passes(test: &str) {
    assert_eq!(run(test), Ok(Verdict::Passed), "{test}");
}

/// The message of what is wrong with the records, and what the text at its place is.
fn wrong(test: &str) -> String {
    let findings = run(test).expect_err("a partition that is not there");
    findings.as_slice()[0].message.clone()
}

/// One partition is a minute ahead of the other.
const AHEAD: &str = "    given:
      - { at: \"12:00:01\", partition: 0, key: a, value: { to: x } }
      - { at: \"12:01:00\", partition: 1, key: b, value: { to: x } }
      - { at: \"12:01:00\", partition: 0, key: a, value: { to: x } }
";

#[test]
fn a_partition_that_is_ahead_makes_nothing_late_in_another() {
    let behind = AHEAD.replace(
        "      - { at: \"12:01:00\", partition: 0, key: a, value: { to: x } }\n",
        "",
    );
    for flow in ["own", "anew"] {
        // By the clock of the other partition the window of 12:00:00 is closed long since; by its
        // own it is not, and so nothing comes out.
        passes(&format!(
            "  - name: n\n    flow: {flow}\n    partitions: 2\n{behind}    expect: []\n    late: 0\n"
        ));
    }
}

#[test]
fn windows_of_a_key_of_its_own_close_by_the_slowest_partition() {
    let expect = "    expect: [ { window: \"12:00\", key: x, n: 1 } ]\n    late: 0\n";
    passes(&format!(
        "  - name: n\n    flow: anew\n    partitions: 2\n{AHEAD}{expect}"
    ));
}

#[test]
fn a_partition_without_records_holds_windows_back_until_it_is_idle() {
    let test = |partitions: u32, end: &str, expect: &str| {
        format!(
            "  - name: n\n    flow: anew\n    partitions: {partitions}\n{AHEAD}      - {{ at: \"{end}\" }}\n    expect: {expect}\n"
        )
    };
    let closed = "[ { window: \"12:00\", key: x, n: 1 } ]";
    passes(&test(2, "12:01:01", closed));
    // The third has been silent for a minute since time began to pass.
    passes(&test(3, "12:01:00.999", "[]"));
    passes(&test(3, "12:01:01", closed));
}

#[test]
fn envelopes_stand_in_their_partitions_where_there_are_several() {
    let test = |partitions: &str| {
        format!("  - name: n\n    flow: own\n{partitions}    given_file: f\n    expect: []\n")
    };
    passes(&test(""));
    passes(&test("    partitions: 2\n"));
    let one =
        "  - name: n\n    flow: own\n    given: [ { at: \"12:00\", partition: 1, value: {} } ]\n";
    assert_eq!(wrong(one), "there is no partition 1");
    let one = one.replace("    given", "    partitions: 1\n    given");
    assert_eq!(wrong(&one), "there is no partition 1");
}

#[test]
fn a_partition_that_is_not_there_cannot_be_written() {
    let plan = outside(|outside| compile(&plain(), outside))
        .expect("a pipeline")
        .plan;
    let mut driver = TestDriver::over(&plan, |_| 2).expect("a plan");
    for partition in [-1, 2, i32::MAX] {
        let piped = driver.pipe_to("in", PartitionId(partition), record(0, "k", "x"));
        assert_eq!(piped, Err(DriveError::NotRead { topic: "in".into() }));
    }
}

fn plain() -> String {
    HEAD.replace("tests:\n", "")
}

fn record(time: i64, key: &str, to: &str) -> Record {
    Record {
        key: Some(key.to_owned().into()),
        value: Some(json!({ "to": to }).to_string().into()),
        headers: Vec::new(),
        timestamp: Some(Timestamp(time)),
    }
}

/// How many records came out by flow, key and window, in the end.
fn counted(partitions: u32, records: &[(i64, u8, u8)]) -> BTreeMap<String, i64> {
    let plan = outside(|outside| compile(&plain(), outside))
        .expect("a pipeline")
        .plan;
    let mut driver = TestDriver::over(&plan, |_| partitions).expect("a plan");
    for (time, key, to) in records {
        let partition = i32::from(*key) % i32::try_from(partitions).expect("few");
        let record = record(*time, &format!("k{key}"), &format!("t{to}"));
        driver
            .pipe_to("in", PartitionId(partition), record)
            .expect("taken");
        driver.commit().expect("committed");
    }
    for minutes in 1..=5 {
        driver
            .advance_wall_clock(1_000_000 + minutes * 60_000)
            .expect("time passes");
        driver.commit().expect("committed");
    }
    assert_eq!(driver.account().late, 0);
    let mut counts = BTreeMap::new();
    for topic in ["own", "anew"] {
        for written in driver.read_all(topic) {
            let value = written.json();
            let name = format!("{topic} {} {}", value["key"], value["window"]["start"]);
            let before = counts.insert(name, value["n"].as_i64().expect("a count"));
            assert_eq!(before, None, "each window comes out once");
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn as_many_partitions_as_there_are_come_to_the_same(
        records in prop::collection::vec((0i64..30_000, 0u8..5, 0u8..3), 1..40),
        partitions in 2u32..6,
    ) {
        let mut records = records;
        records.sort_unstable();
        prop_assert_eq!(counted(partitions, &records), counted(1, &records));
    }
}
