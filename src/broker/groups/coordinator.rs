//! All groups of the broker.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::broker::groups::group::Group;
use crate::broker::groups::group::Phase;
use crate::broker::groups::join::JoinRequest;
use crate::broker::groups::member::Ticket;
use crate::broker::groups::offsets::CommittedOffset;
use crate::broker::groups::reply::Replies;
use crate::broker::groups::reply::Reply;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// Most groups that are kept; one more is refused with `COORDINATOR_NOT_AVAILABLE`.
const GROUPS_MAX: usize = 10_000;

/// What SyncGroup says, all versions alike.
#[derive(Clone, Debug)]
pub(crate) struct SyncRequest {
    /// The group id.
    pub(crate) group_id: String,
    /// The member's id.
    pub(crate) member_id: String,
    /// Set for static members.
    pub(crate) instance_id: Option<String>,
    /// The generation that it joined.
    pub(crate) generation: i32,
    /// Checked where given (v5 and above).
    pub(crate) protocol_type: Option<String>,
    /// Checked where given (v5 and above).
    pub(crate) protocol: Option<String>,
    /// From the leader: each member's share by member id.
    pub(crate) assignments: BTreeMap<String, Bytes>,
}

/// All groups of the broker.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) replies: Replies,
    initial_delay_ms: i64,
    /// Tells member ids of this run from those of an earlier one.
    run: i64,
    members_named: u64,
}

impl Coordinator {
    /// No groups. `started` tells this run's member ids from an earlier run's, and the first
    /// rebalance of a group waits `initial_delay_ms` for more members.
    pub(crate) fn new(started: Timestamp, initial_delay_ms: i64) -> Self {
        Self {
            groups: BTreeMap::new(),
            replies: Vec::new(),
            initial_delay_ms,
            run: started.0,
            members_named: 0,
        }
    }

    /// Takes out the answers that have fallen due.
    pub(crate) fn take_replies(&mut self) -> Replies {
        std::mem::take(&mut self.replies)
    }

    /// The group `id`, made where there is none.
    ///
    /// # Errors
    ///
    /// `COORDINATOR_NOT_AVAILABLE` where there are too many groups.
    pub(crate) fn group_or_new(&mut self, id: &str) -> Result<&mut Group, ErrorCode> {
        if !self.groups.contains_key(id) && self.groups.len() >= GROUPS_MAX {
            return Err(ErrorCode::COORDINATOR_NOT_AVAILABLE);
        }
        Ok(self
            .groups
            .entry(id.to_owned())
            .or_insert_with(|| Group::new(id)))
    }

    /// The group, where answers go, and the initial rebalance delay, borrowed apart.
    pub(crate) fn parts(
        &mut self,
        group_id: &str,
    ) -> Result<(&mut Group, &mut Replies, i64), ErrorCode> {
        let group = self
            .groups
            .get_mut(group_id)
            .ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        Ok((group, &mut self.replies, self.initial_delay_ms))
    }

    /// A member id never given out before: client id (static members: instance id), run, number.
    pub(crate) fn new_member_id(&mut self, request: &JoinRequest) -> String {
        self.members_named = self.members_named.wrapping_add(1);
        let prefix = request.instance_id.as_deref().unwrap_or(&request.client_id);
        format!("{prefix}-{:012x}-{:08x}", self.run, self.members_named)
    }

    /// Takes a SyncGroup request; its answer comes under `ticket`.
    pub(crate) fn sync(&mut self, request: SyncRequest, ticket: Ticket, now: Timestamp) {
        if let Err(error) = self.try_sync(request, ticket, now) {
            self.refuse_sync(ticket, error);
        }
    }

    fn try_sync(
        &mut self,
        request: SyncRequest,
        ticket: Ticket,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        let (group, replies, _) = self.parts(&request.group_id)?;
        let instance_id = request.instance_id.as_deref();
        group.check_generation(&request.member_id, instance_id, request.generation)?;
        let is_other = |said: &Option<String>, is: &Option<String>| said.is_some() && said != is;
        if is_other(&request.protocol_type, &group.protocol_type)
            || is_other(&request.protocol, &group.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        let is_leader = group.leader.as_deref() == Some(&request.member_id);
        let phase = group.phase;
        let Some(member) = group.members.get_mut(&request.member_id) else {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        match phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance { .. } => return Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance { .. } => {
                member.sync = Some(ticket);
                if is_leader {
                    group.assign(request.assignments, now, replies);
                }
            }
            Phase::Stable => {
                member.touch(now);
                let Some(member) = group.members.get(&request.member_id) else {
                    return Err(ErrorCode::UNKNOWN_MEMBER_ID);
                };
                replies.push((ticket, Reply::Sync(group.sync_reply(member))));
            }
        }
        Ok(())
    }

    /// Takes a sign of life.
    ///
    /// # Errors
    ///
    /// `REBALANCE_IN_PROGRESS` asks the member to join again; else who speaks is unknown, fenced
    /// or of another generation.
    pub(crate) fn heartbeat(
        &mut self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        let (group, _, _) = self.parts(group_id)?;
        group.check_generation(member_id, instance_id, generation)?;
        if let Some(member) = group.members.get_mut(member_id) {
            member.touch(now);
        }
        match group.phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance { .. } => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance { .. } | Phase::Stable => Ok(()),
        }
    }

    /// Takes one member out; a static member may be named by its instance id alone.
    ///
    /// # Errors
    ///
    /// `UNKNOWN_MEMBER_ID`, or `FENCED_INSTANCE_ID` where the instance has another member id.
    pub(crate) fn leave(
        &mut self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        let (group, replies, delay_ms) = self.parts(group_id)?;
        if group.pending.remove(member_id).is_some() {
            group.try_complete_join(now, replies);
            return Ok(());
        }
        let member_id = match instance_id.and_then(|id| group.member_of_instance(id)) {
            Some(member) if member_id.is_empty() => member.id.clone(),
            _ => member_id.to_owned(),
        };
        group.check_member(&member_id, instance_id)?;
        group.remove_member(&member_id, ErrorCode::UNKNOWN_MEMBER_ID, replies);
        group.after_departure(now, delay_ms, replies);
        Ok(())
    }

    /// Whether `member_id` of `generation` may commit offsets now; a generation below 0 stands for
    /// a committer outside the group protocol, which is welcome while the group has no members.
    ///
    /// # Errors
    ///
    /// Who speaks is unknown, fenced or of another generation, or `REBALANCE_IN_PROGRESS` where
    /// the generation's assignment is not known yet.
    pub(crate) fn check_commit(
        &mut self,
        group_id: &str,
        member_id: &str,
        instance_id: Option<&str>,
        generation: i32,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        if !self.groups.contains_key(group_id) && generation >= 0 {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let group = self.group_or_new(group_id)?;
        if generation < 0 && matches!(group.phase, Phase::Empty) {
            return Ok(());
        }
        group.check_generation(member_id, instance_id, generation)?;
        if let Some(member) = group.members.get_mut(member_id) {
            member.touch(now);
        }
        match group.phase {
            Phase::CompletingRebalance { .. } => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::Empty | Phase::PreparingRebalance { .. } | Phase::Stable => Ok(()),
        }
    }

    /// Remembers a committed offset; `None` forgets it.
    pub(crate) fn set_offset(
        &mut self,
        group_id: &str,
        partition: TopicPartition,
        committed: Option<CommittedOffset>,
    ) -> Result<(), ErrorCode> {
        let offsets = &mut self.group_or_new(group_id)?.offsets;
        match committed {
            Some(committed) => offsets.insert(partition, committed),
            None => offsets.remove(&partition),
        };
        Ok(())
    }

    /// Whether a group may be deleted: it has no members.
    ///
    /// # Errors
    ///
    /// `GROUP_ID_NOT_FOUND`, or `NON_EMPTY_GROUP`.
    pub(crate) fn check_deletable(&self, group_id: &str) -> Result<(), ErrorCode> {
        let group = self
            .groups
            .get(group_id)
            .ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if matches!(group.phase, Phase::Empty) {
            Ok(())
        } else {
            Err(ErrorCode::NON_EMPTY_GROUP)
        }
    }

    /// The earliest instant at which [`Self::expire`] has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.groups.values().filter_map(Group::next_deadline).min()
    }

    /// Does what fell due by `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        for group in self.groups.values_mut() {
            group.expire(now, self.initial_delay_ms, &mut self.replies);
        }
    }
}
