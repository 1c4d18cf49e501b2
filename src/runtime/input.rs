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
use crate::runtime::clock::wall_clock;
use crate::runtime::error::RunError;
use crate::runtime::outputs::Outputs;
use crate::runtime::watching::Watching;
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
    /// The alerts at its end.
    pub(super) watching: Watching,
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

    /// Hands over all that was put out or still has to be, piece by piece; `partition` is the one that
    /// is read.
    pub(super) async fn hand_over(
        &mut self,
        partition: &TopicPartition,
        outputs: &mut Outputs,
    ) -> Result<(), RunError> {
        loop {
            self.watching.judge(&self.effects, wall_clock());
            outputs.send(&self.stage, &self.effects).await?;
            outputs.tell(&mut self.watching).await?;
            self.effects.clear();
            if !self.task.has_more() {
                return Ok(());
            }
            let more = self.task.put_out_more(&mut self.effects);
            more.map_err(|failure| RunError::Record {
                partition: partition.clone(),
                failure,
            })?;
        }
    }

    /// Takes in the records of `fetched`, an input of this task, that it has not had, and hands
    /// over what comes out, until a schema is missing.
    pub(super) async fn step(
        &mut self,
        input: usize,
        fetched: &FetchedPartition<'_>,
        now: Timestamp,
        decompressor: &mut Decompressor,
        outputs: &mut Outputs,
    ) -> Result<ControlFlow<MissingSchema>, RunError> {
        let failed = |offset, source| FetchError::Batch {
            partition: fetched.topic_partition.clone(),
            offset,
            source,
        };
        let mut from = self.task.offered(input).max(fetched.position);
        for batch in fetched.batches() {
            let batch = batch.map_err(|source| failed(from, source))?;
            let (base, after) = (batch.header().base_offset, batch.header().next_offset());
            if after <= from {
                continue;
            }
            'records: loop {
                let records = batch.records(decompressor);
                let mut readable = Readable {
                    records: records.map_err(|source| failed(base, source))?,
                    from,
                    given: None,
                    error: None,
                };
                loop {
                    let records = readable.by_ref();
                    let end = self.task.offer(input, records, now, &mut self.effects);
                    if let Some(source) = readable.error {
                        return Err(failed(base, source).into());
                    }
                    match end {
                        StepEnd::Done => break 'records,
                        StepEnd::NeedsSchema { root, id, .. } => {
                            let missing = MissingSchema { input, root, id };
                            self.hand_over(fetched.topic_partition, outputs).await?;
                            return Ok(ControlFlow::Break(missing));
                        }
                        StepEnd::Full { offset } => {
                            self.hand_over(fetched.topic_partition, outputs).await?;
                            if readable.given == Some(offset) {
                                // Its turn has not come, so it is to be read once more.
                                from = offset;
                                continue 'records;
                            }
                        }
                        StepEnd::Failed(failure) => {
                            return Err(RunError::Record {
                                partition: fetched.topic_partition.clone(),
                                failure,
                            });
                        }
                    }
                }
            }
            self.task.move_input_to(input, after);
        }
        self.task.move_input_to(input, fetched.next_offset);
        self.hand_over(fetched.topic_partition, outputs).await?;
        Ok(ControlFlow::Continue(()))
    }
}

/// The records of a batch from an offset on, up to the first that cannot be read.
struct Readable<'s> {
    records: Records<'s>,
    from: Offset,
    /// The offset of the record that was given last.
    given: Option<Offset>,
    error: Option<BatchError>,
}

impl<'s> Iterator for Readable<'s> {
    type Item = RecordView<'s>;

    /// Always inlined, for the reason that [`Records`] has.
    #[inline(always)]
    fn next(&mut self) -> Option<RecordView<'s>> {
        loop {
            match self.records.next()? {
                Ok(record) if record.offset < self.from => {}
                Ok(record) => {
                    self.given = Some(record.offset);
                    return Some(record);
                }
                Err(error) => {
                    self.error = Some(error);
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
