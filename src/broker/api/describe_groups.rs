//! DescribeGroups.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::groups::Group;
use crate::broker::groups::Phase;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Blob;
use crate::protocol::message::describe_groups::DescribeGroupsRequest;
use crate::protocol::message::describe_groups::DescribeGroupsResponse;
use crate::protocol::message::describe_groups::DescribedGroup;
use crate::protocol::message::describe_groups::DescribedGroupMember;

/// From this version on an unknown group is an error; before, it is `Dead` (KIP-1043).
const NOT_FOUND_VERSION_MIN: i16 = 6;
/// All that may be done with a group, a bit for each ACL operation: read, delete, describe.
const OPERATIONS: i32 = 0b1_0100_1000;

pub(super) fn answer(
    call: &Call<'_>,
    request: DescribeGroupsRequest<'_>,
) -> DescribeGroupsResponse<'static> {
    let state = call.shared.state();
    let groups = request.groups.iter().map(|id| {
        let known = state.coordinator.groups.get(id.as_ref());
        let mut described = known.map_or_else(|| unknown(call, id), described);
        if request.include_authorized_operations {
            described.authorized_operations = OPERATIONS;
        }
        described
    });
    DescribeGroupsResponse {
        groups: groups.collect(),
        ..Default::default()
    }
}

fn unknown(call: &Call<'_>, id: &str) -> DescribedGroup<'static> {
    let mut group = DescribedGroup {
        group_id: text(id),
        group_state: text("Dead"),
        ..Default::default()
    };
    if call.version >= NOT_FOUND_VERSION_MIN {
        group.error_code = ErrorCode::GROUP_ID_NOT_FOUND.0;
        group.error_message = Some(text(format!("Group {id} not found.")));
    }
    group
}

fn described(group: &Group) -> DescribedGroup<'static> {
    let is_stable = matches!(group.phase, Phase::Stable);
    let protocol = group.protocol.as_deref().filter(|_| is_stable);
    let protocol = protocol.unwrap_or_default();
    let members = group.members.values().map(|member| DescribedGroupMember {
        member_id: text(&member.id),
        group_instance_id: member.instance_id.as_deref().map(text),
        client_id: text(&member.client_id),
        client_host: text(&member.client_host),
        member_metadata: Blob::Owned(member.metadata(protocol).into()),
        member_assignment: Blob::Owned(member.assignment.clone().into()),
    });
    DescribedGroup {
        group_id: text(&group.id),
        group_state: text(group.phase.name()),
        protocol_type: text(group.protocol_type.as_deref().unwrap_or_default()),
        protocol_data: text(protocol),
        members: members.collect(),
        ..Default::default()
    }
}
