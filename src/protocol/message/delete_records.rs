//! The DeleteRecords API.

use super::Str;

declare! {
    DeleteRecords, versions 0-2, flexible 2+: DeleteRecordsRequest<'a> => DeleteRecordsResponse<'r>;

    /// Deletes the oldest records of partitions.
    pub struct DeleteRecordsRequest<'a> {
        /// The topics.
        topics: Vec<DeleteRecordsTopic<'a>>;
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32;
    }

    /// The partitions of one topic.
    pub struct DeleteRecordsTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<DeleteRecordsPartition>;
    }

    /// How much to delete of one partition.
    pub struct DeleteRecordsPartition {
        /// The partition.
        partition_index: i32;
        /// The offset before which records are deleted; −1 for the high watermark.
        offset: i64;
    }

    /// Tells where the logs of a [`DeleteRecordsRequest`] start now.
    pub struct DeleteRecordsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<DeleteRecordsTopicResult<'a>>;
    }

    /// The answers for one topic.
    pub struct DeleteRecordsTopicResult<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<DeleteRecordsPartitionResult>;
    }

    /// The answer for one partition.
    pub struct DeleteRecordsPartitionResult {
        /// The partition.
        partition_index: i32;
        /// The first offset that is left; −1 on error.
        low_watermark: i64;
        /// The error, or 0.
        error_code: i16;
    }
}
