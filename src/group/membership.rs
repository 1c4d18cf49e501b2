//! One member of a classic group, as a state machine: what happened goes in, what to do comes out.
//!
//! A member joins, learns its generation, has its assignment brought by the leader's SyncGroup
//! request, and from then on says every heartbeat interval that it is alive. Whenever the group is
//! shared out anew it joins again: under the eager protocol with empty hands, under the cooperative
//! one with all that it reads, of which it then gives up what moves (KIP-429).
//!
//! Times are durations since an instant of the caller's choice, the same for all calls. Requests
//! carry a [`Ticket`], and an answer is heeded only where its ticket is that of the latest request:
//! so late answers of an earlier life do no harm.
//!
//! Source: `AbstractCoordinator.java`, `ConsumerCoordinator.java` (Apache Kafka 4.3.1).

mod request;
mod state;
mod steps;

use std::time::Duration;

use crate::group::assignor::Assignor;
use crate::group::assignor::Protocol;
use crate::group::assignor::TopicSizes;
use crate::group::membership::state::State;
use crate::record::TopicName;
use crate::record::TopicPartition;

pub use request::Action;
pub use request::Event;
pub use request::Identity;
pub use request::JoinRequest;
pub use request::Joined;
pub use request::Refusal;
pub use request::SyncRequest;
pub use request::Ticket;

/// How a member behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The topics that it reads.
    pub topics: Vec<TopicName>,
    /// How it would have partitions shared out, best first.
    pub assignors: Vec<Assignor>,
    /// The name that it keeps over restarts (KIP-345); `None` for a dynamic member.
    pub instance_id: Option<String>,
    /// How often it says that it is alive.
    pub heartbeat_interval: Duration,
    /// Without [`Event::Polled`] for longer than this the member has no use for its partitions, and
    /// leaves.
    pub poll_interval: Duration,
    /// First pause after a failure; doubles up to `retry_backoff_max`.
    pub retry_backoff: Duration,
    /// Longest pause after a failure.
    pub retry_backoff_max: Duration,
}

/// One member of a group.
#[derive(Debug)]
pub struct Membership {
    settings: Settings,
    identity: Identity,
    state: State,
    owned: Vec<TopicPartition>,
    /// What it was assigned last, kept also when it is given up.
    last_share: Vec<TopicPartition>,
    /// As the leader, how large the topics were that it shared out.
    led: Option<TopicSizes>,
    ticket: Ticket,
    heartbeat: Heartbeat,
    polled_at: Duration,
    /// Refused requests in a row.
    failures: u32,
    wants_rejoin: bool,
    is_stopping: bool,
}

/// The latest sign of life.
#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    /// When the next one is due.
    due: Duration,
    /// The one that is not answered yet.
    awaited: Option<Ticket>,
}

impl Membership {
    /// A member that will join as soon as [`Self::tick`] is called.
    #[must_use]
    pub fn new(settings: Settings, now: Duration) -> Self {
        let identity = Identity {
            member_id: String::new(),
            generation: Identity::NO_GENERATION,
            instance_id: settings.instance_id.clone(),
        };
        Self {
            identity,
            state: State::Out { join_at: now },
            owned: Vec::new(),
            last_share: Vec::new(),
            led: None,
            ticket: Ticket::default(),
            heartbeat: Heartbeat {
                due: now,
                awaited: None,
            },
            polled_at: now,
            failures: 0,
            wants_rejoin: false,
            is_stopping: false,
            settings,
        }
    }

    /// Who it is now; commits are made in this name.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The partitions that it reads.
    #[must_use]
    pub fn owned(&self) -> &[TopicPartition] {
        &self.owned
    }

    /// Whether it is out of the group for good.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// When [`Self::tick`] has something to do next, unless an event comes first.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let poll = self.polled_at.saturating_add(self.settings.poll_interval);
        let next = match &self.state {
            State::Out { join_at } => return Some(*join_at),
            State::Asleep | State::Ended | State::Leaving => return None,
            State::Joining(_) | State::Syncing(_) => poll,
            State::GivingUp(_) | State::LookingUp(_) | State::Stable => {
                match self.heartbeat.awaited {
                    Some(_) => poll,
                    None => poll.min(self.heartbeat.due),
                }
            }
        };
        Some(next)
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.is_idle(now) {
            self.fall_asleep(&mut actions);
        }
        match self.state {
            State::Out { join_at } if join_at <= now => self.join(&mut actions),
            State::GivingUp(_) | State::LookingUp(_) | State::Stable
                if self.heartbeat.awaited.is_none() && self.heartbeat.due <= now =>
            {
                self.send_heartbeat(now, &mut actions);
            }
            _ => {}
        }
        actions
    }

    /// Takes note of what happened at `now`.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        let mut actions = Vec::new();
        let out = &mut actions;
        match event {
            Event::Joined(ticket, joined) => self.joined(ticket, joined, now, out),
            Event::Synced(ticket, share) => self.synced(ticket, share, now, out),
            Event::Alive(ticket) => self.alive(ticket),
            Event::Refused(ticket, refusal) => self.refused(ticket, refusal, now, out),
            Event::Sizes(sizes) => self.sizes_known(sizes, out),
            Event::GivenUp => self.given_up(out),
            Event::Subscribe(topics) => self.subscribe(topics, out),
            Event::Polled => self.polled(now),
            Event::Stop => self.stop(out),
            Event::Left => self.left(out),
        }
        actions
    }

    fn protocol(&self) -> Protocol {
        let protocols = self.settings.assignors.iter().map(|it| it.protocol());
        protocols.min().unwrap_or(Protocol::Eager)
    }
}

#[cfg(test)]
mod tests;
