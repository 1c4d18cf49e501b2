//! The real command killed in the middle of its work, again and again: what is committed is what one
//! run without a fault comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

use crate::client_suite::PATIENCE;
use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::Running;

/// Every case, for any broker.
pub(crate) const CASES: [fn(&Scene<'_>); 2] =
    [nothing_is_lost_or_repeated, a_newer_instance_takes_over];

#[test]
fn what_is_committed_between_kills_is_what_one_run_comes_to() {
    on_embedded_broker(nothing_is_lost_or_repeated);
}

#[test]
fn an_older_instance_ends_when_a_newer_one_takes_over() {
    on_embedded_broker(a_newer_instance_takes_over);
}

/// How often it is killed; `TIDEMILL_KILLS=300` is the long form.
const KILLS: i64 = 15;

const PIPELINE: &str = r#"
tidemill: 1
name: NAME
sources:
  orders: { topic: orders }
  clicks: { topic: clicks }
  visits: { topic: visits }
tables:
  customers: { topic: customers }
flows:
  passed:
    from: orders
    where: value.n % 2 == 0
    to: { topic: NAME-passed }
  running:
    from: orders
    aggregate: { n: count(), sum: sum(value.n) }
    emit: every-update
    to: { topic: NAME-running }
  per_second:
    from: visits
    window: { tumbling: 200ms, grace: 50ms }
    aggregate: { n: count(), sum: sum(value.n) }
    late: { topic: NAME-late }
    to: { topic: NAME-per-second }
  sessions:
    from: orders
    key: value.product
    window: { session: 30ms, grace: 1s }
    aggregate: { n: count(), sum: sum(value.n) }
    to: { topic: NAME-sessions }
  near:
    from: orders
    join: { with: clicks, within: 20ms, grace: 1s }
    select: { order: orders.n, click: clicks.n }
    to: { topic: NAME-near }
  looked_up:
    from: orders
    join: { with: customers, type: left }
    select: { n: orders.n, city: 'customers == null ? "?" : customers.city' }
    to: { topic: NAME-looked-up }
"#;

const SINKS: [&str; 7] = [
    "passed",
    "running",
    "late",
    "per-second",
    "sessions",
    "near",
    "looked-up",
];

/// How many records of each stream there are for each kill.
const CHUNK: i64 = 400;
/// How many keys there are.
const KEYS: i64 = 23;

/// Records of `topic`, in the order of their times, but for a late one now and then in `visits`.
fn envelopes(topic: &str, numbers: std::ops::Range<i64>) -> String {
    let mut lines = String::new();
    for n in numbers {
        let key = (n * 7 + n / 11) % KEYS;
        let late = if topic == "visits" && n % 97 == 96 {
            500
        } else {
            0
        };
        let line = json!({
            "timestamp": 1_000_000 + n * 2 - late,
            "key": format!("c{key}"),
            "value": {"n": n, "product": format!("p{}", n * 5 % 17)},
        });
        writeln!(lines, "{line}").expect("written");
    }
    lines
}

fn customers() -> String {
    let lines = (0..KEYS).filter(|key| key % 5 != 0).map(|key| {
        let (key, city) = (format!("c{key}"), format!("t{}", key % 4));
        let line = json!({"timestamp": 1_000, "key": key, "value": {"city": city}});
        format!("{line}\n")
    });
    lines.collect()
}

fn nothing_is_lost_or_repeated(scene: &Scene<'_>) {
    let kills = std::env::var("TIDEMILL_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    for topic in ["orders", "clicks", "visits", "customers"] {
        scene.create(topic, 3);
    }
    for name in ["killed", "whole"] {
        for sink in SINKS {
            scene.create(&format!("{name}-{sink}"), 2);
        }
    }
    scene.produce("customers", &customers(), &[]);
    let pipeline = PIPELINE.replace("NAME", "killed");
    for kill in 0..kills {
        for topic in ["orders", "clicks", "visits"] {
            let chunk = envelopes(topic, kill * CHUNK..(kill + 1) * CHUNK);
            scene.produce(topic, &chunk, &[]);
        }
        let mut running = scene.start(&pipeline);
        work_a_while(kill);
        let ended = running.0.try_wait().expect("a child");
        assert!(ended.is_none(), "it ended by itself: {ended:?}");
    }
    run_to_the_end(scene, &pipeline);
    run_to_the_end(scene, &PIPELINE.replace("NAME", "whole"));
    for sink in SINKS {
        let killed = read(scene, &format!("killed-{sink}"));
        let whole = read(scene, &format!("whole-{sink}"));
        assert!(!whole.is_empty(), "{sink}");
        let more: Vec<_> = differences(&killed, &whole);
        let less: Vec<_> = differences(&whole, &killed);
        assert!(
            more.is_empty() && less.is_empty(),
            "{sink}: {} records, {} repeated or wrong: {:?}, {} lost: {:?}",
            whole.values().sum::<usize>(),
            more.len(),
            more.iter().take(3).collect::<Vec<_>>(),
            less.len(),
            less.iter().take(3).collect::<Vec<_>>(),
        );
    }
}

/// From before it has read anything to after it has committed all of it.
#[expect(
    clippy::disallowed_methods,
    reason = "a kill that waited for something would always come at the same place"
)]
fn work_a_while(kill: i64) {
    let millis = kill * 137 % 900;
    thread::sleep(Duration::from_millis(
        u64::try_from(millis).expect("positive"),
    ));
}

fn run_to_the_end(scene: &Scene<'_>, pipeline: &str) {
    let file = scene.pipeline(pipeline);
    let words = ["run", "-q", file.to_str().expect("plain"), "-e"];
    scene.brokers.ok(&words, b"");
}

/// The records of a topic that are committed, and how often each stands there.
fn read(scene: &Scene<'_>, topic: &str) -> BTreeMap<String, usize> {
    let mut records = BTreeMap::new();
    for line in scene.consume(topic, &["-o", "jsonl"]).lines() {
        let line: Value = serde_json::from_str(line).expect("an envelope");
        let record = ["partition", "key", "value", "timestamp"].map(|part| line[part].to_string());
        *records.entry(record.join(" ")).or_default() += 1;
    }
    records
}

/// What `these` has more often than `those`.
fn differences<'a>(
    these: &'a BTreeMap<String, usize>,
    those: &BTreeMap<String, usize>,
) -> Vec<(&'a str, usize)> {
    let more = these.iter().filter_map(|(record, count)| {
        let more = count.saturating_sub(those.get(record).copied().unwrap_or(0));
        (more > 0).then_some((record.as_str(), more))
    });
    more.collect()
}

const COUNTED: &str = "
tidemill: 1
name: counted
sources:
  orders: { topic: orders }
flows:
  running:
    from: orders
    aggregate: { n: count() }
    emit: every-update
    to: { topic: counted }
";

/// Starts the pipeline, with what it says kept.
fn start(scene: &Scene<'_>) -> Running {
    let file = scene.pipeline(COUNTED);
    let mut command = scene
        .brokers
        .command(&["run", "-q", file.to_str().expect("plain")]);
    let pipes = command.stdin(Stdio::null()).stderr(Stdio::piped());
    Running(pipes.spawn().expect("the binary is built"))
}

/// Waits until so many results are committed, and no more.
fn wait_for(scene: &Scene<'_>, results: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = read(scene, "counted").values().sum::<usize>();
        assert!(found <= results, "{found} of {results}");
        if found == results {
            return;
        }
        assert!(Instant::now() < deadline, "{found} of {results}");
    }
}

fn a_newer_instance_takes_over(scene: &Scene<'_>) {
    scene.create("orders", 3);
    scene.create("counted", 1);
    scene.produce("orders", &envelopes("orders", 0..100), &[]);
    let mut older = start(scene);
    wait_for(scene, 100);
    let mut newer = start(scene);
    // Both see these, and one of them may say what they come to.
    let mut written = 100;
    let deadline = Instant::now() + PATIENCE;
    while older.0.try_wait().expect("a child").is_none() {
        assert!(Instant::now() < deadline, "it is still running");
        scene.produce("orders", &envelopes("orders", written..written + 10), &[]);
        written += 10;
    }
    let code = older.0.wait().expect("it has ended").code();
    let mut said = String::new();
    let stderr = older.0.stderr.take().expect("piped");
    std::io::BufReader::new(stderr)
        .read_to_string(&mut said)
        .expect("text");
    assert_eq!(code, Some(1), "{said}");
    // A partition's leader or the coordinator says so, whichever hears of it first.
    assert!(said.contains("has taken over"), "{said}");
    wait_for(scene, usize::try_from(written).expect("few"));
    let ended = newer.0.try_wait().expect("a child");
    assert!(ended.is_none(), "the newer one goes on");
}
