//! The EndTxn API.

use super::Str;

declare! {
    EndTxn, versions 0-5, flexible 3+: EndTxnRequest<'a> => EndTxnResponse;

    /// Commits or aborts a transaction.
    pub struct EndTxnRequest<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i16;
        /// True to commit the transaction, false to abort it.
        committed: bool;
    }

    /// Tells whether the transaction is ending as asked.
    pub struct EndTxnResponse {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The id of the producer.
        producer_id: i64 = -1, versions 5+, ignorable;
        /// The epoch of the producer.
        producer_epoch: i16 = -1, versions 5+, ignorable;
    }
}
