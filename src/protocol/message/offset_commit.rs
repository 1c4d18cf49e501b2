//! The OffsetCommit API.

use super::Str;

declare! {
    OffsetCommit, versions 2-9, flexible 8+: OffsetCommitRequest<'a> => OffsetCommitResponse<'r>;

    /// Commits offsets of a group.
    pub struct OffsetCommitRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The generation of a classic group, the member epoch of a consumer group; −1 from outside
        /// the group.
        generation_id_or_member_epoch: i32 = -1;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 7+;
        /// How long to keep the offsets, in milliseconds; −1 for the broker's setting.
        retention_time_ms: i64 = -1, versions 2-4, ignorable;
        /// The topics.
        topics: Vec<OffsetCommitRequestTopic<'a>>;
    }

    /// The offsets of one topic.
    pub struct OffsetCommitRequestTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetCommitRequestPartition<'a>>;
    }

    /// The offset of one partition.
    pub struct OffsetCommitRequestPartition<'a> {
        /// The partition.
        partition_index: i32;
        /// The offset of the next record to process.
        committed_offset: i64;
        /// The leader epoch of the last record processed; −1 if not known.
        committed_leader_epoch: i32 = -1, versions 6+, ignorable;
        /// Free text of the client; null for none.
        committed_metadata: Option<Str<'a>>;
    }

    /// Tells which offsets of an [`OffsetCommitRequest`] were committed.
    pub struct OffsetCommitResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 3+, ignorable;
        /// The topics.
        topics: Vec<OffsetCommitResponseTopic<'a>>;
    }

    /// The answers for one topic.
    pub struct OffsetCommitResponseTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetCommitResponsePartition>;
    }

    /// The answer for one partition.
    pub struct OffsetCommitResponsePartition {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
    }
}
