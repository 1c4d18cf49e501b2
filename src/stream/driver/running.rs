//! The tasks of a plan, each over one partition.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::codec::json;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Record;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::TopicName;
use crate::record::TopicPartition;
use crate::record::Value;
use crate::record::put_header;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::account::Account;
use crate::stream::alert::Alert;
use crate::stream::alert::Notice;
use crate::stream::alert::Watch;
use crate::stream::alert::WatchError;
use crate::stream::clock::Reading;
use crate::stream::driver::error::DriveError;
use crate::stream::driver::output::Readers;
use crate::stream::driver::output::Written;
use crate::stream::driver::place::Place;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::effects::Output;
use crate::stream::plan::ValueFormat;
use crate::stream::stage::Stage;
use crate::stream::step::StepEnd;
use crate::stream::task::Task;

/// The header that says why a record was put aside.
const REASON_HEADER: &str = "tidemill-reason";

/// One task of a stage at work.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) stage: Arc<Stage>,
    number: PartitionId,
    task: Task,
    schema: Option<SchemaId>,
    effects: Effects,
    /// What became of its records so far.
    pub(super) account: Account,
    now: Timestamp,
    watches: Vec<Watch>,
    /// What alerts have told.
    pub(super) notices: Vec<Notice>,
    /// Why alerts could not judge results.
    pub(super) unjudged: Vec<String>,
}

/// What came out, and where it belongs.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) topic: TopicName,
    pub(super) place: Place,
    pub(super) written: Written,
}

impl Running {
    pub(super) fn new(
        stage: &Arc<Stage>,
        number: PartitionId,
        readers: &mut Readers,
    ) -> Result<Self, DriveError> {
        let schema = match &stage.flow.sink.value {
            ValueFormat::Json => None,
            ValueFormat::Avro { schema } => Some(readers.sink(schema)),
        };
        let task = Task::new(stage, number, schema).map_err(|error| wrong(stage, error))?;
        Ok(Self {
            stage: Arc::clone(stage),
            number,
            task,
            schema,
            effects: Effects::new(),
            account: Account::default(),
            now: Timestamp::MIN,
            watches: Vec::new(),
            notices: Vec::new(),
            unjudged: Vec::new(),
        })
    }

    /// Lets `alert` watch what comes out.
    pub(super) fn watch(&mut self, alert: &Arc<Alert>) {
        self.watches.push(Watch::new(alert, &self.stage.flow));
    }

    /// Which of its inputs `partition` is; there may be several.
    pub(super) fn inputs(&self, partition: &TopicPartition) -> Vec<usize> {
        let inputs = self.stage.inputs().into_iter().enumerate();
        let inputs = inputs.filter(|(input, topic)| {
            let of = self.stage.input_partition(*input, self.number);
            **topic == partition.topic && of == partition.partition
        });
        inputs.map(|(input, _)| input).collect()
    }

    /// Takes in one record.
    pub(super) fn take(
        &mut self,
        input: usize,
        record: &Record,
        offset: Offset,
        now: Timestamp,
        readers: &mut Readers,
    ) -> Result<Vec<Put>, DriveError> {
        self.now = now;
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
        let mut put = Vec::new();
        let stopped = |running: &Self, reason| DriveError::Stopped {
            topic: running.topic(input),
            offset,
            reason,
        };
        loop {
            let end = self.task.offer(input, [view], now, &mut self.effects);
            match end {
                StepEnd::Done => break,
                StepEnd::Full { .. } => put.append(&mut self.put_out(readers)?),
                StepEnd::Failed(failure) => return Err(stopped(self, failure.reason)),
                StepEnd::NeedsSchema { root, id, .. } => {
                    put.append(&mut self.put_out(readers)?);
                    let text = readers.schema(id).ok_or(DriveError::UnknownSchema(id))?;
                    let added = self.task.add_schema_of(input, root, id, text);
                    added.map_err(|error| wrong(&self.stage, error))?;
                }
            }
        }
        loop {
            let worked = self.task.work(|_| Reading::CaughtUp, &mut self.effects);
            worked.map_err(|failure| stopped(self, failure.reason))?;
            let was_full = self.effects.is_full();
            put.append(&mut self.put_out(readers)?);
            if !was_full {
                return Ok(put);
            }
        }
    }

    fn topic(&self, input: usize) -> TopicName {
        let inputs = self.stage.inputs();
        let topic = inputs.get(input).copied();
        Arc::clone(topic.unwrap_or_else(|| self.stage.input()))
    }

    /// Lets the wall clock go on to `now`; nothing is left to read.
    pub(super) fn tick(
        &mut self,
        now: Timestamp,
        readers: &mut Readers,
    ) -> Result<Vec<Put>, DriveError> {
        self.now = now;
        let ticked = self.task.tick(now, Reading::CaughtUp, &mut self.effects);
        ticked.map_err(|failure| self.unwritable(failure.reason))?;
        let put = self.put_out(readers)?;
        for watch in &mut self.watches {
            watch.tick(now, &mut self.notices);
        }
        Ok(put)
    }

    /// Puts out what a commit must not leave behind.
    pub(super) fn flush(&mut self, readers: &mut Readers) -> Result<Vec<Put>, DriveError> {
        let flushed = self.task.flush(&mut self.effects);
        flushed.map_err(|failure| self.unwritable(failure.reason))?;
        self.put_out(readers)
    }

    fn unwritable(&self, reason: String) -> DriveError {
        let flow = self.stage.flow.name.clone();
        DriveError::Unwritable { flow, reason }
    }

    /// What would come out if everything that is open now were closed.
    pub(super) fn open(&self, readers: &mut Readers) -> Result<Vec<Written>, DriveError> {
        let mut saved = Writer::new();
        self.task.save(&mut saved);
        let copy = Task::new(&self.stage, self.number, self.schema);
        let mut copy = copy.map_err(|error| wrong(&self.stage, error))?;
        let loaded = copy.load(&mut Reader::new(&saved.into_bytes()));
        loaded.map_err(|error| self.unwritable(error.to_string()))?;
        let mut effects = Effects::unbounded();
        let closed = copy.show(&mut effects);
        closed.map_err(|failure| self.unwritable(failure.reason))?;
        let outputs = effects.outputs();
        let outputs = outputs.filter(|output| output.destination == Destination::Sink);
        let written = outputs.map(|output| readers.written(&self.stage.flow, &output));
        Ok(written.collect())
    }

    /// What stands in the row of `key` of its tables, as JSON.
    pub(super) fn rows(&self, key: &str) -> Result<Vec<Json>, DriveError> {
        let json = |value: &Value<'_>| {
            let mut out = Vec::new();
            json::put_value(&mut out, value).map_err(|error| self.unwritable(error.to_string()))?;
            serde_json::from_slice(&out).map_err(|error| self.unwritable(error.to_string()))
        };
        self.task.rows(key).iter().map(|row| json(row)).collect()
    }

    /// Lets alerts take what has come out since the last call.
    fn judge(&mut self, readers: &Readers) {
        for output in self.effects.outputs() {
            for watch in &mut self.watches {
                let judged = judged(watch, (&output, self.now), readers, &mut self.notices);
                self.unjudged.extend(judged.err());
            }
        }
    }

    /// All that has come out since the last call, by topic.
    fn put_out(&mut self, readers: &mut Readers) -> Result<Vec<Put>, DriveError> {
        let mut put = Vec::new();
        loop {
            self.judge(readers);
            let effects = &self.effects;
            put.extend(effects.outputs().filter_map(|output| {
                let topic = self.stage.destination(output.destination)?;
                let written = readers.written(&self.stage.flow, &output);
                Some(Put {
                    topic: Arc::clone(topic),
                    place: Place::of(&output),
                    written,
                })
            }));
            self.account += self.effects.account;
            self.effects.clear();
            if !self.task.has_more() {
                return Ok(put);
            }
            let more = self.task.put_out_more(&mut self.effects);
            more.map_err(|failure| self.unwritable(failure.reason))?;
        }
    }
}

/// Lets `watch` take what came out; why it could not be judged, if so.
fn judged(
    watch: &mut Watch,
    (output, now): (&Output<'_>, Timestamp),
    readers: &Readers,
    notices: &mut Vec<Notice>,
) -> Result<(), String> {
    let failed =
        |watch: &Watch, error: &dyn Display| format!("alert {}: {error}", watch.alert().name);
    loop {
        match watch.take(output, now, notices) {
            Ok(()) => return Ok(()),
            Err(WatchError::UnknownSchema { root, id }) => {
                let text = readers.schema(id);
                let text = text.ok_or_else(|| failed(watch, &DriveError::UnknownSchema(id)))?;
                let added = watch.add_schema(root, id, text);
                added.map_err(|error| failed(watch, &error))?;
            }
            Err(error) => return Err(failed(watch, &error)),
        }
    }
}

/// Why a record or a result was put aside, where it was.
pub(super) fn reason(written: &Written) -> Option<String> {
    written.header(REASON_HEADER)
}

fn wrong(stage: &Stage, error: SchemaError) -> DriveError {
    DriveError::Schema {
        what: format!("flow {}", stage.flow.name),
        error,
    }
}
