//! What a producer's callers and its sender share: the lanes, the send buffer, the counts.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tokio::time::Instant;

use crate::client::config::ProduceSettings;
use crate::client::producer::batch::Closed;
use crate::client::producer::batch::Numbered;
use crate::client::producer::lane::Begun;
use crate::client::producer::lane::Expired;
use crate::client::producer::lane::Lane;
use crate::client::producer::outcome::BatchOutcome;
use crate::client::producer::outcome::Delivery;
use crate::client::producer::outcome::Outcome;
use crate::client::producer::outcome::ProduceError;
use crate::client::producer::outcome::SendError;
use crate::client::producer::transaction::Transaction;
use crate::client::producer::transaction_error::TransactionError;
use crate::protocol::batch_builder::BatchBuilder;
use crate::record::Header;
use crate::record::Timestamp;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// About what a record takes besides key, value and headers.
const RECORD_OVERHEAD: usize = 32;
/// Builders and buffers kept for reuse.
const SPARES_MAX: usize = 32;

/// The lanes of one topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) lanes: Vec<Lane>,
    /// Where records without a key go until their batch is closed (KIP-794).
    sticky: usize,
}

/// Whether records are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Always: there are no transactions.
    Free,
    /// A transaction is open.
    Open,
    /// None is.
    Shut,
}

/// The transaction that a producer's records are in. Where both are locked, this is after [`State`].
#[derive(Clone, Debug)]
pub(super) struct SharedTransaction(Arc<Mutex<Transaction>>);

impl SharedTransaction {
    pub(super) fn new(transaction: Transaction) -> Self {
        Self(Arc::new(Mutex::new(transaction)))
    }

    /// Every step of a transaction leaves it whole, also one that panics.
    pub(super) fn lock(&self) -> MutexGuard<'_, Transaction> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything behind the producer's lock.
#[derive(Debug)]
pub(super) struct State {
    gate: Gate,
    pub(super) transaction: Option<SharedTransaction>,
    /// Whether the coordinator is being told of partitions.
    pub(super) is_joining: bool,
    pub(super) topics: Vec<Topic>,
    pub(super) delivery: Delivery,
    outcomes: Option<Vec<BatchOutcome>>,
    held: usize,
    pub(super) failed: Option<ProduceError>,
    pub(super) is_dropped: bool,
    #[expect(
        clippy::vec_box,
        reason = "open batches are boxed, and go back as they are"
    )]
    builders: Vec<Box<BatchBuilder>>,
    buffers: Vec<Vec<u8>>,
}

/// A record to be written, borrowed: it is encoded at once.
#[derive(Clone, Debug)]
pub struct NewRecord<'a, H> {
    /// The wall clock where not given.
    pub timestamp: Option<Timestamp>,
    /// The key; null is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers in order.
    pub headers: H,
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What the sender should know of a record that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nothing new.
    Quietly,
    /// A batch was begun: its linger time runs.
    Begun,
    /// A batch is ready.
    Closed,
}

impl State {
    pub(super) fn new(keep_outcomes: bool, transaction: Option<SharedTransaction>) -> Self {
        Self {
            gate: match transaction {
                None => Gate::Free,
                Some(_) => Gate::Shut,
            },
            transaction,
            is_joining: false,
            topics: Vec::new(),
            delivery: Delivery::default(),
            outcomes: keep_outcomes.then(Vec::new),
            held: 0,
            failed: None,
            is_dropped: false,
            builders: Vec::new(),
            buffers: Vec::new(),
        }
    }

    /// The lanes of a topic, added where there are none.
    pub(super) fn topic(&mut self, name: &TopicName, partitions: usize) -> usize {
        if let Some(index) = self.topics.iter().position(|topic| topic.name == *name) {
            return index;
        }
        let lanes = (0..i32::try_from(partitions).unwrap_or(i32::MAX))
            .map(|partition| Lane::new(TopicPartition::new(TopicName::clone(name), partition)));
        self.topics.push(Topic {
            name: TopicName::clone(name),
            lanes: lanes.collect(),
            sticky: 0,
        });
        self.topics.len() - 1
    }

    /// Takes a record into its lane's open batch; `partition` is `None` for any.
    pub(super) fn push<'h, H>(
        &mut self,
        settings: &ProduceSettings,
        topic: usize,
        partition: Option<usize>,
        record: NewRecord<'_, H>,
    ) -> Result<Taken, SendError>
    where
        H: Iterator<Item = Header<'h>> + Clone,
    {
        if self.gate == Gate::Shut {
            return Err(SendError::NoTransaction);
        }
        let Self {
            topics,
            held,
            builders,
            delivery,
            ..
        } = self;
        let Some(topic) = topics.get_mut(topic) else {
            return Err(SendError::Full);
        };
        let NewRecord {
            timestamp,
            key,
            value,
            headers,
        } = record;
        let timestamp = timestamp.unwrap_or_else(wall_clock);
        let size = size(key, value, headers.clone());
        let index = partition.unwrap_or(topic.sticky);
        let Some(lane) = topic.lanes.get_mut(index) else {
            return Err(SendError::NoPartition {
                topic: topic.name.to_string(),
                partition: i32::try_from(index).unwrap_or(i32::MAX),
            });
        };
        has_room(settings, *held, size, &topic.name)?;
        let mut taken = Taken::Quietly;
        let batch_bytes = settings.batch_bytes.min(settings.request_bytes_max);
        if lane
            .open
            .as_ref()
            .is_some_and(|open| open.builder.len_bytes() + size > batch_bytes)
        {
            lane.close();
            taken = Taken::Closed;
        }
        let (open, begun) = lane.open(|| builders.pop().unwrap_or_default());
        let pushed = open.builder.push(timestamp, key, value, headers);
        pushed.map_err(|source| SendError::Encode {
            topic: topic.name.to_string(),
            source,
        })?;
        open.held += size;
        *held += size;
        delivery.sent += 1;
        if open.builder.len_bytes() >= batch_bytes {
            lane.close();
            taken = Taken::Closed;
        }
        if taken == Taken::Closed && partition.is_none() {
            topic.sticky = (topic.sticky + 1) % topic.lanes.len().max(1);
        }
        Ok(match (taken, begun) {
            (Taken::Quietly, Begun::Now) => Taken::Begun,
            (taken, _) => taken,
        })
    }

    /// Closes every open batch whose linger time is over at `now`; tells when the next one's is.
    pub(super) fn close_due(
        &mut self,
        settings: &ProduceSettings,
        now: Instant,
    ) -> Option<Instant> {
        let lanes = self.topics.iter_mut().flat_map(|topic| &mut topic.lanes);
        let mut next = None;
        for lane in lanes {
            let Some(open) = &lane.open else { continue };
            let due = open.since + settings.linger;
            if due <= now {
                lane.close();
            } else {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        next
    }

    /// Closes every open batch, if nothing else is on its way that would make room.
    pub(super) fn close_if_stalled(&mut self) {
        let mut lanes = self.topics.iter().flat_map(|topic| &topic.lanes);
        if !lanes.any(Lane::is_under_way) {
            self.close_all();
        }
    }

    /// Closes every open batch.
    pub(super) fn close_all(&mut self) {
        self.topics
            .iter_mut()
            .flat_map(|topic| &mut topic.lanes)
            .for_each(Lane::close);
    }

    pub(super) fn lane(&mut self, topic: usize, lane: usize) -> Option<&mut Lane> {
        self.topics.get_mut(topic)?.lanes.get_mut(lane)
    }

    /// Counts what became of a batch, and takes its memory back.
    pub(super) fn settle(
        &mut self,
        partition: &TopicPartition,
        mut batch: Numbered,
        outcome: Outcome,
    ) {
        if let Outcome::Written { .. } = outcome {
            self.delivery.bytes += u64::try_from(batch.bytes.len()).unwrap_or(0);
            self.delivery.batches += 1;
        }
        let records = u64::try_from(batch.records).unwrap_or(0);
        self.held = self.held.saturating_sub(batch.held);
        self.tell(partition, records, outcome);
        batch.bytes.clear();
        self.keep_buffer(std::mem::take(&mut batch.bytes));
    }

    /// Counts what became of records that were not encoded yet.
    pub(super) fn settle_closed(
        &mut self,
        partition: &TopicPartition,
        mut batch: Closed,
        outcome: Outcome,
    ) {
        let records = u64::try_from(batch.builder.record_count()).unwrap_or(0);
        self.held = self.held.saturating_sub(batch.held);
        self.tell(partition, records, outcome);
        batch.builder.clear();
        self.keep_builder(batch.builder);
    }

    fn tell(&mut self, partition: &TopicPartition, records: u64, outcome: Outcome) {
        self.delivery.count(records, &outcome);
        if let Outcome::NotWritten(error) | Outcome::Unknown(error) = &outcome {
            self.doom(error);
        }
        if let Some(outcomes) = &mut self.outcomes {
            outcomes.push(BatchOutcome {
                topic_partition: partition.clone(),
                records,
                outcome,
            });
        }
    }

    pub(super) fn take_outcomes(&mut self) -> Vec<BatchOutcome> {
        self.outcomes
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Gives up what has waited too long.
    pub(super) fn expire(&mut self, settings: &ProduceSettings, now: Instant) {
        let Some(oldest) = now.checked_sub(settings.delivery_timeout) else {
            return;
        };
        let timed_out = |lane: &Lane| ProduceError::TimedOut {
            partition: lane.partition.clone(),
            after: settings.delivery_timeout,
            last: lane.last_error.clone(),
        };
        self.take_out(|lane| {
            let error = timed_out(lane);
            (lane.expire(oldest, &error), error)
        });
    }

    /// Gives up everything that is not in flight, and takes no more.
    pub(super) fn fail(&mut self, error: &ProduceError) {
        self.failed.get_or_insert_with(|| error.clone());
        if let Some(transaction) = &self.transaction {
            transaction.lock().not_written_for_good(error);
        }
        self.drain(error);
    }

    /// Gives up everything that is not in flight.
    pub(super) fn drain(&mut self, error: &ProduceError) {
        self.take_out(|lane| (lane.drain(error), error.clone()));
    }

    /// A transaction that misses records can only be aborted, so nothing more of it is written.
    pub(super) fn doom(&mut self, error: &ProduceError) {
        if let Some(transaction) = &self.transaction {
            let doomed = TransactionError::NotWritten(Box::new(error.clone()));
            transaction.lock().doom(doomed);
            self.failed.get_or_insert_with(|| error.clone());
        }
    }

    /// Records are taken from here on, in the name of who the producer is now.
    pub(super) fn begin_transaction(&mut self) {
        let Some(transaction) = &self.transaction else {
            return;
        };
        let mut transaction = transaction.lock();
        transaction.begun();
        let identity = transaction.incarnation().identity;
        drop(transaction);
        let lanes = self.topics.iter_mut().flat_map(|topic| &mut topic.lanes);
        lanes.for_each(|lane| lane.adopt(identity));
        self.gate = Gate::Open;
    }

    /// No record is taken until the next transaction.
    pub(super) fn shut(&mut self) {
        self.gate = Gate::Shut;
    }

    /// Nothing of the open transaction is sent any more.
    pub(super) fn give_up_transaction(&mut self) {
        self.shut();
        self.doom(&ProduceError::Aborted);
    }

    /// Nothing is left of the transaction that was given up.
    pub(super) fn transaction_aborted(&mut self) {
        if let Some(transaction) = &self.transaction {
            transaction.lock().abandoned();
            self.failed = None;
        }
    }

    fn take_out(&mut self, mut out: impl FnMut(&mut Lane) -> (Expired, ProduceError)) {
        let mut all = Vec::new();
        for lane in self.topics.iter_mut().flat_map(|topic| &mut topic.lanes) {
            if lane.oldest().is_some() {
                let (expired, error) = out(lane);
                all.push((lane.partition.clone(), expired, error));
            }
        }
        for (partition, expired, error) in all {
            for (batch, outcome) in expired.numbered {
                self.settle(&partition, batch, outcome);
            }
            for batch in expired.closed {
                self.settle_closed(&partition, batch, Outcome::NotWritten(error.clone()));
            }
        }
    }

    pub(super) fn keep_builder(&mut self, builder: Box<BatchBuilder>) {
        if self.builders.len() < SPARES_MAX {
            self.builders.push(builder);
        }
    }

    pub(super) fn keep_buffer(&mut self, buffer: Vec<u8>) {
        if self.buffers.len() < SPARES_MAX {
            self.buffers.push(buffer);
        }
    }

    pub(super) fn spare_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }
}

/// Whether a record of `size` bytes may be taken beside the `held` bytes that wait.
fn has_room(
    settings: &ProduceSettings,
    held: usize,
    size: usize,
    topic: &TopicName,
) -> Result<(), SendError> {
    if size > settings.request_bytes_max {
        return Err(SendError::TooLarge {
            topic: topic.to_string(),
            bytes: size,
            limit: settings.request_bytes_max,
        });
    }
    // A record may always enter an empty buffer, however small that is.
    if held > 0 && held + size > settings.buffer_bytes {
        return Err(SendError::Full);
    }
    Ok(())
}

/// About what a record takes in a batch.
fn size<'h>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = Header<'h>>,
) -> usize {
    let header = |header: Header<'_>| header.name.len() + header.value.map_or(0, <[u8]>::len) + 10;
    let payload = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
    RECORD_OVERHEAD + payload + headers.map(header).sum::<usize>()
}
