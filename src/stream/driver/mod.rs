//! A plan driven by hand: records in, results out, without a broker and in no time.
//!
//! [`TestDriver`] is for tests of pipelines, as Kafka Streams' `TopologyTestDriver` is: it drives
//! the very [`crate::stream::task::Task`]s that the runtime drives, over topics of one partition or,
//! where clocks of their own matter, of several. Time is what the test says. The tests in pipeline files run on it too.
//!
//! What flows write is read by those that read it, at once.

mod error;
mod output;
mod place;
mod running;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value as Json;

use crate::codec::avro::render;
use crate::codec::avro::schema::Schema;
use crate::codec::framing;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Record;
use crate::record::Timestamp;
use crate::record::TopicName;
use crate::record::TopicPartition;
use crate::stream::account::Account;
use crate::stream::alert::Alert;
use crate::stream::alert::Notice;
use crate::stream::driver::output::Readers;
use crate::stream::driver::running::Put;
use crate::stream::driver::running::Running;
use crate::stream::plan::Plan;

pub use error::DriveError;
pub use output::Written;

/// How many records may come of one, by flows that read what others write.
const DERIVED_MAX: usize = 100_000;

/// Drives a plan.
///
/// The wall clock stands still but where a test moves it, and at each record, which comes at its
/// timestamp or at the wall clock, whichever is later. Commits, which thinned updates wait for,
/// come only when [`TestDriver::commit`] says so.
///
/// # Examples
///
/// Those of [`crate::stream::builder`].
#[derive(Debug)]
pub struct TestDriver {
    running: Vec<Running>,
    readers: Readers,
    now: Timestamp,
    /// How many partitions each topic has that is read.
    partitions: BTreeMap<TopicName, u32>,
    /// The offset of the next record of each partition.
    offsets: BTreeMap<TopicPartition, Offset>,
    written: BTreeMap<TopicName, VecDeque<Written>>,
    reasons: Vec<String>,
}

impl TestDriver {
    /// Drives `plan` over topics of one partition, from nothing.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where a schema in it is none.
    pub fn new(plan: &Plan) -> Result<Self, DriveError> {
        Self::over(plan, |_| 1)
    }

    /// Drives `plan` over topics that have as many partitions as `partitions_of` says, from nothing.
    ///
    /// Each partition has its clock. What goes from one stretch of a flow to another, or from flow to
    /// flow, is placed by its key: those of one key together, and not where Kafka's partitioner
    /// would.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where a schema in it is none.
    pub fn over(plan: &Plan, partitions_of: impl Fn(&str) -> u32) -> Result<Self, DriveError> {
        let mut readers = Readers::default();
        let stages = plan.lay_out(|topic| Some(partitions_of(topic)))?;
        let mut partitions = BTreeMap::new();
        let mut running = Vec::new();
        for stage in &stages {
            for topic in stage.inputs() {
                partitions
                    .entry(Arc::clone(topic))
                    .or_insert_with(|| partitions_of(topic));
            }
            let internal = stage.internal_topics().into_iter();
            partitions.extend(internal.map(|(topic, count)| (Arc::clone(topic), count)));
            for number in 0..i32::try_from(stage.partitions).unwrap_or(i32::MAX) {
                running.push(Running::new(stage, PartitionId(number), &mut readers)?);
            }
        }
        Ok(Self {
            running,
            readers,
            now: Timestamp::MIN,
            partitions,
            offsets: BTreeMap::new(),
            written: BTreeMap::new(),
            reasons: Vec::new(),
        })
    }

    /// Lets `alert` watch the results of its flow from now on ([`TestDriver::notices`]).
    ///
    /// # Errors
    ///
    /// [`DriveError::NoFlow`] where there is no such flow.
    pub fn watch(&mut self, alert: &Arc<Alert>) -> Result<(), DriveError> {
        let last = stages_of(&self.running, &alert.flow)?.last();
        let last = last.map(|last| Arc::clone(&last.stage));
        let running = self.running.iter_mut();
        let is_last = |running: &&mut Running| {
            let last = last.as_ref();
            last.is_some_and(|last| Arc::ptr_eq(last, &running.stage))
        };
        running.filter(is_last).for_each(|last| last.watch(alert));
        Ok(())
    }

    /// Writes `record` to a topic that flows read, where there are several into its first partition;
    /// without a timestamp it gets the wall clock's.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where nobody reads the topic, or a flow stops at the record.
    pub fn pipe(&mut self, topic: &str, record: Record) -> Result<(), DriveError> {
        self.pipe_to(topic, PartitionId(0), record)
    }

    /// Writes `record` to one partition of a topic that flows read.
    ///
    /// # Errors
    ///
    /// As [`TestDriver::pipe`]; also where the topic has no such partition.
    pub fn pipe_to(
        &mut self,
        topic: &str,
        partition: PartitionId,
        record: Record,
    ) -> Result<(), DriveError> {
        let topic = TopicName::from(topic);
        let count = self.partitions.get(&topic).copied().unwrap_or_default();
        if u32::try_from(partition.0).is_ok_and(|number| number >= count) || partition.0 < 0 {
            return Err(DriveError::NotRead { topic });
        }
        let time = record.timestamp.unwrap_or(Timestamp::MIN);
        self.advance_to(time.max(self.now))?;
        self.take(TopicPartition { topic, partition }, record)?;
        // What silence there is begins here.
        self.advance_to(self.now)
    }

    /// Writes a record whose value is JSON, made of `value` by serde; a null is no tombstone.
    ///
    /// # Errors
    ///
    /// As [`TestDriver::pipe`], and where serde cannot write it.
    pub fn pipe_json(
        &mut self,
        topic: &str,
        key: Option<&str>,
        value: &impl Serialize,
        timestamp: i64,
    ) -> Result<(), DriveError> {
        let value = serde_json::to_vec(value).map_err(|error| unwritable(&error))?;
        self.pipe(topic, record(key, Some(value), timestamp))
    }

    /// Writes a record whose value is text.
    ///
    /// # Errors
    ///
    /// As [`TestDriver::pipe`].
    pub fn pipe_text(
        &mut self,
        topic: &str,
        key: Option<&str>,
        value: &str,
        timestamp: i64,
    ) -> Result<(), DriveError> {
        self.pipe(topic, record(key, Some(value.into()), timestamp))
    }

    /// Writes a record whose value is Avro, written with the schema whose JSON text is `schema`.
    ///
    /// # Errors
    ///
    /// As [`TestDriver::pipe`], and where the value does not fit the schema, or that is none.
    pub fn pipe_avro(
        &mut self,
        topic: &str,
        key: Option<&str>,
        schema: &str,
        value: &impl Serialize,
        timestamp: i64,
    ) -> Result<(), DriveError> {
        let id = self.readers.given(schema);
        let parsed = Schema::parse(schema).map_err(|error| unwritable(&error))?;
        let json = serde_json::to_vec(value).map_err(|error| unwritable(&error))?;
        let mut out = Vec::new();
        framing::put_prefix(&mut out, id);
        render::from_json(&parsed, &json, &mut out).map_err(|error| unwritable(&error))?;
        self.pipe(topic, record(key, Some(out), timestamp))
    }

    /// Writes a tombstone: a key without value.
    ///
    /// # Errors
    ///
    /// As [`TestDriver::pipe`].
    pub fn pipe_tombstone(
        &mut self,
        topic: &str,
        key: &str,
        timestamp: i64,
    ) -> Result<(), DriveError> {
        self.pipe(topic, record(Some(key), None, timestamp))
    }

    /// Lets the wall clock go on to `millis` since the epoch, with nothing to read: sources with
    /// `idle` follow it. It never goes back.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where a flow stops at a result.
    pub fn advance_wall_clock(&mut self, millis: i64) -> Result<(), DriveError> {
        self.advance_to(Timestamp(millis).max(self.now))
    }

    /// Commits: thinned updates come out.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where a flow stops at a result.
    pub fn commit(&mut self) -> Result<(), DriveError> {
        for number in 0..self.running.len() {
            let put = match self.running.get_mut(number) {
                Some(running) => running.flush(&mut self.readers)?,
                None => continue,
            };
            self.pass_on(put)?;
        }
        Ok(())
    }

    /// The next record that came out to `topic`: results, late ones, rejected ones, wherever the
    /// plan sends them.
    pub fn read(&mut self, topic: &str) -> Option<Written> {
        self.written.get_mut(topic)?.pop_front()
    }

    /// All that came out to `topic` and has not been read.
    pub fn read_all(&mut self, topic: &str) -> Vec<Written> {
        self.written.remove(topic).unwrap_or_default().into()
    }

    /// What alerts have told since the last call, in order for each flow.
    pub fn notices(&mut self) -> Vec<Notice> {
        let running = self.running.iter_mut();
        running
            .flat_map(|running| running.notices.drain(..))
            .collect()
    }

    /// Why alerts could not judge results, one entry for each result and alert: to an alert it is
    /// as if such a result had not come out.
    pub fn unjudged(&self) -> impl Iterator<Item = &str> {
        let running = self.running.iter();
        running.flat_map(|running| running.unjudged.iter().map(String::as_str))
    }

    /// What became of all records so far; a record counts once for each flow that read it.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut sum = Account::default();
        for running in &self.running {
            sum += running.account;
        }
        sum
    }

    /// What became of the records of one flow.
    ///
    /// # Errors
    ///
    /// [`DriveError::NoFlow`].
    pub fn account_of(&self, flow: &str) -> Result<Account, DriveError> {
        let mut sum = Account::default();
        for running in stages_of(&self.running, flow)? {
            sum += running.account;
        }
        Ok(sum)
    }

    /// Why records, or results, were put aside, in order; where they go to no topic, nobody says.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// What stands in the open windows of `key`, or in its running aggregate: what would come out
    /// of the flow if everything closed now. Nothing changes by it.
    ///
    /// # Errors
    ///
    /// [`DriveError`] where there is no such flow.
    pub fn open(&mut self, flow: &str, key: &str) -> Result<Vec<Written>, DriveError> {
        let mut open = Vec::new();
        let (running, readers) = (&self.running, &mut self.readers);
        for running in stages_of(running, flow)? {
            open.append(&mut running.open(readers)?);
        }
        open.retain(|written| written.record.key.as_deref() == Some(key.as_bytes()));
        Ok(open)
    }

    /// What stands in the row of `key` in the tables of the flow, where there is one: of each table
    /// in the order of the steps that make them, results of joins aside, which are not kept.
    ///
    /// # Errors
    ///
    /// [`DriveError::NoFlow`].
    pub fn rows(&self, flow: &str, key: &str) -> Result<Vec<Json>, DriveError> {
        let mut rows = Vec::new();
        for running in stages_of(&self.running, flow)? {
            rows.append(&mut running.rows(key)?);
        }
        Ok(rows)
    }

    /// Makes known a schema of records that are given; their numbers are counted from 1.
    pub(crate) fn add_schema(&mut self, text: &str) {
        self.readers.given(text);
    }

    fn advance_to(&mut self, now: Timestamp) -> Result<(), DriveError> {
        self.now = now;
        for number in 0..self.running.len() {
            let put = match self.running.get_mut(number) {
                Some(running) => running.tick(now, &mut self.readers)?,
                None => continue,
            };
            self.pass_on(put)?;
        }
        Ok(())
    }

    /// Lets every flow that reads `partition` take `record`, and those that read what comes of it.
    fn take(&mut self, partition: TopicPartition, record: Record) -> Result<(), DriveError> {
        let mut left = VecDeque::from([(partition.clone(), record)]);
        let mut derived = 0;
        while let Some((from, record)) = left.pop_front() {
            derived += 1;
            if derived > DERIVED_MAX {
                let topic = partition.topic;
                return Err(DriveError::Endless { topic });
            }
            left.extend(self.take_one(&from, &record)?);
        }
        Ok(())
    }

    fn take_one(
        &mut self,
        from: &TopicPartition,
        record: &Record,
    ) -> Result<Vec<(TopicPartition, Record)>, DriveError> {
        let next = self.offsets.entry(from.clone()).or_default();
        let offset = *next;
        *next = offset.next();
        let mut derived = Vec::new();
        for number in 0..self.running.len() {
            let Some(running) = self.running.get_mut(number) else {
                continue;
            };
            let mut put = Vec::new();
            for input in running.inputs(from) {
                put.extend(running.take(input, record, offset, self.now, &mut self.readers)?);
            }
            derived.extend(self.put(put));
        }
        Ok(derived)
    }

    fn pass_on(&mut self, put: Vec<Put>) -> Result<(), DriveError> {
        for (partition, record) in self.put(put) {
            self.take(partition, record)?;
        }
        Ok(())
    }

    /// Keeps what came out, and says what flows read of it, and where it stands.
    fn put(&mut self, put: Vec<Put>) -> Vec<(TopicPartition, Record)> {
        let mut read = Vec::new();
        for Put {
            topic,
            place,
            written,
        } in put
        {
            self.reasons.extend(running::reason(&written));
            if let Some(count) = self.partitions.get(&topic) {
                let topic = Arc::clone(&topic);
                let partition = place.among(*count);
                read.push((TopicPartition { topic, partition }, written.record.clone()));
            }
            self.written.entry(topic).or_default().push_back(written);
        }
        read
    }
}

/// The stages of the flow with this name.
fn stages_of<'d>(
    running: &'d [Running],
    flow: &'d str,
) -> Result<impl Iterator<Item = &'d Running>, DriveError> {
    let of = running.iter();
    let of = of.filter(move |running| *running.stage.flow.name == *flow);
    match of.clone().next() {
        Some(_) => Ok(of),
        None => Err(DriveError::NoFlow(flow.to_owned())),
    }
}

fn record(key: Option<&str>, value: Option<Vec<u8>>, timestamp: i64) -> Record {
    Record {
        key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
        value: value.map(Bytes::from),
        headers: Vec::new(),
        timestamp: Some(Timestamp(timestamp)),
    }
}

fn unwritable(error: &impl std::fmt::Display) -> DriveError {
    DriveError::Value {
        doing: "write a value",
        reason: error.to_string(),
    }
}
