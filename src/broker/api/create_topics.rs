//! CreateTopics.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::setting::SETTINGS;
use crate::broker::setting::TopicSettings;
use crate::broker::state::NODE_ID;
use crate::broker::topic::Topic;
use crate::broker::topics::TopicError;
use crate::broker::topics::Topics;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::create_topics::CreatableReplicaAssignment;
use crate::protocol::message::create_topics::CreatableTopic;
use crate::protocol::message::create_topics::CreatableTopicConfigs;
use crate::protocol::message::create_topics::CreatableTopicResult;
use crate::protocol::message::create_topics::CreateTopicsRequest;
use crate::protocol::message::create_topics::CreateTopicsResponse;

/// `config_source` of a value given for the topic.
pub(super) const SOURCE_TOPIC: i8 = 1;
/// `config_source` of a default.
pub(super) const SOURCE_DEFAULT: i8 = 5;

/// A code and the reason in words.
type Refused = (ErrorCode, String);

pub(super) fn answer(
    call: &Call<'_>,
    request: CreateTopicsRequest<'_>,
) -> CreateTopicsResponse<'static> {
    let mut state = call.shared.state();
    let is_repeated = |name: &str| request.topics.iter().filter(|t| t.name == name).count() > 1;
    let results = request.topics.iter().map(|topic| {
        let made = if is_repeated(&topic.name) {
            Err(invalid("the request names the topic twice"))
        } else if request.validate_only {
            check(call, &state.topics, topic)
        } else {
            create(call, &mut state.topics, topic)
        };
        made.unwrap_or_else(|(error, message)| CreatableTopicResult {
            name: text(topic.name.as_ref()),
            error_code: error.0,
            error_message: Some(text(message)),
            ..Default::default()
        })
    });
    CreateTopicsResponse {
        topics: results.collect(),
        ..Default::default()
    }
}

fn check(
    call: &Call<'_>,
    topics: &Topics,
    topic: &CreatableTopic<'_>,
) -> Result<CreatableTopicResult<'static>, Refused> {
    let (count, settings) = read(call, topic)?;
    topics.check_new(&topic.name, count).map_err(refused)?;
    Ok(result(&topic.name, Uuid::ZERO, count, &settings))
}

fn create(
    call: &Call<'_>,
    topics: &mut Topics,
    topic: &CreatableTopic<'_>,
) -> Result<CreatableTopicResult<'static>, Refused> {
    let (count, settings) = read(call, topic)?;
    let now = call.shared.now();
    let Topic { id, settings, .. } = topics
        .create(&topic.name, count, settings, now)
        .map_err(refused)?;
    Ok(result(&topic.name, *id, count, settings))
}

fn refused(error: TopicError) -> Refused {
    (error.code(), error.to_string())
}

fn invalid(message: &str) -> Refused {
    (ErrorCode::INVALID_REQUEST, message.to_owned())
}

/// The partition count and settings that the request asks for.
fn read(call: &Call<'_>, topic: &CreatableTopic<'_>) -> Result<(i64, TopicSettings), Refused> {
    let mut settings = TopicSettings::new();
    for config in &topic.configs {
        if let Some(value) = config.value.as_deref() {
            settings
                .set(&config.name, value)
                .map_err(|error| (ErrorCode::INVALID_CONFIG, error.to_string()))?;
        }
    }
    if !topic.assignments.is_empty() {
        return Ok((assigned(topic)?, settings));
    }
    if !matches!(topic.replication_factor, -1 | 1) {
        let message = format!(
            "replication factor {} needs that many brokers, and there is 1",
            topic.replication_factor
        );
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, message));
    }
    let count = match topic.num_partitions {
        -1 => call.shared.config.partitions,
        count => count,
    };
    Ok((i64::from(count), settings))
}

/// The partition count where each partition's replicas are given.
fn assigned(topic: &CreatableTopic<'_>) -> Result<i64, Refused> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        return Err(invalid(
            "with assignments, partition count and replication factor must be -1",
        ));
    }
    let mut indexes: Vec<_> = topic
        .assignments
        .iter()
        .map(|assignment| assignment.partition_index)
        .collect();
    indexes.sort_unstable();
    let is_here = |assignment: &CreatableReplicaAssignment| assignment.broker_ids == [NODE_ID];
    if !(0..)
        .zip(&indexes)
        .all(|(expected, index)| expected == *index)
        || !topic.assignments.iter().all(is_here)
    {
        let message =
            format!("each partition from 0 on must be assigned to broker {NODE_ID} alone");
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    i64::try_from(indexes.len()).map_err(|_| invalid("too many assignments"))
}

fn result(
    name: &str,
    id: Uuid,
    count: i64,
    settings: &TopicSettings,
) -> CreatableTopicResult<'static> {
    let config = |name: &'static str| CreatableTopicConfigs {
        name: text(name),
        value: Some(text(settings.value(name))),
        config_source: if settings.is_given(name) {
            SOURCE_TOPIC
        } else {
            SOURCE_DEFAULT
        },
        ..Default::default()
    };
    CreatableTopicResult {
        name: text(name),
        topic_id: id,
        error_message: None,
        num_partitions: i32::try_from(count).unwrap_or(i32::MAX),
        replication_factor: 1,
        configs: Some(
            SETTINGS
                .iter()
                .map(|setting| config(setting.name))
                .collect(),
        ),
        ..Default::default()
    }
}
