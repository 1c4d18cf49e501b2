//! Which offsets of which partitions are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cli::clock::now_millis;
use crate::cli::exit::Failure;
use crate::cli::offset_spec::Bound;
use crate::cli::offset_spec::OffsetSpec;
use crate::client::cluster::Cluster;
use crate::client::fetcher::Fetcher;
use crate::client::offsets::ByPartition;
use crate::client::offsets::OffsetSpec as Listed;
use crate::client::offsets::Offsets;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// For each partition, where reading starts and, where it has one, its end.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    partitions: BTreeMap<TopicPartition, Range>,
    newly_done: Vec<TopicPartition>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    position: Offset,
    /// The first offset not to be read any more.
    end: Option<Offset>,
}

impl Range {
    fn is_done(self) -> bool {
        self.end.is_some_and(|end| self.position >= end)
    }
}

impl Ranges {
    /// Looks the topics up, and turns `spec` into offsets of their partitions.
    pub(super) async fn resolve(
        cluster: &Cluster,
        topics: &[String],
        only: &[i32],
        spec: OffsetSpec,
        exit_at_end: bool,
    ) -> Result<Self, Failure> {
        let wanted = partitions(cluster, topics, only).await?;
        let found = Found::ask(cluster, &wanted).await?;
        let starts = found.offsets(spec.from).await?;
        let to = spec.to.or(exit_at_end.then_some(Bound::End));
        let ends = match to {
            Some(to) => found.offsets(to).await?,
            None => ByPartition::new(),
        };
        let partitions = starts.into_iter().map(|(partition, position)| {
            let end = ends.get(&partition).copied();
            (partition, Range { position, end })
        });
        Ok(Self {
            partitions: partitions.collect(),
            newly_done: Vec::new(),
        })
    }

    /// Adds the partitions that a group has given us: they are read from what it has `committed`, or
    /// else from where `spec` begins. Tells where each is read from.
    pub(super) async fn take_up(
        &mut self,
        cluster: &Cluster,
        partitions: &[TopicPartition],
        committed: &ByPartition<Offset>,
        spec: OffsetSpec,
        exit_at_end: bool,
    ) -> Result<ByPartition<Offset>, Failure> {
        let found = Found::ask(cluster, partitions).await?;
        let mut starts = found.offsets(spec.from).await?;
        for (partition, start) in &mut starts {
            *start = committed.get(partition).copied().unwrap_or(*start);
            let end = found.end.get(partition).copied().filter(|_| exit_at_end);
            let position = *start;
            self.partitions
                .insert(partition.clone(), Range { position, end });
        }
        Ok(starts)
    }

    /// Takes out a partition that is another member's now.
    pub(super) fn give_up(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// A fetcher of all that is to be read.
    pub(super) fn fetcher(&self, cluster: &Cluster) -> Fetcher {
        let mut fetcher = Fetcher::new(cluster.clone(), cluster.config().fetch.clone());
        for (partition, range) in self.partitions.iter().filter(|(_, range)| !range.is_done()) {
            fetcher.assign(partition.clone(), range.position);
        }
        fetcher
    }

    /// The first offset of `partition` not to be read any more.
    pub(super) fn end(&self, partition: &TopicPartition) -> Option<Offset> {
        self.partitions.get(partition)?.end
    }

    /// All below `position` is read.
    pub(super) fn moved_to(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(range) = self.partitions.get_mut(partition) {
            let was_done = range.is_done();
            range.position = position;
            if range.is_done() && !was_done {
                self.newly_done.push(partition.clone());
            }
        }
    }

    /// The partitions that have been read to their end since this was asked last.
    pub(super) fn newly_done(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.newly_done)
    }

    /// Whether every partition is read to its end.
    pub(super) fn are_done(&self) -> bool {
        self.partitions.values().all(|range| range.is_done())
    }
}

async fn partitions(
    cluster: &Cluster,
    topics: &[String],
    only: &[i32],
) -> Result<Vec<TopicPartition>, Failure> {
    let mut wanted = Vec::new();
    for name in topics {
        let topic = cluster.topic(name).await?;
        let exists = |number: &i32| topic.partition_ids().any(|id| id.0 == *number);
        if let Some(missing) = only.iter().find(|number| !exists(number)) {
            let count = topic.partitions.len();
            return Err(
                Failure::usage(format!("topic {name} has no partition {missing}")).hint(format!(
                    "its partitions are 0 to {}",
                    count.saturating_sub(1)
                )),
            );
        }
        let ids = topic
            .partition_ids()
            .filter(|id| only.is_empty() || only.contains(&id.0));
        wanted.extend(ids.map(|partition: PartitionId| TopicPartition {
            topic: Arc::clone(&topic.name),
            partition,
        }));
    }
    Ok(wanted)
}

/// Where the partitions begin and end.
struct Found<'a> {
    offsets: Offsets,
    wanted: &'a [TopicPartition],
    cluster: &'a Cluster,
    start: ByPartition<Offset>,
    end: ByPartition<Offset>,
}

impl<'a> Found<'a> {
    async fn ask(cluster: &'a Cluster, wanted: &'a [TopicPartition]) -> Result<Self, Failure> {
        let offsets = Offsets::new(cluster.clone());
        let mut found = Self {
            offsets,
            wanted,
            cluster,
            start: ByPartition::new(),
            end: ByPartition::new(),
        };
        found.start = found.list(Listed::Earliest).await?;
        found.end = found.list(Listed::Latest).await?;
        Ok(found)
    }

    /// Where no record has the time asked for, the end.
    async fn list(&self, spec: Listed) -> Result<ByPartition<Offset>, Failure> {
        let isolation = self.cluster.config().fetch.isolation;
        let listed = self.offsets.list(self.wanted, spec, isolation).await?;
        let or_end =
            |partition: &TopicPartition| self.end.get(partition).copied().unwrap_or_default();
        let offsets = listed.into_iter().map(|(partition, found)| {
            let offset = found.offset.unwrap_or_else(|| or_end(&partition));
            (partition, offset)
        });
        Ok(offsets.collect())
    }

    async fn offsets(&self, bound: Bound) -> Result<ByPartition<Offset>, Failure> {
        let (start, end) = (&self.start, &self.end);
        let each = |offset: &dyn Fn(i64, i64) -> i64| {
            let pairs = start
                .iter()
                .filter_map(|(partition, start)| Some((partition, start, end.get(partition)?)));
            pairs
                .map(|(partition, start, end)| (partition.clone(), Offset(offset(start.0, end.0))))
                .collect()
        };
        Ok(match bound {
            Bound::Start => start.clone(),
            Bound::End => end.clone(),
            Bound::At(offset) => each(&|_, _| offset),
            Bound::AfterStart(count) => each(&|start, end| start.saturating_add(count).min(end)),
            Bound::BeforeEnd(count) => each(&|start, end| end.saturating_sub(count).max(start)),
            Bound::Time(time) => self.list(Listed::At(Timestamp(time))).await?,
            Bound::Ago(millis) => {
                self.list(Listed::At(Timestamp(now_millis().saturating_sub(millis))))
                    .await?
            }
        })
    }
}
