//! Shares partitions out among members that read different topics.
//!
//! Each keeps what it had; what is nobody's goes to whoever of its topic's readers has least; then
//! partitions move, one at a time, from a member to one that has at least two fewer, until there is
//! no such move. Each move makes the shares more even, so this ends.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::group::assignor::Member;
use crate::group::assignor::Shares;
use crate::group::assignor::TopicSizes;
use crate::group::assignor::claims::Claims;
use crate::group::assignor::partitions;
use crate::record::TopicName;
use crate::record::TopicPartition;

pub(super) fn share_out(topics: &TopicSizes, members: &[&Member], claims: &Claims<'_>) -> Shares {
    let mut table = Table::new(topics, members, claims);
    let mut all: Vec<TopicPartition> = partitions(topics).collect();
    // Partitions with few readers first: they have least choice.
    all.sort_by_cached_key(|partition| (table.readers(&partition.topic).len(), partition.clone()));
    let is_new = |partition: &&TopicPartition| !claims.owners.contains_key(*partition);
    let new: Vec<TopicPartition> = all.iter().filter(is_new).cloned().collect();
    for partition in &new {
        table.place(partition);
    }
    // What nobody had may move without cost, unless somebody has to give something up anyway.
    if claims.held.len() == claims.owners.len() {
        table.even_out(&new);
    }
    table.even_out(&all);
    table.shares
}

/// Shares on their way to being even.
#[derive(Debug)]
struct Table<'a> {
    readers: BTreeMap<TopicName, BTreeSet<&'a str>>,
    shares: Shares,
    now: BTreeMap<TopicPartition, &'a str>,
    claims: &'a Claims<'a>,
    /// Members by how many partitions they have, least first.
    by_load: BTreeSet<(usize, &'a str)>,
}

impl<'a> Table<'a> {
    fn new(topics: &TopicSizes, members: &[&'a Member], claims: &'a Claims<'a>) -> Self {
        let readers = topics.keys().map(|topic| {
            let reading = members.iter().filter(|member| member.subscribes_to(topic));
            let ids = reading.map(|member| member.id.as_str()).collect();
            (TopicName::clone(topic), ids)
        });
        let owned = claims.by_member(members);
        let by_load = owned.iter().map(|(id, share)| (share.len(), *id)).collect();
        let shares = owned.into_iter().map(|(id, share)| (id.to_owned(), share));
        Self {
            readers: readers.collect(),
            shares: shares.collect(),
            now: claims.owners.clone(),
            claims,
            by_load,
        }
    }

    fn readers(&self, topic: &str) -> &BTreeSet<&'a str> {
        static NOBODY: BTreeSet<&str> = BTreeSet::new();
        self.readers.get(topic).unwrap_or(&NOBODY)
    }

    fn load(&self, member: &str) -> usize {
        self.shares.get(member).map_or(0, Vec::len)
    }

    /// Who of the readers of `topic` has least.
    fn least_loaded(&self, topic: &str) -> Option<&'a str> {
        let readers = self.readers(topic);
        let mut by_load = self.by_load.iter();
        by_load
            .find(|(_, member)| readers.contains(member))
            .map(|(_, member)| *member)
    }

    /// Gives a partition that is nobody's to whoever has least.
    fn place(&mut self, partition: &TopicPartition) {
        if let Some(member) = self.least_loaded(&partition.topic) {
            self.change(member, |share| share.push(partition.clone()));
            self.now.insert(partition.clone(), member);
        }
    }

    /// Moves partitions among `movable` until that makes nothing more even.
    fn even_out(&mut self, movable: &[TopicPartition]) {
        loop {
            let moves = movable.iter().filter(|partition| self.improve(partition));
            if moves.count() == 0 {
                return;
            }
        }
    }

    /// Moves the partition, or another of its topic in its place, where that makes the shares more
    /// even; tells whether it did.
    fn improve(&mut self, partition: &TopicPartition) -> bool {
        let Some(&from) = self.now.get(partition) else {
            return false;
        };
        let load = self.load(from);
        let helps = |to: &&str| *to != from && load > self.load(to) + 1;
        let earlier = self.claims.earlier.get(partition).copied();
        let to = earlier
            .filter(helps)
            .or_else(|| self.least_loaded(&partition.topic).filter(helps));
        if let Some(to) = to {
            let moved = self.taken_from(to, from, &partition.topic);
            self.hand_over(&moved.unwrap_or_else(|| partition.clone()), from, to);
        }
        to.is_some()
    }

    /// A partition of the topic that `from` got although `to` had it.
    fn taken_from(&self, to: &str, from: &str, topic: &str) -> Option<TopicPartition> {
        let was_theirs = |partition: &&TopicPartition| {
            *partition.topic == *topic && self.claims.owners.get(*partition) == Some(&to)
        };
        self.shares.get(from)?.iter().find(was_theirs).cloned()
    }

    fn hand_over(&mut self, partition: &TopicPartition, from: &'a str, to: &'a str) {
        self.change(from, |share| share.retain(|other| other != partition));
        self.change(to, |share| share.push(partition.clone()));
        self.now.insert(partition.clone(), to);
    }

    fn change(&mut self, member: &'a str, change: impl FnOnce(&mut Vec<TopicPartition>)) {
        let share = self.shares.entry(member.to_owned()).or_default();
        self.by_load.remove(&(share.len(), member));
        change(share);
        self.by_load.insert((share.len(), member));
    }
}
