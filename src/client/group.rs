//! What members of classic groups ask of their coordinator, one attempt at a time.
//!
//! When to ask, and what an answer means, is decided elsewhere. JoinGroup and SyncGroup wait at the
//! coordinator for the other members, and a broker answers the requests of one connection in their
//! order: so these two and heartbeats have a connection of their own, and what must not wait for
//! them goes another way: commits, and leaving.

use std::time::Duration;

use crate::client::admin::wire_millis;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::call::may_help;
use crate::client::cluster::Cluster;
use crate::client::cluster::Purpose;
use crate::client::connection::Reply;
use crate::client::coordinator::CoordinatorKind;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::offsets::commit_request;
use crate::client::offsets::read_commit;
use crate::client::producer::GroupMember;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Request;
use crate::protocol::message::heartbeat::HeartbeatRequest;
use crate::protocol::message::heartbeat::HeartbeatResponse;
use crate::protocol::message::join_group::JoinGroupRequest;
use crate::protocol::message::join_group::JoinGroupRequestProtocol;
use crate::protocol::message::join_group::JoinGroupResponse;
use crate::protocol::message::leave_group::LeaveGroupRequest;
use crate::protocol::message::leave_group::LeaveGroupResponse;
use crate::protocol::message::leave_group::MemberIdentity;
use crate::protocol::message::offset_commit::OffsetCommitRequest;
use crate::protocol::message::sync_group::SyncGroupRequest;
use crate::protocol::message::sync_group::SyncGroupRequestAssignment;
use crate::protocol::message::sync_group::SyncGroupResponse;

/// The kind of group that consumers form.
const CONSUMER: &str = "consumer";
/// Where answers may be long in coming.
const WAITING: Purpose = Purpose::Membership;
/// From this version on several members leave at once.
const LEAVE_TOGETHER: i16 = 3;
/// How long the answer to JoinGroup may be in coming once the rebalance is over, as with Java's.
const JOIN_GRACE: Duration = Duration::from_secs(5);

/// The coordinator of one group, as members ask it.
#[derive(Clone, Debug)]
pub struct Group {
    cluster: Cluster,
    id: String,
}

/// How long a group waits for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Without a heartbeat for this long the member is removed.
    pub session: Duration,
    /// In a rebalance the others wait for it no longer than this.
    pub rebalance: Duration,
}

/// What became of a request to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinAnswer {
    /// The member is part of the next generation.
    Joined(JoinedGroup),
    /// A new member is to join again under this id (KIP-394).
    IdGiven(String),
}

/// The generation that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedGroup {
    /// The id that the coordinator gave.
    pub member_id: String,
    /// The generation.
    pub generation: i32,
    /// The name of the assignor on which the members agree.
    pub protocol: String,
    /// All members, for the one that leads.
    pub members: Option<Vec<JoinedMember>>,
    /// Whether the group keeps the shares that it has (KIP-814).
    pub keeps_shares: bool,
}

/// A member, as the leader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub id: String,
    /// The name that a static member keeps over restarts.
    pub instance_id: Option<String>,
    /// What it told, in the bytes of the consumer protocol.
    pub metadata: Vec<u8>,
}

impl Group {
    /// The group `id` of `cluster`.
    #[must_use]
    pub const fn new(cluster: Cluster, id: String) -> Self {
        Self { cluster, id }
    }

    /// The cluster.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Asks to be part of the next generation, and waits for it; `protocols` are names of assignors,
    /// best first, each with what the member tells the leader.
    ///
    /// # Errors
    ///
    /// [`Failure`]; at the latest a few seconds after the rebalance timeout.
    pub async fn join(
        &self,
        member: &GroupMember,
        patience: Patience,
        protocols: &[(&str, Vec<u8>)],
    ) -> Result<JoinAnswer, Failure> {
        let request = JoinGroupRequest {
            group_id: self.id.as_str().into(),
            session_timeout_ms: wire_millis(patience.session),
            rebalance_timeout_ms: wire_millis(patience.rebalance),
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.instance_id.as_deref().map(Into::into),
            protocol_type: CONSUMER.into(),
            protocols: protocols
                .iter()
                .map(|(name, metadata)| JoinGroupRequestProtocol {
                    name: (*name).into(),
                    metadata: metadata.as_slice().into(),
                })
                .collect(),
            reason: None,
        };
        let config = self.cluster.config();
        let within = config.request_timeout.max(patience.rebalance + JOIN_GRACE);
        self.ask(WAITING, |_| request, within, read_join).await
    }

    /// Asks for the member's share, and from the leader brings everyone's, by member id.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn sync(
        &self,
        member: &GroupMember,
        protocol: &str,
        shares: &[(String, Vec<u8>)],
        within: Duration,
    ) -> Result<Vec<u8>, Failure> {
        let share = |(id, share): &(String, Vec<u8>)| SyncGroupRequestAssignment {
            member_id: id.clone().into(),
            assignment: share.clone().into(),
        };
        let request = SyncGroupRequest {
            group_id: self.id.as_str().into(),
            generation_id: member.generation,
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.instance_id.as_deref().map(Into::into),
            protocol_type: Some(CONSUMER.into()),
            protocol_name: Some(protocol.into()),
            assignments: shares.iter().map(share).collect(),
        };
        let read = |reply: &Reply| {
            let response: SyncGroupResponse<'_> = reply.body()?;
            check(reply, response.error_code, None)?;
            Ok(response.assignment.into_owned())
        };
        self.ask(WAITING, |_| request, within, read).await
    }

    /// Tells that the member is alive.
    ///
    /// # Errors
    ///
    /// [`Failure`]; code 27 asks the member to join again.
    pub async fn heartbeat(&self, member: &GroupMember, within: Duration) -> Result<(), Failure> {
        let request = HeartbeatRequest {
            group_id: self.id.as_str().into(),
            generation_id: member.generation,
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.instance_id.as_deref().map(Into::into),
        };
        let read = |reply: &Reply| {
            let response: HeartbeatResponse = reply.body()?;
            check(reply, response.error_code, None)
        };
        self.ask(WAITING, |_| request, within, read).await
    }

    /// Takes the member out of the group.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn leave(&self, member: &GroupMember, within: Duration) -> Result<(), Failure> {
        let identity = MemberIdentity {
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.instance_id.as_deref().map(Into::into),
            reason: None,
        };
        let build = |version| {
            let (member_id, members) = if version >= LEAVE_TOGETHER {
                (Default::default(), vec![identity])
            } else {
                (identity.member_id, Vec::new())
            };
            LeaveGroupRequest {
                group_id: self.id.as_str().into(),
                member_id,
                members,
            }
        };
        let read = |reply: &Reply| {
            let response: LeaveGroupResponse<'_> = reply.body()?;
            check(reply, response.error_code, None)?;
            let mut members = response.members.iter();
            members.try_for_each(|member| check(reply, member.error_code, None))
        };
        self.ask(Purpose::Control, build, within, read).await
    }

    /// Commits offsets in the member's name, with retries.
    ///
    /// # Errors
    ///
    /// [`CallError`]; where its code asks for a new generation, nothing is committed.
    pub async fn commit(
        &self,
        member: &GroupMember,
        offsets: &ByPartition<CommittedOffset>,
    ) -> Result<(), CallError> {
        let doing = format!("commit offsets of group \"{}\"", self.id);
        let target = Target::Coordinator(CoordinatorKind::Group, &self.id);
        let build = |_| OffsetCommitRequest {
            generation_id_or_member_epoch: member.generation,
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.instance_id.as_deref().map(Into::into),
            ..commit_request(&self.id, offsets)
        };
        let read = |reply: &Reply, _| read_commit(reply);
        self.cluster.call(&doing, target, build, read).await
    }

    /// Asks once; after a failure that another coordinator or connection may mend, the next attempt
    /// looks for the coordinator anew.
    async fn ask<'a, R: Request<'a>, T>(
        &self,
        purpose: Purpose,
        build: impl FnOnce(i16) -> R,
        within: Duration,
        read: impl FnOnce(&Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let answer = self.ask_known(purpose, build, within, read).await;
        if let Err(failure) = &answer
            && failure.code().is_none_or(|code| may_help(code.action()))
        {
            self.cluster
                .forget_coordinator(CoordinatorKind::Group, &self.id);
        }
        answer
    }

    async fn ask_known<'a, R: Request<'a>, T>(
        &self,
        purpose: Purpose,
        build: impl FnOnce(i16) -> R,
        within: Duration,
        read: impl FnOnce(&Reply) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let kind = CoordinatorKind::Group;
        let node = self.cluster.coordinator(kind, &self.id).await?;
        let connection = self.cluster.connection(node, purpose).await?;
        let request = build(connection.version::<R>()?);
        read(&connection.request(&request, within).await?)
    }
}

fn read_join(reply: &Reply) -> Result<JoinAnswer, Failure> {
    let response: JoinGroupResponse<'_> = reply.body()?;
    if ErrorCode(response.error_code) == ErrorCode::MEMBER_ID_REQUIRED {
        return Ok(JoinAnswer::IdGiven(response.member_id.into_owned()));
    }
    check(reply, response.error_code, None)?;
    let leads = response.leader == response.member_id;
    let members = response.members.into_iter().map(|member| JoinedMember {
        id: member.member_id.into_owned(),
        instance_id: member.group_instance_id.map(|id| id.into_owned()),
        metadata: member.metadata.into_owned(),
    });
    Ok(JoinAnswer::Joined(JoinedGroup {
        generation: response.generation_id,
        protocol: response.protocol_name.unwrap_or_default().into_owned(),
        members: leads.then(|| members.collect()),
        keeps_shares: response.skip_assignment,
        member_id: response.member_id.into_owned(),
    }))
}
