//! AddPartitionsToTxn: a transaction is about to write to partitions.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::state::State;
use crate::broker::transactions::ProducerRef;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnPartitionResult;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnRequest;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnResponse;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnTopic;
use crate::protocol::message::add_partitions_to_txn::AddPartitionsToTxnTopicResult;
use crate::record::PartitionId;
use crate::record::TopicPartition;

/// From this version on a fenced producer is told so (KIP-588).
const FENCED_VERSION_MIN: i16 = 2;

pub(super) fn answer(
    call: &Call<'_>,
    request: AddPartitionsToTxnRequest<'_>,
) -> AddPartitionsToTxnResponse<'static> {
    let mut state = call.shared.state();
    let topics = &request.v3_and_below_topics;
    let producer = ProducerRef {
        id: request.v3_and_below_producer_id,
        epoch: request.v3_and_below_producer_epoch,
    };
    let are_known = topics.iter().all(|topic| {
        let indexes = topic.partitions.iter();
        indexes
            .copied()
            .all(|index| is_known(&state, &topic.name, index))
    });
    let outcome = if are_known {
        let id = &request.v3_and_below_transactional_id;
        let open = state.transactions.open(id, producer, call.shared.now());
        open.map(|open| open.partitions.extend(places(topics)))
    } else {
        // All or nothing: those that are known are not added either.
        Err(ErrorCode::OPERATION_NOT_ATTEMPTED)
    };
    let result = |topic: &AddPartitionsToTxnTopic<'_>| {
        let indexes = topic.partitions.iter();
        let results = indexes.map(|&index| AddPartitionsToTxnPartitionResult {
            partition_index: index,
            partition_error_code: if is_known(&state, &topic.name, index) {
                outcome
                    .err()
                    .map_or(ErrorCode::NONE, |error| {
                        call.fenced(error, FENCED_VERSION_MIN)
                    })
                    .0
            } else {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.0
            },
        });
        AddPartitionsToTxnTopicResult {
            name: text(topic.name.as_ref()),
            results_by_partition: results.collect(),
        }
    };
    let results = topics.iter().map(result).collect();
    drop(state);
    call.shared.deadlines_changed.notify_one();
    AddPartitionsToTxnResponse {
        results_by_topic_v3_and_below: results,
        ..Default::default()
    }
}

fn is_known(state: &State, topic: &str, index: i32) -> bool {
    let topic = state.topics.named(topic);
    topic.is_some_and(|topic| topic.partition(PartitionId(index)).is_some())
}

fn places(topics: &[AddPartitionsToTxnTopic<'_>]) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|topic| {
        let indexes = topic.partitions.iter();
        indexes.map(|&index| TopicPartition::new(topic.name.as_ref(), index))
    })
}
