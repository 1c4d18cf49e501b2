//! Writing records: in order, each once, as many at a time as fit.
//!
//! [`Producer`] is the front: it encodes records straight into the open batch of their partition,
//! without a lock and without an allocation per record. A sealed batch goes to the sender, a task
//! that keeps up to five requests on the way to each broker and obeys the answers. Records of one
//! partition are written in the order in which they were handed over, and a repeated request does
//! not write them twice, because every batch carries the producer's id and a sequence number
//! (KIP-98).
//!
//! What this does not do: transactions, and `acks` other than `all`.

mod error;
mod lane;
mod open;
mod request;
mod sender;
mod split;
mod tally;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::client::cluster::Cluster;
use crate::client::config::ProduceSettings;
use crate::client::producer::open::OpenBatch;
use crate::client::producer::open::Topic;
use crate::client::producer::sender::Filled;
use crate::client::producer::sender::Sender;
use crate::client::producer::tally::Tally;
use crate::protocol::partitioner;
use crate::record::HeadersView;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicPartition;
use crate::record::varint;

pub use error::ProduceError;
pub use tally::Written;

/// A record of no content takes at most this many bytes in a batch: six varints and the attributes.
const RECORD_OVERHEAD: usize = 5 * varint::LEN_MAX;
/// What a request takes around a single batch: header, topic name and counts.
const REQUEST_OVERHEAD: usize = 512;

/// Which topic; got from [`Producer::topic`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicHandle(usize);

/// A record to be written, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The key; null is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; null is not the same as empty.
    pub value: Option<&'a [u8]>,
    /// The timestamp.
    pub timestamp: Timestamp,
    /// The headers.
    pub headers: HeadersView<'a>,
}

/// Writes records to topics. One owner; to write from several tasks, open several.
///
/// Dropped, it gives up what is not written yet; call [`Producer::flush`] first.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    settings: ProduceSettings,
    topics: Vec<Topic>,
    filled: mpsc::UnboundedSender<Filled>,
    tally: Arc<Tally>,
    /// When the oldest open batch was begun, if there is an open batch.
    oldest: Option<Instant>,
}

impl Producer {
    /// A producer for topics of `cluster`; its sender runs on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ProduceError::Call`] if no broker gives it a producer id.
    pub async fn open(cluster: &Cluster) -> Result<Self, ProduceError> {
        let mut settings = cluster.config().produce.clone();
        // The largest batch has to fit a request.
        settings.batch_bytes = settings
            .batch_bytes
            .min(settings.request_bytes_max - REQUEST_OVERHEAD.min(settings.request_bytes_max));
        let tally = Arc::new(Tally::new(settings.buffer_bytes));
        let (filled, queue) = mpsc::unbounded_channel();
        let sender =
            Sender::open(cluster.clone(), settings.clone(), queue, Arc::clone(&tally)).await?;
        tokio::spawn(sender.run());
        Ok(Self {
            cluster: cluster.clone(),
            settings,
            topics: Vec::new(),
            filled,
            tally,
            oldest: None,
        })
    }

    /// Looks a topic up; its records are then sent by the handle. Never creates one.
    ///
    /// # Errors
    ///
    /// [`ProduceError::Call`] if there is none.
    pub async fn topic(&mut self, name: &str) -> Result<TopicHandle, ProduceError> {
        if let Some(known) = self.topics.iter().position(|topic| &*topic.name == name) {
            return Ok(TopicHandle(known));
        }
        let metadata = self.cluster.topic(name).await?;
        self.topics.push(Topic::new(
            Arc::clone(&metadata.name),
            metadata.partitions.len(),
        ));
        Ok(TopicHandle(self.topics.len() - 1))
    }

    /// Hands one record over, and returns the partition it is for.
    ///
    /// Without `partition`, the key decides, by Kafka's own partitioner; without a key too, records
    /// fill a batch for one partition and then go on with the next. Waits while the buffer is full.
    ///
    /// # Errors
    ///
    /// [`ProduceError::RecordTooLarge`] and [`ProduceError::NoPartition`] concern this record alone.
    /// Any other means that the producer has stopped.
    pub async fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<PartitionId>,
        record: &Outgoing<'_>,
    ) -> Result<PartitionId, ProduceError> {
        let size = record.size_max();
        let batch_bytes = self.settings.batch_bytes;
        let target = self.topics.get_mut(topic.0).ok_or(ProduceError::Stopped)?;
        if size > self.settings.request_bytes_max {
            let (topic, max) = (target.name.to_string(), self.settings.request_bytes_max);
            return Err(ProduceError::RecordTooLarge {
                topic,
                bytes: size,
                max,
            });
        }
        let partition = partition.unwrap_or_else(|| target.partition_for(record.key));
        let Some(open) = target.batch(partition) else {
            return Err(ProduceError::NoPartition(TopicPartition {
                topic: Arc::clone(&target.name),
                partition,
            }));
        };
        if !open.builder.is_empty() && open.builder.len_bytes() + size > batch_bytes {
            self.seal(topic, partition).await?;
        }
        self.append(topic, partition, record)?;
        Ok(partition)
    }

    fn append(
        &mut self,
        topic: TopicHandle,
        partition: PartitionId,
        record: &Outgoing<'_>,
    ) -> Result<(), ProduceError> {
        let target = self.topics.get_mut(topic.0).ok_or(ProduceError::Stopped)?;
        let name = Arc::clone(&target.name);
        let open = target.batch(partition).ok_or(ProduceError::Stopped)?;
        if open.builder.is_empty() {
            let now = Instant::now();
            open.since = now;
            self.oldest.get_or_insert(now);
        }
        let pushed = open
            .builder
            .push(record.timestamp, record.key, record.value, record.headers);
        pushed.map_err(|source| ProduceError::Build {
            partition: TopicPartition {
                topic: name,
                partition,
            },
            records: 1,
            source,
        })
    }

    /// Seals the open batch of a partition and hands it to the sender, once the buffer has room.
    async fn seal(
        &mut self,
        topic: TopicHandle,
        partition: PartitionId,
    ) -> Result<(), ProduceError> {
        let Some(target) = self.topics.get_mut(topic.0) else {
            return Err(ProduceError::Stopped);
        };
        let name = Arc::clone(&target.name);
        let Some(open) = target
            .batch(partition)
            .filter(|open| !open.builder.is_empty())
        else {
            return Ok(());
        };
        let held = self.tally.hold(open.builder.len_bytes()).await?;
        let builder = std::mem::replace(&mut open.builder, self.tally.builder());
        self.tally
            .begin(u64::from(builder.record_count().unsigned_abs()));
        let partition = TopicPartition {
            topic: name,
            partition,
        };
        let deadline = open.since + self.settings.delivery_timeout;
        target.sealed();
        self.filled
            .send(Filled {
                partition,
                builder,
                held,
                deadline,
            })
            .map_err(|_| self.tally.stopped())
    }

    /// When [`Self::seal_due`] has something to do: once the oldest open batch has waited for
    /// `linger.ms`.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + self.settings.linger)
    }

    /// Sends every batch that has waited for `linger.ms`.
    ///
    /// # Errors
    ///
    /// [`ProduceError`] if the producer has stopped.
    pub async fn seal_due(&mut self) -> Result<(), ProduceError> {
        let since_max = Instant::now().checked_sub(self.settings.linger);
        self.seal_where(|open| since_max.is_none_or(|max| open.since <= max))
            .await
    }

    /// Sends all batches, and waits until every record handed over is written.
    ///
    /// # Errors
    ///
    /// [`ProduceError`] tells of the first records that were not; the producer has then stopped.
    pub async fn flush(&mut self) -> Result<(), ProduceError> {
        self.seal_where(|_| true).await?;
        self.tally.all_done().await
    }

    async fn seal_where(
        &mut self,
        is_due: impl Fn(&OpenBatch) -> bool,
    ) -> Result<(), ProduceError> {
        for topic in 0..self.topics.len() {
            let Some(target) = self.topics.get(topic) else {
                break;
            };
            for partition in target.open_where(&is_due) {
                self.seal(TopicHandle(topic), partition).await?;
            }
        }
        self.oldest = self.topics.iter().filter_map(Topic::oldest).min();
        Ok(())
    }

    /// What has been written so far.
    #[must_use]
    pub fn written(&self) -> Written {
        self.tally.written()
    }
}

impl Outgoing<'_> {
    /// The most that the record takes in a batch, in bytes.
    fn size_max(&self) -> usize {
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        RECORD_OVERHEAD + length(self.key) + length(self.value) + self.headers.encoded().len()
    }
}

impl Topic {
    /// The partition of a record with `key`.
    fn partition_for(&self, key: Option<&[u8]>) -> PartitionId {
        match key {
            Some(key) => partitioner::partition_for_key(key, self.partition_count()),
            None => self.sticky(),
        }
    }
}
