//! The classic group protocol as a pure state machine: requests and the time go in, answers come
//! out, at once or later.
//!
//! Requests that may wait (JoinGroup, SyncGroup) bear a [`Ticket`]; their answers come out of
//! [`Coordinator::take_replies`]. Whoever runs it calls [`Coordinator::expire`] at
//! [`Coordinator::next_deadline`].
//!
//! Deliberately absent: the consumer protocol of KIP-848, share groups, and the expiry of offsets.
//!
//! Source: `GroupMetadataManager.java`, `ClassicGroup.java` (Apache Kafka 4.x); KIP-345, KIP-394.

mod coordinator;
mod group;
mod join;
mod member;
mod offsets;
mod rebalance;
mod reply;

pub(crate) use coordinator::Coordinator;
pub(crate) use coordinator::SyncRequest;
pub(crate) use group::Group;
pub(crate) use group::Phase;
pub(crate) use join::JoinRequest;
pub(crate) use join::Membership;
pub(crate) use member::Offer;
pub(crate) use member::Ticket;
pub(crate) use offsets::CommittedOffset;
pub(crate) use reply::JoinReply;
pub(crate) use reply::Reply;
pub(crate) use reply::SyncReply;

#[cfg(test)]
mod tests;
