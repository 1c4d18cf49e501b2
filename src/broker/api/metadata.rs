//! Metadata: the broker, and the topics with their partitions.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::setting::TopicSettings;
use crate::broker::state::NODE_ID;
use crate::broker::state::State;
use crate::broker::topic::Topic;
use crate::broker::topics::TopicError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::metadata::MetadataRequest;
use crate::protocol::message::metadata::MetadataRequestTopic;
use crate::protocol::message::metadata::MetadataResponse;
use crate::protocol::message::metadata::MetadataResponseBroker;
use crate::protocol::message::metadata::MetadataResponsePartition;
use crate::protocol::message::metadata::MetadataResponseTopic;

/// All that may be done with a topic, a bit for each ACL operation: there is no access control.
pub(super) const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;
/// All that may be done with the cluster.
pub(super) const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// Whether topics that are asked for are made where they are missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Made,
    Refused,
}

pub(super) fn answer(call: &Call<'_>, request: MetadataRequest<'_>) -> MetadataResponse<'static> {
    let missing = if request.allow_auto_topic_creation && call.shared.config.creates_topics {
        Missing::Made
    } else {
        Missing::Refused
    };
    let mut state = call.shared.state();
    let mut topics = match &request.topics {
        Some(topics) if !(topics.is_empty() && call.version == 0) => topics
            .iter()
            .map(|topic| one(call, &mut state, topic, missing))
            .collect(),
        _ => state.topics.iter().map(described).collect::<Vec<_>>(),
    };
    if request.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    MetadataResponse {
        brokers: vec![MetadataResponseBroker {
            node_id: NODE_ID,
            host: text(&call.shared.host),
            port: i32::from(call.shared.port),
            rack: None,
        }],
        cluster_id: Some(text(&call.shared.cluster_id)),
        controller_id: NODE_ID,
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            i32::MIN
        },
        ..Default::default()
    }
}

fn one(
    call: &Call<'_>,
    state: &mut State,
    wanted: &MetadataRequestTopic<'_>,
    missing: Missing,
) -> MetadataResponseTopic<'static> {
    let Some(name) = wanted.name.as_deref() else {
        return by_id(call, state, wanted.topic_id);
    };
    if let Some(topic) = state.topics.named(name) {
        return described(topic);
    }
    let partitions = i64::from(call.shared.config.partitions);
    let made = if missing == Missing::Made {
        let settings = TopicSettings::new();
        state
            .topics
            .create(name, partitions, settings, call.shared.now())
            .map(|topic| described(topic))
    } else {
        let checked = state.topics.check_new(name, 1);
        checked.and_then(|_| Err(TopicError::Unknown(name.to_owned())))
    };
    made.unwrap_or_else(|error| MetadataResponseTopic {
        error_code: error.code().0,
        name: Some(text(name)),
        ..Default::default()
    })
}

fn by_id(call: &Call<'_>, state: &State, id: Uuid) -> MetadataResponseTopic<'static> {
    let name = state.topics.name_of(id);
    match name.and_then(|name| state.topics.named(name)) {
        Some(topic) => described(topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_ID.0,
            name: (call.version < 12).then(|| text("")),
            topic_id: id,
            ..Default::default()
        },
    }
}

fn described(topic: &Topic) -> MetadataResponseTopic<'static> {
    let partition = |index: usize, leader_epoch| MetadataResponsePartition {
        partition_index: i32::try_from(index).unwrap_or(i32::MAX),
        leader_id: NODE_ID,
        leader_epoch,
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        ..Default::default()
    };
    MetadataResponseTopic {
        name: Some(text(&*topic.name)),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: topic
            .partitions
            .iter()
            .enumerate()
            .map(|(index, known)| partition(index, known.leader_epoch.0))
            .collect(),
        ..Default::default()
    }
}
