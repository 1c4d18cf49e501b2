//! Frames that no client sends: the connection ends, the broker goes on.

use tidemill::broker::Broker;
use tidemill::protocol::message::ApiKey;
use tidemill::protocol::message::metadata::MetadataRequest;

use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::broker;
use crate::broker::raw_client::framed;

/// Sends `bytes` on a connection of its own, expects it closed, and a new one served.
async fn refused(broker: &Broker, bytes: &[u8]) {
    let mut client = RawClient::connect(broker).await;
    client.send_raw(bytes).await;
    assert!(!client.receive().await, "closed after {bytes:x?}");
    let mut other = RawClient::connect(broker).await;
    other.ask(12, &MetadataRequest::default()).await;
}

#[tokio::test]
async fn impossible_lengths_end_the_connection() {
    let broker = broker().await;
    for prefix in [-1, i32::MIN, i32::MAX, (100 << 20) + 1] {
        refused(&broker, &prefix.to_be_bytes()).await;
    }
}

#[tokio::test]
async fn frames_that_are_no_request_end_the_connection() {
    let broker = broker().await;
    let header = |key: i16, version: i16, body: &[u8]| {
        let mut frame = [
            &key.to_be_bytes()[..],
            &version.to_be_bytes(),
            &[0, 0, 0, 7],
            &[255, 255],
        ]
        .concat();
        frame.extend_from_slice(body);
        let length = i32::try_from(frame.len()).expect("short");
        [&length.to_be_bytes()[..], &frame].concat()
    };
    let count = i32::MAX.to_be_bytes();
    let cases = [
        b"\0\0\0\0".to_vec(),
        b"\0\0\0\x04\xff\xff\xff\xff".to_vec(),
        header(9_999, 0, b""),
        header(ApiKey::Metadata.code(), 99, b""),
        header(ApiKey::Produce.code(), 0, b""),
        header(ApiKey::Metadata.code(), 1, &count),
        header(ApiKey::Metadata.code(), 12, b"\0\xff\xff\xff\xff\x0f"),
        header(ApiKey::Fetch.code(), 4, &[&[0; 17][..], &count].concat()),
        header(ApiKey::Metadata.code(), 1, b"\0\0\0\0left over"),
    ];
    for bytes in cases {
        refused(&broker, &bytes).await;
    }
}

#[tokio::test]
async fn a_request_cut_anywhere_harms_nobody() {
    let broker = broker().await;
    let whole = framed(12, &MetadataRequest::default());
    for end in 0..whole.len() {
        let mut client = RawClient::connect(&broker).await;
        client.send_raw(&whole[..end]).await;
        drop(client);
    }
    let mut client = RawClient::connect(&broker).await;
    client.ask(12, &MetadataRequest::default()).await;
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_order() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    let one = framed(12, &MetadataRequest::default());
    client.send_raw(&one.repeat(20)).await;
    for _ in 0..20 {
        assert!(client.receive().await);
    }
}
