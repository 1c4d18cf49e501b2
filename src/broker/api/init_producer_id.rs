//! InitProducerId: an id for an idempotent producer, an epoch for a transactional one.

use crate::broker::api::Call;
use crate::broker::marker;
use crate::broker::state::State;
use crate::broker::transactions::ProducerRef;
use crate::protocol::control_record::MarkerKind;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::init_producer_id::InitProducerIdRequest;
use crate::protocol::message::init_producer_id::InitProducerIdResponse;

/// From this version on a fenced producer is told so (KIP-588).
const FENCED_VERSION_MIN: i16 = 4;

pub(super) fn answer(
    call: &Call<'_>,
    request: InitProducerIdRequest<'_>,
) -> InitProducerIdResponse {
    let mut state = call.shared.state();
    let outcome = match request.transactional_id.as_deref() {
        Some(id) => transactional(call, &mut state, id, &request),
        None => {
            let id = state.producer_ids.next_or_code();
            id.map(|id| ProducerRef { id, epoch: 0 })
        }
    };
    match outcome {
        Ok(producer) => InitProducerIdResponse {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            ..Default::default()
        },
        Err(error) => InitProducerIdResponse {
            error_code: call.fenced(error, FENCED_VERSION_MIN).0,
            producer_epoch: -1,
            ..Default::default()
        },
    }
}

fn transactional(
    call: &Call<'_>,
    state: &mut State,
    id: &str,
    request: &InitProducerIdRequest<'_>,
) -> Result<ProducerRef, ErrorCode> {
    let claimed = (request.producer_id >= 0).then_some(ProducerRef {
        id: request.producer_id,
        epoch: request.producer_epoch,
    });
    let now = call.shared.now();
    let State {
        transactions,
        producer_ids,
        ..
    } = state;
    let timeout_ms = i64::from(request.transaction_timeout_ms);
    let mut new_id = || producer_ids.next_or_code();
    let (producer, ended) = transactions.init(id, timeout_ms, claimed, now, &mut new_id)?;
    if let Some(ended) = ended {
        marker::write(state, ended, MarkerKind::Abort, now)?;
    }
    Ok(producer)
}
