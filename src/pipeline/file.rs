//! The pipeline file as its author meant it: names, topics, formats, texts of expressions.
//!
//! Nothing is resolved here: `from:` is still a name, an expression still a text.

use std::ops::Range;

use chrono::TimeDelta;
use serde_json::Value as Json;

use crate::codec::format::Format;
use crate::expr::Type;
use crate::pipeline::delivery::Delivery;
use crate::pipeline::yaml::Node;
use crate::record::Timestamp;
use crate::stream::alert::AlertSink;
use crate::stream::alert::Change;
use crate::stream::graph::topology::JoinType;
use crate::stream::plan::Emit;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Keying;
use crate::stream::plan::OnError;
use crate::stream::plan::Thinning;
use crate::stream::window::Windows;

/// How long windows stay open after their end unless `grace:` says otherwise.
pub const GRACE_DEFAULT: TimeDelta = TimeDelta::zero();

/// The format of keys unless a source says otherwise.
pub const KEY_FORMAT_DEFAULT: Format = Format::Text;

/// The format of values, of sources and of results, unless they say otherwise.
pub const VALUE_FORMAT_DEFAULT: Format = Format::Json;

/// Something and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// What stands there.
    pub value: T,
    /// The bytes of the file.
    pub span: Range<usize>,
}

/// How to reach the cluster and the registry: `connect:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// `brokers:`, a list with commas as in `-b`.
    pub brokers: Option<Located<String>>,
    /// `registry:`, a URL.
    pub registry: Option<Located<String>>,
    /// All other keys: client properties by Kafka's names, for the client to check.
    pub properties: Vec<(Located<String>, String)>,
}

/// A text that is an expression; its node says where each part of it stands.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) node: Node,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) name: Located<String>,
    pub(super) connect: Connect,
    pub(super) delivery: Delivery,
    pub(super) sources: Vec<SourceEntry>,
    pub(super) flows: Vec<FlowEntry>,
    pub(super) on_error: OnError,
    pub(super) alerts: Vec<AlertEntry>,
    pub(super) tests: Vec<TestCase>,
}

#[derive(Debug)]
pub(super) struct SourceEntry {
    pub(super) name: Located<String>,
    /// `None` where the rest could not be read.
    pub(super) body: Option<SourceBody>,
}

#[derive(Debug)]
pub(super) struct SourceBody {
    pub(super) topic: Located<String>,
    pub(super) key_format: Format,
    pub(super) value_format: Format,
    pub(super) schema: Option<SchemaBody>,
    pub(super) time: Option<Expression>,
    pub(super) idle: Option<TimeDelta>,
    pub(super) future: Option<TimeDelta>,
    pub(super) keying: Keying,
    /// What is said of it as a table, where it is one.
    pub(super) table: Option<TableBody>,
}

/// What is in the values of a source.
#[derive(Debug)]
pub(super) enum SchemaBody {
    /// The name of a file with an Avro schema.
    File(Located<String>),
    /// The fields of JSON.
    Fields(Type),
}

/// What makes a topic a table.
#[derive(Clone, Debug)]
pub(super) struct TableBody {
    /// How far back joins as of a time may look; `None` keeps the latest values only.
    pub(super) history: Option<TimeDelta>,
    /// Whether every task has all of it.
    pub(super) is_global: bool,
}

#[derive(Debug)]
pub(super) struct FlowEntry {
    pub(super) name: Located<String>,
    /// `None` where the rest could not be read.
    pub(super) body: Option<FlowBody>,
}

#[derive(Debug)]
pub(super) struct FlowBody {
    pub(super) from: Located<String>,
    /// What else is read beside `from`.
    pub(super) others: Vec<Located<String>>,
    pub(super) flat_map: Option<Expression>,
    pub(super) distinct: Option<DistinctBody>,
    pub(super) join: Option<JoinBody>,
    pub(super) filter: Option<Expression>,
    /// Which of several branches it is.
    pub(super) branch: Option<BranchBody>,
    pub(super) key: Option<Expression>,
    pub(super) window: Option<WindowBody>,
    pub(super) aggregate: Option<Vec<(Located<String>, Expression)>>,
    pub(super) select: Option<Vec<(Located<String>, Expression)>>,
    pub(super) emit: Option<EmitBody>,
    pub(super) late: Option<Located<String>>,
    pub(super) chart: Option<Chart>,
    pub(super) to: SinkBody,
}

/// `emit:`.
#[derive(Debug)]
pub(super) struct EmitBody {
    pub(super) value: Emit,
    pub(super) thinning: Thinning,
    pub(super) span: Range<usize>,
}

/// `window:`.
#[derive(Debug)]
pub(super) struct WindowBody {
    pub(super) value: Windows,
    pub(super) empty: Option<EmptyBody>,
    pub(super) span: Range<usize>,
}

/// `empty:`: for how long after a key's last record windows without any come out.
#[derive(Clone, Copy, Debug)]
pub(super) enum EmptyBody {
    /// It is not said.
    Zero,
    /// So long.
    ZeroFor(TimeDelta),
}

/// What makes a flow one branch of several.
#[derive(Debug)]
pub(super) struct BranchBody {
    /// Which records the branches before it take.
    pub(super) before: Vec<Expression>,
    /// Which of the others it takes; `None` takes all.
    pub(super) condition: Option<Expression>,
    pub(super) span: Range<usize>,
}

/// `distinct:`.
#[derive(Debug)]
pub(super) struct DistinctBody {
    pub(super) by: Expression,
    pub(super) within: TimeDelta,
}

/// `join:`.
#[derive(Debug)]
pub(super) struct JoinBody {
    pub(super) with: Located<String>,
    pub(super) kind: JoinType,
    /// What a row of the left table names.
    pub(super) on: Option<Expression>,
    pub(super) nearness: Option<Nearness>,
    pub(super) grace: Option<TimeDelta>,
    pub(super) span: Range<usize>,
}

/// How near the times of two records must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nearness {
    pub(super) before: TimeDelta,
    pub(super) after: TimeDelta,
}

#[derive(Debug)]
pub(super) struct SinkBody {
    pub(super) topic: Located<String>,
    /// `None` where it is not said.
    pub(super) value: Option<Located<Format>>,
    /// `None` where it is not said.
    pub(super) key: Option<Located<KeyForm>>,
    /// The name of a file with the schema of results.
    pub(super) schema: Option<Located<String>>,
}

#[derive(Debug)]
pub(super) struct AlertEntry {
    pub(super) name: Located<String>,
    /// `None` where the rest could not be read.
    pub(super) body: Option<AlertBody>,
}

#[derive(Debug)]
pub(super) struct AlertBody {
    pub(super) on: Located<String>,
    pub(super) fire: Expression,
    pub(super) clear: Option<Expression>,
    pub(super) hold: TimeDelta,
    pub(super) no_data: Option<TimeDelta>,
    pub(super) message: Option<Located<String>>,
    pub(super) to: Vec<AlertSink>,
}

/// How a dashboard draws the results of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The fields that are drawn.
    pub y: Vec<Located<String>>,
    /// One line for each value of this field.
    pub by: Option<Located<String>>,
    /// `lines`, `bars` or `area`; `None` leaves it to the dashboard.
    pub mark: Option<String>,
    /// How many lines at most, the largest ones.
    pub top: Option<u64>,
    /// A line across at this value.
    pub threshold: Option<f64>,
}

/// A test of a pipeline file.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// What it shows, in words.
    pub name: Located<String>,
    /// What is tested.
    pub subject: Subject,
    /// How many partitions its topics have.
    pub(super) partitions: u32,
    pub(super) given: Given,
    /// The results; `None` where the file does not say.
    pub(super) expect: Option<Vec<Expected>>,
    /// `expect:`, where it is there.
    pub(super) expect_node: Option<Node>,
    /// Another file with the results, one object a line.
    pub(super) expect_file: Option<Located<String>>,
    pub(super) late: Option<Located<u64>>,
    pub(super) rejected: Option<Located<u64>>,
    pub(super) filtered: Option<Located<u64>>,
    /// All of the test.
    pub(super) span: Range<usize>,
}

/// What a test is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A flow: records in, results out.
    Flow(Located<String>),
    /// An alert: records into its flow, what it tells out.
    Alert(Located<String>),
}

/// What a test gives to its flow.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// Records that stand in the file.
    Here(Vec<Arrival>),
    /// Envelopes in another file, one a line.
    File(Located<String>),
}

/// One entry of `given:`.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) at: Timestamp,
    /// `None` where only time passes.
    pub(super) record: Option<Written>,
    pub(super) span: Range<usize>,
}

/// A record as a test writes it.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// `None` is the first that the flow reads.
    pub(super) topic: Option<Located<String>>,
    /// `None` is the first of the topic.
    pub(super) partition: Option<Located<u64>>,
    pub(super) key: Option<Json>,
    /// Null is a tombstone.
    pub(super) value: Json,
    pub(super) value_span: Range<usize>,
    pub(super) headers: Vec<(String, Option<String>)>,
}

/// One expected result.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) fields: Vec<ExpectedField>,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct ExpectedField {
    pub(super) name: String,
    pub(super) value: Json,
    pub(super) node: Node,
}

impl ExpectedField {
    /// Whether it is named as something that an alert tells.
    pub(super) fn is_change(&self) -> bool {
        let mut changes = Change::ALL.into_iter();
        changes.any(|change| change.name() == self.name)
    }
}

impl Expected {
    pub(super) fn field(&self, name: &str) -> Option<&ExpectedField> {
        self.fields.iter().find(|field| field.name == name)
    }
}
