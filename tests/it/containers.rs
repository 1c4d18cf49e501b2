//! The suites of the client and of pipelines against Apache Kafka in a container.
//!
//! Run with `cargo test -- --ignored`; `compose/with-docker` brings an engine and an image where
//! none can be pulled. A missing engine or image fails, and says so in one line.

use testcontainers_modules::kafka::apache::{KAFKA_PORT, Kafka};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{ContainerAsync, ImageExt};

use crate::client_suite;
use crate::pipeline_suite;

const VERSION: &str = "4.3.1";

/// A single broker in a container, which is removed when this is dropped.
struct KafkaContainer {
    bootstrap: String,
    _container: ContainerAsync<Kafka>,
}

impl KafkaContainer {
    async fn start() -> Self {
        let image = Kafka::default()
            .with_jvm_image()
            .with_tag(VERSION)
            // The module sets the offsets topic's only; a single broker needs these for transactions.
            .with_env_var("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
            .with_env_var("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
            .with_env_var("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0");
        let container = match image.start().await {
            Ok(container) => container,
            Err(error) => panic!(
                "needs Docker with the image apache/kafka:{VERSION} (compose/with-docker brings both): {error}"
            ),
        };
        let port = container
            .get_host_port_ipv4(KAFKA_PORT)
            .await
            .expect("the broker's port is published");
        Self {
            bootstrap: format!("127.0.0.1:{port}"),
            _container: container,
        }
    }
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_client_suite_passes_on_a_broker_in_a_container() {
    let kafka = KafkaContainer::start().await;
    client_suite::suite(&kafka.bootstrap).await;
}

#[tokio::test]
#[ignore = "needs Docker"]
async fn the_pipeline_suite_passes_on_a_broker_in_a_container() {
    let kafka = KafkaContainer::start().await;
    let bootstrap = kafka.bootstrap.clone();
    let suite = tokio::task::spawn_blocking(move || pipeline_suite::suite(&bootstrap));
    suite.await.expect("passes");
}
