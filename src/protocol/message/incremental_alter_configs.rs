//! The IncrementalAlterConfigs API.

use super::Str;

declare! {
    IncrementalAlterConfigs, versions 0-1, flexible 1+: IncrementalAlterConfigsRequest<'a>
        => IncrementalAlterConfigsResponse<'r>;

    /// Changes single settings of resources.
    pub struct IncrementalAlterConfigsRequest<'a> {
        /// The resources.
        resources: Vec<AlterConfigsResource<'a>>;
        /// Whether to check the request without doing it.
        validate_only: bool;
    }

    /// One resource.
    pub struct AlterConfigsResource<'a> {
        /// The kind of the resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32
        /// group.
        resource_type: i8;
        /// The name of the resource.
        resource_name: Str<'a>;
        /// The settings.
        configs: Vec<AlterableConfig<'a>>;
    }

    /// One setting.
    pub struct AlterableConfig<'a> {
        /// The name of the setting.
        name: Str<'a>;
        /// What to do: 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
        config_operation: i8;
        /// The value; null for none.
        value: Option<Str<'a>>;
    }

    /// Tells which settings were changed.
    pub struct IncrementalAlterConfigsResponse<'a> {
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32;
        /// The answers.
        responses: Vec<AlterConfigsResourceResponse<'a>>;
    }

    /// The answer for one resource.
    pub struct AlterConfigsResourceResponse<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The error in words; null for none.
        error_message: Option<Str<'a>>;
        /// The kind of the resource: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32
        /// group.
        resource_type: i8;
        /// The name of the resource.
        resource_name: Str<'a>;
    }
}
