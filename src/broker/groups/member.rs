//! One member of a classic consumer group.

use bytes::Bytes;

use crate::record::Timestamp;

/// Names one request that waits for its answer; chosen by the caller, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// One way of assigning that a member offers, with what it tells the leader about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// The assignor's name, as `range`.
    pub(crate) name: String,
    /// Opaque to the coordinator; for consumers a `ConsumerProtocolSubscription`.
    pub(crate) metadata: Bytes,
}

/// One member, as its last JoinGroup request described it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The member id that the coordinator gave out.
    pub(crate) id: String,
    /// Set for static members (KIP-345).
    pub(crate) instance_id: Option<String>,
    /// The client id of the request.
    pub(crate) client_id: String,
    /// The client's address, `/` first, as Kafka shows it.
    pub(crate) client_host: String,
    /// Without a sign of life for this long a member is removed.
    pub(crate) session_timeout_ms: i64,
    /// How long a rebalance waits for this member.
    pub(crate) rebalance_timeout_ms: i64,
    /// What it offers, best first.
    pub(crate) offers: Vec<Offer>,
    /// What the leader assigned to it in this generation.
    pub(crate) assignment: Bytes,
    /// Removed at this instant, unless it waits for an answer.
    pub(crate) expires_at: Timestamp,
    /// Its JoinGroup request that waits for the generation to begin.
    pub(crate) join: Option<Ticket>,
    /// Its SyncGroup request that waits for the leader's assignment.
    pub(crate) sync: Option<Ticket>,
}

impl Member {
    /// Takes a sign of life at `now`.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.expires_at = now.saturating_add(self.session_timeout_ms);
    }

    /// Whether the broker owes it an answer; such a member does not expire.
    pub(crate) fn is_waiting(&self) -> bool {
        self.join.is_some() || self.sync.is_some()
    }

    /// What it told about itself for the assignor `name`; empty where it does not offer it.
    pub(crate) fn metadata(&self, name: &str) -> Bytes {
        self.offers
            .iter()
            .find(|offer| offer.name == name)
            .map(|offer| offer.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether it offers the assignor `name`.
    pub(crate) fn offers(&self, name: &str) -> bool {
        self.offers.iter().any(|offer| offer.name == name)
    }
}
