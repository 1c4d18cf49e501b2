//! InitProducerId: an id for an idempotent producer.

use crate::broker::api::Call;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::init_producer_id::InitProducerIdRequest;
use crate::protocol::message::init_producer_id::InitProducerIdResponse;

pub(super) fn answer(
    call: &Call<'_>,
    request: InitProducerIdRequest<'_>,
) -> InitProducerIdResponse {
    let outcome = match request.transactional_id {
        Some(_) => Err(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        None => call.shared.state().producer_ids.next().map_err(|error| {
            tracing::error!(%error, "reserve producer ids");
            ErrorCode::KAFKA_STORAGE_ERROR
        }),
    };
    match outcome {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            ..Default::default()
        },
        Err(error) => InitProducerIdResponse {
            error_code: error.0,
            producer_epoch: -1,
            ..Default::default()
        },
    }
}
