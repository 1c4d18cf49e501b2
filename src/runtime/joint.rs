//! A task with several inputs, and the partitions that they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::client::fetcher::Fetcher;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicPartition;
use crate::runtime::error::RunError;
use crate::runtime::input::Flush;
use crate::runtime::input::Input;
use crate::runtime::input::Place;
use crate::runtime::input::Run;
use crate::stream::clock::Reading;
use crate::stream::step::Failure;

/// How many bytes of records of one input may wait for those of another before no more of it is
/// asked for.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A task with several inputs.
#[derive(Debug)]
pub(super) struct Joint {
    pub(super) run: Run,
    /// In the order of the inputs.
    pub(super) partitions: Vec<TopicPartition>,
}

/// What has to be worked on in one place: partitions, and the joints whose inputs all are among
/// them.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) inputs: Vec<Input>,
    pub(super) joints: Vec<Joint>,
}

impl Share {
    /// Takes in another share as well.
    pub(super) fn extend(&mut self, other: Self) {
        let joints = self.joints.len();
        let inputs = other.inputs.into_iter().map(|mut input| {
            input
                .places
                .iter_mut()
                .for_each(|place| place.joint += joints);
            input
        });
        self.inputs.extend(inputs);
        self.joints.extend(other.joints);
    }

    /// The smallest shares that this falls into: partitions that are inputs of one joint stay
    /// together.
    pub(super) fn parts(self) -> Vec<Self> {
        let components = self.components();
        let mut parts: BTreeMap<usize, Self> = BTreeMap::new();
        let mut places = Vec::with_capacity(self.joints.len());
        for (number, joint) in self.joints.into_iter().enumerate() {
            let part = components.get(number).copied().unwrap_or(number);
            let part = parts.entry(part).or_default();
            places.push(part.joints.len());
            part.joints.push(joint);
        }
        let mut alone = Vec::new();
        for mut input in self.inputs {
            let first = input.places.first().map(|place| place.joint);
            for place in &mut input.places {
                place.joint = places.get(place.joint).copied().unwrap_or_default();
            }
            let part = first.and_then(|joint| components.get(joint));
            match part.and_then(|part| parts.get_mut(part)) {
                Some(part) => part.inputs.push(input),
                None => alone.push(Self {
                    inputs: vec![input],
                    joints: Vec::new(),
                }),
            }
        }
        parts.into_values().chain(alone).collect()
    }

    /// For each joint the number of the first one that it shares a partition with, directly or
    /// through others.
    fn components(&self) -> Vec<usize> {
        let mut components: Vec<usize> = (0..self.joints.len()).collect();
        for input in &self.inputs {
            let found = input.places.iter();
            let found: Vec<usize> = found
                .filter_map(|place| components.get(place.joint).copied())
                .collect();
            let least = found.iter().copied().min();
            for component in &mut components {
                if let (true, Some(least)) = (found.contains(component), least) {
                    *component = least;
                }
            }
        }
        components
    }
}

impl Share {
    /// Gives every global table that a joint looks into an input of its own in this share, unless
    /// there is one for its partition.
    pub(super) fn add_globals(&mut self) {
        for (number, joint) in self.joints.iter().enumerate() {
            for (input, partition) in joint.partitions.iter().enumerate() {
                if !joint.run.stage.is_global(input) {
                    continue;
                }
                let place = Place {
                    joint: number,
                    input,
                };
                let mut inputs = self.inputs.iter_mut();
                match inputs.find(|known| known.partition == *partition) {
                    Some(known) => known.places.push(place),
                    None => self.inputs.push(Input {
                        partition: partition.clone(),
                        runs: Vec::new(),
                        places: vec![place],
                    }),
                }
            }
        }
    }
}

impl Joint {
    /// Deals with the records whose turn has come, until effects are full, and asks for no more of
    /// partitions that are far ahead of the others.
    pub(super) fn work(&mut self, fetcher: &mut Fetcher) -> Result<(), RunError> {
        let (task, effects) = (&mut self.run.task, &mut self.run.effects);
        let partitions = &self.partitions;
        let read = |input: usize| {
            let partition = partitions.get(input);
            partition.map_or(Reading::CaughtUp, |partition| reading(fetcher, partition))
        };
        let worked = task.work(read, effects);
        worked.map_err(|failure| self.failed(failure))?;
        for (input, partition) in self.partitions.iter().enumerate() {
            match self.run.task.waiting_bytes(input) > WAITING_BYTES_MAX {
                true => fetcher.pause(partition),
                false => fetcher.resume(partition),
            }
        }
        Ok(())
    }

    /// Lets the wall clock go on.
    pub(super) fn tick(&mut self, now: Timestamp, fetcher: &Fetcher) -> Result<(), RunError> {
        let mut readings = self.partitions.iter().map(|part| reading(fetcher, part));
        let reading = match readings.all(|reading| reading == Reading::CaughtUp) {
            true => Reading::CaughtUp,
            false => Reading::Behind,
        };
        let ticked = self.run.task.tick(now, reading, &mut self.run.effects);
        ticked.map_err(|failure| self.failed(failure))
    }

    /// Puts out what a commit must not leave behind.
    pub(super) fn flush(&mut self, flush: Flush) -> Result<(), RunError> {
        let flushed = self.run.flush(flush);
        flushed.map_err(|failure| self.failed(failure))
    }

    /// The partition that it is told by.
    pub(super) fn partition(&self) -> TopicPartition {
        let partition = self.partitions.first().cloned();
        partition.unwrap_or_else(|| TopicPartition {
            topic: Arc::clone(self.run.stage.input()),
            partition: PartitionId(0),
        })
    }

    fn failed(&self, failure: Failure) -> RunError {
        RunError::Record {
            partition: self.partition(),
            failure,
        }
    }
}

/// Whether the fetcher has handed out all that the broker has.
pub(super) fn reading(fetcher: &Fetcher, partition: &TopicPartition) -> Reading {
    let watermarks = fetcher.watermarks(partition);
    let end = watermarks.and_then(|marks| marks.last_stable_offset.or(marks.high_watermark));
    match (fetcher.position(partition), end) {
        (Some(position), Some(end)) if position >= end => Reading::CaughtUp,
        _ => Reading::Behind,
    }
}
