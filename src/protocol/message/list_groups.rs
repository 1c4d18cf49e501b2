//! The ListGroups API.

use super::Str;

declare! {
    ListGroups, versions 0-5, flexible 3+: ListGroupsRequest<'a> => ListGroupsResponse<'r>;

    /// Asks for the groups that a broker coordinates.
    pub struct ListGroupsRequest<'a> {
        /// Only groups in these states; empty for all.
        states_filter: Vec<Str<'a>>, versions 4+;
        /// Only groups of these kinds; empty for all.
        types_filter: Vec<Str<'a>>, versions 5+;
    }

    /// Lists the groups that the broker coordinates.
    pub struct ListGroupsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The groups.
        groups: Vec<ListedGroup<'a>>;
    }

    /// One group.
    pub struct ListedGroup<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The kind of the group: `consumer` for consumers; empty for offsets without members.
        protocol_type: Str<'a>;
        /// The state of the group, in Kafka's words.
        group_state: Str<'a>, versions 4+, ignorable;
        /// The kind of the group, in Kafka's words: `classic`, `consumer`, `share` or `streams`.
        group_type: Str<'a>, versions 5+, ignorable;
    }
}
