//! A cluster: how to reach it, what is known of it, and at most two shared connections to each of
//! its brokers.
//!
//! Control and produce have a connection each, because a broker answers the requests of one
//! connection one after another. Each fetcher has one of its own besides.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::client::address::BrokerAddress;
use crate::client::bootstrap;
use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::UNKNOWN_TOPIC_PATIENCE;
use crate::client::call::may_help;
use crate::client::config::Config;
use crate::client::connect_error::ConnectError;
use crate::client::connection::Connection;
use crate::client::connection::RequestError;
use crate::client::coordinator::CoordinatorKind;
use crate::client::dial::Dial;
use crate::client::dial::TcpDial;
use crate::client::error_chain::chain;
use crate::client::handshake;
use crate::client::handshake::BareLink;
use crate::client::handshake::ConnectOptions;
use crate::client::metadata::Leader;
use crate::client::metadata::Metadata;
use crate::client::metadata::Scope;
use crate::client::metadata::TopicMetadata;
use crate::client::retry::Retry;
use crate::client::tls;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::metadata::MetadataRequest;
use crate::protocol::message::metadata::MetadataRequestTopic;
use crate::protocol::message::metadata::MetadataResponse;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Metadata, offsets, administration.
    Control,
    /// Joining a group and staying in it: its answers may be long in coming.
    Membership,
    /// Writing.
    Produce,
}

/// A handle to a cluster; clones share everything.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    dial: Arc<dyn Dial>,
    options: ConnectOptions,
    metadata: Mutex<Arc<Metadata>>,
    coordinators: Mutex<HashMap<(CoordinatorKind, String), i32>>,
    connections: Mutex<HashMap<(i32, Purpose), Slot>>,
    bootstrap: Slot,
}

type Slot = Arc<AsyncMutex<Option<Connection>>>;

/// A topic that a broker does not describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRefusal {
    /// Which topic.
    pub topic: TopicName,
    /// The broker's error.
    pub code: ErrorCode,
    /// Which broker.
    pub address: BrokerAddress,
}

fn lookup_failure(name: &str, refusals: Vec<TopicRefusal>) -> Failure {
    let refusal = refusals.into_iter().find(|refusal| &*refusal.topic == name);
    match refusal {
        Some(TopicRefusal { code, address, .. })
            if code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION =>
        {
            Failure::Answered {
                address,
                code,
                message: None,
            }
        }
        _ => Failure::UnknownTopic {
            topic: name.to_owned(),
            nearest: None,
        },
    }
}

/// What every lock here guards is replaced whole, so that a panic leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    /// Connects over TCP, with TLS where the settings say so, and asks for the brokers.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the settings cannot be used or no broker answers; within about
    /// `connect_timeout`, and at once where all refuse.
    pub async fn connect(config: Config) -> Result<Self, ConnectError> {
        let security = &config.security;
        let tls = if security.protocol.uses_tls() {
            Some(tls::connector(&security.tls)?)
        } else {
            None
        };
        Self::connect_over(config, Arc::new(TcpDial::new(tls))).await
    }

    /// As [`Self::connect`], over streams that `dial` opens.
    ///
    /// # Errors
    ///
    /// As [`Self::connect`].
    pub async fn connect_over(config: Config, dial: Arc<dyn Dial>) -> Result<Self, ConnectError> {
        let options = ConnectOptions {
            client_id: Arc::from(config.client_id.as_str()),
            login: config.security.login()?,
            timeout: config.connect_timeout,
            frame_bytes_max: config.frame_bytes_max,
            idle: config.idle_timeout,
        };
        let cluster = Self(Arc::new(Shared {
            config,
            dial,
            options,
            metadata: Mutex::default(),
            coordinators: Mutex::default(),
            connections: Mutex::default(),
            bootstrap: Slot::default(),
        }));
        let connection = cluster.bootstrap_connection().await?;
        match cluster.ask_metadata(&connection, Some(&[])).await {
            Ok(_) => Ok(cluster),
            Err(RequestError::Connect(error)) => Err(error),
            Err(error) => Err(ConnectError::Handshake {
                address: connection.address().clone(),
                step: "asking for metadata",
                because: chain(&error),
            }),
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What is known of the cluster now.
    #[must_use]
    pub fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&lock(&self.0.metadata))
    }

    /// A connection to a broker, opened where there is none.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if the broker is not known or cannot be reached.
    pub async fn connection(
        &self,
        node: i32,
        purpose: Purpose,
    ) -> Result<Connection, RequestError> {
        let slot = Arc::clone(
            lock(&self.0.connections)
                .entry((node, purpose))
                .or_default(),
        );
        let mut slot = slot.lock().await;
        if let Some(open) = slot.as_ref().filter(|open| !open.is_closed()) {
            let known = self.address(node)?;
            if *open.address() == known {
                return Ok(open.clone());
            }
        }
        let address = self.address(node)?;
        let opened = Connection::open(&*self.0.dial, &address, &self.0.options).await?;
        *slot = Some(opened.clone());
        Ok(opened)
    }

    /// A bare stream to a broker, for reading in bulk.
    pub(crate) async fn bare_link(&self, node: i32) -> Result<BareLink, ConnectError> {
        let address = self.address(node)?;
        handshake::connect_bare(&*self.0.dial, &address, &self.0.options).await
    }

    pub(crate) fn address(&self, node: i32) -> Result<BrokerAddress, ConnectError> {
        let metadata = self.metadata();
        let broker = metadata
            .brokers
            .get(&node)
            .ok_or(ConnectError::UnknownBroker(node))?;
        Ok(broker.address.clone())
    }

    /// A connection to any broker: an open one, else a known one, else one of the bootstrap list.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoBroker`] if none can be reached.
    pub async fn any_connection(&self) -> Result<Connection, RequestError> {
        if let Some(open) = self.open_connection() {
            return Ok(open);
        }
        for &node in self.metadata().brokers.keys() {
            match self.connection(node, Purpose::Control).await {
                Ok(connection) => return Ok(connection),
                Err(RequestError::Connect(error)) if error.is_final() => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(self.bootstrap_connection().await?)
    }

    fn open_connection(&self) -> Option<Connection> {
        let bootstrap = std::iter::once(Arc::clone(&self.0.bootstrap));
        let slots: Vec<Slot> = lock(&self.0.connections)
            .iter()
            .filter(|((_, purpose), _)| *purpose == Purpose::Control)
            .map(|(_, slot)| Arc::clone(slot))
            .chain(bootstrap)
            .collect();
        let open = |slot: &Slot| {
            slot.try_lock()
                .ok()?
                .clone()
                .filter(|open| !open.is_closed())
        };
        slots.iter().find_map(open)
    }

    async fn bootstrap_connection(&self) -> Result<Connection, ConnectError> {
        let mut slot = self.0.bootstrap.lock().await;
        if let Some(open) = slot.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let opened =
            bootstrap::connect(&self.0.dial, &self.0.config.brokers, &self.0.options).await?;
        *slot = Some(opened.clone());
        Ok(opened)
    }

    /// Asks for the brokers and these topics; `None` for all topics. Never creates one.
    async fn ask_metadata(
        &self,
        connection: &Connection,
        topics: Option<&[&str]>,
    ) -> Result<Vec<TopicRefusal>, RequestError> {
        let version = connection.version::<MetadataRequest<'_>>()?;
        let named = topics.map(|topics| {
            topics.iter().map(|name| MetadataRequestTopic {
                name: Some((*name).into()),
                ..MetadataRequestTopic::default()
            })
        });
        let mut request = MetadataRequest {
            topics: named.map(Iterator::collect),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        if version < 4 {
            request.allow_auto_topic_creation = true;
        }
        let reply = connection
            .request(&request, self.0.config.request_timeout)
            .await?;
        let response: MetadataResponse<'_> = reply.body()?;
        let mut slot = lock(&self.0.metadata);
        let mut metadata = Metadata::clone(&slot);
        let scope = if topics.is_some() {
            Scope::SomeTopics
        } else {
            Scope::AllTopics
        };
        let failed = metadata.update(&response, scope, Instant::now());
        *slot = Arc::new(metadata);
        let refusal = |(topic, code)| TopicRefusal {
            topic,
            code,
            address: connection.address().clone(),
        };
        Ok(failed.into_iter().map(refusal).collect())
    }

    /// Asks anew for the brokers and these topics.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if no broker answers. A topic that is unknown is only forgotten.
    pub async fn refresh_topics(&self, topics: &[&str]) -> Result<Vec<TopicRefusal>, RequestError> {
        let connection = self.any_connection().await?;
        self.ask_metadata(&connection, Some(topics)).await
    }

    /// Asks anew for the brokers and all topics.
    ///
    /// # Errors
    ///
    /// [`CallError`] if no broker answers.
    pub async fn refresh_all(&self) -> Result<Arc<Metadata>, CallError> {
        let mut retry = Retry::new(&self.0.config, self.0.config.api_timeout);
        loop {
            let asked = match self.any_connection().await {
                Ok(connection) => self.ask_metadata(&connection, None).await,
                Err(error) => Err(error),
            };
            match asked {
                Ok(_) => return Ok(self.metadata()),
                Err(error) if error.is_retriable() && retry.again().await => {}
                Err(error) => return Err(CallError::once("list topics", error.into())),
            }
        }
    }

    /// A topic, from memory where it is known and younger than `metadata_age_max`.
    ///
    /// # Errors
    ///
    /// [`Failure::UnknownTopic`] after 2 s if there is no such topic, else what kept the cluster
    /// from answering.
    pub async fn topic(&self, name: &str) -> Result<Arc<TopicMetadata>, CallError> {
        let fresh =
            |topic: &&Arc<TopicMetadata>| topic.learnt.elapsed() <= self.0.config.metadata_age_max;
        if let Some(topic) = self.metadata().topics.get(name).filter(fresh) {
            return Ok(Arc::clone(topic));
        }
        let doing = format!("look up topic \"{name}\"");
        let mut retry = Retry::new(&self.0.config, self.0.config.api_timeout);
        let mut unknown = Retry::new(&self.0.config, UNKNOWN_TOPIC_PATIENCE);
        loop {
            let failure = match self.refresh_topics(&[name]).await {
                Ok(failed) => match self.metadata().topics.get(name) {
                    Some(topic) => return Ok(Arc::clone(topic)),
                    None => lookup_failure(name, failed),
                },
                Err(error) => Failure::Request(error),
            };
            let again = match &failure {
                Failure::UnknownTopic { .. } => unknown.again().await,
                Failure::Request(error) => error.is_retriable() && retry.again().await,
                other => {
                    other.code().is_some_and(|code| may_help(code.action())) && retry.again().await
                }
            };
            if !again {
                let failure = self.name_nearest(failure).await;
                return Err(CallError::once(doing, failure));
            }
        }
    }

    /// Adds the most similar topic name to an unknown topic, where the cluster still answers.
    async fn name_nearest(&self, failure: Failure) -> Failure {
        const ALIKE: f64 = 0.7;
        let Failure::UnknownTopic { topic, .. } = failure else {
            return failure;
        };
        let Ok(connection) = self.any_connection().await else {
            return Failure::UnknownTopic {
                topic,
                nearest: None,
            };
        };
        drop(self.ask_metadata(&connection, None).await);
        let metadata = self.metadata();
        let nearest = metadata
            .topics
            .keys()
            .map(|name| (strsim::normalized_levenshtein(name, &topic), name))
            .filter(|(score, _)| *score >= ALIKE)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map(|(_, name)| name.to_string());
        Failure::UnknownTopic { topic, nearest }
    }

    /// The leader of a partition, from memory where it is known.
    ///
    /// # Errors
    ///
    /// [`Failure`] if topic or partition do not exist or nobody leads it.
    pub(crate) async fn leader(&self, partition: &TopicPartition) -> Result<Leader, Failure> {
        let topic = self
            .topic(&partition.topic)
            .await
            .map_err(|error| error.failure)?;
        match topic.partition(partition.partition) {
            None => {
                drop(self.refresh_topics(&[&partition.topic]).await);
                let metadata = self.metadata();
                let found = metadata.topics.get(&partition.topic);
                let leader = found.and_then(|topic| topic.leader(partition.partition));
                leader.ok_or_else(|| Failure::UnknownPartition(partition.clone()))
            }
            Some(_) => topic
                .leader(partition.partition)
                .ok_or_else(|| Failure::NoLeader(partition.clone())),
        }
    }

    pub(crate) fn known_coordinator(&self, kind: CoordinatorKind, key: &str) -> Option<i32> {
        lock(&self.0.coordinators)
            .get(&(kind, key.to_owned()))
            .copied()
    }

    pub(crate) fn remember_coordinator(&self, kind: CoordinatorKind, key: &str, node: i32) {
        lock(&self.0.coordinators).insert((kind, key.to_owned()), node);
    }

    pub(crate) fn forget_coordinator(&self, kind: CoordinatorKind, key: &str) {
        lock(&self.0.coordinators).remove(&(kind, key.to_owned()));
    }
}
