//! Produce requests and their answers.

use std::borrow::Cow;
use std::time::Duration;

use crate::client::connection::Reply;
use crate::client::connection::RequestError;
use crate::client::metadata::Metadata;
use crate::client::producer::sender::Manifest;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::produce::PartitionProduceData;
use crate::protocol::message::produce::PartitionProduceResponse;
use crate::protocol::message::produce::ProduceRequest;
use crate::protocol::message::produce::ProduceResponse;
use crate::protocol::message::produce::TopicProduceData;
use crate::record::Offset;
use crate::record::TopicPartition;

/// All in-sync replicas: the only setting under which an idempotent producer keeps its word.
const ACKS_ALL: i16 = -1;

/// One request for these batches, which are in the order of their topics.
pub(super) fn of<'a>(
    batches: impl Iterator<Item = (&'a TopicPartition, &'a [u8])>,
    metadata: &Metadata,
    within: Duration,
) -> ProduceRequest<'a> {
    let mut topic_data: Vec<TopicProduceData<'a>> = Vec::new();
    for (partition, bytes) in batches {
        let data = PartitionProduceData {
            index: partition.partition.0,
            records: Some(Cow::Borrowed(bytes)),
        };
        match topic_data
            .last_mut()
            .filter(|topic| topic.name == *partition.topic)
        {
            Some(topic) => topic.partition_data.push(data),
            None => topic_data.push(TopicProduceData {
                name: Cow::Borrowed(&partition.topic),
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
        timeout_ms: i32::try_from(within.as_millis()).unwrap_or(i32::MAX),
        topic_data,
    }
}

/// What a broker says of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: ErrorCode,
    pub(super) offset: Offset,
    pub(super) message: Option<String>,
}

/// What a broker says of one request.
#[derive(Debug)]
pub(super) struct Answers {
    /// One for each batch of the manifest, in its order.
    pub(super) each: Vec<Answer>,
    /// How long it wants to be left alone.
    pub(super) throttle: Duration,
}

/// Reads the answer to the request with this manifest. A batch that it says nothing of counts as
/// not known to be written, and goes again.
pub(super) fn answers(
    reply: &Reply,
    manifest: &Manifest,
    metadata: &Metadata,
) -> Result<Answers, RequestError> {
    let response: ProduceResponse<'_> = reply.body()?;
    let each = manifest.iter().map(|(partition, _)| {
        let id = metadata
            .topics
            .get(&partition.topic)
            .map(|topic| topic.id)
            .unwrap_or_default();
        let topics = response.responses.iter();
        let topics = topics.filter(|topic| {
            topic.name == *partition.topic || (topic.name.is_empty() && topic.topic_id == id)
        });
        let partitions = topics.flat_map(|topic| &topic.partition_responses);
        partitions
            .clone()
            .find(|answer| answer.index == partition.partition.0)
            .map_or_else(unsaid, said)
    });
    let throttle = Duration::from_millis(response.throttle_time_ms.max(0).unsigned_abs().into());
    Ok(Answers {
        each: each.collect(),
        throttle,
    })
}

fn said(answer: &PartitionProduceResponse<'_>) -> Answer {
    let each = answer
        .record_errors
        .first()
        .and_then(|error| error.batch_index_error_message.as_ref());
    let message = answer.error_message.as_ref().or(each);
    Answer {
        code: ErrorCode(answer.error_code),
        offset: Offset(answer.base_offset),
        message: message.map(|text| text.clone().into_owned()),
    }
}

const fn unsaid() -> Answer {
    Answer {
        code: ErrorCode::REQUEST_TIMED_OUT,
        offset: Offset(-1),
        message: None,
    }
}
