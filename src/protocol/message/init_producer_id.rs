//! The InitProducerId API.

use super::Str;

declare! {
    InitProducerId, versions 0-5, flexible 2+: InitProducerIdRequest<'a> => InitProducerIdResponse;

    /// Asks for a producer id and epoch, and ends what a former producer of the same transactional
    /// id left open.
    pub struct InitProducerIdRequest<'a> {
        /// The transactional id; null for a producer that is only idempotent.
        transactional_id: Option<Str<'a>>;
        /// After how many milliseconds the coordinator aborts the transaction.
        transaction_timeout_ms: i32;
        /// The id that the producer has; −1 for a new producer.
        producer_id: i64 = -1, versions 3+;
        /// The epoch of the producer, to be checked and raised; −1 for a new producer.
        producer_epoch: i16 = -1, versions 3+;
    }

    /// Gives the producer its id and epoch.
    pub struct InitProducerIdResponse {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The id of the producer.
        producer_id: i64 = -1;
        /// The epoch of the producer.
        producer_epoch: i16;
    }
}
