//! Fetch: batches from several partitions, waiting for more where there is too little.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::broker::api::Call;
use crate::broker::api::check_leader_epoch;
use crate::broker::api::text;
use crate::broker::fetch_session::Fetch;
use crate::broker::fetch_session::Follow;
use crate::broker::fetch_session::Place;
use crate::broker::fetch_session::Told;
use crate::broker::fetch_session::Want;
use crate::broker::log::FirstBatch;
use crate::broker::partition::Partition;
use crate::broker::producers::Aborted;
use crate::broker::state::State;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Blob;
use crate::protocol::message::Uuid;
use crate::protocol::message::fetch::AbortedTransaction;
use crate::protocol::message::fetch::FetchRequest;
use crate::protocol::message::fetch::FetchResponse;
use crate::protocol::message::fetch::FetchableTopicResponse;
use crate::protocol::message::fetch::PartitionData;
use crate::record::Offset;
use crate::record::PartitionId;

/// Most bytes of records in one answer, but for a first batch that is larger
/// (`fetch.max.bytes`).
const ANSWER_BYTES_MAX: usize = 55 << 20;
/// The longest wait that is granted.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// From this version on topics go by id (KIP-516).
const ID_VERSION_MIN: i16 = 13;
/// `isolation_level` of a reader of committed data.
const READ_COMMITTED: i8 = 1;

/// Which records a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Isolation {
    Uncommitted,
    Committed,
}

/// What one partition has for the reader.
#[derive(Debug)]
struct Part {
    place: Place,
    is_news: bool,
    told: Option<Told>,
    error: ErrorCode,
    batches: Vec<Bytes>,
    aborted: Option<Vec<Aborted>>,
}

pub(super) async fn answer(call: &Call<'_>, request: FetchRequest<'_>) -> FetchResponse<'static> {
    let fetch = {
        let (wants, forgotten) = (wants(&request), forgotten(&request));
        let sessions = &mut call.shared.state().sessions;
        sessions.apply(request.session_id, request.session_epoch, wants, &forgotten)
    };
    let fetch = match fetch {
        Ok(fetch) => fetch,
        Err(error) => {
            return FetchResponse {
                error_code: error.0,
                ..Default::default()
            };
        }
    };
    let parts = gather(call, &request, &fetch).await;
    response(call, &fetch, parts)
}

fn wants(request: &FetchRequest<'_>) -> Vec<(Place, Want)> {
    let topics = request.topics.iter();
    let partitions = topics.flat_map(|topic| {
        let place = move |partition| place(&topic.topic, topic.topic_id, partition);
        topic.partitions.iter().map(move |wanted| {
            let want = Want {
                offset: Offset(wanted.fetch_offset),
                bytes_max: wanted.partition_max_bytes,
                leader_epoch: wanted.current_leader_epoch,
                last_fetched_epoch: wanted.last_fetched_epoch,
            };
            (place(wanted.partition), want)
        })
    });
    partitions.collect()
}

fn forgotten(request: &FetchRequest<'_>) -> Vec<Place> {
    let topics = request.forgotten_topics_data.iter();
    let places = topics.flat_map(|topic| {
        let place = move |&partition| place(&topic.topic, topic.topic_id, partition);
        topic.partitions.iter().map(place)
    });
    places.collect()
}

fn place(topic: &str, topic_id: Uuid, partition: i32) -> Place {
    Place {
        topic: topic.to_owned(),
        topic_id,
        partition: PartitionId(partition),
    }
}

/// Reads until there are `min_bytes`, an error, or no time left.
async fn gather(call: &Call<'_>, request: &FetchRequest<'_>, fetch: &Fetch) -> Vec<Part> {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + wait.min(WAIT_MAX);
    let bytes_max = bytes_max(request.max_bytes).min(ANSWER_BYTES_MAX);
    let bytes_min = usize::try_from(request.min_bytes)
        .unwrap_or(0)
        .min(bytes_max);
    let isolation = if request.isolation_level == READ_COMMITTED {
        Isolation::Committed
    } else {
        Isolation::Uncommitted
    };
    let waiter = Arc::new(Notify::new());
    loop {
        {
            let mut state = call.shared.state();
            let parts = read_all(call, &mut state, fetch, bytes_max, isolation);
            if is_enough(&parts, bytes_min) || Instant::now() >= deadline {
                return parts;
            }
            for (place, _) in &fetch.partitions {
                if let Some(partition) = partition_mut(call, &mut state, place) {
                    partition.wait(&waiter);
                }
            }
        }
        // At the deadline the loop reads once more, and returns.
        let _is_late = timeout_at(deadline, waiter.notified()).await;
    }
}

/// An error, or nothing to wait for, is enough.
fn is_enough(parts: &[Part], bytes_min: usize) -> bool {
    let batches = parts.iter().flat_map(|part| &part.batches);
    let bytes: usize = batches.map(Bytes::len).sum();
    bytes >= bytes_min || parts.is_empty() || parts.iter().any(|part| part.error != ErrorCode::NONE)
}

fn bytes_max(said: i32) -> usize {
    usize::try_from(said).unwrap_or(0)
}

fn read_all(
    call: &Call<'_>,
    state: &mut State,
    fetch: &Fetch,
    bytes_max: usize,
    isolation: Isolation,
) -> Vec<Part> {
    let mut left = bytes_max;
    let mut first = FirstBatch::Always;
    let mut parts = Vec::with_capacity(fetch.partitions.len());
    for (place, follow) in &fetch.partitions {
        let part = match partition_mut(call, state, place) {
            None => Err(unknown(call)),
            Some(partition) => read(partition, place, follow, left, first, isolation),
        };
        let part = part.unwrap_or_else(|error| Part {
            place: place.clone(),
            is_news: true,
            told: None,
            error,
            batches: Vec::new(),
            aborted: None,
        });
        let bytes: usize = part.batches.iter().map(Bytes::len).sum();
        if bytes > 0 {
            first = FirstBatch::WithinBound;
            left = left.saturating_sub(bytes);
        }
        parts.push(part);
    }
    parts
}

fn unknown(call: &Call<'_>) -> ErrorCode {
    if call.version >= ID_VERSION_MIN {
        ErrorCode::UNKNOWN_TOPIC_ID
    } else {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    }
}

fn partition_mut<'s>(
    call: &Call<'_>,
    state: &'s mut State,
    place: &Place,
) -> Option<&'s mut Partition> {
    let name = if call.version >= ID_VERSION_MIN {
        state.topics.name_of(place.topic_id)?.to_string()
    } else {
        place.topic.clone()
    };
    let (partition, _) = state.topics.partition_mut(&name, place.partition)?;
    Some(partition)
}

fn read(
    partition: &Partition,
    place: &Place,
    follow: &Follow,
    left: usize,
    first: FirstBatch,
    isolation: Isolation,
) -> Result<Part, ErrorCode> {
    let want = &follow.want;
    check_leader_epoch(want.leader_epoch, partition.leader_epoch.0)?;
    let (start, end) = (partition.log.start(), partition.log.end());
    if want.offset < start || want.offset > end {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let stable = partition.last_stable_offset();
    let below = match isolation {
        Isolation::Uncommitted => end,
        Isolation::Committed => stable,
    };
    let bytes_max = bytes_max(want.bytes_max).min(left);
    let batches = partition
        .read(want.offset, below, bytes_max, first)
        .map_err(|error| {
            tracing::error!(topic = %place.topic, partition = %place.partition, %error, "read failed");
            ErrorCode::KAFKA_STORAGE_ERROR
        })?;
    let to = batches
        .last()
        .map_or(want.offset, |batch| next_offset(batch));
    let aborted = match isolation {
        Isolation::Uncommitted => None,
        Isolation::Committed => Some(partition.aborted_in(want.offset, to).collect()),
    };
    let told = Told {
        high_watermark: end.0,
        last_stable_offset: stable.0,
        log_start: start.0,
    };
    Ok(Part {
        place: place.clone(),
        is_news: !batches.is_empty() || follow.told != Some(told),
        told: Some(told),
        error: ErrorCode::NONE,
        batches,
        aborted,
    })
}

/// The offset after the last of the batches that stand end to end in `batches`.
fn next_offset(batches: &[u8]) -> Offset {
    let mut next = Offset(0);
    let mut rest = batches;
    while let Some(header) = BatchHeader::parse(rest) {
        next = header.next_offset();
        let length = usize::try_from(header.batch_length).unwrap_or(0);
        rest = rest.get(length.saturating_add(12)..).unwrap_or_default();
    }
    next
}

fn response(call: &Call<'_>, fetch: &Fetch, parts: Vec<Part>) -> FetchResponse<'static> {
    let mut topics: BTreeMap<(String, Uuid), Vec<PartitionData<'static>>> = BTreeMap::new();
    {
        let sessions = &mut call.shared.state().sessions;
        for part in &parts {
            sessions.tell(fetch.session_id, &part.place, part.told);
        }
    }
    for part in parts {
        if part.is_news || !fetch.is_incremental {
            let topic = (part.place.topic.clone(), part.place.topic_id);
            topics.entry(topic).or_default().push(partition_data(part));
        }
    }
    let responses =
        topics
            .into_iter()
            .map(|((topic, topic_id), partitions)| FetchableTopicResponse {
                topic: text(topic),
                topic_id,
                partitions,
            });
    FetchResponse {
        session_id: fetch.session_id,
        responses: responses.collect(),
        ..Default::default()
    }
}

fn partition_data(part: Part) -> PartitionData<'static> {
    let told = part.told.unwrap_or(Told {
        high_watermark: -1,
        last_stable_offset: -1,
        log_start: -1,
    });
    let transaction = |aborted: Aborted| AbortedTransaction {
        producer_id: aborted.producer_id,
        first_offset: aborted.first_offset.0,
    };
    PartitionData {
        partition_index: part.place.partition.0,
        error_code: part.error.0,
        high_watermark: told.high_watermark,
        last_stable_offset: told.last_stable_offset,
        log_start_offset: told.log_start,
        aborted_transactions: part
            .aborted
            .map(|aborted| aborted.into_iter().map(transaction).collect()),
        records: Some(Blob::Owned(part.batches.concat())),
        ..Default::default()
    }
}
