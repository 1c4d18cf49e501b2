//! The FindCoordinator API.

use super::Str;

declare! {
    FindCoordinator, versions 0-6, flexible 3+: FindCoordinatorRequest<'a>
        => FindCoordinatorResponse<'r>;

    /// Asks which broker coordinates groups or transactions.
    pub struct FindCoordinatorRequest<'a> {
        /// The group, transactional id or share partition to look up.
        key: Str<'a>, versions 0-3;
        /// What the keys are: 0 groups, 1 transactional ids, 2 share partitions.
        key_type: i8, versions 1+;
        /// The groups, transactional ids or share partitions to look up.
        coordinator_keys: Vec<Str<'a>>, versions 4+;
    }

    /// Names the coordinators that a [`FindCoordinatorRequest`] asked for.
    pub struct FindCoordinatorResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The error, or 0.
        error_code: i16, versions 0-3;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>, versions 1-3, ignorable;
        /// The id of the broker; −1 if there is none.
        node_id: i32, versions 0-3;
        /// The host name or address.
        host: Str<'a>, versions 0-3;
        /// The port.
        port: i32, versions 0-3;
        /// One answer per key.
        coordinators: Vec<Coordinator<'a>>, versions 4+;
    }

    /// The coordinator of one key.
    pub struct Coordinator<'a> {
        /// The key that was looked up.
        key: Str<'a>;
        /// The id of the broker; −1 if there is none.
        node_id: i32;
        /// The host name or address.
        host: Str<'a>;
        /// The port.
        port: i32;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
    }
}
