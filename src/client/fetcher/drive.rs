//! The fetcher's loop: which link is asked, what its answer brings, what is waited for.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::admin::wire_millis;
use crate::client::call::may_help;
use crate::client::error_chain::chain;
use crate::client::fetcher::Fetcher;
use crate::client::fetcher::answer;
use crate::client::fetcher::answer::Checksums;
use crate::client::fetcher::answer::Outcome;
use crate::client::fetcher::answer::Problem;
use crate::client::fetcher::error::FetchError;
use crate::client::fetcher::link::Link;
use crate::client::fetcher::link::Lost;
use crate::client::fetcher::session::Session;
use crate::client::fetcher::session::Wanted;
use crate::client::fetcher::slot::Flow;
use crate::client::fetcher::slot::Home;
use crate::client::fetcher::slot::Slot;
use crate::protocol::batch_error::BatchError;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::protocol::message::fetch::FetchRequest;
use crate::protocol::message::fetch::FetchableTopicResponse;
use crate::record::TopicPartition;

impl Fetcher {
    /// Goes on with everything; ready with the link whose frame holds records, or without one at
    /// the deadline.
    pub(super) fn drive(
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
        let wanted = wanted(&self.slots, link.node);
        if wanted.is_empty() || !link.is_idle() || link.not_before > now {
            return Step::Waiting;
        }
        let config = self.cluster.config();
        let largest = wanted.values().map(|want| want.bytes_max).max();
        let request = FetchRequest {
            max_wait_ms: wire_millis(self.settings.wait_max),
            min_bytes: self.settings.bytes_min,
            max_bytes: self
                .settings
                .bytes_max
                .max(largest.unwrap_or_default())
                .min(room(config.frame_bytes_max)),
            isolation_level: self.settings.isolation.wire(),
            ..FetchRequest::default()
        };
        let due = now + config.request_timeout + self.settings.wait_max;
        if let Err(error) = link.ask(cx, request, &wanted, &self.slots, &config.client_id, due) {
            link.close();
            for number in wanted.keys() {
                self.stop(*number);
            }
            self.errors.push_back(FetchError::Request(Box::new(error)));
        }
        Step::Moved
    }

    /// Takes an answer apart: parts to hand out, and problems to handle.
    pub(super) fn process(&mut self, index: usize) {
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
        clear_suspects(slots, &link.session);
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

    pub(super) fn handle(&mut self, index: usize, number: usize, problem: Problem) {
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

    pub(super) fn stop(&mut self, number: usize) {
        if let Some(slot) = self.slots.get_mut(number) {
            slot.flow = Flow::Stopped;
        }
    }

    /// A link is gone: its partitions look for their leader again.
    pub(super) fn lose(&mut self, index: usize, lost: Lost) {
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        link.close();
        let home = Home::Leader(link.node);
        let homed = self.slots.iter_mut().filter(|slot| slot.home == home);
        match lost {
            Lost::Connect(error) if error.is_final() => {
                homed.for_each(|slot| slot.flow = Flow::Stopped);
                self.errors.push_back(FetchError::Connect(Box::new(error)));
            }
            Lost::Connect(error) => {
                let cause = chain(&error);
                homed.for_each(|slot| slot.lose_home(cause.clone(), self.cluster.config()));
            }
            Lost::TooLarge(bytes) => self.suspect(index, bytes),
            Lost::Broken(because) => {
                let cause = format!("{}: {because}", link.address);
                homed.for_each(|slot| slot.lose_home(cause.clone(), self.cluster.config()));
            }
        }
    }

    /// An answer was above the limit although less was asked for: it began with a batch that is,
    /// which a broker sends whole (KIP-74). Where it cannot be told whose, each is asked for alone.
    fn suspect(&mut self, index: usize, bytes: usize) {
        let Some(link) = self.links.get(index) else {
            return;
        };
        let numbered = self.slots.iter_mut().enumerate();
        let mut asked = numbered.filter(|(number, slot)| {
            slot.flow == Flow::Read && link.session.asked(*number).is_some()
        });
        let (first, second) = (asked.next(), asked.next());
        match (first, second) {
            (Some((_, slot)), None) => {
                slot.flow = Flow::Stopped;
                self.errors.push_back(FetchError::TooLarge {
                    partition: slot.partition.clone(),
                    offset: slot.position,
                    bytes,
                    limit: self.cluster.config().frame_bytes_max,
                });
            }
            (first, second) => {
                let suspects = first.into_iter().chain(second).chain(asked);
                suspects.for_each(|(_, slot)| slot.is_suspect = true);
            }
        }
    }

    /// Connects to leaders that are not connected to.
    pub(super) fn open_links(&mut self) {
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

/// What to ask a broker for: everything that it leads, or one suspect alone.
fn wanted(slots: &[Slot], node: i32) -> BTreeMap<usize, Wanted> {
    let numbered = slots.iter().enumerate();
    let mut wanted: BTreeMap<usize, Wanted> = numbered
        .filter_map(|(number, slot)| Some((number, slot.wanted_from(node)?)))
        .collect();
    let is_suspect = |number: &usize| slots.get(*number).is_some_and(|slot| slot.is_suspect);
    if let Some(suspect) = wanted.keys().copied().find(is_suspect) {
        wanted.retain(|number, _| *number == suspect);
    }
    wanted
}

/// Whoever an answer was asked for, and which came, is no suspect.
fn clear_suspects(slots: &mut [Slot], session: &Session) {
    for (number, slot) in slots.iter_mut().enumerate() {
        slot.is_suspect &= session.asked(number).is_none();
    }
}

/// How many bytes of records to ask for: an eighth of a frame is left to what stands around them.
fn room(frame_bytes_max: usize) -> i32 {
    i32::try_from(frame_bytes_max - frame_bytes_max / 8).unwrap_or(i32::MAX)
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
