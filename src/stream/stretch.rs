//! What one task of a flow of several operators does: some of the operators, and where their
//! records come from and go to.

use crate::record::PartitionId;
use crate::record::TopicName;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Shape;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::GraphInput;

/// The operators of a flow that work in one task, between topics of the user's and internal ones
/// ([`crate::stream::stage::Part::Stretch`]).
#[derive(Debug)]
pub struct Stretch {
    /// Which stretch of its flow, from 0.
    pub number: usize,
    /// How many internal topics a record passes, at most, before it comes here.
    pub level: usize,
    /// The operators.
    pub topology: Topology,
    /// Where records come in.
    pub inputs: Vec<StretchInput>,
    /// Which sinks lead to other stretches.
    pub outlets: Vec<Outlet>,
}

impl Stretch {
    /// Whether what comes out of it is what comes of the flow, at least in part.
    #[must_use]
    pub fn is_last(&self) -> bool {
        let nodes = self.topology.nodes().iter();
        let sinks = nodes.filter(|node| matches!(node.kind, Kind::Sink));
        sinks.count() > self.outlets.len()
    }
}

/// One input of a stretch.
#[derive(Clone, Debug)]
pub struct StretchInput {
    /// The source node, and how its records are read; of an internal topic, only which it is.
    pub input: GraphInput,
    /// What is to be known of an internal topic; `None` of a topic of the user's.
    pub internal: Option<Internal>,
    /// Which partition every task reads, of a global table; `None` is that of the task's number.
    pub partition: Option<PartitionId>,
}

/// An internal topic, as the one that reads it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal {
    /// How many tasks write it: whose clocks are to be heard.
    pub writers: usize,
    /// The level of those who write it.
    pub level: usize,
    /// What comes of it.
    pub shape: Shape,
}

/// A sink whose records another stretch reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// The sink.
    pub node: NodeId,
    /// The internal topic.
    pub topic: TopicName,
    /// How many partitions that has: as many as the stretch that reads it has tasks.
    pub partitions: u32,
    /// What is sent, in words.
    pub what: &'static str,
}

impl StretchInput {
    /// The topic.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.input.flow.source.topic
    }

    /// How many internal topics a record passes, at most, before it stands in this topic.
    #[must_use]
    pub fn level(&self) -> usize {
        self.internal.map_or(0, |internal| internal.level + 1)
    }

    /// Whether the clocks that come with its records say what time it is.
    pub(crate) fn tells_time(&self) -> bool {
        self.internal
            .is_some_and(|internal| internal.shape == Shape::Stream)
    }
}
