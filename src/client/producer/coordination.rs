//! What a transactional producer asks of coordinators, and how their answers are read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::admin::wire_millis;
use crate::client::call::Before;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::cluster::Cluster;
use crate::client::connection::Reply;
use crate::client::coordinator::CoordinatorKind;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::producer::batch::Identity;
use crate::client::producer::batch::Scope;
use crate::client::producer::transaction::Incarnation;
use crate::client::producer::transaction::Sure;
use crate::client::producer::transaction::Version;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::ApiKey;
use crate::protocol::message::UpTo;
use crate::protocol::message::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::protocol::message::add_offsets_to_txn::AddOffsetsToTxnResponse;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnResponse;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnTopic;
use crate::protocol::message::end_txn::EndTxnRequest;
use crate::protocol::message::end_txn::EndTxnResponse;
use crate::protocol::message::init_producer_id::InitProducerIdRequest;
use crate::protocol::message::init_producer_id::InitProducerIdResponse;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitRequest;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitRequestPartition;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitRequestTopic;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitResponse;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// The feature that says which way the cluster does transactions.
const FEATURE: &str = "transaction.version";
/// Its level from which on KIP-890 holds.
const LEVEL_TWO: i16 = 2;
/// From the next versions on EndTxn and TxnOffsetCommit belong to that level.
const LEVEL_ONE_MAX: i16 = 4;
/// From the next version on AddPartitionsToTxn is spoken between brokers only.
const CLIENTS_MAX: i16 = 3;

/// The member of a consumer group on whose behalf offsets are committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The group.
    pub group: String,
    /// The group's generation; −1 where partitions are assigned by hand.
    pub generation: i32,
    /// The member's id; empty where partitions are assigned by hand.
    pub member_id: String,
    /// The name that a static member keeps over restarts.
    pub instance_id: Option<String>,
}

impl GroupMember {
    /// Nobody: the group's partitions are assigned by hand, and the transactional id alone fences.
    #[must_use]
    pub fn by_hand(group: &str) -> Self {
        Self {
            group: group.to_owned(),
            generation: -1,
            member_id: String::new(),
            instance_id: None,
        }
    }
}

fn sure<T>(value: T, before: Before) -> Sure<T> {
    Sure {
        value,
        maybe_repeated: before.maybe_done,
    }
}

fn transaction(id: &str) -> Target<'_> {
    Target::Coordinator(CoordinatorKind::Transaction, id)
}

/// Asks for an epoch, which fences all earlier ones; `own` is who the producer believes to be.
///
/// An earlier one's open transaction is aborted, and waited for.
pub(super) async fn take_epoch(
    cluster: &Cluster,
    id: &str,
    timeout: Duration,
    own: Option<Identity>,
) -> Result<Sure<Incarnation>, CallError> {
    let doing = format!("take over transactional id \"{id}\"");
    let build = |_| InitProducerIdRequest {
        transactional_id: Some(id.into()),
        transaction_timeout_ms: wire_millis(timeout),
        producer_id: own.map_or(-1, |own| own.id),
        producer_epoch: own.map_or(-1, |own| own.epoch),
    };
    let read = |reply: &Reply, before| {
        let response: InitProducerIdResponse = reply.body()?;
        check(reply, response.error_code, None)?;
        let incarnation = Incarnation {
            identity: Identity {
                id: response.producer_id,
                epoch: response.producer_epoch,
                scope: Scope::Transaction,
            },
            version: version(reply),
        };
        Ok(sure(incarnation, before))
    };
    cluster.call(&doing, transaction(id), build, read).await
}

/// Which way the cluster does transactions, by what the coordinator says of it.
fn version(reply: &Reply) -> Version {
    let versions = reply.versions();
    let offers = |api| {
        let offered = versions.offered(api);
        offered.is_some_and(|offered| offered.max > LEVEL_ONE_MAX)
    };
    if versions.feature(FEATURE) >= LEVEL_TWO
        && offers(ApiKey::EndTxn)
        && offers(ApiKey::TxnOffsetCommit)
    {
        Version::Two
    } else {
        Version::One
    }
}

/// Tells the coordinator of partitions before they are written to.
pub(super) async fn add_partitions(
    cluster: &Cluster,
    id: &str,
    own: Identity,
    partitions: &[TopicPartition],
) -> Result<Sure<()>, CallError> {
    let doing = format!("add partitions to the transaction of \"{id}\"");
    let build = |_| {
        UpTo::<CLIENTS_MAX, _>(AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: id.into(),
            v3_and_below_producer_id: own.id,
            v3_and_below_producer_epoch: own.epoch,
            v3_and_below_topics: topics(partitions),
            ..AddPartitionsToTxnRequest::default()
        })
    };
    let read = |reply: &Reply, before| {
        let response: AddPartitionsToTxnResponse<'_> = reply.body()?;
        let topics = response.results_by_topic_v3_and_below.iter();
        let partitions = topics.flat_map(|topic| &topic.results_by_partition);
        check_all(reply, partitions.map(|added| added.partition_error_code))?;
        Ok(sure((), before))
    };
    cluster.call(&doing, transaction(id), build, read).await
}

fn topics(partitions: &[TopicPartition]) -> Vec<AddPartitionsToTxnTopic<'_>> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        let numbers = topics.entry(&partition.topic).or_default();
        numbers.push(partition.partition.0);
    }
    let topics = topics.into_iter();
    let topics = topics.map(|(name, partitions)| AddPartitionsToTxnTopic {
        name: name.into(),
        partitions,
    });
    topics.collect()
}

/// Fails with the first error that is the cause of others.
fn check_all(reply: &Reply, codes: impl Iterator<Item = i16>) -> Result<(), Failure> {
    let mut first = Ok(());
    for code in codes {
        match check(reply, code, None) {
            Err(failure) if failure.code() != Some(ErrorCode::OPERATION_NOT_ATTEMPTED) => {
                return Err(failure);
            }
            checked => first = first.and(checked),
        }
    }
    first
}

/// Tells the coordinator that offsets of a group will be committed.
pub(super) async fn announce_offsets(
    cluster: &Cluster,
    id: &str,
    own: Identity,
    group: &str,
) -> Result<Sure<()>, CallError> {
    let doing = format!("add offsets of group \"{group}\" to the transaction of \"{id}\"");
    let build = |_| AddOffsetsToTxnRequest {
        transactional_id: id.into(),
        producer_id: own.id,
        producer_epoch: own.epoch,
        group_id: group.into(),
    };
    let read = |reply: &Reply, before| {
        let response: AddOffsetsToTxnResponse = reply.body()?;
        check(reply, response.error_code, None)?;
        Ok(sure((), before))
    };
    cluster.call(&doing, transaction(id), build, read).await
}

/// Commits offsets within the transaction; goes to the group's coordinator.
pub(super) async fn commit_offsets(
    cluster: &Cluster,
    id: &str,
    own: Incarnation,
    member: &GroupMember,
    offsets: &ByPartition<CommittedOffset>,
) -> Result<Sure<()>, CallError> {
    let group = &member.group;
    let doing = format!("commit offsets of group \"{group}\" in the transaction of \"{id}\"");
    let target = Target::Coordinator(CoordinatorKind::Group, group);
    let request = || TxnOffsetCommitRequest {
        transactional_id: id.into(),
        group_id: group.into(),
        producer_id: own.identity.id,
        producer_epoch: own.identity.epoch,
        generation_id: member.generation,
        member_id: member.member_id.as_str().into(),
        group_instance_id: member.instance_id.as_deref().map(Into::into),
        topics: offset_topics(offsets),
    };
    let read = |reply: &Reply, before| {
        let response: TxnOffsetCommitResponse<'_> = reply.body()?;
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        check_all(reply, partitions.map(|taken| taken.error_code))?;
        Ok(sure((), before))
    };
    match own.version {
        Version::One => {
            let build = |_| UpTo::<LEVEL_ONE_MAX, _>(request());
            cluster.call(&doing, target, build, read).await
        }
        Version::Two => cluster.call(&doing, target, |_| request(), read).await,
    }
}

fn offset_topics(offsets: &ByPartition<CommittedOffset>) -> Vec<TxnOffsetCommitRequestTopic<'_>> {
    let mut topics: BTreeMap<&TopicName, Vec<TxnOffsetCommitRequestPartition<'_>>> =
        BTreeMap::new();
    for (partition, committed) in offsets {
        let entry = TxnOffsetCommitRequestPartition {
            partition_index: partition.partition.0,
            committed_offset: committed.offset.0,
            committed_leader_epoch: committed.leader_epoch.0,
            committed_metadata: Some(committed.metadata.as_str().into()),
        };
        topics.entry(&partition.topic).or_default().push(entry);
    }
    let topics = topics.into_iter();
    let topics = topics.map(|(name, partitions)| TxnOffsetCommitRequestTopic {
        name: name.as_ref().into(),
        partitions,
    });
    topics.collect()
}

/// How a transaction is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Commit,
    Abort,
}

/// Ends the transaction; tells who the producer is from then on.
pub(super) async fn end(
    cluster: &Cluster,
    id: &str,
    own: Incarnation,
    ending: Ending,
) -> Result<Sure<Identity>, CallError> {
    let doing = match ending {
        Ending::Commit => format!("commit the transaction of \"{id}\""),
        Ending::Abort => format!("abort the transaction of \"{id}\""),
    };
    let request = || EndTxnRequest {
        transactional_id: id.into(),
        producer_id: own.identity.id,
        producer_epoch: own.identity.epoch,
        committed: ending == Ending::Commit,
    };
    let read = |reply: &Reply, before| {
        let response: EndTxnResponse = reply.body()?;
        check(reply, response.error_code, None)?;
        let next = Identity {
            id: response.producer_id,
            epoch: response.producer_epoch,
            ..own.identity
        };
        Ok(sure(next, before))
    };
    let target = transaction(id);
    match own.version {
        Version::One => {
            let build = |_| UpTo::<LEVEL_ONE_MAX, _>(request());
            cluster.call(&doing, target, build, read).await
        }
        Version::Two => cluster.call(&doing, target, |_| request(), read).await,
    }
}
