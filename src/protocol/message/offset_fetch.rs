//! The OffsetFetch API.

use super::Str;

declare! {
    OffsetFetch, versions 1-9, flexible 6+: OffsetFetchRequest<'a> => OffsetFetchResponse<'r>;

    /// Asks for the committed offsets of groups.
    pub struct OffsetFetchRequest<'a> {
        /// The group.
        group_id: Str<'a>, versions 1-7;
        /// The partitions asked for; null for all that have a committed offset.
        topics: Option<Vec<OffsetFetchRequestTopic<'a>>>, versions 1-7, nullable 2+;
        /// The groups.
        groups: Vec<OffsetFetchRequestGroup<'a>>, versions 8+;
        /// Whether to refuse with UNSTABLE_OFFSET_COMMIT while a transaction with offsets is open.
        require_stable: bool, versions 7+;
    }

    /// The partitions of one topic.
    pub struct OffsetFetchRequestTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partition_indexes: Vec<i32>;
    }

    /// What to tell of one group.
    pub struct OffsetFetchRequestGroup<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The member; null from outside the group.
        member_id: Option<Str<'a>> = None, versions 9+, ignorable;
        /// The epoch of the member; −1 from outside the group.
        member_epoch: i32 = -1, versions 9+, ignorable;
        /// The partitions asked for; null for all that have a committed offset.
        topics: Option<Vec<OffsetFetchRequestTopics<'a>>>;
    }

    /// The partitions of one topic.
    pub struct OffsetFetchRequestTopics<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partition_indexes: Vec<i32>;
    }

    /// Holds the committed offsets that an [`OffsetFetchRequest`] asked for.
    pub struct OffsetFetchResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 3+, ignorable;
        /// The topics.
        topics: Vec<OffsetFetchResponseTopic<'a>>, versions 1-7;
        /// The error, or 0.
        error_code: i16, versions 2-7, ignorable;
        /// The groups.
        groups: Vec<OffsetFetchResponseGroup<'a>>, versions 8+;
    }

    /// The offsets of one topic.
    pub struct OffsetFetchResponseTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartition<'a>>;
    }

    /// The offset of one partition.
    pub struct OffsetFetchResponsePartition<'a> {
        /// The partition.
        partition_index: i32;
        /// The offset of the next record to process; −1 if none is committed.
        committed_offset: i64;
        /// The leader epoch of the last record processed; −1 if not known.
        committed_leader_epoch: i32 = -1, versions 5+, ignorable;
        /// Free text of the client; null for none.
        metadata: Option<Str<'a>>;
        /// The error, or 0.
        error_code: i16;
    }

    /// The offsets of one group.
    pub struct OffsetFetchResponseGroup<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The topics.
        topics: Vec<OffsetFetchResponseTopics<'a>>;
        /// The error of the group as a whole, or 0.
        error_code: i16;
    }

    /// The offsets of one topic.
    pub struct OffsetFetchResponseTopics<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<OffsetFetchResponsePartitions<'a>>;
    }

    /// The offset of one partition.
    pub struct OffsetFetchResponsePartitions<'a> {
        /// The partition.
        partition_index: i32;
        /// The offset of the next record to process; −1 if none is committed.
        committed_offset: i64;
        /// The leader epoch of the last record processed; −1 if not known.
        committed_leader_epoch: i32 = -1;
        /// Free text of the client; null for none.
        metadata: Option<Str<'a>>;
        /// The error, or 0.
        error_code: i16;
    }
}
