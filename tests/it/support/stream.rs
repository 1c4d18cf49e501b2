//! Tasks, records and what comes out of them, for tests of the stream engine.

use std::sync::Arc;

use chrono::TimeDelta;
use tidemill::codec::format::Format;
use tidemill::codec::projection::Fields;
use tidemill::expr::Program;
use tidemill::expr::Scope;
use tidemill::expr::Type;
use tidemill::expr::compile;
use tidemill::record::HeadersView;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::RecordView;
use tidemill::record::Timestamp;
use tidemill::record::TimestampType;
use tidemill::store::persist::Reader;
use tidemill::store::persist::Writer;
use tidemill::stream::aggregate::Function;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;
use tidemill::stream::plan::Emit;
use tidemill::stream::plan::Empty;
use tidemill::stream::plan::Flow;
use tidemill::stream::plan::KeyForm;
use tidemill::stream::plan::Keying;
use tidemill::stream::plan::Map;
use tidemill::stream::plan::NamedAggregate;
use tidemill::stream::plan::OnError;
use tidemill::stream::plan::Operator;
use tidemill::stream::plan::Plan;
use tidemill::stream::plan::Select;
use tidemill::stream::plan::Sink;
use tidemill::stream::plan::Source;
use tidemill::stream::plan::Thinning;
use tidemill::stream::plan::ValueFormat;
use tidemill::stream::plan::WindowAggregate;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;
use tidemill::stream::window::TimeWindows;
use tidemill::stream::window::Windows;

/// A windowed flow over JSON, from topic `in` to topic `out`, late records to `late`, rejected
/// ones to `dead`.
#[derive(Clone, Debug)]
pub(crate) struct Windowing {
    /// In place of the hopping ones that `size`, `advance` and `grace` make.
    pub(crate) windows: Option<Windows>,
    pub(crate) size: i64,
    pub(crate) advance: i64,
    pub(crate) grace: i64,
    pub(crate) emit: Emit,
    pub(crate) empty: Empty,
    pub(crate) thinning: Thinning,
    pub(crate) filter: Option<&'static str>,
    pub(crate) key: Option<&'static str>,
    pub(crate) time: Option<&'static str>,
    pub(crate) idle: Option<i64>,
    pub(crate) future: Option<i64>,
    pub(crate) on_error: OnError,
    pub(crate) is_avro: bool,
    pub(crate) keying: Keying,
    /// Names and expressions.
    pub(crate) select: Option<Vec<(&'static str, &'static str)>>,
    pub(crate) key_form: KeyForm,
    pub(crate) sink: ValueFormat,
    /// Names, functions, arguments.
    pub(crate) aggregates: Vec<(&'static str, Function, Option<&'static str>)>,
}

impl Default for Windowing {
    fn default() -> Self {
        Self {
            windows: None,
            size: 10,
            advance: 10,
            grace: 0,
            emit: Emit::Final,
            empty: Empty::Never,
            thinning: Thinning::Off,
            filter: None,
            key: None,
            time: None,
            idle: None,
            future: None,
            on_error: OnError::DeadLetter("dead".into()),
            is_avro: false,
            keying: Keying::ByRecordKey,
            select: None,
            key_form: KeyForm::Text,
            sink: ValueFormat::Json,
            aggregates: vec![
                ("n", Function::Count, None),
                ("sum", Function::Sum, Some("value")),
            ],
        }
    }
}

impl Windowing {
    /// The stages over a source of `partitions` partitions.
    pub(crate) fn stages(&self, partitions: u32) -> Vec<Arc<Stage>> {
        let plan = Plan {
            name: "test".into(),
            flows: vec![Arc::new(self.flow())],
        };
        plan.lay_out(|_| Some(partitions)).expect("a topic")
    }

    /// The task of the only partition.
    pub(crate) fn task(&self) -> Task {
        let stages = self.stages(1);
        Task::new(&stages[0], PartitionId(0), None).expect("JSON")
    }

    /// A fresh task that goes on with what `task` has written down.
    pub(crate) fn reloaded(&self, task: &Task) -> Task {
        let mut out = Writer::new();
        task.save(&mut out);
        let bytes = out.into_bytes();
        let mut fresh = self.task();
        let mut from = Reader::new(&bytes);
        fresh.load(&mut from).expect("what was saved");
        from.end().expect("all of it");
        assert_eq!(fresh.progress(), task.progress());
        fresh
    }

    fn selection(&self) -> Option<Select> {
        let columns = self.select.as_ref()?;
        let mut fields = Fields::default();
        let names = self
            .aggregates
            .iter()
            .map(|(name, ..)| ((*name).to_owned(), Type::Dyn));
        let scope = Scope::result(Type::Dyn, names);
        let column = |(name, source): &(&str, &str)| {
            let program = compile(source, &scope, &mut fields).expect("an expression");
            (Box::from(*name), program)
        };
        let columns = columns.iter().map(column).collect();
        Some(Select { fields, columns })
    }

    fn flow(&self) -> Flow {
        let mut fields = Fields::default();
        let scope = Scope::record(Type::Dyn, Type::Text);
        let mut program = |source: &str| -> Program {
            compile(source, &scope, &mut fields).expect("an expression")
        };
        let ms = TimeDelta::milliseconds;
        let aggregates = self
            .aggregates
            .iter()
            .map(|(name, function, argument)| NamedAggregate {
                name: (*name).into(),
                function: *function,
                argument: argument.map(&mut program),
            });
        let aggregates = aggregates.collect();
        Flow {
            name: "flow".into(),
            source: Source {
                topic: "in".into(),
                key_format: Format::Text,
                value_format: if self.is_avro {
                    Format::Avro
                } else {
                    Format::Json
                },
                value_schema: None,
                time: self.time.map(&mut program),
                future: self.future.map(ms),
                idle: self.idle.map(ms),
                keying: self.keying,
            },
            filter: self.filter.map(&mut program),
            key: self.key.map(&mut program),
            operator: Operator::Window(WindowAggregate {
                windows: self.windows.clone().unwrap_or_else(|| {
                    let hopping =
                        TimeWindows::hopping(ms(self.size), ms(self.advance), ms(self.grace));
                    hopping.expect("windows").into()
                }),
                aggregates,
                select: self.selection(),
                emit: self.emit,
                empty: self.empty,
                thinning: self.thinning,
            }),
            late: Some("late".into()),
            on_error: self.on_error.clone(),
            sink: Sink {
                topic: "out".into(),
                key: self.key_form,
                value: self.sink.clone(),
            },
            fields,
        }
    }
}

/// The task of a flow without windows, over JSON, from topic `in` to topic `out`.
pub(crate) fn mapping(
    filter: Option<&str>,
    key: Option<&str>,
    select: Option<&[(&str, &str)]>,
) -> Task {
    let mut fields = Fields::default();
    let scope = Scope::record(Type::Dyn, Type::Text);
    let mut program = |source: &str| compile(source, &scope, &mut fields).expect("an expression");
    let filter = filter.map(&mut program);
    let key = key.map(&mut program);
    let select = select.map(|columns| {
        let column = |(name, source): &(&str, &str)| (Box::from(*name), program(source));
        columns.iter().map(column).collect()
    });
    let mut flow = Windowing::default().flow();
    flow.operator = Operator::Map(Map { select });
    (flow.filter, flow.key, flow.fields) = (filter, key, fields);
    let plan = Plan {
        name: "test".into(),
        flows: vec![Arc::new(flow)],
    };
    let stages = plan.lay_out(|_| Some(4)).expect("a topic");
    assert_eq!(stages.len(), 1, "without state nothing has to meet");
    Task::new(&stages[0], PartitionId(0), None).expect("JSON")
}

/// One record, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rec {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    /// The header block and how many there are.
    pub(crate) headers: (Vec<u8>, usize),
}

impl Rec {
    pub(crate) fn new(offset: i64, timestamp: i64, key: &str, value: &str) -> Self {
        Self {
            offset,
            timestamp,
            key: Some(key.into()),
            value: Some(value.into()),
            headers: (Vec::new(), 0),
        }
    }

    pub(crate) fn view(&self) -> RecordView<'_> {
        RecordView {
            offset: Offset(self.offset),
            timestamp: Timestamp(self.timestamp),
            timestamp_type: TimestampType::CreateTime,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: HeadersView::parse(&self.headers.0, self.headers.1).expect("headers"),
        }
    }
}

/// One record that came out, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Out {
    pub(crate) destination: Destination,
    pub(crate) partition: Option<i32>,
    pub(crate) rec: Rec,
}

impl Out {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.rec.value.as_deref().expect("a value")).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let view = self.rec.view();
        let header = view.headers.last(name.as_bytes())?;
        Some(String::from_utf8(header.value?.to_vec()).expect("text"))
    }
}

/// What `effects` asks to be written, owned.
pub(crate) fn outs(effects: &Effects) -> Vec<Out> {
    effects
        .outputs()
        .map(|output| Out {
            destination: output.destination,
            partition: output.partition.map(|partition| partition.0),
            rec: Rec {
                offset: 0,
                timestamp: output.timestamp.0,
                key: output.key.map(<[u8]>::to_vec),
                value: output.value.map(<[u8]>::to_vec),
                headers: (output.headers.encoded().to_vec(), output.headers.len()),
            },
        })
        .collect()
}

/// Steps `task` over `records`, which must all be dealt with, and gives back what came out.
pub(crate) fn step(task: &mut Task, records: &[Rec], effects: &mut Effects) -> Vec<Out> {
    effects.clear();
    let end = task.step(records.iter().map(Rec::view), Timestamp(0), effects);
    assert_eq!(end, StepEnd::Done);
    assert_eq!(effects.account.imbalance(), 0, "{:?}", effects.account);
    outs(effects)
}

/// Records at these times with these keys, each valued 1.
pub(crate) fn ones(stamps: &[(i64, &str)]) -> Vec<Rec> {
    let numbered = (0..).zip(stamps);
    let record = |(offset, (time, key)): (i64, &(i64, &str))| Rec::new(offset, *time, key, "1");
    numbered.map(record).collect()
}

/// The results among `outs`, as `key start count sum`.
pub(crate) fn results(outs: &[Out]) -> Vec<String> {
    let sink = outs
        .iter()
        .filter(|out| out.destination == Destination::Sink);
    sink.map(|out| {
        let value = out.json();
        let start = &value["window"]["start"];
        let key = value["key"].as_str().expect("a text key");
        format!("{key} {start} {} {}", value["n"], value["sum"])
    })
    .collect()
}
