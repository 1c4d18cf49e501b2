//! A plan laid out over the partitions that there are.

use std::sync::Arc;

use thiserror::Error;

use crate::record::PartitionId;
use crate::record::TopicName;
use crate::stream::cut;
use crate::stream::effects::Destination;
use crate::stream::plan::Flow;
use crate::stream::plan::Keying;
use crate::stream::plan::OnError;
use crate::stream::plan::Operator;
use crate::stream::plan::Plan;
use crate::stream::stretch::Outlet;
use crate::stream::stretch::Stretch;
use crate::stream::stretch::StretchInput;

/// A stretch of a flow that reads one topic, partition by partition.
///
/// A flow is one stage from source topic to sink topic, or, where it is keyed otherwise than its
/// source, two with a repartition topic between them. A flow of several operators is as many as it
/// takes for the records of one key to meet, with internal topics between. Each partition of a stage's input topic is
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
#[derive(Clone, Debug)]
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
    /// Some operators of a flow of several, between topics.
    Stretch(Arc<Stretch>),
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
    /// has one partition or is partitioned by that key already ([`Keying`]). A flow of several
    /// operators has the internal topics that [`Plan::internal_topics`] tells, where topics have more
    /// than one partition, and one more for each topic that has fewer than those that it meets.
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
            let counts = flow.partitions(&partitions_of)?;
            let stage = |(part, partitions)| {
                Arc::new(Stage {
                    flow: Arc::clone(flow),
                    part,
                    partitions,
                })
            };
            stages.extend(self.parts(flow, &counts).into_iter().map(stage));
        }
        Ok(stages)
    }

    /// The internal topics that `flow`, of several operators, has where its topics have more than
    /// one partition, as many in each, and what goes through each.
    #[must_use]
    pub fn internal_topics(&self, flow: &Flow) -> Vec<Outlet> {
        let Operator::Graph(graph) = &flow.operator else {
            return Vec::new();
        };
        let counts = vec![2; graph.inputs.len()];
        let stretches = cut::stretches(&self.name, flow, graph, &counts);
        let outlets = stretches.into_iter().map(|(stretch, _)| stretch.outlets);
        outlets.flatten().collect()
    }

    /// The name of the repartition topic of `flow`, which it has only where it is re-keyed.
    #[must_use]
    pub fn repartition_topic(&self, flow: &Flow) -> TopicName {
        format!("{}-{}-repartition", self.name, flow.name).into()
    }

    /// The parts of `flow`, and how many tasks each has.
    fn parts(&self, flow: &Flow, counts: &[u32]) -> Vec<(Part, u32)> {
        if let Operator::Graph(graph) = &flow.operator {
            let stretches = cut::stretches(&self.name, flow, graph, counts).into_iter();
            let part = |(stretch, tasks)| (Part::Stretch(Arc::new(stretch)), tasks);
            return stretches.map(part).collect();
        }
        let partitions = counts.first().copied().unwrap_or(1);
        if partitions == 1 || !flow.is_rekeyed() {
            return vec![(Part::Whole, partitions)];
        }
        let topic = self.repartition_topic(flow);
        let before = Part::BeforeRepartition {
            topic: Arc::clone(&topic),
            partitions,
        };
        let after = Part::AfterRepartition {
            topic,
            sources: partitions,
        };
        vec![(before, partitions), (after, partitions)]
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

    /// How many partitions its topics have, in the order of its inputs.
    fn partitions(&self, of: impl Fn(&str) -> Option<u32>) -> Result<Vec<u32>, LayoutError> {
        let counts = self.topics().into_iter().map(|topic| {
            of(topic).ok_or_else(|| LayoutError::NoTopic {
                flow: self.name.clone(),
                topic: Arc::clone(topic),
            })
        });
        counts.collect()
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
            Part::Stretch(stretch) => {
                let first = stretch.inputs.first();
                first.map_or(&self.flow.source.topic, StretchInput::topic)
            }
            Part::Whole | Part::BeforeRepartition { .. } => &self.flow.source.topic,
            Part::AfterRepartition { topic, .. } => topic,
        }
    }

    /// The topics that this stage reads, in the order of its inputs.
    #[must_use]
    pub fn inputs(&self) -> Vec<&TopicName> {
        match &self.part {
            Part::Stretch(stretch) => stretch.inputs.iter().map(StretchInput::topic).collect(),
            _ => vec![self.input()],
        }
    }

    /// Which partition of the topic of an input task `task` reads.
    #[must_use]
    pub fn input_partition(&self, input: usize, task: PartitionId) -> PartitionId {
        self.global_partition(input).unwrap_or(task)
    }

    /// Whether an input is of a global table, which is read from its beginning whenever a task
    /// starts.
    #[must_use]
    pub fn is_global(&self, input: usize) -> bool {
        self.global_partition(input).is_some()
    }

    fn global_partition(&self, input: usize) -> Option<PartitionId> {
        match &self.part {
            Part::Stretch(stretch) => stretch.inputs.get(input)?.partition,
            _ => None,
        }
    }

    /// How many internal topics a record passes, at most, before it stands in the topic of an
    /// input.
    #[must_use]
    pub fn input_level(&self, input: usize) -> usize {
        match &self.part {
            Part::Whole | Part::BeforeRepartition { .. } => 0,
            Part::AfterRepartition { .. } => 1,
            Part::Stretch(stretch) => {
                let input = stretch.inputs.get(input);
                input.map_or(0, StretchInput::level)
            }
        }
    }

    /// The internal topics that it writes, and how many partitions each is to have.
    #[must_use]
    pub fn internal_topics(&self) -> Vec<(&TopicName, u32)> {
        match &self.part {
            Part::Whole | Part::AfterRepartition { .. } => Vec::new(),
            Part::BeforeRepartition { topic, partitions } => vec![(topic, *partitions)],
            Part::Stretch(stretch) => {
                let outlets = stretch.outlets.iter();
                outlets.map(|send| (&send.topic, send.partitions)).collect()
            }
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
            (Destination::Internal(number), Part::Stretch(stretch)) => {
                let send = stretch.outlets.get(usize::from(number));
                send.map(|send| &send.topic)
            }
            (Destination::Repartition | Destination::Internal(_), _) => None,
        }
    }
}
