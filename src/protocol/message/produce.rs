//! The Produce API.

use super::Blob;
use super::Str;
use super::Uuid;

declare! {
    Produce, versions 3-13, flexible 9+: ProduceRequest<'a> => ProduceResponse<'r>;

    /// Appends record batches to the logs of partitions.
    pub struct ProduceRequest<'a> {
        /// The transactional id; null outside transactions.
        transactional_id: Option<Str<'a>> = None;
        /// Who must have the records before the broker answers: 0 nobody (and no answer is sent), 1
        /// the leader, −1 all in-sync replicas.
        acks: i16;
        /// How long the broker may wait for the in-sync replicas, in milliseconds.
        timeout_ms: i32;
        /// The records, by topic.
        topic_data: Vec<TopicProduceData<'a>>;
    }

    /// The records for one topic.
    pub struct TopicProduceData<'a> {
        /// The topic.
        name: Str<'a>, versions 3-12, ignorable;
        /// The id of the topic.
        topic_id: Uuid, versions 13+, ignorable;
        /// The records, by partition.
        partition_data: Vec<PartitionProduceData<'a>>;
    }

    /// The records for one partition.
    pub struct PartitionProduceData<'a> {
        /// The partition.
        index: i32;
        /// The record batches; null for none.
        records: Option<Blob<'a>>;
    }

    /// Tells what became of the records of a [`ProduceRequest`].
    pub struct ProduceResponse<'a> {
        /// The answers, by topic.
        responses: Vec<TopicProduceResponse<'a>>;
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// Where the leaders named in the answer can be reached.
        node_endpoints: Vec<NodeEndpoint<'a>>, versions 10+, tag 0;
    }

    /// The answers for one topic.
    pub struct TopicProduceResponse<'a> {
        /// The topic.
        name: Str<'a>, versions 3-12, ignorable;
        /// The id of the topic.
        topic_id: Uuid, versions 13+, ignorable;
        /// The answers, by partition.
        partition_responses: Vec<PartitionProduceResponse<'a>>;
    }

    /// The answer for one partition.
    pub struct PartitionProduceResponse<'a> {
        /// The partition.
        index: i32;
        /// The error, or 0.
        error_code: i16;
        /// The offset of the first record written; −1 on error.
        base_offset: i64;
        /// When the broker appended the records, in milliseconds since the epoch; −1 if the topic
        /// keeps the producers' times.
        log_append_time_ms: i64 = -1;
        /// The offset of the first record in the log; −1 if not known.
        log_start_offset: i64 = -1, versions 5+, ignorable;
        /// The records that caused the batch to be refused.
        record_errors: Vec<BatchIndexAndErrorMessage<'a>>, versions 8+, ignorable;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None, versions 8+, ignorable;
        /// Where the partition is led now, with the errors that tell of a wrong leader.
        current_leader: LeaderIdAndEpoch, versions 10+, tag 0;
    }

    /// One refused record.
    pub struct BatchIndexAndErrorMessage<'a> {
        /// The index of the refused record in its batch.
        batch_index: i32;
        /// Why this record was refused; null if nothing is known.
        batch_index_error_message: Option<Str<'a>> = None;
    }

    /// The leader of a partition.
    pub struct LeaderIdAndEpoch {
        /// The id of the leader; −1 if there is none.
        leader_id: i32 = -1;
        /// The epoch of the partition's leader; −1 if not known.
        leader_epoch: i32 = -1;
    }

    /// Where a broker can be reached.
    pub struct NodeEndpoint<'a> {
        /// The id of the broker.
        node_id: i32;
        /// The host name or address.
        host: Str<'a>;
        /// The port.
        port: i32;
        /// The rack; null if none is set.
        rack: Option<Str<'a>> = None;
    }
}
