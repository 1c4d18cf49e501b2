//! Reads partitions in bulk, several at a time, from all their leaders.
//!
//! Each broker has one connection and one request on it; the next one leaves before the answer is
//! handed out, because the new positions stand in the batch headers. Answers are read into one
//! buffer per broker and lent to the caller: no record is copied or looked at here, but for its
//! batch's checksum. All state is in the [`Fetcher`]; nothing runs unless it is polled, and a poll
//! may be dropped at any time.

mod answer;
mod drive;
mod error;
mod fetched;
mod link;
mod recovery;
mod session;
mod slot;
mod socket;

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::Sleep;

use crate::client::cluster::Cluster;
use crate::client::cluster::TopicRefusal;
use crate::client::config::FetchSettings;
use crate::client::connection::RequestError;
use crate::client::dial::BoxFuture;
use crate::client::fetcher::link::Link;
use crate::client::fetcher::recovery::LogRange;
use crate::client::fetcher::slot::Flow;
use crate::client::fetcher::slot::Part;
use crate::client::fetcher::slot::Slot;
use crate::record::Offset;
use crate::record::TopicPartition;

pub use error::FetchError;
pub use fetched::Fetched;
pub use fetched::FetchedPartition;
pub use fetched::VisibleBatches;
pub use slot::Trouble;
pub use slot::Watermarks;

/// Reads partitions. Made for one owner that polls it.
pub struct Fetcher {
    cluster: Cluster,
    settings: FetchSettings,
    slots: Vec<Slot>,
    numbers: HashMap<TopicPartition, usize>,
    links: Vec<Link>,
    refresh: Option<BoxFuture<'static, Result<Vec<TopicRefusal>, RequestError>>>,
    resets: Vec<(usize, BoxFuture<'static, LogRange>)>,
    errors: VecDeque<FetchError>,
    parts: Vec<Part>,
    /// The link whose frame the caller has, until the next poll.
    lent: Option<usize>,
    timer: Pin<Box<Sleep>>,
    turn: usize,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher that reads nothing yet. Must be made within a tokio runtime.
    #[must_use]
    pub fn new(cluster: Cluster, settings: FetchSettings) -> Self {
        Self {
            cluster,
            settings,
            slots: Vec::new(),
            numbers: HashMap::new(),
            links: Vec::new(),
            refresh: None,
            resets: Vec::new(),
            errors: VecDeque::new(),
            parts: Vec::new(),
            lent: None,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            turn: 0,
        }
    }

    /// Reads a partition from `position` on; one that is read already goes there.
    pub fn assign(&mut self, partition: TopicPartition, position: Offset) {
        match self.slot_mut(&partition) {
            Some(slot) => {
                slot.is_paused = false;
                slot.seek(position);
            }
            None => {
                self.numbers.insert(partition.clone(), self.slots.len());
                self.slots.push(Slot::new(
                    partition,
                    position,
                    self.settings.partition_bytes_max,
                ));
            }
        }
    }

    /// Reads a partition no longer.
    pub fn release(&mut self, partition: &TopicPartition) {
        if let Some(slot) = self.slot_mut(partition) {
            slot.flow = Flow::Released;
        }
    }

    /// Asks for no more of a partition for now. An answer that is on its way is still handed out.
    pub fn pause(&mut self, partition: &TopicPartition) {
        if let Some(slot) = self.slot_mut(partition) {
            slot.is_paused = true;
        }
    }

    /// Reads a paused partition on.
    pub fn resume(&mut self, partition: &TopicPartition) {
        if let Some(slot) = self.slot_mut(partition) {
            slot.is_paused = false;
        }
    }

    /// Goes to another position, also after an error.
    pub fn seek(&mut self, partition: &TopicPartition, position: Offset) {
        if let Some(slot) = self
            .slot_mut(partition)
            .filter(|slot| slot.flow != Flow::Released)
        {
            slot.seek(position);
        }
    }

    /// The next offset that will be handed out; `None` where the partition is not read.
    #[must_use]
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        self.slot(partition).map(|slot| slot.position)
    }

    /// Where a partition begins and ends, as far as it is known.
    #[must_use]
    pub fn watermarks(&self, partition: &TopicPartition) -> Option<Watermarks> {
        self.slot(partition).map(|slot| slot.watermarks)
    }

    /// What keeps a partition from being read for now, if anything does.
    #[must_use]
    pub fn trouble(&self, partition: &TopicPartition) -> Option<&Trouble> {
        self.slot(partition)?.trouble.as_ref()
    }

    /// The partitions that are read, paused ones too.
    pub fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        let read = self.slots.iter().filter(|slot| slot.flow != Flow::Released);
        read.map(|slot| &slot.partition)
    }

    fn slot(&self, partition: &TopicPartition) -> Option<&Slot> {
        let slot = self.slots.get(*self.numbers.get(partition)?)?;
        (slot.flow != Flow::Released).then_some(slot)
    }

    fn slot_mut(&mut self, partition: &TopicPartition) -> Option<&mut Slot> {
        self.slots.get_mut(*self.numbers.get(partition)?)
    }

    /// The next answer that moves a position; empty where `deadline` passes first.
    ///
    /// What passes by itself (leaders that move, brokers that are away) is retried for as long as
    /// it lasts; [`Self::trouble`] tells of it.
    ///
    /// # Errors
    ///
    /// [`FetchError`] for a partition that stands still until [`Self::seek`]; the others can be
    /// polled on.
    pub async fn poll(&mut self, deadline: Instant) -> Result<Fetched<'_>, FetchError> {
        self.take_back();
        let ready = poll_fn(|cx| self.drive(cx, deadline)).await?;
        self.lent = ready;
        let link = ready.and_then(|index| self.links.get(index));
        Ok(Fetched {
            frame: link.map(|link| link.frame.frame()).unwrap_or_default(),
            parts: &self.parts,
            slots: &self.slots,
        })
    }

    /// The caller is done with what was lent.
    fn take_back(&mut self) {
        self.parts.clear();
        if let Some(link) = self.lent.take().and_then(|index| self.links.get_mut(index)) {
            link.frame.clear();
        }
        self.links.retain(|link| !link.is_closed());
    }
}
