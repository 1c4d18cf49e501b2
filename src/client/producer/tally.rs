//! What the front and the sender know together: room in the buffer, what is written, the first
//! failure, and buffers to be used again.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;
use tokio::sync::Semaphore;

use crate::client::producer::error::ProduceError;
use crate::protocol::batch_builder::BatchBuilder;

/// Buffers kept for reuse, of each kind.
const SPARE_MAX: usize = 16;

/// What a producer has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records that are in the log.
    pub records: u64,
    /// Their batches.
    pub batches: u64,
    /// The batches' bytes, as sent.
    pub bytes: u64,
}

#[derive(Debug)]
pub(super) struct Tally {
    room: Semaphore,
    room_bytes: u32,
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pending_records: u64,
    written: Written,
    failure: Option<ProduceError>,
    builders: Vec<BatchBuilder>,
    buffers: Vec<Vec<u8>>,
}

impl Tally {
    pub(super) fn new(buffer_bytes: usize) -> Self {
        let room_bytes = u32::try_from(buffer_bytes).unwrap_or(u32::MAX).max(1);
        Self {
            room: Semaphore::new(usize::try_from(room_bytes).unwrap_or(Semaphore::MAX_PERMITS)),
            room_bytes,
            changed: Notify::new(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for a batch of `bytes`; one larger than the whole buffer takes all of it.
    /// What is returned is to be given back.
    pub(super) async fn hold(&self, bytes: usize) -> Result<u32, ProduceError> {
        let held = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .min(self.room_bytes);
        match self.room.acquire_many(held).await {
            Ok(permit) => {
                permit.forget();
                Ok(held)
            }
            Err(_) => Err(self.stopped()),
        }
    }

    pub(super) fn begin(&self, records: u64) {
        self.state().pending_records += records;
    }

    /// A batch is in the log.
    pub(super) fn done(&self, records: u64, bytes: Vec<u8>, held: u32) {
        let mut state = self.state();
        state.pending_records = state.pending_records.saturating_sub(records);
        state.written.records += records;
        state.written.batches += 1;
        state.written.bytes += bytes.len() as u64;
        if state.buffers.len() < SPARE_MAX {
            state.buffers.push(bytes);
        }
        let is_idle = state.pending_records == 0;
        drop(state);
        self.room.add_permits(usize::try_from(held).unwrap_or(0));
        if is_idle {
            self.changed.notify_waiters();
        }
    }

    /// The producer stops; the first reason is the one that is told.
    pub(super) fn fail(&self, failure: ProduceError) {
        self.state().failure.get_or_insert(failure);
        self.room.close();
        self.changed.notify_waiters();
    }

    /// Why the producer has stopped.
    pub(super) fn stopped(&self) -> ProduceError {
        self.state()
            .failure
            .clone()
            .unwrap_or(ProduceError::Stopped)
    }

    /// Waits until every batch begun is done.
    pub(super) async fn all_done(&self) -> Result<(), ProduceError> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Enabled before the state is read, so that no change in between is missed.
            changed.as_mut().enable();
            {
                let state = self.state();
                if let Some(failure) = &state.failure {
                    return Err(failure.clone());
                }
                if state.pending_records == 0 {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    pub(super) fn written(&self) -> Written {
        self.state().written
    }

    /// An empty builder, one used before where there is one.
    pub(super) fn builder(&self) -> BatchBuilder {
        self.state().builders.pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, mut builder: BatchBuilder) {
        builder.clear();
        let mut state = self.state();
        if state.builders.len() < SPARE_MAX {
            state.builders.push(builder);
        }
    }

    /// An empty buffer, one used before where there is one.
    pub(super) fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.state().buffers.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }
}
