//! The client's suite on the embedded broker.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::broker::Hook;
use tidemill::broker::HookAction;
use tidemill::broker::HookedRequest;
use tidemill::client::ErrorKind;
use tidemill::client::cluster::Cluster;
use tidemill::client::producer::Outcomes;
use tidemill::client::producer::Producer;
use tidemill::protocol::message::ApiKey;
use tidemill::protocol::message::Message;
use tidemill::protocol::message::fetch::FetchResponse;
use tidemill::protocol::message::metadata::MetadataRequest;
use tidemill::protocol::message::produce::PartitionProduceResponse;
use tidemill::protocol::message::produce::ProduceRequest;
use tidemill::protocol::message::produce::ProduceResponse;
use tidemill::protocol::message::produce::TopicProduceResponse;
use tidemill::record::Offset;
use tidemill::record::Record;
use tidemill::record::TopicPartition;
use tokio::time::Instant;

use crate::client_suite;

#[tokio::test]
async fn the_suite_passes() {
    let broker = Broker::start(BrokerConfig::default())
        .await
        .expect("started");
    client_suite::suite(&broker.bootstrap()).await;
}

#[tokio::test]
async fn a_refused_connection_is_told_within_a_second_and_names_each_address() {
    let begun = Instant::now();
    let config = client_suite::config("127.0.0.1:1,[::1]:1");
    let error = Cluster::connect(config).await.expect_err("nobody listens");
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(error.kind(), ErrorKind::NotReachable);
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1:1: connection refused") && text.contains("[::1]:1"),
        "{text}"
    );
}

/// Does `action` to the requests of one API whose place in their order is in `places`.
fn on(api_key: ApiKey, places: &'static [usize], action: HookAction) -> Hook {
    let mut seen = 0;
    Box::new(move |request: &HookedRequest<'_>| {
        if request.api_key != api_key {
            return HookAction::Pass;
        }
        seen += 1;
        if places.contains(&seen) {
            action.clone()
        } else {
            HookAction::Pass
        }
    })
}

struct Scene {
    broker: Broker,
    cluster: Cluster,
    topic: String,
}

impl Scene {
    async fn new() -> Self {
        let broker = Broker::start(BrokerConfig::default())
            .await
            .expect("started");
        let mut config = client_suite::config(&broker.bootstrap());
        config.produce.batch_bytes = 200;
        config.produce.linger = Duration::ZERO;
        let cluster = Cluster::connect(config).await.expect("connected");
        let topic = client_suite::topic(&cluster, "faults", 1, &[]).await;
        Self {
            broker,
            cluster,
            topic,
        }
    }

    /// Writes numbers one by one and reads them back: each once, in order.
    async fn numbers_come_back(&self, count: usize) {
        let records: Vec<Record> = (0..count)
            .map(|number| client_suite::text(&number.to_string()))
            .collect();
        client_suite::write(&self.cluster, &self.topic, 0, &records).await;
        self.all_read(&records).await;
    }

    async fn all_read(&self, records: &[Record]) {
        let mut fetcher = client_suite::fetcher(&self.cluster);
        fetcher.assign(TopicPartition::new(self.topic.as_str(), 0), Offset(0));
        let got = client_suite::read(&mut fetcher, records.len()).await;
        let got: Vec<Record> = got
            .into_values()
            .flatten()
            .map(|(_, record)| record)
            .collect();
        assert!(got == records, "{} of {}", got.len(), records.len());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_append_leaves_one_copy_in_order() {
    let scene = Scene::new().await;
    scene.broker.set_hook(Some(on(
        ApiKey::Produce,
        &[1, 3, 4, 9, 17],
        HookAction::CloseAfter,
    )));
    scene.numbers_come_back(500).await;
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_append_loses_nothing() {
    let scene = Scene::new().await;
    scene
        .broker
        .set_hook(Some(on(ApiKey::Produce, &[1, 2, 5, 11], HookAction::Close)));
    scene.numbers_come_back(500).await;
}

#[tokio::test]
async fn a_leader_that_has_moved_is_looked_for_again() {
    let scene = Scene::new().await;
    let id = scene.cluster.topic(&scene.topic).await.expect("known").id;
    let mut seen = 0;
    let hook = move |request: &HookedRequest<'_>| {
        seen += usize::from(request.api_key == ApiKey::Produce);
        if request.api_key != ApiKey::Produce || seen % 4 != 2 {
            return HookAction::Pass;
        }
        let asked = ProduceRequest::read_exact(request.body, request.version).expect("ours");
        let moved = PartitionProduceResponse {
            error_code: 6,
            base_offset: -1,
            ..PartitionProduceResponse::default()
        };
        let response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                name: asked.topic_data[0].name.clone(),
                topic_id: id,
                partition_responses: vec![moved],
            }],
            ..ProduceResponse::default()
        };
        HookAction::answer(request, &response).expect("writable")
    };
    scene.broker.set_hook(Some(Box::new(hook)));
    scene.numbers_come_back(200).await;
}

#[tokio::test]
async fn a_throttled_answer_counts_and_is_not_sent_again() {
    let scene = Scene::new().await;
    let id = scene.cluster.topic(&scene.topic).await.expect("known").id;
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let hook = move |request: &HookedRequest<'_>| {
        if request.api_key != ApiKey::Produce {
            return HookAction::Pass;
        }
        counter.fetch_add(1, Ordering::Relaxed);
        let asked = ProduceRequest::read_exact(request.body, request.version).expect("ours");
        let response = ProduceResponse {
            responses: vec![TopicProduceResponse {
                name: asked.topic_data[0].name.clone(),
                topic_id: id,
                partition_responses: vec![PartitionProduceResponse::default()],
            }],
            throttle_time_ms: 50,
            ..ProduceResponse::default()
        };
        HookAction::answer(request, &response).expect("writable")
    };
    scene.broker.set_hook(Some(Box::new(hook)));
    let begun = Instant::now();
    for _ in 0..3 {
        client_suite::write(&scene.cluster, &scene.topic, 0, &[client_suite::text("x")]).await;
    }
    assert_eq!(seen.load(Ordering::Relaxed), 3, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn reading_goes_on_after_broken_connections_and_lost_sessions() {
    let scene = Scene::new().await;
    let records: Vec<Record> = (0..500)
        .map(|number| client_suite::text(&number.to_string()))
        .collect();
    client_suite::write(&scene.cluster, &scene.topic, 0, &records).await;
    scene
        .broker
        .set_hook(Some(on(ApiKey::Fetch, &[1, 2], HookAction::CloseAfter)));
    scene.all_read(&records).await;
    let mut seen = 0;
    let lost = move |request: &HookedRequest<'_>| {
        seen += usize::from(request.api_key == ApiKey::Fetch);
        if request.api_key != ApiKey::Fetch || seen % 2 == 0 {
            return HookAction::Pass;
        }
        let response = FetchResponse {
            error_code: 70,
            ..FetchResponse::default()
        };
        HookAction::answer(request, &response).expect("writable")
    };
    scene.broker.set_hook(Some(Box::new(lost)));
    scene.all_read(&records).await;
}

#[tokio::test]
async fn no_request_lets_the_broker_create_topics() {
    let scene = Scene::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let hook = move |request: &HookedRequest<'_>| {
        if request.api_key == ApiKey::Metadata {
            let metadata =
                MetadataRequest::read_exact(request.body, request.version).expect("ours");
            assert!(!metadata.allow_auto_topic_creation);
            counter.fetch_add(1, Ordering::Relaxed);
        }
        HookAction::Pass
    };
    scene.broker.set_hook(Some(Box::new(hook)));
    scene
        .cluster
        .topic("no-such-topic")
        .await
        .expect_err("not there");
    scene.cluster.refresh_all().await.expect("listed");
    assert!(asked.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn records_are_given_up_at_the_delivery_timeout_and_told_as_unknown() {
    let scene = Scene::new().await;
    scene.broker.set_hook(Some(Box::new(
        |request: &HookedRequest<'_>| match request.api_key {
            ApiKey::Produce => HookAction::CloseAfter,
            _ => HookAction::Pass,
        },
    )));
    let mut settings = scene.cluster.config().produce.clone();
    settings.delivery_timeout = Duration::from_millis(300);
    let producer = Producer::new(scene.cluster.clone(), settings, Outcomes::Count);
    client_suite::send(&producer, &scene.topic, 0, &[client_suite::text("x")]).await;
    let delivery = producer
        .flush(Instant::now() + Duration::from_secs(10))
        .await;
    assert_eq!(
        (delivery.unknown, delivery.outstanding()),
        (1, 0),
        "{delivery:?}"
    );
    let error = delivery.first_error.expect("told").to_string();
    assert!(error.contains("not acknowledged within 300 ms"), "{error}");
}
