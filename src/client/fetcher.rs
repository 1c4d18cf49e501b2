//! Reads partitions in bulk, several at a time, from all their leaders.
//!
//! Each broker has one connection and one request on it; the next one leaves before the answer is
//! handed out, because the new positions stand in the batch headers. Answers are read into one
//! buffer per broker and lent to the caller: no record is copied or looked at here, but for its
//! batch's checksum. All state is in the [`Fetcher`]; nothing runs unless it is polled, and a poll
//! may be dropped at any time.

mod answer;
mod error;
mod fetched;
mod link;
mod session;
mod slot;
mod socket;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::Sleep;

use crate::client::admin::wire_millis;
use crate::client::call::CallError;
use crate::client::call::may_help;
use crate::client::cluster::Cluster;
use crate::client::cluster::TopicRefusal;
use crate::client::config::FetchSettings;
use crate::client::config::Isolation;
use crate::client::config::OffsetReset;
use crate::client::connection::RequestError;
use crate::client::dial::BoxFuture;
use crate::client::fetcher::answer::Checksums;
use crate::client::fetcher::answer::Outcome;
use crate::client::fetcher::answer::Problem;
use crate::client::fetcher::link::Link;
use crate::client::fetcher::link::Lost;
use crate::client::fetcher::session::Wanted;
use crate::client::fetcher::slot::Flow;
use crate::client::fetcher::slot::Home;
use crate::client::fetcher::slot::Part;
use crate::client::fetcher::slot::Slot;
use crate::client::offsets::OffsetSpec;
use crate::client::offsets::Offsets;
use crate::protocol::batch_error::BatchError;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::fetch::FetchRequest;
use crate::protocol::message::fetch::FetchableTopicResponse;
use crate::record::Offset;
use crate::record::TopicPartition;

pub use error::FetchError;
pub use fetched::Fetched;
pub use fetched::FetchedPartition;
pub use fetched::VisibleBatches;
pub use slot::Trouble;
pub use slot::Watermarks;

/// How long a topic that was there may be unknown before it counts as deleted.
const DELETED_AFTER: Duration = Duration::from_secs(15);

type Range = Result<(Offset, Offset), CallError>;

/// Reads partitions. Made for one owner that polls it.
pub struct Fetcher {
    cluster: Cluster,
    settings: FetchSettings,
    slots: Vec<Slot>,
    numbers: HashMap<TopicPartition, usize>,
    links: Vec<Link>,
    refresh: Option<BoxFuture<'static, Result<Vec<TopicRefusal>, RequestError>>>,
    resets: Vec<(usize, BoxFuture<'static, Range>)>,
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

    /// Goes on with everything; ready with the link whose frame holds records, or without one at
    /// the deadline.
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Instant,
    ) -> Poll<Result<Option<usize>, FetchError>> {
        loop {
            self.settle();
            self.poll_refresh(cx);
            self.poll_resets(cx);
            self.open_links();
            if let Some(error) = self.errors.pop_front() {
                return Poll::Ready(Err(error));
            }
            match self.poll_links(cx) {
                Step::Ready(index) => return Poll::Ready(Ok(Some(index))),
                Step::Moved => {}
                Step::Waiting => {
                    let wake = self.next_wake(deadline);
                    if self.timer.deadline() != wake {
                        self.timer.as_mut().reset(wake);
                    }
                    if self.timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    if Instant::now() >= deadline {
                        return Poll::Ready(Ok(None));
                    }
                }
            }
        }
    }

    /// Polls each link once, beginning with another one each time.
    fn poll_links(&mut self, cx: &mut Context<'_>) -> Step {
        let mut step = Step::Waiting;
        for offset in 0..self.links.len() {
            let index = (self.turn + offset) % self.links.len();
            match self.poll_link(cx, index) {
                Step::Ready(index) => {
                    self.turn = index + 1;
                    return Step::Ready(index);
                }
                Step::Moved => step = Step::Moved,
                Step::Waiting => {}
            }
        }
        step
    }

    fn poll_link(&mut self, cx: &mut Context<'_>, index: usize) -> Step {
        let now = Instant::now();
        let Some(link) = self.links.get_mut(index) else {
            return Step::Waiting;
        };
        match link.poll(cx, self.cluster.config().frame_bytes_max) {
            Poll::Ready(Err(lost)) => {
                self.lose(index, lost);
                Step::Moved
            }
            Poll::Ready(Ok(())) => {
                self.process(index);
                let has_records = !self.parts.is_empty();
                self.ask(cx, index);
                if has_records {
                    return Step::Ready(index);
                }
                if let Some(link) = self.links.get_mut(index) {
                    link.frame.clear();
                }
                Step::Moved
            }
            Poll::Pending if link.due().is_some_and(|due| due <= now) => {
                self.lose(index, Lost::Broken("no answer in time".to_owned()));
                Step::Moved
            }
            Poll::Pending if link.is_idle() => self.ask(cx, index),
            Poll::Pending => Step::Waiting,
        }
    }

    /// Sends the next fetch of an idle link, where there is anything to ask for.
    fn ask(&mut self, cx: &mut Context<'_>, index: usize) -> Step {
        let now = Instant::now();
        let Some(link) = self.links.get_mut(index) else {
            return Step::Waiting;
        };
        let numbered = self.slots.iter().enumerate();
        let wanted: BTreeMap<usize, Wanted> = numbered
            .filter_map(|(number, slot)| Some((number, slot.wanted_from(link.node)?)))
            .collect();
        if wanted.is_empty() || !link.is_idle() || link.not_before > now {
            return Step::Waiting;
        }
        let config = self.cluster.config();
        let largest = wanted.values().map(|want| want.bytes_max).max();
        let request = FetchRequest {
            max_wait_ms: wire_millis(self.settings.wait_max),
            min_bytes: self.settings.bytes_min,
            max_bytes: self.settings.bytes_max.max(largest.unwrap_or_default()),
            isolation_level: self.settings.isolation.wire(),
            ..FetchRequest::default()
        };
        let due = now + config.request_timeout + self.settings.wait_max;
        if let Err(error) = link.ask(cx, request, &wanted, &self.slots, &config.client_id, due) {
            link.close();
            for number in wanted.keys() {
                self.stop(*number);
            }
            self.errors.push_back(FetchError::Request(error));
        }
        Step::Moved
    }

    /// Takes an answer apart: parts to hand out, and problems to handle.
    fn process(&mut self, index: usize) {
        let Self {
            links,
            slots,
            numbers,
            parts,
            ..
        } = self;
        let Some(link) = links.get_mut(index) else {
            return;
        };
        let response = match link.answer() {
            Ok(response) => response,
            Err(because) => return self.lose(index, Lost::Broken(because)),
        };
        let (code, session_id) = (ErrorCode(response.error_code), response.session_id);
        let throttle = Duration::from_millis(u64::try_from(response.throttle_time_ms).unwrap_or(0));
        let checksums = Checksums::of(self.settings.check_crcs);
        let frame_start = link.frame.frame().as_ptr().addr();
        let mut problems = Vec::new();
        for topic in &response.responses {
            for data in &topic.partitions {
                let Some(number) = number(numbers, slots, topic, data.partition_index) else {
                    continue;
                };
                let Some(slot) = slots.get_mut(number) else {
                    continue;
                };
                let is_asked = link
                    .session
                    .asked(number)
                    .is_some_and(|asked| asked.offset == slot.position);
                if !is_asked || slot.flow != Flow::Read {
                    continue;
                }
                let records = data.records.as_deref().unwrap_or_default();
                let start = records.as_ptr().addr().saturating_sub(frame_start);
                match answer::take(slot, number, data, start, checksums) {
                    Outcome::Nothing => {}
                    Outcome::Moved(part) => parts.push(part),
                    Outcome::Bad(part, problem) => {
                        parts.extend(part);
                        problems.push((number, problem));
                    }
                }
            }
        }
        drop(response);
        link.session.answered(code, session_id);
        link.not_before = Instant::now() + throttle;
        let node = link.node;
        if code == ErrorCode::NONE {
            let served = slots
                .iter_mut()
                .filter(|slot| slot.home == Home::Leader(node));
            served.for_each(|slot| slot.trouble = None);
        } else if code.action() != Action::RenewFetchSession {
            self.lose(index, Lost::Broken(code.name().to_owned()));
        }
        for (number, problem) in problems {
            self.handle(index, number, problem);
        }
    }

    fn handle(&mut self, index: usize, number: usize, problem: Problem) {
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        let (partition, offset) = (slot.partition.clone(), slot.position);
        let error = match problem {
            Problem::Code(code) if code.action() == Action::ResetPosition => {
                return self.reset(number);
            }
            Problem::Code(code) if may_help(code.action()) => {
                return slot.lose_home(code.name().to_owned(), self.cluster.config());
            }
            Problem::Code(code) => FetchError::Answered { partition, code },
            Problem::Diverged(end) => FetchError::Truncated {
                partition,
                position: offset,
                end,
            },
            Problem::Batch(BatchError::Crc { .. }) if !slot.was_corrupt => {
                slot.was_corrupt = true;
                return self.lose(index, Lost::Broken("wrong checksum".to_owned()));
            }
            Problem::Batch(source) => FetchError::Batch {
                partition,
                offset,
                source,
            },
            Problem::Larger(bytes) => {
                let limit = self.cluster.config().frame_bytes_max;
                match i32::try_from(bytes) {
                    Ok(larger) if bytes < limit && larger > slot.bytes_max => {
                        slot.bytes_max = larger;
                        return;
                    }
                    _ => FetchError::TooLarge {
                        partition,
                        offset,
                        bytes,
                        limit,
                    },
                }
            }
        };
        self.stop(number);
        self.errors.push_back(error);
    }

    fn stop(&mut self, number: usize) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.flow = Flow::Stopped;
        }
    }

    /// A link is gone: its partitions look for their leader again.
    fn lose(&mut self, index: usize, lost: Lost) {
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        link.close();
        let home = Home::Leader(link.node);
        let homed = self.slots.iter_mut().filter(|slot| slot.home == home);
        match lost {
            Lost::Connect(error) if error.is_final() => {
                homed.for_each(|slot| slot.flow = Flow::Stopped);
                self.errors.push_back(FetchError::Connect(error));
            }
            Lost::Connect(error) => {
                let cause = crate::client::connect_error::chain(&error);
                homed.for_each(|slot| slot.lose_home(cause.clone(), self.cluster.config()));
            }
            Lost::Broken(because) => {
                let cause = format!("{}: {because}", link.address);
                homed.for_each(|slot| slot.lose_home(cause.clone(), self.cluster.config()));
            }
        }
    }

    /// Asks where the log begins and ends.
    fn reset(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        slot.flow = Flow::Resetting;
        let (offsets, partition) = (Offsets::new(self.cluster.clone()), slot.partition.clone());
        let isolation = self.settings.isolation;
        self.resets
            .push((number, Box::pin(log_range(offsets, partition, isolation))));
    }

    fn poll_resets(&mut self, cx: &mut Context<'_>) {
        let mut done = Vec::new();
        self.resets
            .retain_mut(|(number, asking)| match asking.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(range) => {
                    done.push((*number, range));
                    false
                }
            });
        for (number, range) in done {
            self.apply_reset(number, range);
        }
    }

    fn apply_reset(&mut self, number: usize, range: Range) {
        let policy = self.settings.offset_reset;
        let Some(slot) = self
            .slots
            .get_mut(number)
            .filter(|slot| slot.flow == Flow::Resetting)
        else {
            return;
        };
        let (partition, position) = (slot.partition.clone(), slot.position);
        slot.flow = Flow::Stopped;
        match (range, policy) {
            (Err(source), _) => self.errors.push_back(FetchError::RangeUnknown {
                partition,
                position,
                source,
            }),
            (Ok((log_start, log_end)), OffsetReset::Fail) => {
                self.errors.push_back(FetchError::OutOfRange {
                    partition,
                    position,
                    log_start,
                    log_end,
                })
            }
            (Ok((log_start, log_end)), OffsetReset::Earliest | OffsetReset::Latest) => {
                let to = if policy == OffsetReset::Earliest {
                    log_start
                } else {
                    log_end
                };
                tracing::warn!(%partition, %position, %log_start, %log_end, %to, "position outside the log, reset");
                slot.seek(to);
            }
        }
    }

    /// Gives partitions without a known leader one from memory, or asks for it.
    fn settle(&mut self) {
        let metadata = self.cluster.metadata();
        let now = Instant::now();
        let mut stale = Vec::new();
        for slot in self.slots.iter_mut().filter(|slot| slot.flow == Flow::Read) {
            let Home::Unknown(not_before) = slot.home else {
                continue;
            };
            let known = metadata.topics.get(&slot.partition.topic);
            let leader = known.and_then(|topic| topic.leader(slot.partition.partition));
            match (known, leader) {
                (Some(topic), Some(leader)) if slot.trouble.is_none() => {
                    slot.topic_id = topic.id;
                    slot.home = Home::Leader(leader.node);
                    slot.leader_epoch = leader.epoch;
                }
                _ if not_before <= now => stale.push(slot.partition.topic.clone()),
                _ => {}
            }
        }
        stale.sort();
        stale.dedup();
        if self.refresh.is_none() && !stale.is_empty() {
            let cluster = self.cluster.clone();
            self.refresh = Some(Box::pin(async move {
                let names: Vec<&str> = stale.iter().map(|name| &**name).collect();
                cluster.refresh_topics(&names).await
            }));
        }
    }

    fn poll_refresh(&mut self, cx: &mut Context<'_>) {
        let Some(refresh) = &mut self.refresh else {
            return;
        };
        let Poll::Ready(refreshed) = refresh.as_mut().poll(cx) else {
            return;
        };
        self.refresh = None;
        let failed = refreshed.err();
        if let Some(RequestError::Connect(error)) =
            failed.as_ref().filter(|error| !error.is_retriable())
        {
            self.errors.push_back(FetchError::Connect(error.clone()));
            self.slots
                .iter_mut()
                .for_each(|slot| slot.flow = Flow::Stopped);
            return;
        }
        for number in 0..self.slots.len() {
            self.find_home(number, failed.as_ref());
        }
    }

    /// After metadata was asked: the leader of one partition, or why there is none.
    fn find_home(&mut self, number: usize, failed: Option<&RequestError>) {
        let metadata = self.cluster.metadata();
        let config = self.cluster.config();
        let Some(slot) = self.slots.get_mut(number) else {
            return;
        };
        let Home::Unknown(not_before) = slot.home else {
            return;
        };
        if slot.flow != Flow::Read || not_before > Instant::now() {
            return;
        }
        if let Some(error) = failed {
            return slot.lose_home(crate::client::connect_error::chain(error), config);
        }
        let name = slot.partition.topic.clone();
        let error = match metadata.topics.get(&name) {
            None => {
                slot.lose_home("the topic does not exist".to_owned(), config);
                let since = slot.trouble.as_ref().map(|trouble| trouble.since.elapsed());
                if since.is_none_or(|since| since < DELETED_AFTER) {
                    return;
                }
                FetchError::UnknownTopic(name)
            }
            Some(topic) if slot.topic_id != Uuid::default() && slot.topic_id != topic.id => {
                FetchError::Recreated(name)
            }
            Some(topic) if topic.partition(slot.partition.partition).is_none() => {
                FetchError::UnknownPartition(slot.partition.clone())
            }
            Some(topic) => {
                slot.topic_id = topic.id;
                match topic.leader(slot.partition.partition) {
                    None => slot.lose_home("the partition has no leader".to_owned(), config),
                    Some(leader) => {
                        slot.home = Home::Leader(leader.node);
                        slot.leader_epoch = leader.epoch;
                    }
                }
                return;
            }
        };
        slot.topic_id = Uuid::default();
        self.stop(number);
        self.errors.push_back(error);
    }

    /// Connects to leaders that are not connected to.
    fn open_links(&mut self) {
        for slot in &mut self.slots {
            let (Flow::Read, Home::Leader(node)) = (slot.flow, slot.home) else {
                continue;
            };
            if slot.is_paused
                || self
                    .links
                    .iter()
                    .any(|link| link.node == node && !link.is_closed())
            {
                continue;
            }
            match self.cluster.address(node) {
                Ok(address) => self.links.push(Link::new(&self.cluster, node, address)),
                Err(error) => slot.lose_home(error.to_string(), self.cluster.config()),
            }
        }
    }

    /// When something is due without any news from a socket.
    fn next_wake(&self, deadline: Instant) -> Instant {
        let homeless = self
            .slots
            .iter()
            .filter(|slot| slot.flow == Flow::Read && self.refresh.is_none());
        let retries = homeless.filter_map(|slot| match slot.home {
            Home::Unknown(not_before) => Some(not_before),
            Home::Leader(_) => None,
        });
        let now = Instant::now();
        let links = self.links.iter().filter(|link| !link.is_closed());
        let dues =
            links.filter_map(|link| link.due().or(Some(link.not_before).filter(|at| *at > now)));
        retries.chain(dues).fold(deadline, Instant::min)
    }
}

/// What came of polling the links.
enum Step {
    /// Records, in the frame of this link.
    Ready(usize),
    /// Something else changed: look again.
    Moved,
    Waiting,
}

/// The number of the slot that a part of an answer belongs to.
fn number(
    numbers: &HashMap<TopicPartition, usize>,
    slots: &[Slot],
    topic: &FetchableTopicResponse<'_>,
    partition: i32,
) -> Option<usize> {
    if topic.topic_id == Uuid::default() {
        return numbers
            .get(&TopicPartition::new(topic.topic.as_ref(), partition))
            .copied();
    }
    let is_it =
        |slot: &Slot| slot.topic_id == topic.topic_id && slot.partition.partition.0 == partition;
    slots.iter().position(is_it)
}

/// Where a log begins and ends now.
async fn log_range(offsets: Offsets, partition: TopicPartition, isolation: Isolation) -> Range {
    let asked = std::slice::from_ref(&partition);
    let mut ends = [Offset::default(); 2];
    for (end, spec) in ends
        .iter_mut()
        .zip([OffsetSpec::Earliest, OffsetSpec::Latest])
    {
        let listed = offsets.list(asked, spec, isolation).await?;
        *end = listed
            .get(&partition)
            .and_then(|listed| listed.offset)
            .unwrap_or_default();
    }
    let [start, end] = ends;
    Ok((start, end))
}
