//! Every message in every version, held against the crate kafka-protocol, against cuts and against
//! damage; and those that rskafka has, against it.

use std::fmt::Debug;

use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::generate::{Generate, Generator};
use super::*;

/// Messages made for each version.
const SEEDS: u64 = 30;

/// Of those, how many are cut short, and damaged, at every byte.
const SEEDS_CUT: u64 = 1;

/// Hands every message to the macro named: what it is called in tests, and its type.
macro_rules! all_messages {
    ($callback:ident) => {
        $callback! {
            produce_request: produce::ProduceRequest;
            produce_response: produce::ProduceResponse;
            fetch_request: fetch::FetchRequest;
            fetch_response: fetch::FetchResponse;
            list_offsets_request: list_offsets::ListOffsetsRequest;
            list_offsets_response: list_offsets::ListOffsetsResponse;
            metadata_request: metadata::MetadataRequest;
            metadata_response: metadata::MetadataResponse;
            offset_commit_request: offset_commit::OffsetCommitRequest;
            offset_commit_response: offset_commit::OffsetCommitResponse;
            offset_fetch_request: offset_fetch::OffsetFetchRequest;
            offset_fetch_response: offset_fetch::OffsetFetchResponse;
            find_coordinator_request: find_coordinator::FindCoordinatorRequest;
            find_coordinator_response: find_coordinator::FindCoordinatorResponse;
            join_group_request: join_group::JoinGroupRequest;
            join_group_response: join_group::JoinGroupResponse;
            heartbeat_request: heartbeat::HeartbeatRequest;
            heartbeat_response: heartbeat::HeartbeatResponse;
            leave_group_request: leave_group::LeaveGroupRequest;
            leave_group_response: leave_group::LeaveGroupResponse;
            sync_group_request: sync_group::SyncGroupRequest;
            sync_group_response: sync_group::SyncGroupResponse;
            describe_groups_request: describe_groups::DescribeGroupsRequest;
            describe_groups_response: describe_groups::DescribeGroupsResponse;
            list_groups_request: list_groups::ListGroupsRequest;
            list_groups_response: list_groups::ListGroupsResponse;
            sasl_handshake_request: sasl_handshake::SaslHandshakeRequest;
            sasl_handshake_response: sasl_handshake::SaslHandshakeResponse;
            api_versions_request: api_versions::ApiVersionsRequest;
            api_versions_response: api_versions::ApiVersionsResponse;
            create_topics_request: create_topics::CreateTopicsRequest;
            create_topics_response: create_topics::CreateTopicsResponse;
            delete_topics_request: delete_topics::DeleteTopicsRequest;
            delete_topics_response: delete_topics::DeleteTopicsResponse;
            delete_records_request: delete_records::DeleteRecordsRequest;
            delete_records_response: delete_records::DeleteRecordsResponse;
            init_producer_id_request: init_producer_id::InitProducerIdRequest;
            init_producer_id_response: init_producer_id::InitProducerIdResponse;
            offset_for_leader_epoch_request: offset_for_leader_epoch::OffsetForLeaderEpochRequest;
            offset_for_leader_epoch_response: offset_for_leader_epoch::OffsetForLeaderEpochResponse;
            add_partitions_to_txn_request: add_partitions_to_txn::AddPartitionsToTxnRequest;
            add_partitions_to_txn_response: add_partitions_to_txn::AddPartitionsToTxnResponse;
            add_offsets_to_txn_request: add_offsets_to_txn::AddOffsetsToTxnRequest;
            add_offsets_to_txn_response: add_offsets_to_txn::AddOffsetsToTxnResponse;
            end_txn_request: end_txn::EndTxnRequest;
            end_txn_response: end_txn::EndTxnResponse;
            txn_offset_commit_request: txn_offset_commit::TxnOffsetCommitRequest;
            txn_offset_commit_response: txn_offset_commit::TxnOffsetCommitResponse;
            describe_acls_request: describe_acls::DescribeAclsRequest;
            describe_acls_response: describe_acls::DescribeAclsResponse;
            describe_configs_request: describe_configs::DescribeConfigsRequest;
            describe_configs_response: describe_configs::DescribeConfigsResponse;
            alter_configs_request: alter_configs::AlterConfigsRequest;
            alter_configs_response: alter_configs::AlterConfigsResponse;
            describe_log_dirs_request: describe_log_dirs::DescribeLogDirsRequest;
            describe_log_dirs_response: describe_log_dirs::DescribeLogDirsResponse;
            sasl_authenticate_request: sasl_authenticate::SaslAuthenticateRequest;
            sasl_authenticate_response: sasl_authenticate::SaslAuthenticateResponse;
            create_partitions_request: create_partitions::CreatePartitionsRequest;
            create_partitions_response: create_partitions::CreatePartitionsResponse;
            delete_groups_request: delete_groups::DeleteGroupsRequest;
            delete_groups_response: delete_groups::DeleteGroupsResponse;
            incremental_alter_configs_request: incremental_alter_configs::IncrementalAlterConfigsRequest;
            incremental_alter_configs_response: incremental_alter_configs::IncrementalAlterConfigsResponse;
            offset_delete_request: offset_delete::OffsetDeleteRequest;
            offset_delete_response: offset_delete::OffsetDeleteResponse;
            describe_cluster_request: describe_cluster::DescribeClusterRequest;
            describe_cluster_response: describe_cluster::DescribeClusterResponse;
            describe_producers_request: describe_producers::DescribeProducersRequest;
            describe_producers_response: describe_producers::DescribeProducersResponse;
            describe_transactions_request: describe_transactions::DescribeTransactionsRequest;
            describe_transactions_response: describe_transactions::DescribeTransactionsResponse;
            list_transactions_request: list_transactions::ListTransactionsRequest;
            list_transactions_response: list_transactions::ListTransactionsResponse;
            consumer_group_heartbeat_request: consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
            consumer_group_heartbeat_response: consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
            consumer_group_describe_request: consumer_group_describe::ConsumerGroupDescribeRequest;
            consumer_group_describe_response: consumer_group_describe::ConsumerGroupDescribeResponse;
        }
    };
}

pub(super) use all_messages;

fn each(versions: Versions) -> impl Iterator<Item = i16> {
    versions.min..=versions.max
}

fn written<'a>(message: &(impl Message<'a> + Debug), version: i16) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    let written = message.write(version, &mut bytes);
    written.unwrap_or_else(|error| panic!("{error}: {message:?}"));
    assert_eq!(&bytes[..6], b"before");
    bytes.split_off(6)
}

/// What the judge writes after reading `bytes`; they must be all that it reads.
fn rewritten<T: Decodable + Encodable + Debug>(bytes: &[u8], version: i16) -> Vec<u8> {
    let mut rest = bytes::Bytes::copy_from_slice(bytes);
    let message = T::decode(&mut rest, version).unwrap();
    assert!(rest.is_empty(), "v{version}: {message:?} leaves {rest:?}");
    encoded(&message, version)
}

fn encoded<T: Encodable>(message: &T, version: i16) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    message.encode(&mut out, version).unwrap();
    out.to_vec()
}

fn every_cut_is_an_error(bytes: &[u8], is_error: impl Fn(&[u8]) -> bool) {
    for len in 0..bytes.len() {
        assert!(is_error(&bytes[..len]), "cut to {len} of {bytes:?}");
    }
}

fn each_damage(bytes: &[u8], check: impl Fn(&[u8])) {
    let mut damaged = bytes.to_vec();
    for at in 0..bytes.len() {
        for change in [0x01, 0x80] {
            damaged[at] ^= change;
            check(&damaged);
            damaged[at] ^= change;
        }
    }
}

macro_rules! judge {
    ($($test:ident: $module:ident::$name:ident;)*) => {$(
        #[test]
        fn $test() {
            for version in each($module::$name::VERSIONS) {
                let default = $module::$name::default();
                let bytes = written(&default, version);
                assert_eq!(bytes, encoded(&theirs::$name::default(), version), "v{version}");
                for seed in 0..SEEDS {
                    let message = $module::$name::generate(&mut Generator::new(seed, version));
                    let bytes = written(&message, version);
                    assert_eq!(rewritten::<theirs::$name>(&bytes, version), bytes, "v{version} {message:?}");
                    assert_eq!($module::$name::read_exact(&bytes, version).as_ref(), Ok(&message));
                    if seed < SEEDS_CUT {
                        every_cut_is_an_error(&bytes, |cut| $module::$name::read_exact(cut, version).is_err());
                        each_damage(&bytes, |damaged| {
                            // What can be read can be written, and read again.
                            let Ok(read) = $module::$name::read_exact(damaged, version) else { return };
                            let again = written(&read, version);
                            assert_eq!($module::$name::read_exact(&again, version).as_ref(), Ok(&read));
                        });
                    }
                }
            }
        }
    )*};
}

all_messages!(judge);

mod rskafka {
    use ::rskafka::protocol::api_version::ApiVersion;
    use ::rskafka::protocol::messages::*;
    use ::rskafka::protocol::primitives::*;

    use super::*;

    /// Holds the bytes that rskafka writes against ours for the same values.
    fn agrees<'a>(
        theirs: &impl WriteVersionedType<Vec<u8>>,
        ours: &(impl Message<'a> + Debug),
        version: i16,
    ) {
        let mut bytes = Vec::new();
        theirs
            .write_versioned(&mut bytes, ApiVersion(Int16(version)))
            .unwrap();
        assert_eq!(written(ours, version), bytes, "v{version} {ours:?}");
    }

    fn text(text: &str) -> String_ {
        String_(text.to_owned())
    }

    #[test]
    fn api_versions() {
        let theirs = ApiVersionsRequest {
            client_software_name: Some(CompactString("tidemill".to_owned())),
            client_software_version: Some(CompactString("0.1.0".to_owned())),
            tagged_fields: None,
        };
        let ours = api_versions::ApiVersionsRequest {
            client_software_name: "tidemill".into(),
            client_software_version: "0.1.0".into(),
        };
        for version in 0..=3 {
            agrees(&theirs, &ours, version);
        }
    }

    #[test]
    fn metadata() {
        let theirs = MetadataRequest {
            topics: Some(vec![MetadataRequestTopic {
                name: text("orders"),
            }]),
            allow_auto_topic_creation: None,
        };
        let ours = metadata::MetadataRequest {
            topics: Some(vec![metadata::MetadataRequestTopic {
                name: Some("orders".into()),
                ..Default::default()
            }]),
            ..Default::default()
        };
        for version in 0..=4 {
            agrees(&theirs, &ours, version);
        }
    }

    #[test]
    fn fetch() {
        let theirs = FetchRequest {
            replica_id: Int32(-1),
            max_wait_ms: Int32(500),
            min_bytes: Int32(1),
            max_bytes: Some(Int32(1 << 20)),
            isolation_level: Some(IsolationLevel::ReadCommitted),
            topics: vec![FetchRequestTopic {
                topic: text("orders"),
                partitions: vec![FetchRequestPartition {
                    partition: Int32(3),
                    fetch_offset: Int64(1 << 40),
                    partition_max_bytes: Int32(1 << 16),
                }],
            }],
        };
        let ours = fetch::FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 1 << 20,
            isolation_level: 1,
            topics: vec![fetch::FetchTopic {
                topic: "orders".into(),
                partitions: vec![fetch::FetchPartition {
                    partition: 3,
                    fetch_offset: 1 << 40,
                    partition_max_bytes: 1 << 16,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        agrees(&theirs, &ours, 4);
    }

    #[test]
    fn list_offsets() {
        let ours = |isolation_level| list_offsets::ListOffsetsRequest {
            replica_id: -1,
            isolation_level,
            topics: vec![list_offsets::ListOffsetsTopic {
                name: "orders".into(),
                partitions: vec![list_offsets::ListOffsetsPartition {
                    partition_index: 3,
                    timestamp: -2,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let theirs = |isolation_level| ListOffsetsRequest {
            replica_id: Int32(-1),
            isolation_level,
            topics: vec![ListOffsetsRequestTopic {
                name: text("orders"),
                partitions: vec![ListOffsetsRequestPartition {
                    partition_index: Int32(3),
                    timestamp: Int64(-2),
                    max_num_offsets: None,
                }],
            }],
        };
        agrees(&theirs(None), &ours(0), 1);
        agrees(&theirs(Some(IsolationLevel::ReadCommitted)), &ours(1), 2);
        agrees(&theirs(Some(IsolationLevel::ReadCommitted)), &ours(1), 3);
    }

    #[test]
    fn create_topics() {
        let theirs = CreateTopicsRequest {
            topics: vec![CreateTopicRequest {
                name: text("orders"),
                num_partitions: Int32(4),
                replication_factor: Int16(3),
                assignments: Vec::new(),
                configs: vec![CreateTopicConfig {
                    name: text("cleanup.policy"),
                    value: NullableString(Some("compact".to_owned())),
                    tagged_fields: None,
                }],
                tagged_fields: None,
            }],
            timeout_ms: Int32(5000),
            validate_only: None,
            tagged_fields: None,
        };
        let ours = create_topics::CreateTopicsRequest {
            topics: vec![create_topics::CreatableTopic {
                name: "orders".into(),
                num_partitions: 4,
                replication_factor: 3,
                configs: vec![create_topics::CreatableTopicConfig {
                    name: "cleanup.policy".into(),
                    value: Some("compact".into()),
                }],
                ..Default::default()
            }],
            timeout_ms: 5000,
            ..Default::default()
        };
        for version in 2..=5 {
            agrees(&theirs, &ours, version);
        }
    }

    #[test]
    fn sasl() {
        let ours = sasl_handshake::SaslHandshakeRequest {
            mechanism: "PLAIN".into(),
        };
        agrees(&SaslHandshakeRequest::new("PLAIN"), &ours, 1);
        let ours = sasl_authenticate::SaslAuthenticateRequest {
            auth_bytes: b"\0user\0secret"[..].into(),
        };
        let theirs = SaslAuthenticateRequest::new(ours.auth_bytes.to_vec());
        for version in 0..=2 {
            agrees(&theirs, &ours, version);
        }
    }
}
