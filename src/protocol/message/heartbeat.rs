//! The Heartbeat API.

use super::Str;

declare! {
    Heartbeat, versions 0-4, flexible 4+: HeartbeatRequest<'a> => HeartbeatResponse;

    /// Tells the coordinator of a classic group that a member is alive.
    pub struct HeartbeatRequest<'a> {
        /// The group.
        group_id: Str<'a>;
        /// The generation of the group; −1 if none.
        generation_id: i32;
        /// The member; empty before the coordinator has given an id.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 3+;
    }

    /// Tells the member whether a rebalance is on.
    pub struct HeartbeatResponse {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The error, or 0.
        error_code: i16;
    }
}
