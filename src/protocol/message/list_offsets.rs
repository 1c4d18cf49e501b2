//! The ListOffsets API.

use super::Str;

declare! {
    ListOffsets, versions 1-10, flexible 6+: ListOffsetsRequest<'a> => ListOffsetsResponse<'r>;

    /// Looks up offsets by timestamp, and the ends of logs.
    pub struct ListOffsetsRequest<'a> {
        /// The broker id of a follower; −1 from clients.
        replica_id: i32;
        /// 0 read uncommitted, 1 read committed.
        isolation_level: i8, versions 2+;
        /// The topics.
        topics: Vec<ListOffsetsTopic<'a>>;
        /// How long the broker may take to ask tiered storage, in milliseconds.
        timeout_ms: i32, versions 10+, ignorable;
    }

    /// The partitions of one topic.
    pub struct ListOffsetsTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<ListOffsetsPartition>;
    }

    /// What to look up in one partition.
    pub struct ListOffsetsPartition {
        /// The partition.
        partition_index: i32;
        /// The leader epoch that the client believes to be current, for fencing; −1 for no check.
        current_leader_epoch: i32 = -1, versions 4+, ignorable;
        /// The timestamp to look up; −1 the log end, −2 the log start, −3 the largest timestamp, −4
        /// the start of the local log, −5 the last tiered offset.
        timestamp: i64;
    }

    /// Holds the offsets that a [`ListOffsetsRequest`] asked for.
    pub struct ListOffsetsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 2+, ignorable;
        /// The topics.
        topics: Vec<ListOffsetsTopicResponse<'a>>;
    }

    /// The answers for one topic.
    pub struct ListOffsetsTopicResponse<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<ListOffsetsPartitionResponse>;
    }

    /// The answer for one partition.
    pub struct ListOffsetsPartitionResponse {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
        /// The timestamp of the record found; −1 if there is none, or if a log end was asked for.
        timestamp: i64 = -1;
        /// The offset found; −1 if there is none.
        offset: i64 = -1;
        /// The leader epoch of the record found; −1 if not known.
        leader_epoch: i32 = -1, versions 4+;
    }
}
