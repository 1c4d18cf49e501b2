//! The client's suite on the embedded broker.

use std::time::Duration;

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::client::ErrorKind;
use tidemill::client::cluster::Cluster;
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
