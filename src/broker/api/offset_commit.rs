//! OffsetCommit.

use crate::broker::api::Call;
use crate::broker::api::code_of;
use crate::broker::api::text;
use crate::broker::groups::CommittedOffset;
use crate::broker::offsets_topic;
use crate::broker::offsets_topic::Change;
use crate::broker::state::State;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_commit::OffsetCommitRequest;
use crate::protocol::message::offset_commit::OffsetCommitRequestPartition;
use crate::protocol::message::offset_commit::OffsetCommitResponse;
use crate::protocol::message::offset_commit::OffsetCommitResponsePartition;
use crate::protocol::message::offset_commit::OffsetCommitResponseTopic;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// Longest note that a client may leave with an offset (`offset.metadata.max.bytes`).
const METADATA_BYTES_MAX: usize = 4_096;

pub(super) fn answer(
    call: &Call<'_>,
    request: OffsetCommitRequest<'_>,
) -> OffsetCommitResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let mut all = state.coordinator.check_commit(
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id_or_member_epoch,
        now,
    );
    let mut changes = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for wanted in &topic.partitions {
            let outcome = all.and_then(|()| change(&state, &topic.name, wanted, now));
            partitions.push(OffsetCommitResponsePartition {
                partition_index: wanted.partition_index,
                error_code: code_of(outcome.as_ref().map(|_| ()).map_err(|error| *error)),
            });
            changes.extend(outcome.ok());
        }
        topics.push(OffsetCommitResponseTopic {
            name: text(topic.name.as_ref()),
            partitions,
        });
    }
    if all.is_ok() {
        all = offsets_topic::commit(&mut state, &request.group_id, changes, now);
    }
    if let Err(error) = all {
        let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
        partitions.for_each(|partition| partition.error_code = error.0);
    }
    OffsetCommitResponse {
        topics,
        ..Default::default()
    }
}

fn change(
    state: &State,
    topic: &str,
    wanted: &OffsetCommitRequestPartition<'_>,
    now: Timestamp,
) -> Result<Change, ErrorCode> {
    let committed = CommittedOffset {
        offset: Offset(wanted.committed_offset),
        leader_epoch: LeaderEpoch(wanted.committed_leader_epoch),
        metadata: note(wanted.committed_metadata.as_deref())?,
        committed_at: now,
    };
    let partition = TopicPartition::new(topic, wanted.partition_index);
    Ok((known(state, partition)?, Some(committed)))
}

/// A client's note, which must not be too long.
pub(super) fn note(said: Option<&str>) -> Result<String, ErrorCode> {
    let said = said.unwrap_or_default();
    if said.len() > METADATA_BYTES_MAX {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    Ok(said.to_owned())
}

/// Offsets are committed only for partitions that there are.
pub(super) fn known(state: &State, partition: TopicPartition) -> Result<TopicPartition, ErrorCode> {
    let topic = state.topics.named(&partition.topic);
    topic
        .and_then(|topic| topic.partition(partition.partition))
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    Ok(partition)
}
