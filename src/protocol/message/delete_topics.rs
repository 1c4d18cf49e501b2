//! The DeleteTopics API.

use super::Str;
use super::Uuid;

declare! {
    DeleteTopics, versions 1-6, flexible 4+: DeleteTopicsRequest<'a> => DeleteTopicsResponse<'r>;

    /// Deletes topics.
    pub struct DeleteTopicsRequest<'a> {
        /// The topics.
        topics: Vec<DeleteTopicState<'a>>, versions 6+;
        /// The topics to delete.
        topic_names: Vec<Str<'a>>, versions 1-5, ignorable;
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32;
    }

    /// One topic, by name or by id.
    pub struct DeleteTopicState<'a> {
        /// The topic; null if named by its id.
        name: Option<Str<'a>> = None;
        /// The id of the topic; zeros if named by its name.
        topic_id: Uuid;
    }

    /// Tells which topics of a [`DeleteTopicsRequest`] were deleted.
    pub struct DeleteTopicsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The answers.
        responses: Vec<DeletableTopicResult<'a>>;
    }

    /// The answer for one topic.
    pub struct DeletableTopicResult<'a> {
        /// The topic; null if it was named by an id and may not be seen.
        name: Option<Str<'a>>, nullable 6+;
        /// The id of the topic.
        topic_id: Uuid, versions 6+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None, versions 5+, ignorable;
    }
}
