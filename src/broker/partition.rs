//! One partition: its log, its producers, its transactions.

use std::path::Path;
use std::sync::Arc;
use std::sync::Weak;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::broker::log::Compaction;
use crate::broker::log::FirstBatch;
use crate::broker::log::Log;
use crate::broker::log::LogError;
use crate::broker::log::Rolling;
use crate::broker::producers::Aborted;
use crate::broker::producers::Producers;
use crate::broker::setting::TopicSettings;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::BatchMut;
use crate::protocol::batch_reader::Batches;
use crate::protocol::control_record::MarkerKind;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::Timestamp;

/// What an append gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The offset of the batch's first record.
    pub(crate) base_offset: Offset,
    /// The append time, where the topic stamps records.
    pub(crate) append_time: Option<Timestamp>,
}

/// One partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) log: Log,
    pub(crate) producers: Producers,
    /// Aborted transactions in order of their markers.
    aborted: Vec<Aborted>,
    /// The leadership that appends; always this broker's.
    pub(crate) leader_epoch: LeaderEpoch,
    /// Woken by the next append; dead ones are dropped when others come.
    waiting: Vec<Weak<Notify>>,
}

impl Partition {
    fn new(log: Log) -> Self {
        Self {
            log,
            producers: Producers::default(),
            aborted: Vec::new(),
            leader_epoch: LeaderEpoch(0),
            waiting: Vec::new(),
        }
    }

    /// An empty partition in memory.
    pub(crate) fn in_memory() -> Self {
        Self::new(Log::in_memory())
    }

    /// The partition whose log stands in `dir`, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the log cannot be read.
    pub(crate) fn open(dir: &Path, now: Timestamp) -> Result<Self, LogError> {
        let mut partition = Self::in_memory();
        let log = Log::open(dir, now, &mut |header, bytes| {
            partition.note(header, bytes, now);
        })?;
        partition.log = log;
        Ok(partition)
    }

    /// The offset before which every transaction is decided.
    pub(crate) fn last_stable_offset(&self) -> Offset {
        self.producers.first_undecided().unwrap_or(self.log.end())
    }

    /// Appends one sound batch: gives it its offsets, the leader epoch and, where the topic
    /// stamps records, the append time.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be written.
    pub(crate) fn append(
        &mut self,
        mut batch: Vec<u8>,
        settings: &TopicSettings,
        now: Timestamp,
    ) -> Result<Appended, LogError> {
        let base_offset = self.log.end();
        let append_time = settings.is_log_append_time().then_some(now);
        if let Some(mut patch) = BatchMut::new(&mut batch) {
            patch.set_base_offset(base_offset);
            patch.set_leader_epoch(self.leader_epoch);
            if let Some(time) = append_time {
                patch.set_append_time(time);
            }
        }
        if let Some(header) = BatchHeader::parse(&batch) {
            let batch = Bytes::from(batch);
            self.log
                .append(&header, batch.clone(), rolling(settings), now)?;
            self.note(&header, &batch, now);
            self.wake();
        }
        Ok(Appended {
            base_offset,
            append_time,
        })
    }

    fn note(&mut self, header: &BatchHeader, batch: &[u8], now: Timestamp) {
        if header.is_control() {
            self.note_marker(header, batch, now);
        } else {
            self.producers.appended(header, now);
        }
    }

    fn note_marker(&mut self, header: &BatchHeader, batch: &[u8], now: Timestamp) {
        let is_abort = is_abort_marker(batch);
        let id = header.producer_id;
        let began = self
            .producers
            .transaction_ended(id, header.producer_epoch, now);
        if let Some(first_offset) = began.filter(|_| is_abort) {
            self.aborted.push(Aborted {
                producer_id: id,
                first_offset,
                last_offset: header.last_offset(),
            });
        }
    }

    /// Reads whole batches from the one that holds `from`, as [`Log::read`] does.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be read.
    pub(crate) fn read(
        &self,
        from: Offset,
        below: Offset,
        bytes_max: usize,
        first: FirstBatch,
    ) -> Result<Vec<Bytes>, LogError> {
        self.log.read(from, below, bytes_max, first)
    }

    /// The aborted transactions that have records in `[from, to)`.
    pub(crate) fn aborted_in(&self, from: Offset, to: Offset) -> impl Iterator<Item = Aborted> {
        self.aborted
            .iter()
            .filter(move |aborted| aborted.last_offset >= from && aborted.first_offset < to)
            .copied()
    }

    /// Has `waiter` woken by the next append.
    pub(crate) fn wait(&mut self, waiter: &Arc<Notify>) {
        self.waiting.retain(|waiting| waiting.strong_count() > 0);
        self.waiting.push(Arc::downgrade(waiter));
    }

    /// Wakes who waits.
    pub(crate) fn wake(&mut self) {
        for waiter in self.waiting.drain(..).filter_map(|weak| weak.upgrade()) {
            waiter.notify_one();
        }
    }

    /// Moves the log's start up to `offset`, as DeleteRecords does.
    ///
    /// # Errors
    ///
    /// [`LogError`] where that cannot be written down.
    pub(crate) fn delete_below(&mut self, offset: Offset) -> Result<(), LogError> {
        self.log.advance_start(offset)?;
        self.forget_old_transactions();
        Ok(())
    }

    /// Applies the topic's retention and compaction.
    ///
    /// # Errors
    ///
    /// [`LogError`] where files cannot be changed.
    pub(crate) fn clean(
        &mut self,
        settings: &TopicSettings,
        now: Timestamp,
    ) -> Result<(), LogError> {
        self.producers.expire(now);
        if settings.is_deleted() {
            let (ms, bytes) = (
                settings.number("retention.ms"),
                settings.number("retention.bytes"),
            );
            self.log.retain(now, ms, bytes)?;
            self.forget_old_transactions();
        }
        if settings.is_compacted() {
            self.compact(settings, now)?;
        }
        Ok(())
    }

    fn compact(&mut self, settings: &TopicSettings, now: Timestamp) -> Result<(), LogError> {
        let (aborted, producers) = (&self.aborted, &self.producers);
        let run = Compaction {
            now,
            delete_retention_ms: settings.number("delete.retention.ms"),
            lag_ms_min: settings.number("min.compaction.lag.ms"),
            dirty_ratio_min: settings.dirty_ratio_min(),
            segment_bytes_max: rolling(settings).segment_bytes_max,
            below: producers.first_undecided().unwrap_or(self.log.end()),
            is_aborted: &|header| {
                header.is_transactional()
                    && aborted.iter().any(|aborted| {
                        aborted.producer_id == header.producer_id
                            && aborted.first_offset <= header.base_offset
                            && header.base_offset <= aborted.last_offset
                    })
            },
            is_last_of_producer: &|header| producers.is_last(header),
        };
        self.log.compact(&run)
    }

    fn forget_old_transactions(&mut self) {
        let start = self.log.start();
        self.aborted.retain(|aborted| aborted.last_offset >= start);
    }
}

fn rolling(settings: &TopicSettings) -> Rolling {
    Rolling {
        segment_bytes_max: u64::try_from(settings.number("segment.bytes")).unwrap_or(u64::MAX),
        segment_ms_max: settings.number("segment.ms"),
    }
}

fn is_abort_marker(batch: &[u8]) -> bool {
    let control = match Batches::new(batch).next() {
        Some(Ok(batch)) => batch.control().ok().flatten(),
        Some(Err(_)) | None => None,
    };
    control.is_some_and(|control| control.kind == MarkerKind::Abort)
}
