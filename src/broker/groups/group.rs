//! One classic consumer group: who is in it and in which phase it stands.

use std::collections::BTreeMap;

use crate::broker::groups::member::Member;
use crate::broker::groups::offsets::CommittedOffsets;
use crate::broker::groups::reply::JoinReply;
use crate::broker::groups::reply::JoinedMember;
use crate::broker::groups::reply::Replies;
use crate::broker::groups::reply::Reply;
use crate::broker::groups::reply::SyncReply;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;

/// Where a group stands (Kafka's `ClassicGroupState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No members; perhaps committed offsets.
    Empty,
    /// Members are asked to join again; those that have not by `deadline` are removed.
    PreparingRebalance {
        /// The rebalance ends at this instant at the latest.
        deadline: Timestamp,
        /// No earlier than this instant (`group.initial.rebalance.delay.ms`).
        not_before: Timestamp,
    },
    /// The generation has begun and the leader's assignment is awaited until `deadline`.
    CompletingRebalance {
        /// Members without a SyncGroup request by this instant are removed.
        deadline: Timestamp,
    },
    /// Each member has its assignment.
    Stable,
}

impl Phase {
    /// Kafka's name of the phase, as tools show it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance { .. } => "PreparingRebalance",
            Self::CompletingRebalance { .. } => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// One classic consumer group.
///
/// Source: `ClassicGroup` and `GroupMetadataManager` (Apache Kafka 4.x).
#[derive(Debug)]
pub(crate) struct Group {
    /// The group id.
    pub(crate) id: String,
    /// The phase.
    pub(crate) phase: Phase,
    /// Grows by one with each completed rebalance; 0 before the first.
    pub(crate) generation: i32,
    /// `consumer`, `connect`, ...; set by the first member.
    pub(crate) protocol_type: Option<String>,
    /// The assignor of this generation.
    pub(crate) protocol: Option<String>,
    /// The member that assigns.
    pub(crate) leader: Option<String>,
    /// The members by id.
    pub(crate) members: BTreeMap<String, Member>,
    /// Member ids given out but not used yet (KIP-394), with the instant at which they lapse.
    pub(crate) pending: BTreeMap<String, Timestamp>,
    /// Committed offsets.
    pub(crate) offsets: CommittedOffsets,
}

impl Group {
    /// A group without members.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            pending: BTreeMap::new(),
            offsets: CommittedOffsets::default(),
        }
    }

    /// The member of a static instance.
    pub(crate) fn member_of_instance(&self, instance_id: &str) -> Option<&Member> {
        self.members
            .values()
            .find(|member| member.instance_id.as_deref() == Some(instance_id))
    }

    /// Checks who speaks: a known member, and not one whose static instance has moved on.
    ///
    /// # Errors
    ///
    /// `FENCED_INSTANCE_ID` where another member has taken the instance over,
    /// `UNKNOWN_MEMBER_ID` where the member or the instance is unknown.
    pub(crate) fn check_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            let member = self
                .member_of_instance(instance_id)
                .ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
            if member.id != member_id {
                return Err(ErrorCode::FENCED_INSTANCE_ID);
            }
        }
        if self.members.contains_key(member_id) {
            Ok(())
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        }
    }

    /// Checks the generation as well.
    ///
    /// # Errors
    ///
    /// As [`Self::check_member`], and `ILLEGAL_GENERATION`.
    pub(crate) fn check_generation(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
    ) -> Result<(), ErrorCode> {
        self.check_member(member_id, instance_id)?;
        if generation == self.generation {
            Ok(())
        } else {
            Err(ErrorCode::ILLEGAL_GENERATION)
        }
    }

    /// The answer to a member's JoinGroup request in the present generation.
    pub(crate) fn join_reply(&self, member_id: &str) -> JoinReply {
        let is_leader = self.leader.as_deref() == Some(member_id);
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let joined = |member: &Member| JoinedMember {
            id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        let members = if is_leader {
            self.members.values().map(joined).collect()
        } else {
            Vec::new()
        };
        JoinReply {
            error: ErrorCode::NONE,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.to_owned(),
            skip_assignment: false,
            members,
        }
    }

    /// The answer to a member's SyncGroup request once the assignment is there.
    pub(crate) fn sync_reply(&self, member: &Member) -> SyncReply {
        SyncReply {
            error: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment: member.assignment.clone(),
        }
    }

    /// Takes a member out; requests of it that wait are answered with `error`.
    pub(crate) fn remove_member(
        &mut self,
        member_id: &str,
        error: ErrorCode,
        replies: &mut Replies,
    ) -> Option<Member> {
        let mut member = self.members.remove(member_id)?;
        if let Some(ticket) = member.join.take() {
            let reply = JoinReply::refused(error, member_id);
            replies.push((ticket, Reply::Join(reply)));
        }
        if let Some(ticket) = member.sync.take() {
            replies.push((ticket, Reply::Sync(SyncReply::refused(error))));
        }
        if self.leader.as_deref() == Some(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }

    /// The earliest instant at which [`Self::expire`](Self::expire) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let members = self
            .members
            .values()
            .filter(|member| !member.is_waiting())
            .map(|member| member.expires_at);
        let phase = match self.phase {
            Phase::Empty | Phase::Stable => None,
            Phase::PreparingRebalance {
                deadline,
                not_before,
            } => Some(if self.has_all_joined() {
                not_before
            } else {
                deadline
            }),
            Phase::CompletingRebalance { deadline } => Some(deadline),
        };
        members
            .chain(self.pending.values().copied())
            .chain(phase)
            .min()
    }

    /// Whether nobody has still to join.
    pub(crate) fn has_all_joined(&self) -> bool {
        self.pending.is_empty() && self.members.values().all(|member| member.join.is_some())
    }
}
