//! DeleteTopics.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::offsets_topic;
use crate::broker::state::State;
use crate::broker::topics::TopicError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::delete_topics::DeletableTopicResult;
use crate::protocol::message::delete_topics::DeleteTopicsRequest;
use crate::protocol::message::delete_topics::DeleteTopicsResponse;
use crate::record::Timestamp;

/// From this version on topics may be named by id.
const ID_VERSION_MIN: i16 = 6;

pub(super) fn answer(
    call: &Call<'_>,
    request: DeleteTopicsRequest<'_>,
) -> DeleteTopicsResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let responses = if call.version >= ID_VERSION_MIN {
        let topics = request.topics.iter();
        topics
            .map(|topic| match topic.name.as_deref() {
                Some(name) => by_name(&mut state, name, now),
                None => by_id(&mut state, topic.topic_id, now),
            })
            .collect()
    } else {
        let names = request.topic_names.iter();
        names.map(|name| by_name(&mut state, name, now)).collect()
    };
    DeleteTopicsResponse {
        responses,
        ..Default::default()
    }
}

fn by_id(state: &mut State, id: Uuid, now: Timestamp) -> DeletableTopicResult<'static> {
    match state.topics.name_of(id).map(ToString::to_string) {
        Some(name) => by_name(state, &name, now),
        None => DeletableTopicResult {
            name: None,
            topic_id: id,
            error_code: ErrorCode::UNKNOWN_TOPIC_ID.0,
            error_message: Some(text(ErrorCode::UNKNOWN_TOPIC_ID.description())),
        },
    }
}

fn by_name(state: &mut State, name: &str, now: Timestamp) -> DeletableTopicResult<'static> {
    let topic_id = state
        .topics
        .named(name)
        .map_or(Uuid::ZERO, |topic| topic.id);
    let outcome = state.topics.delete(name);
    if outcome.is_ok()
        && let Err(error) = offsets_topic::forget_topic(state, name, now)
    {
        tracing::warn!(topic = name, error = error.name(), "kept committed offsets");
    }
    let error = outcome.as_ref().err();
    DeletableTopicResult {
        name: Some(text(name)),
        topic_id,
        error_code: error.map_or(ErrorCode::NONE, TopicError::code).0,
        error_message: error.map(|error| text(error.to_string())),
    }
}
