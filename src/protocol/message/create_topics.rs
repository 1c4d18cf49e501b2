//! The CreateTopics API.

use super::Str;
use super::Uuid;

declare! {
    CreateTopics, versions 2-7, flexible 5+: CreateTopicsRequest<'a> => CreateTopicsResponse<'r>;

    /// Creates topics.
    pub struct CreateTopicsRequest<'a> {
        /// The topics.
        topics: Vec<CreatableTopic<'a>>;
        /// How long the broker may take, in milliseconds.
        timeout_ms: i32 = 60000;
        /// Whether to check the request without doing it.
        validate_only: bool;
    }

    /// One topic to create.
    pub struct CreatableTopic<'a> {
        /// The topic.
        name: Str<'a>;
        /// The number of partitions; −1 for the broker's default, or with assignments given.
        num_partitions: i32;
        /// The number of replicas; −1 for the broker's default, or with assignments given.
        replication_factor: i16;
        /// Which brokers hold the replicas of which partition; empty lets the broker choose.
        assignments: Vec<CreatableReplicaAssignment>;
        /// The settings.
        configs: Vec<CreatableTopicConfig<'a>>;
    }

    /// The replicas of one partition.
    pub struct CreatableReplicaAssignment {
        /// The partition.
        partition_index: i32;
        /// The brokers that hold the replicas, preferred leader first.
        broker_ids: Vec<i32>;
    }

    /// One setting of the new topic.
    pub struct CreatableTopicConfig<'a> {
        /// The name of the setting.
        name: Str<'a>;
        /// The value; null for none.
        value: Option<Str<'a>>;
    }

    /// Tells which topics of a [`CreateTopicsRequest`] were created.
    pub struct CreateTopicsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The topics.
        topics: Vec<CreatableTopicResult<'a>>;
    }

    /// The answer for one topic.
    pub struct CreatableTopicResult<'a> {
        /// The topic.
        name: Str<'a>;
        /// The id of the topic.
        topic_id: Uuid, versions 7+, ignorable;
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
        /// The error that kept the settings out of the answer, or 0.
        topic_config_error_code: i16, versions 5+, tag 0, ignorable;
        /// The number of partitions; −1 if not known.
        num_partitions: i32 = -1, versions 5+, ignorable;
        /// The number of replicas; −1 if not known.
        replication_factor: i16 = -1, versions 5+, ignorable;
        /// The settings of the new topic; null if the asking user may not see them.
        configs: Option<Vec<CreatableTopicConfigs<'a>>>, versions 5+, ignorable;
    }

    /// One setting of the new topic.
    pub struct CreatableTopicConfigs<'a> {
        /// The name of the setting.
        name: Str<'a>;
        /// The value; null for none.
        value: Option<Str<'a>>;
        /// Whether the setting cannot be changed.
        read_only: bool;
        /// Where the value comes from, as Kafka's `ConfigSource` codes: 1 topic, 2 broker, 3
        /// default for all brokers, 4 broker file, 5 default, 6 broker logger, 7 client metrics, 8
        /// group.
        config_source: i8 = -1;
        /// Whether the value is secret, and therefore null.
        is_sensitive: bool;
    }
}
