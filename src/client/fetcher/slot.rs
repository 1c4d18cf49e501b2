//! One partition that is read: its position, and what stands in the way of reading on.

use tokio::time::Instant;

use crate::client::config::Config;
use crate::client::fetcher::session::Wanted;
use crate::protocol::aborted::AbortedTransaction;
use crate::protocol::message::Uuid;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::TopicPartition;

/// Where a partition is, as far as the last answer told. Before the first answer nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermarks {
    /// The offset after the last record that every in-sync replica has.
    pub high_watermark: Option<Offset>,
    /// The offset of the first record of an open transaction, else the high watermark.
    pub last_stable_offset: Option<Offset>,
    /// The offset of the first record.
    pub log_start_offset: Option<Offset>,
}

/// Whether a partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// Read on.
    Read,
    /// An error was reported; only a seek goes on.
    Stopped,
    /// Its position lies outside the log, whose ends are being asked for.
    Resetting,
    /// The caller reads it no longer. It is kept, because brokers must be told by its name.
    Released,
}

/// Who is asked for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The leader with this node id.
    Leader(i32),
    /// Nobody: metadata is to be asked again, not before this time.
    Unknown(Instant),
}

/// One partition that is read.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) partition: TopicPartition,
    pub(super) topic_id: Uuid,
    pub(super) position: Offset,
    pub(super) flow: Flow,
    pub(super) is_paused: bool,
    pub(super) home: Home,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) last_epoch: LeaderEpoch,
    pub(super) bytes_max: i32,
    pub(super) watermarks: Watermarks,
    /// Since when it cannot be read, and how often that was tried to mend.
    pub(super) trouble: Option<Trouble>,
    /// Whether the last batch at this position had a wrong checksum.
    pub(super) was_corrupt: bool,
    /// Whether an answer above every limit may have been its doing: it is asked for alone.
    pub(super) is_suspect: bool,
}

/// Why a partition is not being read for the moment.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Since when.
    pub since: Instant,
    /// How often it was tried again.
    pub attempts: u32,
    /// What happened last.
    pub cause: String,
}

/// The part of an answer that belongs to one partition.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) slot: usize,
    /// From where on records are wanted.
    pub(super) position: Offset,
    pub(super) next_offset: Offset,
    /// Where the whole batches lie in the frame.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) aborted: Vec<AbortedTransaction>,
}

impl Slot {
    pub(super) fn new(partition: TopicPartition, position: Offset, bytes_max: i32) -> Self {
        Self {
            partition,
            topic_id: Uuid::default(),
            position,
            flow: Flow::Read,
            is_paused: false,
            home: Home::Unknown(Instant::now()),
            leader_epoch: LeaderEpoch::UNKNOWN,
            last_epoch: LeaderEpoch::UNKNOWN,
            bytes_max,
            watermarks: Watermarks::default(),
            trouble: None,
            was_corrupt: false,
            is_suspect: false,
        }
    }

    pub(super) fn wanted_from(&self, node: i32) -> Option<Wanted> {
        let is_read = self.flow == Flow::Read && !self.is_paused;
        (is_read && self.home == Home::Leader(node)).then_some(Wanted {
            offset: self.position,
            leader_epoch: self.leader_epoch,
            last_epoch: self.last_epoch,
            bytes_max: self.bytes_max,
        })
    }

    /// Goes to another position, whatever stood in the way.
    pub(super) fn seek(&mut self, position: Offset) {
        self.position = position;
        self.last_epoch = LeaderEpoch::UNKNOWN;
        self.was_corrupt = false;
        self.is_suspect = false;
        self.flow = Flow::Read;
    }

    /// Notes that it cannot be read for now, and looks for its leader again after a pause.
    pub(super) fn lose_home(&mut self, cause: String, config: &Config) {
        let (since, attempts) = match &self.trouble {
            Some(trouble) => (trouble.since, trouble.attempts + 1),
            None => (Instant::now(), 1),
        };
        let doubled = config
            .retry_backoff
            .saturating_mul(1 << (attempts - 1).min(10));
        self.home = Home::Unknown(Instant::now() + doubled.min(config.retry_backoff_max));
        self.trouble = Some(Trouble {
            since,
            attempts,
            cause,
        });
    }
}
