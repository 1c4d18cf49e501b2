//! Which versions of which APIs a broker speaks, and which features its cluster has agreed on.

use std::collections::BTreeMap;

use crate::protocol::message::ApiKey;
use crate::protocol::message::Request;
use crate::protocol::message::Versions;
use crate::protocol::message::api_versions::ApiVersionsResponse;

/// What one broker answered to ApiVersions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerVersions {
    ranges: BTreeMap<i16, Versions>,
    features: BTreeMap<String, i16>,
}

impl BrokerVersions {
    pub(crate) fn new(response: &ApiVersionsResponse<'_>) -> Self {
        let ranges = response.api_keys.iter().map(|api| {
            let versions = Versions {
                min: api.min_version,
                max: api.max_version,
            };
            (api.api_key, versions)
        });
        let features = response.finalized_features.iter();
        let features =
            features.map(|feature| (feature.name.to_string(), feature.max_version_level));
        Self {
            ranges: ranges.collect(),
            features: features.collect(),
        }
    }

    /// The level of a feature that the cluster as a whole has agreed on (KIP-584); 0 where it has
    /// not, or tells nothing.
    #[must_use]
    pub fn feature(&self, name: &str) -> i16 {
        self.features.get(name).copied().unwrap_or(0)
    }

    /// The broker's range; `None` where it lacks the API.
    #[must_use]
    pub fn offered(&self, api: ApiKey) -> Option<Versions> {
        self.ranges.get(&api.code()).copied()
    }

    /// The highest version that both sides speak; `None` if there is none.
    #[must_use]
    pub fn highest<'a, R: Request<'a>>(&self) -> Option<i16> {
        self.highest_of(R::API_KEY, R::VERSIONS)
    }

    /// The highest version in `ours` that the broker speaks; `None` if there is none.
    #[must_use]
    pub fn highest_of(&self, api: ApiKey, ours: Versions) -> Option<i16> {
        let common = self.offered(api)?.intersect(ours);
        (!common.is_empty()).then_some(common.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::message::api_versions::ApiVersion;

    #[test]
    fn the_highest_common_version_is_taken_and_a_flipped_range_is_none() {
        let of = |api_key, min_version, max_version| ApiVersion {
            api_key,
            min_version,
            max_version,
        };
        let response = ApiVersionsResponse {
            api_keys: vec![of(0, 3, 9), of(1, 12, 4), of(3, 0, 99)],
            ..ApiVersionsResponse::default()
        };
        let broker = BrokerVersions::new(&response);
        let ours = Versions { min: 3, max: 13 };
        assert_eq!(broker.highest_of(ApiKey::Produce, ours), Some(9));
        assert_eq!(broker.highest_of(ApiKey::Fetch, ours), None);
        assert_eq!(broker.highest_of(ApiKey::Metadata, ours), Some(13));
        assert_eq!(
            broker.highest_of(ApiKey::ListOffsets, ours),
            None,
            "not offered"
        );
    }
}
