//! The AddPartitionsToTxn API.

use super::Str;

declare! {
    AddPartitionsToTxn, versions 0-5, flexible 3+: AddPartitionsToTxnRequest<'a>
        => AddPartitionsToTxnResponse<'r>;

    /// Makes partitions part of a transaction before records are written to them.
    pub struct AddPartitionsToTxnRequest<'a> {
        /// The transactions.
        transactions: Vec<AddPartitionsToTxnTransaction<'a>>, versions 4+;
        /// The transactional id.
        v3_and_below_transactional_id: Str<'a>, versions 0-3;
        /// The id of the producer.
        v3_and_below_producer_id: i64, versions 0-3;
        /// The epoch of the producer.
        v3_and_below_producer_epoch: i16, versions 0-3;
        /// The partitions that join the transaction, by topic.
        v3_and_below_topics: Vec<AddPartitionsToTxnTopic<'a>>, versions 0-3;
    }

    /// The partitions of one transaction.
    pub struct AddPartitionsToTxnTransaction<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i16;
        /// Whether to ask only if the partitions are in the transaction.
        verify_only: bool;
        /// The partitions that join the transaction, by topic.
        topics: Vec<AddPartitionsToTxnTopic<'a>>;
    }

    /// The partitions of one topic.
    pub struct AddPartitionsToTxnTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The partitions.
        partitions: Vec<i32>;
    }

    /// Tells which partitions of an [`AddPartitionsToTxnRequest`] are in.
    pub struct AddPartitionsToTxnResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16, versions 4+, ignorable;
        /// The answers, by transactional id.
        results_by_transaction: Vec<AddPartitionsToTxnResult<'a>>, versions 4+;
        /// The answers, by topic.
        results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult<'a>>, versions 0-3;
    }

    /// The answers for one transaction.
    pub struct AddPartitionsToTxnResult<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The answers, by topic.
        topic_results: Vec<AddPartitionsToTxnTopicResult<'a>>;
    }

    /// The answers for one topic.
    pub struct AddPartitionsToTxnTopicResult<'a> {
        /// The topic.
        name: Str<'a>;
        /// The answers, by partition.
        results_by_partition: Vec<AddPartitionsToTxnPartitionResult>;
    }

    /// The answer for one partition.
    pub struct AddPartitionsToTxnPartitionResult {
        /// The partition.
        partition_index: i32;
        /// The error, or 0.
        partition_error_code: i16;
    }
}
