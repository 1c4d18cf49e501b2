//! One call over HTTP/1.1: a connection, a request, a bounded answer.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Method;
use hyper::Request;
use hyper::Uri;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::client::address::BrokerAddress;
use crate::client::config::RegistrySettings;
use crate::client::dial::BoxedStream;
use crate::client::dial::Dial;
use crate::client::dial::TcpDial;
use crate::client::schema_registry::error::RegistryError;
use crate::client::security::Pem;
use crate::client::security::Tls;
use crate::client::tls;

/// The media type that registries speak.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// The largest answer that is read. The largest schema that Confluent's registry takes is 1 MiB.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The registry's addresses and how to speak to them.
#[derive(Debug)]
pub(super) struct Http {
    bases: Vec<Base>,
    authorization: Option<String>,
    timeout: Duration,
    /// Which address answered last.
    current: AtomicUsize,
}

#[derive(Debug)]
struct Base {
    url: String,
    address: BrokerAddress,
    /// What stands before every path: empty, or begins with a slash and does not end with one.
    prefix: String,
    dial: TcpDial,
}

#[derive(Deserialize)]
struct Refusal {
    error_code: i32,
    #[serde(default)]
    message: String,
}

impl Http {
    pub(super) fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        if settings.urls.is_empty() {
            return Err(RegistryError::NoUrl);
        }
        let bearer = settings
            .bearer_token
            .as_ref()
            .map(|token| format!("Bearer {}", token.expose()));
        let basic = settings
            .basic_auth
            .as_ref()
            .map(|(user, password)| basic(user, password.expose()));
        Ok(Self {
            bases: settings
                .urls
                .iter()
                .map(|url| Base::new(url, settings))
                .collect::<Result<_, _>>()?,
            authorization: bearer.or(basic),
            timeout: settings.timeout,
            current: AtomicUsize::new(0),
        })
    }

    /// Makes one call; tries each address once, the one that answered last first.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<T, RegistryError> {
        let first = self.current.load(Ordering::Relaxed);
        let body = body.map(Bytes::from).unwrap_or_default();
        let mut failed = RegistryError::NoUrl;
        for turn in 0..self.bases.len() {
            let at = (first + turn) % self.bases.len();
            let Some(base) = self.bases.get(at) else {
                break;
            };
            match self.ask_one(base, &method, path, body.clone()).await {
                Err(error) if error.is_worth_another_address() => failed = error,
                answered => {
                    self.current.store(at, Ordering::Relaxed);
                    return answered;
                }
            }
        }
        Err(failed)
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        base: &Base,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, RegistryError> {
        let call = format!("{method} {path}");
        let garbled = |because: String| RegistryError::Garbled {
            url: base.url.clone(),
            call: call.clone(),
            because,
        };
        let exchange = async {
            let stream = base.dial.dial(&base.address).await;
            let stream = stream.map_err(|source| RegistryError::Connect {
                url: base.url.clone(),
                source,
            })?;
            let request = self
                .request(base, method, path, body)
                .map_err(|error| garbled(error.to_string()))?;
            send(stream, request).await.map_err(garbled)
        };
        let (status, answer) =
            timeout(self.timeout, exchange)
                .await
                .map_err(|_| RegistryError::Silent {
                    url: base.url.clone(),
                    call: call.clone(),
                    after: self.timeout,
                })??;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&answer)
                .map_err(|error| garbled(format!("not the expected JSON: {error}")));
        }
        let refusal = serde_json::from_slice(&answer).unwrap_or_else(|_| Refusal {
            error_code: i32::from(status),
            message: format!("HTTP status {status}"),
        });
        Err(RegistryError::Answer {
            url: base.url.clone(),
            call,
            status,
            code: refusal.error_code,
            message: refusal.message,
        })
    }

    fn request(
        &self,
        base: &Base,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", base.prefix))
            .header(header::HOST, base.address.to_string())
            .header(header::ACCEPT, MEDIA_TYPE)
            .header(header::CONNECTION, "close");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, MEDIA_TYPE);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.body(Full::new(body))
    }
}

/// Sends one request and reads its answer, at most [`ANSWER_BYTES_MAX`] long.
async fn send(stream: BoxedStream, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String> {
    let say = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(say)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(say)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        // The connection may end before the last of the answer has been taken from it.
        ended = &mut connection => { ended.map_err(say)?; exchange.await }
    }
}

impl Base {
    fn new(url: &str, settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let bad = |because| RegistryError::BadUrl {
            url: url.to_owned(),
            because,
        };
        let uri: Uri = url.parse().map_err(|_| bad("is no URL"))?;
        let (dial, port) = match uri.scheme_str() {
            Some("http") => (TcpDial::new(None), 80),
            Some("https") => {
                let tls = Tls {
                    ca: settings.ca.clone().map(Pem::File),
                    ..Tls::default()
                };
                (TcpDial::new(Some(tls::connector(&tls)?)), 443)
            }
            _ => return Err(bad("has to begin with http:// or https://")),
        };
        let host = uri
            .host()
            .ok_or_else(|| bad("names no host"))?
            .trim_matches(['[', ']'])
            .to_owned();
        let address = BrokerAddress {
            host,
            port: uri.port_u16().unwrap_or(port),
        };
        Ok(Self {
            url: url.to_owned(),
            address,
            prefix: uri.path().trim_end_matches('/').to_owned(),
            dial,
        })
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}
