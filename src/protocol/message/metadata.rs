//! The Metadata API.

use super::Str;
use super::Uuid;

declare! {
    Metadata, versions 0-13, flexible 9+: MetadataRequest<'a> => MetadataResponse<'r>;

    /// Asks for the brokers, the topics and their partitions' leaders.
    pub struct MetadataRequest<'a> {
        /// The topics asked for; null for all, except that in version 0 empty means all.
        topics: Option<Vec<MetadataRequestTopic<'a>>>, nullable 1+;
        /// Whether the broker may create the topics that it does not have.
        allow_auto_topic_creation: bool = true, versions 4+;
        /// Whether to tell what the asking user may do on the cluster.
        include_cluster_authorized_operations: bool, versions 8-10;
        /// Whether to tell what the asking user may do on each topic.
        include_topic_authorized_operations: bool, versions 8+;
    }

    /// One topic, by name or by id.
    pub struct MetadataRequestTopic<'a> {
        /// The id of the topic; zeros if asked for by its name.
        topic_id: Uuid, versions 10+, ignorable;
        /// The topic; null if asked for by its id.
        name: Option<Str<'a>>, nullable 10+;
    }

    /// Describes the cluster as the answering broker knows it.
    pub struct MetadataResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 3+, ignorable;
        /// The brokers of the cluster that are alive.
        brokers: Vec<MetadataResponseBroker<'a>>;
        /// The id of the cluster; null if the broker does not know it.
        cluster_id: Option<Str<'a>> = None, versions 2+, ignorable;
        /// The id of the controller broker; −1 if not known.
        controller_id: i32 = -1, versions 1+, ignorable;
        /// The topics.
        topics: Vec<MetadataResponseTopic<'a>>;
        /// The operations that the asking user may do on the cluster, as a bit field by ACL
        /// operation code; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 = i32::MIN, versions 8-10;
        /// The error, or 0.
        error_code: i16, versions 13+, ignorable;
    }

    /// One broker.
    pub struct MetadataResponseBroker<'a> {
        /// The id of the broker.
        node_id: i32;
        /// The host name or address.
        host: Str<'a>;
        /// The port.
        port: i32;
        /// The rack; null if none is set.
        rack: Option<Str<'a>> = None, versions 1+, ignorable;
    }

    /// One topic.
    pub struct MetadataResponseTopic<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The topic; null if it was asked for by an id that is not known.
        name: Option<Str<'a>>, nullable 12+;
        /// The id of the topic.
        topic_id: Uuid, versions 10+, ignorable;
        /// Whether the topic is one of Kafka's own.
        is_internal: bool, versions 1+, ignorable;
        /// The partitions.
        partitions: Vec<MetadataResponsePartition>;
        /// The operations that the asking user may do on the topic, as a bit field by ACL operation
        /// code; `i32::MIN` if not asked for.
        topic_authorized_operations: i32 = i32::MIN, versions 8+;
    }

    /// One partition.
    pub struct MetadataResponsePartition {
        /// The error, or 0.
        error_code: i16;
        /// The partition.
        partition_index: i32;
        /// The id of the leader; −1 if there is none.
        leader_id: i32;
        /// The epoch of the partition's leader; −1 if not known.
        leader_epoch: i32 = -1, versions 7+, ignorable;
        /// All replicas, preferred leader first.
        replica_nodes: Vec<i32>;
        /// The in-sync replicas.
        isr_nodes: Vec<i32>;
        /// The replicas that are offline.
        offline_replicas: Vec<i32>, versions 5+, ignorable;
    }
}
