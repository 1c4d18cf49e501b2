//! What a member is told, and what it asks for.

use crate::group::assignor::Assignor;
use crate::group::assignor::Member;
use crate::group::assignor::Shares;
use crate::group::assignor::Subscription;
use crate::group::assignor::TopicSizes;
use crate::record::TopicName;
use crate::record::TopicPartition;

/// Tells one request from all others of the same member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// In whose name requests and commits are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The member; empty before the coordinator has given an id.
    pub member_id: String,
    /// The generation of a classic group, or the member epoch where the broker shares out; below 0
    /// outside of any.
    pub generation: i32,
    /// The name that a static member keeps over restarts.
    pub instance_id: Option<String>,
}

impl Identity {
    /// The generation of a member that has none.
    pub const NO_GENERATION: i32 = -1;
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The coordinator answered [`Action::Join`].
    Joined(Ticket, Joined),
    /// The coordinator answered [`Action::Sync`] with the member's share.
    Synced(Ticket, Vec<TopicPartition>),
    /// The coordinator answered [`Action::Heartbeat`] without complaint.
    Alive(Ticket),
    /// The coordinator refused a request, or no answer came.
    Refused(Ticket, Refusal),
    /// How many partitions the topics have: the answer to [`Action::LookUp`], and whenever they are
    /// learnt anew.
    Sizes(TopicSizes),
    /// All that [`Action::Revoke`] named is given up: offsets are committed, nothing of it is read.
    GivenUp,
    /// The member is to read these topics from now on.
    Subscribe(Vec<TopicName>),
    /// The member works on its partitions.
    Polled,
    /// The member is to leave.
    Stop,
    /// The coordinator answered [`Action::Leave`], whatever it said, or never will.
    Left,
}

/// The answer to a [`JoinRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The id that the coordinator gave.
    pub member_id: String,
    /// The generation that begins.
    pub generation: i32,
    /// On which assignor the members agree.
    pub assignor: Assignor,
    /// All members, for the one that leads; `None` for the others.
    pub members: Option<Vec<Member>>,
    /// Whether the group keeps the shares that it has, and the leader only watches (KIP-814).
    pub keeps_shares: bool,
}

/// Why there is no good answer: what the error codes of the group APIs come down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The same request may go better after a while, perhaps at another coordinator.
    TryAgain,
    /// The group is being shared out anew.
    Rebalancing,
    /// The group has moved on without this member, which is still known.
    OtherGeneration,
    /// The coordinator does not know the member any more.
    UnknownMember,
    /// A new member is to join again under this id (KIP-394).
    IdRequired(String),
    /// It is no use: another process has this member's name, or the group does not take it.
    Final,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a JoinGroup request.
    Join(JoinRequest),
    /// Find out how many partitions these topics have, and tell by [`Event::Sizes`]; after it,
    /// whenever that changes.
    LookUp(Vec<TopicName>),
    /// Send a SyncGroup request.
    Sync(SyncRequest),
    /// Send a heartbeat.
    Heartbeat(Ticket, Identity),
    /// Send a LeaveGroup request.
    Leave(Identity),
    /// Give these partitions up: commit, stop reading, and tell by [`Event::GivenUp`].
    Revoke(Vec<TopicPartition>),
    /// These partitions are not the member's any more; what is not committed is lost.
    Lost(Vec<TopicPartition>),
    /// Read these partitions too, from the committed offsets on.
    Assign(Vec<TopicPartition>),
    /// The member is out of the group for good.
    End,
}

/// A JoinGroup request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// To be told with the answer.
    pub ticket: Ticket,
    /// Who joins.
    pub identity: Identity,
    /// The assignors that the member knows, best first, and what it tells the leader for each.
    pub offers: Vec<(Assignor, Subscription)>,
}

/// A SyncGroup request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// To be told with the answer.
    pub ticket: Ticket,
    /// Who asks.
    pub identity: Identity,
    /// On which assignor the members agree.
    pub assignor: Assignor,
    /// From the leader everyone's share; else empty.
    pub shares: Shares,
}
