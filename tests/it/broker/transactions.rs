//! Transactions: from InitProducerId to the reader of committed data.

use tidemill::broker::Broker;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::add_offsets_to_txn::AddOffsetsToTxnRequest;
use tidemill::protocol::message::add_partitions_to_txn::AddPartitionsToTxnRequest;
use tidemill::protocol::message::add_partitions_to_txn::AddPartitionsToTxnTopic;
use tidemill::protocol::message::end_txn::EndTxnRequest;
use tidemill::protocol::message::fetch::FetchPartition;
use tidemill::protocol::message::fetch::FetchRequest;
use tidemill::protocol::message::fetch::FetchTopic;
use tidemill::protocol::message::init_producer_id::InitProducerIdRequest;
use tidemill::protocol::message::offset_fetch::OffsetFetchRequest;
use tidemill::protocol::message::txn_offset_commit::TxnOffsetCommitRequest;
use tidemill::protocol::message::txn_offset_commit::TxnOffsetCommitRequestPartition;
use tidemill::protocol::message::txn_offset_commit::TxnOffsetCommitRequestTopic;

use crate::broker::groups::committed;
use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::batch;
use crate::broker::raw_client::broker;
use crate::broker::raw_client::produce_request;

/// A transactional producer that is made of requests.
struct Producer {
    client: RawClient,
    id: i64,
    epoch: i16,
    sequence: i32,
}

impl Producer {
    async fn init(broker: &Broker) -> Self {
        let mut client = RawClient::connect(broker).await;
        let request = InitProducerIdRequest {
            transactional_id: Some("x".into()),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let answer = client.ask(4, &request).await;
        assert_eq!(answer.error_code, 0);
        let (id, epoch) = (answer.producer_id, answer.producer_epoch);
        Self {
            client,
            id,
            epoch,
            sequence: 0,
        }
    }

    async fn add_partition(&mut self) -> ErrorCode {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "x".into(),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: "t".into(),
                partitions: vec![0],
            }],
            ..Default::default()
        };
        let answer = self.client.ask(3, &request).await;
        let topic = &answer.results_by_topic_v3_and_below[0];
        ErrorCode(topic.results_by_partition[0].partition_error_code)
    }

    async fn produce(&mut self, value: &str) -> ErrorCode {
        let stamp = BatchStamp {
            producer_id: self.id,
            producer_epoch: self.epoch,
            base_sequence: self.sequence,
            is_transactional: true,
            ..BatchStamp::default()
        };
        let batch = batch(1, &[("k", value)], stamp);
        let mut request = produce_request("t", &batch);
        request.transactional_id = Some("x".into());
        let answer = self.client.ask(9, &request).await;
        let error = answer.responses[0].partition_responses[0].error_code;
        self.sequence += i32::from(error == 0);
        ErrorCode(error)
    }

    async fn end(&mut self, committed: bool) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: "x".into(),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed,
        };
        ErrorCode(self.client.ask(3, &request).await.error_code)
    }
}

/// What a reader of committed data is given: batches, aborted transactions, last stable offset.
async fn read_committed(client: &mut RawClient) -> (usize, Vec<(i64, i64)>, i64) {
    let request = FetchRequest {
        isolation_level: 1,
        topics: vec![FetchTopic {
            topic: "t".into(),
            partitions: vec![FetchPartition {
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = client.ask(12, &request).await;
    let partition = &answer.responses[0].partitions[0];
    let aborted = partition.aborted_transactions.iter().flatten();
    let aborted = aborted.map(|aborted| (aborted.producer_id, aborted.first_offset));
    (
        Batches::new(partition.records.as_deref().unwrap_or_default()).count(),
        aborted.collect(),
        partition.last_stable_offset,
    )
}

#[tokio::test]
async fn committed_data_appears_with_its_marker_and_aborted_data_is_named() {
    let broker = broker().await;
    let mut reader = RawClient::connect(&broker).await;
    reader.create_topic("t", 1, &[]).await;
    let mut producer = Producer::init(&broker).await;
    assert_eq!(
        producer.produce("early").await,
        ErrorCode::INVALID_TXN_STATE
    );
    assert_eq!(producer.add_partition().await, ErrorCode::NONE);
    assert_eq!(producer.produce("a").await, ErrorCode::NONE);
    assert_eq!(
        read_committed(&mut reader).await,
        (0, vec![], 0),
        "undecided"
    );
    assert_eq!(producer.end(true).await, ErrorCode::NONE);
    assert_eq!(read_committed(&mut reader).await, (2, vec![], 2));
    assert_eq!(producer.add_partition().await, ErrorCode::NONE);
    assert_eq!(producer.produce("b").await, ErrorCode::NONE);
    assert_eq!(producer.end(false).await, ErrorCode::NONE);
    let aborted = vec![(producer.id, 2)];
    assert_eq!(read_committed(&mut reader).await, (4, aborted, 4));
}

#[tokio::test]
async fn a_second_producer_of_the_same_id_aborts_and_fences_the_first() {
    let broker = broker().await;
    let mut reader = RawClient::connect(&broker).await;
    reader.create_topic("t", 1, &[]).await;
    let mut first = Producer::init(&broker).await;
    first.add_partition().await;
    assert_eq!(first.produce("a").await, ErrorCode::NONE);
    let mut second = Producer::init(&broker).await;
    assert_eq!((second.id, second.epoch), (first.id, first.epoch + 1));
    let (batches, aborted, stable) = read_committed(&mut reader).await;
    assert_eq!((batches, aborted.len(), stable), (2, 1, 2));
    assert_eq!(first.produce("b").await, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(first.add_partition().await, ErrorCode::PRODUCER_FENCED);
    assert_eq!(first.end(true).await, ErrorCode::PRODUCER_FENCED);
    assert_eq!(second.add_partition().await, ErrorCode::NONE);
    assert_eq!(second.produce("c").await, ErrorCode::NONE);
    assert_eq!(second.end(true).await, ErrorCode::NONE);
}

#[tokio::test]
async fn offsets_of_a_transaction_count_once_it_is_committed() {
    let broker = broker().await;
    let mut reader = RawClient::connect(&broker).await;
    reader.create_topic("t", 1, &[]).await;
    let mut producer = Producer::init(&broker).await;
    for (offset, is_committed, expected) in [(7, false, -1), (8, true, 8)] {
        let add = AddOffsetsToTxnRequest {
            transactional_id: "x".into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            group_id: "g".into(),
        };
        assert_eq!(producer.client.ask(3, &add).await.error_code, 0);
        let commit = TxnOffsetCommitRequest {
            transactional_id: "x".into(),
            group_id: "g".into(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".into(),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    committed_metadata: Some("".into()),
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let answer = producer.client.ask(3, &commit).await;
        assert_eq!(answer.topics[0].partitions[0].error_code, 0);
        assert_eq!(committed(&mut reader).await, -1, "undecided");
        assert_eq!(
            stable_error(&mut reader).await,
            ErrorCode::UNSTABLE_OFFSET_COMMIT
        );
        assert_eq!(producer.end(is_committed).await, ErrorCode::NONE);
        assert_eq!(committed(&mut reader).await, expected);
        assert_eq!(stable_error(&mut reader).await, ErrorCode::NONE);
    }
}

/// What a reader that asks for stable offsets of `t-0` is told.
async fn stable_error(client: &mut RawClient) -> ErrorCode {
    let request = OffsetFetchRequest {
        group_id: "g".into(),
        topics: Some(vec![
            tidemill::protocol::message::offset_fetch::OffsetFetchRequestTopic {
                name: "t".into(),
                partition_indexes: vec![0],
            },
        ]),
        require_stable: true,
        ..Default::default()
    };
    let answer = client.ask(7, &request).await;
    ErrorCode(answer.topics[0].partitions[0].error_code)
}
