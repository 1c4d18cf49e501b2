//! Requests of a producer on their way: batches to a leader, and the request for an identity.

use std::sync::Arc;
use std::time::Duration;

use crate::client::admin::wire_millis;
use crate::client::call::CallError;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::cluster::Cluster;
use crate::client::cluster::Purpose;
use crate::client::connection::Reply;
use crate::client::connection::RequestError;
use crate::client::producer::batch::Identity;
use crate::client::producer::batch::Numbered;
use crate::client::producer::batch::Scope;
use crate::client::producer::lane::Answer;
use crate::client::producer::transaction::Version;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::UpTo;
use crate::protocol::message::init_producer_id::InitProducerIdRequest;
use crate::protocol::message::init_producer_id::InitProducerIdResponse;
use crate::protocol::message::produce::PartitionProduceData;
use crate::protocol::message::produce::ProduceRequest;
use crate::protocol::message::produce::ProduceResponse;
use crate::protocol::message::produce::TopicProduceData;
use crate::protocol::message::produce::TopicProduceResponse;
use crate::record::Offset;
use crate::record::TopicPartition;

/// Every in-sync replica acknowledges.
const ACKS_ALL: i16 = -1;
/// About what a request takes besides its batches.
const REQUEST_OVERHEAD: usize = 1024;
/// Which lane a batch belongs to: topic and partition by their places in the state.
pub(super) type Place = (usize, usize);

/// A batch on its way.
pub(super) struct Cargo {
    pub(super) place: Place,
    pub(super) partition: TopicPartition,
    pub(super) batch: Numbered,
}

/// A request that has ended.
pub(super) struct Landed {
    pub(super) node: i32,
    pub(super) cargo: Vec<Cargo>,
    pub(super) answer: Result<Reply, RequestError>,
}

/// From the next version on, partitions join a transaction by being written to (KIP-890).
const ADDED_BEFORE_MAX: i16 = 11;

/// Whose records they are.
#[derive(Clone, Debug)]
pub(super) enum Writer {
    /// A producer that is only idempotent.
    Idempotent,
    /// That of a transactional id.
    Transactional(Arc<str>, Version),
}

pub(super) async fn fly(
    cluster: Cluster,
    node: i32,
    cargo: Vec<Cargo>,
    writer: Writer,
    timeout: Duration,
) -> Landed {
    let answer = send(&cluster, node, &cargo, &writer, timeout).await;
    Landed {
        node,
        cargo,
        answer,
    }
}

async fn send(
    cluster: &Cluster,
    node: i32,
    cargo: &[Cargo],
    writer: &Writer,
    timeout: Duration,
) -> Result<Reply, RequestError> {
    let connection = cluster.connection(node, Purpose::Produce).await?;
    let awaited = {
        let mut request = request(cluster, cargo, timeout);
        let bytes = cargo
            .iter()
            .map(|cargo| cargo.batch.bytes.len())
            .sum::<usize>();
        let bytes = bytes + REQUEST_OVERHEAD;
        if let Writer::Transactional(id, _) = writer {
            request.transactional_id = Some(id.as_ref().into());
        }
        match writer {
            Writer::Transactional(_, Version::One) => {
                let request = UpTo::<ADDED_BEFORE_MAX, _>(request);
                connection.start_sized(&request, timeout, bytes).await?
            }
            Writer::Transactional(_, Version::Two) | Writer::Idempotent => {
                connection.start_sized(&request, timeout, bytes).await?
            }
        }
    };
    awaited.answer().await
}

fn request<'a>(cluster: &Cluster, cargo: &'a [Cargo], timeout: Duration) -> ProduceRequest<'a> {
    let metadata = cluster.metadata();
    let mut topics: Vec<TopicProduceData<'a>> = Vec::new();
    for Cargo {
        partition, batch, ..
    } in cargo
    {
        let data = PartitionProduceData {
            index: partition.partition.0,
            records: Some(batch.bytes.as_slice().into()),
        };
        match topics
            .iter_mut()
            .find(|topic| topic.name == *partition.topic)
        {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(TopicProduceData {
                name: partition.topic.as_ref().into(),
                topic_id: metadata
                    .topics
                    .get(&partition.topic)
                    .map(|topic| topic.id)
                    .unwrap_or_default(),
                partition_data: vec![data],
            }),
        }
    }
    ProduceRequest {
        transactional_id: None,
        acks: ACKS_ALL,
        timeout_ms: wire_millis(timeout),
        topic_data: topics,
    }
}

pub(super) async fn initialise(cluster: Cluster) -> Result<Identity, CallError> {
    let build = |_| InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    let read = |reply: &Reply, _| {
        let response: InitProducerIdResponse = reply.body()?;
        check(reply, response.error_code, None)?;
        Ok(Identity {
            id: response.producer_id,
            epoch: response.producer_epoch,
            scope: Scope::Batch,
        })
    };
    cluster
        .call("ask for a producer id", Target::Any, build, read)
        .await
}

/// What an answer says to one partition's batch.
pub(super) fn answer_for(
    cluster: &Cluster,
    response: &ProduceResponse<'_>,
    partition: &TopicPartition,
) -> Answer {
    let metadata = cluster.metadata();
    let id = metadata.topics.get(&partition.topic).map(|topic| topic.id);
    let is_it = |topic: &&TopicProduceResponse<'_>| {
        topic.name == *partition.topic || Some(topic.topic_id) == id
    };
    let topics = response.responses.iter().filter(is_it);
    let mut partitions = topics.flat_map(|topic| &topic.partition_responses);
    match partitions.find(|answer| answer.index == partition.partition.0) {
        None => Answer::Lost("the answer says nothing about the partition".to_owned()),
        Some(answer) => Answer::Code(
            ErrorCode(answer.error_code),
            Offset(answer.base_offset),
            answer.error_message.as_ref().map(ToString::to_string),
        ),
    }
}
