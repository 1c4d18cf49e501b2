//! A task and what is around it: stepped over fetches as the runtime does.

use std::ops::ControlFlow;
use std::sync::Arc;

use tidemill::client::fetcher::FetchedPartition;
use tidemill::protocol::batch_reader::Batches;
use tidemill::protocol::batch_reader::Records;
use tidemill::protocol::compression::Decompressor;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::RecordView;
use tidemill::record::Timestamp;
use tidemill::stream::effects::Effects;
use tidemill::stream::stage::Stage;
use tidemill::stream::step::StepEnd;
use tidemill::stream::task::Task;

use crate::orders::SCHEMA;

/// How many records there are to a commit: what one CPU takes in within a second, or less.
const COMMIT_RECORDS: i64 = 1_000_000;
/// A wall clock after all event times.
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// From the bytes of fetches to results.
#[derive(Debug)]
pub(crate) struct Engine {
    task: Task,
    effects: Effects,
    decompressor: Decompressor,
    committed: Offset,
    /// How many results came out.
    pub(crate) results: u64,
}

impl Engine {
    pub(crate) fn new(stage: &Arc<Stage>) -> Self {
        Self {
            task: Task::new(stage, PartitionId(0), None).expect("a task"),
            effects: Effects::new(),
            decompressor: Decompressor::new(),
            committed: Offset(0),
            results: 0,
        }
    }

    /// Takes in one fetch, commits when it is time, and shows what comes out to `see`.
    pub(crate) fn take(&mut self, fetched: &FetchedPartition<'_>, see: &mut dyn FnMut(&Effects)) {
        check(fetched.records);
        // The decompressor lends the records while effects are handed over.
        let mut decompressor = std::mem::take(&mut self.decompressor);
        while self.step(fetched, &mut decompressor, see).is_break() {}
        self.decompressor = decompressor;
        self.hand_over(see);
        if self.task.position().0 - self.committed.0 >= COMMIT_RECORDS {
            self.commit(see);
        }
    }

    /// Brings out what a commit must not leave behind.
    pub(crate) fn commit(&mut self, see: &mut dyn FnMut(&Effects)) {
        self.task.flush(&mut self.effects).expect("written");
        self.hand_over(see);
        self.committed = self.task.position();
    }

    /// As `Run::step` of the runtime; breaks off where a record is to be read once more.
    fn step(
        &mut self,
        fetched: &FetchedPartition<'_>,
        decompressor: &mut Decompressor,
        see: &mut dyn FnMut(&Effects),
    ) -> ControlFlow<()> {
        let from = self.task.position().max(fetched.position);
        for batch in fetched.batches() {
            let batch = batch.expect("whole");
            if batch.header().next_offset() <= from {
                continue;
            }
            let records = batch.records(decompressor).expect("readable");
            let mut readable = Readable {
                records,
                from,
                given: None,
            };
            loop {
                let records = readable.by_ref();
                match self.task.offer(0, records, NOW, &mut self.effects) {
                    StepEnd::Done => break,
                    StepEnd::NeedsSchema { root, id, .. } => {
                        self.task.add_schema(root, id, SCHEMA).expect("a schema");
                        return ControlFlow::Break(());
                    }
                    StepEnd::Full { offset } => {
                        self.hand_over(see);
                        if readable.given == Some(offset) {
                            return ControlFlow::Break(());
                        }
                    }
                    StepEnd::Failed(failure) => panic!("{failure}"),
                }
            }
            self.task.move_to(batch.header().next_offset());
        }
        ControlFlow::Continue(())
    }

    fn hand_over(&mut self, see: &mut dyn FnMut(&Effects)) {
        loop {
            let account = &self.effects.account;
            assert_eq!((account.late, account.rejected), (0, 0), "{account:?}");
            see(&self.effects);
            self.results += u64::try_from(self.effects.len()).expect("few");
            self.effects.clear();
            if !self.task.has_more() {
                break;
            }
            self.task.put_out_more(&mut self.effects).expect("written");
        }
    }
}

/// The records of a batch from an offset on, as the runtime reads them.
struct Readable<'s> {
    records: Records<'s>,
    from: Offset,
    given: Option<Offset>,
}

impl<'s> Iterator for Readable<'s> {
    type Item = RecordView<'s>;

    /// Always inlined, as that of the runtime is.
    #[inline(always)]
    fn next(&mut self) -> Option<RecordView<'s>> {
        loop {
            let record = self.records.next()?.expect("well formed");
            if record.offset >= self.from {
                self.given = Some(record.offset);
                return Some(record);
            }
        }
    }
}

/// As the fetcher does with all of an answer, before anything is taken out of it.
fn check(records: &[u8]) {
    for batch in Batches::new(records) {
        batch
            .expect("whole")
            .verify_crc()
            .expect("the CRC is right");
    }
}
