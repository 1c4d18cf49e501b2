//! Administration: topics, partitions, settings, deletion of records, the cluster itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::call::Before;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::cluster::Cluster;
use crate::client::connection::Reply;
use crate::client::metadata::Metadata;
use crate::client::metadata::TopicMetadata;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_partitions::CreatePartitionsRequest;
use crate::protocol::message::create_partitions::CreatePartitionsResponse;
use crate::protocol::message::create_partitions::CreatePartitionsTopic;
use crate::protocol::message::create_topics::CreatableTopic;
use crate::protocol::message::create_topics::CreatableTopicConfig;
use crate::protocol::message::create_topics::CreateTopicsRequest;
use crate::protocol::message::create_topics::CreateTopicsResponse;
use crate::protocol::message::delete_records::DeleteRecordsPartition;
use crate::protocol::message::delete_records::DeleteRecordsRequest;
use crate::protocol::message::delete_records::DeleteRecordsResponse;
use crate::protocol::message::delete_records::DeleteRecordsTopic;
use crate::protocol::message::delete_topics::DeleteTopicState;
use crate::protocol::message::delete_topics::DeleteTopicsRequest;
use crate::protocol::message::delete_topics::DeleteTopicsResponse;
use crate::record::Offset;
use crate::record::TopicPartition;

/// A topic to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the broker's default where not given.
    pub partitions: Option<i32>,
    /// How many replicas of each; the broker's default where not given.
    pub replicas: Option<i16>,
    /// Its settings, where they differ from the broker's.
    pub configs: BTreeMap<String, String>,
}

/// Whether a change is made or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make it.
    Apply,
    /// Let the broker say whether it would make it.
    Validate,
}

/// Administration of one cluster.
#[derive(Clone, Debug)]
pub struct Admin {
    cluster: Cluster,
}

/// From this version on topics to delete may be named by id, and the list has another shape.
const DELETE_BY_STATE: i16 = 6;

impl Admin {
    /// Administration over the connections of `cluster`.
    #[must_use]
    pub const fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    pub(crate) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn timeout_ms(&self) -> i32 {
        wire_millis(self.cluster.config().request_timeout)
    }

    /// All topics, internal ones too, asked for now.
    ///
    /// # Errors
    ///
    /// [`CallError`] if no broker answers.
    pub async fn list_topics(&self) -> Result<Vec<Arc<TopicMetadata>>, CallError> {
        let metadata = self.cluster.refresh_all().await?;
        let mut topics: Vec<_> = metadata.topics.values().cloned().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// One topic, asked for now.
    ///
    /// # Errors
    ///
    /// [`Failure::UnknownTopic`] names the nearest existing one.
    pub async fn describe_topic(&self, name: &str) -> Result<Arc<TopicMetadata>, CallError> {
        drop(self.cluster.refresh_topics(&[name]).await);
        self.cluster.topic(name).await
    }

    /// The cluster's id, controller and live brokers, asked for now.
    ///
    /// # Errors
    ///
    /// [`CallError`] if no broker answers.
    pub async fn describe_cluster(&self) -> Result<Arc<Metadata>, CallError> {
        let refreshed = self.cluster.refresh_topics(&[]).await;
        refreshed.map_err(|error| CallError::once("describe the cluster", error.into()))?;
        Ok(self.cluster.metadata())
    }

    /// Creates a topic, and returns once its partitions have leaders.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason; `TOPIC_ALREADY_EXISTS` unless an attempt of this
    /// call may have created it.
    pub async fn create_topic(&self, topic: &NewTopic, change: Change) -> Result<(), CallError> {
        let doing = format!("create topic \"{}\"", topic.name);
        let build = |_| CreateTopicsRequest {
            topics: vec![creatable(topic)],
            timeout_ms: self.timeout_ms(),
            validate_only: change == Change::Validate,
        };
        let read = |reply: &Reply, before| read_created(reply, &topic.name, before);
        self.cluster
            .call(&doing, Target::Controller, build, read)
            .await?;
        if change == Change::Apply {
            self.wait_until_led(&doing, &topic.name).await?;
        }
        Ok(())
    }

    /// A fresh topic is not known to every broker at once.
    async fn wait_until_led(&self, doing: &str, name: &str) -> Result<(), CallError> {
        let config = self.cluster.config();
        let mut retry = crate::client::retry::Retry::new(config, config.api_timeout);
        loop {
            let refreshed = self.cluster.refresh_topics(&[name]).await;
            let led = self
                .cluster
                .metadata()
                .topics
                .get(name)
                .is_some_and(|topic| topic.is_led());
            match refreshed {
                Ok(_) if led => return Ok(()),
                Err(error) if !error.is_retriable() => {
                    return Err(CallError::once(doing, error.into()));
                }
                _ => {}
            }
            if !retry.again().await {
                let topic = name.to_owned();
                return Err(CallError::once(
                    doing,
                    Failure::UnknownTopic {
                        topic,
                        nearest: None,
                    },
                ));
            }
        }
    }

    /// Deletes a topic with all its records.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason; `UNKNOWN_TOPIC_OR_PARTITION` unless an attempt of
    /// this call may have deleted it.
    pub async fn delete_topic(&self, name: &str) -> Result<(), CallError> {
        let doing = format!("delete topic \"{name}\"");
        let build = |version| {
            let mut request = DeleteTopicsRequest {
                timeout_ms: self.timeout_ms(),
                ..DeleteTopicsRequest::default()
            };
            if version >= DELETE_BY_STATE {
                request.topics = vec![DeleteTopicState {
                    name: Some(name.into()),
                    ..DeleteTopicState::default()
                }];
            } else {
                request.topic_names = vec![name.into()];
            }
            request
        };
        let read = |reply: &Reply, before| read_deleted(reply, name, before);
        self.cluster
            .call(&doing, Target::Controller, build, read)
            .await?;
        // A failing refresh only leaves the deleted topic in memory until it is asked for again.
        drop(self.cluster.refresh_topics(&[name]).await);
        Ok(())
    }

    /// Raises the number of partitions to `count` in all.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason.
    pub async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        change: Change,
    ) -> Result<(), CallError> {
        let doing = format!("raise topic \"{topic}\" to {count} partitions");
        let build = |_| CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: topic.into(),
                count,
                assignments: None,
            }],
            timeout_ms: self.timeout_ms(),
            validate_only: change == Change::Validate,
        };
        let read = |reply: &Reply, _| {
            let response: CreatePartitionsResponse<'_> = reply.body()?;
            let result = response.results.iter().find(|result| result.name == topic);
            let result = result.ok_or_else(|| missing(reply, topic))?;
            check(reply, result.error_code, result.error_message.as_deref())
        };
        self.cluster
            .call(&doing, Target::Controller, build, read)
            .await?;
        if change == Change::Apply {
            self.wait_until_led(&doing, topic).await?;
        }
        Ok(())
    }

    /// Deletes the records of a partition below `before`, and returns the log start offset; `None`
    /// deletes all up to the high watermark.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the broker's reason.
    pub async fn delete_records(
        &self,
        partition: &TopicPartition,
        before: Option<Offset>,
    ) -> Result<Offset, CallError> {
        const HIGH_WATERMARK: i64 = -1;
        let doing = format!("delete records of {partition}");
        let build = |_| DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: partition.topic.as_ref().into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: partition.partition.0,
                    offset: before.map_or(HIGH_WATERMARK, |offset| offset.0),
                }],
            }],
            timeout_ms: self.timeout_ms(),
        };
        let read = |reply: &Reply, _| {
            let response: DeleteRecordsResponse<'_> = reply.body()?;
            let topic = response
                .topics
                .iter()
                .find(|topic| topic.name == *partition.topic);
            let mut results = topic.into_iter().flat_map(|topic| &topic.partitions);
            let result = results.find(|result| result.partition_index == partition.partition.0);
            let result = result.ok_or_else(|| missing(reply, &partition.to_string()))?;
            check(reply, result.error_code, None)?;
            Ok(Offset(result.low_watermark))
        };
        self.cluster
            .call(&doing, Target::Leader(partition), build, read)
            .await
    }
}

pub(crate) fn wire_millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

pub(crate) fn missing(reply: &Reply, about: &str) -> Failure {
    Failure::Missing {
        address: reply.address().clone(),
        about: about.to_owned(),
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic<'_> {
    const DEFAULT: i16 = -1;
    let configs = topic
        .configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig {
            name: name.as_str().into(),
            value: Some(value.as_str().into()),
        });
    CreatableTopic {
        name: topic.name.as_str().into(),
        num_partitions: topic.partitions.unwrap_or(DEFAULT.into()),
        replication_factor: topic.replicas.unwrap_or(DEFAULT),
        assignments: Vec::new(),
        configs: configs.collect(),
    }
}

fn read_created(reply: &Reply, name: &str, before: Before) -> Result<(), Failure> {
    let response: CreateTopicsResponse<'_> = reply.body()?;
    let result = response.topics.iter().find(|result| result.name == name);
    let result = result.ok_or_else(|| missing(reply, name))?;
    match ErrorCode(result.error_code) {
        ErrorCode::TOPIC_ALREADY_EXISTS if before.maybe_done => Ok(()),
        _ => check(reply, result.error_code, result.error_message.as_deref()),
    }
}

fn read_deleted(reply: &Reply, name: &str, before: Before) -> Result<(), Failure> {
    let response: DeleteTopicsResponse<'_> = reply.body()?;
    let result = response
        .responses
        .iter()
        .find(|result| result.name.as_deref() == Some(name));
    let result = result.ok_or_else(|| missing(reply, name))?;
    match ErrorCode(result.error_code) {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if before.maybe_done => Ok(()),
        // Deletion has no "created a moment ago": the topic is not there.
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Err(Failure::UnknownTopic {
            topic: name.to_owned(),
            nearest: None,
        }),
        _ => check(reply, result.error_code, result.error_message.as_deref()),
    }
}
