//! CreatePartitions.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::state::NODE_ID;
use crate::broker::topics::TopicError;
use crate::broker::topics::Topics;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::create_partitions::CreatePartitionsRequest;
use crate::protocol::message::create_partitions::CreatePartitionsResponse;
use crate::protocol::message::create_partitions::CreatePartitionsTopic;
use crate::protocol::message::create_partitions::CreatePartitionsTopicResult;
use crate::record::Timestamp;

pub(super) fn answer(
    call: &Call<'_>,
    request: CreatePartitionsRequest<'_>,
) -> CreatePartitionsResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let results = request.topics.iter().map(|topic| {
        let outcome = check(&state.topics, topic).and_then(|count| {
            if request.validate_only {
                Ok(())
            } else {
                grow(&mut state.topics, &topic.name, count, now)
            }
        });
        let (error, message) = match outcome {
            Ok(()) => (ErrorCode::NONE, None),
            Err((error, message)) => (error, Some(text(message))),
        };
        CreatePartitionsTopicResult {
            name: text(topic.name.as_ref()),
            error_code: error.0,
            error_message: message,
        }
    });
    CreatePartitionsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

type Refused = (ErrorCode, String);

fn refused(error: TopicError) -> Refused {
    (error.code(), error.to_string())
}

fn check(topics: &Topics, topic: &CreatePartitionsTopic<'_>) -> Result<usize, Refused> {
    let count = topics
        .check_grown(&topic.name, i64::from(topic.count))
        .map_err(refused)?;
    let present = topics
        .named(&topic.name)
        .map_or(0, |topic| topic.partitions.len());
    let is_assigned_here = topic.assignments.as_ref().is_none_or(|assignments| {
        assignments.len() == count.saturating_sub(present)
            && assignments.iter().all(|one| one.broker_ids == [NODE_ID])
    });
    if is_assigned_here {
        Ok(count)
    } else {
        let message = format!("each new partition must be assigned to broker {NODE_ID} alone");
        Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, message))
    }
}

fn grow(topics: &mut Topics, name: &str, count: usize, now: Timestamp) -> Result<(), Refused> {
    let topic = topics
        .named_mut(name)
        .ok_or_else(|| refused(TopicError::Unknown(name.to_owned())))?;
    topic
        .grow(count, now)
        .map_err(|error| refused(TopicError::Log(error)))
}
