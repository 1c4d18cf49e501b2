//! OffsetForLeaderEpoch: where a leadership ended (KIP-320).

use crate::broker::api::Call;
use crate::broker::api::check_leader_epoch;
use crate::broker::api::text;
use crate::broker::state::State;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_for_leader_epoch::EpochEndOffset;
use crate::protocol::message::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use crate::protocol::message::offset_for_leader_epoch::OffsetForLeaderEpochResponse;
use crate::protocol::message::offset_for_leader_epoch::OffsetForLeaderPartition;
use crate::protocol::message::offset_for_leader_epoch::OffsetForLeaderTopicResult;
use crate::record::PartitionId;

pub(super) fn answer(
    call: &Call<'_>,
    request: OffsetForLeaderEpochRequest<'_>,
) -> OffsetForLeaderEpochResponse<'static> {
    let mut state = call.shared.state();
    let topics = request
        .topics
        .iter()
        .map(|topic| OffsetForLeaderTopicResult {
            topic: text(topic.topic.as_ref()),
            partitions: topic
                .partitions
                .iter()
                .map(|wanted| one(&mut state, &topic.topic, wanted))
                .collect(),
        });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..Default::default()
    }
}

fn one(state: &mut State, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let mut answer = EpochEndOffset {
        partition: wanted.partition,
        ..Default::default()
    };
    let partition = PartitionId(wanted.partition);
    let Some((partition, _)) = state.topics.partition_mut(topic, partition) else {
        answer.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0;
        return answer;
    };
    let epoch = partition.leader_epoch.0;
    match check_leader_epoch(wanted.current_leader_epoch, epoch) {
        Err(error) => answer.error_code = error.0,
        // There has been one leadership only; an epoch of the future has no end.
        Ok(()) if wanted.leader_epoch == epoch => {
            answer.leader_epoch = epoch;
            answer.end_offset = partition.log.end().0;
        }
        Ok(()) => {}
    }
    answer
}
