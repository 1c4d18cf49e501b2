//! The AddOffsetsToTxn API.

use super::Str;

declare! {
    AddOffsetsToTxn, versions 0-4, flexible 3+: AddOffsetsToTxnRequest<'a>
        => AddOffsetsToTxnResponse;

    /// Makes a group's offsets part of a transaction.
    pub struct AddOffsetsToTxnRequest<'a> {
        /// The transactional id.
        transactional_id: Str<'a>;
        /// The id of the producer.
        producer_id: i64;
        /// The epoch of the producer.
        producer_epoch: i16;
        /// The group.
        group_id: Str<'a>;
    }

    /// Tells whether the offsets are in.
    pub struct AddOffsetsToTxnResponse {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
    }
}
