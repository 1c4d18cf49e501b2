//! Where a member stands.

use std::time::Duration;

use crate::group::membership::request::Joined;
use crate::group::membership::request::Ticket;
use crate::record::TopicPartition;

/// Where a member stands; named for what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Until it is time to join.
    Out {
        /// No earlier than this.
        join_at: Duration,
    },
    /// Until it is polled: it has left, because nobody worked on its partitions.
    Asleep,
    /// Until partitions are given up.
    GivingUp(Next),
    /// For the answer to a JoinGroup request.
    Joining(Ticket),
    /// As the leader, for the sizes of topics.
    LookingUp(Joined),
    /// For the answer to a SyncGroup request.
    Syncing(Ticket),
    /// For news from heartbeats.
    Stable,
    /// For the answer to a LeaveGroup request.
    Leaving,
    /// For nothing any more.
    Ended,
}

/// What follows when partitions are given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Joining with empty hands.
    Join,
    /// Taking up this share, and joining again so that what was given up can be taken by others.
    Take(Vec<TopicPartition>),
    /// Leaving.
    Leave,
}
