//! The client against Apache Kafka with security. Run by
//! `compose/with-kafka --sasl --tls -- cargo test -- --ignored`, which sets the addresses; a missing
//! one fails.

use std::ops::ControlFlow;
use std::time::Duration;

use tidemill::client::ErrorKind;
use tidemill::client::Retry;
use tidemill::client::cluster::Cluster;
use tidemill::client::cluster::Purpose;
use tidemill::client::config::Config;
use tidemill::client::config::Isolation;
use tidemill::client::connection::Connection;
use tidemill::client::connection::Reply;
use tidemill::client::coordinator::CoordinatorKind;
use tidemill::client::fetcher::Fetcher;
use tidemill::protocol::batch_builder::BatchBuilder;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::compression::Decompressor;
use tidemill::protocol::error_code::Action;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::Request;
use tidemill::protocol::message::end_txn::EndTxnRequest;
use tidemill::protocol::message::end_txn::EndTxnResponse;
use tidemill::protocol::message::init_producer_id::InitProducerIdRequest;
use tidemill::protocol::message::init_producer_id::InitProducerIdResponse;
use tidemill::protocol::message::produce::PartitionProduceData;
use tidemill::protocol::message::produce::ProduceRequest;
use tidemill::protocol::message::produce::ProduceResponse;
use tidemill::protocol::message::produce::TopicProduceData;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::Timestamp;
use tidemill::record::TopicPartition;
use tokio::time::Instant;

use crate::client_suite;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("needs Apache Kafka: {name} is not set (compose/with-kafka --sasl --tls sets it)")
    })
}

fn secured(bootstrap: &str, properties: &[(&str, &str)]) -> Config {
    let mut config = client_suite::config(&variable(bootstrap));
    for (name, value) in properties {
        config.set(name, value).expect("allowed");
    }
    config
}

#[tokio::test]
#[ignore = "needs compose/with-kafka"]
async fn the_suite_passes() {
    client_suite::suite(&variable("BOOTSTRAP")).await;
}

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

fn alice<'a>(protocol: &'a str, mechanism: &'a str, password: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism),
        ("sasl.username", "alice"),
        ("sasl.password", password),
    ]
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl"]
async fn every_mechanism_logs_in_and_a_wrong_password_is_refused_at_once() {
    for mechanism in MECHANISMS {
        let config = secured(
            "BOOTSTRAP_SASL",
            &alice("SASL_PLAINTEXT", mechanism, "alice-secret"),
        );
        let cluster = Cluster::connect(config).await.expect(mechanism);
        cluster.refresh_all().await.expect("listed");
        let config = secured(
            "BOOTSTRAP_SASL",
            &alice("SASL_PLAINTEXT", mechanism, "wrong"),
        );
        let error = Cluster::connect(config).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Refused, "{mechanism}: {error}");
        let text = error.to_string();
        assert!(
            text.contains(mechanism) && text.contains("\"alice\"") && !text.contains("\"wrong\""),
            "{text}"
        );
    }
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl --tls"]
async fn tls_works_with_the_authority_with_a_client_certificate_and_with_sasl_over_it() {
    let [ca, certificate, key] = ["CA_FILE", "CLIENT_CERT", "CLIENT_KEY"].map(variable);
    let trust = ("ssl.ca.location", ca.as_str());
    let plain_tls = [("security.protocol", "SSL"), trust];
    let cluster = Cluster::connect(secured("BOOTSTRAP_TLS", &plain_tls))
        .await
        .expect("TLS");
    cluster.refresh_all().await.expect("listed");
    let mutual = [
        ("security.protocol", "SSL"),
        trust,
        ("ssl.certificate.location", certificate.as_str()),
        ("ssl.key.location", key.as_str()),
    ];
    Cluster::connect(secured("BOOTSTRAP_TLS", &mutual))
        .await
        .expect("mutual TLS");
    let mut both = alice("SASL_SSL", "SCRAM-SHA-512", "alice-secret").to_vec();
    both.push(trust);
    Cluster::connect(secured("BOOTSTRAP_SASL_TLS", &both))
        .await
        .expect("SASL over TLS");
    let error = Cluster::connect(secured("BOOTSTRAP_TLS", &[("security.protocol", "SSL")])).await;
    let error = error.expect_err("an unknown authority");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}

#[tokio::test]
#[ignore = "needs compose/with-kafka --sasl --tls"]
async fn a_plain_client_on_a_tls_port_is_told_what_to_set() {
    let config = client_suite::config(&variable("BOOTSTRAP_TLS"));
    let error = Cluster::connect(config).await.expect_err("TLS");
    assert_eq!(error.kind(), ErrorKind::NotReachable, "{error}");
}

/// One transactional producer, by hand: the client has none yet.
struct Transactions {
    cluster: Cluster,
    id: String,
    coordinator: i32,
    producer_id: i64,
    producer_epoch: i16,
}

const WITHIN: Duration = Duration::from_secs(30);

/// Asks again while the coordinator is loading or busy with the transaction before.
async fn until_ready<'a, R: Request<'a>>(
    cluster: &Cluster,
    connection: &Connection,
    request: &R,
    code: impl Fn(&Reply) -> i16,
) -> Reply {
    let mut retry = Retry::new(cluster.config(), WITHIN);
    loop {
        let reply = connection.request(request, WITHIN).await.expect("answered");
        match ErrorCode(code(&reply)) {
            ErrorCode::NONE => return reply,
            code => assert!(
                code.action() != Action::Fail && retry.again().await,
                "{code}"
            ),
        }
    }
}

impl Transactions {
    async fn begin(cluster: &Cluster, id: &str) -> Self {
        let found = cluster
            .find_coordinator(CoordinatorKind::Transaction, id)
            .await;
        let coordinator = found.expect("a coordinator");
        let connection = cluster
            .connection(coordinator, Purpose::Control)
            .await
            .expect("connected");
        let request = InitProducerIdRequest {
            transactional_id: Some(id.into()),
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        let reply = until_ready(cluster, &connection, &request, |reply| {
            reply
                .body::<InitProducerIdResponse>()
                .expect("well formed")
                .error_code
        });
        let reply = reply.await;
        let response: InitProducerIdResponse = reply.body().expect("well formed");
        Self {
            cluster: cluster.clone(),
            id: id.to_owned(),
            coordinator,
            producer_id: response.producer_id,
            producer_epoch: response.producer_epoch,
        }
    }

    /// Writes one batch of `count` values; the broker adds the partition itself (KIP-890).
    async fn write(&self, topic: &str, sequence: i32, count: i32, value: &[u8]) {
        let mut builder = BatchBuilder::new();
        for _ in 0..count {
            builder
                .push(Timestamp(1), None, Some(value), [])
                .expect("fits");
        }
        let stamp = BatchStamp {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: sequence,
            is_transactional: true,
            ..BatchStamp::default()
        };
        let mut records = Vec::new();
        builder.finish(&stamp, &mut records).expect("fits");
        let metadata = self.cluster.topic(topic).await.expect("known");
        let request = ProduceRequest {
            transactional_id: Some(self.id.as_str().into()),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: topic.into(),
                topic_id: metadata.id,
                partition_data: vec![PartitionProduceData {
                    index: 0,
                    records: Some(records.into()),
                }],
            }],
        };
        let leader = metadata.leader(PartitionId(0)).expect("led");
        let connection = self
            .cluster
            .connection(leader.node, Purpose::Produce)
            .await
            .expect("connected");
        until_ready(&self.cluster, &connection, &request, |reply| {
            let response: ProduceResponse<'_> = reply.body().expect("well formed");
            response.responses[0].partition_responses[0].error_code
        })
        .await;
    }

    async fn end(&mut self, committed: bool) {
        let connection = self
            .cluster
            .connection(self.coordinator, Purpose::Control)
            .await
            .expect("connected");
        let request = EndTxnRequest {
            transactional_id: self.id.as_str().into(),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            committed,
        };
        let reply = until_ready(&self.cluster, &connection, &request, |reply| {
            reply
                .body::<EndTxnResponse>()
                .expect("well formed")
                .error_code
        });
        let reply = reply.await;
        let response: EndTxnResponse = reply.body().expect("well formed");
        (self.producer_id, self.producer_epoch) = (response.producer_id, response.producer_epoch);
    }
}

/// Reads until the position is `end`; then polls once more, which must wait and not spin.
async fn values_up_to(cluster: &Cluster, topic: &str, isolation: Isolation, end: i64) -> Vec<u8> {
    let mut settings = cluster.config().fetch.clone();
    settings.isolation = isolation;
    let partition = TopicPartition::new(topic, 0);
    let mut fetcher = Fetcher::new(cluster.clone(), settings);
    fetcher.assign(partition.clone(), Offset(0));
    let (mut values, mut decompressor) = (Vec::new(), Decompressor::new());
    let deadline = Instant::now() + WITHIN;
    while fetcher.position(&partition) != Some(Offset(end)) {
        assert!(
            Instant::now() < deadline,
            "stuck at {:?}",
            fetcher.position(&partition)
        );
        let fetched = fetcher.poll(deadline).await.expect("readable");
        for part in fetched.partitions() {
            let all = part.for_each(&mut decompressor, |record| {
                values.push(record.value.expect("a value")[0]);
                ControlFlow::<()>::Continue(())
            });
            assert!(all.expect("readable").is_continue());
        }
    }
    let begun = Instant::now();
    let none = fetcher
        .poll(begun + Duration::from_millis(500))
        .await
        .expect("readable");
    assert!(none.is_empty() && begun.elapsed() >= Duration::from_millis(500));
    values
}

#[tokio::test]
#[ignore = "needs compose/with-kafka of transaction.version 2"]
async fn only_committed_records_are_read_and_the_position_passes_markers() {
    let cluster = Cluster::connect(client_suite::config(&variable("BOOTSTRAP")))
        .await
        .expect("connected");
    let topic = client_suite::topic(&cluster, "transactions", 1, &[]).await;
    let mut transactions = Transactions::begin(&cluster, &format!("{topic}-id")).await;
    let mut other = Transactions::begin(&cluster, &format!("{topic}-other")).await;
    let mut committed = Vec::new();
    for round in 0..6 {
        let is_committed = round % 2 == 0;
        transactions.write(&topic, 0, 10, &[round]).await;
        other.write(&topic, 0, 3, &[100 + round]).await;
        transactions.write(&topic, 10, 5, &[round]).await;
        transactions.end(is_committed).await;
        other.end(!is_committed).await;
        let (ours, theirs) = (vec![round; 15], vec![100 + round; 3]);
        let visible = if is_committed {
            [&ours[..10], &ours[10..]].concat()
        } else {
            theirs
        };
        committed.extend(visible);
    }
    transactions.write(&topic, 0, 4, &[99]).await;
    let decided = 6 * (18 + 2);
    let read = values_up_to(&cluster, &topic, Isolation::ReadCommitted, decided).await;
    assert_eq!(read, committed);
    let all = values_up_to(&cluster, &topic, Isolation::ReadUncommitted, decided + 4).await;
    assert_eq!(all.len(), 6 * 18 + 4, "markers are no records");
    transactions.end(false).await;
    let read = values_up_to(&cluster, &topic, Isolation::ReadCommitted, decided + 5).await;
    assert_eq!(read, committed);
}
