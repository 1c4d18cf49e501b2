//! What a group has committed.

use std::collections::BTreeMap;

use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::record::TopicPartition;

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    /// The offset of the next record to read.
    pub(crate) offset: Offset,
    /// The leader epoch of the record before it, where the client said so.
    pub(crate) leader_epoch: LeaderEpoch,
    /// The client's own note.
    pub(crate) metadata: String,
    /// When it was committed.
    pub(crate) committed_at: Timestamp,
}

/// The committed offsets of one group, by topic partition in order.
pub(crate) type CommittedOffsets = BTreeMap<TopicPartition, CommittedOffset>;
