//! Writes records in order, each once: an idempotent producer.
//!
//! A record is encoded straight into its partition's open batch. Batches close when they are full
//! or their linger time is over; a task of the producer's own sends them to their leaders, at most
//! five requests at a time to each, and deals with answers, retries and new leaders. What became of
//! each batch is told exactly: written, not written, or unknown.
//!
//! [`TransactionalProducer`] does the same in transactions: all of the records of one count, with the
//! offsets that are committed in it, or none.

mod batch;
mod coordination;
mod flight;
mod lane;
mod outcome;
mod sender;
mod state;
mod transaction;
mod transaction_error;
mod transactional;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::timeout_at;

use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::cluster::Cluster;
use crate::client::config::ProduceSettings;
use crate::client::producer::sender::Sender;
use crate::client::producer::state::SharedTransaction;
use crate::client::producer::state::State;
use crate::client::producer::state::Taken;
use crate::protocol::partitioner::partition_for_key;
use crate::record::Header;
use crate::record::PartitionId;
use crate::record::TopicName;

pub use coordination::GroupMember;
pub use outcome::BatchOutcome;
pub use outcome::Delivery;
pub use outcome::Outcome;
pub use outcome::ProduceError;
pub use outcome::SendError;
pub use state::NewRecord;
pub use transaction_error::TransactionEnd;
pub use transaction_error::TransactionError;
pub use transactional::TransactionalId;
pub use transactional::TransactionalProducer;

/// What callers and the sender share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There is something to send.
    work: Notify,
    /// Something was dealt with.
    progress: Notify,
}

impl Shared {
    /// No code that can panic runs under the lock with the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes records. Dropping it sends what was taken, as long as its runtime lives; [`Self::flush`]
/// waits for it.
#[derive(Debug)]
pub struct Producer {
    cluster: Cluster,
    settings: ProduceSettings,
    shared: Arc<Shared>,
}

/// A topic to write to.
#[derive(Clone, Debug)]
pub struct TopicHandle {
    name: TopicName,
    index: usize,
    partitions: NonZeroU32,
}

impl TopicHandle {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &TopicName {
        &self.name
    }

    /// How many partitions it had when it was looked up; keys keep their partition for the
    /// producer's life.
    #[must_use]
    pub const fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }
}

/// Where a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// To this partition.
    Partition(PartitionId),
    /// To the partition that Java's default partitioner chooses for its key; without a key, to one
    /// partition until a batch is full, then to the next.
    ByKey,
}

/// Whether the outcome of each batch is kept for [`Producer::take_outcomes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcomes {
    /// They are kept until they are taken: take them often.
    Keep,
    /// They are only counted.
    Count,
}

impl Producer {
    /// A producer for any topics of `cluster`; its task runs on the current tokio runtime.
    #[must_use]
    pub fn new(cluster: Cluster, settings: ProduceSettings, outcomes: Outcomes) -> Self {
        Self::start(cluster, settings, outcomes, None)
    }

    fn start(
        cluster: Cluster,
        settings: ProduceSettings,
        outcomes: Outcomes,
        transaction: Option<SharedTransaction>,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(outcomes == Outcomes::Keep, transaction)),
            work: Notify::new(),
            progress: Notify::new(),
        });
        let sender = Sender::new(cluster.clone(), settings.clone(), Arc::clone(&shared));
        tokio::spawn(sender.run());
        Self {
            cluster,
            settings,
            shared,
        }
    }

    /// Looks a topic up. It is never created by asking.
    ///
    /// # Errors
    ///
    /// [`Failure::UnknownTopic`], or what kept the cluster from answering.
    pub async fn topic(&self, name: &str) -> Result<TopicHandle, CallError> {
        let topic = self.cluster.topic(name).await?;
        let count = topic.partitions.len();
        let partitions = u32::try_from(count).ok().and_then(NonZeroU32::new);
        let partitions = partitions.ok_or_else(|| {
            let topic = name.to_owned();
            CallError::once(
                "look up a topic to write to",
                Failure::UnknownTopic {
                    topic,
                    nearest: None,
                },
            )
        })?;
        Ok(TopicHandle {
            index: self.shared.lock().topic(&topic.name, count),
            name: TopicName::clone(&topic.name),
            partitions,
        })
    }

    /// Takes a record, if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] where there is not: wait for [`Self::room`]. Else the record is refused
    /// for good, and nothing was taken.
    pub fn try_send<'h, H>(
        &self,
        topic: &TopicHandle,
        placement: Placement,
        record: NewRecord<'_, H>,
    ) -> Result<(), SendError>
    where
        H: Iterator<Item = Header<'h>> + Clone,
    {
        self.push(topic, placement, record).map(|_| ())
    }

    fn push<'h, H>(
        &self,
        topic: &TopicHandle,
        placement: Placement,
        record: NewRecord<'_, H>,
    ) -> Result<Taken, SendError>
    where
        H: Iterator<Item = Header<'h>> + Clone,
    {
        let partition = match (placement, record.key) {
            (Placement::Partition(partition), _) => Some(partition),
            (Placement::ByKey, Some(key)) => Some(partition_for_key(key, topic.partitions)),
            (Placement::ByKey, None) => None,
        };
        let partition = partition.map(|partition| {
            // A negative partition is one that no topic has.
            usize::try_from(partition.0).unwrap_or(usize::MAX)
        });
        let mut state = self.shared.lock();
        if let Some(error) = &state.failed {
            return Err(SendError::Failed(Box::new(error.clone())));
        }
        let taken = state.push(&self.settings, topic.index, partition, record)?;
        drop(state);
        if taken != Taken::Quietly {
            self.shared.work.notify_one();
        }
        Ok(taken)
    }

    /// Takes a record, waiting for room. Lets the sender run whenever a batch is full, so that it
    /// keeps up on a runtime of one thread.
    ///
    /// # Errors
    ///
    /// As [`Self::try_send`], but for [`SendError::Full`].
    pub async fn send<'h, H>(
        &self,
        topic: &TopicHandle,
        placement: Placement,
        record: NewRecord<'_, H>,
    ) -> Result<(), SendError>
    where
        H: Iterator<Item = Header<'h>> + Clone,
    {
        let mut taken = self.push(topic, placement, record.clone());
        while let Err(SendError::Full) = taken {
            let progress = self.shared.progress.notified();
            taken = self.push(topic, placement, record.clone());
            if let Err(SendError::Full) = taken {
                self.wait_for(progress).await;
            }
        }
        if taken? == Taken::Closed {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Where only open batches fill the buffer, they go without waiting for their linger time.
    async fn wait_for(&self, progress: impl Future<Output = ()>) {
        self.shared.lock().close_if_stalled();
        self.shared.work.notify_one();
        progress.await;
    }

    /// Waits until something that was sent has been dealt with, which makes room; at once where
    /// nothing is outstanding.
    pub async fn room(&self) {
        let progress = self.shared.progress.notified();
        if self.shared.lock().delivery.outstanding() > 0 {
            self.wait_for(progress).await;
        }
    }

    /// Sends everything now and waits until it is dealt with, or until `deadline`. What is left
    /// then is [`Delivery::outstanding`].
    pub async fn flush(&self, deadline: Instant) -> Delivery {
        loop {
            let progress = self.shared.progress.notified();
            let delivery = {
                let mut state = self.shared.lock();
                state.close_all();
                state.delivery.clone()
            };
            if delivery.outstanding() == 0 {
                return delivery;
            }
            self.shared.work.notify_one();
            if timeout_at(deadline, progress).await.is_err() {
                return self.delivery();
            }
        }
    }

    /// Sends everything now, and does not wait for it.
    fn hurry(&self) {
        self.shared.lock().close_all();
        self.shared.work.notify_one();
    }

    /// Waits until the coordinator has answered to partitions that it was told of; that request has
    /// a deadline of its own.
    async fn joined(&self) {
        loop {
            let progress = self.shared.progress.notified();
            if !self.shared.lock().is_joining {
                return;
            }
            progress.await;
        }
    }

    /// What has become of records so far.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.shared.lock().delivery.clone()
    }

    /// What has become of batches since this was called last; empty unless outcomes are kept.
    #[must_use]
    pub fn take_outcomes(&self) -> Vec<BatchOutcome> {
        self.shared.lock().take_outcomes()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_dropped = true;
        state.close_all();
        drop(state);
        self.shared.work.notify_one();
    }
}
