//! From what tasks put out to the producer.

use std::collections::HashMap;
use std::sync::Arc;

use crate::client::call::CallError;
use crate::client::producer::NewRecord;
use crate::client::producer::Placement;
use crate::client::producer::TopicHandle;
use crate::protocol::partitioner::partition_for_key;
use crate::record::HeadersView;
use crate::record::TopicName;
use crate::runtime::counts::Counts;
use crate::runtime::delivering::Delivering;
use crate::runtime::error::RunError;
use crate::runtime::watching::Watching;
use crate::stream::alert::AlertSink;
use crate::stream::alert::Notice;
use crate::stream::effects::Effects;
use crate::stream::stage::Stage;

/// How outputs come to count, the topics that were looked up for them, and the counts of what goes
/// there.
#[derive(Debug)]
pub(super) struct Outputs {
    pub(super) delivering: Delivering,
    topics: HashMap<TopicName, TopicHandle>,
    counts: Arc<Counts>,
}

impl Outputs {
    pub(super) fn new(delivering: Delivering, counts: Arc<Counts>) -> Self {
        Self {
            delivering,
            topics: HashMap::new(),
            counts,
        }
    }

    async fn topic(&mut self, name: &TopicName) -> Result<TopicHandle, CallError> {
        if let Some(known) = self.topics.get(name) {
            return Ok(known.clone());
        }
        let handle = self.delivering.producer().topic(name).await?;
        self.topics.insert(Arc::clone(name), handle.clone());
        Ok(handle)
    }

    /// Hands over `effects` of a task of `stage`, in order, and counts them.
    pub(super) async fn send(&mut self, stage: &Stage, effects: &Effects) -> Result<(), RunError> {
        let mut last: Option<(_, TopicHandle)> = None;
        for output in effects.outputs() {
            let Some(name) = stage.destination(output.destination) else {
                continue;
            };
            let topic = match &last {
                Some((destination, topic)) if *destination == output.destination => topic,
                _ => {
                    let topic = self.topic(name).await?;
                    &last.insert((output.destination, topic)).1
                }
            };
            let record = NewRecord {
                timestamp: Some(output.timestamp),
                key: output.key,
                value: output.value,
                headers: output.headers.iter(),
            };
            let placement = match (output.partition, output.key_stem) {
                (Some(partition), _) => Placement::Partition(partition),
                (None, Some(stem)) => {
                    Placement::Partition(partition_for_key(stem, topic.partitions()))
                }
                (None, None) => Placement::ByKey,
            };
            self.delivering
                .producer()
                .send(topic, placement, record)
                .await?;
        }
        self.counts.add(stage, &effects.account);
        Ok(())
    }

    /// Hands over what alerts tell: behind the results that it is of.
    pub(super) async fn tell(&mut self, watching: &mut Watching) -> Result<(), RunError> {
        for (alert, notice) in watching.take_notices() {
            for sink in &alert.to {
                match sink {
                    AlertSink::Log => (watching.log)(&notice.to_string()),
                    AlertSink::Topic(topic) => self.tell_topic(topic, &notice).await?,
                    // Refused at the start.
                    AlertSink::Webhook { .. } => {}
                }
            }
        }
        Ok(())
    }

    async fn tell_topic(&mut self, topic: &str, notice: &Notice) -> Result<(), RunError> {
        let topic = self.topic(&TopicName::from(topic)).await?;
        let value = notice.to_json();
        let record = NewRecord {
            timestamp: Some(notice.time),
            key: notice.key.as_deref(),
            value: Some(&value),
            headers: HeadersView::EMPTY.iter(),
        };
        self.delivering
            .producer()
            .send(&topic, Placement::ByKey, record)
            .await?;
        Ok(())
    }
}
