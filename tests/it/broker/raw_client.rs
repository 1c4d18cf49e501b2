//! A tiny client: one connection, one request at a time, nothing hidden.

use std::time::Duration;

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::Message;
use tidemill::protocol::message::Request;
use tidemill::protocol::message::create_topics::CreatableTopic;
use tidemill::protocol::message::create_topics::CreatableTopicConfig;
use tidemill::protocol::message::create_topics::CreateTopicsRequest;
use tidemill::protocol::message::delete_records::DeleteRecordsPartition;
use tidemill::protocol::message::delete_records::DeleteRecordsRequest;
use tidemill::protocol::message::delete_records::DeleteRecordsTopic;
use tidemill::protocol::message::header::RequestHeader;
use tidemill::protocol::message::header::split_response;
use tidemill::protocol::message::produce::PartitionProduceData;
use tidemill::protocol::message::produce::ProduceRequest;
use tidemill::protocol::message::produce::TopicProduceData;
use tidemill::record::Timestamp;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes longer than this.
const DEADLINE: Duration = Duration::from_secs(20);

/// Starts a broker in memory with the defaults.
pub(crate) async fn broker() -> Broker {
    Broker::start(BrokerConfig::default())
        .await
        .expect("starts")
}

/// One connection.
pub(crate) struct RawClient {
    stream: TcpStream,
    frame: Vec<u8>,
}

impl RawClient {
    pub(crate) async fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.bootstrap()).await;
        Self {
            stream: stream.expect("connected"),
            frame: Vec::new(),
        }
    }

    /// Sends `request` in `version` and reads the answer.
    pub(crate) async fn ask<'s, 'a, R>(&'s mut self, version: i16, request: &R) -> R::Response<'s>
    where
        R: Request<'a>,
    {
        self.send(version, request).await;
        assert!(self.receive().await, "the broker closed the connection");
        let (correlation_id, body) =
            split_response(&self.frame, R::API_KEY, version).expect("a header");
        assert_eq!(correlation_id, 7);
        Message::read_exact(body, version).expect("an answer")
    }

    /// Sends `request` and does not wait.
    pub(crate) async fn send<'a>(&mut self, version: i16, request: &impl Request<'a>) {
        self.send_raw(&framed(version, request)).await;
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// Reads one frame; false where the broker has closed the connection.
    pub(crate) async fn receive(&mut self) -> bool {
        let receive = async {
            let mut prefix = [0; 4];
            if self.stream.read_exact(&mut prefix).await.is_err() {
                return false;
            }
            let length = usize::try_from(i32::from_be_bytes(prefix)).expect("a length");
            self.frame.resize(length, 0);
            self.stream.read_exact(&mut self.frame).await.is_ok()
        };
        timeout(DEADLINE, receive).await.expect("in time")
    }

    /// The frame read last.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Makes a topic and expects that to work.
    pub(crate) async fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) {
        let configs = configs.iter().map(|&(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.into(),
                num_partitions: partitions,
                replication_factor: 1,
                configs: configs.collect(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let answer = self.ask(7, &request).await;
        assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
    }

    /// Deletes what partition 0 has below `offset`; the error and the log's start.
    pub(crate) async fn delete_records(&mut self, topic: &str, offset: i64) -> (ErrorCode, i64) {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: topic.into(),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: 0,
                    offset,
                }],
            }],
            ..Default::default()
        };
        let answer = self.ask(2, &request).await;
        let partition = &answer.topics[0].partitions[0];
        (ErrorCode(partition.error_code), partition.low_watermark)
    }

    /// Produces one batch to partition 0; the error code and base offset.
    pub(crate) async fn produce(&mut self, topic: &str, batch: &[u8]) -> (i16, i64) {
        let answer = self.ask(9, &produce_request(topic, batch)).await;
        let partition = &answer.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }
}

/// A produce request of one batch for partition 0, with acks from all.
pub(crate) fn produce_request<'a>(topic: &'a str, batch: &'a [u8]) -> ProduceRequest<'a> {
    ProduceRequest {
        acks: -1,
        timeout_ms: 1_000,
        topic_data: vec![TopicProduceData {
            name: topic.into(),
            partition_data: vec![PartitionProduceData {
                index: 0,
                records: Some(batch.into()),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// `request` with header and length prefix.
pub(crate) fn framed<'a, R: Request<'a>>(version: i16, request: &R) -> Vec<u8> {
    let mut frame = vec![0; 4];
    let header = RequestHeader {
        api_key: R::API_KEY,
        api_version: version,
        correlation_id: 7,
        client_id: Some("raw".into()),
    };
    header.write(&mut frame).expect("a header");
    request.write(version, &mut frame).expect("a request");
    let length = i32::try_from(frame.len() - 4).expect("short");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// A batch of records with key and value, all stamped `timestamp`.
pub(crate) fn batch(timestamp: i64, records: &[(&str, &str)], stamp: BatchStamp) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for (key, value) in records {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        builder
            .push(Timestamp(timestamp), key, value, [])
            .expect("fits");
    }
    let mut out = Vec::new();
    builder.finish(&stamp, &mut out).expect("fits");
    out
}
