//! One thread's share of a pipeline: read, step, write, commit.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::time::Instant;

use crate::client::cluster::Cluster;
use crate::client::config::Isolation;
use crate::client::fetcher::FetchedPartition;
use crate::client::fetcher::Fetcher;
use crate::client::offsets::ByPartition;
use crate::client::offsets::CommittedOffset;
use crate::client::offsets::OffsetSpec;
use crate::client::offsets::Offsets;
use crate::protocol::compression::Decompressor;
use crate::record::Offset;
use crate::record::TopicPartition;
use crate::runtime::beat::Beat;
use crate::runtime::clock::wall_clock;
use crate::runtime::commit::Committed;
use crate::runtime::counts::Counts;
use crate::runtime::delivering::Delivering;
use crate::runtime::error::RunError;
use crate::runtime::input::Flush;
use crate::runtime::input::Input;
use crate::runtime::joint::Joint;
use crate::runtime::joint::Share;
use crate::runtime::joint::reading;
use crate::runtime::outputs::Outputs;
use crate::runtime::schemas::Schemas;
use crate::runtime::stop::StopReceiver;
use crate::stream::clock::Reading;
use crate::stream::task::Task;

/// When a worker ends without being told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Never.
    #[default]
    Follow,
    /// Once it has read to the end that was there at the start, and what came of it.
    AtEnd,
}

/// One thread's share of a pipeline.
#[derive(Debug)]
pub(super) struct Worker {
    inputs: Vec<Input>,
    joints: Vec<Joint>,
    numbers: HashMap<TopicPartition, usize>,
    group: String,
    outputs: Outputs,
    offsets: Offsets,
    cluster: Cluster,
    schemas: Schemas,
    counts: Arc<Counts>,
    decompressor: Decompressor,
    /// What was committed last.
    committed: HashMap<TopicPartition, Committed>,
    end: End,
    /// Up to where each input is to be read, where that is known; only with [`End::AtEnd`].
    ends: HashMap<TopicPartition, Offset>,
    /// Which level of topics is to be read to its end next.
    level: usize,
    /// Whether that is done, and the others know.
    has_arrived: bool,
}

impl Worker {
    /// A worker for these inputs, whose tasks stand where they go on. Has to be made on the runtime
    /// that it then runs on.
    pub(super) fn new(
        cluster: &Cluster,
        group: &str,
        share: Share,
        delivering: Delivering,
        schemas: Schemas,
        counts: Arc<Counts>,
        end: End,
    ) -> Self {
        let Share { inputs, joints } = share;
        let numbers = inputs
            .iter()
            .enumerate()
            .map(|(number, input)| (input.partition.clone(), number));
        Self {
            numbers: numbers.collect(),
            inputs,
            joints,
            group: group.to_owned(),
            outputs: Outputs::new(delivering, Arc::clone(&counts)),
            offsets: Offsets::new(cluster.clone()),
            cluster: cluster.clone(),
            schemas,
            counts,
            decompressor: Decompressor::new(),
            committed: HashMap::new(),
            end,
            ends: HashMap::new(),
            level: 0,
            has_arrived: false,
        }
    }

    /// Works until it is told to stop, or until the end where it is to end there; then commits.
    pub(super) async fn run(&mut self, mut stop: StopReceiver) -> Result<(), RunError> {
        let mut fetcher = Fetcher::new(self.cluster.clone(), self.cluster.config().fetch.clone());
        for input in &self.inputs {
            let offsets = self.offsets_of(input, Task::offered);
            let start = offsets.min().unwrap_or_default();
            fetcher.assign(input.partition.clone(), start);
        }
        self.find_ends().await?;
        self.outputs.delivering.begin().await?;
        let mut beat = Beat::new(&self.outputs.delivering);
        loop {
            let fetched = tokio::select! {
                biased;
                () = stop.stopped() => break,
                fetched = fetcher.poll(beat.look_at) => fetched?,
            };
            for partition in fetched.partitions() {
                self.take(&partition).await?;
            }
            self.work(&mut fetcher).await?;
            if beat.is_due(|| self.is_caught_up(&fetcher)) {
                self.tick(&fetcher).await?;
                self.commit(Flush::Due(wall_clock())).await?;
                self.watch_silence(&fetcher);
                beat.start_anew();
            }
            if self.end == End::AtEnd && self.is_at_end().await? {
                break;
            }
        }
        self.commit(Flush::All).await?;
        self.outputs.delivering.settle().await;
        Ok(())
    }

    /// The worker ends for an error.
    pub(super) async fn give_up(&mut self) {
        self.outputs.delivering.give_up().await;
    }

    /// Whether everything that brokers have for it has been handed out.
    fn is_caught_up(&self, fetcher: &Fetcher) -> bool {
        let mut inputs = self.inputs.iter();
        inputs.all(|input| reading(fetcher, &input.partition) == Reading::CaughtUp)
    }

    /// Steps every task of a partition over what came for it, and hands over what they put out.
    async fn take(&mut self, fetched: &FetchedPartition<'_>) -> Result<(), RunError> {
        let number = self.numbers.get(fetched.topic_partition).copied();
        let Some(input) = number.and_then(|number| self.inputs.get_mut(number)) else {
            return Ok(());
        };
        let now = wall_clock();
        let joints = &mut self.joints;
        let (decompressor, outputs) = (&mut self.decompressor, &mut self.outputs);
        for run in &mut input.runs {
            while let ControlFlow::Break(missing) =
                run.step(0, fetched, now, decompressor, outputs).await?
            {
                self.schemas.provide(missing, run).await?;
            }
        }
        for place in &input.places {
            let Some(Joint { run, .. }) = joints.get_mut(place.joint) else {
                continue;
            };
            while let ControlFlow::Break(missing) = run
                .step(place.input, fetched, now, decompressor, outputs)
                .await?
            {
                self.schemas.provide(missing, run).await?;
            }
        }
        Ok(())
    }

    /// Deals with the records of tasks with several inputs whose turn has come.
    async fn work(&mut self, fetcher: &mut Fetcher) -> Result<(), RunError> {
        for joint in &mut self.joints {
            let mut was_full = true;
            while was_full {
                joint.work(fetcher)?;
                was_full = joint.run.effects.is_full();
                let partition = joint.partition();
                joint.run.hand_over(&partition, &mut self.outputs).await?;
            }
        }
        Ok(())
    }

    /// An offset that `of` tells of each task that reads `input`.
    fn offsets_of<'w>(
        &'w self,
        input: &'w Input,
        of: impl Fn(&Task, usize) -> Offset + Copy + 'w,
    ) -> impl Iterator<Item = Offset> + 'w {
        let runs = input.runs.iter().map(move |run| of(&run.task, 0));
        let places = input.places.iter().filter_map(move |place| {
            let joint = self.joints.get(place.joint)?;
            Some(of(&joint.run.task, place.input))
        });
        runs.chain(places)
    }

    /// Lets the wall clock go on for all tasks, and hands over what that brings out.
    async fn tick(&mut self, fetcher: &Fetcher) -> Result<(), RunError> {
        let now = wall_clock();
        for input in &mut self.inputs {
            input.tick(now, reading(fetcher, &input.partition))?;
            for run in &mut input.runs {
                run.hand_over(&input.partition, &mut self.outputs).await?;
            }
        }
        for joint in &mut self.joints {
            joint.tick(now, fetcher)?;
            let partition = joint.partition();
            joint.run.hand_over(&partition, &mut self.outputs).await?;
        }
        Ok(())
    }

    /// Lets alerts hear of silence: of tasks that have read all there is, and whose results have been
    /// judged. What they tell is written with the next commit.
    fn watch_silence(&mut self, fetcher: &Fetcher) {
        let now = wall_clock();
        let is_read = |partition| reading(fetcher, partition) == Reading::CaughtUp;
        for input in &mut self.inputs {
            if is_read(&input.partition) {
                let mut runs = input.runs.iter_mut();
                runs.by_ref().for_each(|run| run.watching.tick(now));
            }
        }
        for joint in &mut self.joints {
            if joint.partitions.iter().all(is_read) {
                joint.run.watching.tick(now);
            }
        }
    }

    /// Everything that was put out is written, and counts with the offsets.
    async fn commit(&mut self, flush: Flush) -> Result<(), RunError> {
        for input in &mut self.inputs {
            input.flush(flush)?;
            for run in &mut input.runs {
                run.hand_over(&input.partition, &mut self.outputs).await?;
            }
        }
        for joint in &mut self.joints {
            joint.flush(flush)?;
            let partition = joint.partition();
            joint.run.hand_over(&partition, &mut self.outputs).await?;
        }
        let changed = self.changed();
        let deadline = Instant::now() + self.cluster.config().produce.delivery_timeout;
        let delivering = &mut self.outputs.delivering;
        delivering.commit(&self.group, &changed, deadline).await
    }

    /// What is to be committed of the inputs that are not where they were.
    fn changed(&mut self) -> ByPartition<CommittedOffset> {
        let mut changed = ByPartition::new();
        for input in &self.inputs {
            let Some(committed) = Committed::of(input, &self.joints) else {
                continue;
            };
            if self.committed.get(&input.partition) != Some(&committed) {
                changed.insert(input.partition.clone(), committed.clone().into());
                self.committed.insert(input.partition.clone(), committed);
            }
        }
        changed
    }

    /// Asks for the ends of the inputs of this level.
    async fn find_ends(&mut self) -> Result<(), RunError> {
        if self.end == End::Follow {
            return Ok(());
        }
        let inputs = self.inputs.iter();
        let inputs = inputs.filter(|input| self.level_of(input) == self.level);
        let partitions: Vec<_> = inputs.map(|input| input.partition.clone()).collect();
        let isolation = match self.level {
            0 => self.cluster.config().fetch.isolation,
            // All that is in an internal topic has been decided on by now. A coordinator may answer
            // before its markers are written, and then the last stable offset is still below.
            _ => Isolation::ReadUncommitted,
        };
        let found = self
            .offsets
            .list(&partitions, OffsetSpec::Latest, isolation)
            .await?;
        self.ends.extend(
            found
                .into_iter()
                .map(|(partition, end)| (partition, end.offset.unwrap_or_default())),
        );
        Ok(())
    }

    /// Whether all inputs are read to their ends. An internal topic has its end only once every
    /// worker has read the topics of the level below to theirs.
    async fn is_at_end(&mut self) -> Result<bool, RunError> {
        loop {
            let mut inputs = self.inputs.iter();
            let is_left =
                |input: &Input| self.level_of(input) <= self.level && !self.is_read(input);
            if inputs.any(is_left) {
                return Ok(false);
            }
            if !self.has_arrived {
                // What came of these has to be in the internal topics before anyone asks how long
                // these are.
                self.commit(Flush::All).await?;
                self.counts.arrive(self.level);
                self.has_arrived = true;
            }
            if !self.counts.have_all_arrived(self.level) {
                return Ok(false);
            }
            if self.level + 1 >= self.counts.levels() {
                return Ok(true);
            }
            self.level += 1;
            self.has_arrived = false;
            self.find_ends().await?;
        }
    }

    /// How many internal topics a record passes, at most, before it stands in this one.
    fn level_of(&self, input: &Input) -> usize {
        let runs = input.runs.iter().map(|run| run.stage.input_level(0));
        let places = input.places.iter().filter_map(|place| {
            let joint = self.joints.get(place.joint)?;
            Some(joint.run.stage.input_level(place.input))
        });
        runs.chain(places).max().unwrap_or_default()
    }

    /// Whether everything up to the end of `input`, as far as that is known, is dealt with.
    fn is_read(&self, input: &Input) -> bool {
        let end = self.ends.get(&input.partition);
        end.is_some_and(|end| {
            self.offsets_of(input, Task::position_of)
                .all(|offset| offset >= *end)
        })
    }
}
