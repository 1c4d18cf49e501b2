//! The DescribeCluster API.

use super::Str;

declare! {
    DescribeCluster, versions 0-2, flexible 0+: DescribeClusterRequest
        => DescribeClusterResponse<'r>;

    /// Asks for the brokers or controllers of the cluster.
    pub struct DescribeClusterRequest {
        /// Whether to tell what the asking user may do on the cluster.
        include_cluster_authorized_operations: bool;
        /// Which side is meant: 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, versions 1+;
        /// Whether to list brokers that are fenced too.
        include_fenced_brokers: bool, versions 2+;
    }

    /// Describes the cluster.
    pub struct DescribeClusterResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>> = None;
        /// Which side is meant: 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, versions 1+;
        /// The id of the cluster; null if the broker does not know it.
        cluster_id: Str<'a>;
        /// The id of the controller; −1 if not known.
        controller_id: i32 = -1;
        /// The brokers of the cluster that are alive.
        brokers: Vec<DescribeClusterBroker<'a>>;
        /// The operations that the asking user may do on the cluster, as a bit field by ACL
        /// operation code; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 = i32::MIN;
    }

    /// One broker or controller.
    pub struct DescribeClusterBroker<'a> {
        /// The id of the broker.
        broker_id: i32;
        /// The host name or address.
        host: Str<'a>;
        /// The port.
        port: i32;
        /// The rack; null if none is set.
        rack: Option<Str<'a>> = None;
        /// Whether the broker is fenced.
        is_fenced: bool, versions 2+;
    }
}
