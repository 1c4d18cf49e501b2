//! OffsetFetch: of one group, or of several since v8.

use std::collections::BTreeMap;

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::groups::CommittedOffset;
use crate::broker::state::State;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::offset_fetch::OffsetFetchRequest;
use crate::protocol::message::offset_fetch::OffsetFetchResponse;
use crate::protocol::message::offset_fetch::OffsetFetchResponseGroup;
use crate::protocol::message::offset_fetch::OffsetFetchResponsePartition;
use crate::protocol::message::offset_fetch::OffsetFetchResponsePartitions;
use crate::protocol::message::offset_fetch::OffsetFetchResponseTopic;
use crate::protocol::message::offset_fetch::OffsetFetchResponseTopics;
use crate::record::TopicPartition;

/// From this version on several groups are asked for at a time (KIP-709).
const BATCH_VERSION_MIN: i16 = 8;

/// Whether an offset that an open transaction may still change is told (KIP-447).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stability {
    Required,
    Any,
}

/// The partitions asked for by topic; `None` for all that have an offset.
type Wanted<'a> = Option<Vec<(&'a str, &'a [i32])>>;

/// What is told of one partition.
type Told = OffsetFetchResponsePartitions<'static>;

pub(super) fn answer(
    call: &Call<'_>,
    request: OffsetFetchRequest<'_>,
) -> OffsetFetchResponse<'static> {
    let state = call.shared.state();
    let stability = if request.require_stable {
        Stability::Required
    } else {
        Stability::Any
    };
    if call.version < BATCH_VERSION_MIN {
        let wanted: Wanted<'_> = request.topics.as_ref().map(|topics| {
            let topics = topics.iter();
            topics
                .map(|topic| (topic.name.as_ref(), topic.partition_indexes.as_slice()))
                .collect()
        });
        let topics = of_group(&state, &request.group_id, wanted, stability);
        return OffsetFetchResponse {
            topics: topics.into_iter().map(in_old_form).collect(),
            ..Default::default()
        };
    }
    let groups = request.groups.iter().map(|group| {
        let wanted: Wanted<'_> = group.topics.as_ref().map(|topics| {
            let topics = topics.iter();
            topics
                .map(|topic| (topic.name.as_ref(), topic.partition_indexes.as_slice()))
                .collect()
        });
        let topics = of_group(&state, &group.group_id, wanted, stability);
        OffsetFetchResponseGroup {
            group_id: text(group.group_id.as_ref()),
            topics: topics
                .into_iter()
                .map(|(name, partitions)| OffsetFetchResponseTopics {
                    name: text(name),
                    partitions,
                })
                .collect(),
            error_code: ErrorCode::NONE.0,
        }
    });
    OffsetFetchResponse {
        groups: groups.collect(),
        ..Default::default()
    }
}

fn of_group(
    state: &State,
    group: &str,
    wanted: Wanted<'_>,
    stability: Stability,
) -> Vec<(String, Vec<Told>)> {
    let mut topics = committed(state, group, wanted);
    if stability == Stability::Required {
        for (topic, partitions) in &mut topics {
            for told in partitions {
                let partition = TopicPartition::new(topic.as_str(), told.partition_index);
                if state.transactions.is_pending(group, &partition) {
                    *told = nothing(told.partition_index);
                    told.error_code = ErrorCode::UNSTABLE_OFFSET_COMMIT.0;
                }
            }
        }
    }
    topics
}

fn committed(state: &State, group: &str, wanted: Wanted<'_>) -> Vec<(String, Vec<Told>)> {
    let known = state.coordinator.groups.get(group);
    if let Some(wanted) = wanted {
        let told = |topic: &str, index: i32| {
            let partition = TopicPartition::new(topic, index);
            let committed = known.and_then(|group| group.offsets.get(&partition));
            committed.map_or_else(|| nothing(index), |committed| told(index, committed))
        };
        let topics = wanted.into_iter().map(|(topic, indexes)| {
            let partitions = indexes.iter().map(|&index| told(topic, index));
            (topic.to_owned(), partitions.collect())
        });
        return topics.collect();
    }
    let mut topics: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    for (partition, committed) in known.iter().flat_map(|group| &group.offsets) {
        topics
            .entry(partition.topic.to_string())
            .or_default()
            .push(told(partition.partition.0, committed));
    }
    topics.into_iter().collect()
}

fn told(partition_index: i32, committed: &CommittedOffset) -> Told {
    Told {
        partition_index,
        committed_offset: committed.offset.0,
        committed_leader_epoch: committed.leader_epoch.0,
        metadata: Some(text(&committed.metadata)),
        error_code: ErrorCode::NONE.0,
    }
}

/// Nothing committed is no error: the offset is −1.
fn nothing(partition_index: i32) -> Told {
    Told {
        partition_index,
        committed_offset: -1,
        metadata: Some(text("")),
        ..Default::default()
    }
}

fn in_old_form((name, partitions): (String, Vec<Told>)) -> OffsetFetchResponseTopic<'static> {
    let partition = |told: Told| OffsetFetchResponsePartition {
        partition_index: told.partition_index,
        committed_offset: told.committed_offset,
        committed_leader_epoch: told.committed_leader_epoch,
        metadata: told.metadata,
        error_code: told.error_code,
    };
    OffsetFetchResponseTopic {
        name: text(name),
        partitions: partitions.into_iter().map(partition).collect(),
    }
}
