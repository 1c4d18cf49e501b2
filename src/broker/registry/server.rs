//! The registry's HTTP/1.1 listener.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::broker::acceptor;
use crate::broker::registry::Registry;
use crate::broker::registry::call::Call;
use crate::broker::registry::call::Verb;
use crate::broker::registry::error::RegistryError;

/// Longest body that is read.
const BODY_BYTES_MAX: usize = 1 << 20;
/// A request's head, and its body, must each be there within this.
const READ_MAX: Duration = Duration::from_secs(30);
/// Most connections at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 256;
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Serves until `stopping` turns true; connections then end at once.
pub(crate) async fn serve(
    registry: Arc<Registry>,
    listener: TcpListener,
    stopping: watch::Receiver<bool>,
) {
    let attend = |stream| attend(Arc::clone(&registry), stream, stopping.clone());
    acceptor::accept(listener, CONNECTIONS_MAX, stopping.clone(), attend).await;
}

async fn attend(registry: Arc<Registry>, stream: TcpStream, mut stopping: watch::Receiver<bool>) {
    let service = service_fn(|request| {
        let registry = Arc::clone(&registry);
        async move { Ok::<_, Infallible>(respond(&registry, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = connection => served,
        _ = stopping.wait_for(|is_stopping| *is_stopping) => return,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "closed a registry connection");
    }
}

async fn respond(registry: &Registry, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = match read(request).await {
        Ok(call) => registry.answer(&call),
        Err(error) => Err(error),
    };
    let (status, json) = match answer {
        Ok(json) => (StatusCode::OK, json),
        Err(error) => {
            let json = serde_json::json!({
                "error_code": error.code,
                "message": error.message,
            });
            let status = StatusCode::from_u16(error.status);
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), json)
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(json.to_string())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

async fn read(request: Request<Incoming>) -> Result<Call, RegistryError> {
    let verb = match *request.method() {
        Method::GET | Method::HEAD => Verb::Get,
        Method::POST => Verb::Post,
        Method::PUT => Verb::Put,
        Method::DELETE => Verb::Delete,
        _ => Verb::Other,
    };
    let (parts, body) = request.into_parts();
    let body = timeout(READ_MAX, Limited::new(body, BODY_BYTES_MAX).collect())
        .await
        .map_err(|_| RegistryError::body("it did not come in time"))?
        .map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                RegistryError::too_large(BODY_BYTES_MAX)
            } else {
                RegistryError::body(error)
            }
        })?;
    let query = parts.uri.query().unwrap_or_default();
    let body = body.to_bytes().to_vec();
    Ok(Call::new(verb, parts.uri.path(), query, body))
}
