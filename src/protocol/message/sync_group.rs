//! The SyncGroup API.

use super::Blob;
use super::Str;

declare! {
    SyncGroup, versions 0-5, flexible 4+: SyncGroupRequest<'a> => SyncGroupResponse<'r>;

    /// Asks for a member's assignment, and from the leader brings everyone's.
    pub struct SyncGroupRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The generation of the group; −1 if none.
        generation_id: i32;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 3+;
        /// The kind of the group: `consumer` for consumers; null if not known.
        protocol_type: Option<Str<'a>> = None, versions 5+, ignorable;
        /// The assignor that the group has agreed on; null before it has.
        protocol_name: Option<Str<'a>> = None, versions 5+, ignorable;
        /// What each member is assigned; from all but the leader empty.
        assignments: Vec<SyncGroupRequestAssignment<'a>>;
    }

    /// The assignment of one member.
    pub struct SyncGroupRequestAssignment<'a> {
        /// The member.
        member_id: Str<'a>;
        /// What the member is assigned, in the bytes of the group's protocol.
        assignment: Blob<'a>;
    }

    /// Holds the member's assignment.
    pub struct SyncGroupResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The kind of the group: `consumer` for consumers; null if not known.
        protocol_type: Option<Str<'a>> = None, versions 5+, ignorable;
        /// The assignor that the group has agreed on; null before it has.
        protocol_name: Option<Str<'a>> = None, versions 5+, ignorable;
        /// What the member is assigned, in the bytes of the group's protocol.
        assignment: Blob<'a>;
    }
}
