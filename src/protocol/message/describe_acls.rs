//! The DescribeAcls API.

use super::Str;

declare! {
    DescribeAcls, versions 1-3, flexible 2+: DescribeAclsRequest<'a> => DescribeAclsResponse<'r>;

    /// Asks for the access rules that match a filter.
    pub struct DescribeAclsRequest<'a> {
        /// The kind of the resource: 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6
        /// delegation token, 7 user.
        resource_type_filter: i8;
        /// Only rules for resources of this name; null for all.
        resource_name_filter: Option<Str<'a>>;
        /// How the name is meant: 1 any, 2 matching, 3 literally, 4 as a prefix.
        pattern_type_filter: i8 = 3;
        /// Only rules for this user, as `User:name`; null for all.
        principal_filter: Option<Str<'a>>;
        /// Only rules for this host; null for all.
        host_filter: Option<Str<'a>>;
        /// The ACL operation: 1 any, 2 all, then read, write, create, delete, alter, describe and
        /// so on.
        operation: i8;
        /// 1 any, 2 deny, 3 allow.
        permission_type: i8;
    }

    /// Holds what a [`DescribeAclsRequest`] asked for.
    pub struct DescribeAclsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
        /// The resources.
        resources: Vec<DescribeAclsResource<'a>>;
    }

    /// The rules of one resource.
    pub struct DescribeAclsResource<'a> {
        /// The kind of the resource: 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation
        /// token, 7 user.
        resource_type: i8;
        /// The name of the resource.
        resource_name: Str<'a>;
        /// How the name is meant: 3 literally, 4 as a prefix.
        pattern_type: i8 = 3;
        /// The access rules.
        acls: Vec<AclDescription<'a>>;
    }

    /// One rule.
    pub struct AclDescription<'a> {
        /// The user, as `User:name`.
        principal: Str<'a>;
        /// The host name or address.
        host: Str<'a>;
        /// The ACL operation: 1 any, 2 all, then read, write, create, delete, alter, describe and
        /// so on.
        operation: i8;
        /// 2 deny, 3 allow.
        permission_type: i8;
    }
}
