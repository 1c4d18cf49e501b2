//! Who holds which partitions, as far as the members of a sticky group agree on it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::group::assignor::Member;
use crate::group::assignor::TopicSizes;
use crate::record::TopicPartition;

/// What members say that they hold, made to agree: of several who claim a partition, whoever was
/// assigned it in the latest generation is right, and where that is no single one, nobody is.
#[derive(Debug, Default)]
pub(super) struct Claims<'a> {
    /// Who is right, of the partitions that exist and whose claimant still reads the topic.
    pub(super) owners: BTreeMap<TopicPartition, &'a str>,
    /// Who claims a partition that is another's, or no longer its to read; the latest of them.
    pub(super) earlier: BTreeMap<TopicPartition, &'a str>,
    /// Partitions that somebody may still be reading: nobody else may begin before that ends.
    pub(super) held: BTreeMap<TopicPartition, Holder<'a>>,
}

/// Who may be reading a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder<'a> {
    /// This member.
    One(&'a str),
    /// Several claim it with equal right.
    Disputed,
}

/// One member's claim.
#[derive(Clone, Copy, Debug)]
struct Claim<'a> {
    generation: i32,
    member: &'a Member,
}

/// A member that does not know its generation has the lowest one, as with Kafka's own.
const NO_GENERATION: i32 = -1;

impl<'a> Claims<'a> {
    /// Reads the claims of `members` with `last`, which tells what a member was assigned and when.
    pub(super) fn read(
        topics: &TopicSizes,
        members: &[&'a Member],
        last: impl Fn(&'a Member) -> (Vec<TopicPartition>, Option<i32>),
    ) -> Self {
        let mut by_partition: BTreeMap<TopicPartition, Vec<Claim<'a>>> = BTreeMap::new();
        for member in members {
            let (partitions, generation) = last(member);
            let claim = Claim {
                generation: generation.unwrap_or(NO_GENERATION),
                member,
            };
            let partitions: BTreeSet<TopicPartition> = partitions.into_iter().collect();
            for partition in partitions.into_iter().filter(|of| exists(topics, of)) {
                by_partition.entry(partition).or_default().push(claim);
            }
        }
        let mut claims = Self::default();
        for (partition, of) in by_partition {
            claims.settle(partition, of);
        }
        claims
    }

    fn settle(&mut self, partition: TopicPartition, mut claims: Vec<Claim<'a>>) {
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.generation));
        let Some((first, rest)) = claims.split_first() else {
            return;
        };
        let is_disputed = rest
            .first()
            .is_some_and(|second| second.generation == first.generation);
        if is_disputed {
            self.held.insert(partition, Holder::Disputed);
            return;
        }
        let (first_id, second) = (first.member.id.as_str(), rest.first());
        self.held.insert(partition.clone(), Holder::One(first_id));
        if first.member.subscribes_to(&partition.topic) {
            self.owners.insert(partition.clone(), first_id);
        }
        if let Some(second) = second.filter(|of| of.member.subscribes_to(&partition.topic)) {
            self.earlier.insert(partition, &second.member.id);
        }
    }

    /// The partitions that each of `members` rightly holds.
    pub(super) fn by_member(
        &self,
        members: &[&'a Member],
    ) -> BTreeMap<&'a str, Vec<TopicPartition>> {
        let mut by_member: BTreeMap<&str, Vec<TopicPartition>> = members
            .iter()
            .map(|member| (member.id.as_str(), Vec::new()))
            .collect();
        for (partition, owner) in &self.owners {
            by_member.entry(owner).or_default().push(partition.clone());
        }
        by_member
    }

    /// Whether `member` may begin to read `partition` at once: nobody else may be reading it.
    pub(super) fn is_free_for(&self, partition: &TopicPartition, member: &str) -> bool {
        self.held
            .get(partition)
            .is_none_or(|holder| *holder == Holder::One(member))
    }
}

fn exists(topics: &TopicSizes, partition: &TopicPartition) -> bool {
    let count = topics.get(&partition.topic).copied().unwrap_or(0);
    (0..count).contains(&partition.partition.0)
}
