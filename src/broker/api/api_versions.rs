//! ApiVersions: which APIs and versions are served.

use crate::broker::api::Answer;
use crate::broker::api::Call;
use crate::broker::api::RequestError;
use crate::broker::api::SERVED;
use crate::broker::api::end_frame;
use crate::broker::api::served;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::api_versions::ApiVersion;
use crate::protocol::message::api_versions::ApiVersionsRequest;
use crate::protocol::message::api_versions::ApiVersionsResponse;

/// Versions that are announced below those that are served: librdkafka takes a broker that does
/// not announce Produce v0 for one that knows no compression (KAFKA-18659).
const PRODUCE_ANNOUNCED_MIN: i16 = 0;

pub(super) fn answer(_: &Call<'_>, _: ApiVersionsRequest<'_>) -> ApiVersionsResponse<'static> {
    ApiVersionsResponse {
        api_keys: SERVED.iter().copied().map(announced).collect(),
        finalized_features_epoch: 0,
        ..Default::default()
    }
}

fn announced(api_key: ApiKey) -> ApiVersion {
    let versions = served(api_key);
    let min_version = match api_key {
        ApiKey::Produce => PRODUCE_ANNOUNCED_MIN,
        _ => versions.min,
    };
    ApiVersion {
        api_key: api_key.code(),
        min_version,
        max_version: versions.max,
    }
}

/// Answers a request of an unknown version in version 0, with the versions that it may have
/// (KIP-511).
pub(super) fn refuse_version(
    correlation_id: i32,
    out: &mut Vec<u8>,
) -> Result<Answer, RequestError> {
    let response = ApiVersionsResponse {
        error_code: ErrorCode::UNSUPPORTED_VERSION.0,
        api_keys: vec![announced(ApiKey::ApiVersions)],
        ..Default::default()
    };
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&correlation_id.to_be_bytes());
    response.write(0, out)?;
    end_frame(out)?;
    Ok(Answer::Send)
}
