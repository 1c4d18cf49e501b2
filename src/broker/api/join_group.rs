//! JoinGroup: waits until the generation begins.

use bytes::Bytes;

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::groups::JoinReply;
use crate::broker::groups::JoinRequest;
use crate::broker::groups::Membership;
use crate::broker::groups::Offer;
use crate::broker::groups::Reply;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Blob;
use crate::protocol::message::join_group::JoinGroupRequest;
use crate::protocol::message::join_group::JoinGroupRequestProtocol;
use crate::protocol::message::join_group::JoinGroupResponse;
use crate::protocol::message::join_group::JoinGroupResponseMember;

/// From this version on a new member is given its id first (KIP-394).
const ID_FIRST_VERSION_MIN: i16 = 4;
/// From this version on the assignor's name may be null.
const NULL_PROTOCOL_VERSION_MIN: i16 = 7;
/// From this version on a returning leader is told not to assign (KIP-814).
const SKIP_ASSIGNMENT_VERSION_MIN: i16 = 9;

pub(super) async fn answer(
    call: &Call<'_>,
    request: JoinGroupRequest<'_>,
) -> JoinGroupResponse<'static> {
    let member_id = request.member_id.to_string();
    let receiver = {
        let mut state = call.shared.state();
        let (ticket, receiver) = state.ticket();
        let request = read(call, request);
        state.coordinator.join(request, ticket, call.shared.now());
        state.hand_out();
        receiver
    };
    call.shared.deadlines_changed.notify_one();
    let reply = match receiver.await {
        Ok(Reply::Join(reply)) => reply,
        Ok(Reply::Sync(_)) | Err(_) => {
            JoinReply::refused(ErrorCode::COORDINATOR_NOT_AVAILABLE, member_id)
        }
    };
    response(call, reply)
}

fn read(call: &Call<'_>, request: JoinGroupRequest<'_>) -> JoinRequest {
    let session_timeout_ms = i64::from(request.session_timeout_ms);
    let rebalance_timeout_ms = match request.rebalance_timeout_ms {
        -1 => session_timeout_ms,
        said => i64::from(said),
    };
    let offer = |protocol: JoinGroupRequestProtocol<'_>| Offer {
        name: protocol.name.into_owned(),
        metadata: Bytes::from(protocol.metadata.into_owned()),
    };
    JoinRequest {
        group_id: request.group_id.into_owned(),
        member_id: request.member_id.into_owned(),
        instance_id: request.group_instance_id.map(|id| id.into_owned()),
        client_id: call.client_id.to_owned(),
        client_host: call.host.to_owned(),
        session_timeout_ms,
        rebalance_timeout_ms,
        protocol_type: request.protocol_type.into_owned(),
        offers: request.protocols.into_iter().map(offer).collect(),
        membership: if call.version >= ID_FIRST_VERSION_MIN {
            Membership::IdFirst
        } else {
            Membership::AtOnce
        },
    }
}

fn response(call: &Call<'_>, reply: JoinReply) -> JoinGroupResponse<'static> {
    let needs_name = call.version < NULL_PROTOCOL_VERSION_MIN;
    let protocol = reply.protocol.or_else(|| needs_name.then(String::new));
    let members = reply
        .members
        .into_iter()
        .map(|member| JoinGroupResponseMember {
            member_id: text(member.id),
            group_instance_id: member.instance_id.map(text),
            metadata: Blob::Owned(member.metadata.into()),
        });
    JoinGroupResponse {
        error_code: reply.error.0,
        generation_id: reply.generation,
        protocol_type: reply.protocol_type.map(text),
        protocol_name: protocol.map(text),
        leader: text(reply.leader),
        skip_assignment: reply.skip_assignment && call.version >= SKIP_ASSIGNMENT_VERSION_MIN,
        member_id: text(reply.member_id),
        members: members.collect(),
        ..Default::default()
    }
}
