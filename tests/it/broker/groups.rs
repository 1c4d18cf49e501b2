//! The classic group protocol and committed offsets.

use tidemill::broker::Broker;
use tidemill::protocol::error_code::ErrorCode;
use tidemill::protocol::message::delete_groups::DeleteGroupsRequest;
use tidemill::protocol::message::describe_groups::DescribeGroupsRequest;
use tidemill::protocol::message::find_coordinator::FindCoordinatorRequest;
use tidemill::protocol::message::heartbeat::HeartbeatRequest;
use tidemill::protocol::message::join_group::JoinGroupRequest;
use tidemill::protocol::message::join_group::JoinGroupRequestProtocol;
use tidemill::protocol::message::leave_group::LeaveGroupRequest;
use tidemill::protocol::message::leave_group::MemberIdentity;
use tidemill::protocol::message::list_groups::ListGroupsRequest;
use tidemill::protocol::message::offset_commit::OffsetCommitRequest;
use tidemill::protocol::message::offset_commit::OffsetCommitRequestPartition;
use tidemill::protocol::message::offset_commit::OffsetCommitRequestTopic;
use tidemill::protocol::message::offset_fetch::OffsetFetchRequest;
use tidemill::protocol::message::offset_fetch::OffsetFetchRequestGroup;
use tidemill::protocol::message::sync_group::SyncGroupRequest;
use tidemill::protocol::message::sync_group::SyncGroupRequestAssignment;

use crate::broker::raw_client::RawClient;
use crate::broker::raw_client::broker;

const SESSION_MS: i32 = 30_000;

fn join<'a>(member_id: &str) -> JoinGroupRequest<'a> {
    JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: SESSION_MS,
        member_id: member_id.to_owned().into(),
        protocol_type: "consumer".into(),
        protocols: vec![JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: b"metadata"[..].into(),
        }],
        ..Default::default()
    }
}

fn sync<'a>(
    member_id: &str,
    generation_id: i32,
    shares: &[(&str, &'a str)],
) -> SyncGroupRequest<'a> {
    let share = |&(id, share): &(&str, &'a str)| SyncGroupRequestAssignment {
        member_id: id.to_owned().into(),
        assignment: share.as_bytes().into(),
    };
    SyncGroupRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.to_owned().into(),
        assignments: shares.iter().map(share).collect(),
        ..Default::default()
    }
}

fn commit<'a>(member_id: &str, generation: i32, offset: i64) -> OffsetCommitRequest<'a> {
    OffsetCommitRequest {
        group_id: "g".into(),
        generation_id_or_member_epoch: generation,
        member_id: member_id.to_owned().into(),
        topics: vec![OffsetCommitRequestTopic {
            name: "t".into(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                committed_metadata: Some("note".into()),
                ..Default::default()
            }],
        }],
        ..Default::default()
    }
}

/// The offset of `t-0` committed by group `g`; −1 for none.
pub(crate) async fn committed(client: &mut RawClient) -> i64 {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics: None,
            ..Default::default()
        }],
        ..Default::default()
    };
    let answer = client.ask(8, &request).await;
    let topics = &answer.groups[0].topics;
    topics
        .first()
        .map_or(-1, |topic| topic.partitions[0].committed_offset)
}

/// Commits an offset for `t-0` outside the group protocol.
pub(crate) async fn commit_alone(client: &mut RawClient, offset: i64) {
    let answer = client.ask(8, &commit("", -1, offset)).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
}

/// Joins as the only member; its id.
async fn alone(client: &mut RawClient) -> String {
    let first = client.ask(5, &join("")).await;
    assert_eq!(ErrorCode(first.error_code), ErrorCode::MEMBER_ID_REQUIRED);
    let id = first.member_id.to_string();
    let joined = client.ask(5, &join(&id)).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 1));
    let synced = client.ask(3, &sync(&id, 1, &[(&id, "all")])).await;
    assert_eq!(&*synced.assignment, b"all");
    id
}

async fn heartbeat(client: &mut RawClient, member_id: &str, generation_id: i32) -> ErrorCode {
    let request = HeartbeatRequest {
        group_id: "g".into(),
        generation_id,
        member_id: member_id.to_owned().into(),
        ..Default::default()
    };
    ErrorCode(client.ask(4, &request).await.error_code)
}

async fn two_clients() -> (Broker, RawClient, RawClient) {
    let broker = broker().await;
    let (mut one, two) = (
        RawClient::connect(&broker).await,
        RawClient::connect(&broker).await,
    );
    one.create_topic("t", 2, &[]).await;
    (broker, one, two)
}

#[tokio::test]
async fn two_members_share_after_a_rebalance_and_one_takes_over_when_the_other_leaves() {
    let (_broker, mut one, mut two) = two_clients().await;
    let first = alone(&mut one).await;
    // The second member's request waits for the first one's.
    two.send(3, &join("")).await;
    while heartbeat(&mut one, &first, 1).await == ErrorCode::NONE {}
    assert_eq!(
        heartbeat(&mut one, &first, 1).await,
        ErrorCode::REBALANCE_IN_PROGRESS
    );
    let joined = one.ask(5, &join(&first)).await;
    assert_eq!((joined.generation_id, joined.members.len()), (2, 2));
    let mut ids = joined
        .members
        .iter()
        .map(|member| member.member_id.to_string());
    let second = ids.find(|id| *id != first).expect("two members");
    assert!(two.receive().await);
    two.send(3, &sync(&second, 2, &[])).await;
    let synced = one
        .ask(3, &sync(&first, 2, &[(&first, "a"), (&second, "b")]))
        .await;
    assert_eq!(&*synced.assignment, b"a");
    assert!(two.receive().await);
    assert!(two.frame().ends_with(b"b"));
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        members: vec![MemberIdentity {
            member_id: second.into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let left = two.ask(4, &leave).await;
    assert_eq!((left.error_code, left.members[0].error_code), (0, 0));
    let joined = one.ask(5, &join(&first)).await;
    assert_eq!((joined.generation_id, joined.members.len()), (3, 1));
}

#[tokio::test]
async fn offsets_are_committed_by_members_and_read_back_in_all_versions() {
    let (_broker, mut client, _) = two_clients().await;
    let id = alone(&mut client).await;
    let answer = client.ask(7, &commit(&id, 1, 42)).await;
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    let answer = client.ask(7, &commit(&id, 0, 43)).await;
    let stale = ErrorCode(answer.topics[0].partitions[0].error_code);
    assert_eq!(stale, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(committed(&mut client).await, 42);
    for version in [2, 5, 6, 7] {
        let request = OffsetFetchRequest {
            group_id: "g".into(),
            topics: None,
            ..Default::default()
        };
        let answer = client.ask(version, &request).await;
        let partition = &answer.topics[0].partitions[0];
        assert_eq!(partition.committed_offset, 42, "v{version}");
        assert_eq!(partition.metadata.as_deref(), Some("note"));
    }
}

#[tokio::test]
async fn a_group_is_listed_described_and_deleted_once_empty() {
    let (_broker, mut client, _) = two_clients().await;
    let id = alone(&mut client).await;
    let request = ListGroupsRequest {
        states_filter: vec!["Stable".into()],
        ..Default::default()
    };
    let listed = client.ask(4, &request).await;
    assert_eq!(listed.groups[0].group_id, "g");
    let request = DescribeGroupsRequest {
        groups: vec!["g".into(), "unknown".into()],
        ..Default::default()
    };
    let described = client.ask(5, &request).await;
    assert_eq!(described.groups[0].group_state, "Stable");
    assert_eq!(described.groups[0].members[0].client_id, "raw");
    assert_eq!(described.groups[0].members[0].client_host, "/127.0.0.1");
    assert_eq!(described.groups[1].group_state, "Dead");
    let delete = DeleteGroupsRequest {
        groups_names: vec!["g".into()],
    };
    let answer = client.ask(2, &delete).await;
    let refused = ErrorCode(answer.results[0].error_code);
    assert_eq!(refused, ErrorCode::NON_EMPTY_GROUP);
    let leave = LeaveGroupRequest {
        group_id: "g".into(),
        member_id: id.into(),
        ..Default::default()
    };
    assert_eq!(client.ask(2, &leave).await.error_code, 0);
    let answer = client.ask(2, &delete).await;
    assert_eq!(answer.results[0].error_code, 0);
}

#[tokio::test]
async fn the_coordinator_is_this_broker_in_all_versions() {
    let (broker, mut client, _) = two_clients().await;
    let port = broker
        .bootstrap()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let request = FindCoordinatorRequest {
        key: "g".into(),
        ..Default::default()
    };
    let answer = client.ask(3, &request).await;
    assert_eq!(Some(answer.port), port);
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["g".into()],
        ..Default::default()
    };
    let answer = client.ask(4, &request).await;
    assert_eq!(Some(answer.coordinators[0].port), port);
}
