//! OffsetDelete: of topics that no member reads (KIP-496).

use std::collections::BTreeSet;

use crate::broker::api::Call;
use crate::broker::api::code_of;
use crate::broker::api::text;
use crate::broker::groups::Group;
use crate::broker::offsets_topic;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::consumer_protocol::ConsumerProtocolSubscription;
use crate::protocol::message::offset_delete::OffsetDeleteRequest;
use crate::protocol::message::offset_delete::OffsetDeleteResponse;
use crate::protocol::message::offset_delete::OffsetDeleteResponsePartition;
use crate::protocol::message::offset_delete::OffsetDeleteResponseTopic;
use crate::record::TopicPartition;

pub(super) fn answer(
    call: &Call<'_>,
    request: OffsetDeleteRequest<'_>,
) -> OffsetDeleteResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let Some(group) = state.coordinator.groups.get(request.group_id.as_ref()) else {
        return refused(ErrorCode::GROUP_ID_NOT_FOUND);
    };
    let is_consumers = matches!(group.protocol_type.as_deref(), None | Some("consumer"));
    if !is_consumers && !group.members.is_empty() {
        return refused(ErrorCode::NON_EMPTY_GROUP);
    }
    let subscribed = subscribed(group);
    let mut forgotten = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let outcome = if subscribed.contains(topic.name.as_ref()) {
            Err(ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC)
        } else {
            Ok(())
        };
        let mut partitions = Vec::new();
        for partition in &topic.partitions {
            let index = partition.partition_index;
            if outcome.is_ok() {
                forgotten.push((TopicPartition::new(topic.name.as_ref(), index), None));
            }
            partitions.push(OffsetDeleteResponsePartition {
                partition_index: index,
                error_code: code_of(outcome),
            });
        }
        topics.push(OffsetDeleteResponseTopic {
            name: text(topic.name.as_ref()),
            partitions,
        });
    }
    let written = offsets_topic::commit(&mut state, &request.group_id, forgotten, now);
    OffsetDeleteResponse {
        error_code: code_of(written),
        topics,
        ..Default::default()
    }
}

fn refused(error: ErrorCode) -> OffsetDeleteResponse<'static> {
    OffsetDeleteResponse {
        error_code: error.0,
        ..Default::default()
    }
}

/// The topics that members say they read.
fn subscribed(group: &Group) -> BTreeSet<String> {
    let offers = group.members.values().flat_map(|member| &member.offers);
    let subscriptions =
        offers.filter_map(|offer| ConsumerProtocolSubscription::read(&offer.metadata).ok());
    subscriptions
        .flat_map(|subscription| {
            subscription
                .topics
                .into_iter()
                .map(|topic| topic.into_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}
