//! The task that sends sealed batches and obeys the answers.
//!
//! It decides nothing about order: that is [`Lane`]'s. Connecting, asking for metadata and waiting
//! for answers happen beside it, so that one broker that is silent does not hold up the others.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::call::Failure;
use crate::client::call::Target;
use crate::client::call::check;
use crate::client::cluster::Cluster;
use crate::client::cluster::Purpose;
use crate::client::config::ProduceSettings;
use crate::client::connection::Connection;
use crate::client::connection::Reply;
use crate::client::connection::RequestError;
use crate::client::producer::error::ProduceError;
use crate::client::producer::lane::Lane;
use crate::client::producer::lane::Overdue;
use crate::client::producer::lane::Verdict;
use crate::client::producer::request;
use crate::client::producer::request::Answer;
use crate::client::producer::split;
use crate::client::producer::tally::Tally;
use crate::protocol::batch_builder::BatchBuilder;
use crate::protocol::batch_builder::BatchStamp;
use crate::protocol::batch_header::BatchMut;
use crate::protocol::error_code::Action;
use crate::protocol::message::init_producer_id::InitProducerIdRequest;
use crate::protocol::message::init_producer_id::InitProducerIdResponse;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// The least often that deadlines are looked at while batches wait.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A batch that takes no more records.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) partition: TopicPartition,
    pub(super) builder: BatchBuilder,
    pub(super) held: u32,
    pub(super) deadline: Instant,
}

/// The batches of one request on its way: partition and sequence number of each.
pub(super) type Manifest = Vec<(TopicPartition, i32)>;

#[derive(Debug)]
pub(super) struct Sender {
    cluster: Cluster,
    settings: ProduceSettings,
    queue: mpsc::UnboundedReceiver<Filled>,
    tally: Arc<Tally>,
    identity: Identity,
    lanes: BTreeMap<TopicPartition, Lane>,
    brokers: HashMap<i32, Broker>,
    events: JoinSet<Event>,
    /// The producer id is no longer known to the brokers; nothing is sent until there is a new one.
    must_renew: bool,
    is_refreshing: bool,
    /// What last kept a batch from being written.
    trouble: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Identity {
    producer_id: i64,
    producer_epoch: i16,
}

#[derive(Debug, Default)]
struct Broker {
    connection: Option<Connection>,
    is_connecting: bool,
    in_flight: usize,
    /// Nothing is sent to it before this time: it throttles us, or cannot be connected to.
    pause_until: Option<Instant>,
}

#[derive(Debug)]
enum Event {
    Connected(i32, Result<Connection, RequestError>),
    Answered(i32, Manifest, Result<Reply, RequestError>),
    Refreshed,
}

impl Sender {
    pub(super) async fn open(
        cluster: Cluster,
        settings: ProduceSettings,
        queue: mpsc::UnboundedReceiver<Filled>,
        tally: Arc<Tally>,
    ) -> Result<Self, ProduceError> {
        let identity = Identity::ask(&cluster).await?;
        Ok(Self {
            cluster,
            settings,
            queue,
            tally,
            identity,
            lanes: BTreeMap::new(),
            brokers: HashMap::new(),
            events: JoinSet::new(),
            must_renew: false,
            is_refreshing: false,
            trouble: None,
        })
    }

    /// Works until the front is dropped or a batch cannot be written.
    pub(super) async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => return self.tally.fail(failure),
            }
        }
    }

    async fn turn(&mut self) -> Result<bool, ProduceError> {
        self.renew_if_due().await?;
        self.send_ready().await?;
        let wake = self.wake_at();
        tokio::select! {
            filled = self.queue.recv() => match filled {
                Some(filled) => self.accept(filled)?,
                None => return Ok(false),
            },
            Some(event) = self.events.join_next(), if !self.events.is_empty() => {
                // A task of ours that panicked would be a bug; its batches run into their deadline.
                if let Ok(event) = event {
                    self.handle(event)?;
                }
            }
            () = tokio::time::sleep_until(wake), if self.has_batches() => {}
        }
        self.give_up_overdue()?;
        Ok(true)
    }

    fn has_batches(&self) -> bool {
        self.lanes.values().any(|lane| !lane.is_empty())
    }

    /// Encodes a filled batch and puts it into its lane.
    fn accept(&mut self, filled: Filled) -> Result<(), ProduceError> {
        let Filled {
            partition,
            mut builder,
            held,
            deadline,
        } = filled;
        let lane = self.lanes.entry(partition.clone()).or_default();
        let records = builder.record_count().unsigned_abs();
        let mut bytes = self.tally.buffer();
        let stamp = BatchStamp {
            compression: self.settings.compression,
            base_sequence: lane.next_sequence(),
            producer_id: self.identity.producer_id,
            producer_epoch: self.identity.producer_epoch,
            ..BatchStamp::default()
        };
        let built = builder.finish(&stamp, &mut bytes);
        built.map_err(|source| ProduceError::Build {
            partition,
            records: records.into(),
            source,
        })?;
        self.tally.give_back(builder);
        lane.push(records, bytes, held, deadline);
        Ok(())
    }

    /// Sends to every broker that can take more, and connects to those that have to be.
    async fn send_ready(&mut self) -> Result<(), ProduceError> {
        if self.must_renew {
            return Ok(());
        }
        let now = Instant::now();
        while let Some((node, manifest)) = self.next_request(now) {
            self.send(node, manifest).await?;
        }
        Ok(())
    }

    /// The next request: the batches that can go to one broker now, one a partition, in all no more
    /// than a request may hold.
    fn next_request(&mut self, now: Instant) -> Option<(i32, Manifest)> {
        let mut requests: HashMap<i32, (usize, Manifest)> = HashMap::new();
        let mut without_leader: HashSet<TopicName> = HashSet::new();
        let ready = self.lanes.iter().filter_map(|(partition, lane)| {
            let batch = lane.ready(now)?;
            Some((partition.clone(), batch.sequence, batch.bytes.len()))
        });
        for (partition, sequence, len) in ready.collect::<Vec<_>>() {
            let Some(leader) = self
                .cluster
                .known_leader(&partition.topic, partition.partition)
            else {
                without_leader.insert(Arc::clone(&partition.topic));
                continue;
            };
            if !self.can_take(leader.node, now) {
                continue;
            }
            let (bytes, manifest) = requests.entry(leader.node).or_default();
            if manifest.is_empty() || *bytes + len <= self.settings.request_bytes_max {
                *bytes += len;
                manifest.push((partition, sequence));
            }
        }
        if !without_leader.is_empty() {
            self.refresh(without_leader);
        }
        requests
            .into_iter()
            .next()
            .map(|(node, (_, manifest))| (node, manifest))
    }

    /// Whether the broker can be sent to now; begins to connect where there is no connection.
    fn can_take(&mut self, node: i32, now: Instant) -> bool {
        let broker = self.brokers.entry(node).or_default();
        if broker.is_connecting
            || broker.in_flight >= self.settings.in_flight_max
            || broker.pause_until.is_some_and(|until| until > now)
        {
            return false;
        }
        if broker
            .connection
            .as_ref()
            .is_some_and(|open| !open.is_closed())
        {
            return true;
        }
        broker.connection = None;
        broker.is_connecting = true;
        let cluster = self.cluster.clone();
        self.events.spawn(async move {
            Event::Connected(node, cluster.connection(node, Purpose::Produce).await)
        });
        false
    }

    async fn send(&mut self, node: i32, manifest: Manifest) -> Result<(), ProduceError> {
        let Some(connection) = self
            .brokers
            .get(&node)
            .and_then(|broker| broker.connection.clone())
        else {
            return Ok(());
        };
        let within = self.cluster.config().request_timeout;
        let metadata = self.cluster.metadata();
        let batches = manifest.iter().filter_map(|(partition, sequence)| {
            let batch = self.lanes.get(partition)?.batch(*sequence)?;
            Some((partition, batch.bytes.as_slice()))
        });
        let request = request::of(batches, &metadata, within);
        let started = connection.start(&request, within).await;
        for (partition, _) in &manifest {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.sent();
            }
        }
        self.brokers.entry(node).or_default().in_flight += 1;
        match started {
            Ok(awaited) => {
                self.events
                    .spawn(async move { Event::Answered(node, manifest, awaited.answer().await) });
                Ok(())
            }
            Err(error) => self.answered(node, &manifest, Err(error)),
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), ProduceError> {
        match event {
            Event::Refreshed => {
                self.is_refreshing = false;
                Ok(())
            }
            Event::Connected(node, result) => self.connected(node, result),
            Event::Answered(node, manifest, result) => self.answered(node, &manifest, result),
        }
    }

    fn connected(
        &mut self,
        node: i32,
        result: Result<Connection, RequestError>,
    ) -> Result<(), ProduceError> {
        let pause = self.cluster.config().retry_backoff;
        let broker = self.brokers.entry(node).or_default();
        broker.is_connecting = false;
        match result {
            Ok(connection) => broker.connection = Some(connection),
            Err(error) if !error.is_retriable() => return Err(self.not_written(node, error.into())),
            Err(error) => {
                self.trouble = Some(error.to_string());
                broker.pause_until = Some(Instant::now() + pause);
                let topics = self.lanes.iter().filter(|(_, lane)| !lane.is_empty());
                let topics = topics
                    .map(|(partition, _)| Arc::clone(&partition.topic))
                    .collect();
                self.refresh(topics);
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        node: i32,
        manifest: &Manifest,
        result: Result<Reply, RequestError>,
    ) -> Result<(), ProduceError> {
        if let Some(broker) = self.brokers.get_mut(&node) {
            broker.in_flight = broker.in_flight.saturating_sub(1);
        }
        let answers = result.and_then(|reply| {
            let answers = request::answers(&reply, manifest, &self.cluster.metadata())?;
            Ok((reply, answers))
        });
        match answers {
            Ok((reply, answers)) => {
                for ((partition, sequence), answer) in manifest.iter().zip(answers.each) {
                    self.obey(partition, *sequence, &answer, &reply)?;
                }
                if let (Some(broker), true) =
                    (self.brokers.get_mut(&node), !answers.throttle.is_zero())
                {
                    broker.pause_until = Some(Instant::now() + answers.throttle);
                }
                Ok(())
            }
            Err(error) if error.is_retriable() => {
                self.trouble = Some(error.to_string());
                for (partition, sequence) in manifest {
                    self.again(partition, *sequence);
                }
                self.refresh(
                    manifest
                        .iter()
                        .map(|(partition, _)| Arc::clone(&partition.topic))
                        .collect(),
                );
                Ok(())
            }
            Err(error) => Err(self.not_written(node, error.into())),
        }
    }

    fn obey(
        &mut self,
        partition: &TopicPartition,
        sequence: i32,
        answer: &Answer,
        reply: &Reply,
    ) -> Result<(), ProduceError> {
        let Some(lane) = self.lanes.get_mut(partition) else {
            return Ok(());
        };
        let failure = || Failure::answered(reply, answer.code, answer.message.as_deref());
        match lane.judge(sequence, answer.code, answer.offset) {
            Verdict::Written(_) => {
                if let Some(batch) = lane.written(sequence) {
                    self.tally
                        .done(batch.records.into(), batch.bytes, batch.held);
                }
            }
            Verdict::Again => {
                self.trouble = Some(failure().to_string());
                self.again(partition, sequence);
                if answer.code.action() == Action::RefreshMetadata {
                    self.refresh(HashSet::from([Arc::clone(&partition.topic)]));
                }
            }
            Verdict::Renew => {
                self.trouble = Some(failure().to_string());
                self.again(partition, sequence);
                self.must_renew = true;
            }
            Verdict::TooLarge => {
                let halves = lane
                    .batch(sequence)
                    .and_then(|batch| split::halves(&batch.bytes));
                match halves {
                    Some(halves) => lane.split(sequence, halves),
                    None => return Err(refused(partition, 1, failure())),
                }
            }
            Verdict::Refused(_) => {
                let records = lane.batch(sequence).map_or(0, |batch| batch.records.into());
                return Err(refused(partition, records, failure()));
            }
        }
        Ok(())
    }

    fn again(&mut self, partition: &TopicPartition, sequence: i32) {
        let pause = self.cluster.config().retry_backoff;
        if let Some(lane) = self.lanes.get_mut(partition) {
            lane.again(sequence);
            lane.pause(Instant::now() + pause);
        }
    }

    /// Asks for these topics' leaders anew, unless that is being done.
    fn refresh(&mut self, topics: HashSet<TopicName>) {
        if std::mem::replace(&mut self.is_refreshing, true) {
            return;
        }
        let (cluster, pause) = (self.cluster.clone(), self.cluster.config().retry_backoff);
        self.events.spawn(async move {
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            // A refresh that fails, or finds no leader yet, is asked for again after a pause.
            if cluster.refresh_topics(&names).await.is_err() {
                tokio::time::sleep(pause).await;
            }
            tokio::time::sleep(pause).await;
            Event::Refreshed
        });
    }

    /// Gets a new producer id once nothing is in flight, and numbers what waits anew.
    async fn renew_if_due(&mut self) -> Result<(), ProduceError> {
        if !self.must_renew || !self.lanes.values().all(Lane::is_settled) {
            return Ok(());
        }
        self.identity = Identity::ask(&self.cluster).await?;
        let identity = self.identity;
        for lane in self.lanes.values_mut() {
            lane.renew(|bytes, sequence| identity.stamp(bytes, sequence));
        }
        self.must_renew = false;
        Ok(())
    }

    fn give_up_overdue(&self) -> Result<(), ProduceError> {
        let now = Instant::now();
        let overdue = self
            .lanes
            .iter()
            .find_map(|(partition, lane)| Some((partition, lane, lane.overdue(now)?)));
        let Some((partition, lane, overdue)) = overdue else {
            return Ok(());
        };
        let (partition, records, cause) = (partition.clone(), lane.records(), self.trouble.clone());
        Err(match overdue {
            Overdue::NotWritten => ProduceError::Overdue {
                partition,
                records,
                cause,
            },
            Overdue::MayBeWritten => ProduceError::Unknown {
                partition,
                records,
                cause,
            },
        })
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let lanes = self.lanes.values().filter_map(Lane::pause_until);
        let brokers = self
            .brokers
            .values()
            .filter_map(|broker| broker.pause_until);
        lanes
            .chain(brokers)
            .filter(|until| *until > now)
            .min()
            .unwrap_or(now + LOOK_EVERY)
            .min(now + LOOK_EVERY)
    }

    /// The failure of everything that waits for a broker that cannot be used at all.
    fn not_written(&self, node: i32, failure: Failure) -> ProduceError {
        let led = |partition: &TopicPartition| {
            let leader = self
                .cluster
                .known_leader(&partition.topic, partition.partition);
            leader.is_some_and(|leader| leader.node == node)
        };
        let waiting = self
            .lanes
            .iter()
            .find(|(partition, lane)| !lane.is_empty() && led(partition));
        match waiting {
            Some((partition, lane)) => refused(partition, lane.records(), failure),
            None => ProduceError::Stopped,
        }
    }
}

fn refused(partition: &TopicPartition, records: u64, failure: Failure) -> ProduceError {
    ProduceError::NotWritten {
        partition: partition.clone(),
        records,
        failure,
    }
}

impl Identity {
    /// Asks any broker for a producer id of our own.
    async fn ask(cluster: &Cluster) -> Result<Self, ProduceError> {
        let build = |_| InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        let asked = cluster.call("ask for a producer id", Target::Any, build, |reply, _| {
            let response: InitProducerIdResponse = reply.body()?;
            check(reply, response.error_code, None)?;
            Ok(Self {
                producer_id: response.producer_id,
                producer_epoch: response.producer_epoch,
            })
        });
        asked.await.map_err(ProduceError::from)
    }

    /// Makes `bytes`, one whole batch, a batch of this producer with this base sequence.
    fn stamp(self, bytes: &mut [u8], sequence: i32) {
        if let Some(mut batch) = BatchMut::new(bytes) {
            batch.set_producer(self.producer_id, self.producer_epoch, sequence);
        }
    }
}
