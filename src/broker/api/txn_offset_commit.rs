//! TxnOffsetCommit: offsets that count once their transaction is committed.

use crate::broker::api::Call;
use crate::broker::api::offset_commit::known;
use crate::broker::api::offset_commit::note;
use crate::broker::api::text;
use crate::broker::groups::CommittedOffset;
use crate::broker::offsets_topic::Change;
use crate::broker::state::State;
use crate::broker::transactions::ProducerRef;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitRequest;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitRequestPartition;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitResponse;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitResponsePartition;
use crate::protocol::message::txn_offset_commit::TxnOffsetCommitResponseTopic;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// From this version on a fenced producer is told so (KIP-588).
const FENCED_VERSION_MIN: i16 = 3;

pub(super) fn answer(
    call: &Call<'_>,
    request: TxnOffsetCommitRequest<'_>,
) -> TxnOffsetCommitResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let checked = check_member(&mut state, &request, now);
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for wanted in &topic.partitions {
            let outcome = checked
                .and_then(|()| change(&state, &topic.name, wanted, now))
                .and_then(|change| add(&mut state, &request, change, now));
            partitions.push(TxnOffsetCommitResponsePartition {
                partition_index: wanted.partition_index,
                error_code: outcome
                    .err()
                    .map_or(ErrorCode::NONE, |error| {
                        call.fenced(error, FENCED_VERSION_MIN)
                    })
                    .0,
            });
        }
        topics.push(TxnOffsetCommitResponseTopic {
            name: text(topic.name.as_ref()),
            partitions,
        });
    }
    TxnOffsetCommitResponse {
        topics,
        ..Default::default()
    }
}

/// From v3 on the member says who it is (KIP-447); before, and where it says nothing, the
/// transactional id alone fences.
fn check_member(
    state: &mut State,
    request: &TxnOffsetCommitRequest<'_>,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    if request.generation_id < 0 && request.member_id.is_empty() {
        return Ok(());
    }
    state.coordinator.check_commit(
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
        now,
    )
}

fn change(
    state: &State,
    topic: &str,
    wanted: &TxnOffsetCommitRequestPartition<'_>,
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

fn add(
    state: &mut State,
    request: &TxnOffsetCommitRequest<'_>,
    (partition, committed): Change,
    now: Timestamp,
) -> Result<(), ErrorCode> {
    let producer = ProducerRef {
        id: request.producer_id,
        epoch: request.producer_epoch,
    };
    let id = &request.transactional_id;
    let open = state.transactions.open(id, producer, now)?;
    let offsets = open.offsets.entry(request.group_id.to_string());
    offsets
        .or_default()
        .extend(committed.map(|committed| (partition, committed)));
    Ok(())
}
