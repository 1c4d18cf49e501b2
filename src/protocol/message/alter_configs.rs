//! The AlterConfigs API.

use super::Str;

declare! {
    AlterConfigs, versions 0-2, flexible 2+: AlterConfigsRequest<'a> => AlterConfigsResponse<'r>;

    /// Replaces all settings of resources; those not named go back to their defaults.
    pub struct AlterConfigsRequest<'a> {
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
        /// The value; null for none.
        value: Option<Str<'a>>;
    }

    /// Tells which settings were altered.
    pub struct AlterConfigsResponse<'a> {
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
