//! What a producer promises of transactions: on whatever broker it is pointed at, and under faults on
//! the embedded one.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::broker::HookAction;
use tidemill::broker::HookedRequest;
use tidemill::client::cluster::Cluster;
use tidemill::client::config::Isolation;
use tidemill::client::offsets::ByPartition;
use tidemill::client::offsets::CommittedOffset;
use tidemill::client::offsets::OffsetSpec;
use tidemill::client::offsets::Offsets;
use tidemill::client::producer::GroupMember;
use tidemill::client::producer::NewRecord;
use tidemill::client::producer::Outcomes;
use tidemill::client::producer::Placement;
use tidemill::client::producer::SendError;
use tidemill::client::producer::TransactionEnd;
use tidemill::client::producer::TransactionError;
use tidemill::client::producer::TransactionalId;
use tidemill::client::producer::TransactionalProducer;
use tidemill::protocol::message::ApiKey;
use tidemill::protocol::message::add_offsets_to_txn::AddOffsetsToTxnResponse;
use tidemill::protocol::message::end_txn::EndTxnResponse;
use tidemill::record::Header;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::TopicPartition;
use tokio::time::Instant;

use crate::client_suite;
use crate::client_suite::PATIENCE;
use crate::client_suite::text;

/// Runs everything that needs no faults.
pub(crate) async fn suite(bootstrap: &str) {
    let cluster = Cluster::connect(client_suite::config(bootstrap))
        .await
        .expect("connected");
    what_is_committed_is_read_and_what_is_aborted_is_not(&cluster).await;
    offsets_count_with_their_transaction(&cluster).await;
    what_is_settled_is_seen_at_once(&cluster).await;
    a_newer_owner_fences_the_older_one(&cluster).await;
    many_transactions_follow_one_another(&cluster).await;
    records_are_taken_only_within_a_transaction(&cluster).await;
}

struct Scene {
    topic: String,
    producer: TransactionalProducer,
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

async fn owner(cluster: &Cluster, id: &str) -> TransactionalProducer {
    let id = TransactionalId::take_over(cluster, id, Duration::from_secs(60));
    let settings = cluster.config().produce.clone();
    TransactionalProducer::new(
        cluster.clone(),
        settings,
        Outcomes::Count,
        id.await.expect("taken over"),
    )
}

impl Scene {
    /// A topic of two partitions, and the owner of a transactional id of the same name.
    async fn new(cluster: &Cluster) -> Self {
        let topic = client_suite::topic(cluster, "transactions", 2, &[]).await;
        let producer = owner(cluster, &topic).await;
        Self { topic, producer }
    }

    async fn send(&self, partition: i32, values: &[&str]) {
        let records: Vec<_> = values.iter().map(|value| text(value)).collect();
        client_suite::send(self.producer.producer(), &self.topic, partition, &records).await;
    }

    async fn commit(&mut self) {
        let end = self.producer.commit(deadline()).await;
        assert!(matches!(end, TransactionEnd::Committed), "{end:?}");
    }

    /// Writes `last` in a transaction of its own, and reads the partition up to there.
    async fn read_with(&mut self, cluster: &Cluster, partition: i32, last: &str) -> Vec<String> {
        self.producer.begin().await.expect("begun");
        self.send(partition, &[last]).await;
        self.commit().await;
        self.read_to(cluster, partition, last).await
    }

    async fn read_to(&self, cluster: &Cluster, partition: i32, last: &str) -> Vec<String> {
        let mut count = 1;
        loop {
            let mut fetcher = client_suite::fetcher(cluster);
            let from = TopicPartition::new(self.topic.as_str(), partition);
            fetcher.assign(from, Offset(0));
            let got = client_suite::read(&mut fetcher, count).await;
            let values: Vec<String> = got
                .into_values()
                .flatten()
                .map(|(_, record)| {
                    let value = record.value.expect("a value");
                    String::from_utf8(value.to_vec()).expect("text")
                })
                .collect();
            if values.last().is_some_and(|value| value == last) {
                return values;
            }
            count = values.len() + 1;
        }
    }
}

async fn what_is_committed_is_read_and_what_is_aborted_is_not(cluster: &Cluster) {
    let mut scene = Scene::new(cluster).await;
    for (number, is_committed) in [(1, true), (2, false), (3, true), (4, false)] {
        scene.producer.begin().await.expect("begun");
        let (a, b) = (format!("a{number}"), format!("b{number}"));
        scene.send(0, &[&a, &b]).await;
        scene.send(1, &[&a]).await;
        if is_committed {
            scene.commit().await;
            continue;
        }
        // What has reached the log is aborted as well as what was only taken.
        scene.producer.producer().flush(deadline()).await;
        scene.send(0, &["only taken"]).await;
        scene.producer.abort(deadline()).await.expect("aborted");
    }
    let first = scene.read_with(cluster, 0, "end").await;
    assert_eq!(first, ["a1", "b1", "a3", "b3", "end"]);
    let second = scene.read_with(cluster, 1, "end").await;
    assert_eq!(second, ["a1", "a3", "end"]);
}

fn offsets_at(topic: &str, offset: i64) -> ByPartition<CommittedOffset> {
    let committed = CommittedOffset {
        metadata: format!("at {offset}"),
        ..CommittedOffset::new(Offset(offset))
    };
    [(TopicPartition::new(topic, 0), committed)].into()
}

async fn offsets_count_with_their_transaction(cluster: &Cluster) {
    let mut scene = Scene::new(cluster).await;
    let group = scene.topic.clone();
    let member = GroupMember::by_hand(&group);
    for (offset, is_committed) in [(3, true), (7, false)] {
        scene.producer.begin().await.expect("begun");
        scene.send(0, &["x"]).await;
        let offsets = offsets_at(&scene.topic, offset);
        let sent = scene.producer.send_offsets(&member, &offsets).await;
        sent.expect("taken");
        if is_committed {
            scene.commit().await;
        } else {
            scene.producer.abort(deadline()).await.expect("aborted");
        }
        let partitions = [TopicPartition::new(&*scene.topic, 0)];
        let offsets = Offsets::new(cluster.clone());
        let found = offsets.committed(&group, Some(&partitions)).await;
        assert_eq!(found.expect("told"), offsets_at(&scene.topic, 3));
    }
}

async fn what_is_settled_is_seen_at_once(cluster: &Cluster) {
    let mut scene = Scene::new(cluster).await;
    let partitions = [TopicPartition::new(&*scene.topic, 0)];
    let offsets = Offsets::new(cluster.clone());
    for _ in 0..5 {
        scene.producer.begin().await.expect("begun");
        scene.send(0, &["x"]).await;
        scene.commit().await;
        scene.producer.settled().await.expect("settled");
        let ends = [Isolation::ReadCommitted, Isolation::ReadUncommitted]
            .map(|isolation| offsets.list(&partitions, OffsetSpec::Latest, isolation));
        let [committed, all] = ends;
        assert_eq!(
            committed.await.expect("told"),
            all.await.expect("told"),
            "no marker is on its way"
        );
    }
}

async fn a_newer_owner_fences_the_older_one(cluster: &Cluster) {
    let mut old = Scene::new(cluster).await;
    old.producer.begin().await.expect("begun");
    old.send(0, &["old"]).await;
    old.producer.producer().flush(deadline()).await;
    let mut new = Scene {
        producer: owner(cluster, &old.topic).await,
        topic: old.topic.clone(),
    };
    let end = old.producer.commit(deadline()).await;
    let TransactionEnd::NotCommitted(error @ TransactionError::Fenced { .. }) = end else {
        panic!("{end:?}");
    };
    let said = error.to_string();
    assert!(said.contains("a newer instance has taken over"), "{said}");
    assert!(old.producer.begin().await.is_err());
    assert_eq!(new.read_with(cluster, 0, "new").await, ["new"]);
}

async fn many_transactions_follow_one_another(cluster: &Cluster) {
    let mut scene = Scene::new(cluster).await;
    let member = GroupMember::by_hand(&scene.topic);
    let mut wanted = Vec::new();
    for number in 0..30 {
        scene.producer.begin().await.expect("begun");
        let values: Vec<String> = (0..5).map(|value| format!("{number}.{value}")).collect();
        scene
            .send(0, &values.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        wanted.extend(values);
        let offsets = offsets_at(&scene.topic, number);
        let sent = scene.producer.send_offsets(&member, &offsets).await;
        sent.expect("taken");
        scene.commit().await;
    }
    wanted.push("end".to_owned());
    assert_eq!(scene.read_with(cluster, 0, "end").await, wanted);
}

async fn records_are_taken_only_within_a_transaction(cluster: &Cluster) {
    let mut scene = Scene::new(cluster).await;
    let producer = scene.producer.producer();
    let topic = producer.topic(&scene.topic).await.expect("known");
    let record = || NewRecord {
        timestamp: None,
        key: None,
        value: Some(b"x".as_slice()),
        headers: std::iter::empty::<Header<'_>>(),
    };
    let place = Placement::Partition(PartitionId(0));
    let refused = producer.try_send(&topic, place, record());
    assert!(matches!(refused, Err(SendError::NoTransaction)));
    scene.producer.begin().await.expect("begun");
    let taken = scene.producer.producer().try_send(&topic, place, record());
    taken.expect("taken");
    let twice = scene.producer.begin().await;
    assert!(matches!(twice, Err(TransactionError::NotIdle)));
    scene.commit().await;
    let again = scene.producer.commit(deadline()).await;
    assert!(matches!(
        again,
        TransactionEnd::NotCommitted(TransactionError::NotOpen)
    ));
}

/// The embedded broker, and one that sends through it.
async fn embedded() -> (Broker, Cluster) {
    let broker = Broker::start(BrokerConfig::default())
        .await
        .expect("started");
    let mut config = client_suite::config(&broker.bootstrap());
    config.api_timeout = Duration::from_secs(2);
    let cluster = Cluster::connect(config).await.expect("connected");
    (broker, cluster)
}

/// Does `action` to the first requests of an API, as many as `times`.
fn first(broker: &Broker, api: ApiKey, times: usize, action: HookAction) -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    broker.set_hook(Some(Box::new(move |request: &HookedRequest<'_>| {
        let is_first = request.api_key == api && counter.fetch_add(1, Ordering::Relaxed) < times;
        match is_first {
            true => action.clone(),
            false => HookAction::Pass,
        }
    })));
    seen
}

#[tokio::test]
async fn answers_that_are_lost_on_the_way_change_nothing_of_what_is_read() {
    for action in [HookAction::Close, HookAction::CloseAfter] {
        for api in [
            ApiKey::AddPartitionsToTxn,
            ApiKey::AddOffsetsToTxn,
            ApiKey::TxnOffsetCommit,
            ApiKey::EndTxn,
            ApiKey::Produce,
            ApiKey::InitProducerId,
        ] {
            let (broker, cluster) = embedded().await;
            first(&broker, api, 2, action.clone());
            let mut scene = Scene::new(&cluster).await;
            let member = GroupMember::by_hand(&scene.topic);
            scene.producer.begin().await.expect("begun");
            scene.send(0, &["a", "b"]).await;
            let offsets = offsets_at(&scene.topic, 3);
            let sent = scene.producer.send_offsets(&member, &offsets).await;
            sent.expect("taken");
            scene.commit().await;
            let read = scene.read_with(&cluster, 0, "end").await;
            assert_eq!(read, ["a", "b", "end"], "{api} {action:?}");
        }
    }
}

#[tokio::test]
async fn a_coordinator_that_still_completes_the_last_transaction_is_waited_for() {
    let (broker, cluster) = embedded().await;
    let mut scene = Scene::new(&cluster).await;
    let mut left = 3;
    broker.set_hook(Some(Box::new(move |request: &HookedRequest<'_>| {
        if request.api_key != ApiKey::AddOffsetsToTxn || left == 0 {
            return HookAction::Pass;
        }
        left -= 1;
        let busy = AddOffsetsToTxnResponse {
            error_code: 51,
            ..AddOffsetsToTxnResponse::default()
        };
        HookAction::answer(request, &busy).expect("writable")
    })));
    let member = GroupMember::by_hand(&scene.topic);
    scene.producer.begin().await.expect("begun");
    let offsets = offsets_at(&scene.topic, 3);
    let sent = scene.producer.send_offsets(&member, &offsets).await;
    sent.expect("taken, in the end");
    scene.commit().await;
}

#[tokio::test]
async fn a_commit_that_is_never_answered_is_unknown_and_the_next_owner_goes_on() {
    let (broker, cluster) = embedded().await;
    let mut scene = Scene::new(&cluster).await;
    scene.producer.begin().await.expect("begun");
    scene.send(0, &["a"]).await;
    first(&broker, ApiKey::EndTxn, usize::MAX, HookAction::CloseAfter);
    let end = scene.producer.commit(deadline()).await;
    assert!(matches!(end, TransactionEnd::Unknown(_)), "{end:?}");
    broker.set_hook(None);
    scene.producer.abort(deadline()).await.expect("settled");
    // The broker had carried it out.
    assert_eq!(scene.read_with(&cluster, 0, "end").await, ["a", "end"]);
}

#[tokio::test]
async fn a_commit_that_is_refused_is_aborted_and_the_producer_goes_on() {
    let (broker, cluster) = embedded().await;
    let mut scene = Scene::new(&cluster).await;
    scene.producer.begin().await.expect("begun");
    scene.send(0, &["lost"]).await;
    let mut is_first = true;
    broker.set_hook(Some(Box::new(move |request: &HookedRequest<'_>| {
        if request.api_key != ApiKey::EndTxn || !std::mem::take(&mut is_first) {
            return HookAction::Pass;
        }
        let abortable = EndTxnResponse {
            error_code: 120,
            ..EndTxnResponse::default()
        };
        HookAction::answer(request, &abortable).expect("writable")
    })));
    let end = scene.producer.commit(deadline()).await;
    assert!(matches!(end, TransactionEnd::NotCommitted(_)), "{end:?}");
    scene.producer.abort(deadline()).await.expect("aborted");
    assert_eq!(scene.read_with(&cluster, 0, "end").await, ["end"]);
}

#[tokio::test]
async fn records_that_are_not_acknowledged_in_time_doom_their_transaction() {
    let (broker, cluster) = embedded().await;
    let topic = client_suite::topic(&cluster, "transactions", 1, &[]).await;
    let id = TransactionalId::take_over(&cluster, "x", PATIENCE).await;
    let mut settings = cluster.config().produce.clone();
    settings.delivery_timeout = Duration::from_millis(300);
    let id = id.expect("taken over");
    let producer = TransactionalProducer::new(cluster.clone(), settings, Outcomes::Count, id);
    let mut scene = Scene { topic, producer };
    scene.producer.begin().await.expect("begun");
    scene.send(0, &["a"]).await;
    first(&broker, ApiKey::Produce, usize::MAX, HookAction::CloseAfter);
    let end = scene.producer.commit(deadline()).await;
    let TransactionEnd::NotCommitted(TransactionError::NotWritten(_)) = end else {
        panic!("{end:?}");
    };
    broker.set_hook(None);
    scene.producer.abort(deadline()).await.expect("aborted");
    assert_eq!(scene.read_with(&cluster, 0, "end").await, ["end"]);
}

#[tokio::test]
async fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced() {
    let (_broker, cluster) = embedded().await;
    let topic = client_suite::topic(&cluster, "transactions", 1, &[]).await;
    let id = TransactionalId::take_over(&cluster, "x", Duration::from_millis(1)).await;
    let settings = cluster.config().produce.clone();
    let id = id.expect("taken over");
    let producer = TransactionalProducer::new(cluster.clone(), settings, Outcomes::Count, id);
    let mut slow = Scene { topic, producer };
    slow.producer.begin().await.expect("begun");
    slow.send(0, &["slow"]).await;
    slow.producer.producer().flush(deadline()).await;
    let member = GroupMember::by_hand("g");
    let until = deadline();
    let fenced = loop {
        let offsets = offsets_at(&slow.topic, 1);
        match slow.producer.send_offsets(&member, &offsets).await {
            Ok(()) => assert!(Instant::now() < until, "never aborted"),
            Err(error) => break error,
        }
        tokio::task::yield_now().await;
    };
    assert!(
        matches!(fenced, TransactionError::Fenced { .. }),
        "{fenced:?}"
    );
    let mut next = Scene {
        producer: owner(&cluster, "x").await,
        topic: slow.topic.clone(),
    };
    assert_eq!(next.read_with(&cluster, 0, "end").await, ["end"]);
}
