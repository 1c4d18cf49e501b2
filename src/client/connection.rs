//! One connection to one broker: requests go out in the order in which they are handed over, and
//! each waits for its answer no longer than its deadline.
//!
//! One task owns the stream. When a request's outcome cannot be known any more (no answer in time,
//! a frame that is none), the connection is closed, and every request on it ends at once.

mod driver;
mod error;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::address::BrokerAddress;
use crate::client::broker_versions::BrokerVersions;
use crate::client::connect_error::ConnectError;
use crate::client::connection::driver::CLOSED;
use crate::client::connection::driver::Driver;
use crate::client::connection::driver::Ended;
use crate::client::connection::driver::Job;
use crate::client::dial::Dial;
use crate::client::handshake;
use crate::client::handshake::ConnectOptions;
use crate::client::handshake::Handshaken;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::Request;
use crate::protocol::message::header;

pub use error::RequestError;

/// Requests that may wait their turn; further callers wait to hand theirs over.
const QUEUE_MAX: usize = 32;

/// A handle to a connection; clones share it. It closes when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    peer: Arc<Peer>,
    jobs: mpsc::Sender<Job>,
}

/// Who is at the other end.
#[derive(Debug)]
struct Peer {
    address: BrokerAddress,
    client_id: Arc<str>,
    versions: Arc<BrokerVersions>,
}

/// An answer, in the version of its request.
#[derive(Debug)]
pub struct Reply {
    frame: Vec<u8>,
    api: ApiKey,
    version: i16,
    peer: Arc<Peer>,
}

impl Reply {
    /// The version of request and answer.
    #[must_use]
    pub const fn version(&self) -> i16 {
        self.version
    }

    /// Which broker answered.
    #[must_use]
    pub fn address(&self) -> &BrokerAddress {
        &self.peer.address
    }

    /// What the broker that answered speaks.
    #[must_use]
    pub fn versions(&self) -> &BrokerVersions {
        &self.peer.versions
    }

    /// Reads the body, borrowing from this answer's frame.
    ///
    /// # Errors
    ///
    /// [`RequestError::Malformed`] if it is no such message, to its last byte.
    pub fn body<'r, M: Message<'r>>(&'r self) -> Result<M, RequestError> {
        debug_assert_eq!(M::API_KEY, self.api, "the answer belongs to another API");
        let malformed = |source| RequestError::Malformed {
            address: self.peer.address.clone(),
            source,
        };
        let (_, body) =
            header::split_response(&self.frame, self.api, self.version).map_err(malformed)?;
        M::read_exact(body, self.version).map_err(malformed)
    }
}

/// An answer that is on its way. Dropping it does not take the request back.
#[derive(Debug)]
pub struct Awaited {
    answer: oneshot::Receiver<Result<Vec<u8>, Ended>>,
    api: ApiKey,
    version: i16,
    peer: Arc<Peer>,
    within: Duration,
}

impl Connection {
    /// Connects to `address`; the connection's task runs on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] names the step that failed; after `options.timeout` at the latest.
    pub async fn open(
        dial: &dyn Dial,
        address: &BrokerAddress,
        options: &ConnectOptions,
    ) -> Result<Self, ConnectError> {
        let Handshaken { wire, versions } = handshake::connect(dial, address, options).await?;
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(Driver::new(wire, queue, options.idle).run());
        Ok(Self {
            peer: Arc::new(Peer {
                address: address.clone(),
                client_id: Arc::clone(&options.client_id),
                versions,
            }),
            jobs,
        })
    }

    /// Which broker it leads to.
    #[must_use]
    pub fn address(&self) -> &BrokerAddress {
        &self.peer.address
    }

    /// What the broker speaks.
    #[must_use]
    pub fn versions(&self) -> &BrokerVersions {
        &self.peer.versions
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.jobs.is_closed()
    }

    /// The version in which a request of this kind will go out.
    ///
    /// # Errors
    ///
    /// [`RequestError::Unsupported`] if there is none.
    pub fn version<'a, R: Request<'a>>(&self) -> Result<i16, RequestError> {
        let versions = &self.peer.versions;
        versions
            .highest::<R>()
            .ok_or_else(|| RequestError::Unsupported {
                address: self.peer.address.clone(),
                api: R::API_KEY,
                offered: versions.offered(R::API_KEY),
                understood: R::VERSIONS,
            })
    }

    /// Sends a request in the highest common version and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; after `within` at the latest, and then the connection is closed.
    pub async fn request<'a, R: Request<'a>>(
        &self,
        request: &R,
        within: Duration,
    ) -> Result<Reply, RequestError> {
        self.start(request, within).await?.answer().await
    }

    /// Hands a request over; it goes out after those handed over before it.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; nothing was sent.
    pub async fn start<'a, R: Request<'a>>(
        &self,
        request: &R,
        within: Duration,
    ) -> Result<Awaited, RequestError> {
        self.start_sized(request, within, 0).await
    }

    /// As [`Self::start`], for a request of about `bytes`.
    pub(crate) async fn start_sized<'a, R: Request<'a>>(
        &self,
        request: &R,
        within: Duration,
        bytes: usize,
    ) -> Result<Awaited, RequestError> {
        let version = self.version::<R>()?;
        let room = Vec::with_capacity(bytes);
        let encoded = handshake::encode_into(room, request, version, &self.peer.client_id);
        let request = encoded.map_err(|source| RequestError::Write {
            api: R::API_KEY,
            source,
        })?;
        let (answer, awaited) = oneshot::channel();
        let awaited = Awaited {
            answer: awaited,
            api: R::API_KEY,
            version,
            peer: Arc::clone(&self.peer),
            within,
        };
        let job = Job {
            request,
            deadline: Instant::now() + within,
            answer,
        };
        match self.jobs.send(job).await {
            Ok(()) => Ok(awaited),
            Err(_) => Err(awaited.error(Ended::NotSent(CLOSED.to_owned()))),
        }
    }
}

impl Awaited {
    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; at the request's deadline at the latest.
    pub async fn answer(mut self) -> Result<Reply, RequestError> {
        match (&mut self.answer).await {
            Ok(Ok(frame)) => Ok(Reply {
                frame,
                api: self.api,
                version: self.version,
                peer: self.peer,
            }),
            Ok(Err(ended)) => Err(self.error(ended)),
            Err(_) => Err(self.error(Ended::Lost(CLOSED.to_owned()))),
        }
    }

    fn error(&self, ended: Ended) -> RequestError {
        let (address, api) = (self.peer.address.clone(), self.api);
        match ended {
            Ended::NotSent(because) => RequestError::NotSent {
                address,
                api,
                because,
            },
            Ended::Lost(because) => RequestError::Lost {
                address,
                api,
                because,
            },
            Ended::Deadline => RequestError::Deadline {
                address,
                api,
                after: self.within,
            },
        }
    }
}

#[cfg(test)]
mod tests;
