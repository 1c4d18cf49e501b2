//! Produce: batches are checked, given offsets and appended.

use crate::broker::acceptance::Acceptance;
use crate::broker::acceptance::Refusal;
use crate::broker::api::Answer;
use crate::broker::api::Call;
use crate::broker::api::RequestError;
use crate::broker::api::text;
use crate::broker::partition::Appended;
use crate::broker::producers::Verdict;
use crate::broker::state::State;
use crate::broker::transactions::ProducerRef;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Message;
use crate::protocol::message::Uuid;
use crate::protocol::message::produce::PartitionProduceData;
use crate::protocol::message::produce::PartitionProduceResponse;
use crate::protocol::message::produce::ProduceRequest;
use crate::protocol::message::produce::ProduceResponse;
use crate::protocol::message::produce::TopicProduceData;
use crate::protocol::message::produce::TopicProduceResponse;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::TopicPartition;

/// From this version on batches may be compressed with zstd (KIP-110).
const ZSTD_VERSION_MIN: i16 = 7;
/// From this version on topics go by id (KIP-516).
const ID_VERSION_MIN: i16 = 13;

/// What is told of one partition.
#[derive(Debug)]
struct Done {
    appended: Appended,
    log_start: Offset,
}

/// Serves the request: with acks 0 there is no answer, and an error closes the connection, which
/// is all that tells the client.
pub(super) fn serve(
    call: &Call<'_>,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Answer, RequestError> {
    let request = ProduceRequest::read_exact(body, call.version)?;
    let acks = request.acks;
    let response = answer(call, &request);
    if acks != 0 {
        return call.write(&response, out);
    }
    let is_refused = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partition_responses)
        .any(|partition| partition.error_code != ErrorCode::NONE.0);
    Ok(if is_refused {
        Answer::Close
    } else {
        Answer::Silence
    })
}

fn answer(call: &Call<'_>, request: &ProduceRequest<'_>) -> ProduceResponse<'static> {
    let is_acks_known = matches!(request.acks, -1..=1);
    let topic = |topic: &TopicProduceData<'_>| TopicProduceResponse {
        name: text(topic.name.as_ref()),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|data| {
                let done = if is_acks_known {
                    append(call, topic, data, request.transactional_id.as_deref())
                } else {
                    Err(refusal(ErrorCode::INVALID_REQUIRED_ACKS))
                };
                told(data.index, done)
            })
            .collect(),
    };
    ProduceResponse {
        responses: request.topic_data.iter().map(topic).collect(),
        ..Default::default()
    }
}

fn append(
    call: &Call<'_>,
    topic: &TopicProduceData<'_>,
    data: &PartitionProduceData<'_>,
    transactional_id: Option<&str>,
) -> Result<Done, Refusal> {
    let records = data.records.as_deref().unwrap_or_default();
    let now = call.shared.now();
    let (name, acceptance) = acceptance(call, topic, data.index)?;
    // The costly part, decompression and checksum, is done while others use the state.
    let header = call
        .shared
        .with_decompressor(|decompressor| acceptance.check(records, decompressor, now))?;
    let place = TopicPartition::new(name, data.index);
    let mut state = call.shared.state();
    if header.is_transactional() {
        let producer = ProducerRef {
            id: header.producer_id,
            epoch: header.producer_epoch,
        };
        let id = transactional_id.unwrap_or_default();
        state
            .transactions
            .check_write(id, producer, &place)
            .map_err(|error| refusal(call.fenced(error, i16::MAX)))?;
    }
    append_checked(call, &mut state, &place, &header, records)
}

/// The topic's name and what it asks of batches.
fn acceptance(
    call: &Call<'_>,
    topic: &TopicProduceData<'_>,
    partition: i32,
) -> Result<(String, Acceptance), Refusal> {
    let state = call.shared.state();
    let name = if call.version >= ID_VERSION_MIN {
        name_of(&state, topic.topic_id)?
    } else {
        topic.name.to_string()
    };
    let known = state
        .topics
        .named(&name)
        .filter(|topic| topic.partition(PartitionId(partition)).is_some())
        .ok_or_else(|| refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let acceptance = Acceptance {
        knows_zstd: call.version >= ZSTD_VERSION_MIN,
        ..Acceptance::of(&known.settings)
    };
    Ok((name, acceptance))
}

fn name_of(state: &State, id: Uuid) -> Result<String, Refusal> {
    let name = state.topics.name_of(id);
    name.map(ToString::to_string)
        .ok_or_else(|| refusal(ErrorCode::UNKNOWN_TOPIC_ID))
}

fn append_checked(
    call: &Call<'_>,
    state: &mut State,
    place: &TopicPartition,
    header: &BatchHeader,
    records: &[u8],
) -> Result<Done, Refusal> {
    let (partition, settings) = state
        .topics
        .partition_mut(&place.topic, place.partition)
        .ok_or_else(|| refusal(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION))?;
    let appended = match partition.producers.check(header).map_err(refusal)? {
        Verdict::Duplicate(base_offset) => Appended {
            base_offset,
            append_time: None,
        },
        Verdict::Append => partition
            .append(records.to_vec(), settings, call.shared.now())
            .map_err(|error| {
                tracing::error!(partition = %place, %error, "append failed");
                refusal(ErrorCode::KAFKA_STORAGE_ERROR)
            })?,
    };
    Ok(Done {
        appended,
        log_start: partition.log.start(),
    })
}

fn refusal(error: ErrorCode) -> Refusal {
    Refusal {
        error,
        message: error.name().to_owned(),
    }
}

fn told(index: i32, done: Result<Done, Refusal>) -> PartitionProduceResponse<'static> {
    match done {
        Ok(done) => PartitionProduceResponse {
            index,
            base_offset: done.appended.base_offset.0,
            log_append_time_ms: done.appended.append_time.map_or(-1, |time| time.0),
            log_start_offset: done.log_start.0,
            ..Default::default()
        },
        Err(refusal) => PartitionProduceResponse {
            index,
            error_code: refusal.error.0,
            base_offset: -1,
            error_message: Some(text(refusal.message)),
            ..Default::default()
        },
    }
}
