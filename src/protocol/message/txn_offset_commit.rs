//! The TxnOffsetCommit API.

use super::Str;

declare! {
    TxnOffsetCommit, versions 0-5, flexible 3+: TxnOffsetCommitRequest<'a>
        => TxnOffsetCommitResponse<'r>;

    /// Commits offsets of a group within a transaction.
    pub struct TxnOffsetCommitRequest<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The group.
        group_id: Str<'a>;
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i16;
        /// The generation of the group; −1 if none.
        generation_id: i32 = -1, versions 3+;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>, versions 3+;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 3+;
        /// The topics.
        topics: Vec<TxnOffsetCommitRequestTopic<'a>>;
    }

    /// The offsets of one topic.
    pub struct TxnOffsetCommitRequestTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<TxnOffsetCommitRequestPartition<'a>>;
    }

    /// The offset of one partition.
    pub struct TxnOffsetCommitRequestPartition<'a> {
        /// The partition.
        partition_index: i32;
        /// The offset of the next record to process.
        committed_offset: i64;
        /// The leader epoch of the last record processed; −1 if not known.
        committed_leader_epoch: i32 = -1, versions 2+, ignorable;
        /// Free text of the client; null for none.
        committed_metadata: Option<Str<'a>>;
    }

    /// Tells which offsets of a [`TxnOffsetCommitRequest`] are in.
    pub struct TxnOffsetCommitResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<TxnOffsetCommitResponseTopic<'a>>;
    }

    /// The answers for one topic.
    pub struct TxnOffsetCommitResponseTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<TxnOffsetCommitResponsePartition>;
    }

    /// The answer for one partition.
    pub struct TxnOffsetCommitResponsePartition {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
    }
}
