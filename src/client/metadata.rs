//! What the cluster says of itself: brokers, topics, partitions, leaders.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::client::address::BrokerAddress;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::metadata::MetadataResponse;
use crate::protocol::message::metadata::MetadataResponseBroker;
use crate::protocol::message::metadata::MetadataResponsePartition;
use crate::protocol::message::metadata::MetadataResponseTopic;
use crate::record::LeaderEpoch;
use crate::record::PartitionId;
use crate::record::TopicName;

/// A snapshot of the cluster; topics that nobody asked for are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id; empty where it has none.
    pub cluster_id: String,
    /// The broker to send administrative requests to.
    pub controller: Option<i32>,
    /// The live brokers by node id.
    pub brokers: BTreeMap<i32, Broker>,
    /// The topics by name.
    pub topics: HashMap<TopicName, Arc<TopicMetadata>>,
}

/// A live broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Where it listens.
    pub address: BrokerAddress,
    /// Its rack, where it has one.
    pub rack: Option<String>,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: TopicName,
    /// Its id; zero where brokers do not tell. A topic that is deleted and created again under the
    /// same name has another.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub is_internal: bool,
    /// Its partitions in order, from 0, without gaps.
    pub partitions: Vec<PartitionMetadata>,
    /// When this was learnt.
    pub learnt: Instant,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Who leads it, where anybody does.
    pub leader: Option<i32>,
    /// Under which leadership.
    pub leader_epoch: LeaderEpoch,
    /// All replicas, the preferred one first.
    pub replicas: Vec<i32>,
    /// The replicas in sync.
    pub in_sync: Vec<i32>,
    /// The replicas on brokers that are away.
    pub offline: Vec<i32>,
}

/// Which topics were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    SomeTopics,
    AllTopics,
}

/// Who leads a partition, and under which leadership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub node: i32,
    /// The leadership.
    pub epoch: LeaderEpoch,
}

impl TopicMetadata {
    /// The partition, where the topic has it.
    #[must_use]
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionMetadata> {
        self.partitions.get(usize::try_from(partition.0).ok()?)
    }

    /// The leader of a partition, where it has one.
    #[must_use]
    pub fn leader(&self, partition: PartitionId) -> Option<Leader> {
        let found = self.partition(partition)?;
        Some(Leader {
            node: found.leader?,
            epoch: found.leader_epoch,
        })
    }

    /// The ids of all partitions.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)).map(PartitionId)
    }

    /// Whether every partition has a leader.
    #[must_use]
    pub fn is_led(&self) -> bool {
        self.partitions
            .iter()
            .all(|partition| partition.leader.is_some())
    }
}

impl Metadata {
    /// Takes over what an answer about some or all topics says. Of some, those that it does not name
    /// stay as they were; what it reports as unknown is forgotten, and returned with its error.
    pub(crate) fn update(
        &mut self,
        response: &MetadataResponse<'_>,
        scope: Scope,
        now: Instant,
    ) -> Vec<(TopicName, ErrorCode)> {
        if scope == Scope::AllTopics {
            self.topics.clear();
        }
        self.brokers = response.brokers.iter().filter_map(broker).collect();
        self.controller = Some(response.controller_id).filter(|node| *node >= 0);
        if let Some(id) = &response.cluster_id {
            self.cluster_id = id.to_string();
        }
        let mut failed = Vec::new();
        for topic in &response.topics {
            let Some(name) = &topic.name else { continue };
            let code = ErrorCode(topic.error_code);
            let name = TopicName::from(name.as_ref());
            if code == ErrorCode::NONE {
                self.topics.insert(name, Arc::new(read_topic(topic, now)));
            } else {
                self.topics.remove(&name);
                failed.push((name, code));
            }
        }
        failed
    }
}

fn broker(broker: &MetadataResponseBroker<'_>) -> Option<(i32, Broker)> {
    let address = BrokerAddress {
        host: broker.host.to_string(),
        port: u16::try_from(broker.port).ok()?,
    };
    let rack = broker.rack.as_ref().map(ToString::to_string);
    Some((broker.node_id, Broker { address, rack }))
}

fn read_topic(topic: &MetadataResponseTopic<'_>, learnt: Instant) -> TopicMetadata {
    let mut listed: Vec<&MetadataResponsePartition> = topic.partitions.iter().collect();
    listed.sort_by_key(|partition| partition.partition_index);
    // A gap ends the list: what lies beyond cannot be addressed by position.
    let in_place = listed
        .into_iter()
        .zip(0_i32..)
        .take_while(|(partition, place)| partition.partition_index == *place);
    TopicMetadata {
        name: TopicName::from(topic.name.as_deref().unwrap_or_default()),
        id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions: in_place
            .map(|(partition, _)| read_partition(partition))
            .collect(),
        learnt,
    }
}

fn read_partition(partition: &MetadataResponsePartition) -> PartitionMetadata {
    PartitionMetadata {
        leader: Some(partition.leader_id).filter(|node| *node >= 0),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: partition.replica_nodes.clone(),
        in_sync: partition.isr_nodes.clone(),
        offline: partition.offline_replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(partition_index: i32, leader_id: i32) -> MetadataResponsePartition {
        MetadataResponsePartition {
            partition_index,
            leader_id,
            leader_epoch: 3,
            ..MetadataResponsePartition::default()
        }
    }

    fn answer(
        name: &'static str,
        error_code: i16,
        partitions: Vec<MetadataResponsePartition>,
    ) -> MetadataResponse<'static> {
        MetadataResponse {
            topics: vec![MetadataResponseTopic {
                error_code,
                name: Some(name.into()),
                partitions,
                ..MetadataResponseTopic::default()
            }],
            ..MetadataResponse::default()
        }
    }

    #[tokio::test]
    async fn partitions_come_in_any_order_and_one_without_leader_is_told() {
        let mut metadata = Metadata::default();
        let response = answer("t", 0, vec![partition(1, -1), partition(0, 7)]);
        assert_eq!(
            metadata.update(&response, Scope::SomeTopics, Instant::now()),
            []
        );
        let topic = &metadata.topics["t"];
        let leader = Leader {
            node: 7,
            epoch: LeaderEpoch(3),
        };
        assert_eq!(topic.leader(PartitionId(0)), Some(leader));
        assert_eq!(topic.leader(PartitionId(1)), None);
        assert_eq!(topic.partition(PartitionId(2)), None);
        assert_eq!(topic.partition(PartitionId(-1)), None);
        assert!(!topic.is_led());
    }

    #[tokio::test]
    async fn a_topic_that_became_unknown_is_forgotten_and_others_stay() {
        let mut metadata = Metadata::default();
        for name in ["a", "b"] {
            metadata.update(
                &answer(name, 0, vec![partition(0, 1)]),
                Scope::SomeTopics,
                Instant::now(),
            );
        }
        let failed = metadata.update(&answer("a", 3, vec![]), Scope::SomeTopics, Instant::now());
        assert_eq!(
            failed,
            [(TopicName::from("a"), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
        );
        assert!(!metadata.topics.contains_key("a") && metadata.topics.contains_key("b"));
        metadata.update(
            &MetadataResponse::default(),
            Scope::AllTopics,
            Instant::now(),
        );
        assert!(metadata.topics.is_empty(), "deleted since");
    }
}
