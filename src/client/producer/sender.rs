//! The task behind a producer: takes ready batches to their leaders and their answers back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::future::pending;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::client::call::CallError;
use crate::client::cluster::Cluster;
use crate::client::cluster::TopicRefusal;
use crate::client::config::ProduceSettings;
use crate::client::connection::RequestError;
use crate::client::dial::BoxFuture;
use crate::client::error_chain::chain;
use crate::client::producer::Shared;
use crate::client::producer::batch::Identity;
use crate::client::producer::batch::encode;
use crate::client::producer::coordination::add_partitions;
use crate::client::producer::flight::Cargo;
use crate::client::producer::flight::Landed;
use crate::client::producer::flight::Place;
use crate::client::producer::flight::Writer;
use crate::client::producer::flight::answer_for;
use crate::client::producer::flight::fly;
use crate::client::producer::flight::initialise;
use crate::client::producer::lane::Answer;
use crate::client::producer::lane::Next;
use crate::client::producer::lane::Verdict;
use crate::client::producer::outcome::Outcome;
use crate::client::producer::outcome::ProduceError;
use crate::client::producer::state::State;
use crate::client::producer::transaction::Incarnation;
use crate::client::producer::transaction::Sure;
use crate::protocol::compression::Decompressor;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::produce::ProduceResponse;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// How often the sender looks for expired batches at least.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How a broker is doing.
#[derive(Debug)]
struct Node {
    in_flight: usize,
    not_before: Instant,
}

pub(super) struct Sender {
    cluster: Cluster,
    settings: ProduceSettings,
    shared: Arc<Shared>,
    identity: Option<Identity>,
    initialising: Option<BoxFuture<'static, Result<Identity, CallError>>>,
    joining: Option<BoxFuture<'static, Joined>>,
    flights: Vec<BoxFuture<'static, Landed>>,
    nodes: BTreeMap<i32, Node>,
    stale: BTreeSet<TopicName>,
    refresh: Option<BoxFuture<'static, Result<Vec<TopicRefusal>, RequestError>>>,
    decompressor: Decompressor,
    turn: usize,
    told: Told,
}

/// What those who wait for progress were told last: how many records are dealt with, whether the
/// producer has failed, and whether the coordinator is being told of partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Told {
    settled: u64,
    has_failed: bool,
    is_joining: bool,
}

impl Sender {
    pub(super) fn new(cluster: Cluster, settings: ProduceSettings, shared: Arc<Shared>) -> Self {
        Self {
            cluster,
            settings,
            shared,
            identity: None,
            initialising: None,
            joining: None,
            flights: Vec::new(),
            nodes: BTreeMap::new(),
            stale: BTreeSet::new(),
            refresh: None,
            decompressor: Decompressor::new(),
            turn: 0,
            told: Told::default(),
        }
    }

    pub(super) async fn run(mut self) {
        while let Some(wake) = self.step() {
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                biased;
                landed = next_landed(&mut self.flights) => self.land(landed),
                () = shared.work.notified() => {}
                made = ready(&mut self.initialising) => self.initialised(made),
                joined = ready(&mut self.joining) => self.joined(joined),
                refreshed = ready(&mut self.refresh) => self.refreshed(refreshed),
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Does all that can be done now; tells when to look again, or `None` when all is over.
    fn step(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let linger = {
            let mut state = self.shared.lock();
            let linger = state.close_due(&self.settings, now);
            state.expire(&self.settings, now);
            if let Some(error) = state.failed.clone() {
                state.drain(&error);
            }
            if state.is_dropped && state.delivery.outstanding() == 0 {
                return None;
            }
            linger
        };
        match self.writer() {
            Who::Is(identity, writer) => {
                self.join(identity, now);
                while self.depart(identity, &writer, now) {}
            }
            Who::Unknown => self.initialise(),
            Who::Nobody => {}
        }
        self.start_refresh();
        self.tell();
        Some(self.next_wake(linger, now))
    }

    /// Wakes those who wait for progress, if there is any. Woken for nothing they would look, wait
    /// and wake this task again, which would go on for ever.
    fn tell(&mut self) {
        let state = self.shared.lock();
        let now = Told {
            settled: state.delivery.settled(),
            has_failed: state.failed.is_some(),
            is_joining: state.is_joining,
        };
        drop(state);
        if self.told != now {
            self.told = now;
            self.shared.progress.notify_waiters();
        }
    }

    fn next_wake(&self, linger: Option<Instant>, now: Instant) -> Instant {
        let state = self.shared.lock();
        let lanes = state.topics.iter().flat_map(|topic| &topic.lanes);
        let pauses = lanes
            .filter(|lane| lane.not_before > now && !lane.is_empty())
            .map(|lane| lane.not_before);
        let throttles = self
            .nodes
            .values()
            .map(|node| node.not_before)
            .filter(|at| *at > now);
        pauses
            .chain(throttles)
            .chain(linger)
            .fold(now + LOOK_AROUND, Instant::min)
    }

    /// In whose name batches go now.
    fn writer(&self) -> Who {
        let state = self.shared.lock();
        if state.failed.is_some() {
            return Who::Nobody;
        }
        let Some(transaction) = &state.transaction else {
            let identity = self.identity;
            return identity.map_or(Who::Unknown, |identity| {
                Who::Is(identity, Writer::Idempotent)
            });
        };
        let transaction = transaction.lock();
        transaction
            .writer()
            .map_or(Who::Nobody, |Incarnation { identity, version }| {
                let writer = Writer::Transactional(transaction.id(), version);
                Who::Is(identity, writer)
            })
    }

    /// Tells the coordinator of partitions that are about to be written to, where it has to be told.
    fn join(&mut self, identity: Identity, now: Instant) {
        if self.joining.is_some() {
            return;
        }
        let mut state = self.shared.lock();
        let Some(shared) = state.transaction.clone() else {
            return;
        };
        let mut transaction = shared.lock();
        let mut places = ready_places(&state, now);
        places.retain(|place| !transaction.is_member(*place));
        if places.is_empty() {
            return;
        }
        transaction.touch();
        let id = transaction.id();
        let partitions = places.iter().filter_map(|&(topic, lane)| {
            let lane = state.topics.get(topic)?.lanes.get(lane)?;
            Some(lane.partition.clone())
        });
        let partitions: Vec<_> = partitions.collect();
        state.is_joining = true;
        let cluster = self.cluster.clone();
        self.joining = Some(Box::pin(async move {
            let answer = add_partitions(&cluster, &id, identity, &partitions).await;
            Joined { places, answer }
        }));
    }

    fn joined(&mut self, joined: Joined) {
        self.joining = None;
        let mut state = self.shared.lock();
        state.is_joining = false;
        let Some(shared) = state.transaction.clone() else {
            return;
        };
        let taken = shared.lock().joined(joined.places, joined.answer);
        if let Err(error) = taken {
            state.doom(&ProduceError::Transaction(Box::new(error)));
        }
    }

    /// Sends at most one request to each leader; tells whether any went.
    fn depart(&mut self, identity: Identity, writer: &Writer, now: Instant) -> bool {
        let picked = self.pick(identity, now);
        let any = !picked.is_empty();
        for (node, picked) in picked {
            let cargo: Vec<Cargo> = picked
                .into_iter()
                .filter_map(|picked| self.load(picked))
                .collect();
            if cargo.is_empty() {
                continue;
            }
            self.nodes
                .entry(node)
                .or_insert_with(|| Node::new(now))
                .in_flight += 1;
            let timeout = self.cluster.config().request_timeout;
            let flight = fly(self.cluster.clone(), node, cargo, writer.clone(), timeout);
            self.flights.push(Box::pin(flight));
        }
        any
    }

    /// Takes the next batch of each lane whose leader has room.
    fn pick(&mut self, identity: Identity, now: Instant) -> BTreeMap<i32, Vec<Picked>> {
        let metadata = self.cluster.metadata();
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let mut picked: BTreeMap<i32, (usize, Vec<Picked>)> = BTreeMap::new();
        let places: Vec<Place> = members(&state, ready_places(&state, now));
        self.turn = self.turn.wrapping_add(1);
        for index in 0..places.len() {
            let Some(&place) = places.get((index + self.turn) % places.len()) else {
                continue;
            };
            let buffer = state.spare_buffer();
            let Some(lane) = state.lane(place.0, place.1) else {
                continue;
            };
            let known = metadata.topics.get(&lane.partition.topic);
            let Some(leader) = known.and_then(|topic| topic.leader(lane.partition.partition))
            else {
                self.stale.insert(TopicName::clone(&lane.partition.topic));
                lane.not_before = now + self.cluster.config().retry_backoff;
                lane.last_error = Some("the partition has no leader".to_owned());
                continue;
            };
            let node = self
                .nodes
                .entry(leader.node)
                .or_insert_with(|| Node::new(now));
            let (bytes, load) = picked.entry(leader.node).or_default();
            let is_full =
                *bytes > 0 && *bytes + self.settings.batch_bytes > self.settings.request_bytes_max;
            if node.in_flight >= self.settings.in_flight_max || node.not_before > now || is_full {
                state.keep_buffer(buffer);
                continue;
            }
            let Some(next) = lane.next(identity, now) else {
                continue;
            };
            *bytes += match &next {
                Next::Again(batch) => batch.bytes.len(),
                Next::Fresh(closed, ..) => closed.builder.len_bytes(),
            };
            let partition = lane.partition.clone();
            load.push(Picked {
                place,
                partition,
                next,
                buffer,
            });
        }
        let loaded = picked.into_iter().filter(|(_, (_, load))| !load.is_empty());
        loaded.map(|(node, (_, load))| (node, load)).collect()
    }

    /// Encodes a fresh batch, outside the lock.
    fn load(&self, picked: Picked) -> Option<Cargo> {
        let Picked {
            place,
            partition,
            next,
            mut buffer,
        } = picked;
        let batch = match next {
            Next::Again(batch) => {
                let mut state = self.shared.lock();
                state.delivery.retries += 1;
                state.keep_buffer(buffer);
                batch
            }
            Next::Fresh(mut closed, identity, sequence) => {
                buffer.reserve(closed.builder.len_bytes());
                let encoded = encode(
                    &mut closed,
                    identity,
                    sequence,
                    self.settings.compression,
                    buffer,
                );
                let mut state = self.shared.lock();
                match encoded {
                    Ok(batch) => {
                        state.keep_builder(closed.builder);
                        batch
                    }
                    Err(source) => {
                        if let Some(lane) = state.lane(place.0, place.1) {
                            lane.unbuildable();
                        }
                        let error = ProduceError::Build {
                            partition: partition.clone(),
                            source,
                        };
                        state.settle_closed(&partition, closed, Outcome::NotWritten(error));
                        return None;
                    }
                }
            }
        };
        Some(Cargo {
            place,
            partition,
            batch,
        })
    }

    fn land(&mut self, landed: Landed) {
        let Landed {
            node,
            cargo,
            answer,
        } = landed;
        if let Some(node) = self.nodes.get_mut(&node) {
            node.in_flight = node.in_flight.saturating_sub(1);
        }
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let read = answer.and_then(|reply| {
            let response: ProduceResponse<'_> = reply.body()?;
            let answers = cargo
                .iter()
                .map(|cargo| answer_for(&self.cluster, &response, &cargo.partition));
            Ok((answers.collect::<Vec<_>>(), response.throttle_time_ms))
        });
        match read {
            Ok((answers, throttle_ms)) => {
                for (cargo, answer) in cargo.into_iter().zip(answers) {
                    self.take_answer(&mut state, cargo, answer);
                }
                // Only now that the answer counts is the broker left alone (KIP-219).
                let throttle = Duration::from_millis(u64::try_from(throttle_ms).unwrap_or(0));
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.not_before = Instant::now() + throttle;
                }
            }
            Err(error) => {
                let is_final = !error.is_retriable() && !error.outcome_is_unknown();
                for cargo in cargo {
                    let because = chain(&error);
                    let lost = error.outcome_is_unknown();
                    let answer = if lost {
                        Answer::Lost(because)
                    } else {
                        Answer::NotSent(because)
                    };
                    self.take_answer(&mut state, cargo, answer);
                }
                if is_final {
                    state.fail(&ProduceError::Request(error));
                }
            }
        }
    }

    fn take_answer(&mut self, state: &mut State, cargo: Cargo, answer: Answer) {
        let Cargo {
            place,
            partition,
            batch,
        } = cargo;
        let attempts = batch.attempts;
        let reset = ProduceError::OutOfStep(partition.clone());
        let Some(lane) = state.lane(place.0, place.1) else {
            return;
        };
        let verdict = lane.answered(batch, answer);
        let resets = std::mem::take(&mut lane.resets);
        match verdict {
            Verdict::Done(batch, outcome) => state.settle(&partition, batch, outcome),
            Verdict::Again => {
                lane.not_before = Instant::now() + self.pause(attempts);
                self.stale.insert(partition.topic);
            }
            Verdict::Split(batch) => {
                match batch.split(self.settings.compression, &mut self.decompressor) {
                    Some(parts) => lane.replace(parts),
                    None => {
                        let error = ProduceError::Answered {
                            partition: partition.clone(),
                            code: ErrorCode::MESSAGE_TOO_LARGE,
                            message: None,
                        };
                        if let Verdict::Done(batch, outcome) = lane.refuse(batch, error) {
                            state.settle(&partition, batch, outcome);
                        }
                    }
                }
            }
            Verdict::Fenced(batch, error) => {
                state.settle(&partition, batch, Outcome::NotWritten(error.clone()));
                state.fail(&error);
            }
        }
        state.delivery.sequence_resets += resets;
        if resets > 0 {
            // Only the coordinator gives a transaction's producer another epoch.
            state.doom(&reset);
        }
    }

    fn pause(&self, attempts: u32) -> Duration {
        let config = self.cluster.config();
        let doubled = config.retry_backoff.saturating_mul(1 << attempts.min(10));
        doubled.min(config.retry_backoff_max)
    }

    /// Asks for a producer id, once there is anything to write.
    fn initialise(&mut self) {
        let has_work = self.shared.lock().delivery.outstanding() > 0;
        if self.initialising.is_none() && has_work {
            self.initialising = Some(Box::pin(initialise(self.cluster.clone())));
        }
    }

    fn initialised(&mut self, made: Result<Identity, CallError>) {
        self.initialising = None;
        match made {
            Ok(identity) => self.identity = Some(identity),
            Err(error) => self.shared.lock().fail(&ProduceError::Initialise(error)),
        }
    }

    fn start_refresh(&mut self) {
        if self.refresh.is_some() || self.stale.is_empty() {
            return;
        }
        let (cluster, stale) = (self.cluster.clone(), std::mem::take(&mut self.stale));
        self.refresh = Some(Box::pin(async move {
            let names: Vec<&str> = stale.iter().map(|name| &**name).collect();
            cluster.refresh_topics(&names).await
        }));
    }

    fn refreshed(&mut self, refreshed: Result<Vec<TopicRefusal>, RequestError>) {
        self.refresh = None;
        match refreshed {
            Err(error) if !error.is_retriable() => {
                self.shared.lock().fail(&ProduceError::Request(error))
            }
            // What is still missing is asked for again with the next attempt.
            Ok(_) | Err(_) => {}
        }
    }
}

impl Node {
    const fn new(now: Instant) -> Self {
        Self {
            in_flight: 0,
            not_before: now,
        }
    }
}

/// In whose name batches go.
enum Who {
    /// In this one's.
    Is(Identity, Writer),
    /// It has to be asked for.
    Unknown,
    /// None may go.
    Nobody,
}

/// The coordinator's answer to partitions that are about to be written to.
struct Joined {
    places: Vec<Place>,
    answer: Result<Sure<()>, CallError>,
}

/// A batch taken from its lane.
struct Picked {
    place: Place,
    partition: TopicPartition,
    next: Next,
    buffer: Vec<u8>,
}

/// Those that may be written to now; with the first batch the coordinator learns of the transaction.
fn members(state: &State, mut places: Vec<Place>) -> Vec<Place> {
    if let Some(transaction) = &state.transaction {
        let mut transaction = transaction.lock();
        places.retain(|place| transaction.is_member(*place));
        if !places.is_empty() {
            transaction.touch();
        }
    }
    places
}

fn ready_places(state: &State, now: Instant) -> Vec<Place> {
    let mut places = Vec::new();
    for (topic, lanes) in state.topics.iter().enumerate() {
        let ready = lanes
            .lanes
            .iter()
            .enumerate()
            .filter(|(_, lane)| lane.has_next(now));
        places.extend(ready.map(|(lane, _)| (topic, lane)));
    }
    places
}

/// The first flight that has ended. Polls in order, which is what keeps requests in order.
async fn next_landed(flights: &mut Vec<BoxFuture<'static, Landed>>) -> Landed {
    poll_fn(|cx| {
        for index in 0..flights.len() {
            let Some(flight) = flights.get_mut(index) else {
                break;
            };
            if let Poll::Ready(landed) = flight.as_mut().poll(cx) {
                drop(flights.remove(index));
                return Poll::Ready(landed);
            }
        }
        Poll::Pending
    })
    .await
}

async fn ready<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
