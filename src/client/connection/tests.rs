//! A peer in memory, well or badly behaved.

use std::sync::Mutex;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

use super::*;
use crate::client::dial::BoxFuture;
use crate::client::dial::BoxedStream;
use crate::client::dial::DialError;
use crate::protocol::message::api_versions::ApiVersion;
use crate::protocol::message::api_versions::ApiVersionsResponse;
use crate::protocol::message::metadata::MetadataRequest;
use crate::protocol::message::metadata::MetadataResponse;

/// Hands out one stream.
#[derive(Debug)]
struct OneStream(Mutex<Option<DuplexStream>>);

impl Dial for OneStream {
    fn dial<'a>(&'a self, _: &'a BrokerAddress) -> BoxFuture<'a, Result<BoxedStream, DialError>> {
        let stream = self
            .0
            .lock()
            .expect("not poisoned")
            .take()
            .expect("dialled once");
        Box::pin(async move { Ok(Box::new(stream) as BoxedStream) })
    }
}

const WITHIN: Duration = Duration::from_secs(10);

fn address() -> BrokerAddress {
    "b1:9092".parse().expect("an address")
}

fn options() -> ConnectOptions {
    ConnectOptions {
        client_id: Arc::from("test"),
        login: None,
        timeout: Duration::from_secs(5),
        frame_bytes_max: 1000,
        idle: Duration::from_secs(60),
    }
}

/// The peer's side of a stream.
struct Peer(DuplexStream);

impl Peer {
    /// The next request: api key, version, correlation id.
    async fn request(&mut self) -> (i16, i16, i32) {
        let length = self.0.read_u32().await.expect("a request");
        let mut frame = vec![0; length as usize];
        self.0
            .read_exact(&mut frame)
            .await
            .expect("a whole request");
        let key = i16::from_be_bytes([frame[0], frame[1]]);
        let version = i16::from_be_bytes([frame[2], frame[3]]);
        let correlation = i32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
        (key, version, correlation)
    }

    async fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("short");
        self.0.write_u32(length).await.expect("open");
        self.0.write_all(frame).await.expect("open");
    }

    async fn answer<'m, M: Message<'m>>(&mut self, correlation: i32, version: i16, body: &M) {
        let mut frame = Vec::new();
        header::write_response(M::API_KEY, version, correlation, &mut frame);
        body.write(version, &mut frame).expect("writable");
        self.send(&frame).await;
    }

    /// Answers the ApiVersions request: ApiVersions and Metadata in version 8, which is not
    /// flexible.
    async fn shake_hands(&mut self) {
        let (key, version, correlation) = self.request().await;
        assert_eq!(key, ApiKey::ApiVersions.code());
        self.answer(correlation, version, &offered()).await;
    }
}

fn offered() -> ApiVersionsResponse<'static> {
    let of = |api_key, max_version| ApiVersion {
        api_key,
        min_version: 0,
        max_version,
    };
    ApiVersionsResponse {
        api_keys: vec![
            of(ApiKey::ApiVersions.code(), 3),
            of(ApiKey::Metadata.code(), 8),
        ],
        ..ApiVersionsResponse::default()
    }
}

fn pair() -> (OneStream, Peer) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    (OneStream(Mutex::new(Some(ours))), Peer(theirs))
}

/// A connection after its handshake.
async fn connected() -> (Connection, Peer) {
    let (dial, mut peer) = pair();
    let (address, options) = (address(), options());
    let (connection, ()) = tokio::join!(
        Connection::open(&dial, &address, &options),
        peer.shake_hands()
    );
    (connection.expect("connected"), peer)
}

async fn open_error(misbehave: impl AsyncFnOnce(&mut Peer)) -> String {
    let (dial, mut peer) = pair();
    let (address, options) = (address(), options());
    let (connection, ()) = tokio::join!(
        Connection::open(&dial, &address, &options),
        misbehave(&mut peer)
    );
    connection.expect_err("refused").to_string()
}

async fn request_error(misbehave: impl AsyncFnOnce(&mut Peer, i32)) -> (RequestError, Connection) {
    let (connection, mut peer) = connected().await;
    let asked = async {
        let reply = connection
            .request(&MetadataRequest::default(), WITHIN)
            .await?;
        reply.body::<MetadataResponse<'_>>().map(|_| ())
    };
    let served = async {
        let (_, _, correlation) = peer.request().await;
        misbehave(&mut peer, correlation).await;
    };
    let (result, ()) = tokio::join!(asked, served);
    (result.expect_err("refused"), connection)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_is_given_up_at_the_connect_timeout() {
    let begun = Instant::now();
    let error = open_error(async |peer| {
        let _request = peer.request().await;
    })
    .await;
    assert_eq!(
        error,
        "connect to b1:9092: no answer within 5000 ms while asking for API versions"
    );
    assert_eq!(begun.elapsed().as_millis() / 100, 50);
}

#[tokio::test]
async fn a_peer_that_speaks_another_protocol_is_told_at_once() {
    let http = open_error(async |peer| {
        peer.0
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("open")
    })
    .await;
    assert_eq!(
        http,
        "connect to b1:9092: the peer speaks HTTP: not a Kafka broker while asking for API versions"
    );
    let tls = open_error(async |peer| {
        peer.0
            .write_all(&[0x15, 3, 3, 0, 2, 2, 22])
            .await
            .expect("open")
    })
    .await;
    assert!(tls.contains("set security.protocol to SSL"), "{tls}");
}

#[tokio::test]
async fn a_frame_of_four_bytes_where_an_answer_should_be_is_refused() {
    let error = open_error(async |peer| {
        let (_, _, correlation) = peer.request().await;
        peer.send(&correlation.to_be_bytes()).await;
    })
    .await;
    assert!(error.contains("cannot read ApiVersionsResponse"), "{error}");
    let (error, _) =
        request_error(async |peer, correlation| peer.send(&correlation.to_be_bytes()).await).await;
    assert!(matches!(error, RequestError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_wrong_correlation_id_closes_the_connection_at_once() {
    let (error, connection) = request_error(async |peer, correlation| {
        peer.send(&(correlation + 1).to_be_bytes()).await;
    })
    .await;
    assert_eq!(
        error.to_string(),
        "Metadata to b1:9092 got no answer: the peer answered request 2, but 1 was next"
    );
    assert!(error.outcome_is_unknown());
    connection.jobs.closed().await;
}

#[tokio::test]
async fn an_oversize_frame_is_refused_before_it_is_read() {
    let (error, _) =
        request_error(async |peer, _| peer.0.write_u32(1001).await.expect("open")).await;
    assert!(
        error
            .to_string()
            .contains("a frame of 1001 bytes, above receive.message.max.bytes = 1000"),
        "{error}"
    );
}

#[tokio::test]
async fn a_declared_count_beyond_the_bytes_is_refused() {
    let (error, _) = request_error(async |peer, correlation| {
        let mut frame = correlation.to_be_bytes().to_vec();
        frame.extend_from_slice(&0_i32.to_be_bytes());
        frame.extend_from_slice(&i32::MAX.to_be_bytes());
        peer.send(&frame).await;
    })
    .await;
    assert!(matches!(error, RequestError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn a_peer_that_closes_leaves_the_outcome_unknown() {
    let (error, connection) =
        request_error(async |peer, _| peer.0.shutdown().await.expect("open")).await;
    assert_eq!(
        error.to_string(),
        "Metadata to b1:9092 got no answer: connection closed by the peer"
    );
    connection.jobs.closed().await;
    let error = connection
        .request(&MetadataRequest::default(), WITHIN)
        .await
        .expect_err("closed");
    assert!(
        !error.outcome_is_unknown() && error.is_retriable(),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_answer_ends_at_its_deadline_and_takes_the_connection_along() {
    let (connection, mut peer) = connected().await;
    let request = MetadataRequest::default();
    let late = connection
        .start(&request, Duration::from_secs(1))
        .await
        .expect("handed over");
    let other = connection
        .start(&request, Duration::from_secs(9))
        .await
        .expect("handed over");
    let begun = Instant::now();
    let late = late.answer().await.expect_err("silent");
    assert_eq!(
        late.to_string(),
        "Metadata to b1:9092 got no answer within 1000 ms"
    );
    assert_eq!(begun.elapsed().as_millis() / 100, 10);
    let other = other.answer().await.expect_err("closed");
    assert!(matches!(other, RequestError::Lost { .. }), "{other}");
    let mut rest = Vec::new();
    peer.0
        .read_to_end(&mut rest)
        .await
        .expect("the stream is closed");
}

#[tokio::test]
async fn requests_go_out_in_the_order_in_which_they_are_handed_over() {
    let (connection, mut peer) = connected().await;
    let request = MetadataRequest::default();
    let mut awaited = Vec::new();
    for _ in 0..5 {
        awaited.push(
            connection
                .start(&request, WITHIN)
                .await
                .expect("handed over"),
        );
    }
    for expected in 1..=5 {
        let (_, version, correlation) = peer.request().await;
        assert_eq!(correlation, expected);
        let body = MetadataResponse {
            controller_id: correlation,
            ..MetadataResponse::default()
        };
        peer.answer(correlation, version, &body).await;
    }
    for (answer, expected) in awaited.into_iter().zip(1..) {
        let reply = answer.answer().await.expect("answered");
        let body: MetadataResponse<'_> = reply.body().expect("well formed");
        assert_eq!(body.controller_id, expected);
    }
}

#[tokio::test]
async fn a_broker_that_lacks_our_api_versions_is_asked_again_in_its_own() {
    let (dial, mut peer) = pair();
    let (address, options) = (address(), options());
    let serve = async {
        let (_, version, correlation) = peer.request().await;
        assert_eq!(version, 4);
        let refused = ApiVersionsResponse {
            error_code: 35,
            ..offered()
        };
        peer.answer(correlation, 0, &refused).await;
        let (_, version, correlation) = peer.request().await;
        assert_eq!(version, 3, "the highest that the broker named");
        peer.answer(correlation, version, &offered()).await;
    };
    let (connection, ()) = tokio::join!(Connection::open(&dial, &address, &options), serve);
    let connection = connection.expect("connected");
    assert_eq!(
        connection
            .version::<MetadataRequest<'_>>()
            .expect("offered"),
        8
    );
    let unsupported = connection
        .version::<crate::protocol::message::produce::ProduceRequest<'_>>()
        .expect_err("not offered");
    assert_eq!(
        unsupported.to_string(),
        "b1:9092 does not offer Produce in a version that is understood here (offered: none, understood: 3-13)"
    );
}

#[tokio::test(start_paused = true)]
async fn an_unused_connection_is_closed_after_its_idle_time() {
    let (connection, mut peer) = connected().await;
    let begun = Instant::now();
    let mut rest = Vec::new();
    peer.0.read_to_end(&mut rest).await.expect("closed");
    assert_eq!(begun.elapsed().as_secs(), 60);
    assert!(connection.is_closed());
}
