//! AddOffsetsToTxn: a transaction is about to commit offsets of a group.

use crate::broker::api::Call;
use crate::broker::transactions::ProducerRef;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::protocol::message::add_offsets_to_txn::AddOffsetsToTxnResponse;

/// From this version on a fenced producer is told so (KIP-588).
const FENCED_VERSION_MIN: i16 = 2;

pub(super) fn answer(
    call: &Call<'_>,
    request: AddOffsetsToTxnRequest<'_>,
) -> AddOffsetsToTxnResponse {
    let producer = ProducerRef {
        id: request.producer_id,
        epoch: request.producer_epoch,
    };
    let now = call.shared.now();
    let mut state = call.shared.state();
    let opened = state
        .transactions
        .open(&request.transactional_id, producer, now);
    let opened = opened.map(|open| {
        open.offsets
            .entry(request.group_id.to_string())
            .or_default();
    });
    drop(state);
    call.shared.deadlines_changed.notify_one();
    AddOffsetsToTxnResponse {
        error_code: opened
            .err()
            .map_or(ErrorCode::NONE, |error| {
                call.fenced(error, FENCED_VERSION_MIN)
            })
            .0,
        ..Default::default()
    }
}
