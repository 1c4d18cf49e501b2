//! Alerts of a pipeline that runs on a broker.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde_json::Value;
use serde_json::json;
use tidemill::protocol::partitioner::partition_for_key;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::check;

/// Every case, for any broker.
pub(crate) const CASES: [fn(&Scene<'_>); 2] = [told_to_a_topic_and_the_log, refused];

#[test]
fn an_alert_tells_its_topic_and_the_log_what_fired_and_cleared_key_by_key() {
    on_embedded_broker(told_to_a_topic_and_the_log);
}

#[test]
fn what_could_not_be_told_is_refused_before_anything_runs() {
    on_embedded_broker(refused);
}

const PIPELINE: &str = "tidemill: 1
name: site
sources:
  requests: { topic: requests, value: json }
flows:
  slow:
    from: requests
    key: value.page
    window: { tumbling: 10s }
    aggregate: { worst: max(value.ms) }
    to: { topic: slow }
alerts:
  too_slow:
    on: slow
    fire: value.worst > 100
    for: 20s
    clear: value.worst < 50
    message: '{key} takes {value.worst} ms'
    to: [ log, { topic: alerts } ]
";

const PAGES: [&str; 4] = ["/", "/cart", "/pay", "/help"];
const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).expect("not 0");

/// Every ten seconds a request for each page: slow three times, then between, then fast.
fn requests() -> String {
    let mut envelopes = String::new();
    for (number, ms) in [200, 201, 202, 70, 10, 1].into_iter().enumerate() {
        for page in PAGES {
            for key in ["a", "b", "c", "d"] {
                let line = json!({
                    "timestamp": 10_000 * number,
                    "key": key,
                    "value": { "page": page, "ms": ms },
                });
                envelopes.push_str(&format!("{line}\n"));
            }
        }
    }
    envelopes
}

fn told_to_a_topic_and_the_log(scene: &Scene<'_>) {
    scene.create("requests", 2);
    scene.create("slow", 1);
    scene.create("alerts", PARTITIONS.get());
    scene.produce("requests", &requests(), &[]);
    let file = scene.pipeline(PIPELINE);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let output = scene.brokers.run(&words, b"");
    let lines = PAGES.map(|page| {
        format!("alert too_slow: {page} fired at 1970-01-01T00:00:30Z: {page} takes 202 ms\n")
    });
    check(&output, 0, &lines.each_ref().map(String::as_str));

    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in scene.consume("alerts", &["-o", "jsonl"]).lines() {
        let line: Value = serde_json::from_str(line).expect("an envelope");
        let key = line["key"].as_str().expect("a text");
        let place = partition_for_key(key.as_bytes(), PARTITIONS);
        assert_eq!(line["partition"], place.0, "{line}");
        assert_eq!(line["timestamp"], line["value"]["time"], "{line}");
        told.entry(key.to_owned())
            .or_default()
            .push(line["value"].clone());
    }
    let notice = |page: &str, state: &str, time: i64, ms: i64| {
        json!({
            "alert": "too_slow",
            "key": page,
            "state": state,
            "time": time,
            "message": format!("{page} takes {ms} ms"),
        })
    };
    let expected = PAGES.map(|page| {
        let fired = notice(page, "fired", 30_000, 202);
        let cleared = notice(page, "cleared", 50_000, 10);
        (page.to_owned(), vec![fired, cleared])
    });
    assert_eq!(told, BTreeMap::from(expected));
}

fn refused(scene: &Scene<'_>) {
    scene.create("requests", 1);
    scene.create("slow", 1);
    let file = scene.pipeline(PIPELINE);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let output = scene.brokers.run(&words, b"");
    let topic = scene.name("alerts");
    check(&output, 1, &[&topic, "does not exist"]);
    let webhook = PIPELINE.replace("{ topic: alerts }", "{ webhook: { url_env: URL } }");
    let file = scene.pipeline(&webhook);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let output = scene.brokers.run(&words, b"");
    check(&output, 2, &["alert too_slow: webhooks are not told yet"]);
}
