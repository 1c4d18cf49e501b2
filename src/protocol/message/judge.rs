//! Every message in every version, held against the crate kafka-protocol.

use std::fmt::Debug;

use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable};

use super::Message;
use super::generate::{Generate, Generator};
use super::versions::Versions;
use super::{
    add_offsets_to_txn, add_partitions_to_txn, alter_configs, api_versions,
    consumer_group_describe, consumer_group_heartbeat, create_partitions, create_topics,
    delete_groups, delete_records, delete_topics, describe_acls, describe_cluster,
    describe_configs, describe_groups, describe_log_dirs, describe_producers,
    describe_transactions, end_txn, fetch, find_coordinator, heartbeat, incremental_alter_configs,
    init_producer_id, join_group, leave_group, list_groups, list_offsets, list_transactions,
    metadata, offset_commit, offset_delete, offset_fetch, offset_for_leader_epoch, produce,
    sasl_authenticate, sasl_handshake, sync_group, txn_offset_commit,
};

/// Messages made for each version.
const SEEDS: u64 = 40;

/// Of those, how many are cut short at every byte.
const SEEDS_CUT: u64 = 4;

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
                    for len in 0..if seed < SEEDS_CUT { bytes.len() } else { 0 } {
                        $module::$name::read_exact(&bytes[..len], version).unwrap_err();
                    }
                }
            }
        }
    )*};
}

judge! {
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
