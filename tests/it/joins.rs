//! Flows of several topics and of tables: from the pipeline file, through tasks with several
//! inputs, to a broker.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::clock::Reading;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Plan;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::pipeline_suite::Scene;
use crate::pipeline_suite::on_embedded_broker;
use crate::support::stream::Rec;
use crate::support::stream::outs;

const HEAD: &str = "
tidemill: 1
name: shop
sources:
  orders: { topic: orders }
  clicks: { topic: clicks }
tables:
  customers: { topic: customers }
  cities: { topic: cities }
flows:
  out:
    to: { topic: out }
";

fn plan(flow: &str) -> Plan {
    let outside = Outside {
        variable: &|_| None,
        file: &|_| Err("no files".to_owned()),
    };
    let text = format!("{HEAD}    {}\n", flow.trim().replace('\n', "\n    "));
    let compiled = compile(&text, &outside);
    compiled
        .unwrap_or_else(|findings| {
            panic!(
                "{}",
                findings.render("shop.yaml", &text, tidemill::pipeline::Colour::Never)
            )
        })
        .plan
}

/// The task of the only flow, with what is read from where.
struct Flow {
    task: Task,
    plan: Plan,
    offsets: Vec<i64>,
}

impl Flow {
    fn new(flow: &str) -> Self {
        let plan = plan(flow);
        let stages = plan.lay_out(|_| Some(1)).expect("a layout");
        let task = Task::new(&stages[0], PartitionId(0), None).expect("a task");
        let inputs = stages[0].inputs().len();
        Self {
            task,
            plan,
            offsets: vec![0; inputs],
        }
    }

    fn fresh(&self) -> Task {
        let stages = self.plan.lay_out(|_| Some(1)).expect("a layout");
        Task::new(&stages[0], PartitionId(0), None).expect("a task")
    }

    /// One record on an input; nothing is dealt with yet.
    fn offer(&mut self, input: usize, key: &str, value: Option<Value>, time: i64) {
        let mut rec = Rec::new(self.offsets[input], time, key, "");
        rec.value = value.map(|value| value.to_string().into_bytes());
        self.offsets[input] += 1;
        let mut effects = Effects::new();
        let end = self
            .task
            .offer(input, [rec.view()], Timestamp(0), &mut effects);
        assert_eq!(end, StepEnd::Done);
    }

    /// What comes out when every input is read as `reading` says: key, value, time.
    fn work(&mut self, reading: impl Fn(usize) -> Reading) -> Vec<(String, Value, i64)> {
        let mut effects = Effects::new();
        self.task.work(reading, &mut effects).expect("no failure");
        assert_eq!(effects.account.imbalance(), 0);
        let line = |out: crate::support::stream::Out| {
            let key = String::from_utf8(out.rec.key.clone().unwrap_or_default()).expect("text");
            let value = match &out.rec.value {
                Some(value) => serde_json::from_slice(value).expect("JSON"),
                None => Value::Null,
            };
            (key, value, out.rec.timestamp)
        };
        outs(&effects).into_iter().map(line).collect()
    }

    fn all(&mut self) -> Vec<(String, Value, i64)> {
        self.work(|_| Reading::CaughtUp)
    }
}

const LOOKED_UP: &str = "
from: orders
where: value.qty > 0
join: { with: customers, type: left }
select: { qty: orders.qty, city: 'customers == null ? \"?\" : customers.city' }";

fn result(key: &str, value: Value, time: i64) -> (String, Value, i64) {
    (key.to_owned(), value, time)
}

#[test]
fn inputs_are_dealt_with_in_the_order_of_their_event_times() {
    let mut flow = Flow::new(LOOKED_UP);
    flow.offer(0, "a", Some(json!({"qty": 1})), 10);
    flow.offer(0, "a", Some(json!({"qty": 2})), 30);
    flow.offer(0, "a", Some(json!({"qty": 0})), 31);
    flow.offer(1, "a", Some(json!({"city": "Rome"})), 20);
    assert_eq!(
        flow.all(),
        [
            result("a", json!({"qty": 1, "city": "?"}), 10),
            result("a", json!({"qty": 2, "city": "Rome"}), 30),
        ]
    );
}

#[test]
fn all_wait_for_an_input_that_is_known_to_hold_more() {
    let mut flow = Flow::new(LOOKED_UP);
    flow.offer(0, "a", Some(json!({"qty": 1})), 10);
    let behind = |input| match input {
        1 => Reading::Behind,
        _ => Reading::CaughtUp,
    };
    assert_eq!(flow.work(behind), []);
    assert_eq!(flow.task.position_of(0).0, 0, "it is not dealt with");
    flow.offer(1, "a", Some(json!({"city": "Rome"})), 5);
    assert_eq!(flow.work(behind), [], "there may be one more");
    flow.offer(1, "b", Some(json!({"city": "Bonn"})), 15);
    let rome = result("a", json!({"qty": 1, "city": "Rome"}), 10);
    assert_eq!(flow.work(behind), [rome]);
}

#[test]
fn a_restart_rebuilds_tables_and_repeats_nothing() {
    let mut flow = Flow::new(LOOKED_UP);
    flow.offer(1, "a", Some(json!({"city": "Rome"})), 20);
    flow.offer(0, "a", Some(json!({"qty": 1})), 30);
    assert_eq!(flow.all().len(), 1);
    let progress = [flow.task.progress_of(0), flow.task.progress_of(1)];
    assert_eq!(progress[0].committable.0, 1, "nothing is kept of orders");
    assert_eq!(progress[1].committable.0, 0, "the table begins at 0");
    let mut again = Flow {
        task: flow.fresh(),
        plan: flow.plan.clone(),
        offsets: vec![1, 0],
    };
    again.task.restore_input(0, &progress[0]);
    again.task.restore_input(1, &progress[1]);
    again.offer(0, "a", Some(json!({"qty": 2})), 15);
    assert_eq!(again.work(|_| Reading::Behind), []);
    again.offer(1, "a", Some(json!({"city": "Rome"})), 20);
    let rome = result("a", json!({"qty": 2, "city": "Rome"}), 15);
    assert_eq!(again.all(), [rome], "what was there before comes first");
}

#[test]
fn a_restart_in_the_middle_of_a_join_of_streams_matches_across_it() {
    const JOINED: &str = "
from: orders
join: { with: clicks, within: 10ms, grace: 5ms, type: left }";
    let mut flow = Flow::new(JOINED);
    for time in [10, 40, 50] {
        flow.offer(0, "a", Some(json!(time)), time);
    }
    flow.offer(1, "a", Some(json!("x")), 45);
    let value = |order: i64, click: Value| json!({"orders": order, "clicks": click});
    let came_out = flow.all();
    assert_eq!(
        came_out,
        [
            result("a", value(10, Value::Null), 10),
            result("a", value(40, json!("x")), 45),
            result("a", value(50, json!("x")), 50),
        ]
    );
    let progress = [flow.task.progress_of(0), flow.task.progress_of(1)];
    assert_eq!(progress[0].committable.0, 1, "10 is over, 40 is not");
    let mut again = Flow {
        task: flow.fresh(),
        plan: flow.plan.clone(),
        offsets: vec![1, 0],
    };
    again.task.restore_input(0, &progress[0]);
    again.task.restore_input(1, &progress[1]);
    for time in [40, 50] {
        again.offer(0, "a", Some(json!(time)), time);
    }
    again.offer(1, "a", Some(json!("x")), 45);
    assert_eq!(again.all(), [], "all of it came out before");
    again.offer(1, "a", Some(json!("y")), 52);
    again.offer(0, "a", Some(json!(90)), 90);
    let second = result("a", value(50, json!("y")), 52);
    assert_eq!(again.all(), [second], "and none of them alone");
}

#[test]
fn a_task_that_is_saved_and_loaded_goes_on_where_it_was() {
    let mut flow = Flow::new(LOOKED_UP);
    flow.offer(1, "a", Some(json!({"city": "Rome"})), 20);
    assert_eq!(flow.all(), []);
    let mut out = Writer::new();
    flow.task.save(&mut out);
    let bytes = out.into_bytes();
    let mut fresh = flow.fresh();
    let mut from = Reader::new(&bytes);
    fresh.load(&mut from).expect("what was saved");
    from.end().expect("all of it");
    flow.task = fresh;
    assert_eq!(flow.task.offered(1).0, 1);
    flow.offer(0, "a", Some(json!({"qty": 2})), 30);
    let rome = result("a", json!({"qty": 2, "city": "Rome"}), 30);
    assert_eq!(flow.all(), [rome]);
}

#[test]
fn a_filter_of_a_table_deletes_what_no_longer_meets_it() {
    let mut flow = Flow::new("from: customers\nwhere: value.age >= 18\nselect: { age: value.age }");
    for (age, time) in [(17, 1), (18, 2), (16, 3), (15, 4)] {
        flow.offer(0, "a", Some(json!({"age": age})), time);
    }
    flow.offer(0, "a", None, 5);
    assert_eq!(
        flow.all(),
        [
            result("a", json!({"age": 18}), 2),
            result("a", Value::Null, 3),
        ]
    );
}

#[test]
fn tables_join_by_their_keys_and_by_a_key_that_one_names() {
    let mut flow = Flow::new(
        "from: customers\njoin: { with: cities, on: value.city }\nselect: { mayor: cities.mayor }",
    );
    flow.offer(0, "a", Some(json!({"city": "Rome"})), 1);
    flow.offer(0, "b", Some(json!({"city": "Rome"})), 2);
    flow.offer(1, "Rome", Some(json!({"mayor": "R"})), 3);
    flow.offer(1, "Rome", None, 4);
    assert_eq!(
        flow.all(),
        [
            result("a", json!({"mayor": "R"}), 3),
            result("b", json!({"mayor": "R"}), 3),
            result("a", Value::Null, 4),
            result("b", Value::Null, 4),
        ]
    );
}

#[test]
fn an_aggregate_of_a_table_takes_old_values_back() {
    let mut flow = Flow::new(
        "from: customers\nkey: value.city\naggregate: { n: count(), spent: sum(value.spent) }",
    );
    flow.offer(0, "a", Some(json!({"city": "Rome", "spent": 5})), 1);
    flow.offer(0, "b", Some(json!({"city": "Rome", "spent": 7})), 2);
    flow.offer(0, "a", Some(json!({"city": "Bonn", "spent": 6})), 3);
    flow.offer(0, "b", None, 4);
    let rome = |n: i64, spent: Value, time| {
        result("Rome", json!({"key": "Rome", "n": n, "spent": spent}), time)
    };
    assert_eq!(
        flow.all(),
        [
            rome(1, json!(5), 1),
            rome(2, json!(12), 2),
            rome(1, json!(7), 3),
            result("Bonn", json!({"key": "Bonn", "n": 1, "spent": 6}), 3),
            rome(0, Value::Null, 4),
        ]
    );
}

#[test]
fn several_sources_are_read_as_one_and_repetitions_left_out() {
    let mut flow = Flow::new("from: [orders, clicks]\ndistinct: { by: value.id, within: 10ms }");
    flow.offer(0, "a", Some(json!({"id": 1})), 10);
    flow.offer(1, "b", Some(json!({"id": 1})), 20);
    flow.offer(1, "b", Some(json!({"id": 1})), 21);
    let came_out = flow.all();
    let times: Vec<i64> = came_out.iter().map(|out| out.2).collect();
    assert_eq!(times, [10, 21], "20 is within 10 ms, both ends inside");
}

#[test]
fn each_element_of_a_list_becomes_a_record() {
    let mut flow = Flow::new("from: orders\nflat_map: value.items\nselect: { item: value }");
    flow.offer(0, "a", Some(json!({"items": ["x", "y"]})), 1);
    flow.offer(0, "a", Some(json!({"items": []})), 2);
    let came_out = flow.all();
    let items: Vec<&Value> = came_out.iter().map(|out| &out.1["item"]).collect();
    assert_eq!(items, ["x", "y"]);
}

#[test]
fn a_join_survives_restarts_on_a_broker() {
    on_embedded_broker(join_on_a_broker);
}

/// Every customer twice, once before the restart and once after.
fn join_on_a_broker(scene: &Scene<'_>) {
    const CUSTOMERS: i64 = 30;
    for topic in ["orders", "customers", "out"] {
        scene.create(topic, 3);
    }
    let text = "tidemill: 1
name: shop
sources:
  orders: { topic: orders }
tables:
  customers: { topic: customers }
flows:
  enriched:
    from: orders
    join: { with: customers }
    select: { order: orders.number, city: customers.city }
    to: { topic: out }
";
    let file = scene.pipeline(text);
    let words = ["run", file.to_str().expect("plain"), "-e"];
    let line = |time: i64, key: i64, value: Value| {
        format!("{{\"timestamp\":{time},\"key\":\"c{key}\",\"value\":{value}}}\n")
    };
    let customers = |city: &str, time: i64| -> String {
        let line = |key| line(time, key, json!({ "city": format!("{city}{key}") }));
        (0..CUSTOMERS).map(line).collect()
    };
    let orders = |number: i64, time: i64| -> String {
        let line = |key| line(time, key, json!({ "number": number }));
        (0..CUSTOMERS).map(line).collect()
    };
    scene.produce("orders", &orders(1, 200), &[]);
    scene.produce("customers", &customers("old", 100), &[]);
    scene.brokers.ok(&words, b"");
    scene.produce("orders", &orders(2, 400), &[]);
    scene.brokers.ok(&words, b"");
    scene.produce("orders", &orders(3, 600), &[]);
    scene.produce("customers", &customers("new", 500), &[]);
    scene.brokers.ok(&words, b"");
    let came_out = scene.consume("out", &[]);
    let came_out: Vec<&str> = came_out.lines().collect();
    let all: BTreeSet<String> = came_out.iter().map(|line| (*line).to_owned()).collect();
    let expected: BTreeSet<String> = [(1, "old"), (2, "old"), (3, "new")]
        .into_iter()
        .flat_map(|(order, city)| {
            (0..CUSTOMERS).map(move |key| format!("{{\"order\":{order},\"city\":\"{city}{key}\"}}"))
        })
        .collect();
    assert_eq!(all, expected);
    assert_eq!(came_out.len(), expected.len(), "each once");
}
