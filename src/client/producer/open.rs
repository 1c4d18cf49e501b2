//! Batches that still take records.

use std::num::NonZeroU32;

use tokio::time::Instant;

use crate::protocol::batch_builder::BatchBuilder;
use crate::record::PartitionId;
use crate::record::TopicName;

/// A topic's open batches, one a partition.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    batches: Vec<OpenBatch>,
    sticky: usize,
}

/// A batch that takes records.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) builder: BatchBuilder,
    /// When its first record came; of no meaning while it is empty.
    pub(super) since: Instant,
}

impl Topic {
    pub(super) fn new(name: TopicName, partitions: usize) -> Self {
        let now = Instant::now();
        let batches = (0..partitions).map(|_| OpenBatch {
            builder: BatchBuilder::new(),
            since: now,
        });
        Self {
            name,
            batches: batches.collect(),
            sticky: 0,
        }
    }

    /// How many partitions the topic has; a topic without any counts as one.
    pub(super) fn partition_count(&self) -> NonZeroU32 {
        u32::try_from(self.batches.len())
            .ok()
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN)
    }

    /// The partition that records without a key go to now.
    pub(super) fn sticky(&self) -> PartitionId {
        PartitionId(i32::try_from(self.sticky).unwrap_or(0))
    }

    /// A batch was sealed: records without a key go on with the next partition (KIP-480).
    pub(super) fn sealed(&mut self) {
        self.sticky = (self.sticky + 1) % self.batches.len().max(1);
    }

    pub(super) fn batch(&mut self, partition: PartitionId) -> Option<&mut OpenBatch> {
        self.batches.get_mut(usize::try_from(partition.0).ok()?)
    }

    /// The partitions whose batches hold records and fulfil `is_due`.
    pub(super) fn open_where(&self, is_due: impl Fn(&OpenBatch) -> bool) -> Vec<PartitionId> {
        let open = self
            .batches
            .iter()
            .enumerate()
            .filter(|(_, open)| !open.builder.is_empty() && is_due(open));
        open.filter_map(|(at, _)| i32::try_from(at).ok())
            .map(PartitionId)
            .collect()
    }

    /// When the oldest batch that holds records was begun.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.batches
            .iter()
            .filter(|open| !open.builder.is_empty())
            .map(|open| open.since)
            .min()
    }
}
