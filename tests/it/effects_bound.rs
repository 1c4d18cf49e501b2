//! However much comes out at once, little of it stands in memory.

use std::sync::Arc;

use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::stream::effects::Effects;
use tidemill::stream::effects::FULL_BYTES;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::support::stream::Out;
use crate::support::stream::Rec;
use crate::support::stream::outs;

/// Windows of every kind, some with results of keys without records.
const WINDOWS: [&str; 11] = [
    "tumbling: 1m",
    "hopping: 1m, every: 20s",
    "hopping: 1m, every: 30s, empty: { zero: 2m }",
    "sliding: 1m",
    "session: 1m",
    "session: 5s",
    "trailing: 1m",
    "trailing: 1m, every: 20s",
    "rows: 5",
    "calendar: hour, zone: Europe/Berlin",
    "",
];

/// More than one result takes, and what a record of every window brings out.
const SLACK_BYTES: usize = 32 * 1024;

fn stage(windows: &str, emit: &str) -> Arc<Stage> {
    let (window, emit) = match windows {
        "" => (String::new(), "updates"),
        windows => (format!("    window: {{ {windows}, grace: 2s }}\n"), emit),
    };
    let window = match windows.starts_with("rows") {
        true => window.replace(", grace: 2s", ""),
        false => window,
    };
    let text = format!(
        "tidemill: 1
name: bound
sources:
  orders: {{ topic: orders, key: text, value: long }}
flows:
  sums:
    from: orders
    key: key
{window}    emit: {emit}
    aggregate: {{ n: count(), total: sum(value), mean: \"ema(value, duration('30s'))\" }}
    to: {{ topic: sums, value: json }}
"
    );
    let outside = Outside {
        variable: &|_| None,
        file: &|_| Err("none".to_owned()),
    };
    let plan = compile(&text, &outside).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"));
    let mut stages = plan.plan.lay_out(|_| Some(1)).expect("a topic");
    stages.remove(0)
}

/// `count` records of `keys` keys, `gap` milliseconds apart from the second minute on, every
/// seventh a second behind.
fn records(count: i64, keys: i64, gap: i64) -> Vec<Rec> {
    let record = |number: i64| Rec {
        value: Some(number.to_be_bytes().to_vec()),
        ..Rec::new(
            number,
            60_000 + number * gap - (number % 7 / 6) * 1_000,
            &format!("key-{}", number % keys),
            "",
        )
    };
    (0..count).map(record).collect()
}

/// A task, its effects, and all that came out of it.
struct Running {
    task: Task,
    effects: Effects,
    out: Vec<Out>,
    bytes_max: usize,
}

impl Running {
    fn new(stage: &Arc<Stage>, effects: Effects) -> Self {
        Self {
            task: Task::new(stage, PartitionId(0), None).expect("a task"),
            effects,
            out: Vec::new(),
            bytes_max: 0,
        }
    }

    fn take(&mut self, records: &[Rec]) {
        loop {
            let position = self.task.position().0;
            let left = records.iter().filter(|record| record.offset >= position);
            let views = left.map(Rec::view);
            let end = self.task.step(views, Timestamp(1 << 50), &mut self.effects);
            self.write();
            match end {
                StepEnd::Done => break,
                StepEnd::Full { offset } => assert!(offset >= self.task.position()),
                other => panic!("{other:?}"),
            }
        }
    }

    fn commit(&mut self) {
        self.task.flush(&mut self.effects).expect("written");
        self.write();
    }

    fn write(&mut self) {
        loop {
            self.bytes_max = self.bytes_max.max(self.effects.bytes());
            self.out.extend(outs(&self.effects));
            self.effects.clear();
            if !self.task.has_more() {
                break;
            }
            self.task.put_out_more(&mut self.effects).expect("written");
        }
    }
}

#[test]
fn effects_stay_within_their_bound_and_come_in_the_same_order_as_all_at_once() {
    let given = records(3_000, 1_500, 40);
    for windows in WINDOWS {
        for emit in ["final", "updates", "every-update"] {
            let stage = stage(windows, emit);
            let mut bounded = Running::new(&stage, Effects::new());
            let mut at_once = Running::new(&stage, Effects::unbounded());
            for running in [&mut bounded, &mut at_once] {
                // Every change of so many windows takes its time.
                let count = if emit == "every-update" { 600 } else { 3_000 };
                for records in given[..count].chunks(1_000) {
                    running.take(records);
                    running.commit();
                }
                // A minute later; everything closes.
                let last = Rec::new(1 << 20, 600_000, "last", "12345678");
                running.take(&[last]);
                running.commit();
            }
            let case = format!("{windows}, {emit}");
            assert!(bounded.bytes_max < FULL_BYTES + SLACK_BYTES, "{case}");
            assert_eq!(bounded.task.progress(), at_once.task.progress(), "{case}");
            assert_eq!(bounded.out.len(), at_once.out.len(), "{case}");
            assert!(bounded.out == at_once.out, "{case}");
        }
    }
}

#[test]
fn a_commit_of_hundreds_of_thousands_of_results_keeps_little_of_them() {
    let stage = stage("hopping: 1m, every: 2s", "updates");
    let mut running = Running::new(&stage, Effects::new());
    running.take(&records(10_000, 10_000, 1));
    running.task.flush(&mut running.effects).expect("written");
    let mut results = 0;
    loop {
        assert!(running.effects.bytes() < FULL_BYTES + SLACK_BYTES);
        results += running.effects.len();
        running.effects.clear();
        if !running.task.has_more() {
            break;
        }
        running
            .task
            .put_out_more(&mut running.effects)
            .expect("written");
    }
    assert!(results >= 200_000, "{results}");
}
