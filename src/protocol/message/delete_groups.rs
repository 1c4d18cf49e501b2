//! The DeleteGroups API.

use super::Str;

declare! {
    DeleteGroups, versions 0-2, flexible 2+: DeleteGroupsRequest<'a> => DeleteGroupsResponse<'r>;

    /// Deletes groups, with their offsets.
    pub struct DeleteGroupsRequest<'a> {
        /// The groups to delete.
        groups_names: Vec<Str<'a>>;
    }

    /// Tells which groups of a [`DeleteGroupsRequest`] were deleted.
    pub struct DeleteGroupsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The answers.
        results: Vec<DeletableGroupResult<'a>>;
    }

    /// The answer for one group.
    pub struct DeletableGroupResult<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The error, or 0.
        error_code: i16;
    }
}
