//! Produce, Fetch and ListOffsets.

use std::time::Duration;

use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_header::BatchHeader;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::compression::Compression;
use tidemill::protocol::compression::Decompressor;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::fetch::FetchPartition;
use tidemill::protocol::message::fetch::FetchRequest;
use tidemill::protocol::message::fetch::FetchResponse;
use tidemill::protocol::message::fetch::FetchTopic;
use tidemill::protocol::message::init_producer_id::InitProducerIdRequest;
use tidemill::protocol::message::list_offsets::ListOffsetsPartition;
use tidemill::protocol::message::list_offsets::ListOffsetsRequest;
use tidemill::protocol::message::list_offsets::ListOffsetsTopic;
use tidemill::record::Timestamp;
use tokio::time::Instant;

use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::batch;
use crate::broker::raw_client::broker;
use crate::broker::raw_client::produce_request;

fn fetch_request(topic: &str, offset: i64, max_wait_ms: i32) -> FetchRequest<'_> {
    FetchRequest {
        max_wait_ms,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic: topic.into(),
            partitions: vec![FetchPartition {
                fetch_offset: offset,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Offsets and values of all records of an answer.
fn records(response: &FetchResponse<'_>) -> Vec<(i64, String)> {
    let partitions = response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions);
    let mut decompressor = Decompressor::default();
    let mut all = Vec::new();
    for partition in partitions {
        assert_eq!(partition.error_code, 0);
        for batch in Batches::new(partition.records.as_deref().unwrap_or_default()) {
            let batch = batch.expect("sound");
            batch.verify_crc().expect("sound");
            for record in batch.records(&mut decompressor).expect("readable") {
                let record = record.expect("readable");
                let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                all.push((record.offset.0, value.into_owned()));
            }
        }
    }
    all
}

fn plain(value: &str) -> Vec<u8> {
    batch(1_000, &[("k", value)], BatchStamp::default())
}

#[tokio::test]
async fn what_is_produced_in_any_codec_is_fetched_in_order() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for (base, compression) in (0..).step_by(2).zip(codecs) {
        let stamp = BatchStamp {
            compression,
            ..BatchStamp::default()
        };
        let batch = batch(1_000, &[("k", "a"), ("k", "b")], stamp);
        assert_eq!(client.produce("t", &batch).await, (0, base));
    }
    for version in [4, 7, 11, 12] {
        let answer = client.ask(version, &fetch_request("t", 3, 0)).await;
        let values: Vec<_> = records(&answer)
            .into_iter()
            .map(|(offset, _)| offset)
            .collect();
        assert_eq!(values, [2, 3, 4, 5, 6, 7, 8, 9], "v{version}");
    }
}

#[tokio::test]
async fn a_waiting_fetch_is_woken_by_a_produce_and_does_not_hold_others_up() {
    let broker = broker().await;
    let mut reader = RawClient::connect(&broker).await;
    let mut writer = RawClient::connect(&broker).await;
    writer.create_topic("t", 1, &[]).await;
    let started = Instant::now();
    reader.send(12, &fetch_request("t", 0, 15_000)).await;
    assert_eq!(writer.produce("t", &plain("late")).await, (0, 0));
    assert!(reader.receive().await);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "woken, not timed out"
    );
}

#[tokio::test]
async fn a_fetch_without_news_is_answered_empty_after_its_wait() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let started = Instant::now();
    let answer = client.ask(12, &fetch_request("t", 0, 200)).await;
    assert_eq!(records(&answer), []);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn fetching_outside_the_log_is_an_error_on_both_sides() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", &plain("a")).await;
    let mut error = async |offset| {
        let answer = client.ask(12, &fetch_request("t", offset, 0)).await;
        ErrorCode(answer.responses[0].partitions[0].error_code)
    };
    assert_eq!(error(-1).await, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(error(1).await, ErrorCode::NONE, "the end is inside");
    assert_eq!(error(2).await, ErrorCode::OFFSET_OUT_OF_RANGE);
}

#[tokio::test]
async fn a_session_answers_only_with_what_is_new() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", &plain("a")).await;
    let mut request = FetchRequest {
        session_epoch: 0,
        ..fetch_request("t", 0, 0)
    };
    let answer = client.ask(12, &request).await;
    assert_eq!(records(&answer).len(), 1);
    request.session_id = answer.session_id;
    assert!(request.session_id > 0);
    request.session_epoch = 1;
    request.topics[0].partitions[0].fetch_offset = 1;
    let answer = client.ask(12, &request).await;
    assert_eq!(answer.responses, [], "nothing new");
    request.topics.clear();
    request.session_epoch = 2;
    client.produce("t", &plain("b")).await;
    let answer = client.ask(12, &request).await;
    assert_eq!(records(&answer), [(1, "b".to_owned())]);
}

#[tokio::test]
async fn a_fetch_by_topic_id_finds_the_topic_and_not_its_successor() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    client.produce("t", &plain("a")).await;
    let metadata = tidemill::protocol::message::metadata::MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let topic_id = client.ask(12, &metadata).await.topics[0].topic_id;
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = topic_id;
    let answer = client.ask(16, &request).await;
    assert_eq!(records(&answer), [(0, "a".to_owned())]);
    request.topics[0].topic_id.0[0] ^= 1;
    let answer = client.ask(16, &request).await;
    let error = answer.responses[0].partitions[0].error_code;
    assert_eq!(ErrorCode(error), ErrorCode::UNKNOWN_TOPIC_ID);
}

#[tokio::test]
async fn a_damaged_or_unsuitable_batch_is_refused_with_its_reason() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client
        .create_topic("t", 1, &[("max.message.bytes", "200")])
        .await;
    let sound = plain("a");
    let mut flipped = sound.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    let mut old = sound.clone();
    old[16] = 1;
    let two = [sound.clone(), sound.clone()].concat();
    let cases = [
        (flipped, ErrorCode::CORRUPT_MESSAGE),
        (old, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT),
        (two, ErrorCode::INVALID_RECORD),
        (sound[..40].to_vec(), ErrorCode::INVALID_RECORD),
        (Vec::new(), ErrorCode::INVALID_RECORD),
        (plain(&"x".repeat(200)), ErrorCode::MESSAGE_TOO_LARGE),
    ];
    for (bytes, expected) in cases {
        let (error, offset) = client.produce("t", &bytes).await;
        assert_eq!((ErrorCode(error), offset), (expected, -1));
    }
    assert_eq!(
        client.produce("t", &sound).await,
        (0, 0),
        "nothing was kept"
    );
}

#[tokio::test]
async fn a_decompression_bomb_is_refused() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let zeros = "\0".repeat(300 << 20);
    let stamp = BatchStamp {
        compression: Compression::Zstd,
        ..BatchStamp::default()
    };
    let bomb = batch(1, &[("k", &zeros)], stamp);
    assert!(bomb.len() < 1 << 20, "{} bytes", bomb.len());
    let (error, _) = client.produce("t", &bomb).await;
    assert_eq!(ErrorCode(error), ErrorCode::INVALID_RECORD);
}

#[tokio::test]
async fn a_count_of_records_that_cannot_be_there_is_refused() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let mut bytes = plain("a");
    let mut header = BatchHeader::parse(&bytes).expect("whole");
    header.record_count = i32::MAX;
    header.last_offset_delta = i32::MAX - 1;
    bytes[..61].copy_from_slice(&header.to_bytes());
    let crc = tidemill::protocol::crc::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let (error, _) = client.produce("t", &bytes).await;
    assert_eq!(ErrorCode(error), ErrorCode::INVALID_RECORD);
}

#[tokio::test]
async fn an_idempotent_batch_sent_again_gets_its_old_offset() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 1_000,
        ..Default::default()
    };
    let id = client.ask(4, &request).await;
    assert_eq!(id.error_code, 0);
    let (producer_id, producer_epoch) = (id.producer_id, id.producer_epoch);
    let numbered = |base_sequence| {
        let stamp = BatchStamp {
            producer_id,
            producer_epoch,
            base_sequence,
            ..BatchStamp::default()
        };
        batch(1_000, &[("k", "v")], stamp)
    };
    assert_eq!(client.produce("t", &numbered(0)).await, (0, 0));
    assert_eq!(client.produce("t", &numbered(1)).await, (0, 1));
    assert_eq!(client.produce("t", &numbered(0)).await, (0, 0), "again");
    let (gap, _) = client.produce("t", &numbered(3)).await;
    assert_eq!(ErrorCode(gap), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(client.produce("t", &numbered(2)).await, (0, 2));
}

#[tokio::test]
async fn a_produce_without_acks_gets_no_answer_and_lands() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let batch = plain("quiet");
    let mut request = produce_request("t", &batch);
    request.acks = 0;
    client.send(9, &request).await;
    let answer = client.ask(12, &fetch_request("t", 0, 5_000)).await;
    assert_eq!(records(&answer), [(0, "quiet".to_owned())]);
}

async fn list(client: &mut RawClient, timestamp: i64) -> (i64, i64) {
    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: "t".into(),
            partitions: vec![ListOffsetsPartition {
                timestamp,
                ..Default::default()
            }],
        }],
        ..Default::default()
    };
    let answer = client.ask(7, &request).await;
    let partition = &answer.topics[0].partitions[0];
    assert_eq!(partition.error_code, 0);
    (partition.offset, partition.timestamp)
}

#[tokio::test]
async fn offsets_are_listed_by_end_and_by_time() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    assert_eq!(list(&mut client, -1).await, (0, -1));
    assert_eq!(list(&mut client, -3).await, (-1, -1), "no record");
    for time in [100, 300, 200] {
        let batch = batch(time, &[("k", "v")], BatchStamp::default());
        client.produce("t", &batch).await;
    }
    assert_eq!(list(&mut client, -2).await, (0, -1));
    assert_eq!(list(&mut client, -1).await, (3, -1));
    assert_eq!(list(&mut client, -3).await, (1, 300));
    assert_eq!(list(&mut client, 100).await, (0, 100));
    assert_eq!(list(&mut client, 101).await, (1, 300));
    assert_eq!(list(&mut client, 301).await, (-1, -1));
}

#[tokio::test]
async fn a_time_whose_first_record_was_deleted_finds_the_next_one() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let mut builder = BatchBuilder::new();
    for time in [300, 100] {
        let value = Some(&b"v"[..]);
        builder
            .push(Timestamp(time), None, value, [])
            .expect("fits");
    }
    let mut falling = Vec::new();
    let stamp = BatchStamp::default();
    builder.finish(&stamp, &mut falling).expect("fits");
    client.produce("t", &falling).await;
    client.produce("t", &batch(400, &[("k", "v")], stamp)).await;
    assert_eq!(list(&mut client, 200).await, (0, 300));
    client.delete_records("t", 1).await;
    assert_eq!(list(&mut client, 200).await, (2, 400));
}

#[tokio::test]
async fn a_topic_that_asks_for_retention_loses_its_old_records_and_no_other_does() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client
        .create_topic("t", 1, &[("retention.ms", "1000")])
        .await;
    client.create_topic("kept", 1, &[]).await;
    client.produce("t", &plain("old")).await;
    client.produce("kept", &plain("old")).await;
    broker.clean();
    assert_eq!(list(&mut client, -2).await, (1, -1));
    let answer = client.ask(12, &fetch_request("kept", 0, 0)).await;
    assert_eq!(records(&answer).len(), 1);
}

#[tokio::test]
async fn a_topic_with_log_append_time_stamps_its_records() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    let settings = [("message.timestamp.type", "LogAppendTime")];
    client.create_topic("t", 1, &settings).await;
    let batch = plain("a");
    let answer = client.ask(9, &produce_request("t", &batch)).await;
    let appended = answer.responses[0].partition_responses[0].log_append_time_ms;
    assert!(appended > 1_600_000_000_000);
    let answer = client.ask(12, &fetch_request("t", 0, 0)).await;
    let bytes = answer.responses[0].partitions[0].records.clone();
    let header = BatchHeader::parse(&bytes.expect("records")).expect("whole");
    assert_eq!(header.max_timestamp.0, appended);
    assert_eq!(records(&answer).len(), 1);
}
