//! The DescribeTransactions API.

use super::Str;

declare! {
    DescribeTransactions, versions 0-0, flexible 0+: DescribeTransactionsRequest<'a>
        => DescribeTransactionsResponse<'r>;

    /// Asks for the state of transactions.
    pub struct DescribeTransactionsRequest<'a> {
        /// The transactional ids.
        transactional_ids: Vec<Str<'a>>;
    }

    /// Holds what a [`DescribeTransactionsRequest`] asked for.
    pub struct DescribeTransactionsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The transactions.
        transaction_states: Vec<TransactionState<'a>>;
    }

    /// One transaction.
    pub struct TransactionState<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The state of the transaction, in Kafka's words.
        transaction_state: Str<'a>;
        /// After how many milliseconds the coordinator aborts the transaction.
        transaction_timeout_ms: i32;
        /// When the transaction began, in milliseconds since the epoch; −1 if none is open.
        transaction_start_time_ms: i64;
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i16;
        /// The topics.
        topics: Vec<TopicData<'a>>;
    }

    /// The partitions of one topic.
    pub struct TopicData<'a> {
        /// The topic.
        topic: Str<'a>;
        /// The partitions.
        partitions: Vec<i32>;
    }
}
