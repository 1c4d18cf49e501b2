//! A plan laid out over the partitions that there are.

use std::sync::Arc;

use thiserror::Error;

use crate::record::TopicName;
use crate::stream::effects::Destination;
use crate::stream::plan::Flow;
use crate::stream::plan::Keying;
use crate::stream::plan::OnError;
use crate::stream::plan::Operator;
use crate::stream::plan::Plan;

/// A stretch of a flow that reads one topic, partition by partition.
///
/// A flow is one stage from source topic to sink topic, or, where it is keyed otherwise than its
/// source, two with a repartition topic between them. Each partition of a stage's input topic is
/// one [`crate::stream::task::Task`]; tasks share nothing.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The flow.
    pub flow: Arc<Flow>,
    /// Which stretch of it.
    pub part: Part,
    /// How many partitions the input topic has: how many tasks there are.
    pub partitions: u32,
}

/// Which stretch of its flow a stage is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it, from source topic to sink topic.
    Whole,
    /// From the source topic to the repartition topic.
    BeforeRepartition {
        /// The repartition topic, to be created with `partitions` partitions.
        topic: TopicName,
        /// How many partitions the repartition topic has.
        partitions: u32,
    },
    /// From the repartition topic to the sink topic.
    AfterRepartition {
        /// The repartition topic.
        topic: TopicName,
        /// How many partitions the *source* topic has: whose clocks are to be heard.
        sources: u32,
    },
}

/// A plan that does not fit the topics that there are.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The topics that a flow joins or merges have different numbers of partitions, so that
    /// records of one key stand in partitions that do not meet.
    #[error(
        "lay out flow {flow}: {topic} has {partitions} partitions and {first} has {expected}, \
         topics that meet must have equally many"
    )]
    NotCopartitioned {
        /// The flow.
        flow: Box<str>,
        /// The topic.
        topic: TopicName,
        /// How many partitions it has.
        partitions: u32,
        /// The flow's first topic.
        first: TopicName,
        /// How many that has.
        expected: u32,
    },
    /// A flow of several topics is keyed otherwise than one of them is partitioned.
    #[error(
        "lay out flow {flow}: records of {topic} get another key than they are partitioned by, \
         write them to a topic by that key in a flow of its own"
    )]
    Rekeyed {
        /// The flow.
        flow: Box<str>,
        /// The topic.
        topic: TopicName,
    },
    /// A flow puts rows together that stand in different partitions.
    #[error(
        "lay out flow {flow}: {what} needs all of {topic} in one task, and it has {partitions} \
         partitions"
    )]
    Scattered {
        /// The flow.
        flow: Box<str>,
        /// What it does, in words.
        what: &'static str,
        /// Its first topic.
        topic: TopicName,
        /// How many partitions that has.
        partitions: u32,
    },
    /// A source topic is not there.
    #[error("lay out flow {flow}: source topic {topic} does not exist")]
    NoTopic {
        /// The flow.
        flow: Box<str>,
        /// The topic.
        topic: TopicName,
    },
}

impl Plan {
    /// The stages of this plan, those that write a topic before those that read it.
    ///
    /// `partitions_of` answers how many partitions a topic has, `None` where there is no such
    /// topic. A windowed flow with a key of its own goes through the repartition topic
    /// `<plan>-<flow>-repartition`, which gets as many partitions as the source, unless the source
    /// has one partition or is partitioned by that key already ([`Keying`]).
    ///
    /// # Errors
    ///
    /// [`LayoutError`]; the cluster's or the user's fault.
    pub fn lay_out(
        &self,
        partitions_of: impl Fn(&str) -> Option<u32>,
    ) -> Result<Vec<Arc<Stage>>, LayoutError> {
        let mut stages = Vec::new();
        for flow in &self.flows {
            let partitions = flow.partitions(&partitions_of)?;
            for part in self.parts(flow, partitions) {
                stages.push(Arc::new(Stage {
                    flow: Arc::clone(flow),
                    part,
                    partitions,
                }));
            }
        }
        Ok(stages)
    }

    /// The name of the repartition topic of `flow`, which it has only where it is re-keyed.
    #[must_use]
    pub fn repartition_topic(&self, flow: &Flow) -> TopicName {
        format!("{}-{}-repartition", self.name, flow.name).into()
    }

    fn parts(&self, flow: &Flow, partitions: u32) -> Vec<Part> {
        if partitions == 1 || !flow.is_rekeyed() {
            return vec![Part::Whole];
        }
        let topic = self.repartition_topic(flow);
        vec![
            Part::BeforeRepartition {
                topic: Arc::clone(&topic),
                partitions,
            },
            Part::AfterRepartition {
                topic,
                sources: partitions,
            },
        ]
    }
}

impl Flow {
    /// The topics that it reads, the first input's first.
    #[must_use]
    pub fn topics(&self) -> Vec<&TopicName> {
        match &self.operator {
            Operator::Graph(graph) => {
                let inputs = graph.inputs.iter();
                inputs.map(|input| &input.flow.source.topic).collect()
            }
            Operator::Map(_) | Operator::Window(_) => vec![&self.source.topic],
        }
    }

    /// How many partitions its topics have.
    fn partitions(&self, of: impl Fn(&str) -> Option<u32>) -> Result<u32, LayoutError> {
        let count = |topic: &TopicName| {
            of(topic).ok_or_else(|| LayoutError::NoTopic {
                flow: self.name.clone(),
                topic: Arc::clone(topic),
            })
        };
        let expected = count(&self.source.topic)?;
        for topic in self.topics() {
            let partitions = count(topic)?;
            if partitions != expected {
                return Err(LayoutError::NotCopartitioned {
                    flow: self.name.clone(),
                    topic: Arc::clone(topic),
                    partitions,
                    first: Arc::clone(&self.source.topic),
                    expected,
                });
            }
        }
        self.check_keys(expected)?;
        Ok(expected)
    }

    /// Whether the records of several topics that get one key stand in partitions that meet.
    fn check_keys(&self, partitions: u32) -> Result<(), LayoutError> {
        let Operator::Graph(graph) = &self.operator else {
            return Ok(());
        };
        let is_rekeyed = |flow: &Self| {
            flow.key.is_some() && flow.source.keying == Keying::ByRecordKey && partitions > 1
        };
        let mut nodes = graph.topology.nodes().iter();
        if let (Some(node), 2..) = (nodes.find(|node| node.kind.puts_together()), partitions) {
            return Err(LayoutError::Scattered {
                flow: self.name.clone(),
                what: node.kind.words(),
                topic: Arc::clone(&self.source.topic),
                partitions,
            });
        }
        let mut inputs = graph.inputs.iter().map(|input| &input.flow);
        match inputs.find(|flow| is_rekeyed(flow)) {
            None => Ok(()),
            Some(flow) => Err(LayoutError::Rekeyed {
                flow: self.name.clone(),
                topic: Arc::clone(&flow.source.topic),
            }),
        }
    }

    /// Whether records of equal key may stand in different source partitions and must meet.
    #[must_use]
    pub fn is_rekeyed(&self) -> bool {
        self.key.is_some()
            && self.source.keying == Keying::ByRecordKey
            && matches!(self.operator, Operator::Window(_))
    }
}

impl Stage {
    /// The topic that this stage reads; the first of several.
    #[must_use]
    pub fn input(&self) -> &TopicName {
        match &self.part {
            Part::Whole | Part::BeforeRepartition { .. } => &self.flow.source.topic,
            Part::AfterRepartition { topic, .. } => topic,
        }
    }

    /// The topics that this stage reads, in the order of its inputs.
    #[must_use]
    pub fn inputs(&self) -> Vec<&TopicName> {
        match &self.part {
            Part::Whole => self.flow.topics(),
            Part::BeforeRepartition { .. } | Part::AfterRepartition { .. } => vec![self.input()],
        }
    }

    /// The topic that outputs for `destination` go to; `None` where this stage has none for it.
    #[must_use]
    pub fn destination(&self, destination: Destination) -> Option<&TopicName> {
        let is_last = !matches!(self.part, Part::BeforeRepartition { .. });
        match (destination, &self.part) {
            (Destination::Sink, _) => is_last.then_some(&self.flow.sink.topic),
            (Destination::Late, _) => self.flow.late.as_ref().filter(|_| is_last),
            (Destination::DeadLetter, _) => match &self.flow.on_error {
                OnError::DeadLetter(topic) => Some(topic),
                OnError::Fail | OnError::Skip => None,
            },
            (Destination::Repartition, Part::BeforeRepartition { topic, .. }) => Some(topic),
            (Destination::Repartition, _) => None,
        }
    }
}
