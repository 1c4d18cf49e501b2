//! The way to one broker: connecting, asking, reading, and the fetch session.

use std::collections::BTreeMap;
use std::io;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::time::Instant;

use crate::client::address::BrokerAddress;
use crate::client::cluster::Cluster;
use crate::client::connect_error::ConnectError;
use crate::client::connection::RequestError;
use crate::client::dial::BoxFuture;
use crate::client::fetcher::session::Session;
use crate::client::fetcher::session::Wanted;
use crate::client::fetcher::slot::Slot;
use crate::client::fetcher::socket::FrameBuffer;
use crate::client::fetcher::socket::Socket;
use crate::client::frame_guard::FrameFault;
use crate::client::handshake;
use crate::client::handshake::BareLink;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::Uuid;
use crate::protocol::message::Versions;
use crate::protocol::message::fetch::FetchPartition;
use crate::protocol::message::fetch::FetchRequest;
use crate::protocol::message::fetch::FetchResponse;
use crate::protocol::message::fetch::FetchTopic;
use crate::protocol::message::fetch::ForgottenTopic;
use crate::protocol::message::header;

/// The last version in which topics go by name; later ones need their ids.
const BY_NAME_MAX: i16 = 12;
/// From this version on there are sessions, and partitions can be forgotten.
const SESSIONS: i16 = 7;
/// From this version on brokers compare the epoch of what was read last (KIP-595).
const LAST_EPOCH: i16 = 12;

/// The way to one broker.
pub(super) struct Link {
    pub(super) node: i32,
    pub(super) address: BrokerAddress,
    pub(super) session: Session,
    pub(super) frame: FrameBuffer,
    pub(super) version: i16,
    /// The broker wants to be left alone until then.
    pub(super) not_before: Instant,
    state: State,
    correlation_id: i32,
}

enum State {
    Connecting(BoxFuture<'static, Result<BareLink, ConnectError>>),
    Idle(Socket, Versions),
    /// A request is out; its answer is due at the deadline.
    Asked(Socket, Versions, Instant),
    Closed,
}

/// Why a link is lost.
#[derive(Debug)]
pub(super) enum Lost {
    Connect(ConnectError),
    Broken(String),
    /// The answer has so many bytes, above the limit.
    TooLarge(usize),
}

impl Link {
    pub(super) fn new(cluster: &Cluster, node: i32, address: BrokerAddress) -> Self {
        let owned = cluster.clone();
        Self {
            node,
            address,
            session: Session::default(),
            frame: FrameBuffer::default(),
            version: 0,
            not_before: Instant::now(),
            state: State::Connecting(Box::pin(async move { owned.bare_link(node).await })),
            correlation_id: 0,
        }
    }

    /// Ends it; the frame that was read last stays.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(..))
    }

    /// When the answer is due, where one is.
    pub(super) const fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Asked(_, _, due) => Some(*due),
            State::Connecting(_) | State::Idle(..) | State::Closed => None,
        }
    }

    /// Goes on with whatever is under way; ready once an answer is whole, which leaves the link
    /// idle.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        frame_bytes_max: usize,
    ) -> Poll<Result<(), Lost>> {
        if let State::Connecting(connecting) = &mut self.state {
            match ready!(connecting.as_mut().poll(cx)) {
                Err(error) => return Poll::Ready(Err(Lost::Connect(error))),
                Ok(BareLink { stream, versions }) => {
                    let offered = versions.offered(ApiKey::Fetch).unwrap_or(Versions::NONE);
                    self.state = State::Idle(Socket::new(stream, frame_bytes_max), offered);
                }
            }
        }
        let State::Asked(socket, ..) = &mut self.state else {
            return Poll::Pending;
        };
        let written = socket.poll_write(cx);
        if let Poll::Ready(Err(error)) = written {
            return Poll::Ready(Err(lost(&error)));
        }
        ready!(socket.poll_frame(cx, &mut self.frame)).map_err(|error| lost(&error))?;
        if let State::Asked(socket, offered, _) = std::mem::replace(&mut self.state, State::Closed)
        {
            self.state = State::Idle(socket, offered);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the next fetch for `wanted`, as far as the socket takes it at once.
    pub(super) fn ask<'s>(
        &mut self,
        cx: &mut Context<'_>,
        mut request: FetchRequest<'s>,
        wanted: &BTreeMap<usize, Wanted>,
        slots: &'s [Slot],
        client_id: &str,
        due: Instant,
    ) -> Result<(), RequestError> {
        let State::Idle(_, offered) = self.state else {
            return Ok(());
        };
        self.version = self.choose_version(offered, wanted, slots)?;
        let session = self.session.next(wanted);
        if self.version >= SESSIONS {
            request.session_id = session.id;
            request.session_epoch = session.epoch;
            request.forgotten_topics_data = forgotten(&session.forgotten, slots);
        }
        request.topics = topics(&session.changed, slots, self.version);
        let encoded = handshake::encode(&request, self.version, client_id);
        let mut encoded = encoded.map_err(|source| RequestError::Write {
            api: ApiKey::Fetch,
            source,
        })?;
        self.correlation_id = self.correlation_id.wrapping_add(1);
        if let Some(place) = encoded.get_mut(crate::client::wire::CORRELATION_ID) {
            place.copy_from_slice(&self.correlation_id.to_be_bytes());
        }
        if let State::Idle(mut socket, offered) = std::mem::replace(&mut self.state, State::Closed)
        {
            socket.queue(&encoded);
            // What cannot be written now, or at all, shows when the answer is read.
            let _pending = socket.poll_write(cx);
            self.state = State::Asked(socket, offered, due);
        }
        Ok(())
    }

    fn choose_version(
        &self,
        offered: Versions,
        wanted: &BTreeMap<usize, Wanted>,
        slots: &[Slot],
    ) -> Result<i16, RequestError> {
        let ours = FetchRequest::VERSIONS;
        let mut numbers = wanted.keys().filter_map(|number| slots.get(*number));
        let lacks_id = numbers.any(|slot| slot.topic_id == Uuid::default());
        let usable = Versions {
            min: ours.min,
            max: if lacks_id { BY_NAME_MAX } else { ours.max },
        };
        let common = usable.intersect(offered);
        if common.is_empty() {
            return Err(RequestError::Unsupported {
                address: self.address.clone(),
                api: ApiKey::Fetch,
                offered: Some(offered).filter(|offered| !offered.is_empty()),
                understood: usable,
            });
        }
        Ok(common.max)
    }

    /// Reads the answer that is in the frame.
    pub(super) fn answer(&self) -> Result<FetchResponse<'_>, String> {
        let frame = self.frame.frame();
        let split = header::split_response(frame, ApiKey::Fetch, self.version);
        let (correlation_id, body) = split.map_err(|error| error.to_string())?;
        if correlation_id != self.correlation_id {
            return Err(format!(
                "answer {correlation_id} came, but {} was next",
                self.correlation_id
            ));
        }
        FetchResponse::read_exact(body, self.version).map_err(|error| error.to_string())
    }
}

fn lost(error: &io::Error) -> Lost {
    let fault = error.get_ref().and_then(|fault| fault.downcast_ref());
    match (fault, error.kind()) {
        (Some(FrameFault::TooLarge { bytes, .. }), _) => Lost::TooLarge(*bytes),
        (_, io::ErrorKind::UnexpectedEof) => {
            Lost::Broken("connection closed by the peer".to_owned())
        }
        _ => Lost::Broken(error.to_string()),
    }
}

fn topics<'a>(changed: &[(usize, Wanted)], slots: &'a [Slot], version: i16) -> Vec<FetchTopic<'a>> {
    let mut topics: Vec<FetchTopic<'a>> = Vec::new();
    for (number, want) in changed {
        let Some(slot) = slots.get(*number) else {
            continue;
        };
        let partition = FetchPartition {
            partition: slot.partition.partition.0,
            current_leader_epoch: want.leader_epoch.0,
            fetch_offset: want.offset.0,
            last_fetched_epoch: if version < LAST_EPOCH {
                -1
            } else {
                want.last_epoch.0
            },
            partition_max_bytes: want.bytes_max,
            ..FetchPartition::default()
        };
        match topics
            .iter_mut()
            .find(|topic| topic.topic == *slot.partition.topic)
        {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: slot.partition.topic.as_ref().into(),
                topic_id: slot.topic_id,
                partitions: vec![partition],
            }),
        }
    }
    topics
}

fn forgotten<'a>(numbers: &[usize], slots: &'a [Slot]) -> Vec<ForgottenTopic<'a>> {
    let slots = numbers.iter().filter_map(|number| slots.get(*number));
    let topic = |slot: &'a Slot| ForgottenTopic {
        topic: slot.partition.topic.as_ref().into(),
        topic_id: slot.topic_id,
        partitions: vec![slot.partition.partition.0],
    };
    slots.map(topic).collect()
}
