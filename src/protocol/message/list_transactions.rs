//! The ListTransactions API.

use super::Str;

declare! {
    ListTransactions, versions 0-0, flexible 0+: ListTransactionsRequest<'a>
        => ListTransactionsResponse<'r>;

    /// Asks for the transactions that a broker coordinates.
    pub struct ListTransactionsRequest<'a> {
        /// Only transactions in these states; empty for all.
        state_filters: Vec<Str<'a>>;
        /// Only transactions of these producers; empty for all.
        producer_id_filters: Vec<i64>;
    }

    /// Lists the transactions that the broker coordinates.
    pub struct ListTransactionsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The states of the request that the broker does not know.
        unknown_state_filters: Vec<Str<'a>>;
        /// The transactions.
        transaction_states: Vec<TransactionState<'a>>;
    }

    /// One transaction.
    pub struct TransactionState<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The id of the producer.
        producer_id: i64;
        /// The state of the transaction, in Kafka's words.
        transaction_state: Str<'a>;
    }
}
