//! Which member of a group reads which partition, as Kafka's own consumers decide it.
//!
//! In a classic group one member, the leader, shares the partitions out for all. So that members of
//! different clients agree, names, user data and results are those of the Java consumer.

mod claims;
mod general;
mod range;
mod round_robin;
mod sticky;
mod uniform;
mod user_data;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::record::TopicName;
use crate::record::TopicPartition;

/// How many partitions each topic has; topics that do not exist are left out.
pub type TopicSizes = BTreeMap<TopicName, i32>;

/// The partitions of each member, by member id.
pub type Shares = BTreeMap<String, Vec<TopicPartition>>;

/// What a member tells the leader about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    /// The topics that it wants to read.
    pub topics: Vec<TopicName>,
    /// The partitions that it reads now (KIP-429); empty under the eager protocol, whose members give
    /// everything up before they join.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it was assigned them (KIP-792); `None` where it does not say.
    pub generation: Option<i32>,
    /// What its assignor adds, in bytes of the assignor's own.
    pub user_data: Option<Vec<u8>>,
}

/// A member of the group, as the leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The id that the coordinator gave it.
    pub id: String,
    /// The name that a static member keeps over restarts (KIP-345).
    pub instance_id: Option<String>,
    /// What it told.
    pub subscription: Subscription,
}

impl Member {
    fn subscribes_to(&self, topic: &str) -> bool {
        let topics = &self.subscription.topics;
        topics.iter().any(|subscribed| **subscribed == *topic)
    }

    /// The order in which members get their shares: static ones first, by the name that outlives a
    /// restart (`AbstractPartitionAssignor.MemberInfo`).
    fn rank(&self) -> (bool, &str, &str) {
        let instance_id = self.instance_id.as_deref();
        (
            instance_id.is_none(),
            instance_id.unwrap_or_default(),
            &self.id,
        )
    }
}

/// How partitions change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Everybody gives everything up before a rebalance.
    Eager,
    /// Only what moves is given up, and it moves in a second rebalance (KIP-429).
    Cooperative,
}

/// One of the ways in which partitions are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Each topic by itself, in consecutive partitions.
    Range,
    /// All partitions in turn.
    RoundRobin,
    /// Balanced, and as much as possible as it was; eager.
    Sticky,
    /// The same, cooperative.
    CooperativeSticky,
}

/// A name that is no assignor's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no assignor; one of range, roundrobin, sticky, cooperative-sticky")]
pub struct UnknownAssignor(String);

impl Assignor {
    const ALL: [Self; 4] = [
        Self::Range,
        Self::RoundRobin,
        Self::Sticky,
        Self::CooperativeSticky,
    ];

    /// Its name on the wire, which members agree by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    const fn java_class(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            Self::Sticky => "org.apache.kafka.clients.consumer.StickyAssignor",
            Self::CooperativeSticky => {
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"
            }
        }
    }

    /// The most that it allows; the eager protocol is allowed by all.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Range | Self::RoundRobin | Self::Sticky => Protocol::Eager,
            Self::CooperativeSticky => Protocol::Cooperative,
        }
    }

    /// What a member tells its leader beside its subscription: `last` is what it was assigned last,
    /// and `generation` when; −1 for never.
    #[must_use]
    pub fn user_data(self, last: &[TopicPartition], generation: i32) -> Option<Vec<u8>> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky if generation < 0 => None,
            Self::Sticky => Some(user_data::with_partitions(last, generation)),
            Self::CooperativeSticky => Some(user_data::generation(generation)),
        }
    }

    /// Shares the partitions of `topics` out. Every member has an entry; a partition that nobody
    /// subscribes to is nobody's. Under [`Protocol::Cooperative`] a partition that another member
    /// still reads is nobody's either, until that member has given it up and the group shares out
    /// again.
    ///
    /// The same for the same members, in whatever order they come.
    #[must_use]
    pub fn assign(self, topics: &TopicSizes, members: &[Member]) -> Shares {
        let mut members: Vec<&Member> = members.iter().collect();
        members.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|a, b| a.id == b.id);
        let wanted = topics
            .iter()
            .filter(|(topic, _)| members.iter().any(|member| member.subscribes_to(topic)))
            .map(|(topic, count)| (TopicName::clone(topic), *count));
        let topics = wanted.collect();
        match self {
            Self::Range => range::assign(&topics, &members),
            Self::RoundRobin => round_robin::assign(&topics, &members),
            Self::Sticky => sticky::eager(&topics, &members),
            Self::CooperativeSticky => sticky::cooperative(&topics, &members),
        }
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Assignor {
    type Err = UnknownAssignor;

    /// Reads a name, or the name of the Java class.
    fn from_str(text: &str) -> Result<Self, UnknownAssignor> {
        let known = |assignor: &Self| assignor.name() == text || assignor.java_class() == text;
        let found = Self::ALL.into_iter().find(known);
        found.ok_or_else(|| UnknownAssignor(text.to_owned()))
    }
}

fn empty_shares(members: &[&Member]) -> Shares {
    let of = |member: &&Member| (member.id.clone(), Vec::new());
    members.iter().map(of).collect()
}

/// All partitions, topics in the order of their names.
fn partitions(topics: &TopicSizes) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|(topic, count)| {
        (0..*count).map(|number| TopicPartition::new(TopicName::clone(topic), number))
    })
}

#[cfg(test)]
mod tests;
