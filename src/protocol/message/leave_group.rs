//! The LeaveGroup API.

use super::Str;

declare! {
    LeaveGroup, versions 0-5, flexible 4+: LeaveGroupRequest<'a> => LeaveGroupResponse<'r>;

    /// Takes members out of a classic group.
    pub struct LeaveGroupRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>, versions 0-2;
        /// The members that leave.
        members: Vec<MemberIdentity<'a>>, versions 3+;
    }

    /// A member that leaves.
    pub struct MemberIdentity<'a> {
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None;
        /// Why, in words for the broker's log (KIP-800); null for none.
        reason: Option<Str<'a>> = None, versions 5+, ignorable;
    }

    /// Tells which members of a [`LeaveGroupRequest`] are out.
    pub struct LeaveGroupResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The members.
        members: Vec<MemberResponse<'a>>, versions 3+;
    }

    /// The answer for one member.
    pub struct MemberResponse<'a> {
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>>;
        /// The error, or 0.
        error_code: i16;
    }
}
