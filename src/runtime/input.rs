//! One partition of a topic, and the tasks that read it.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::client::fetcher::FetchError;
use crate::client::fetcher::FetchedPartition;
use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_reader::Records;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TopicPartition;
use crate::runtime::error::RunError;
use crate::stream::clock::Reading;
use crate::stream::effects::Effects;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;
use crate::stream::task::Task;

/// One partition of a topic: several flows may read it, each with a task of its own.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) partition: TopicPartition,
    pub(super) runs: Vec<Run>,
    /// The tasks with several inputs, this among them.
    pub(super) places: Vec<Place>,
}

/// That a partition is an input of a joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the worker's joints.
    pub(super) joint: usize,
    /// Which of its inputs.
    pub(super) input: usize,
}

/// A task, the stage that it is of, and what it puts out.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) stage: Arc<Stage>,
    pub(super) task: Task,
    pub(super) effects: Effects,
}

/// What a task waits for in the middle of its records.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pause {
    /// A schema.
    Schema(MissingSchema),
    /// Its effects to be written.
    Full,
}

/// A schema that a task needs before it can go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct MissingSchema {
    pub(super) input: usize,
    pub(super) root: Root,
    pub(super) id: SchemaId,
}

/// How much a commit brings out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flush {
    /// Everything: it may be the last one.
    All,
    /// What is due at this wall clock.
    Due(Timestamp),
}

impl Run {
    /// Puts out what a commit must not leave behind.
    pub(super) fn flush(&mut self, flush: Flush) -> Result<(), Failure> {
        match flush {
            Flush::All => self.task.flush(&mut self.effects),
            Flush::Due(now) => self.task.flush_due(now, &mut self.effects),
        }
    }

    /// Takes in the records of `fetched`, an input of this task, that it has not had, until it has
    /// to wait for something.
    pub(super) fn step(
        &mut self,
        input: usize,
        fetched: &FetchedPartition<'_>,
        now: Timestamp,
        decompressor: &mut Decompressor,
    ) -> Result<ControlFlow<Pause>, RunError> {
        let failed = |offset, source| FetchError::Batch {
            partition: fetched.topic_partition.clone(),
            offset,
            source,
        };
        let from = self.task.offered(input).max(fetched.position);
        for batch in fetched.batches() {
            let batch = batch.map_err(|source| failed(from, source))?;
            let (base, after) = (batch.header().base_offset, batch.header().next_offset());
            if after <= from {
                continue;
            }
            let records = batch
                .records(decompressor)
                .map_err(|source| failed(base, source))?;
            let mut error = None;
            let readable = Readable {
                records,
                from,
                error: &mut error,
            };
            let effects = &mut self.effects;
            let end = self.task.offer(input, readable, now, effects);
            if let Some(source) = error {
                return Err(failed(base, source).into());
            }
            match end {
                StepEnd::Done => self.task.move_input_to(input, after),
                StepEnd::NeedsSchema { root, id, .. } => {
                    let missing = MissingSchema { input, root, id };
                    return Ok(ControlFlow::Break(Pause::Schema(missing)));
                }
                StepEnd::Full { .. } => return Ok(ControlFlow::Break(Pause::Full)),
                StepEnd::Failed(failure) => {
                    return Err(RunError::Record {
                        partition: fetched.topic_partition.clone(),
                        failure,
                    });
                }
            }
        }
        self.task.move_input_to(input, fetched.next_offset);
        Ok(ControlFlow::Continue(()))
    }
}

/// The records of a batch from an offset on, up to the first that cannot be read.
struct Readable<'s, 'e> {
    records: Records<'s>,
    from: Offset,
    error: &'e mut Option<BatchError>,
}

impl<'s> Iterator for Readable<'s, '_> {
    type Item = RecordView<'s>;

    /// Always inlined, for the reason that [`Records`] has.
    #[inline(always)]
    fn next(&mut self) -> Option<RecordView<'s>> {
        loop {
            match self.records.next()? {
                Ok(record) if record.offset < self.from => {}
                Ok(record) => return Some(record),
                Err(error) => {
                    *self.error = Some(error);
                    return None;
                }
            }
        }
    }
}

impl Input {
    /// Lets the wall clock go on for every task.
    pub(super) fn tick(&mut self, now: Timestamp, reading: Reading) -> Result<(), RunError> {
        let partition = &self.partition;
        self.runs.iter_mut().try_for_each(|run| {
            let ticked = run.task.tick(now, reading, &mut run.effects);
            ticked.map_err(|failure| RunError::Record {
                partition: partition.clone(),
                failure,
            })
        })
    }

    /// Puts out what a commit must not leave behind: all there is, or what is due.
    pub(super) fn flush(&mut self, flush: Flush) -> Result<(), RunError> {
        let partition = &self.partition;
        self.runs.iter_mut().try_for_each(|run| {
            run.flush(flush).map_err(|failure| RunError::Record {
                partition: partition.clone(),
                failure,
            })
        })
    }
}
