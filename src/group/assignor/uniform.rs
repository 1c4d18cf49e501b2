//! Shares partitions out among members that all read the same topics.
//!
//! Each member gets ⌊partitions ÷ members⌋, the *quota*, and as many as are needed get one more. Each
//! keeps what it had up to that; the rest goes round.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use crate::group::assignor::Shares;
use crate::group::assignor::TopicSizes;
use crate::group::assignor::partitions;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// `owned` has an entry for each member; no partition stands in two.
pub(super) fn share_out(
    topics: &TopicSizes,
    owned: &BTreeMap<&str, Vec<TopicPartition>>,
) -> Shares {
    let all: Vec<TopicPartition> = partitions(topics).collect();
    let members = owned.len().max(1);
    let mut filling = Filling {
        quota: all.len() / members,
        above_quota_left: all.len() % members,
        shares: Shares::new(),
        below_quota: VecDeque::new(),
        at_quota: VecDeque::new(),
    };
    for (member, owned) in owned {
        filling.keep(member, owned);
    }
    let kept: BTreeSet<TopicPartition> = filling.shares.values().flatten().cloned().collect();
    for partition in all {
        if !kept.contains(&partition) {
            filling.give(partition);
        }
    }
    filling.shares
}

/// Shares that are not full yet.
#[derive(Debug)]
struct Filling {
    quota: usize,
    /// How many members may still get one more than the quota.
    above_quota_left: usize,
    shares: Shares,
    /// Members with less than the quota, whoever is next first.
    below_quota: VecDeque<String>,
    /// Members with just the quota.
    at_quota: VecDeque<String>,
}

impl Filling {
    /// Leaves a member as much as it may have of what it had.
    fn keep(&mut self, member: &str, owned: &[TopicPartition]) {
        let mut owned = owned.to_vec();
        owned.sort_by_key(numbers_first);
        let has_more = owned.len() > self.quota && self.above_quota_left > 0;
        if has_more {
            self.above_quota_left -= 1;
        } else if owned.len() < self.quota {
            self.below_quota.push_back(member.to_owned());
        } else {
            self.at_quota.push_back(member.to_owned());
        }
        owned.truncate(self.quota + usize::from(has_more));
        self.shares.insert(member.to_owned(), owned);
    }

    /// Gives a partition to whoever is next: below the quota in turn, then one more each.
    fn give(&mut self, partition: TopicPartition) {
        let next = self.below_quota.pop_front();
        let Some(member) = next.or_else(|| self.at_quota.pop_front()) else {
            return;
        };
        let share = self.shares.entry(member.clone()).or_default();
        share.push(partition);
        if share.len() < self.quota {
            self.below_quota.push_back(member);
        } else if share.len() == self.quota {
            self.at_quota.push_back(member);
        }
    }
}

/// Partition before topic: so that of what is given up, each topic loses some.
fn numbers_first(partition: &TopicPartition) -> (i32, TopicName) {
    (partition.partition.0, TopicName::clone(&partition.topic))
}
