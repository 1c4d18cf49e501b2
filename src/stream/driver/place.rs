//! Where records stand that come out of a task.

use crate::record::PartitionId;
use crate::stream::effects::Output;

/// Where a record is to stand in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In this partition.
    In(PartitionId),
    /// In the one that this hash of its key says.
    ByKey(u64),
    /// Wherever: it has no key.
    First,
}

impl Place {
    pub(super) fn of(output: &Output<'_>) -> Self {
        match (output.partition, output.key_stem.or(output.key)) {
            (Some(partition), _) => Self::In(partition),
            (None, Some(key)) => Self::ByKey(hash(key)),
            (None, None) => Self::First,
        }
    }

    /// Its partition, of a topic with `count`.
    pub(super) fn among(self, count: u32) -> PartitionId {
        match self {
            Self::In(partition) => partition,
            Self::ByKey(hash) => {
                let number = hash.checked_rem(count.into()).unwrap_or_default();
                PartitionId(i32::try_from(number).unwrap_or_default())
            }
            Self::First => PartitionId(0),
        }
    }
}

/// FNV-1a, in 64 bits.
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
