//! The DescribeProducers API.

use super::Str;

declare! {
    DescribeProducers, versions 0-0, flexible 0+: DescribeProducersRequest<'a>
        => DescribeProducersResponse<'r>;

    /// Asks for the producers that partitions remember.
    pub struct DescribeProducersRequest<'a> {
        /// The partitions asked for, by topic.
        topics: Vec<TopicRequest<'a>>;
    }

    /// The partitions of one topic.
    pub struct TopicRequest<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partition_indexes: Vec<i32>;
    }

    /// Holds what a [`DescribeProducersRequest`] asked for.
    pub struct DescribeProducersResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<TopicResponse<'a>>;
    }

    /// The answers for one topic.
    pub struct TopicResponse<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<PartitionResponse<'a>>;
    }

    /// The answer for one partition.
    pub struct PartitionResponse<'a> {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None;
        /// The producers that the partition remembers.
        active_producers: Vec<ProducerState>;
    }

    /// One producer.
    pub struct ProducerState {
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i32;
        /// The sequence number of the last record written; −1 if none.
        last_sequence: i32 = -1;
        /// When the producer last wrote, in milliseconds since the epoch; −1 if never.
        last_timestamp: i64 = -1;
        /// The epoch of the coordinator that wrote the last transaction marker.
        coordinator_epoch: i32;
        /// The offset of the first record of the open transaction; −1 if there is none.
        current_txn_start_offset: i64 = -1;
    }
}
