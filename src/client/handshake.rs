//! What happens on a fresh stream before it carries requests: versions, then authentication.

use std::sync::Arc;
use std::time::Duration;

use rskafka::client::Credentials;
use rskafka::client::OauthBearerCredentials;
use rskafka::client::SaslConfig;
use rskafka::messenger::SaslError;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::client::address::BrokerAddress;
use crate::client::broker_versions::BrokerVersions;
use crate::client::connect_error::ConnectError;
use crate::client::dial::BoxedStream;
use crate::client::dial::Dial;
use crate::client::security::Login;
use crate::client::security::Mechanism;
use crate::client::wire::Wire;
use crate::client::wire::root_cause;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::Request;
use crate::protocol::message::Versions;
use crate::protocol::message::WriteError;
use crate::protocol::message::api_versions::ApiVersionsRequest;
use crate::protocol::message::api_versions::ApiVersionsResponse;
use crate::protocol::message::header;
use crate::protocol::message::header::RequestHeader;

/// What every connection of a client has in common.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// Our name.
    pub client_id: Arc<str>,
    /// What to show, where the cluster wants it.
    pub login: Option<Login>,
    /// The longest until a connection is usable.
    pub timeout: Duration,
    /// The largest frame accepted.
    pub frame_bytes_max: usize,
    /// After this time unused a connection is closed.
    pub idle: Duration,
}

/// A stream whose peer is a broker, ready for requests.
#[derive(Debug)]
pub(crate) struct Handshaken {
    pub(crate) wire: Wire,
    pub(crate) versions: Arc<BrokerVersions>,
}

/// A stream taken back from Messenger after the handshake, for reading in bulk.
pub(crate) struct BareLink {
    /// The stream; no answer is outstanding.
    pub stream: BoxedStream,
    /// What the broker speaks.
    pub versions: Arc<BrokerVersions>,
}

impl std::fmt::Debug for BareLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BareLink")
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

/// A request frame without its length prefix; the correlation id is 0.
///
/// # Errors
///
/// [`WriteError`] if this version cannot carry the request: the caller's fault.
pub(crate) fn encode<'a, R: Request<'a>>(
    request: &R,
    version: i16,
    client_id: &str,
) -> Result<Vec<u8>, WriteError> {
    encode_into(Vec::new(), request, version, client_id)
}

/// As [`encode`], into `out`, which is empty and may have room already.
///
/// # Errors
///
/// As [`encode`].
pub(crate) fn encode_into<'a, R: Request<'a>>(
    mut out: Vec<u8>,
    request: &R,
    version: i16,
    client_id: &str,
) -> Result<Vec<u8>, WriteError> {
    let header = RequestHeader {
        api_key: R::API_KEY,
        api_version: version,
        correlation_id: 0,
        client_id: Some(client_id.into()),
    };
    header.write(&mut out)?;
    request.write(version, &mut out)?;
    Ok(out)
}

/// Dials, negotiates versions and authenticates, all before `options.timeout` is over.
///
/// # Errors
///
/// [`ConnectError`] names the step that failed.
pub(crate) async fn connect(
    dial: &dyn Dial,
    address: &BrokerAddress,
    options: &ConnectOptions,
) -> Result<Handshaken, ConnectError> {
    let deadline = Instant::now() + options.timeout;
    let silent = |step| ConnectError::Silent {
        address: address.clone(),
        step,
        after: options.timeout,
    };
    let dialled = timeout_at(deadline, dial.dial(address)).await;
    let stream = dialled
        .map_err(|_| silent("opening the connection"))?
        .map_err(|source| ConnectError::Dial {
            address: address.clone(),
            source,
        })?;
    let mut wire = Wire::new(stream, &options.client_id, options.frame_bytes_max);
    let negotiated = timeout_at(deadline, negotiate(&wire, address, &options.client_id)).await;
    let versions = negotiated.map_err(|_| silent(VERSIONS))??;
    if let Some(login) = &options.login {
        let authenticated =
            timeout_at(deadline, authenticate(&mut wire, address, &versions, login)).await;
        authenticated.map_err(|_| silent(AUTHENTICATION))??;
    }
    Ok(Handshaken {
        wire,
        versions: Arc::new(versions),
    })
}

/// As [`connect`], and takes the stream back.
///
/// # Errors
///
/// As [`connect`].
pub(crate) async fn connect_bare(
    dial: &dyn Dial,
    address: &BrokerAddress,
    options: &ConnectOptions,
) -> Result<BareLink, ConnectError> {
    let Handshaken { wire, versions } = connect(dial, address, options).await?;
    let stream = wire.into_stream().ok_or_else(|| ConnectError::Handshake {
        address: address.clone(),
        step: VERSIONS,
        because: "connection closed".to_owned(),
    })?;
    Ok(BareLink { stream, versions })
}

const VERSIONS: &str = "asking for API versions";
const AUTHENTICATION: &str = "authenticating";
/// Kafka's `UNSUPPORTED_VERSION`.
const UNSUPPORTED_VERSION: i16 = 35;

/// Asks in our highest version; a broker that lacks it answers in version 0 and names its own
/// (KIP-511).
async fn negotiate(
    wire: &Wire,
    address: &BrokerAddress,
    client_id: &str,
) -> Result<BrokerVersions, ConnectError> {
    let mut version = ApiVersionsRequest::VERSIONS.max;
    loop {
        let failed = |because: String| ConnectError::Handshake {
            address: address.clone(),
            step: VERSIONS,
            because,
        };
        let request = ApiVersionsRequest {
            client_software_name: env!("CARGO_PKG_NAME").into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
        };
        let request =
            encode(&request, version, client_id).map_err(|error| failed(error.to_string()))?;
        let frame = wire
            .request(request)
            .await
            .map_err(|error| failed(error.0))?;
        let malformed = |error: crate::protocol::message::ReadError| failed(error.to_string());
        let (_, body) =
            header::split_response(&frame, ApiKey::ApiVersions, version).map_err(malformed)?;
        let refused = body.starts_with(&UNSUPPORTED_VERSION.to_be_bytes());
        let read_as = if refused { 0 } else { version };
        let response = ApiVersionsResponse::read_exact(body, read_as).map_err(malformed)?;
        match response.error_code {
            0 => return Ok(BrokerVersions::new(&response)),
            UNSUPPORTED_VERSION if version > 0 => version = fallback(&response, version),
            code => return Err(failed(format!("error {code} in the answer"))),
        }
    }
}

/// The highest version below `version` that the broker names; 0 where it names none.
fn fallback(response: &ApiVersionsResponse<'_>, version: i16) -> i16 {
    let below = Versions {
        min: 0,
        max: version - 1,
    };
    let named = BrokerVersions::new(response);
    named.highest_of(ApiKey::ApiVersions, below).unwrap_or(0)
}

async fn authenticate(
    wire: &mut Wire,
    address: &BrokerAddress,
    versions: &BrokerVersions,
    login: &Login,
) -> Result<(), ConnectError> {
    let offered = |api| versions.offered(api).unwrap_or(Versions::NONE);
    wire.allow_sasl(
        offered(ApiKey::SaslHandshake),
        offered(ApiKey::SaslAuthenticate),
    );
    let config = sasl_config(login)?;
    wire.authenticate(config)
        .await
        .map_err(|error| match error {
            SaslError::RequestError(error) => ConnectError::Handshake {
                address: address.clone(),
                step: AUTHENTICATION,
                because: root_cause(&error),
            },
            refused => refusal(address, login, &refused),
        })
}

fn refusal(address: &BrokerAddress, login: &Login, error: &SaslError) -> ConnectError {
    let (mechanism, user) = match login {
        Login::Password {
            mechanism,
            username,
            ..
        } => (*mechanism, format!(" of \"{username}\"")),
        Login::Token { .. } => (Mechanism::OauthBearer, String::new()),
    };
    let because = match error {
        SaslError::UnsupportedSaslMechanism => {
            "the broker does not offer this mechanism".to_owned()
        }
        SaslError::ApiError(rskafka::client::error::ProtocolError::UnsupportedSaslMechanism) => {
            "the broker does not offer this mechanism".to_owned()
        }
        SaslError::ApiError(_) => "wrong user name or password".to_owned(),
        other => root_cause(other),
    };
    ConnectError::Refused {
        address: address.clone(),
        mechanism: mechanism.name(),
        user,
        because,
    }
}

fn sasl_config(login: &Login) -> Result<SaslConfig, ConnectError> {
    match login {
        Login::Password {
            mechanism,
            username,
            password,
        } => {
            let credentials = Credentials::new(username.clone(), password.expose().to_owned());
            Ok(match mechanism {
                Mechanism::ScramSha256 => SaslConfig::ScramSha256(credentials),
                Mechanism::ScramSha512 => SaslConfig::ScramSha512(credentials),
                Mechanism::Plain | Mechanism::OauthBearer => SaslConfig::Plain(credentials),
            })
        }
        Login::Token { file } => {
            let token = std::fs::read_to_string(file).map_err(|error| ConnectError::Token {
                path: file.clone(),
                source: Arc::new(error),
            })?;
            let token = token.trim().to_owned();
            Ok(SaslConfig::Oauthbearer(OauthBearerCredentials {
                callback: Arc::new(move || {
                    let token = token.clone();
                    Box::pin(async move { Ok(token) })
                }),
                authz_id: None,
                bearer_kvs: Vec::new(),
            }))
        }
    }
}
