//! From a broker's address to a stream of bytes: TCP, and TLS over it.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::client::address::BrokerAddress;

/// How long a host's other addresses wait for one that is silent.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_secs(1);

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A stream of bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A stream on the heap, whatever it is.
pub type BoxedStream = Box<dyn ByteStream>;

/// Opens streams to brokers: sockets, or an in-memory network.
pub trait Dial: Send + Sync + fmt::Debug {
    /// Opens a stream to `address`. The caller sets the deadline.
    ///
    /// # Errors
    ///
    /// [`DialError`] says which step failed, and how.
    fn dial<'a>(
        &'a self,
        address: &'a BrokerAddress,
    ) -> BoxFuture<'a, Result<BoxedStream, DialError>>;
}

/// A stream that could not be opened.
#[derive(Clone, Debug, Error)]
pub enum DialError {
    /// The host has no address.
    #[error("host name not found")]
    Resolve(#[source] Arc<io::Error>),
    /// TCP failed.
    #[error("{}", reason(.0))]
    Tcp(#[source] Arc<io::Error>),
    /// The TLS handshake failed.
    #[error(
        "TLS handshake: {0} (is this the broker's TLS port, and is its authority in ssl.ca.location?)"
    )]
    Tls(#[source] Arc<io::Error>),
}

/// The operating system's words without "(os error 111)".
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by the peer".to_owned(),
        _ => error.to_string(),
    }
}

/// Opens sockets, with TLS where a connector is given.
#[derive(Clone)]
pub struct TcpDial {
    tls: Option<TlsConnector>,
}

impl TcpDial {
    /// Plain TCP, or TLS with this connector.
    #[must_use]
    pub const fn new(tls: Option<TlsConnector>) -> Self {
        Self { tls }
    }
}

impl fmt::Debug for TcpDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpDial")
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

impl Dial for TcpDial {
    fn dial<'a>(
        &'a self,
        address: &'a BrokerAddress,
    ) -> BoxFuture<'a, Result<BoxedStream, DialError>> {
        Box::pin(async move {
            let tcp = connect(address).await?;
            let Some(connector) = &self.tls else {
                return Ok(Box::new(tcp) as BoxedStream);
            };
            let tls = |error| DialError::Tls(Arc::new(error));
            let name = ServerName::try_from(address.host.clone())
                .map_err(|error| tls(io::Error::other(error)))?;
            let stream = connector.connect(name, tcp).await.map_err(tls)?;
            Ok(Box::new(stream) as BoxedStream)
        })
    }
}

/// Tries the host's addresses in order; the last one may take as long as it likes.
async fn connect(address: &BrokerAddress) -> Result<TcpStream, DialError> {
    let resolve = |error| DialError::Resolve(Arc::new(error));
    let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await;
    let mut left: Vec<SocketAddr> = found.map_err(resolve)?.collect();
    left.reverse();
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    while let Some(next) = left.pop() {
        let attempt = socket(next);
        let result = if left.is_empty() {
            attempt.await
        } else {
            let silent = || Err(io::ErrorKind::TimedOut.into());
            timeout(NEXT_ADDRESS_AFTER, attempt)
                .await
                .unwrap_or_else(|_| silent())
        };
        match result {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(DialError::Tcp(Arc::new(failed)))
}

async fn socket(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    socket.connect(address).await
}
