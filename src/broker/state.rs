//! What the broker knows, and what all its tasks share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::sync::Notify;
use tokio::sync::oneshot;

use crate::broker::clock::Clock;
use crate::broker::config::BrokerConfig;
use crate::broker::fetch_session::FetchSessions;
use crate::broker::groups::Coordinator;
use crate::broker::groups::Reply;
use crate::broker::groups::Ticket;
use crate::broker::hook::Hook;
use crate::broker::hook::HookAction;
use crate::broker::hook::HookedRequest;
use crate::broker::producer_ids::ProducerIds;
use crate::broker::topics::Topics;
use crate::broker::transactions::Transactions;
use crate::protocol::compression::Decompressor;
use crate::record::Timestamp;

/// The id of the only broker.
pub(crate) const NODE_ID: i32 = 0;
/// How many idle decompressors are kept; each holds scratch memory.
const DECOMPRESSORS_MAX: usize = 2;

/// What the broker knows; changed by one request at a time.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) topics: Topics,
    pub(crate) coordinator: Coordinator,
    pub(crate) sessions: FetchSessions,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) transactions: Transactions,
    /// Who waits for the coordinator's answers.
    waiting: HashMap<Ticket, oneshot::Sender<Reply>>,
    last_ticket: u64,
}

impl State {
    /// What a broker knows that starts with `topics`.
    pub(crate) fn new(topics: Topics, coordinator: Coordinator, producer_ids: ProducerIds) -> Self {
        Self {
            topics,
            coordinator,
            sessions: FetchSessions::default(),
            producer_ids,
            transactions: Transactions::default(),
            waiting: HashMap::new(),
            last_ticket: 0,
        }
    }

    /// A new ticket, and where its answer arrives.
    pub(crate) fn ticket(&mut self) -> (Ticket, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        self.last_ticket = self.last_ticket.wrapping_add(1);
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(ticket, sender);
        (ticket, receiver)
    }

    /// Hands out the coordinator's answers that have fallen due.
    pub(crate) fn hand_out(&mut self) {
        for (ticket, reply) in self.coordinator.take_replies() {
            if let Some(sender) = self.waiting.remove(&ticket) {
                // A connection that has gone takes no answer.
                let _gone = sender.send(reply);
            }
        }
    }
}

/// What all tasks of one broker share.
pub(crate) struct Shared {
    pub(crate) config: BrokerConfig,
    pub(crate) clock: Clock,
    /// The host that clients are told.
    pub(crate) host: String,
    /// The port that clients are told.
    pub(crate) port: u16,
    pub(crate) cluster_id: String,
    /// Wakes the housekeeping: a group's deadline may have come nearer.
    pub(crate) deadlines_changed: Notify,
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
    decompressors: Mutex<Vec<Decompressor>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A broker that is told to clients as `host:port`.
    pub(crate) fn new(
        config: BrokerConfig,
        clock: Clock,
        (host, port): (String, u16),
        cluster_id: String,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            clock,
            host,
            port,
            cluster_id,
            deadlines_changed: Notify::new(),
            state: Mutex::new(state),
            hook: Mutex::new(None),
            decompressors: Mutex::new(Vec::new()),
        })
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the broker knows, to read or change it. Never held while waiting.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Sets what sees requests first; `None` for nothing.
    pub(crate) fn set_hook(&self, hook: Option<Hook>) {
        *lock(&self.hook) = hook;
    }

    /// What the hook says of a request.
    pub(crate) fn consult_hook(&self, request: &HookedRequest<'_>) -> HookAction {
        lock(&self.hook)
            .as_mut()
            .map_or(HookAction::Pass, |hook| hook(request))
    }

    /// Runs `work` with a decompressor that few others share.
    pub(crate) fn with_decompressor<T>(&self, work: impl FnOnce(&mut Decompressor) -> T) -> T {
        let mut decompressor = lock(&self.decompressors).pop().unwrap_or_default();
        let result = work(&mut decompressor);
        let mut idle = lock(&self.decompressors);
        if idle.len() < DECOMPRESSORS_MAX {
            idle.push(decompressor);
        }
        result
    }
}

/// A panic in one request leaves the state as far as that request came; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
