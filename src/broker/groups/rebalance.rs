//! How a group moves from one generation to the next.

use std::collections::BTreeMap;

use crate::broker::groups::group::Group;
use crate::broker::groups::group::Phase;
use crate::broker::groups::member::Member;
use crate::broker::groups::reply::Replies;
use crate::broker::groups::reply::Reply;
use crate::broker::groups::reply::SyncReply;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;

impl Group {
    /// Asks all members to join again; the rebalance ends when they have, and at the latest after
    /// the longest rebalance timeout among them.
    pub(crate) fn prepare_rebalance(
        &mut self,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        self.refuse_syncs(replies);
        let delay_ms = match self.phase {
            Phase::Empty => initial_delay_ms,
            Phase::PreparingRebalance { .. }
            | Phase::CompletingRebalance { .. }
            | Phase::Stable => 0,
        };
        self.phase = Phase::PreparingRebalance {
            deadline: now.saturating_add(self.rebalance_timeout_ms().max(delay_ms)),
            not_before: now.saturating_add(delay_ms),
        };
    }

    /// Begins the next generation where nothing has to be waited for any more.
    pub(crate) fn try_complete_join(&mut self, now: Timestamp, replies: &mut Replies) {
        let Phase::PreparingRebalance {
            deadline,
            not_before,
        } = self.phase
        else {
            return;
        };
        if now >= deadline || (now >= not_before && self.has_all_joined()) {
            self.complete_join(now, replies);
        }
    }

    fn complete_join(&mut self, now: Timestamp, replies: &mut Replies) {
        self.drop_absent(replies);
        if self.members.values().all(|member| member.join.is_none()) && !self.members.is_empty() {
            // Only static members are left, and none of them is back: wait for another round.
            self.phase = Phase::PreparingRebalance {
                deadline: now.saturating_add(self.rebalance_timeout_ms()),
                not_before: now,
            };
            return;
        }
        self.generation = self.generation.wrapping_add(1).max(1);
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.protocol = None;
            self.leader = None;
            return;
        }
        self.elect_leader();
        self.protocol = self.select_protocol();
        self.phase = Phase::CompletingRebalance {
            deadline: now.saturating_add(self.rebalance_timeout_ms()),
        };
        self.answer_joins(now, replies);
    }

    /// Removes the members that did not join in time; static ones stay (KIP-345).
    fn drop_absent(&mut self, replies: &mut Replies) {
        self.pending.clear();
        let absent: Vec<String> = self
            .members
            .values()
            .filter(|member| member.join.is_none() && member.instance_id.is_none())
            .map(|member| member.id.clone())
            .collect();
        for id in absent {
            self.remove_member(&id, ErrorCode::UNKNOWN_MEMBER_ID, replies);
        }
    }

    /// Keeps the leader where it has joined again, else takes the first that has.
    fn elect_leader(&mut self) {
        let has_joined = |id: &String| {
            self.members
                .get(id)
                .is_some_and(|member| member.join.is_some())
        };
        if !self.leader.as_ref().is_some_and(has_joined) {
            self.leader = self
                .members
                .values()
                .find(|member| member.join.is_some())
                .map(|member| member.id.clone());
        }
    }

    /// Of the assignors that all members offer, the one that most of them put first.
    fn select_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member
                .offers
                .iter()
                .find(|offer| self.is_offered_by_all(&offer.name));
            if let Some(offer) = vote {
                *votes.entry(&offer.name).or_default() += 1;
            }
        }
        votes
            .into_iter()
            .max_by_key(|&(_, count)| count)
            .map(|(name, _)| name.to_owned())
    }

    /// Whether each member offers the assignor `name`.
    pub(crate) fn is_offered_by_all(&self, name: &str) -> bool {
        self.members.values().all(|member| member.offers(name))
    }

    fn answer_joins(&mut self, now: Timestamp, replies: &mut Replies) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let reply = self.join_reply(&id);
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.touch(now);
            member.assignment.clear();
            if let Some(ticket) = member.join.take() {
                replies.push((ticket, Reply::Join(reply)));
            }
        }
    }

    /// Gives each member its assignment and answers those that wait for it.
    pub(crate) fn assign(
        &mut self,
        mut assignments: BTreeMap<String, bytes::Bytes>,
        now: Timestamp,
        replies: &mut Replies,
    ) {
        self.phase = Phase::Stable;
        let (protocol_type, protocol) = (self.protocol_type.clone(), self.protocol.clone());
        for member in self.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
            if let Some(ticket) = member.sync.take() {
                member.touch(now);
                let reply = SyncReply {
                    error: ErrorCode::NONE,
                    protocol_type: protocol_type.clone(),
                    protocol: protocol.clone(),
                    assignment: member.assignment.clone(),
                };
                replies.push((ticket, Reply::Sync(reply)));
            }
        }
    }

    fn refuse_syncs(&mut self, replies: &mut Replies) {
        for member in self.members.values_mut() {
            if let Some(ticket) = member.sync.take() {
                let reply = SyncReply::refused(ErrorCode::REBALANCE_IN_PROGRESS);
                replies.push((ticket, Reply::Sync(reply)));
            }
        }
    }

    /// Removes whoever has been silent for too long, and ends phases whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp, initial_delay_ms: i64, replies: &mut Replies) {
        self.pending.retain(|_, lapses_at| now < *lapses_at);
        let is_sync_over =
            matches!(self.phase, Phase::CompletingRebalance { deadline } if now >= deadline);
        let is_gone = |member: &Member| {
            (!member.is_waiting() && now >= member.expires_at)
                || (is_sync_over && member.sync.is_none())
        };
        let gone: Vec<String> = self
            .members
            .values()
            .filter(|member| is_gone(member))
            .map(|member| member.id.clone())
            .collect();
        for id in &gone {
            self.remove_member(id, ErrorCode::UNKNOWN_MEMBER_ID, replies);
        }
        if !gone.is_empty() {
            self.after_departure(now, initial_delay_ms, replies);
        }
        self.try_complete_join(now, replies);
    }

    /// What follows when members have left: the others share anew.
    pub(crate) fn after_departure(
        &mut self,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        match self.phase {
            Phase::Stable | Phase::CompletingRebalance { .. } => {
                self.prepare_rebalance(now, initial_delay_ms, replies);
            }
            Phase::Empty | Phase::PreparingRebalance { .. } => {}
        }
        self.try_complete_join(now, replies);
    }

    fn rebalance_timeout_ms(&self) -> i64 {
        self.members
            .values()
            .map(|member| member.rebalance_timeout_ms)
            .max()
            .unwrap_or(0)
    }
}
