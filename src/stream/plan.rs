//! What a pipeline computes, before it is known over how many partitions.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::expr::Program;
use crate::record::TopicName;
use crate::stream::aggregate::Function;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Topology;
use crate::stream::window::Windows;

pub use crate::stream::emit::Emit;
pub use crate::stream::empty::Empty;
pub use crate::stream::thinning::Thinning;

/// What a pipeline computes: its flows, immutable and shared by all tasks.
///
/// Made by the pipeline compiler. It says nothing of partitions: [`Plan::lay_out`] turns it into
/// stages once it is known how many partitions each source topic has.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the pipeline: prefix of internal topics, name of the consumer group.
    pub name: Box<str>,
    /// The flows, independent of one another.
    pub flows: Vec<Arc<Flow>>,
}

/// One way from a source topic to a sink topic.
#[derive(Debug)]
pub struct Flow {
    /// The name, unique within its plan.
    pub name: Box<str>,
    /// Where the records come from.
    pub source: Source,
    /// The fields of key and value that the programs of this flow read, all but those of
    /// [`WindowAggregate::select`].
    pub fields: Fields,
    /// `where`: records for which this is false are filtered; failing, it rejects them.
    pub filter: Option<Program>,
    /// `key`: what the flow is keyed by; `None` is the record's own key.
    pub key: Option<Program>,
    /// What is done with the records that are left.
    pub operator: Operator,
    /// Where late records go; `None` only counts them.
    pub late: Option<TopicName>,
    /// What happens to rejected records, and to results that cannot be written.
    pub on_error: OnError,
    /// Where the results go.
    pub sink: Sink,
}

/// How far beyond the wall clock an event time may lie unless a source says otherwise, so that one
/// wrong clock cannot close every window.
pub const FUTURE_DEFAULT: TimeDelta = TimeDelta::hours(1);

impl Flow {
    /// The windows that its results are of, if they are.
    pub(crate) fn window_aggregate(&self) -> Option<&WindowAggregate> {
        match &self.operator {
            Operator::Window(aggregate) => Some(aggregate),
            Operator::Graph(graph) => graph.windows.as_ref().map(|end| &end.aggregate),
            Operator::Map(_) => None,
        }
    }
}

/// A source topic, and how its records are read.
#[derive(Debug)]
pub struct Source {
    /// The topic.
    pub topic: TopicName,
    /// The format of keys.
    pub key_format: Format,
    /// The format of values.
    pub value_format: Format,
    /// The text of the Avro schema that values are read as, by Avro's rules of schema resolution.
    /// `None` reads each value as it was written; so does any other format.
    pub value_schema: Option<Arc<str>>,
    /// The event time: an integer of milliseconds since the epoch, an instant, or RFC 3339 text.
    /// `None` is the record's own timestamp.
    pub time: Option<Program>,
    /// How far beyond the wall clock an event time may lie, both ends inclusive; records beyond
    /// are rejected. `None` sets no bound.
    pub future: Option<TimeDelta>,
    /// How long a partition that is caught up must be silent before its clock follows the wall
    /// clock ([`crate::stream::clock`]). `None`: for ever.
    pub idle: Option<TimeDelta>,
    /// Whether records of equal `key` are known to share a partition already, so that a flow
    /// with a key of its own needs no repartition topic.
    pub keying: Keying,
}

impl Source {
    /// A source with the topic and the formats of this one, without what it takes a record to say.
    pub(crate) fn bare(&self) -> Self {
        Self {
            topic: Arc::clone(&self.topic),
            key_format: self.key_format,
            value_format: self.value_format,
            value_schema: None,
            time: None,
            future: self.future,
            idle: self.idle,
            keying: self.keying,
        }
    }
}

/// Whether records that a flow gives the same key stand in the same source partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keying {
    /// Only by the record's own key; a flow with another key is repartitioned.
    #[default]
    ByRecordKey,
    /// By whatever key the flows give them: the user's word (`partitioned: true`).
    AlreadyPartitioned,
}

/// What a flow does with its records.
#[derive(Debug)]
pub enum Operator {
    /// Each record becomes one record of the sink topic.
    Map(Map),
    /// Records are aggregated by key and window.
    Window(WindowAggregate),
    /// Records of one or more topics go through operators that feed each other. The flow's own
    /// source is that of the first input; its filter and key are those of the inputs.
    Graph(GraphPlan),
}

/// Operators that feed each other, and where records come in and go out.
#[derive(Debug)]
pub struct GraphPlan {
    /// The operators.
    pub topology: Topology,
    /// Where records come in.
    pub inputs: Vec<GraphInput>,
    /// The windows that what comes out at the end is aggregated by; `None` puts it out as it is.
    pub windows: Option<Arc<GraphWindows>>,
}

/// The windows that a graph ends in.
#[derive(Debug)]
pub struct GraphWindows {
    /// The windows, and what is aggregated.
    pub aggregate: WindowAggregate,
    /// What the arguments of the aggregates read of a message.
    pub fields: Fields,
}

/// One input of a graph.
#[derive(Clone, Debug)]
pub struct GraphInput {
    /// The source node that it feeds.
    pub node: NodeId,
    /// How its records are read: source, fields, filter and key; the rest as in the flow that it
    /// is an input of.
    pub flow: Arc<Flow>,
    /// The slot among the fields in which the whole value stands.
    pub value_slot: usize,
    /// How much of the topic each task reads.
    pub extent: Extent,
}

/// How much of the topic of an input each task reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// The partition of its own number.
    #[default]
    Partition,
    /// All partitions, to their ends before anything else and from then on before anything else: a
    /// global table.
    Everything,
}

/// A flow without state.
///
/// Its records keep their timestamps and headers, and their keys unless the flow has a key.
#[derive(Debug)]
pub struct Map {
    /// The fields of the new value; `None` passes the value on byte by byte.
    pub select: Option<Vec<(Box<str>, Program)>>,
}

/// Aggregation by key and window.
#[derive(Debug)]
pub struct WindowAggregate {
    /// The windows.
    pub windows: Windows,
    /// The aggregates, in the order in which results show them.
    pub aggregates: Vec<NamedAggregate>,
    /// What a result's value holds; `None` is key, window and all aggregates.
    pub select: Option<Select>,
    /// When results come out.
    pub emit: Emit,
    /// Which windows come out that hold no record of a key: of tumbling, hopping and calendar
    /// windows, the others have none that is empty.
    pub empty: Empty,
    /// How results are thinned out.
    pub thinning: Thinning,
}

/// One aggregate of a window.
#[derive(Debug)]
pub struct NamedAggregate {
    /// Its name in results.
    pub name: Box<str>,
    /// What it computes.
    pub function: Function,
    /// What it is computed of; `None` only for `count()`.
    pub argument: Option<Program>,
}

/// The fields of a result's value in place of key, window and aggregates.
#[derive(Debug)]
pub struct Select {
    /// What the programs read: `Root::Key` without steps is the key; `Root::Result` with the step
    /// of an aggregate's name, or `window` and then nothing, `start` or `end`, the rest.
    pub fields: Fields,
    /// Names and programs, in the order in which the value shows them.
    pub columns: Vec<(Box<str>, Program)>,
}

/// What happens to a record that cannot be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The task stops at the record.
    #[default]
    Fail,
    /// It is counted and left out.
    Skip,
    /// It is counted, and goes to this topic with the reason in headers.
    DeadLetter(TopicName),
}

/// Where results go, and how they are written.
#[derive(Clone, Debug)]
pub struct Sink {
    /// The topic.
    pub topic: TopicName,
    /// How keys are written.
    pub key: KeyForm,
    /// How values are written.
    pub value: ValueFormat,
}

/// How the keys of results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyForm {
    /// The flow's key as text.
    #[default]
    Text,
    /// The same, and behind it the window as Kafka Streams has it: 8 bytes of its start, big-endian
    /// milliseconds; of sessions 8 bytes of the end, then 8 of the start. Records go to the
    /// partition of the flow's key, so that all windows of a key are together.
    ///
    /// Source: `TimeWindowedSerializer` and `WindowKeySchema`, `SessionWindowedSerializer` and
    /// `SessionKeySchema`, `WindowedStreamPartitioner` (Apache Kafka).
    Windowed,
}

/// How result values are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ValueFormat {
    /// One JSON object.
    #[default]
    Json,
    /// An Avro datum with a schema, framed for a schema registry under the id that the runtime
    /// got for it ([`crate::stream::task::Task::new`]).
    Avro {
        /// The schema's JSON text.
        schema: Arc<str>,
    },
}
