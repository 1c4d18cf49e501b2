//! The OffsetForLeaderEpoch API.

use super::Str;

declare! {
    OffsetForLeaderEpoch, versions 2-4, flexible 4+: OffsetForLeaderEpochRequest<'a>
        => OffsetForLeaderEpochResponse<'r>;

    /// Asks where leader epochs end, to find where two logs part.
    pub struct OffsetForLeaderEpochRequest<'a> {
        /// The broker id of a follower; −1 from clients.
        replica_id: i32 = -2, versions 3+, ignorable;
        /// The topics.
        topics: Vec<OffsetForLeaderTopic<'a>>;
    }

    /// The partitions of one topic.
    pub struct OffsetForLeaderTopic<'a> {
        /// The topic.
        topic: Str<'a>;
        /// The partitions and epochs to look up.
        partitions: Vec<OffsetForLeaderPartition>;
    }

    /// What to look up in one partition.
    pub struct OffsetForLeaderPartition {
        /// The partition.
        partition: i32;
        /// The leader epoch that the client believes to be current, for fencing; −1 for no check.
        current_leader_epoch: i32 = -1;
        /// The leader epoch to look up.
        leader_epoch: i32;
    }

    /// Holds the ends of the epochs that an [`OffsetForLeaderEpochRequest`] asked for.
    pub struct OffsetForLeaderEpochResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<OffsetForLeaderTopicResult<'a>>;
    }

    /// The answers for one topic.
    pub struct OffsetForLeaderTopicResult<'a> {
        /// The topic.
        topic: Str<'a>;
        /// The partitions.
        partitions: Vec<EpochEndOffset>;
    }

    /// An epoch and its end.
    pub struct EpochEndOffset {
        /// The error, or 0.
        error_code: i16;
        /// The partition.
        partition: i32;
        /// The largest leader epoch that is not above the one asked for; −1 if there is none.
        leader_epoch: i32 = -1;
        /// The end offset of the epoch.
        end_offset: i64 = -1;
    }
}
