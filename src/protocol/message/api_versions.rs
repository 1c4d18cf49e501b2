//! The ApiVersions API.

use super::Str;

declare! {
    ApiVersions, versions 0-4, flexible 3+: ApiVersionsRequest<'a> => ApiVersionsResponse<'r>;

    /// Asks which APIs and versions the broker knows.
    pub struct ApiVersionsRequest<'a> {
        /// The name of the client, of letters, digits, `-` and `.`; anything else is refused.
        client_software_name: Str<'a>, versions 3+, ignorable;
        /// The version of the client, of letters, digits, `-` and `.`; anything else is refused.
        client_software_version: Str<'a>, versions 3+, ignorable;
    }

    /// Lists the APIs and versions, and the features, that the broker knows.
    pub struct ApiVersionsResponse<'a> {
        /// The error, or 0.
        error_code: i16;
        /// The APIs that the broker serves.
        api_keys: Vec<ApiVersion>;
        /// For how many milliseconds the client must stay silent because of a quota; 0 for none.
        throttle_time_ms: i32, versions 1+, ignorable;
        /// The feature levels that this broker knows.
        supported_features: Vec<SupportedFeatureKey<'a>>, versions 3+, tag 0, ignorable;
        /// Grows with each change of the agreed features; −1 if not known.
        finalized_features_epoch: i64 = -1, versions 3+, tag 1, ignorable;
        /// The feature levels that the cluster as a whole has agreed on.
        finalized_features: Vec<FinalizedFeatureKey<'a>>, versions 3+, tag 2, ignorable;
        /// Whether the broker stands ready to leave ZooKeeper.
        zk_migration_ready: bool, versions 3+, tag 3, ignorable;
    }

    /// One API.
    pub struct ApiVersion {
        /// The code of the API.
        api_key: i16;
        /// The lowest version that the broker knows.
        min_version: i16;
        /// The highest version that the broker knows.
        max_version: i16;
    }

    /// One feature of the broker.
    pub struct SupportedFeatureKey<'a> {
        /// The name of the feature.
        name: Str<'a>;
        /// The lowest version that the broker knows.
        min_version: i16;
        /// The highest version that the broker knows.
        max_version: i16;
    }

    /// One feature of the cluster.
    pub struct FinalizedFeatureKey<'a> {
        /// The name of the feature.
        name: Str<'a>;
        /// The highest level that the cluster has agreed on.
        max_version_level: i16;
        /// The lowest level that the cluster has agreed on.
        min_version_level: i16;
    }
}
