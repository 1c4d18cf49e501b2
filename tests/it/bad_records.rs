//! Records that a pipeline cannot use: it stops where it is told to, names the record, and has lost
//! nothing when it goes on.

use std::collections::BTreeMap;

use serde_json::Value;
use tidemill::client::cluster::Cluster;
use tidemill::client::offsets::Offsets;
use tidemill::record::TopicPartition;

use crate::client_suite;
use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::commands::check;

/// Every case, for any broker.
pub(crate) const CASES: [fn(&Scene<'_>); 3] =
    [stopped_and_put_aside, stopped_and_skipped, missing_source];

#[test]
fn a_broken_record_stops_the_pipeline_and_is_put_aside_after_a_restart_that_loses_nothing() {
    on_embedded_broker(stopped_and_put_aside);
}

#[test]
fn a_broken_record_stops_the_pipeline_and_is_skipped_after_a_restart_that_loses_nothing() {
    on_embedded_broker(stopped_and_skipped);
}

#[test]
fn a_pipeline_whose_source_is_missing_says_so_and_does_not_make_it() {
    on_embedded_broker(missing_source);
}

const GOOD: i64 = 40;
/// Where the broken record stands: records before it were committed by an earlier run.
const BROKEN: i64 = 30;
const EARLIER: i64 = 20;

fn stopped_and_put_aside(scene: &Scene<'_>) {
    scene.create("orders.dead", 1);
    stopped(scene);
    goes_on(scene, "{ topic: orders.dead }");
    let dead = scene.consume("orders.dead", &["-o", "jsonl"]);
    let dead: Value = serde_json::from_str(&dead).expect("one record");
    assert_eq!(dead["value"], "{\"qty\": ", "as it was");
    let said = dead["headers"].to_string();
    let offset = BROKEN.to_string();
    for part in ["reason", &scene.name("orders"), &offset] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

fn stopped_and_skipped(scene: &Scene<'_>) {
    stopped(scene);
    goes_on(scene, "skip");
}

fn missing_source(scene: &Scene<'_>) {
    scene.create("totals", 1);
    let file = scene.pipeline(&pipeline("fail"));
    let output = scene
        .brokers
        .run(&["run", file.to_str().expect("plain")], b"");
    let orders = scene.name("orders");
    let missing = format!("\"{orders}\" does not exist");
    check(
        &output,
        1,
        &[&missing, &format!("tidemill topic create {orders}")],
    );
    let topics = scene.brokers.text(&["topic", "list"], b"");
    assert!(!topics.contains(&orders), "{topics}");
}

/// Totals per minute; sixty orders a minute, so one window holds all of them.
fn pipeline(on_error: &str) -> String {
    format!(
        "tidemill: 1
name: shop
sources:
  orders: {{ topic: orders, value: json }}
flows:
  totals:
    from: orders
    window: {{ tumbling: 1m }}
    aggregate: {{ n: count(), qty: sum(value.qty) }}
    emit: updates
    to: {{ topic: totals, value: json }}
on_error: {on_error}
"
    )
}

fn orders(numbers: impl Iterator<Item = i64>) -> String {
    let line = |n| format!("{{\"timestamp\":{n},\"key\":\"k\",\"value\":{{\"qty\":{n}}}}}\n");
    numbers.map(line).collect()
}

/// A first run commits; a second one reaches the broken record, and so does a third.
fn stopped(scene: &Scene<'_>) {
    scene.create("orders", 1);
    scene.create("totals", 1);
    scene.produce("orders", &orders(0..EARLIER), &[]);
    let file = scene.pipeline(&pipeline("fail"));
    let words = ["run", file.to_str().expect("plain"), "-e"];
    scene.brokers.ok(&words, b"");
    scene.produce("orders", &orders(EARLIER..BROKEN), &[]);
    let broken = "{\"timestamp\":1,\"key\":\"k\",\"value\":\"{\\\"qty\\\": \",\"value_encoding\":\"text\"}\n";
    scene.produce("orders", broken, &[]);
    scene.produce("orders", &orders(BROKEN..GOOD), &[]);
    let at = format!("{}-0@{BROKEN}", scene.name("orders"));
    for _ in 0..2 {
        let output = scene.brokers.run(&words, b"");
        check(&output, 6, &[&at, "totals", "on_error"]);
        assert!(committed(scene) <= Some(BROKEN), "the record is not passed");
    }
}

/// A run with another policy uses every record but the broken one.
fn goes_on(scene: &Scene<'_>, on_error: &str) {
    let file = scene.pipeline(&pipeline(on_error));
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let output = scene.brokers.run(&words, b"");
    check(&output, 0, &["1 rejected"]);
    let mut last = BTreeMap::new();
    for line in scene.consume("totals", &[]).lines() {
        let result: Value = serde_json::from_str(line).expect("JSON");
        last.insert(result["window"]["start"].to_string(), result);
    }
    let result = last.values().next().expect("a result");
    assert_eq!(last.len(), 1, "{last:?}");
    assert_eq!(result["n"], GOOD, "{result}");
    assert_eq!(result["qty"], (0..GOOD).sum::<i64>(), "{result}");
}

/// What the pipeline's group has committed of its source.
fn committed(scene: &Scene<'_>) -> Option<i64> {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let partition = TopicPartition::new(scene.name("orders"), 0);
    let asked = std::slice::from_ref(&partition);
    let (bootstrap, group) = (&scene.brokers.bootstrap, scene.name("shop"));
    let found = tokio.block_on(async {
        let cluster = Cluster::connect(client_suite::config(bootstrap)).await;
        let offsets = Offsets::new(cluster.expect("connected"));
        offsets
            .committed(&group, Some(asked))
            .await
            .expect("answered")
    });
    Some(found.get(&partition)?.offset.0)
}
