//! The embedded schema registry: Confluent's REST interface over a store that stands in the
//! broker's `_schemas` topic.
//!
//! A request becomes a [`call`] (method, path, query, body); [`router`] finds who answers it; a
//! change becomes records ([`event`]) that are appended to the topic first and applied to the
//! [`store`] then, as they are when a broker starts over its data directory.
//!
//! A development registry: one node, Avro checked for compatibility, other schema types stored
//! only. What is not there stands in the broker's `SKIPPED.md`.

mod call;
mod compatibility;
mod config;
mod error;
mod event;
mod router;
mod schemas;
mod server;
mod store;
mod subjects;
mod versions;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::broker::internal_topic;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::Event;
use crate::broker::registry::store::Store;
use crate::broker::state::Shared;

pub(crate) use server::serve;

/// The topic that holds the store.
const TOPIC: &str = "_schemas";

/// The registry of one broker.
#[derive(Debug)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
    store: Mutex<Store>,
}

impl Registry {
    /// The registry that the broker's topic holds.
    pub(crate) fn open(shared: Arc<Shared>) -> Self {
        let mut store = Store::default();
        internal_topic::replay(&shared.state().topics, TOPIC, &mut |record| {
            if let Some(event) = record.key.and_then(|key| Event::decode(key, record.value)) {
                store.apply(&event);
            }
        });
        Self {
            shared,
            store: Mutex::new(store),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes `events` to the topic, then applies them.
    fn commit(&self, store: &mut Store, events: &[Event]) -> Result<(), RegistryError> {
        if events.is_empty() {
            return Ok(());
        }
        let entries: Vec<_> = events.iter().map(Event::encode).collect();
        let now = self.shared.now();
        internal_topic::append(&mut self.shared.state().topics, TOPIC, &entries, now)
            .map_err(RegistryError::store)?;
        for event in events {
            store.apply(event);
        }
        Ok(())
    }
}
