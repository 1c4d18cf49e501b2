//! Heartbeat.

use crate::broker::api::Call;
use crate::broker::api::code_of;
use crate::protocol::message::heartbeat::HeartbeatRequest;
use crate::protocol::message::heartbeat::HeartbeatResponse;

pub(super) fn answer(call: &Call<'_>, request: HeartbeatRequest<'_>) -> HeartbeatResponse {
    let now = call.shared.now();
    let outcome = call.shared.state().coordinator.heartbeat(
        &request.group_id,
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
        now,
    );
    HeartbeatResponse {
        error_code: code_of(outcome),
        ..Default::default()
    }
}
