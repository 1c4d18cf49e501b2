//! The DescribeGroups API.

use super::Blob;
use super::Str;

declare! {
    DescribeGroups, versions 0-6, flexible 5+: DescribeGroupsRequest<'a>
        => DescribeGroupsResponse<'r>;

    /// Asks for the state and members of classic groups.
    pub struct DescribeGroupsRequest<'a> {
        /// The groups.
        groups: Vec<Str<'a>>;
        /// Whether to tell what the asking user may do.
        include_authorized_operations: bool, versions 3+;
    }

    /// Holds what a [`DescribeGroupsRequest`] asked for.
    pub struct DescribeGroupsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The groups.
        groups: Vec<DescribedGroup<'a>>;
    }

    /// One group.
    pub struct DescribedGroup<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None, versions 6+;
        /// The group.
        group_id: Str<'a>;
        /// The state of the group, in Kafka's words.
        group_state: Str<'a>;
        /// The kind of the group: `consumer` for consumers.
        protocol_type: Str<'a>;
        /// The assignor that the group has agreed on.
        protocol_data: Str<'a>;
        /// The members.
        members: Vec<DescribedGroupMember<'a>>;
        /// The operations that the asking user may do, as a bit field by ACL operation code;
        /// `i32::MIN` if not asked for.
        authorized_operations: i32 = i32::MIN, versions 3+;
    }

    /// One member.
    pub struct DescribedGroupMember<'a> {
        /// The member.
        member_id: Str<'a>;
        /// The name that a static member keeps over restarts; null for a dynamic member.
        group_instance_id: Option<Str<'a>> = None, versions 4+, ignorable;
        /// The client id that the member gave in its request header.
        client_id: Str<'a>;
        /// The host that the member speaks from.
        client_host: Str<'a>;
        /// What the member said when it joined, in the bytes of the group's protocol.
        member_metadata: Blob<'a>;
        /// What the member is assigned, in the bytes of the group's protocol.
        member_assignment: Blob<'a>;
    }
}
