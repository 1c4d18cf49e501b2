//! The tests in pipeline files: what passes, what is said of what does not, and what `--update`
//! writes.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;
use std::time::Instant;

use tidemill::pipeline::Colour;
use tidemill::pipeline::Outside;
use tidemill::pipeline::Pipeline;
use tidemill::pipeline::compile;
use tidemill::pipeline::testing;
use tidemill::pipeline::testing::Verdict;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pipelines")
}

fn with_outside<T>(call: impl FnOnce(&Outside<'_>) -> T) -> T {
    let file =
        |name: &str| fs::read_to_string(samples().join(name)).map_err(|error| error.to_string());
    call(&Outside {
        variable: &|_| None,
        file: &file,
    })
}

fn compiled(text: &str) -> Pipeline {
    with_outside(|outside| compile(text, outside)).unwrap_or_else(|findings| {
        panic!("{}", findings.render("file", text, Colour::Never));
    })
}

/// A pipeline over JSON with these lines for its tests.
fn pipeline(tests: &str) -> String {
    let head = "tidemill: 1\nname: t\nsources:\n  in: { topic: in, idle: 10s }\n  lines: { topic: lines, value: text }\nflows:\n  sums:\n    from: in\n    where: value.x >= 0\n    window: { tumbling: 10s }\n    aggregate: { n: count(), sum: sum(value.x) }\n    emit: every-update\n    to: { topic: out }\n  mapped:\n    from: lines\n    select: { length: size(value), first: value.startsWith(\"a\") }\n    to: { topic: lengths }\non_error: { topic: dead }\ntests:\n";
    format!("{head}{tests}")
}

/// What is said of the tests of a pipeline, a line for each difference.
fn said(text: &str) -> Vec<String> {
    let pipeline = compiled(text);
    let said = pipeline.tests.iter().flat_map(|test| {
        let verdict = with_outside(|outside| testing::run(&pipeline, test, outside));
        match verdict.expect("records that can be written") {
            Verdict::Passed => Vec::new(),
            Verdict::Failed(differences) => differences.iter().map(ToString::to_string).collect(),
        }
    });
    said.collect()
}

fn rewritten(text: &str) -> String {
    let pipeline = compiled(text);
    with_outside(|outside| testing::rewritten(text, &pipeline, outside)).expect("records")
}

#[test]
fn the_tests_of_every_sample_pass() {
    for entry in fs::read_dir(samples()).expect("the samples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a sample");
        assert_eq!(said(&text), [""; 0], "{}", path.display());
        assert!(!compiled(&text).tests.is_empty(), "{}", path.display());
    }
}

#[test]
fn the_sample_takes_milliseconds() {
    let text = fs::read_to_string(samples().join("shop.yaml")).expect("the sample");
    let begun = Instant::now();
    assert_eq!(said(&text), [""; 0]);
    // A release build takes a hundredth of it; this one is not optimised and shares its machine.
    assert!(begun.elapsed() < Duration::from_secs(2));
}

const GIVEN: &str = "    given:\n      - { at: \"12:00:01\", key: a, value: { x: 1 } }\n      - { at: \"12:00:02\", key: b, value: { x: 2 } }\n      - { at: \"12:00:03\", key: a, value: { x: 3.5 } }\n";

#[test]
fn results_of_one_key_come_in_order_and_those_of_others_anywhere() {
    let test = |expect: &str| {
        pipeline(&format!(
            "  - name: n\n    flow: sums\n{GIVEN}    expect:\n{expect}"
        ))
    };
    let (first, second) = (
        "{ key: a, sum: 1 }",
        "{ key: a, sum: 4.5, window: { start: \"12:00\", end: \"12:00:10\" } }",
    );
    let other = "{ key: b, n: 1 }";
    let lines = |entries: [&str; 3]| entries.map(|entry| format!("      - {entry}\n")).concat();
    assert_eq!(said(&test(&lines([first, other, second]))), [""; 0]);
    assert_eq!(said(&test(&lines([other, first, second]))), [""; 0]);
    let said = said(&test(&lines([second, first, other])));
    assert_eq!(
        said,
        ["came out before the one above it of the same key: { key: a, sum: 1 }"]
    );
}

#[test]
fn each_thing_that_came_otherwise_is_told() {
    let tests = format!(
        "  - name: n\n    flow: sums\n{GIVEN}      - {{ at: \"12:00:03\", key: a, value: {{ x: \"1\" }} }}\n    expect:\n      - {{ key: a, window: \"12:00\", sum: 1 }}\n      - {{ key: a, window: \"12:00\", sum: 5, m: 1 }}\n      - {{ key: c, sum: 1 }}\n    filtered: 2\n"
    );
    assert_eq!(
        said(&pipeline(&tests)),
        [
            "{ window: \"12:00\", key: a }: sum is 4.5, expected 5",
            "{ window: \"12:00\", key: a }: no field m, expected 1",
            "did not come out: { key: c, sum: 1 }",
            "came out, not expected: { window: \"12:00\", key: b, n: 1, sum: 2 }",
            "1 rejected, expected 0; where: evaluate `value.x >= 0`: no meaning for a value of type string",
            "0 filtered, expected 2",
        ]
    );
}

#[test]
fn values_that_are_no_objects_are_expected_whole() {
    let test =
        "  - name: n\n    flow: mapped\n    given:\n      - { at: \"0:00\", key: k, value: abc }\n";
    let test = test.replace("0:00", "00:00");
    let expect = "    expect: [ { length: 3, first: true, key: k } ]\n";
    assert_eq!(said(&pipeline(&format!("{test}{expect}"))), [""; 0]);
}

#[test]
fn numbers_of_fixed_width_are_values_and_keys() {
    let text = "tidemill: 1\nname: t\nsources:\n  in: { topic: in, key: integer, value: long }\nflows:\n  sums:\n    from: in\n    aggregate: { n: count(), sum: sum(value) }\n    emit: every-update\n    to: { topic: out }\n  copy:\n    from: in\n    where: value > 3\n    to: { topic: copied }\non_error: { topic: dead }\ntests:\n  - name: a\n    flow: sums\n    given:\n      - { at: \"12:00\", key: 7, value: 5 }\n      - { at: \"12:00\", key: 7, value: -3 }\n      - { at: \"12:00\", key: 8, value: 1 }\n    expect:\n      - { key: 7, n: 1, sum: 5 }\n      - { key: 7, n: 2, sum: 2 }\n      - { key: 8, n: 1, sum: 1 }\n  - name: b\n    flow: copy\n    given:\n      - { at: \"12:00\", key: 7, value: 5 }\n      - { at: \"12:00\", key: 7, value: -3 }\n    expect:\n      - { value: 5 }\n";
    assert_eq!(said(text), [""; 0]);
}

#[test]
fn envelopes_of_a_file_arrive_at_their_timestamps() {
    let file = r#"{"timestamp":1704067201000,"key":"a","value":{"x":2}}
{"timestamp":1704067200500,"key":"a","value":{"x":3}}
"#;
    let text = pipeline(
        "  - name: n\n    flow: sums\n    given_file: in.jsonl\n    expect:\n      - { key: a, sum: 2 }\n      - { key: a, sum: 5, window: \"00:00\" }\n",
    );
    let outside = Outside {
        variable: &|_| None,
        file: &|name| match name {
            "in.jsonl" => Ok(file.to_owned()),
            _ => Err("no such file".to_owned()),
        },
    };
    let pipeline = compile(&text, &outside).expect("a pipeline");
    let test = &pipeline.tests[0];
    assert_eq!(testing::run(&pipeline, test, &outside), Ok(Verdict::Passed));
    let findings = with_outside(|none| testing::run(&pipeline, test, none)).expect_err("no file");
    assert_eq!(&text[findings.as_slice()[0].span.clone()], "in.jsonl");
}

#[test]
fn a_record_of_a_topic_that_the_flow_does_not_read_is_told_with_those_that_it_does() {
    let text = pipeline(
        "  - name: n\n    flow: sums\n    given:\n      - { at: \"12:00\", topic: inn, key: a, value: { x: 1 } }\n",
    );
    let pipeline = compiled(&text);
    let test = &pipeline.tests[0];
    let findings = with_outside(|outside| testing::check(&pipeline, test, outside));
    let findings = findings.expect_err("no such topic");
    let finding = &findings.as_slice()[0];
    assert_eq!(finding.message, "the flow does not read the topic `inn`");
    assert_eq!(&text[finding.span.clone()], "inn");
    assert_eq!(finding.nearest.as_deref(), Some("in"));
    assert_eq!(finding.help.as_deref(), Some("it reads in"));
}

#[test]
fn an_update_changes_what_is_expected_and_nothing_else() {
    let before = format!(
        "  - name: one\n    flow: sums   # the flow\n{GIVEN}    expect:\n      # first\n      - {{ key: a, sum: 1 }}\n      - {{ key: b, sum: 9 }}   # wrong\n      - {{ key: c, sum: 1 }}\n    filtered: 7\n\n  - {{ name: two, flow: sums, given: [{{ at: \"12:00\", key: a, value: {{ x: 1 }} }}], expect: [] }}\n  - name: three\n    flow: sums\n    given:\n      - {{ at: \"12:00\", key: a, value: {{ x: 1 }} }}\n    expect:\n    late: 0 # none\n"
    );
    let after = format!(
        "  - name: one\n    flow: sums   # the flow\n{GIVEN}    expect:\n      # first\n      - {{ key: a, sum: 1 }}\n      - {{ key: b, sum: 2 }}   # wrong\n      - {{ window: \"12:00\", key: a, n: 2, sum: 4.5 }}\n    filtered: 0\n\n  - {{ name: two, flow: sums, given: [{{ at: \"12:00\", key: a, value: {{ x: 1 }} }}], expect: [ {{ window: \"12:00\", key: a, n: 1, sum: 1 }} ] }}\n  - name: three\n    flow: sums\n    given:\n      - {{ at: \"12:00\", key: a, value: {{ x: 1 }} }}\n    expect:\n      - {{ window: \"12:00\", key: a, n: 1, sum: 1 }}\n    late: 0 # none\n"
    );
    let updated = rewritten(&pipeline(&before));
    assert_eq!(updated, pipeline(&after));
    assert_eq!(said(&updated), [""; 0]);
    assert_eq!(
        rewritten(&updated),
        updated,
        "and then there is nothing to change"
    );
}

#[test]
fn results_that_came_in_another_order_are_written_in_theirs() {
    let before = format!(
        "  - name: one\n    flow: sums\n{GIVEN}    expect:\n      - {{ key: a, sum: 4.5 }}\n      - {{ key: a, sum: 1 }}\n      - {{ key: b }}\n"
    );
    let updated = rewritten(&pipeline(&before));
    let expect = "    expect:\n      - { key: a, sum: 1 }\n      - { key: b }\n      - { key: a, sum: 4.5 }\n";
    assert!(updated.ends_with(expect), "{updated}");
}

fn tidemill(args: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .args(args)
        .output();
    command.expect("the binary is built")
}

#[test]
fn a_test_that_fails_ends_with_3_and_one_that_was_updated_with_0() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.yaml");
    let wrong = pipeline(&format!(
        "  - name: <n>\n    flow: sums\n{GIVEN}    expect: []\n"
    ));
    fs::write(&path, &wrong).expect("written");
    let file = path.to_str().expect("text");
    let output = tidemill(&["test", file]);
    assert_eq!(output.status.code(), Some(3));
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(out.starts_with("FAIL  <n> ("), "{out}");
    let output = tidemill(&["test", file, "-o", "junit"]);
    assert_eq!(output.status.code(), Some(3));
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(
        out.contains("failures=\"1\"") && out.contains("&lt;n&gt;"),
        "{out}"
    );
    assert_eq!(fs::read_to_string(&path).expect("the file"), wrong);
    let output = tidemill(&["test", file, "--update"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let out = String::from_utf8(output.stdout).expect("text");
    assert!(
        out.contains("\n-     expect: []\n+     expect: [ { window: "),
        "{out}"
    );
    assert_eq!(tidemill(&["test", file]).status.code(), Some(0));
}

#[test]
fn a_file_without_tests_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("t.yaml");
    fs::write(&path, pipeline("").replace("tests:\n", "")).expect("written");
    let output = tidemill(&["test", path.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(2));
}
