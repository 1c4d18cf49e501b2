//! SyncGroup: waits for the leader's assignment.

use bytes::Bytes;

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::groups::Reply;
use crate::broker::groups::SyncReply;
use crate::broker::groups::SyncRequest;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Blob;
use crate::protocol::message::sync_group::SyncGroupRequest;
use crate::protocol::message::sync_group::SyncGroupRequestAssignment;
use crate::protocol::message::sync_group::SyncGroupResponse;

pub(super) async fn answer(
    call: &Call<'_>,
    request: SyncGroupRequest<'_>,
) -> SyncGroupResponse<'static> {
    let receiver = {
        let mut state = call.shared.state();
        let (ticket, receiver) = state.ticket();
        let request = read(request);
        state.coordinator.sync(request, ticket, call.shared.now());
        state.hand_out();
        receiver
    };
    call.shared.deadlines_changed.notify_one();
    let reply = match receiver.await {
        Ok(Reply::Sync(reply)) => reply,
        Ok(Reply::Join(_)) | Err(_) => SyncReply::refused(ErrorCode::COORDINATOR_NOT_AVAILABLE),
    };
    SyncGroupResponse {
        error_code: reply.error.0,
        protocol_type: reply.protocol_type.map(text),
        protocol_name: reply.protocol.map(text),
        assignment: Blob::Owned(reply.assignment.into()),
        ..Default::default()
    }
}

fn read(request: SyncGroupRequest<'_>) -> SyncRequest {
    let share = |share: SyncGroupRequestAssignment<'_>| {
        let assignment = Bytes::from(share.assignment.into_owned());
        (share.member_id.into_owned(), assignment)
    };
    SyncRequest {
        group_id: request.group_id.into_owned(),
        member_id: request.member_id.into_owned(),
        instance_id: request.group_instance_id.map(|id| id.into_owned()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.map(|name| name.into_owned()),
        protocol: request.protocol_name.map(|name| name.into_owned()),
        assignments: request.assignments.into_iter().map(share).collect(),
    }
}
