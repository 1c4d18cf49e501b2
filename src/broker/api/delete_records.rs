//! DeleteRecords: the log's start moves up.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::state::State;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_records::DeleteRecordsPartition;
use crate::protocol::message::delete_records::DeleteRecordsPartitionResult;
use crate::protocol::message::delete_records::DeleteRecordsRequest;
use crate::protocol::message::delete_records::DeleteRecordsResponse;
use crate::protocol::message::delete_records::DeleteRecordsTopicResult;
use crate::record::Offset;
use crate::record::PartitionId;

/// Stands for the log's end.
const TO_END: i64 = -1;

pub(super) fn answer(
    call: &Call<'_>,
    request: DeleteRecordsRequest<'_>,
) -> DeleteRecordsResponse<'static> {
    let mut state = call.shared.state();
    let topics = request.topics.iter().map(|topic| DeleteRecordsTopicResult {
        name: text(topic.name.as_ref()),
        partitions: topic
            .partitions
            .iter()
            .map(|wanted| one(&mut state, &topic.name, wanted))
            .collect(),
    });
    DeleteRecordsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn one(
    state: &mut State,
    topic: &str,
    wanted: &DeleteRecordsPartition,
) -> DeleteRecordsPartitionResult {
    let outcome = delete(state, topic, wanted);
    DeleteRecordsPartitionResult {
        partition_index: wanted.partition_index,
        low_watermark: outcome.map_or(-1, |start| start.0),
        error_code: outcome.err().unwrap_or(ErrorCode::NONE).0,
    }
}

fn delete(
    state: &mut State,
    topic: &str,
    wanted: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let (partition, settings) = state
        .topics
        .partition_mut(topic, PartitionId(wanted.partition_index))
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if !settings.is_deleted() {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let end = partition.log.end();
    let below = match wanted.offset {
        TO_END => end,
        offset => Offset(offset),
    };
    if below.0 < 0 || below > end {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    partition.delete_below(below).map_err(|error| {
        tracing::error!(topic, %error, "delete records");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    Ok(partition.log.start())
}
