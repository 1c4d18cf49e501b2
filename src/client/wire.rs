//! rskafka's Messenger behind one small face: framing, correlation and SASL are its work.
//!
//! Messenger wants each kind of request as a type with its API key and versions as constants. One
//! type carries all of ours instead: its place in Messenger's table is a placeholder, and it
//! replaces the header that Messenger writes by one that it brings along, keeping only the
//! correlation id. Answers come back as whole frames, not copied.
//!
//! rskafka is pinned to one version, because this relies on its internals.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use rskafka::client::SaslConfig;
use rskafka::messenger::Messenger;
use rskafka::messenger::SaslError;
use rskafka::protocol::api_key::ApiKey as RsKafkaKey;
use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::api_version::ApiVersionRange;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::messages::ReadVersionedType;
use rskafka::protocol::messages::RequestBody;
use rskafka::protocol::messages::WriteVersionedError;
use rskafka::protocol::messages::WriteVersionedType;
use rskafka::protocol::primitives::Int16;
use tokio::io::BufStream;

use crate::client::dial::BoxFuture;
use crate::client::dial::BoxedStream;
use crate::client::lent::Owner;
use crate::client::lent::lend;
use crate::protocol::message::Versions;

/// Where the correlation id stands in a request header of any version.
pub(crate) const CORRELATION_ID: Range<usize> = 4..8;

const PLACEHOLDER: RsKafkaKey = RsKafkaKey::Unknown(Int16(i16::MAX));
const NEVER: ApiVersion = ApiVersion(Int16(i16::MAX));

/// One connection's Messenger, and the way to close it.
pub(crate) struct Wire {
    messenger: Arc<Messenger<BufStream<crate::client::lent::Lent>>>,
    owner: Owner,
}

/// Why Messenger gave up on a request; the connection is lost.
#[derive(Clone, Debug)]
pub(crate) struct WireError(pub(crate) String);

impl Wire {
    pub(crate) fn new(stream: BoxedStream, client_id: &str, frame_bytes_max: usize) -> Self {
        let (owner, lent) = lend(stream, frame_bytes_max);
        let mut messenger =
            Messenger::new(BufStream::new(lent), frame_bytes_max, Arc::from(client_id));
        messenger.override_version_ranges(HashMap::from([(
            PLACEHOLDER,
            range(Versions { min: 0, max: 0 }),
        )]));
        Self {
            messenger: Arc::new(messenger),
            owner,
        }
    }

    /// Lets Messenger use SASL in these versions; before the first request only.
    pub(crate) fn allow_sasl(&mut self, handshake: Versions, authenticate: Versions) {
        if let Some(messenger) = Arc::get_mut(&mut self.messenger) {
            messenger.override_version_ranges(HashMap::from([
                (PLACEHOLDER, range(Versions { min: 0, max: 0 })),
                (RsKafkaKey::SaslHandshake, range(handshake)),
                (RsKafkaKey::SaslAuthenticate, range(authenticate)),
            ]));
        }
    }

    /// Sends `request`, header and body without length prefix; the answer is its whole frame.
    ///
    /// Nothing is written before the first poll; the first polls of several requests decide their
    /// order. Dropping it afterwards leaves the connection unusable: close it.
    pub(crate) fn request(
        &self,
        request: Vec<u8>,
    ) -> BoxFuture<'static, Result<Vec<u8>, WireError>> {
        let messenger = Arc::clone(&self.messenger);
        Box::pin(async move {
            let call = Call(Cell::new(request));
            let answer = messenger.request(call).await;
            answer
                .map(|Frame(frame)| frame)
                .map_err(|error| WireError(root_cause(&error)))
        })
    }

    /// Authenticates; no other request may be in flight.
    pub(crate) async fn authenticate(&self, login: SaslConfig) -> Result<(), SaslError> {
        self.messenger.do_sasl(login).await
    }

    /// The stream itself, once no request is in flight.
    pub(crate) fn into_stream(self) -> Option<BoxedStream> {
        self.owner.take_back()
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// The innermost error's words: the outer ones only say that reading or writing failed.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    let text = text.trim_start_matches("Connection is poisoned: ");
    let text = text.trim_start_matches("Cannot read framed message: ");
    let text = text.trim_start_matches("Cannot read data: ");
    match text {
        "early eof" => "connection closed by the peer".to_owned(),
        other => other.to_owned(),
    }
}

const fn range(versions: Versions) -> ApiVersionRange {
    ApiVersionRange::new(
        ApiVersion(Int16(versions.min)),
        ApiVersion(Int16(versions.max)),
    )
}

/// Any request of ours: a header with room for the correlation id, and a body.
struct Call(Cell<Vec<u8>>);

impl RequestBody for Call {
    type ResponseBody = Frame;
    const API_KEY: RsKafkaKey = PLACEHOLDER;
    const API_VERSION_RANGE: ApiVersionRange = range(Versions { min: 0, max: 0 });
    const FIRST_TAGGED_FIELD_IN_REQUEST_VERSION: ApiVersion = NEVER;
}

impl WriteVersionedType<Vec<u8>> for Call {
    /// Replaces all that Messenger wrote but the correlation id.
    fn write_versioned(&self, out: &mut Vec<u8>, _: ApiVersion) -> Result<(), WriteVersionedError> {
        let mut request = self.0.take();
        if let (Some(ours), Some(theirs)) =
            (request.get_mut(CORRELATION_ID), out.get(CORRELATION_ID))
        {
            ours.copy_from_slice(theirs);
        }
        *out = request;
        Ok(())
    }
}

/// Any answer: its whole frame, correlation id included.
struct Frame(Vec<u8>);

impl ReadVersionedType<Cursor<Vec<u8>>> for Frame {
    /// Messenger compares the cursor's position with the length of what is left in it: both 0.
    fn read_versioned(
        cursor: &mut Cursor<Vec<u8>>,
        _: ApiVersion,
    ) -> Result<Self, ReadVersionedError> {
        cursor.set_position(0);
        Ok(Self(std::mem::take(cursor.get_mut())))
    }
}
