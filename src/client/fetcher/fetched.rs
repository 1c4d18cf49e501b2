//! What one answer brought, lent from the buffer that it was read into.

use std::ops::ControlFlow;

use crate::client::fetcher::error::FetchError;
use crate::client::fetcher::slot::Part;
use crate::client::fetcher::slot::Slot;
use crate::client::fetcher::slot::Watermarks;
use crate::protocol::aborted::AbortedTransaction;
use crate::protocol::aborted::AbortedTransactions;
use crate::protocol::aborted::Visibility;
use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_reader::Batch;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::TopicPartition;

/// The records of one answer, by partition; empty where the deadline passed first.
#[derive(Clone, Copy, Debug)]
pub struct Fetched<'a> {
    pub(super) frame: &'a [u8],
    pub(super) parts: &'a [Part],
    pub(super) slots: &'a [Slot],
}

impl<'a> Fetched<'a> {
    /// Whether nothing came.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The partitions that have moved, in the order in which the broker sent them.
    pub fn partitions(&self) -> impl Iterator<Item = FetchedPartition<'a>> + use<'a> {
        let (frame, slots) = (self.frame, self.slots);
        self.parts.iter().filter_map(move |part| {
            let slot = slots.get(part.slot)?;
            Some(FetchedPartition {
                topic_partition: &slot.partition,
                position: part.position,
                next_offset: part.next_offset,
                watermarks: slot.watermarks,
                records: frame.get(part.start..part.end)?,
                aborted: &part.aborted,
            })
        })
    }
}

/// The batches of one partition.
#[derive(Clone, Copy, Debug)]
pub struct FetchedPartition<'a> {
    /// Which partition.
    pub topic_partition: &'a TopicPartition,
    /// From where on records are wanted: those below it may be in the first batch, and were handed
    /// out before.
    pub position: Offset,
    /// Where to go on; above `position`, also where no record is visible.
    pub next_offset: Offset,
    /// Where the partition begins and ends.
    pub watermarks: Watermarks,
    /// Whole batches end to end, as they stand in the log, checksums checked; control batches and
    /// those of aborted transactions among them.
    pub records: &'a [u8],
    /// The aborted transactions in `records`; empty unless only committed records are read.
    pub aborted: &'a [AbortedTransaction],
}

impl<'a> FetchedPartition<'a> {
    /// The batches that hold visible records.
    #[must_use]
    pub fn batches(&self) -> VisibleBatches<'a> {
        VisibleBatches {
            batches: Batches::new(self.records),
            filter: AbortedTransactions::new(self.aborted.iter().copied()),
            position: self.position,
        }
    }

    /// Hands out each visible record from `position` on, in order, until `each` breaks.
    ///
    /// # Errors
    ///
    /// [`FetchError::Batch`] names the batch that cannot be read; records before it were handed
    /// out.
    pub fn for_each<B>(
        &self,
        decompressor: &mut Decompressor,
        mut each: impl FnMut(RecordView<'_>) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, FetchError> {
        for batch in self.batches() {
            let batch = batch.map_err(|source| self.failed(self.position, source))?;
            let offset = batch.header().base_offset;
            let records = batch
                .records(decompressor)
                .map_err(|source| self.failed(offset, source))?;
            for record in records {
                let record = record.map_err(|source| self.failed(offset, source))?;
                if record.offset < self.position {
                    continue;
                }
                if let ControlFlow::Break(value) = each(record) {
                    return Ok(ControlFlow::Break(value));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn failed(&self, offset: Offset, source: BatchError) -> FetchError {
        FetchError::Batch {
            partition: self.topic_partition.clone(),
            offset,
            source,
        }
    }
}

/// Batches without control batches, those of aborted transactions, and those handed out before.
#[derive(Clone, Debug)]
pub struct VisibleBatches<'a> {
    batches: Batches<'a>,
    filter: AbortedTransactions,
    position: Offset,
}

impl<'a> Iterator for VisibleBatches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let batch = match self.batches.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(error)),
            };
            match self.filter.visibility(&batch) {
                Err(error) => return Some(Err(error)),
                Ok(Visibility::Data) if batch.header().last_offset() >= self.position => {
                    return Some(Ok(batch));
                }
                Ok(Visibility::Data | Visibility::Aborted | Visibility::Control) => {}
            }
        }
    }
}
