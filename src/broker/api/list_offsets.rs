//! ListOffsets: the ends of logs, and offsets by time.

use bytes::Bytes;

use crate::broker::api::Call;
use crate::broker::api::check_leader_epoch;
use crate::broker::api::text;
use crate::broker::log::Log;
use crate::broker::log::LogError;
use crate::broker::partition::Partition;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::list_offsets::ListOffsetsPartition;
use crate::protocol::message::list_offsets::ListOffsetsPartitionResponse;
use crate::protocol::message::list_offsets::ListOffsetsRequest;
use crate::protocol::message::list_offsets::ListOffsetsResponse;
use crate::protocol::message::list_offsets::ListOffsetsTopicResponse;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Timestamp;

/// The log's end, or the last stable offset for readers of committed data.
const LATEST: i64 = -1;
/// The log's start.
const EARLIEST: i64 = -2;
/// The record with the largest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The start of what is on the broker's own disks (KIP-405): the log's start here.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage (KIP-1005): none here.
const LATEST_TIERED: i64 = -5;
/// `isolation_level` of a reader of committed data.
const READ_COMMITTED: i8 = 1;

/// What was found: an offset, and the timestamp of its record where one was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    offset: i64,
    timestamp: i64,
}

const NOTHING: Found = Found {
    offset: -1,
    timestamp: -1,
};

pub(super) fn answer(
    call: &Call<'_>,
    request: ListOffsetsRequest<'_>,
) -> ListOffsetsResponse<'static> {
    let isolation = request.isolation_level;
    let topics = request.topics.iter().map(|topic| ListOffsetsTopicResponse {
        name: text(topic.name.as_ref()),
        partitions: topic
            .partitions
            .iter()
            .map(|wanted| one(call, &topic.name, wanted, isolation))
            .collect(),
    });
    ListOffsetsResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn one(
    call: &Call<'_>,
    topic: &str,
    wanted: &ListOffsetsPartition,
    isolation: i8,
) -> ListOffsetsPartitionResponse {
    let mut answer = ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        ..Default::default()
    };
    let mut state = call.shared.state();
    let partition = PartitionId(wanted.partition_index);
    let Some((partition, _)) = state.topics.partition_mut(topic, partition) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
        return answer;
    };
    let found = check_leader_epoch(wanted.current_leader_epoch, partition.leader_epoch.0)
        .and_then(|()| find(call, partition, wanted.timestamp, isolation));
    match found {
        Err(error) => answer.error_code = error.0,
        Ok(found) => {
            answer.offset = found.offset;
            answer.timestamp = found.timestamp;
            if call.version >= 4 && found.offset >= 0 {
                answer.leader_epoch = partition.leader_epoch.0;
            }
        }
    }
    answer
}

fn find(
    call: &Call<'_>,
    partition: &Partition,
    timestamp: i64,
    isolation: i8,
) -> Result<Found, ErrorCode> {
    let at = |offset: Offset| Found {
        offset: offset.0,
        timestamp: -1,
    };
    let log = &partition.log;
    let time = match timestamp {
        LATEST if isolation == READ_COMMITTED => return Ok(at(partition.last_stable_offset())),
        LATEST => return Ok(at(log.end())),
        EARLIEST | EARLIEST_LOCAL => return Ok(at(log.start())),
        LATEST_TIERED => return Ok(NOTHING),
        MAX_TIMESTAMP => match log.max_timestamp() {
            Some(time) => time,
            None => return Ok(NOTHING),
        },
        time => Timestamp(time),
    };
    let found = call
        .shared
        .with_decompressor(|decompressor| at_time(log, time, decompressor));
    let found = found.map_err(|error| {
        tracing::error!(%error, "read failed");
        ErrorCode::KAFKA_STORAGE_ERROR
    })?;
    Ok(found.unwrap_or(NOTHING))
}

/// The first record whose timestamp is at or above `time`. A batch that promises one may have it
/// below the log's start only; then it is looked for in those behind.
fn at_time(
    log: &Log,
    time: Timestamp,
    decompressor: &mut Decompressor,
) -> Result<Option<Found>, LogError> {
    let mut from = log.start();
    while let Some(batch) = log.batch_at_time(time, from)? {
        let found = first_record(&batch, time, log.start(), decompressor);
        let next = BatchHeader::parse(&batch).map(|header| header.next_offset());
        match next.filter(|next| found.is_none() && *next > from) {
            Some(next) => from = next,
            None => return Ok(found),
        }
    }
    Ok(None)
}

/// The first record of `batch` at or above `start` whose timestamp is at or above `time`.
fn first_record(
    batch: &Bytes,
    time: Timestamp,
    start: Offset,
    decompressor: &mut Decompressor,
) -> Option<Found> {
    let batch = Batches::new(batch).next()?.ok()?;
    let mut records = batch.records(decompressor).ok()?.flatten();
    let record = records.find(|record| record.timestamp >= time && record.offset >= start)?;
    Some(Found {
        offset: record.offset.0,
        timestamp: record.timestamp.0,
    })
}
