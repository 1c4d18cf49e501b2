//! The broker as others see it: start it, know its address, stop it.

use std::fs::File;
use std::fs::TryLockError;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::acceptor;
use crate::broker::clock::Clock;
use crate::broker::config::BrokerConfig;
use crate::broker::connection;
use crate::broker::groups::Coordinator;
use crate::broker::hook::Hook;
use crate::broker::housekeeping;
use crate::broker::log::LogError;
use crate::broker::marker;
use crate::broker::offsets_topic;
use crate::broker::producer_ids::ProducerIds;
use crate::broker::random_id::random_id;
use crate::broker::registry;
use crate::broker::registry::Registry;
use crate::broker::state::Shared;
use crate::broker::state::State;
use crate::broker::topics::Topics;

/// Most connections at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 1_000;
/// The file that a running broker holds locked.
const LOCK_FILE: &str = ".lock";
/// The file that holds the cluster's id.
const CLUSTER_ID_FILE: &str = "cluster-id";

/// Why a broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be listened on.
    #[error("listen on 127.0.0.1:{port}: {source}; is another broker running there?")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Data(#[from] LogError),
    /// Another broker uses the data directory.
    #[error("lock {}: another broker uses this data directory", dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
}

/// A running broker. Dropping it stops it at once; [`Self::shutdown`] lets answers go out and
/// makes the log durable.
#[derive(Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    registry_port: Option<u16>,
    /// The listeners: they end once `stop` is sent.
    tasks: Vec<JoinHandle<()>>,
    housekeeping: JoinHandle<()>,
    /// Held while the broker runs.
    _lock: Option<File>,
}

impl Broker {
    /// Starts a broker on the runtime of the caller; it serves when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(config: BrokerConfig) -> Result<Self, StartError> {
        let listener = listen(config.port).await?;
        let registry_listener = match config.registry_port {
            Some(port) => Some(listen(port).await?),
            None => None,
        };
        let port = listener
            .local_addr()
            .map_or(config.port, |addr| addr.port());
        let clock = Clock::start();
        let lock = config.data_dir.as_deref().map(lock).transpose()?;
        let (state, cluster_id) = open_state(&config, clock)?;
        let address = (Ipv4Addr::LOCALHOST.to_string(), port);
        let shared = Shared::new(config, clock, address, cluster_id, state);
        let (stop, stopping) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(accept(
            Arc::clone(&shared),
            listener,
            stopping.clone(),
        ))];
        let mut registry_port = None;
        if let Some(listener) = registry_listener {
            registry_port = listener.local_addr().ok().map(|addr| addr.port());
            let registry = Arc::new(Registry::open(Arc::clone(&shared)));
            tasks.push(tokio::spawn(registry::serve(registry, listener, stopping)));
        }
        let housekeeping = tokio::spawn(housekeeping::run(Arc::clone(&shared)));
        Ok(Self {
            shared,
            stop,
            registry_port,
            tasks,
            housekeeping,
            _lock: lock,
        })
    }

    /// What clients are given: `127.0.0.1:PORT`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("{}:{}", self.shared.host, self.shared.port)
    }

    /// The schema registry's address, `http://127.0.0.1:PORT`, where there is one.
    #[must_use]
    pub fn registry_url(&self) -> Option<String> {
        self.registry_port
            .map(|port| format!("http://{}:{port}", self.shared.host))
    }

    /// Has `hook` see each request first, in place of an earlier hook; `None` for none.
    pub fn set_hook(&self, hook: Option<Hook>) {
        self.shared.set_hook(hook);
    }

    /// Runs retention and compaction now.
    pub fn clean(&self) {
        housekeeping::clean(&self.shared);
    }

    /// Stops: requests being served are answered, waiting ones are dropped, the log is synced.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the log cannot be made durable.
    pub async fn shutdown(mut self) -> Result<(), LogError> {
        self.stop.send_replace(true);
        self.housekeeping.abort();
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has been reported by the runtime.
            let _panicked = task.await;
        }
        self.sync()
    }

    fn sync(&self) -> Result<(), LogError> {
        let state = self.shared.state();
        state
            .topics
            .iter()
            .flat_map(|topic| &topic.partitions)
            .try_for_each(|partition| partition.log.sync())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.housekeeping.abort();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|source| StartError::Listen { port, source })
}

/// Takes the data directory, which is made where it is missing, for this process alone.
fn lock(dir: &Path) -> Result<File, StartError> {
    std::fs::create_dir_all(dir).map_err(LogError::file("create directory", dir))?;
    let path = dir.join(LOCK_FILE);
    let file = File::create(&path).map_err(LogError::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(LogError::file("lock", &path)(error).into()),
    }
}

fn open_state(config: &BrokerConfig, clock: Clock) -> Result<(State, String), LogError> {
    let now = clock.now();
    let delay_ms = i64::from(config.initial_rebalance_delay_ms);
    let mut coordinator = Coordinator::new(now, delay_ms);
    let Some(dir) = &config.data_dir else {
        let state = State::new(Topics::default(), coordinator, ProducerIds::default());
        return Ok((state, random_id().to_string()));
    };
    let topics = Topics::open(&dir.join("topics"), now)?;
    offsets_topic::replay(&topics, &mut coordinator);
    let ids = ProducerIds::open(dir)?;
    let mut state = State::new(topics, coordinator, ids);
    if let Err(error) = marker::abort_leftovers(&mut state, now) {
        tracing::error!(error = error.name(), "abort transactions left open");
    }
    Ok((state, cluster_id(dir)?))
}

/// The cluster's id as it stands in `dir`, made where there is none.
fn cluster_id(dir: &Path) -> Result<String, LogError> {
    let path = dir.join(CLUSTER_ID_FILE);
    match std::fs::read_to_string(&path) {
        Ok(id) => Ok(id.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let id = random_id().to_string();
            std::fs::write(&path, &id).map_err(LogError::file("write", &path))?;
            Ok(id)
        }
        Err(error) => Err(LogError::file("read", &path)(error)),
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, stopping: watch::Receiver<bool>) {
    let attend = |stream| attend(Arc::clone(&shared), stream, stopping.clone());
    acceptor::accept(listener, CONNECTIONS_MAX, stopping.clone(), attend).await;
}

async fn attend(shared: Arc<Shared>, stream: TcpStream, stopping: watch::Receiver<bool>) {
    let host = stream
        .peer_addr()
        .map_or_else(|_| String::new(), |peer| format!("/{}", peer.ip()));
    if let Err(error) = connection::serve(&shared, stream, &host, stopping).await {
        tracing::debug!(%host, %error, "closed a connection");
    }
}
