//! ListGroups.

use crate::broker::api::Call;
use crate::broker::api::text;
use crate::broker::groups::Group;
use crate::protocol::message::Str;
use crate::protocol::message::list_groups::ListGroupsRequest;
use crate::protocol::message::list_groups::ListGroupsResponse;
use crate::protocol::message::list_groups::ListedGroup;

/// The only type of groups that there is here.
const TYPE: &str = "classic";

pub(super) fn answer(
    call: &Call<'_>,
    request: ListGroupsRequest<'_>,
) -> ListGroupsResponse<'static> {
    let state = call.shared.state();
    let is_wanted = |group: &&Group| {
        is_among(&request.states_filter, group.phase.name())
            && is_among(&request.types_filter, TYPE)
    };
    let groups = state.coordinator.groups.values().filter(is_wanted);
    let listed = groups.map(|group| ListedGroup {
        group_id: text(&group.id),
        protocol_type: text(group.protocol_type.as_deref().unwrap_or_default()),
        group_state: text(group.phase.name()),
        group_type: text(TYPE),
    });
    ListGroupsResponse {
        groups: listed.collect(),
        ..Default::default()
    }
}

/// Without a filter all are wanted; case does not count.
fn is_among(filter: &[Str<'_>], name: &str) -> bool {
    filter.is_empty()
        || filter
            .iter()
            .any(|wanted| wanted.eq_ignore_ascii_case(name))
}
