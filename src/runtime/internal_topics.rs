//! The topics that a pipeline makes for itself, and the check that all others are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::admin::Admin;
use crate::client::admin::Change;
use crate::client::admin::NewTopic;
use crate::client::call::CallError;
use crate::client::cluster::Cluster;
use crate::protocol::error_code::ErrorCode;
use crate::stream::effects::Destination;
use crate::stream::stage::Stage;

/// The settings of a repartition topic: kept until its records have been committed past, whatever
/// their timestamps are (Kafka Streams sets the same).
const REPARTITION: [(&str, &str); 3] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("message.timestamp.type", "CreateTime"),
];

/// Creates the internal topics that are not there, and looks up every topic that is written to.
/// No other topic is ever created.
pub(super) async fn prepare(cluster: &Cluster, stages: &[Arc<Stage>]) -> Result<(), CallError> {
    for stage in stages {
        for (topic, partitions) in stage.internal_topics() {
            create(cluster, topic, partitions).await?;
        }
        for destination in [
            Destination::Sink,
            Destination::Late,
            Destination::DeadLetter,
        ] {
            if let Some(topic) = stage.destination(destination) {
                cluster.topic(topic).await?;
            }
        }
    }
    Ok(())
}

async fn create(cluster: &Cluster, name: &str, partitions: u32) -> Result<(), CallError> {
    let configs: BTreeMap<_, _> = REPARTITION
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: i32::try_from(partitions).ok(),
        replicas: None,
        configs,
    };
    match Admin::new(cluster.clone())
        .create_topic(&topic, Change::Apply)
        .await
    {
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
        created => created,
    }
}
