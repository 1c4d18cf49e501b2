//! What each event does to a member.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::group::assignor::Protocol;
use crate::group::assignor::Subscription;
use crate::group::assignor::TopicSizes;
use crate::group::membership::Membership;
use crate::group::membership::request::Action;
use crate::group::membership::request::Identity;
use crate::group::membership::request::JoinRequest;
use crate::group::membership::request::Joined;
use crate::group::membership::request::Refusal;
use crate::group::membership::request::SyncRequest;
use crate::group::membership::request::Ticket;
use crate::group::membership::state::Next;
use crate::group::membership::state::State;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// So many refusals in a row are followed by another attempt at once: a new member is refused once
/// to be given its id, and a group that moves on refuses once more.
const HASTY_ATTEMPTS: u32 = 2;

impl Membership {
    fn next_ticket(&mut self) -> Ticket {
        self.ticket = Ticket(self.ticket.0.wrapping_add(1));
        self.ticket
    }

    pub(super) fn join(&mut self, actions: &mut Vec<Action>) {
        let ticket = self.next_ticket();
        self.state = State::Joining(ticket);
        self.wants_rejoin = false;
        // The answer to an older heartbeat says nothing of the generation to come.
        self.heartbeat.awaited = None;
        let generation = self.identity.generation;
        let offers = self.settings.assignors.iter().map(|assignor| {
            let subscription = Subscription {
                topics: self.settings.topics.clone(),
                owned: self.owned.clone(),
                generation: Some(generation),
                user_data: assignor.user_data(&self.last_share, generation),
            };
            (*assignor, subscription)
        });
        actions.push(Action::Join(JoinRequest {
            ticket,
            identity: self.identity.clone(),
            offers: offers.collect(),
        }));
    }

    pub(super) fn joined(
        &mut self,
        ticket: Ticket,
        joined: Joined,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.state != State::Joining(ticket) {
            return;
        }
        self.identity.member_id.clone_from(&joined.member_id);
        self.identity.generation = joined.generation;
        self.heartbeat.due = now.saturating_add(self.settings.heartbeat_interval);
        self.led = None;
        let Some(members) = &joined.members else {
            self.sync(&joined, TopicSizes::new(), actions);
            return;
        };
        let topics = members
            .iter()
            .flat_map(|member| &member.subscription.topics);
        let mut topics: Vec<TopicName> = topics.cloned().collect();
        topics.sort_unstable();
        topics.dedup();
        actions.push(Action::LookUp(topics));
        self.state = State::LookingUp(joined);
    }

    fn sync(&mut self, joined: &Joined, sizes: TopicSizes, actions: &mut Vec<Action>) {
        let ticket = self.next_ticket();
        self.state = State::Syncing(ticket);
        let led = joined.members.as_deref().filter(|_| !joined.keeps_shares);
        let shares = led.map(|members| joined.assignor.assign(&sizes, members));
        self.led = joined.members.is_some().then_some(sizes);
        actions.push(Action::Sync(SyncRequest {
            ticket,
            identity: self.identity.clone(),
            assignor: joined.assignor,
            shares: shares.unwrap_or_default(),
        }));
    }

    pub(super) fn sizes_known(&mut self, sizes: TopicSizes, actions: &mut Vec<Action>) {
        if let State::LookingUp(joined) = &self.state {
            let joined = joined.clone();
            self.sync(&joined, sizes, actions);
        } else if self.led.as_ref().is_some_and(|led| *led != sizes) {
            self.rejoin_when_stable(actions);
        }
    }

    pub(super) fn synced(
        &mut self,
        ticket: Ticket,
        share: Vec<TopicPartition>,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.state != State::Syncing(ticket) {
            return;
        }
        self.failures = 0;
        self.last_share.clone_from(&share);
        let gone = without(&self.owned, &share);
        if gone.is_empty() {
            self.take(share, actions);
            self.state = State::Stable;
            if self.wants_rejoin {
                self.rejoin(actions);
            }
        } else {
            actions.push(Action::Revoke(gone));
            self.state = State::GivingUp(Next::Take(share));
        }
        self.heartbeat.due = now.saturating_add(self.settings.heartbeat_interval);
    }

    fn take(&mut self, share: Vec<TopicPartition>, actions: &mut Vec<Action>) {
        let new = without(&share, &self.owned);
        self.owned = share;
        actions.push(Action::Assign(new));
    }

    pub(super) fn given_up(&mut self, actions: &mut Vec<Action>) {
        let State::GivingUp(next) = &self.state else {
            return;
        };
        match next.clone() {
            Next::Join => {
                self.owned.clear();
                self.join(actions);
            }
            Next::Take(share) if self.is_stopping => {
                self.owned.retain(|partition| share.contains(partition));
                self.wind_up(actions);
            }
            Next::Take(share) => {
                self.owned.retain(|partition| share.contains(partition));
                self.take(share, actions);
                self.join(actions);
            }
            Next::Leave => {
                self.owned.clear();
                self.leave(actions);
            }
        }
    }

    /// Joins again: under the eager protocol once all is given up.
    fn rejoin(&mut self, actions: &mut Vec<Action>) {
        if self.protocol() == Protocol::Eager && !self.owned.is_empty() {
            actions.push(Action::Revoke(self.owned.clone()));
            self.state = State::GivingUp(Next::Join);
        } else {
            self.join(actions);
        }
    }

    fn rejoin_when_stable(&mut self, actions: &mut Vec<Action>) {
        if self.state == State::Stable {
            self.rejoin(actions);
        } else {
            self.wants_rejoin = true;
        }
    }

    pub(super) fn subscribe(&mut self, topics: Vec<TopicName>, actions: &mut Vec<Action>) {
        if self.settings.topics != topics {
            self.settings.topics = topics;
            self.rejoin_when_stable(actions);
        }
    }

    pub(super) fn send_heartbeat(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let ticket = self.next_ticket();
        self.heartbeat.awaited = Some(ticket);
        self.heartbeat.due = now.saturating_add(self.settings.heartbeat_interval);
        actions.push(Action::Heartbeat(ticket, self.identity.clone()));
    }

    pub(super) fn alive(&mut self, ticket: Ticket) {
        if self.heartbeat.awaited == Some(ticket) {
            self.heartbeat.awaited = None;
        }
    }

    pub(super) fn refused(
        &mut self,
        ticket: Ticket,
        refusal: Refusal,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.heartbeat.awaited == Some(ticket) {
            self.heartbeat.awaited = None;
            self.heartbeat_refused(refusal, now, actions);
        } else if self.state == State::Joining(ticket) || self.state == State::Syncing(ticket) {
            self.failures = self.failures.saturating_add(1);
            match refusal {
                Refusal::TryAgain => self.retry_later(now),
                Refusal::Rebalancing => self.retry(now),
                Refusal::IdRequired(id) => {
                    self.identity.member_id = id;
                    self.retry(now);
                }
                other => self.expelled(other, now, actions),
            }
        }
    }

    fn heartbeat_refused(&mut self, refusal: Refusal, now: Duration, actions: &mut Vec<Action>) {
        match refusal {
            Refusal::TryAgain => {
                self.heartbeat.due = now.saturating_add(self.settings.retry_backoff);
            }
            Refusal::Rebalancing if self.state == State::Stable => self.rejoin(actions),
            // Whatever it waits for ends in joining again.
            Refusal::Rebalancing => {}
            other => self.expelled(other, now, actions),
        }
    }

    /// The group goes on without this member, whose partitions may be others' already.
    fn expelled(&mut self, refusal: Refusal, now: Duration, actions: &mut Vec<Action>) {
        self.lose(actions);
        self.identity.generation = Identity::NO_GENERATION;
        if refusal != Refusal::OtherGeneration {
            self.identity.member_id.clear();
        }
        if refusal == Refusal::Final || self.is_stopping {
            self.end(actions);
        } else {
            self.failures = self.failures.max(1);
            self.retry(now);
        }
    }

    fn lose(&mut self, actions: &mut Vec<Action>) {
        self.led = None;
        self.heartbeat.awaited = None;
        let lost = std::mem::take(&mut self.owned);
        if !lost.is_empty() {
            actions.push(Action::Lost(lost));
        }
    }

    /// Joins again at once, or after a pause where that has not helped.
    fn retry(&mut self, now: Duration) {
        if self.failures <= HASTY_ATTEMPTS {
            self.state = State::Out { join_at: now };
        } else {
            self.retry_later(now);
        }
    }

    fn retry_later(&mut self, now: Duration) {
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = self.settings.retry_backoff.saturating_mul(1 << doublings);
        let pause = pause.min(self.settings.retry_backoff_max);
        self.state = State::Out {
            join_at: now.saturating_add(pause),
        };
    }

    /// Whether nobody has worked on the partitions for too long.
    pub(super) fn is_idle(&self, now: Duration) -> bool {
        let is_out = matches!(
            self.state,
            State::Out { .. } | State::Asleep | State::Leaving | State::Ended
        );
        !is_out && now.saturating_sub(self.polled_at) > self.settings.poll_interval
    }

    pub(super) fn fall_asleep(&mut self, actions: &mut Vec<Action>) {
        self.lose(actions);
        if self.leaves_behind_a_member() {
            actions.push(Action::Leave(self.identity.clone()));
        }
        self.identity.member_id.clear();
        self.identity.generation = Identity::NO_GENERATION;
        if self.is_stopping {
            self.end(actions);
        } else {
            self.state = State::Asleep;
        }
    }

    pub(super) fn polled(&mut self, now: Duration) {
        self.polled_at = now;
        if self.state == State::Asleep {
            self.state = State::Out { join_at: now };
        }
    }

    pub(super) fn stop(&mut self, actions: &mut Vec<Action>) {
        let is_first = !std::mem::replace(&mut self.is_stopping, true);
        match &mut self.state {
            State::GivingUp(next @ Next::Join) => *next = Next::Leave,
            State::GivingUp(_) | State::Leaving | State::Ended => {}
            _ if is_first => self.wind_up(actions),
            _ => {}
        }
    }

    /// Gives up what is left, and leaves.
    fn wind_up(&mut self, actions: &mut Vec<Action>) {
        if self.owned.is_empty() {
            self.leave(actions);
        } else {
            actions.push(Action::Revoke(self.owned.clone()));
            self.state = State::GivingUp(Next::Leave);
        }
    }

    fn leave(&mut self, actions: &mut Vec<Action>) {
        if self.leaves_behind_a_member() {
            self.heartbeat.awaited = None;
            self.state = State::Leaving;
            actions.push(Action::Leave(self.identity.clone()));
        } else {
            self.end(actions);
        }
    }

    /// Whether the coordinator would wait for this member until its session ends. A static member
    /// is waited for on purpose: it is to find its partitions again.
    fn leaves_behind_a_member(&self) -> bool {
        !self.identity.member_id.is_empty() && self.identity.instance_id.is_none()
    }

    pub(super) fn left(&mut self, actions: &mut Vec<Action>) {
        if self.state == State::Leaving {
            self.end(actions);
        }
    }

    fn end(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Ended;
        actions.push(Action::End);
    }
}

fn without(of: &[TopicPartition], others: &[TopicPartition]) -> Vec<TopicPartition> {
    let others: BTreeSet<&TopicPartition> = others.iter().collect();
    let is_left = |partition: &&TopicPartition| !others.contains(partition);
    of.iter().filter(is_left).cloned().collect()
}
