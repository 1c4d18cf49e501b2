//! Transaction markers: the records of control batches.

use crate::record::RecordView;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkerKind {
    /// It was aborted: its records are to be passed over.
    Abort,
    /// It was committed.
    Commit,
}

/// The record of a control batch that ends a transaction.
///
/// Shape: the key is a version (2 bytes) and a type (2), 0 for abort and 1 for commit; the value
/// is a version (2) and the coordinator epoch (4). Later versions may add to both.
///
/// Source: `ControlRecordType.java`, `EndTxnMarker.json` (Apache Kafka), KIP-98.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ControlRecord {
    /// How the transaction ended.
    pub kind: MarkerKind,
    /// Which incarnation of the coordinator wrote the marker.
    pub coordinator_epoch: i32,
}

impl ControlRecord {
    /// Reads a control batch's record; `None` for types that are not known here, which readers
    /// have to pass over, and for what is no marker at all.
    #[must_use]
    pub fn parse(record: &RecordView<'_>) -> Option<Self> {
        let (version, key) = record.key?.split_first_chunk()?;
        let kind = match i16::from_be_bytes(*key.first_chunk()?) {
            0 => MarkerKind::Abort,
            1 => MarkerKind::Commit,
            _ => return None,
        };
        let (_version, value) = record.value?.split_first_chunk::<2>()?;
        let coordinator_epoch = i32::from_be_bytes(*value.first_chunk()?);
        (i16::from_be_bytes(*version) >= 0).then_some(Self {
            kind,
            coordinator_epoch,
        })
    }

    /// The key that says this.
    #[must_use]
    pub const fn key(&self) -> [u8; 4] {
        match self.kind {
            MarkerKind::Abort => [0, 0, 0, 0],
            MarkerKind::Commit => [0, 0, 0, 1],
        }
    }

    /// The value that says this.
    #[must_use]
    pub const fn value(&self) -> [u8; 6] {
        let [a, b, c, d] = self.coordinator_epoch.to_be_bytes();
        [0, 0, a, b, c, d]
    }
}
