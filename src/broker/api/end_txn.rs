//! EndTxn: a transaction is committed or aborted.

use crate::broker::api::Call;
use crate::broker::marker;
use crate::broker::transactions::ProducerRef;
use crate::protocol::control_record::MarkerKind;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::end_txn::EndTxnRequest;
use crate::protocol::message::end_txn::EndTxnResponse;

/// From this version on a fenced producer is told so (KIP-588).
const FENCED_VERSION_MIN: i16 = 2;

pub(super) fn answer(call: &Call<'_>, request: EndTxnRequest<'_>) -> EndTxnResponse {
    let error = end(call, &request).err();
    EndTxnResponse {
        error_code: error
            .map_or(ErrorCode::NONE, |error| {
                call.fenced(error, FENCED_VERSION_MIN)
            })
            .0,
        ..Default::default()
    }
}

fn end(call: &Call<'_>, request: &EndTxnRequest<'_>) -> Result<(), ErrorCode> {
    let producer = ProducerRef {
        id: request.producer_id,
        epoch: request.producer_epoch,
    };
    let kind = if request.committed {
        MarkerKind::Commit
    } else {
        MarkerKind::Abort
    };
    let now = call.shared.now();
    let mut state = call.shared.state();
    let id = &request.transactional_id;
    match state.transactions.end(id, producer, now)? {
        Some(ended) => marker::write(&mut state, ended, kind, now),
        None => Ok(()),
    }
}
