//! The records of a test through the tasks of its flow.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::render;
use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::pipeline::testing::given::Given;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Record;
use crate::record::RecordView;
use crate::record::TimestampType;
use crate::record::Value;
use crate::record::put_header;
use crate::stream::account::Account;
use crate::stream::clock::Reading;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::effects::Output;
use crate::stream::plan::Flow;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Plan;
use crate::stream::plan::ValueFormat;
use crate::stream::step::StepEnd;
use crate::stream::task::Task;

/// The id of the schema of results, beyond those of the records that are given.
const SINK_SCHEMA: SchemaId = SchemaId::Number(i32::MAX);

/// What came of the records.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The results in the order in which they came out.
    pub(super) results: Vec<Outgoing>,
    pub(super) account: Account,
    /// Why records, or results, could not be used.
    pub(super) reasons: Vec<String>,
    /// Why the flow stopped, if it did.
    pub(super) stopped: Option<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    pub(super) key: Option<String>,
    /// Null is a tombstone.
    pub(super) value: Json,
}

/// Drives `flow` of `plan` over the records of one partition.
pub(super) fn drive(plan: &Plan, flow: &Arc<Flow>, given: &Given) -> Outcome {
    let mut driver = Driver {
        flow,
        given,
        effects: Effects::new(),
        outcome: Outcome::default(),
        decoders: HashMap::new(),
    };
    if let Err(stopped) = driver.run(plan) {
        driver.outcome.stopped = Some(stopped);
    }
    driver.outcome
}

struct Driver<'d> {
    flow: &'d Arc<Flow>,
    given: &'d Given,
    effects: Effects,
    outcome: Outcome,
    decoders: HashMap<SchemaId, Decoder>,
}

impl Driver<'_> {
    fn run(&mut self, plan: &Plan) -> Result<(), String> {
        let alone = Plan {
            name: plan.name.clone(),
            flows: vec![Arc::clone(self.flow)],
        };
        let stages = alone
            .lay_out(|_| Some(1))
            .map_err(|error| error.to_string())?;
        let stage = stages.first().ok_or("a flow without a stage")?;
        let task = Task::new(stage, PartitionId(0), Some(SINK_SCHEMA));
        let mut task = task.map_err(|error| error.to_string())?;
        let mut offset = Offset(0);
        for arrival in &self.given.arrivals {
            self.tick(&mut task, arrival.at)?;
            if let Some(record) = &arrival.record {
                self.step(&mut task, record, offset, arrival.at)?;
                offset = Offset(offset.0 + 1);
                // What silence there is begins here.
                self.tick(&mut task, arrival.at)?;
            }
        }
        let flushed = task.flush(&mut self.effects);
        self.take_effects();
        flushed.map_err(|failure| failure.reason)
    }

    fn tick(&mut self, task: &mut Task, now: crate::record::Timestamp) -> Result<(), String> {
        let ticked = task.tick(now, Reading::CaughtUp, &mut self.effects);
        self.take_effects();
        ticked.map_err(|failure| failure.reason)
    }

    fn step(
        &mut self,
        task: &mut Task,
        record: &Record,
        offset: Offset,
        now: crate::record::Timestamp,
    ) -> Result<(), String> {
        let mut headers = Vec::new();
        for header in record.headers() {
            put_header(&mut headers, header);
        }
        let view = RecordView {
            offset,
            timestamp: record.timestamp.unwrap_or(now),
            timestamp_type: TimestampType::CreateTime,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: HeadersView::parse(&headers, record.headers.len()).unwrap_or_default(),
        };
        loop {
            let end = task.step([view], now, &mut self.effects);
            self.take_effects();
            match end {
                StepEnd::Done => return Ok(()),
                StepEnd::Full { .. } => {}
                StepEnd::Failed(failure) => {
                    return Err(format!("record {}: {}", offset.0 + 1, failure.reason));
                }
                StepEnd::NeedsSchema { root, id, .. } => {
                    let text = self.given.schema(id);
                    let text = text.ok_or_else(|| format!("no schema {id}"))?;
                    let added = task.add_schema(root, id, text);
                    added.map_err(|error| error.to_string())?;
                }
            }
        }
    }

    fn take_effects(&mut self) {
        let effects = std::mem::take(&mut self.effects);
        self.outcome.account += effects.account;
        for output in effects.outputs() {
            match output.destination {
                Destination::Sink => {
                    let result = self.result(&output);
                    self.outcome.results.push(result);
                }
                Destination::DeadLetter => {
                    let reason = output.headers.last(b"tidemill-reason");
                    let reason = reason.and_then(|header| header.value).unwrap_or_default();
                    let reason = String::from_utf8_lossy(reason).into_owned();
                    self.outcome.reasons.push(reason);
                }
                _ => {}
            }
        }
        self.effects = effects;
        self.effects.clear();
    }

    fn result(&mut self, output: &Output<'_>) -> Outgoing {
        let key = output
            .key
            .map(|key| String::from_utf8_lossy(key).into_owned());
        let value = output.value.map(|value| self.value(value));
        Outgoing {
            key,
            value: value.unwrap_or_default(),
        }
    }

    fn value(&mut self, bytes: &[u8]) -> Json {
        let text = || Json::from(String::from_utf8_lossy(bytes).into_owned());
        let format = match (&self.flow.operator, &self.flow.sink.value) {
            (Operator::Map(Map { select: None }), _) => self.flow.source.value_format,
            (_, ValueFormat::Avro { .. }) => Format::Avro,
            (_, ValueFormat::Json) => Format::Json,
        };
        match format {
            Format::Json => serde_json::from_slice(bytes).unwrap_or_else(|_| text()),
            Format::Avro => self.avro(bytes).unwrap_or_else(text),
            Format::Text | Format::Bytes => text(),
            Format::Fixed(fixed) => match fixed.parse(bytes) {
                Ok(Value::Int(int)) => int.into(),
                Ok(Value::Float(float)) => float.into(),
                _ => text(),
            },
        }
    }

    fn avro(&mut self, bytes: &[u8]) -> Option<Json> {
        let (id, payload) = framing::split(bytes).ok()?;
        if !self.decoders.contains_key(&id) {
            let text = match (&self.flow.sink.value, id) {
                (ValueFormat::Avro { schema }, SINK_SCHEMA) => schema,
                (_, id) => self.given.schema(id)?,
            };
            let schema = Schema::parse(text).ok()?;
            self.decoders
                .insert(id, Decoder::new(schema, None, Times::Integers));
        }
        let mut json = Vec::new();
        render::put_json(self.decoders.get(&id)?, payload, &mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }
}
