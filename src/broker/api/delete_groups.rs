//! DeleteGroups.

use crate::broker::api::Call;
use crate::broker::api::code_of;
use crate::broker::api::text;
use crate::broker::offsets_topic;
use crate::broker::state::State;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::delete_groups::DeletableGroupResult;
use crate::protocol::message::delete_groups::DeleteGroupsRequest;
use crate::protocol::message::delete_groups::DeleteGroupsResponse;
use crate::record::Timestamp;

pub(super) fn answer(
    call: &Call<'_>,
    request: DeleteGroupsRequest<'_>,
) -> DeleteGroupsResponse<'static> {
    let now = call.shared.now();
    let mut state = call.shared.state();
    let results = request.groups_names.iter().map(|id| DeletableGroupResult {
        group_id: text(id.as_ref()),
        error_code: code_of(delete(&mut state, id, now)),
    });
    DeleteGroupsResponse {
        results: results.collect(),
        ..Default::default()
    }
}

fn delete(state: &mut State, id: &str, now: Timestamp) -> Result<(), ErrorCode> {
    state.coordinator.check_deletable(id)?;
    let group = state.coordinator.groups.get(id);
    let partitions = group.into_iter().flat_map(|group| group.offsets.keys());
    let forgotten = partitions.map(|partition| (partition.clone(), None));
    let forgotten = forgotten.collect();
    offsets_topic::commit(state, id, forgotten, now)?;
    state.coordinator.groups.remove(id);
    Ok(())
}
