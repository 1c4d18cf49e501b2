//! A batch on its way: closed, encoded, numbered.

use tokio::time::Instant;

use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::batch_builder::BuildError;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::BatchMut;
use crate::protocol::batch_reader::Batches;
use crate::protocol::compression::Compression;
use crate::protocol::compression::Decompressor;

/// Who writes: the producer id and its epoch. The epoch is counted for each partition on its own,
/// because brokers keep it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: i64,
    pub(super) epoch: i16,
    pub(super) scope: Scope,
}

/// When what is written counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// As soon as it is written.
    Batch,
    /// Once its transaction is committed.
    Transaction,
}

/// Records that are closed against more, not encoded yet.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) builder: Box<BatchBuilder>,
    /// When its first record came.
    pub(super) since: Instant,
    /// What its records take in the send buffer.
    pub(super) held: usize,
}

/// An encoded batch with its sequence number.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) bytes: Vec<u8>,
    pub(super) records: i32,
    pub(super) sequence: i32,
    pub(super) identity: Identity,
    pub(super) since: Instant,
    pub(super) held: usize,
    pub(super) attempts: u32,
    /// Whether an attempt got no answer, so that it may be in the log.
    pub(super) may_be_written: bool,
}

impl Numbered {
    /// The sequence number of the record after the last; wraps to 0 after 2³¹ − 1, as brokers
    /// expect.
    pub(super) const fn next_sequence(&self) -> i32 {
        after(self.sequence, self.records)
    }

    /// Gives it another number. Only what is not in the log may be renumbered.
    pub(super) fn renumber(&mut self, identity: Identity, sequence: i32) {
        self.identity = identity;
        self.sequence = sequence;
        let Some(header) = BatchHeader::parse(&self.bytes) else {
            return;
        };
        let header = BatchHeader {
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            base_sequence: sequence,
            ..header
        };
        if let Some(mut batch) = BatchMut::new(&mut self.bytes) {
            batch.set_header(&header);
            batch.seal();
        }
    }

    /// Two halves that hold its records in order, with the same numbers.
    pub(super) fn split(
        &self,
        compression: Compression,
        decompressor: &mut Decompressor,
    ) -> Option<[Self; 2]> {
        let batch = Batches::new(&self.bytes).next()?.ok()?;
        let first = self.records / 2;
        let mut halves = [Box::<BatchBuilder>::default(), Box::default()];
        for (place, record) in (0_i32..).zip(batch.records(decompressor).ok()?) {
            let record = record.ok()?;
            let half = halves.get_mut(usize::from(place >= first))?;
            let pushed = half.push(record.timestamp, record.key, record.value, record.headers);
            pushed.ok()?;
        }
        let [left, right] = halves;
        let held = self.held / 2;
        let left = self.half(left, self.sequence, held, compression)?;
        let right = self.half(
            right,
            after(self.sequence, first),
            self.held - held,
            compression,
        )?;
        Some([left, right])
    }

    fn half(
        &self,
        builder: Box<BatchBuilder>,
        sequence: i32,
        held: usize,
        compression: Compression,
    ) -> Option<Self> {
        let mut closed = Closed {
            builder,
            since: self.since,
            held,
        };
        let half = encode(
            &mut closed,
            self.identity,
            sequence,
            compression,
            Vec::new(),
        )
        .ok()?;
        Some(Self {
            attempts: self.attempts,
            ..half
        })
    }
}

/// The sequence number `records` after `sequence`.
pub(super) const fn after(sequence: i32, records: i32) -> i32 {
    sequence.wrapping_add(records) & i32::MAX
}

/// Encodes a closed batch into `bytes`, which are empty; its builder can be used again.
///
/// # Errors
///
/// [`BuildError`] if the codec fails or the batch is too long; it stays as it was.
pub(super) fn encode(
    closed: &mut Closed,
    identity: Identity,
    sequence: i32,
    compression: Compression,
    mut bytes: Vec<u8>,
) -> Result<Numbered, BuildError> {
    let records = closed.builder.record_count();
    let stamp = BatchStamp {
        compression,
        producer_id: identity.id,
        producer_epoch: identity.epoch,
        base_sequence: sequence,
        is_transactional: identity.scope == Scope::Transaction,
        ..BatchStamp::default()
    };
    closed.builder.finish(&stamp, &mut bytes)?;
    Ok(Numbered {
        bytes,
        records,
        sequence,
        identity,
        since: closed.since,
        held: closed.held,
        attempts: 0,
        may_be_written: false,
    })
}
