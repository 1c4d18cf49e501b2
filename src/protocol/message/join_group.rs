//! The JoinGroup API.

use super::Blob;
use super::Str;

declare! {
    JoinGroup, versions 0-9, flexible 6+: JoinGroupRequest<'a> => JoinGroupResponse<'r>;

    /// Makes a member part of a classic group's next generation.
    pub struct JoinGroupRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// After how many milliseconds without a heartbeat the member is dead.
        session_timeout_ms: i32;
        /// How long the coordinator waits for this member to join again in a rebalance, in
        /// milliseconds.
        rebalance_timeout_ms: i32 = -1, versions 1+, ignorable;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 5+;
        /// The kind of the group: `consumer` for consumers.
        protocol_type: Str<'a>;
        /// The assignors that the member knows, best first.
        protocols: Vec<JoinGroupRequestProtocol<'a>>;
        /// Why, in words for the broker's log (KIP-800); null for none.
        reason: Option<Str<'a>> = None, versions 8+, ignorable;
    }

    /// One assignor.
    pub struct JoinGroupRequestProtocol<'a> {
        /// The name of the assignor.
        name: Str<'a>;
        /// What the member says about itself, in the bytes of the protocol.
        metadata: Blob<'a>;
    }

    /// Tells a member of the generation it is part of.
    pub struct JoinGroupResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 2+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The generation of the group; −1 if none.
        generation_id: i32 = -1;
        /// The kind of the group: `consumer` for consumers; null if not known.
        protocol_type: Option<Str<'a>> = None, versions 7+, ignorable;
        /// The assignor that the group has agreed on; null before it has.
        protocol_name: Option<Str<'a>>, nullable 7+;
        /// The member id of the group's leader, who assigns.
        leader: Str<'a>;
        /// Whether the leader keeps the assignment that the group has (KIP-814).
        skip_assignment: bool, versions 9+;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The members; for all but the leader empty.
        members: Vec<JoinGroupResponseMember<'a>>;
    }

    /// One member.
    pub struct JoinGroupResponseMember<'a> {
        /// The member.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 5+, ignorable;
        /// What the member said about itself, in the bytes of the protocol.
        metadata: Blob<'a>;
    }
}
