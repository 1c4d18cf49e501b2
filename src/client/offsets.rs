//! Offsets that brokers know: where logs begin and end, and what groups have committed.

use std::collections::BTreeMap;

use crate::client::admin::missing;
use crate::client::admin::wire_millis;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::call::may_help;
use crate::client::cluster::Cluster;
use crate::client::cluster::Purpose;
use crate::client::config::Isolation;
use crate::client::connection::Reply;
use crate::client::coordinator::CoordinatorKind;
use crate::client::retry::Retry;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::list_offsets::ListOffsetsPartition;
use crate::protocol::message::list_offsets::ListOffsetsRequest;
use crate::protocol::message::list_offsets::ListOffsetsResponse;
use crate::protocol::message::list_offsets::ListOffsetsTopic;
use crate::protocol::message::offset_commit::OffsetCommitRequest;
use crate::protocol::message::offset_commit::OffsetCommitRequestPartition;
use crate::protocol::message::offset_commit::OffsetCommitRequestTopic;
use crate::protocol::message::offset_commit::OffsetCommitResponse;
use crate::protocol::message::offset_fetch::OffsetFetchRequest;
use crate::protocol::message::offset_fetch::OffsetFetchRequestGroup;
use crate::protocol::message::offset_fetch::OffsetFetchRequestTopic;
use crate::protocol::message::offset_fetch::OffsetFetchRequestTopics;
use crate::protocol::message::offset_fetch::OffsetFetchResponse;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// Which offset of a partition is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// That of the first record that is still there.
    Earliest,
    /// The one after the last record that a reader of this isolation may see.
    Latest,
    /// That of the first record whose timestamp is not below this one.
    At(Timestamp),
}

impl OffsetSpec {
    const fn wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::At(timestamp) => timestamp.0,
        }
    }
}

/// What a broker answers for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; `None` where no record has such a timestamp.
    pub offset: Option<Offset>,
    /// The record's timestamp; none for [`OffsetSpec::Earliest`] and [`OffsetSpec::Latest`].
    pub timestamp: Timestamp,
    /// The leader epoch of the record.
    pub leader_epoch: LeaderEpoch,
}

/// A group's committed offset of one partition: that of the next record to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, where it is known.
    pub leader_epoch: LeaderEpoch,
    /// Whatever the group keeps with it.
    pub metadata: String,
}

impl CommittedOffset {
    /// Only an offset.
    #[must_use]
    pub const fn new(offset: Offset) -> Self {
        Self {
            offset,
            leader_epoch: LeaderEpoch::UNKNOWN,
            metadata: String::new(),
        }
    }
}

/// Offsets by partition.
pub type ByPartition<T> = BTreeMap<TopicPartition, T>;

/// The generation of a group whose partitions are assigned by hand.
const NO_GENERATION: i32 = -1;
/// From this version on several groups are asked for at once.
const BATCHED: i16 = 8;
/// From this version on offsets that an open transaction may change are waited for (KIP-447).
const STABLE: i16 = 7;

/// Looks offsets up and commits them, over the connections of one cluster.
#[derive(Clone, Debug)]
pub struct Offsets {
    cluster: Cluster,
}

impl Offsets {
    /// Offsets of `cluster`.
    #[must_use]
    pub const fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// Asks the leaders for one offset of each partition.
    ///
    /// `isolation` decides what [`OffsetSpec::Latest`] is: the last stable offset for readers of
    /// committed records, else the high watermark.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the first failure that does not pass, or after `api_timeout`.
    pub async fn list(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Result<ByPartition<ListedOffset>, CallError> {
        let config = self.cluster.config();
        let mut retry = Retry::new(config, config.api_timeout);
        let mut found = ByPartition::new();
        let mut left = partitions.to_vec();
        loop {
            let Some(failure) = self
                .list_round(&mut left, &mut found, spec, isolation, &retry)
                .await
            else {
                return Ok(found);
            };
            let helps = matches!(&failure, Failure::Request(error) if error.is_retriable())
                || matches!(failure, Failure::NoLeader(_))
                || failure.code().is_some_and(|code| may_help(code.action()));
            if !helps || !retry.again().await {
                return Err(CallError {
                    doing: "look up offsets".to_owned(),
                    attempts: retry.attempts(),
                    maybe_done: false,
                    failure,
                });
            }
            let topics: Vec<&str> = left.iter().map(|partition| &*partition.topic).collect();
            // A failing refresh shows in the next round.
            drop(self.cluster.refresh_topics(&topics).await);
        }
    }

    /// Asks each leader once; takes what is answered out of `left` and tells a failure, if any.
    async fn list_round(
        &self,
        left: &mut Vec<TopicPartition>,
        found: &mut ByPartition<ListedOffset>,
        spec: OffsetSpec,
        isolation: Isolation,
        retry: &Retry,
    ) -> Option<Failure> {
        let mut failed = None;
        let mut by_leader: BTreeMap<i32, Vec<(TopicPartition, LeaderEpoch)>> = BTreeMap::new();
        for partition in left.iter() {
            match self.cluster.leader(partition).await {
                Ok(leader) => by_leader
                    .entry(leader.node)
                    .or_default()
                    .push((partition.clone(), leader.epoch)),
                Err(failure) => failed = Some(failure),
            }
        }
        for (node, asked) in by_leader {
            let request = list_request(
                &asked,
                spec,
                isolation,
                wire_millis(self.cluster.config().request_timeout),
            );
            let within = retry.left(self.cluster.config().request_timeout);
            let answer = async {
                let connection = self.cluster.connection(node, Purpose::Control).await?;
                connection.request(&request, within).await
            };
            match answer.await {
                Ok(reply) => failed = read_listed(&reply, found).err().or(failed),
                Err(error) => failed = Some(error.into()),
            }
        }
        left.retain(|partition| !found.contains_key(partition));
        failed.or_else(|| left.first().cloned().map(Failure::NoLeader))
    }

    /// Commits offsets for a group whose partitions are assigned by hand; the group must have no
    /// members.
    ///
    /// # Errors
    ///
    /// [`CallError`]; then nothing is known to be committed, unless it was before.
    pub async fn commit(
        &self,
        group: &str,
        offsets: &ByPartition<CommittedOffset>,
    ) -> Result<(), CallError> {
        let doing = format!("commit offsets of group \"{group}\"");
        let target = Target::Coordinator(CoordinatorKind::Group, group);
        let build = |_| commit_request(group, offsets);
        let read = |reply: &Reply, _| read_commit(reply);
        self.cluster.call(&doing, target, build, read).await
    }

    /// What a group has committed; of all partitions where `partitions` is `None`. Partitions
    /// without a committed offset are left out. Offsets that an open transaction may still change
    /// are waited for; but asked for all partitions, a coordinator leaves out those of which it has
    /// no others (`GroupMetadataManager.getOffsets`, Apache Kafka).
    ///
    /// # Errors
    ///
    /// [`CallError`] with the coordinator's reason.
    pub async fn committed(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<ByPartition<CommittedOffset>, CallError> {
        let doing = format!("read committed offsets of group \"{group}\"");
        let target = Target::Coordinator(CoordinatorKind::Group, group);
        let topics = partitions.map(by_topic);
        let build = |version| fetch_request(group, topics.as_ref(), version);
        let read = |reply: &Reply, _| read_committed(reply, group);
        self.cluster.call(&doing, target, build, read).await
    }
}

fn by_topic(partitions: &[TopicPartition]) -> BTreeMap<TopicName, Vec<i32>> {
    let mut topics: BTreeMap<TopicName, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics
            .entry(TopicName::clone(&partition.topic))
            .or_default()
            .push(partition.partition.0);
    }
    topics
}

fn list_request(
    asked: &[(TopicPartition, LeaderEpoch)],
    spec: OffsetSpec,
    isolation: Isolation,
    timeout_ms: i32,
) -> ListOffsetsRequest<'_> {
    const CLIENT: i32 = -1;
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for (partition, epoch) in asked {
        topics
            .entry(&partition.topic)
            .or_default()
            .push(ListOffsetsPartition {
                partition_index: partition.partition.0,
                current_leader_epoch: epoch.0,
                timestamp: spec.wire(),
            });
    }
    let topics = topics
        .into_iter()
        .map(|(name, partitions)| ListOffsetsTopic {
            name: name.into(),
            partitions,
        });
    ListOffsetsRequest {
        replica_id: CLIENT,
        isolation_level: isolation.wire(),
        topics: topics.collect(),
        timeout_ms,
    }
}

/// Takes what is answered, and tells the first error among the partitions.
fn read_listed(reply: &Reply, found: &mut ByPartition<ListedOffset>) -> Result<(), Failure> {
    let response: ListOffsetsResponse<'_> = reply.body()?;
    let mut outcome = Ok(());
    for topic in &response.topics {
        let name = TopicName::from(topic.name.as_ref());
        for partition in &topic.partitions {
            let code = ErrorCode(partition.error_code);
            if code != ErrorCode::NONE {
                outcome = Err(Failure::answered(reply, code, None));
                continue;
            }
            let listed = ListedOffset {
                offset: Some(Offset(partition.offset)).filter(|offset| offset.0 >= 0),
                timestamp: Timestamp(partition.timestamp),
                leader_epoch: LeaderEpoch(partition.leader_epoch),
            };
            found.insert(
                TopicPartition::new(TopicName::clone(&name), partition.partition_index),
                listed,
            );
        }
    }
    outcome
}

/// The request of a group without members.
pub(crate) fn commit_request<'a>(
    group: &'a str,
    offsets: &'a ByPartition<CommittedOffset>,
) -> OffsetCommitRequest<'a> {
    OffsetCommitRequest {
        group_id: group.into(),
        generation_id_or_member_epoch: NO_GENERATION,
        topics: commit_topics(offsets),
        ..OffsetCommitRequest::default()
    }
}

/// Whether all was taken.
pub(crate) fn read_commit(reply: &Reply) -> Result<(), Failure> {
    let response: OffsetCommitResponse<'_> = reply.body()?;
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    for partition in partitions {
        check(reply, partition.error_code, None)?;
    }
    Ok(())
}

fn commit_topics(offsets: &ByPartition<CommittedOffset>) -> Vec<OffsetCommitRequestTopic<'_>> {
    let mut topics: Vec<OffsetCommitRequestTopic<'_>> = Vec::new();
    for (partition, committed) in offsets {
        let entry = OffsetCommitRequestPartition {
            partition_index: partition.partition.0,
            committed_offset: committed.offset.0,
            committed_leader_epoch: committed.leader_epoch.0,
            committed_metadata: Some(committed.metadata.as_str().into()),
        };
        match topics
            .last_mut()
            .filter(|topic| topic.name == *partition.topic)
        {
            Some(topic) => topic.partitions.push(entry),
            None => topics.push(OffsetCommitRequestTopic {
                name: partition.topic.as_ref().into(),
                partitions: vec![entry],
            }),
        }
    }
    topics
}

fn fetch_request<'a>(
    group: &'a str,
    topics: Option<&'a BTreeMap<TopicName, Vec<i32>>>,
    version: i16,
) -> OffsetFetchRequest<'a> {
    let require_stable = version >= STABLE;
    let named = |(name, partitions): (&'a TopicName, &'a Vec<i32>)| OffsetFetchRequestTopic {
        name: name.as_ref().into(),
        partition_indexes: partitions.clone(),
    };
    if version < BATCHED {
        return OffsetFetchRequest {
            group_id: group.into(),
            topics: topics.map(|topics| topics.iter().map(named).collect()),
            require_stable,
            ..OffsetFetchRequest::default()
        };
    }
    let grouped = |(name, partitions): (&'a TopicName, &'a Vec<i32>)| OffsetFetchRequestTopics {
        name: name.as_ref().into(),
        partition_indexes: partitions.clone(),
    };
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.into(),
            topics: topics.map(|topics| topics.iter().map(grouped).collect()),
            ..OffsetFetchRequestGroup::default()
        }],
        require_stable,
        ..OffsetFetchRequest::default()
    }
}

/// One partition of an answer in either shape: partition, offset, epoch, metadata, error.
type Answered<'a> = (i32, i64, i32, Option<&'a str>, i16);

fn read_committed(reply: &Reply, group: &str) -> Result<ByPartition<CommittedOffset>, Failure> {
    let response: OffsetFetchResponse<'_> = reply.body()?;
    let mut committed = ByPartition::new();
    if reply.version() < BATCHED {
        check(reply, response.error_code, None)?;
        for topic in &response.topics {
            let partitions = topic.partitions.iter().map(|it| -> Answered<'_> {
                (
                    it.partition_index,
                    it.committed_offset,
                    it.committed_leader_epoch,
                    it.metadata.as_deref(),
                    it.error_code,
                )
            });
            take_committed(reply, &topic.name, partitions, &mut committed)?;
        }
        return Ok(committed);
    }
    let found = response.groups.iter().find(|found| found.group_id == group);
    let found = found.ok_or_else(|| missing(reply, group))?;
    check(reply, found.error_code, None)?;
    for topic in &found.topics {
        let partitions = topic.partitions.iter().map(|it| -> Answered<'_> {
            (
                it.partition_index,
                it.committed_offset,
                it.committed_leader_epoch,
                it.metadata.as_deref(),
                it.error_code,
            )
        });
        take_committed(reply, &topic.name, partitions, &mut committed)?;
    }
    Ok(committed)
}

fn take_committed<'a>(
    reply: &Reply,
    topic: &str,
    partitions: impl Iterator<Item = Answered<'a>>,
    committed: &mut ByPartition<CommittedOffset>,
) -> Result<(), Failure> {
    let topic = TopicName::from(topic);
    for (partition, offset, epoch, metadata, code) in partitions {
        check(reply, code, None)?;
        if offset < 0 {
            continue;
        }
        let place = TopicPartition {
            topic: TopicName::clone(&topic),
            partition: PartitionId(partition),
        };
        let entry = CommittedOffset {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(epoch),
            metadata: metadata.unwrap_or_default().to_owned(),
        };
        committed.insert(place, entry);
    }
    Ok(())
}
