//! ApiVersions, Metadata, and what changes topics.

use tidemill::broker::Broker;
use tidemill::broker::BrokerConfig;
use tidemill::broker::HookAction;
use tidemill::protocol::batch_builder::BatchStamp;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::ApiKey;
use tidemill::protocol::message::Message;
use tidemill::protocol::message::api_versions::ApiVersionsRequest;
use tidemill::protocol::message::api_versions::ApiVersionsResponse;
use tidemill::protocol::message::create_partitions::CreatePartitionsRequest;
use tidemill::protocol::message::create_partitions::CreatePartitionsTopic;
use tidemill::protocol::message::create_topics::CreatableTopic;
use tidemill::protocol::message::create_topics::CreateTopicsRequest;
use tidemill::protocol::message::delete_topics::DeleteTopicState;
use tidemill::protocol::message::delete_topics::DeleteTopicsRequest;
use tidemill::protocol::message::describe_configs::DescribeConfigsRequest;
use tidemill::protocol::message::describe_configs::DescribeConfigsResource;
use tidemill::protocol::message::incremental_alter_configs::AlterConfigsResource;
use tidemill::protocol::message::incremental_alter_configs::AlterableConfig;
use tidemill::protocol::message::incremental_alter_configs::IncrementalAlterConfigsRequest;
use tidemill::protocol::message::metadata::MetadataRequest;
use tidemill::protocol::message::metadata::MetadataRequestTopic;

use crate::broker::groups::commit_alone;
use crate::broker::groups::committed;
use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::batch;
use crate::broker::raw_client::broker;

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client
        .send_raw(b"\0\0\0\x0a\0\x12\0\x63\0\0\0\x07\xff\xff")
        .await;
    assert!(client.receive().await);
    let answer = ApiVersionsResponse::read_exact(&client.frame()[4..], 0).expect("version 0");
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(answer.api_keys[0].api_key, ApiKey::ApiVersions.code());
    // The connection goes on.
    let request = ApiVersionsRequest {
        client_software_name: "raw".into(),
        client_software_version: "1".into(),
    };
    let answer = client.ask(3, &request).await;
    let produce = answer.api_keys.iter().find(|api| api.api_key == 0);
    assert_eq!(
        produce.map(|api| api.min_version),
        Some(0),
        "for librdkafka"
    );
}

fn metadata<'a>(name: &'a str, allow_auto_topic_creation: bool) -> MetadataRequest<'a> {
    MetadataRequest {
        topics: Some(vec![MetadataRequestTopic {
            name: Some(name.into()),
            ..Default::default()
        }]),
        allow_auto_topic_creation,
        ..Default::default()
    }
}

#[tokio::test]
async fn a_topic_is_made_by_asking_only_where_broker_and_client_agree() {
    let willing = BrokerConfig {
        creates_topics: true,
        partitions: 3,
        ..BrokerConfig::default()
    };
    let willing = Broker::start(willing).await.expect("starts");
    let unwilling = broker().await;
    for (broker, allowed, expected) in [
        (&unwilling, true, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (&willing, false, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        (&willing, true, ErrorCode::NONE),
    ] {
        let mut client = RawClient::connect(broker).await;
        let answer = client.ask(12, &metadata("t", allowed)).await;
        assert_eq!(ErrorCode(answer.topics[0].error_code), expected);
        if expected == ErrorCode::NONE {
            assert_eq!(answer.topics[0].partitions.len(), 3);
        }
    }
}

#[tokio::test]
async fn metadata_tells_the_same_in_every_version() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 2, &[]).await;
    for version in 0..=13 {
        let request = MetadataRequest {
            topics: if version == 0 { Some(Vec::new()) } else { None },
            ..Default::default()
        };
        let answer = client.ask(version, &request).await;
        assert_eq!(answer.topics[0].name.as_deref(), Some("t"), "v{version}");
        assert_eq!(answer.topics[0].partitions.len(), 2);
        let address = format!("{}:{}", answer.brokers[0].host, answer.brokers[0].port);
        assert_eq!(address, broker.bootstrap());
    }
}

#[tokio::test]
async fn creating_can_be_tried_first_and_says_why_not() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    let mut create = async |validate_only, name: &str, replication_factor| {
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.to_owned().into(),
                num_partitions: -1,
                replication_factor,
                ..Default::default()
            }],
            validate_only,
            ..Default::default()
        };
        let answer = client.ask(7, &request).await;
        ErrorCode(answer.topics[0].error_code)
    };
    assert_eq!(create(true, "t", 1).await, ErrorCode::NONE);
    assert_eq!(create(false, "t", -1).await, ErrorCode::NONE, "only tried");
    assert_eq!(create(true, "t", 1).await, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert_eq!(
        create(false, "a/b", 1).await,
        ErrorCode::INVALID_TOPIC_EXCEPTION
    );
    assert_eq!(
        create(false, "r", 2).await,
        ErrorCode::INVALID_REPLICATION_FACTOR
    );
}

#[tokio::test]
async fn a_deleted_topic_takes_its_committed_offsets_along() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    commit_alone(&mut client, 5).await;
    assert_eq!(committed(&mut client).await, 5);
    let request = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: Some("t".into()),
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(client.ask(6, &request).await.responses[0].error_code, 0);
    client.create_topic("t", 1, &[]).await;
    assert_eq!(committed(&mut client).await, -1);
}

#[tokio::test]
async fn partitions_are_added_and_never_taken_away() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 2, &[]).await;
    for (count, expected) in [
        (2, ErrorCode::INVALID_PARTITIONS),
        (1, ErrorCode::INVALID_PARTITIONS),
        (3, ErrorCode::NONE),
    ] {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: "t".into(),
                count,
                assignments: None,
            }],
            ..Default::default()
        };
        let answer = client.ask(3, &request).await;
        assert_eq!(ErrorCode(answer.results[0].error_code), expected, "{count}");
    }
    let answer = client.ask(12, &metadata("t", false)).await;
    assert_eq!(answer.topics[0].partitions.len(), 3);
}

#[tokio::test]
async fn settings_change_one_by_one_and_all_or_nothing() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client
        .create_topic("t", 1, &[("retention.ms", "1000")])
        .await;
    let config = |name: &'static str, config_operation, value: &'static str| AlterableConfig {
        name: name.into(),
        config_operation,
        value: Some(value.into()),
    };
    let change = |configs| IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configs,
        }],
        ..Default::default()
    };
    let wrong = change(vec![
        config("retention.ms", 0, "5"),
        config("nonsense", 0, "1"),
    ]);
    let answer = client.ask(1, &wrong).await;
    let error = ErrorCode(answer.responses[0].error_code);
    assert_eq!(error, ErrorCode::INVALID_CONFIG);
    let right = change(vec![
        config("retention.bytes", 0, "7"),
        config("cleanup.policy", 2, "compact"),
    ]);
    assert_eq!(client.ask(1, &right).await.responses[0].error_code, 0);
    let describe = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: 2,
            resource_name: "t".into(),
            configuration_keys: None,
        }],
        ..Default::default()
    };
    let answer = client.ask(4, &describe).await;
    let value = |name: &str| {
        let configs = &answer.results[0].configs;
        let config = configs.iter().find(|config| config.name == name);
        config.and_then(|config| config.value.as_deref().map(str::to_owned))
    };
    assert_eq!(value("retention.ms").as_deref(), Some("1000"));
    assert_eq!(value("retention.bytes").as_deref(), Some("7"));
    assert_eq!(value("cleanup.policy").as_deref(), Some("delete,compact"));
}

#[tokio::test]
async fn deleting_records_moves_the_start_and_no_further_than_the_end() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    client.create_topic("t", 1, &[]).await;
    let two = batch(1, &[("k", "a"), ("k", "b")], BatchStamp::default());
    client.produce("t", &two).await;
    assert_eq!(client.delete_records("t", 1).await, (ErrorCode::NONE, 1));
    assert_eq!(
        client.delete_records("t", 3).await,
        (ErrorCode::OFFSET_OUT_OF_RANGE, -1)
    );
    assert_eq!(client.delete_records("t", -1).await, (ErrorCode::NONE, 2));
}

#[tokio::test]
async fn a_hook_answers_in_the_brokers_place_or_closes() {
    let broker = broker().await;
    let mut client = RawClient::connect(&broker).await;
    let mut seen = 0;
    broker.set_hook(Some(Box::new(move |request| {
        if request.api_key != ApiKey::ApiVersions {
            return HookAction::Pass;
        }
        seen += 1;
        if seen > 1 {
            return HookAction::Close;
        }
        let answer = ApiVersionsResponse {
            error_code: ErrorCode::NOT_COORDINATOR.0,
            ..Default::default()
        };
        HookAction::answer(request, &answer).expect("fits")
    })));
    let request = ApiVersionsRequest::default();
    let answer = client.ask(3, &request).await;
    assert_eq!(ErrorCode(answer.error_code), ErrorCode::NOT_COORDINATOR);
    client.create_topic("t", 1, &[]).await;
    client.send(3, &request).await;
    assert!(!client.receive().await, "closed");
}
