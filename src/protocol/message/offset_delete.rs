//! The OffsetDelete API.

use super::Str;

declare! {
    OffsetDelete, versions 0-0: OffsetDeleteRequest<'a> => OffsetDeleteResponse<'r>;

    /// Deletes committed offsets of a group.
    pub struct OffsetDeleteRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The partitions whose offsets are to be deleted.
        topics: Vec<OffsetDeleteRequestTopic<'a>>;
    }

    /// The partitions of one topic.
    pub struct OffsetDeleteRequestTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetDeleteRequestPartition>;
    }

    /// One partition.
    pub struct OffsetDeleteRequestPartition {
        /// The partition.
        partition_index: i32;
    }

    /// Tells which offsets of an [`OffsetDeleteRequest`] were deleted.
    pub struct OffsetDeleteResponse<'a> {
        /// The error, or 0.
        error_code: i16;
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<OffsetDeleteResponseTopic<'a>>;
    }

    /// The answers for one topic.
    pub struct OffsetDeleteResponseTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetDeleteResponsePartition>;
    }

    /// The answer for one partition.
    pub struct OffsetDeleteResponsePartition {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
    }
}
