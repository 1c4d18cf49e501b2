//! No bytes make the reader of a message or header panic, and what can be read can be written and
//! read again.
//!
//! Input: the API's code, the version, 0 for a request or 1 for a response, a byte each; then the
//! body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidemill::protocol::message::consumer_protocol::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription,
};
use tidemill::protocol::message::header::{RequestHeader, split_response};
use tidemill::protocol::message::{ApiKey, Message};
use tidemill::protocol::message::{
    add_offsets_to_txn, add_partitions_to_txn, alter_configs, api_versions,
    consumer_group_describe, consumer_group_heartbeat, create_partitions, create_topics,
    delete_groups, delete_records, delete_topics, describe_acls, describe_cluster,
    describe_configs, describe_groups, describe_log_dirs, describe_producers,
    describe_transactions, end_txn, fetch, find_coordinator, heartbeat, incremental_alter_configs,
    init_producer_id, join_group, leave_group, list_groups, list_offsets, list_transactions,
    metadata, offset_commit, offset_delete, offset_fetch, offset_for_leader_epoch, produce,
    sasl_authenticate, sasl_handshake, sync_group, txn_offset_commit,
};

macro_rules! messages {
    ($($api:ident $module:ident $request:ident $response:ident;)*) => {
        fn read_write_read(api_key: ApiKey, version: i16, direction: u8, body: &[u8]) {
            match (api_key, direction) {$(
                (ApiKey::$api, 0) => messages!(@one $module::$request, body, version),
                (ApiKey::$api, _) => messages!(@one $module::$response, body, version),
            )*}
        }
    };
    (@one $module:ident::$name:ident, $body:expr, $version:expr) => {
        if let Ok(read) = $module::$name::read_exact($body, $version) {
            let mut bytes = Vec::new();
            read.write($version, &mut bytes).expect("what was read can be written");
            assert_eq!($module::$name::read_exact(&bytes, $version).as_ref(), Ok(&read));
        }
    };
}

messages! {
    Produce produce ProduceRequest ProduceResponse;
    Fetch fetch FetchRequest FetchResponse;
    ListOffsets list_offsets ListOffsetsRequest ListOffsetsResponse;
    Metadata metadata MetadataRequest MetadataResponse;
    OffsetCommit offset_commit OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch offset_fetch OffsetFetchRequest OffsetFetchResponse;
    FindCoordinator find_coordinator FindCoordinatorRequest FindCoordinatorResponse;
    JoinGroup join_group JoinGroupRequest JoinGroupResponse;
    Heartbeat heartbeat HeartbeatRequest HeartbeatResponse;
    LeaveGroup leave_group LeaveGroupRequest LeaveGroupResponse;
    SyncGroup sync_group SyncGroupRequest SyncGroupResponse;
    DescribeGroups describe_groups DescribeGroupsRequest DescribeGroupsResponse;
    ListGroups list_groups ListGroupsRequest ListGroupsResponse;
    SaslHandshake sasl_handshake SaslHandshakeRequest SaslHandshakeResponse;
    ApiVersions api_versions ApiVersionsRequest ApiVersionsResponse;
    CreateTopics create_topics CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics delete_topics DeleteTopicsRequest DeleteTopicsResponse;
    DeleteRecords delete_records DeleteRecordsRequest DeleteRecordsResponse;
    InitProducerId init_producer_id InitProducerIdRequest InitProducerIdResponse;
    OffsetForLeaderEpoch offset_for_leader_epoch OffsetForLeaderEpochRequest OffsetForLeaderEpochResponse;
    AddPartitionsToTxn add_partitions_to_txn AddPartitionsToTxnRequest AddPartitionsToTxnResponse;
    AddOffsetsToTxn add_offsets_to_txn AddOffsetsToTxnRequest AddOffsetsToTxnResponse;
    EndTxn end_txn EndTxnRequest EndTxnResponse;
    TxnOffsetCommit txn_offset_commit TxnOffsetCommitRequest TxnOffsetCommitResponse;
    DescribeAcls describe_acls DescribeAclsRequest DescribeAclsResponse;
    DescribeConfigs describe_configs DescribeConfigsRequest DescribeConfigsResponse;
    AlterConfigs alter_configs AlterConfigsRequest AlterConfigsResponse;
    DescribeLogDirs describe_log_dirs DescribeLogDirsRequest DescribeLogDirsResponse;
    SaslAuthenticate sasl_authenticate SaslAuthenticateRequest SaslAuthenticateResponse;
    CreatePartitions create_partitions CreatePartitionsRequest CreatePartitionsResponse;
    DeleteGroups delete_groups DeleteGroupsRequest DeleteGroupsResponse;
    IncrementalAlterConfigs incremental_alter_configs IncrementalAlterConfigsRequest IncrementalAlterConfigsResponse;
    OffsetDelete offset_delete OffsetDeleteRequest OffsetDeleteResponse;
    DescribeCluster describe_cluster DescribeClusterRequest DescribeClusterResponse;
    DescribeProducers describe_producers DescribeProducersRequest DescribeProducersResponse;
    DescribeTransactions describe_transactions DescribeTransactionsRequest DescribeTransactionsResponse;
    ListTransactions list_transactions ListTransactionsRequest ListTransactionsResponse;
    ConsumerGroupHeartbeat consumer_group_heartbeat ConsumerGroupHeartbeatRequest ConsumerGroupHeartbeatResponse;
    ConsumerGroupDescribe consumer_group_describe ConsumerGroupDescribeRequest ConsumerGroupDescribeResponse;
}

fuzz_target!(|input: &[u8]| {
    let _ = RequestHeader::split(input);
    let Some((&[code, version, direction], body)) = input.split_first_chunk() else {
        return;
    };
    let _ = ConsumerProtocolSubscription::read(body);
    let _ = ConsumerProtocolAssignment::read(body);
    let Some(api_key) = ApiKey::from_code(i16::from(code)) else {
        return;
    };
    let version = i16::from(version);
    let _ = split_response(body, api_key, version);
    read_write_read(api_key, version, direction, body);
});
