//! Minutes without records, through a repartition topic and with windowed keys, on a broker.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde_json::Value;
use tidemill::protocol::partitioner::partition_for_key;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;

/// Every case, for any broker.
pub(crate) const CASES: [fn(&Scene<'_>); 1] = [shown_as_zero];

#[test]
fn minutes_without_records_are_shown_as_zero_and_all_windows_of_a_key_share_a_partition() {
    on_embedded_broker(shown_as_zero);
}

const PIPELINE: &str = "tidemill: 1
name: logins
sources:
  logins: { topic: logins, value: json }
flows:
  per_minute:
    from: logins
    key: value.user
    window: { tumbling: 1m, empty: zero }
    aggregate: { logins: count() }
    to: { topic: per-minute, key: windowed }
";

const USERS: [&str; 5] = ["ada", "bob", "cyd", "dan", "eve"];
const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).expect("not 0");
const MINUTE_MS: i64 = 60_000;

fn shown_as_zero(scene: &Scene<'_>) {
    scene.create("logins", 2);
    scene.create("per-minute", PARTITIONS.get());
    // Each user logs in in minutes 0 and 3; minute 5 closes those before it in both partitions.
    let mut envelopes = String::new();
    for (minute, users) in [(0, &USERS[..]), (3, &USERS), (5, &["zoe"])] {
        for user in users {
            for key in ["a", "b", "c", "d"] {
                let time = minute * MINUTE_MS;
                envelopes.push_str(&format!(
                    "{{\"timestamp\":{time},\"key\":\"{key}\",\"value\":{{\"user\":\"{user}\"}}}}\n"
                ));
            }
        }
    }
    scene.produce("logins", &envelopes, &[]);
    let file = scene.pipeline(PIPELINE);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    scene.brokers.ok(&words, b"");

    let mut counts: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in scene.consume("per-minute", &["-o", "jsonl"]).lines() {
        let line: Value = serde_json::from_str(line).expect("an envelope");
        let value = &line["value"];
        let key = value["key"].as_str().expect("a text");
        let place = partition_for_key(key.as_bytes(), PARTITIONS);
        assert_eq!(line["partition"], place.0, "{line}");
        let of_key = counts.entry(key.to_owned()).or_default();
        assert_eq!(
            value["window"]["start"],
            i64::try_from(of_key.len()).expect("few") * MINUTE_MS,
            "one window after another"
        );
        of_key.push(value["logins"].as_i64().expect("a count"));
    }
    let expected = USERS.map(|user| (user.to_owned(), vec![4, 0, 0, 4, 0]));
    assert_eq!(counts, BTreeMap::from(expected));
}
