//! What a broker with a data directory still knows after a restart.

use std::path::Path;

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::broker::StartError;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::metadata::MetadataRequest;

use crate::broker::groups::commit_alone;
use crate::broker::groups::committed;
use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::batch;

async fn start(dir: &Path) -> Broker {
    let config = BrokerConfig {
        data_dir: Some(dir.to_owned()),
        ..BrokerConfig::default()
    };
    Broker::start(config).await.expect("starts")
}

#[tokio::test]
async fn topics_records_offsets_and_producers_survive_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let numbered = |base_sequence| {
        let stamp = BatchStamp {
            producer_id: 0,
            producer_epoch: 0,
            base_sequence,
            ..BatchStamp::default()
        };
        batch(1, &[("k", "v")], stamp)
    };
    let broker = start(dir.path()).await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 2, &[("retention.ms", "-1")]).await;
    assert_eq!(client.produce("t", &numbered(0)).await, (0, 0));
    assert_eq!(client.produce("t", &numbered(1)).await, (0, 1));
    commit_alone(&mut client, 1).await;
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let before = client.ask(12, &all).await;
    let (id, cluster) = (
        before.topics[1].topic_id,
        before.cluster_id.map(String::from),
    );
    broker.shutdown().await.expect("synced");

    let broker = start(dir.path()).await;
    let mut client = RawClient::connect(&broker).await;
    let after = client.ask(12, &all).await;
    assert_eq!(after.topics[1].name.as_deref(), Some("t"));
    assert_eq!(after.topics[1].topic_id, id);
    assert_eq!(after.topics[1].partitions.len(), 2);
    assert_eq!(after.cluster_id.map(String::from), cluster);
    assert_eq!(committed(&mut client).await, 1);
    assert_eq!(
        client.produce("t", &numbered(1)).await,
        (0, 1),
        "a duplicate"
    );
    let (gap, _) = client.produce("t", &numbered(3)).await;
    assert_eq!(ErrorCode(gap), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(client.produce("t", &numbered(2)).await, (0, 2));
}

#[tokio::test]
async fn a_data_directory_serves_one_broker_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = start(dir.path()).await;
    let config = BrokerConfig {
        data_dir: Some(dir.path().to_owned()),
        ..BrokerConfig::default()
    };
    let second = Broker::start(config.clone()).await;
    assert!(
        matches!(second, Err(StartError::Locked { .. })),
        "{second:?}"
    );
    first.shutdown().await.expect("synced");
    Broker::start(config).await.expect("starts");
}

#[tokio::test]
async fn a_broker_that_was_dropped_has_lost_nothing_that_it_answered_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path()).await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let one = batch(1, &[("k", "v")], BatchStamp::default());
    assert_eq!(client.produce("t", &one).await, (0, 0));
    drop(broker);
    let broker = start(dir.path()).await;
    let mut client = RawClient::connect(&broker).await;
    assert_eq!(client.produce("t", &one).await, (0, 1));
}
