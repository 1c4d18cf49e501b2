//! FindCoordinator: it is always this broker.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::state::NODE_ID;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::find_coordinator::Coordinator;
use crate::protocol::message::find_coordinator::FindCoordinatorRequest;
use crate::protocol::message::find_coordinator::FindCoordinatorResponse;

/// From this version on several are asked for at a time (KIP-699).
const BATCH_VERSION_MIN: i16 = 4;
/// `key_type` of groups.
const GROUP: i8 = 0;
/// `key_type` of transactions.
const TRANSACTION: i8 = 1;

pub(super) fn answer(
    call: &Call<'_>,
    request: FindCoordinatorRequest<'_>,
) -> FindCoordinatorResponse<'static> {
    let one = |key: &str| coordinator(call, request.key_type, key);
    if call.version >= BATCH_VERSION_MIN {
        return FindCoordinatorResponse {
            coordinators: request
                .coordinator_keys
                .iter()
                .map(|key| one(key))
                .collect(),
            ..Default::default()
        };
    }
    let found = one(&request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

fn coordinator(call: &Call<'_>, key_type: i8, key: &str) -> Coordinator<'static> {
    let error = match key_type {
        GROUP | TRANSACTION => ErrorCode::NONE,
        _ => ErrorCode::INVALID_REQUEST,
    };
    if error != ErrorCode::NONE {
        return Coordinator {
            key: text(key),
            node_id: -1,
            port: -1,
            error_code: error.0,
            error_message: Some(text(error.description())),
            ..Default::default()
        };
    }
    Coordinator {
        key: text(key),
        node_id: NODE_ID,
        host: text(&call.shared.host),
        port: i32::from(call.shared.port),
        error_code: ErrorCode::NONE.0,
        error_message: None,
    }
}
