//! One connection to one broker: requests go out in the order in which they are handed over, and
//! each waits for its answer no longer than its deadline.
//!
//! One task owns the stream. When a request's outcome cannot be known any more (no answer in time,
//! a frame that is none), the connection is closed, and every request on it ends at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::Sleep;

use crate::client::address::BrokerAddress;
use crate::client::broker_versions::BrokerVersions;
use crate::client::connect_error::ConnectError;
use crate::client::dial::BoxFuture;
use crate::client::dial::Dial;
use crate::client::error_kind::ErrorKind;
use crate::client::handshake;
use crate::client::handshake::ConnectOptions;
use crate::client::handshake::Handshaken;
use crate::client::wire::Wire;
use crate::client::wire::WireError;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::ReadError;
use crate::protocol::message::Request;
use crate::protocol::message::Versions;
use crate::protocol::message::WriteError;
use crate::protocol::message::header;

/// Requests that may await their answers on one connection; more wait their turn unsent.
const IN_FLIGHT_MAX: usize = 32;
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

/// A request that got no usable answer.
#[derive(Clone, Debug, Error)]
pub enum RequestError {
    /// The broker lacks the API, or speaks no version of it that we do. Nothing was sent.
    #[error("{address} does not offer {api} in a version that is understood here (offered: {}, understood: {understood})",
        offered.map_or_else(|| "none".to_owned(), |range| range.to_string()))]
    Unsupported {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// The broker's versions.
        offered: Option<Versions>,
        /// Ours.
        understood: Versions,
    },
    /// The request cannot be written. Nothing was sent.
    #[error("write {api} request")]
    Write {
        /// Which API.
        api: ApiKey,
        /// What cannot be written.
        source: WriteError,
    },
    /// The connection ended before the request was sent.
    #[error("{api} was not sent to {address}: {because}")]
    NotSent {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// Why the connection ended.
        because: String,
    },
    /// The connection ended before the answer came: the broker may have acted on the request.
    #[error("{api} to {address} got no answer: {because}")]
    Lost {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// Why the connection ended.
        because: String,
    },
    /// No answer came in time: the broker may have acted on the request.
    #[error("{api} to {address} got no answer within {} ms", after.as_millis())]
    Deadline {
        /// Which broker.
        address: BrokerAddress,
        /// Which API.
        api: ApiKey,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer cannot be read: the broker did act on the request.
    #[error("read the answer of {address}")]
    Malformed {
        /// Which broker.
        address: BrokerAddress,
        /// What is wrong with it.
        source: ReadError,
    },
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

impl RequestError {
    /// Whether the broker may have acted on the request.
    #[must_use]
    pub const fn outcome_is_unknown(&self) -> bool {
        matches!(
            self,
            Self::Lost { .. } | Self::Deadline { .. } | Self::Malformed { .. }
        )
    }

    /// Whether another attempt, perhaps on a new connection, may go better.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::Lost { .. } | Self::Deadline { .. } => true,
            Self::Connect(error) => !error.is_final(),
            Self::Unsupported { .. } | Self::Write { .. } | Self::Malformed { .. } => false,
        }
    }

    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(error) => error.kind(),
            Self::NotSent { .. } | Self::Lost { .. } => ErrorKind::NotReachable,
            Self::Deadline { .. } => ErrorKind::Deadline,
            Self::Malformed { .. } => ErrorKind::Data,
            Self::Unsupported { .. } | Self::Write { .. } => ErrorKind::Failed,
        }
    }
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

/// How a request ended without an answer.
#[derive(Clone, Debug)]
enum Ended {
    NotSent(String),
    Lost(String),
    Deadline,
}

#[derive(Debug)]
struct Job {
    request: Vec<u8>,
    deadline: Instant,
    answer: oneshot::Sender<Result<Vec<u8>, Ended>>,
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

const CLOSED: &str = "the connection is closed";

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

/// A request that was sent, or is being sent.
struct Flight {
    future: BoxFuture<'static, Result<Vec<u8>, WireError>>,
    deadline: Instant,
    answer: oneshot::Sender<Result<Vec<u8>, Ended>>,
}

/// Why a connection ends.
enum End {
    Unused,
    Late,
    Broken(String),
}

/// The task that owns a connection.
struct Driver {
    wire: Wire,
    queue: mpsc::Receiver<Job>,
    flights: VecDeque<Flight>,
    idle: Duration,
    used: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Driver {
    fn new(wire: Wire, queue: mpsc::Receiver<Job>, idle: Duration) -> Self {
        let used = Instant::now();
        Self {
            wire,
            queue,
            flights: VecDeque::new(),
            idle,
            used,
            timer: Box::pin(tokio::time::sleep_until(used + idle)),
        }
    }

    async fn run(mut self) {
        let end = poll_fn(|cx| self.poll(cx)).await;
        self.finish(&end);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let unused = self.accept(cx);
        if let Err(WireError(because)) = self.advance(cx) {
            return Poll::Ready(End::Broken(because));
        }
        if unused && self.flights.is_empty() {
            return Poll::Ready(End::Unused);
        }
        self.poll_timer(cx)
    }

    /// Takes requests over while there is room; tells whether there will be no more.
    fn accept(&mut self, cx: &mut Context<'_>) -> bool {
        while self.flights.len() < IN_FLIGHT_MAX {
            match self.queue.poll_recv(cx) {
                Poll::Pending => return false,
                Poll::Ready(None) => return true,
                Poll::Ready(Some(job)) => self.take_off(job),
            }
        }
        false
    }

    fn take_off(&mut self, job: Job) {
        self.used = Instant::now();
        if job.deadline <= self.used {
            let late = Ended::NotSent("its deadline passed while it waited".to_owned());
            reply(job.answer, Err(late));
            return;
        }
        self.flights.push_back(Flight {
            future: self.wire.request(job.request),
            deadline: job.deadline,
            answer: job.answer,
        });
    }

    /// Polls in order, which is what puts requests on the wire in order.
    fn advance(&mut self, cx: &mut Context<'_>) -> Result<(), WireError> {
        let mut index = 0;
        while let Some(flight) = self.flights.get_mut(index) {
            match flight.future.as_mut().poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(frame)) => {
                    if let Some(flight) = self.flights.remove(index) {
                        reply(flight.answer, Ok(frame));
                    }
                }
            }
        }
        if index < IN_FLIGHT_MAX && !self.queue.is_empty() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let earliest = self.flights.iter().map(|flight| flight.deadline).min();
        let due = earliest.unwrap_or(self.used + self.idle);
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if earliest.is_some() => Poll::Ready(End::Late),
            Poll::Ready(()) => Poll::Ready(End::Unused),
        }
    }

    /// Tells everybody who still waits, and drops the stream.
    fn finish(&mut self, end: &End) {
        let because = match end {
            End::Unused => CLOSED,
            End::Late => {
                "the connection was closed because another request on it got no answer in time"
            }
            End::Broken(because) => because,
        };
        let now = Instant::now();
        for flight in self.flights.drain(..) {
            let late = matches!(end, End::Late) && flight.deadline <= now;
            let ended = if late {
                Ended::Deadline
            } else {
                Ended::Lost(because.to_owned())
            };
            reply(flight.answer, Err(ended));
        }
        self.queue.close();
        while let Ok(job) = self.queue.try_recv() {
            reply(job.answer, Err(Ended::NotSent(because.to_owned())));
        }
    }
}

/// Whoever asked may have stopped waiting; then nobody needs the answer.
fn reply(to: oneshot::Sender<Result<Vec<u8>, Ended>>, answer: Result<Vec<u8>, Ended>) {
    drop(to.send(answer));
}

#[cfg(test)]
mod tests;
