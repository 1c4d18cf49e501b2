//! The records of a test, as they would stand in the source topic.

use std::ops::Range;

use bytes::Bytes;
use serde_json::Value as Json;

use crate::codec::avro::render;
use crate::codec::avro::schema::Schema;
use crate::codec::envelope;
use crate::codec::envelope::Payload;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::file;
use crate::pipeline::file::TestCase;
use crate::pipeline::finding::Finding;
use crate::pipeline::testing::avro;
use crate::pipeline::testing::clock;
use crate::record::PartitionId;
use crate::record::Record;
use crate::record::Timestamp;
use crate::record::TopicName;
use crate::stream::plan::Flow;
use crate::stream::plan::Operator;

/// The records of a test in the order in which they arrive, and the schemas of those in Avro.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// How many partitions each topic has.
    pub(super) partitions: u32,
    pub(super) arrivals: Vec<Arrival>,
    schemas: Vec<String>,
}

/// One record and when it arrives.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    /// The topic that it arrives in.
    pub(super) topic: TopicName,
    pub(super) partition: PartitionId,
    /// `None` where only time passes.
    pub(super) record: Option<Record>,
}

impl Given {
    /// The texts of the schemas that records name, by number from 1 on.
    pub(super) fn schemas(&self) -> impl Iterator<Item = &str> {
        self.schemas.iter().map(String::as_str)
    }

    /// The id of a schema, which is made known.
    fn id(&mut self, text: &str) -> i32 {
        let index = self.schemas.iter().position(|known| known == text);
        let index = index.unwrap_or_else(|| {
            self.schemas.push(text.to_owned());
            self.schemas.len() - 1
        });
        i32::try_from(index + 1).unwrap_or(i32::MAX)
    }
}

/// The records of `test`, for the source of `flow`.
///
/// # Errors
///
/// Where a record cannot be read, or cannot be written in the source's format.
pub(super) fn given(
    test: &TestCase,
    flow: &Flow,
    outside: &Outside<'_>,
) -> Result<Given, Findings> {
    let inputs = inputs(flow);
    let Some(first) = inputs.first() else {
        return Ok(Given::default());
    };
    let mut writer = Writer {
        input: first,
        inputs: &inputs,
        given: Given {
            partitions: test.partitions,
            ..Given::default()
        },
        findings: Vec::new(),
    };
    match &test.given {
        file::Given::Here(arrivals) => {
            for arrival in arrivals {
                writer.take(arrival);
            }
        }
        file::Given::File(name) => match (outside.file)(&name.value) {
            Ok(text) => writer.take_lines(&text, &name.value, &name.span),
            Err(reason) => {
                let message = format!("read records of {}: {reason}", name.value);
                let finding = Finding::new(message, name.span.clone());
                let help = "the name is relative to the pipeline file; `tidemill consume TOPIC -e -o jsonl` makes such a file";
                writer.findings.push(finding.help(help));
            }
        },
    }
    match Findings::new(writer.findings) {
        None => Ok(writer.given),
        Some(findings) => Err(findings),
    }
}

/// What `flow` reads, each as a flow that reads that alone.
fn inputs(flow: &Flow) -> Vec<&Flow> {
    match &flow.operator {
        Operator::Graph(graph) => graph.inputs.iter().map(|input| &*input.flow).collect(),
        Operator::Map(_) | Operator::Window(_) => vec![flow],
    }
}

struct Writer<'w> {
    inputs: &'w [&'w Flow],
    /// The one that the record at hand is for.
    input: &'w Flow,
    given: Given,
    findings: Vec<Finding>,
}

impl Writer<'_> {
    /// The record at hand is for the input with this topic, or for the first.
    fn turn_to(&mut self, topic: Option<&str>, span: &Range<usize>) -> Result<(), Finding> {
        let known = self.inputs.iter().map(|input| &*input.source.topic);
        let found = match topic {
            None => self.inputs.first(),
            Some(topic) => {
                let mut inputs = self.inputs.iter();
                inputs.find(|input| *input.source.topic == *topic)
            }
        };
        match (found, topic) {
            (Some(input), _) => {
                self.input = input;
                Ok(())
            }
            (None, topic) => {
                let topic = topic.unwrap_or_default();
                let finding = Finding::new(
                    format!("the flow does not read the topic `{topic}`"),
                    span.clone(),
                );
                let help = format!("it reads {}", known.clone().collect::<Vec<_>>().join(", "));
                Err(finding.nearest(topic, known).help(help))
            }
        }
    }

    fn take(&mut self, arrival: &file::Arrival) {
        let written = arrival.record.as_ref();
        let partition = written.and_then(|written| written.partition.as_ref());
        let partition = partition.map_or(Ok(PartitionId(0)), |partition| {
            self.partition(partition.value, &partition.span)
        });
        let record = written.map(|written| self.record(written, arrival.at));
        match (partition, record.transpose()) {
            (Ok(partition), Ok(record)) => self.given.arrivals.push(Arrival {
                at: arrival.at,
                topic: TopicName::clone(&self.input.source.topic),
                partition,
                record,
            }),
            (partition, record) => {
                let wrong = [partition.err(), record.err()];
                self.findings.extend(wrong.into_iter().flatten());
            }
        }
    }

    /// The partition of this number, where topics have that many.
    fn partition(&self, number: u64, span: &Range<usize>) -> Result<PartitionId, Finding> {
        let known = i32::try_from(number).ok();
        let known = known.filter(|_| number < u64::from(self.given.partitions));
        known.map(PartitionId).ok_or_else(|| {
            let message = format!("there is no partition {number}");
            let help = format!(
                "the topics of this test have {}, counted from 0; `partitions:` says so",
                self.given.partitions
            );
            Finding::new(message, span.clone()).help(help)
        })
    }

    fn record(&mut self, written: &file::Written, at: Timestamp) -> Result<Record, Finding> {
        let topic = written.topic.as_ref();
        let topic_span = topic.map_or(&written.value_span, |topic| &topic.span);
        self.turn_to(topic.map(|topic| &*topic.value), topic_span)?;
        let source = &self.input.source;
        let span = &written.value_span;
        let key = match &written.key {
            None => None,
            Some(key) => self.bytes(key.clone(), source.key_format, Root::Key, span)?,
        };
        let value = self.bytes(
            written.value.clone(),
            source.value_format,
            Root::Value,
            span,
        )?;
        let copy = |text: &String| Bytes::copy_from_slice(text.as_bytes());
        let headers = written.headers.iter();
        Ok(Record {
            key,
            value,
            headers: headers
                .map(|(name, value)| (copy(name), value.as_ref().map(copy)))
                .collect(),
            timestamp: Some(at),
        })
    }

    /// The bytes of a key or a value in `format`; `None` is null.
    fn bytes(
        &mut self,
        mut value: Json,
        format: Format,
        root: Root,
        span: &Range<usize>,
    ) -> Result<Option<Bytes>, Finding> {
        if value.is_null() {
            return Ok(None);
        }
        if root == Root::Value {
            self.resolve_time(&mut value);
        }
        let bytes = match (format, value) {
            (Format::Json, value) => value.to_string().into_bytes(),
            (Format::Text | Format::Bytes, Json::String(text)) => text.into_bytes(),
            (Format::Text | Format::Bytes, value @ (Json::Number(_) | Json::Bool(_))) => {
                value.to_string().into_bytes()
            }
            (Format::Text | Format::Bytes, _) => {
                let message = format!("a list or a mapping where the source has {format}");
                return Err(Finding::new(message, span.clone()).help("write a text"));
            }
            (Format::Fixed(fixed), value) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                let mut bytes = Vec::new();
                let put = fixed.put_text(&text, &mut bytes);
                let help = format!("write a number that fits {format}");
                put.map_err(|error| Finding::new(error.to_string(), span.clone()).help(help))?;
                bytes
            }
            (Format::Avro, value) => self.avro(value, root, span)?,
        };
        Ok(Some(bytes.into()))
    }

    /// A clock time in the field that the source's `time` reads stands for an instant.
    fn resolve_time(&self, value: &mut Json) {
        let flow = self.input;
        let slot = flow.source.time.as_ref().and_then(|time| time.slot());
        let path = slot.and_then(|slot| flow.fields.paths().get(slot));
        let Some(path) = path.filter(|path| path.root == Root::Value) else {
            return;
        };
        let mut place = Some(value);
        for step in &path.steps {
            place = place.and_then(|value| value.get_mut(&**step));
        }
        if let Some(place) = place
            && let Some(time) = place.as_str().and_then(clock::time)
        {
            // A schema may want text here; what it says of instants is obeyed later.
            *place = match flow.source.value_schema {
                Some(_) => clock::rfc3339(time).into(),
                None => time.0.into(),
            };
        }
    }

    fn avro(
        &mut self,
        mut value: Json,
        root: Root,
        span: &Range<usize>,
    ) -> Result<Vec<u8>, Finding> {
        let declared = self.input.source.value_schema.as_deref();
        let text = match declared.filter(|_| root == Root::Value) {
            Some(text) => text.to_owned(),
            None => avro::schema_of(&value),
        };
        let at = |message: String| Finding::new(message, span.clone());
        let schema = Schema::parse(&text).map_err(|error| at(error.to_string()))?;
        avro::with_times(&mut value, &schema);
        let mut out = Vec::new();
        framing::put_prefix(&mut out, SchemaId::Number(self.given.id(&text)));
        let written = render::from_json(&schema, value.to_string().as_bytes(), &mut out);
        written.map_err(|error| {
            at(error.to_string()).help("give it the fields and types of the source's schema")
        })?;
        Ok(out)
    }

    fn take_lines(&mut self, text: &str, file: &str, span: &Range<usize>) {
        let mut wall_clock = Timestamp::MIN;
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            match self.line(line, &mut wall_clock, span) {
                Ok(arrival) => self.given.arrivals.push(arrival),
                Err(mut finding) => {
                    finding.message = format!("{file}:{}: {}", number + 1, finding.message);
                    self.findings.push(finding);
                    return;
                }
            }
        }
    }

    fn line(
        &mut self,
        line: &str,
        wall_clock: &mut Timestamp,
        span: &Range<usize>,
    ) -> Result<Arrival, Finding> {
        let at = |message: String| Finding::new(message, span.clone());
        let line = envelope::read_line(line.as_bytes()).map_err(|error| {
            at(error.to_string())
                .help("one envelope a line, as `tidemill consume -o jsonl` prints them")
        })?;
        let timestamp = line.timestamp.ok_or_else(|| {
            at("a record without timestamp".to_owned()).help("add `\"timestamp\": MILLISECONDS`")
        })?;
        *wall_clock = timestamp.max(*wall_clock);
        // Of one topic they may have been taken from any.
        let topic = line.topic.as_deref().filter(|_| self.inputs.len() > 1);
        self.turn_to(topic, span)?;
        let partition = match line.partition {
            Some(partition) if self.given.partitions > 1 => {
                let number = u64::try_from(partition.0).unwrap_or(u64::MAX);
                self.partition(number, span)?
            }
            // Into one topic partition they may have been taken from any.
            _ => PartitionId(0),
        };
        let source = &self.input.source;
        let key = self.payload(line.key, source.key_format, Root::Key, span)?;
        let value = self.payload(line.value, source.value_format, Root::Value, span)?;
        Ok(Arrival {
            at: *wall_clock,
            topic: TopicName::clone(&source.topic),
            partition,
            record: Some(Record {
                key,
                value,
                headers: without_schemas(line.headers),
                timestamp: Some(timestamp),
            }),
        })
    }

    fn payload(
        &mut self,
        payload: Payload,
        format: Format,
        root: Root,
        span: &Range<usize>,
    ) -> Result<Option<Bytes>, Finding> {
        let json = match (payload, format) {
            (Payload::Null, _) => return Ok(None),
            (Payload::Bytes(bytes), Format::Avro) => bytes,
            (Payload::Bytes(bytes), _) => return Ok(Some(bytes)),
            (Payload::Avro { json, .. }, _) => json.into(),
        };
        let value: Json = serde_json::from_slice(&json).map_err(|error| {
            let message = format!("expected Avro as JSON: {error}");
            let help = "`tidemill consume -o jsonl --value-format avro` prints it so";
            Finding::new(message, span.clone()).help(help)
        })?;
        self.bytes(value, format, root, span)
    }
}

type Headers = Vec<(Bytes, Option<Bytes>)>;

/// The headers without those that name schemas: what is Avro here has a prefix.
fn without_schemas(mut headers: Headers) -> Headers {
    headers.retain(|(name, _)| name != framing::KEY_HEADER && name != framing::VALUE_HEADER);
    headers
}
