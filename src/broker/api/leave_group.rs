//! LeaveGroup: one member, or several since v3.

use crate::broker::api::Call;
use crate::broker::api::code_of;
use crate::broker::api::text;
use crate::protocol::message::leave_group::LeaveGroupRequest;
use crate::protocol::message::leave_group::LeaveGroupResponse;
use crate::protocol::message::leave_group::MemberResponse;

/// From this version on members leave in batches (KIP-345).
const BATCH_VERSION_MIN: i16 = 3;

pub(super) fn answer(
    call: &Call<'_>,
    request: LeaveGroupRequest<'_>,
) -> LeaveGroupResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let mut leave = |member_id: &str, instance_id: Option<&str>| {
        let group_id = &request.group_id;
        code_of(
            state
                .coordinator
                .leave(group_id, member_id, instance_id, now),
        )
    };
    let response = if call.version < BATCH_VERSION_MIN {
        LeaveGroupResponse {
            error_code: leave(&request.member_id, None),
            ..Default::default()
        }
    } else {
        let members = request.members.iter().map(|member| MemberResponse {
            member_id: text(member.member_id.as_ref()),
            group_instance_id: member.group_instance_id.as_deref().map(text),
            error_code: leave(&member.member_id, member.group_instance_id.as_deref()),
        });
        LeaveGroupResponse {
            members: members.collect(),
            ..Default::default()
        }
    };
    state.hand_out();
    drop(state);
    call.shared.deadlines_changed.notify_one();
    response
}
