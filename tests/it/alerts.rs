//! Alerts, in the tests of pipeline files: when they fire and clear, and what is said of a test that
//! expects otherwise.

use std::fmt::Write as _;

use tidemill::pipeline::Colour;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::pipeline::testing;
use tidemill::pipeline::testing::Verdict;

const OUTSIDE: Outside<'_> = Outside {
    variable: &|_| None,
    file: &|_| Err("no files here".to_owned()),
};

const HEAD: &str = "tidemill: 1
name: t
sources:
  in: { topic: in, idle: 5s }
  numbers: { topic: numbers, key: integer, value: long }
flows:
  worst:
    from: in
    window: { tumbling: 10s }
    aggregate: { n: count(), worst: max(value.x) }
    to: { topic: out }
  last:
    from: in
    aggregate: { x: last(value.x) }
    emit: every-update
    to: { topic: last }
  copy:
    from: numbers
    to: { topic: copied }
  typed:
    from: in
    window: { tumbling: 10s }
    aggregate: { worst: max(value.x) }
    to: { topic: typed, value: avro, key: windowed }
alerts:
  high:
    on: worst
    fire: value.worst > 10
    for: 20s
    clear: value.worst < 5
    no_data: 60s
    message: '{key}: {value.worst:.1} of {value.n}'
  stays: { on: last, fire: value.x > 10, for: 20s }
  large: { on: copy, fire: value > 10 && key == 7 }
  late: { on: typed, fire: 'value.window.end > timestamp(\"2024-01-01T12:00:10Z\")', message: '{key} until {value.window.end}' }
";

/// A pipeline with one test, of `alert`, whose records are `(at, key, x)`; at the end time passes
/// until `end`.
fn pipeline(alert: &str, records: &[(&str, &str, i64)], end: &str, expect: &str) -> String {
    let mut text = format!("{HEAD}tests:\n  - name: n\n    alert: {alert}\n    given:\n");
    for (at, key, x) in records {
        let record = format!("      - {{ at: \"{at}\", key: {key}, value: {{ x: {x} }} }}\n");
        text.push_str(&record);
    }
    writeln!(text, "      - {{ at: \"{end}\" }}").expect("a text");
    text + "    expect:" + expect
}

/// What is said of the test, a line for each difference.
fn said(text: &str) -> Vec<String> {
    let pipeline = compile(text, &OUTSIDE).unwrap_or_else(|findings| {
        panic!("{}", findings.render("t.yaml", text, Colour::Never));
    });
    let [test] = pipeline.tests.as_slice() else {
        panic!("one test");
    };
    match testing::run(&pipeline, test, &OUTSIDE).expect("records") {
        Verdict::Passed => Vec::new(),
        Verdict::Failed(differences) => differences.iter().map(ToString::to_string).collect(),
    }
}

fn told(alert: &str, records: &[(&str, &str, i64)], end: &str, expect: &str) {
    assert_eq!(said(&pipeline(alert, records, end, expect)), [""; 0]);
}

#[test]
fn it_fires_at_the_window_that_ends_as_long_after_the_first_as_it_must_hold() {
    let records = [
        ("12:00:09", "a", 11),
        ("12:00:11", "a", 12),
        ("12:00:29", "a", 13),
        ("12:00:31", "a", 14),
    ];
    let expect = " [ { key: a, fired: \"12:00:30\", message: \"a: 13.0 of 1\" } ]\n";
    told("high", &records, "12:00:41", expect);
    told("high", &records[..3], "12:00:29", " []\n");
}

#[test]
fn a_window_without_records_begins_the_time_anew() {
    let records = [
        ("12:00:09", "a", 11),
        ("12:00:21", "a", 12),
        ("12:00:31", "a", 13),
        ("12:00:41", "a", 14),
    ];
    let expect = " [ { key: a, fired: \"12:00:50\" } ]\n";
    told("high", &records, "12:00:55", expect);
}

#[test]
fn a_window_that_does_not_fire_begins_the_time_anew_and_keys_are_apart() {
    let records = [
        ("12:00:01", "a", 11),
        ("12:00:02", "b", 11),
        ("12:00:11", "a", 10),
        ("12:00:12", "b", 11),
        ("12:00:21", "a", 11),
        ("12:00:22", "b", 11),
    ];
    told(
        "high",
        &records,
        "12:00:50",
        " [ { key: b, fired: \"12:00:30\" } ]\n",
    );
}

#[test]
fn what_fired_stays_until_it_clears_and_not_while_it_is_between() {
    let records = [
        ("12:00:01", "a", 11),
        ("12:00:11", "a", 11),
        ("12:00:21", "a", 11),
        ("12:00:31", "a", 7),
        ("12:00:41", "a", 5),
        ("12:00:51", "a", 4),
        ("12:01:01", "a", 4),
    ];
    let expect = "
      - { fired: \"12:00:30\" }
      - { cleared: \"12:01\", message: \"a: 4.0 of 1\" }
";
    told("high", &records, "12:01:30", expect);
}

#[test]
fn silence_is_told_a_minute_after_the_last_result_came_out_and_cleared_by_the_next() {
    // The window ends at 12:00:10, and closes as much later as its source may be silent.
    let records = [("12:00:01", "a", 1)];
    told("high", &records, "12:01:14.999", " []\n");
    let silent = " [ { key: a, no_data: \"12:01:15\", message: no data for 60s } ]\n";
    told("high", &records, "12:01:15", silent);
    let records = [("12:00:01", "a", 1), ("12:03:01", "a", 1)];
    told(
        "high",
        &records,
        "12:03:30",
        " [ no_data: 1, cleared: 1 ]\n",
    );
}

#[test]
fn what_stands_until_it_changes_fires_while_nothing_comes() {
    let records = [
        ("12:00:01", "a", 11),
        ("12:00:05", "b", 11),
        ("12:00:10", "b", 1),
    ];
    told("stays", &records, "12:00:20.999", " []\n");
    let expect = " [ { key: a, fired: \"12:00:21\", message: value.x > 10 } ]\n";
    told("stays", &records, "12:00:21", expect);
}

#[test]
fn a_flow_that_passes_records_on_is_watched_by_its_own_keys() {
    let test = "tests:
  - name: n
    alert: large
    given:
      - { at: \"12:00\", key: 8, value: 11 }
      - { at: \"12:00:01\", key: 7, value: 11 }
      - { at: \"12:00:02\", key: 7, value: 10 }
    expect:
      - { key: \"7\", fired: \"12:00:01\" }
      - { key: \"7\", cleared: \"12:00:02\" }
";
    assert_eq!(said(&format!("{HEAD}{test}")), [""; 0]);
}

#[test]
fn a_row_that_is_gone_clears_what_was_said_of_it_and_of_others_nothing_is_said() {
    let test = "tests:
  - name: n
    alert: large
    given:
      - { at: \"12:00\", key: 7, value: 11 }
      - { at: \"12:00:01\", key: 8, value: null }
      - { at: \"12:00:02\", key: 7, value: null }
      - { at: \"12:00:03\", key: 7, value: null }
    expect:
      - { key: \"7\", fired: \"12:00\" }
      - { key: \"7\", cleared: \"12:00:02\", message: there is no such row any more }
";
    assert_eq!(said(&format!("{HEAD}{test}")), [""; 0]);
}

#[test]
fn results_in_avro_with_windows_behind_their_keys_are_watched_by_their_keys() {
    let records = [
        ("12:00:01", "a", 1),
        ("12:00:11", "a", 1),
        ("12:00:21", "a", 1),
    ];
    // One key, so that it fires once.
    let expect = "
      - { key: a, fired: \"12:00:20\", message: \"a until 2024-01-01T12:00:20Z\" }
";
    told("late", &records, "12:00:36", expect);
}

/// Fires at 12:00:30.
const FIRES: [(&str, &str, i64); 3] = [
    ("12:00:01", "a", 11),
    ("12:00:11", "a", 11),
    ("12:00:21", "a", 11),
];

#[test]
fn a_test_that_expects_otherwise_fails() {
    let said = |expect| said(&pipeline("high", &FIRES, "12:00:40", expect));
    let came = "{ key: a, fired: \"12:00:30\", message: \"a: 11.0 of 1\" }";
    assert_eq!(
        said(" [ cleared: 1 ]\n"),
        [
            format!("1 fired, expected 0; {came}"),
            "0 cleared, expected 1".to_owned()
        ]
    );
    assert_eq!(said(" []\n"), [format!("came out, not expected: {came}")]);
    assert_eq!(
        said(" [ { key: a, fired: \"12:00:20\" }, { key: a, cleared: \"12:00:40\" } ]\n"),
        [
            "{ key: a }: fired is \"12:00:30\", expected \"12:00:20\"",
            "did not come out: { key: a, cleared: \"12:00:40\" }"
        ]
    );
}

#[test]
fn an_update_writes_what_was_told() {
    let rewritten = |expect: &str| {
        let text = pipeline("high", &FIRES, "12:00:40", expect);
        let pipeline = compile(&text, &OUTSIDE).expect("a pipeline");
        let new = testing::rewritten(&text, &pipeline, &OUTSIDE).expect("records");
        assert_eq!(said(&new), [""; 0], "{new}");
        new.split_once("expect:").expect("expect").1.to_owned()
    };
    assert_eq!(
        rewritten(" [ fired: 2 ] # once\n"),
        " [ fired: 1 ] # once\n"
    );
    assert_eq!(
        rewritten(" [ cleared: 1 ]\n"),
        " [ cleared: 0, fired: 1 ]\n"
    );
    assert_eq!(
        rewritten("\n      - cleared: 1\n"),
        "\n      - cleared: 0\n      - fired: 1\n"
    );
    let came = "{ key: a, fired: \"12:00:30\", message: \"a: 11.0 of 1\" }";
    assert_eq!(rewritten(" []\n"), format!(" [ {came} ]\n"));
    assert_eq!(
        rewritten("\n      - { fired: \"12:00:20\" } # late\n"),
        "\n      - { fired: \"12:00:30\" } # late\n"
    );
}

#[test]
fn a_result_that_cannot_be_judged_is_told_and_changes_nothing() {
    let text = HEAD.replace("fire: value.x > 10", "fire: value.x.y > 10");
    let text = text
        + "tests:\n  - name: n\n    alert: stays\n    given: [ { at: \"12:00\", key: a, value: { x: 11 } } ]\n    expect: []\n";
    let said = said(&text);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("1 rejected, expected 0; alert stays: fire: evaluate"),
        "{said:?}"
    );
}
