//! The CreatePartitions API.

use super::Str;

declare! {
    CreatePartitions, versions 0-3, flexible 2+: CreatePartitionsRequest<'a>
        => CreatePartitionsResponse<'r>;

    /// Adds partitions to topics.
    pub struct CreatePartitionsRequest<'a> {
        /// The topics.
        topics: Vec<CreatePartitionsTopic<'a>>;
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32;
        /// Whether to check the request without doing it.
        validate_only: bool;
    }

    /// One topic.
    pub struct CreatePartitionsTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The new number of partitions in all.
        count: i32;
        /// Which brokers hold the replicas of each new partition; null lets the broker choose.
        assignments: Option<Vec<CreatePartitionsAssignment>>;
    }

    /// The replicas of one new partition.
    pub struct CreatePartitionsAssignment {
        /// The brokers that hold the replicas, preferred leader first.
        broker_ids: Vec<i32>;
    }

    /// Tells which topics of a [`CreatePartitionsRequest`] have grown.
    pub struct CreatePartitionsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The answers.
        results: Vec<CreatePartitionsTopicResult<'a>>;
    }

    /// The answer for one topic.
    pub struct CreatePartitionsTopicResult<'a> {
        /// The topic.
        name: Str<'a>;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None;
    }
}
