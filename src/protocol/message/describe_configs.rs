//! The DescribeConfigs API.

use super::Str;

declare! {
    DescribeConfigs, versions 1-4, flexible 4+: DescribeConfigsRequest<'a>
        => DescribeConfigsResponse<'r>;

    /// Asks for the settings of topics, brokers and other resources.
    pub struct DescribeConfigsRequest<'a> {
        /// The resources.
        resources: Vec<DescribeConfigsResource<'a>>;
        /// Whether to tell where else the settings could be set.
        include_synonyms: bool;
        /// Whether to tell what each setting does.
        include_documentation: bool, versions 3+;
    }

    /// One resource.
    pub struct DescribeConfigsResource<'a> {
        /// The kind of the resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32
        /// group.
        resource_type: i8;
        /// The name of the resource.
        resource_name: Str<'a>;
        /// The names of the wanted settings; null for all.
        configuration_keys: Option<Vec<Str<'a>>>;
    }

    /// Holds the settings that a [`DescribeConfigsRequest`] asked for.
    pub struct DescribeConfigsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The answers.
        results: Vec<DescribeConfigsResult<'a>>;
    }

    /// The settings of one resource.
    pub struct DescribeConfigsResult<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
        /// The kind of the resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32
        /// group.
        resource_type: i8;
        /// The name of the resource.
        resource_name: Str<'a>;
        /// The settings.
        configs: Vec<DescribeConfigsResourceResult<'a>>;
    }

    /// One setting.
    pub struct DescribeConfigsResourceResult<'a> {
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
        /// All places where the setting may be set, the one in force first; empty if not asked for.
        synonyms: Vec<DescribeConfigsSynonym<'a>>;
        /// The type of the value, as Kafka's `ConfigType` codes: 1 boolean, 2 string, 3 int, 4
        /// short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8, versions 3+, ignorable;
        /// What the setting does; null if not asked for.
        documentation: Option<Str<'a>>, versions 3+, ignorable;
    }

    /// One place where the setting may be set.
    pub struct DescribeConfigsSynonym<'a> {
        /// The name of the synonym.
        name: Str<'a>;
        /// The value; null for none.
        value: Option<Str<'a>>;
        /// Where the value comes from, as in `config_source`.
        source: i8;
    }
}
