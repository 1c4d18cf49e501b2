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
            let partitions =
                partitions_of(&flow.source.topic).ok_or_else(|| LayoutError::NoTopic {
                    flow: flow.name.clone(),
                    topic: Arc::clone(&flow.source.topic),
                })?;
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

    fn parts(&self, flow: &Flow, partitions: u32) -> Vec<Part> {
        if partitions == 1 || !flow.is_rekeyed() {
            return vec![Part::Whole];
        }
        let topic: TopicName = format!("{}-{}-repartition", self.name, flow.name).into();
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
    /// Whether records of equal key may stand in different source partitions and must meet.
    #[must_use]
    pub fn is_rekeyed(&self) -> bool {
        self.key.is_some()
            && self.source.keying == Keying::ByRecordKey
            && matches!(self.operator, Operator::Window(_))
    }
}

impl Stage {
    /// The topic that this stage reads.
    #[must_use]
    pub fn input(&self) -> &TopicName {
        match &self.part {
            Part::Whole | Part::BeforeRepartition { .. } => &self.flow.source.topic,
            Part::AfterRepartition { topic, .. } => topic,
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
