//! Flows of several topics over several partitions: whatever has to meet does, through internal
//! topics, and nothing depends on the order in which partitions happen to be read.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use tidemill::pipeline::Colour;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::stream::plan::Plan;
use tidemill::stream::stage::Part;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::world::World;

const HEAD: &str = "
tidemill: 1
name: shop
sources:
  orders: { topic: orders }
  clicks: { topic: clicks }
tables:
  customers: { topic: customers }
  cities: { topic: cities }
  everywhere: { topic: cities, global: true }
flows:
  out:
    to: { topic: out }
";

/// A stream by another key than its topic has, with a table.
const LOOKED_UP: &str = "
from: orders
where: value.qty > 0
key: value.customer
join: { with: customers, type: left }
select: { qty: orders.qty, city: 'customers == null ? \"?\" : customers.city' }";

/// Two streams, both by other keys than their topics have.
const NEAR: &str = "
from: orders
key: value.customer
join: { with: clicks, within: 10ms, grace: 1s, type: left }";

/// Rows of a table, aggregated by another key.
const REGROUPED: &str = "
from: customers
key: value.city
aggregate: { n: count(), spent: sum(value.spent) }";

/// A table joined with the rows of another that it names.
const NAMED: &str = "
from: customers
join: { with: cities, on: value.city, type: left }
select: { spent: customers.spent, mayor: 'cities == null ? \"?\" : cities.mayor' }";

/// A stream with a table that every task has, by a key that is not its own.
const ANYWHERE: &str = "
from: orders
join: { with: everywhere, on: 'value.town', type: left }
select: { qty: orders.qty, mayor: 'everywhere == null ? \"?\" : everywhere.mayor' }";

/// What two streams have in common, in windows of three kinds, and in none.
const IN_WINDOWS: [&str; 4] = [
    "window: { tumbling: 50ms, grace: 2s }",
    "window: { sliding: 50ms, grace: 2s }",
    "window: { session: 30ms, grace: 2s }",
    "emit: every-update",
];

fn in_windows(window: &str) -> String {
    format!(
        "{}\n{window}\naggregate: {{ n: count(), qty: sum(orders.qty) }}",
        NEAR.replace(", type: left", "")
    )
}

fn plan(flow: &str) -> Plan {
    let outside = Outside {
        variable: &|_| None,
        file: &|_| Err("no files".to_owned()),
    };
    let text = format!("{HEAD}    {}\n", flow.trim().replace('\n', "\n    "));
    match compile(&text, &outside) {
        Ok(pipeline) => pipeline.plan,
        Err(findings) => panic!("{}", findings.render("shop.yaml", &text, Colour::Never)),
    }
}

/// One of the records that a test makes: topic, key, value, time.
type Given = (&'static str, String, Option<Value>, i64);

fn world(flow: &str, partitions: u32, given: &[Given]) -> World {
    let topics = ["orders", "clicks", "customers", "cities"].map(|topic| (topic, partitions));
    let mut world = World::new(&plan(flow), &topics);
    for (topic, key, value, time) in given {
        let value = value.as_ref().map(Value::to_string);
        world.produce(topic, key, value.as_deref(), *time);
    }
    world
}

/// The last value of each key.
fn table(world: &World) -> BTreeMap<String, Value> {
    let rows = world.results().into_iter();
    let rows: BTreeMap<_, _> = rows.map(|(key, value, _)| (key, value)).collect();
    rows.into_iter()
        .filter(|(_, value)| *value != Value::Null)
        .collect()
}

/// All results, in no order.
fn stream(world: &World) -> BTreeMap<(String, String, i64), usize> {
    let mut all = BTreeMap::new();
    for (key, value, time) in world.results() {
        *all.entry((key, value.to_string(), time)).or_default() += 1;
    }
    all
}

fn order(key: i64, customer: i64, qty: i64, time: i64) -> Given {
    let town = format!("t{}", customer % 4);
    let value = json!({"qty": qty, "customer": format!("c{customer}"), "town": town});
    ("orders", format!("o{key}"), Some(value), time)
}

fn customer(number: i64, city: i64, spent: i64, time: i64) -> Given {
    let value = json!({"city": format!("t{city}"), "spent": spent});
    ("customers", format!("c{number}"), Some(value), time)
}

fn city(number: i64, mayor: i64, time: i64) -> Given {
    let value = json!({ "mayor": format!("m{mayor}") });
    ("cities", format!("t{number}"), Some(value), time)
}

#[test]
fn internal_topics_are_named_by_pipeline_flow_and_what_goes_through_them() {
    let names = |flow: &str, counts: fn(&str) -> u32| -> Vec<(String, u32)> {
        let stages = plan(flow).lay_out(|topic| Some(counts(topic)));
        let stages = stages.expect("a layout");
        let topics = stages.iter().flat_map(|stage| stage.internal_topics());
        topics
            .map(|(topic, count)| (topic.to_string(), count))
            .collect()
    };
    let some = |all: &[(&str, u32)]| -> Vec<(String, u32)> {
        all.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    assert_eq!(
        names(LOOKED_UP, |_| 4),
        some(&[("shop-out-orders-repartition", 4)])
    );
    assert_eq!(names(LOOKED_UP, |_| 1), [], "one partition always meets");
    let uneven = |topic: &str| if topic == "orders" { 4 } else { 3 };
    assert_eq!(
        names(LOOKED_UP, uneven),
        some(&[("shop-out-orders-repartition", 3)]),
        "as many as the table that it meets"
    );
    let unkeyed = LOOKED_UP.replace("\nkey: value.customer", "");
    assert_eq!(
        names(&unkeyed, uneven),
        some(&[("shop-out-customers-repartition", 4)]),
        "the topic with fewer partitions goes through one with as many as the other has"
    );
    assert_eq!(
        names(REGROUPED, |_| 2),
        some(&[("shop-out-rows-repartition", 2)])
    );
    let uneven = |topic: &str| if topic == "cities" { 2 } else { 5 };
    assert_eq!(
        names(NAMED, uneven),
        some(&[("shop-out-subscription", 2), ("shop-out-response", 5)])
    );
}

#[test]
fn stretches_are_read_in_levels_and_only_the_last_one_writes_the_sink() {
    let stages = plan(NAMED).lay_out(|_| Some(2)).expect("a layout");
    let levels: Vec<usize> = stages
        .iter()
        .map(|stage| match &stage.part {
            Part::Stretch(stretch) => stretch.level,
            part => panic!("{part:?}"),
        })
        .collect();
    assert_eq!(levels, [0, 1, 2]);
}

#[test]
fn a_record_meets_the_row_of_its_new_key_in_whatever_partition_that_stands() {
    let mut given: Vec<Given> = (0..20).map(|n| customer(n, n, n, 10)).collect();
    given.extend((0..60).map(|n| order(n, n % 20, n % 3, 20 + n)));
    let mut one = world(LOOKED_UP, 1, &given);
    let mut four = world(LOOKED_UP, 4, &given);
    one.settle();
    four.settle();
    assert_eq!(
        stream(&one).len(),
        40,
        "and what `where` refuses is not there"
    );
    assert_eq!(stream(&four), stream(&one));
    assert_eq!(
        four.account.taken, one.account.taken,
        "each is counted once"
    );
    assert_eq!(four.account.filtered, one.account.filtered);
}

#[test]
fn a_partition_that_is_read_last_is_not_late() {
    let given: Vec<Given> = (0..40)
        .flat_map(|n| {
            let click = json!({ "n": n });
            let clicks = ("clicks", format!("c{n}"), Some(click), 5_000 * n + 5);
            [order(n, n, 1, 5_000 * n), clicks]
        })
        .collect();
    let mut world = world(NEAR, 4, &given);
    // One partition of the source is read to its end before another is begun.
    for task in 0..4 {
        world.step(task, 0, usize::MAX / 2);
        world.commit(task);
        for task in 4..world.tasks() {
            world.step(task, 0, usize::MAX / 2);
            world.step(task, 1, usize::MAX / 2);
        }
    }
    world.settle();
    let matched = world.results().into_iter();
    let matched: BTreeSet<String> = matched
        .filter(|(_, value, _)| value["clicks"] != Value::Null)
        .map(|(key, ..)| key)
        .collect();
    assert_eq!(matched.len(), 40);
    assert_eq!(world.account.late, 0);
}

#[test]
fn a_row_that_changes_its_group_is_taken_out_of_the_one_and_put_into_the_other() {
    let given = [
        customer(1, 1, 5, 1),
        customer(2, 1, 7, 2),
        customer(1, 2, 6, 3),
        ("customers", "c2".to_owned(), None, 4),
    ];
    let mut world = world(REGROUPED, 4, &given);
    world.settle();
    let rows = table(&world);
    assert_eq!(rows["t1"], json!({"key": "t1", "n": 0, "spent": null}));
    assert_eq!(rows["t2"], json!({"key": "t2", "n": 1, "spent": 6}));
}

#[test]
fn a_row_that_names_another_has_one_result_however_answers_overtake_each_other() {
    let mut given: Vec<Given> = (0..6).map(|n| city(n, n, 1)).collect();
    given.extend((0..6).map(|n| customer(7, n, n, 10 + n)));
    let mut world = world(NAMED, 4, &given);
    // Everybody tells, then the tasks of the right rows answer from the last to the first.
    for task in (0..world.tasks()).rev().chain(0..world.tasks()).rev() {
        world.step(task, 0, usize::MAX / 2);
        world.step(task, 1, usize::MAX / 2);
    }
    world.settle();
    let rows = table(&world);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows["c7"], json!({"spent": 5, "mayor": "m5"}));
}

#[test]
fn a_global_table_is_read_to_its_end_before_anything_is_joined_with_it() {
    let mut given: Vec<Given> = (0..4).map(|n| city(n, n, 900)).collect();
    given.extend((0..20).map(|n| order(n, n, n, 100)));
    let mut world = world(ANYWHERE, 4, &given);
    assert_eq!(world.tasks(), 4, "no internal topic, whatever the key");
    for task in 0..4 {
        world.step(task, 0, usize::MAX / 2);
    }
    assert_eq!(world.results(), [], "all wait for the table");
    world.settle();
    let results = world.results();
    assert_eq!(results.len(), 20);
    for (_, value, time) in results {
        let qty = value["qty"].as_i64().expect("a number");
        assert_eq!(
            value["mayor"],
            json!(format!("m{}", qty % 4)),
            "never by time"
        );
        assert_eq!(time, 100);
    }
    assert_eq!(world.account.taken, 20, "what every task reads is nobody's");
}

#[test]
fn a_crash_reads_a_global_table_anew() {
    let mut given: Vec<Given> = (0..4).map(|n| city(n, n, 1)).collect();
    given.extend((0..20).map(|n| order(n, n, n, 100)));
    let mut world = world(ANYWHERE, 4, &given);
    world.settle();
    for task in 0..4 {
        world.crash(task);
    }
    world.produce("orders", "o1", Some("{\"qty\":77,\"town\":\"t3\"}"), 50);
    world.settle();
    let results = world.results();
    assert_eq!(results.len(), 21, "nothing comes out twice");
    let last = results.iter().find(|(_, value, _)| value["qty"] == 77);
    assert_eq!(last.expect("joined").1["mayor"], "m3");
}

#[test]
fn what_two_streams_have_in_common_is_aggregated_in_windows() {
    let click = |n: i64, time| ("clicks", "c1".to_owned(), Some(json!(n)), time);
    let given = [
        order(1, 1, 5, 100),
        click(1, 101),
        order(2, 1, 7, 140),
        click(2, 145),
        order(3, 1, 9, 160),
        click(3, 160),
    ];
    let key = |n: i64, qty: i64, start: i64| {
        let window = json!({"start": start, "end": start + 50});
        json!({"key": "c1", "window": window, "n": n, "qty": qty})
    };
    let mut world = world(&in_windows(IN_WINDOWS[0]), 4, &given);
    world.settle();
    assert_eq!(world.results(), [], "nothing is closed");
    world.produce_everywhere("orders", "z", r#"{"qty":0,"customer":"z"}"#, 100_000);
    world.settle();
    let results: Vec<_> = world
        .results()
        .into_iter()
        .map(|(_, value, _)| value)
        .collect();
    assert_eq!(results, [key(2, 12, 100), key(1, 9, 150)]);
    assert_eq!(world.account.imbalance(), 0);

    let mut running = self::world(&in_windows(IN_WINDOWS[3]), 1, &given);
    running.settle();
    let last = running.results().pop().expect("a result").1;
    assert_eq!(last, json!({"key": "c1", "n": 3, "qty": 21}));
}

/// What a test may do between two steps.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Step {
        task: usize,
        input: usize,
        count: usize,
    },
    Commit(usize),
    Reload(usize),
}

fn turn() -> impl Strategy<Value = Turn> {
    let task = 0usize..64;
    prop_oneof![
        6 => (task.clone(), 0usize..2, 1usize..5)
            .prop_map(|(task, input, count)| Turn::Step { task, input, count }),
        1 => task.clone().prop_map(Turn::Commit),
        1 => task.prop_map(Turn::Reload),
    ]
}

fn records() -> impl Strategy<Value = Vec<Given>> {
    let record = prop_oneof![
        (0i64..8, 0i64..5, 0i64..3, 0i64..500).prop_map(|(k, c, q, t)| order(k, c, q, t)),
        (0i64..5, 0i64..4, 0i64..9, 0i64..500).prop_map(|(n, c, s, t)| customer(n, c, s, t)),
        (0i64..4, 0i64..9, 0i64..500).prop_map(|(n, m, t)| city(n, m, t)),
        (0i64..5, 0i64..500).prop_map(|(n, t)| ("customers", format!("c{n}"), None, t)),
        (0i64..4, 0i64..500).prop_map(|(n, t)| ("cities", format!("t{n}"), None, t)),
        (0i64..5, 0i64..9, 0i64..500).prop_map(|(c, n, t)| (
            "clicks",
            format!("c{c}"),
            Some(json!(n)),
            t
        )),
    ];
    prop::collection::vec(record, 0..40)
}

/// Four partitions in the order of `turns`, cut wherever these say, and then to the end.
fn apart(flow: &str, given: &[Given], turns: &[Turn]) -> World {
    let mut world = world(flow, 4, given);
    let tasks = world.tasks();
    for turn in turns {
        match *turn {
            Turn::Step { task, input, count } => world.step(task % tasks, input, count),
            Turn::Commit(task) => world.commit(task % tasks),
            Turn::Reload(task) => world.reload(task % tasks),
        }
    }
    world.settle();
    world
}

fn together(flow: &str, given: &[Given]) -> World {
    let mut world = world(flow, 1, given);
    world.settle();
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Tables: in between results may differ, in the end each row is the same.
    #[test]
    fn tables_over_four_partitions_come_to_those_over_one(
        given in records(), turns in prop::collection::vec(turn(), 0..80),
    ) {
        for flow in [REGROUPED, NAMED] {
            let expected = table(&together(flow, &given));
            prop_assert_eq!(table(&apart(flow, &given, &turns)), expected);
        }
    }

    /// Streams joined by time: the same results, in no order, as long as none is too late.
    #[test]
    fn streams_over_four_partitions_match_those_that_they_match_over_one(
        given in records(), turns in prop::collection::vec(turn(), 0..80),
    ) {
        let matched = |world: &World| -> BTreeMap<_, _> {
            let all = stream(world).into_iter();
            all.filter(|((_, value, _), _)| !value.contains("\"clicks\":null")).collect()
        };
        let expected = matched(&together(NEAR, &given));
        let found = apart(NEAR, &given, &turns);
        prop_assert_eq!(found.account.late, 0);
        prop_assert_eq!(matched(&found), expected);
    }

    /// Windows behind a join: each comes to the same, and nothing is late.
    #[test]
    fn windows_over_four_partitions_hold_what_those_over_one_hold(
        given in records(), turns in prop::collection::vec(turn(), 0..60),
        crashes in prop::collection::vec(0usize..64, 0..3),
    ) {
        for window in &IN_WINDOWS[..3] {
            let flow = in_windows(window);
            let mut one = world(&flow, 1, &given);
            let mut four = world(&flow, 4, &given);
            let tasks = four.tasks();
            for turn in &turns {
                match *turn {
                    Turn::Step { task, input, count } => four.step(task % tasks, input, count),
                    Turn::Commit(task) => four.commit(task % tasks),
                    Turn::Reload(task) => four.reload(task % tasks),
                }
            }
            for task in &crashes {
                four.crash(task % tasks);
            }
            for world in [&mut one, &mut four] {
                world.settle();
                world.produce_everywhere("orders", "z", r#"{"qty":0,"customer":"z"}"#, 100_000);
                world.settle();
            }
            prop_assert_eq!(four.account.late, 0);
            let results = |world: &World| -> BTreeSet<_> { stream(world).into_keys().collect() };
            prop_assert_eq!(results(&four), results(&one), "{}", window);
        }
    }

    /// A crash of any task at any time loses nothing and changes no row in the end.
    #[test]
    fn tables_survive_the_crash_of_any_task(
        given in records(),
        turns in prop::collection::vec((turn(), prop::option::of(0usize..64)), 0..40),
    ) {
        for flow in [REGROUPED, NAMED] {
            let expected = table(&together(flow, &given));
            let mut world = world(flow, 4, &given);
            let tasks = world.tasks();
            for (turn, crash) in &turns {
                match *turn {
                    Turn::Step { task, input, count } => world.step(task % tasks, input, count),
                    Turn::Commit(task) | Turn::Reload(task) => world.commit(task % tasks),
                }
                if let Some(task) = crash {
                    world.crash(task % tasks);
                }
            }
            world.settle();
            prop_assert_eq!(table(&world), expected);
        }
    }
}

#[test]
fn flows_through_internal_topics_survive_restarts_on_a_broker() {
    on_embedded_broker(apart_on_a_broker);
}

fn apart_on_a_broker(scene: &Scene<'_>) {
    const CUSTOMERS: i64 = 30;
    for (topic, partitions) in [("orders", 3), ("customers", 3), ("cities", 2)] {
        scene.create(topic, partitions);
    }
    for topic in ["looked", "regrouped", "named", "anywhere"] {
        scene.create(topic, 2);
    }
    let text = "tidemill: 1
name: shop
sources:
  orders: { topic: orders }
tables:
  customers: { topic: customers }
  cities: { topic: cities }
  everywhere: { topic: cities, global: true }
flows:
  anywhere:
    from: orders
    join: { with: everywhere, on: value.town }
    select: { mayor: everywhere.mayor }
    to: { topic: anywhere }
  looked:
    from: orders
    key: value.customer
    join: { with: customers }
    select: { order: orders.number, city: customers.city }
    to: { topic: looked }
  regrouped:
    from: customers
    key: value.city
    aggregate: { n: count() }
    to: { topic: regrouped }
  named:
    from: customers
    join: { with: cities, on: value.city }
    select: { mayor: cities.mayor }
    to: { topic: named }
";
    let file = scene.pipeline(text);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let line = |time: i64, key: String, value: Value| {
        format!("{{\"timestamp\":{time},\"key\":\"{key}\",\"value\":{value}}}\n")
    };
    let customers = |shift: i64, time: i64| -> String {
        let city = |key: i64| json!({ "city": format!("t{}", (key + shift) % 5) });
        let line = |key| line(time, format!("c{key}"), city(key));
        (0..CUSTOMERS).map(line).collect()
    };
    let orders = |number: i64, time: i64| -> String {
        let order = |key| {
            let town = format!("t{}", key % 5);
            json!({ "number": number, "customer": format!("c{key}"), "town": town })
        };
        let line = |key| line(time, format!("o{key}"), order(key));
        (0..CUSTOMERS).map(line).collect()
    };
    let cities = |mayor: &str, time: i64| -> String {
        let line = |key| {
            line(
                time,
                format!("t{key}"),
                json!({ "mayor": format!("{mayor}{key}") }),
            )
        };
        (0..5).map(line).collect()
    };
    scene.produce("customers", &customers(0, 100), &[]);
    scene.produce("cities", &cities("a", 100), &[]);
    scene.brokers.ok(&words, b"");
    scene.produce("orders", &orders(1, 200), &[]);
    scene.brokers.ok(&words, b"");
    scene.produce("customers", &customers(1, 300), &[]);
    scene.produce("cities", &cities("b", 300), &[]);
    scene.brokers.ok(&words, b"");
    scene.produce("orders", &orders(2, 400), &[]);
    scene.brokers.ok(&words, b"");
    let anywhere = scene.consume("anywhere", &[]);
    for mayor in ["a", "b"] {
        let lines = anywhere.lines();
        let by = lines.filter(|line| line.contains(&format!("\"mayor\":\"{mayor}")));
        assert_eq!(
            by.count(),
            30,
            "each order once, with the newest: {anywhere}"
        );
    }
    let looked = scene.consume("looked", &[]);
    let looked: Vec<&str> = looked.lines().collect();
    assert_eq!(looked.len(), 60, "each order once: {looked:?}");
    let rows = |topic: &str| -> BTreeMap<String, String> {
        let text = scene.consume(topic, &["-o", "jsonl"]);
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines
            .map(|line| (line["key"].to_string(), line["value"].to_string()))
            .collect()
    };
    let regrouped = rows("regrouped");
    assert_eq!(regrouped.len(), 5);
    assert!(
        regrouped.values().all(|row| row.contains("6")),
        "{regrouped:?}"
    );
    let named = rows("named");
    assert_eq!(named.len(), 30);
    assert!(named["\"c0\""].contains("b1"), "{named:?}");
    assert!(named["\"c29\""].contains("b0"), "{named:?}");
}
