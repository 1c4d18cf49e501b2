//! Windows of every kind take in records without asking for memory, once each key has its place.

use std::sync::Arc;

use allocation_counter::measure;
use tidemill::codec::fixed::Fixed;
use tidemill::codec::format::Format;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::stream::effects::Effects;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::support::stream::Rec;

/// Windows of every kind; records of one key are 20 s apart, 400 to a round.
const WINDOWS: [&str; 11] = [
    "tumbling: 1m",
    "hopping: 1m, every: 10s",
    "sliding: 2m",
    "session: 1m",
    "session: 10s",
    "trailing: 2m",
    "trailing: 2m, every: 10s",
    "rows: 5",
    "calendar: hour, zone: Europe/Berlin",
    "calendar: day, zone: Europe/Berlin",
    "",
];

const EMISSIONS: [&str; 2] = ["final", "updates"];

const KEYS: i64 = 20;

const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "qty", "type": "long"}, {"name": "price", "type": "double"}]}"#;

#[derive(Clone, Copy, Debug)]
struct Flow {
    format: Format,
    windows: &'static str,
    emit: &'static str,
}

impl Flow {
    fn stage(self) -> Arc<Stage> {
        let (qty, price) = match self.format {
            Format::Fixed(Fixed::Long) => ("value", "value"),
            _ => ("value.qty", "value.price"),
        };
        let window = match self.windows {
            "" => String::new(),
            windows => format!("    window: {{ {windows} }}\n"),
        };
        let emit = match self.windows {
            "" => "updates",
            _ => self.emit,
        };
        let text = format!(
            "tidemill: 1
name: totals
sources:
  orders: {{ topic: orders, value: {} }}
flows:
  totals:
    from: orders
{window}    where: {qty} != 3
    aggregate:
      n: count()
      qty: sum({qty})
      mean: avg({price})
      most: max({price})
      latest: last({price})
      spread: stddev({price})
    emit: {emit}
    to: {{ topic: totals, value: json }}
",
            self.format.name()
        );
        let outside = Outside {
            variable: &|_| None,
            file: &|_| Err("none".to_owned()),
        };
        let plan = compile(&text, &outside).expect("a pipeline").plan;
        plan.lay_out(|_| Some(1)).expect("a topic").remove(0)
    }

    /// The record of this number, one second after the one before.
    fn record(self, number: i64) -> Rec {
        let qty = number % 7;
        let value = match self.format {
            Format::Fixed(Fixed::Long) => qty.to_be_bytes().to_vec(),
            Format::Json => format!(r#"{{"qty":{qty},"price":{qty}.25}}"#).into_bytes(),
            _ => {
                let zigzag = u8::try_from(2 * qty).expect("small");
                let price = f64::from(zigzag).to_le_bytes();
                [&[0, 0, 0, 0, 7, zigzag][..], &price].concat()
            }
        };
        Rec {
            value: Some(value),
            ..Rec::new(
                number,
                number * 1_000,
                &format!("key-{}", number % KEYS),
                "",
            )
        }
    }
}

/// How often a task asks for memory in each of some rounds.
fn allocations(flow: Flow) -> Vec<u64> {
    let mut task = Task::new(&flow.stage(), PartitionId(0), None).expect("a task");
    let mut effects = Effects::new();
    let mut rounds = Vec::new();
    for round in 0..20 {
        let records: Vec<Rec> = (round * 400..(round + 1) * 400)
            .map(|n| flow.record(n))
            .collect();
        let info = measure(|| run(&mut task, &records, &mut effects));
        rounds.push(info.count_total);
    }
    rounds
}

fn run(task: &mut Task, records: &[Rec], effects: &mut Effects) {
    let mut from = 0;
    loop {
        let views = records[from..].iter().map(Rec::view);
        match task.step(views, Timestamp(1_000_000_000), effects) {
            StepEnd::Done => break,
            StepEnd::NeedsSchema { root, id, .. } => {
                task.add_schema(root, id, ORDER).expect("a schema");
            }
            StepEnd::Full { .. } => write(task, effects),
            other @ StepEnd::Failed(_) => panic!("{other:?}"),
        }
        let done = task.position().0 - records[0].offset;
        from = usize::try_from(done).expect("an offset");
    }
    task.flush(effects).expect("written");
    write(task, effects);
}

fn write(task: &mut Task, effects: &mut Effects) {
    effects.clear();
    while task.has_more() {
        task.put_out_more(effects).expect("written");
        effects.clear();
    }
}

#[test]
fn windows_of_every_kind_take_in_records_without_asking_for_memory() {
    let mut greedy = Vec::new();
    for windows in WINDOWS {
        for emit in EMISSIONS {
            for format in [Format::Fixed(Fixed::Long), Format::Json, Format::Avro] {
                let flow = Flow {
                    format,
                    windows,
                    emit,
                };
                let rounds = allocations(flow);
                if rounds[10..].iter().any(|count| *count > 0) {
                    greedy.push(format!("{flow:?}: {rounds:?}"));
                }
            }
        }
    }
    assert!(greedy.is_empty(), "{}", greedy.join("\n"));
}
