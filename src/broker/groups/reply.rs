//! What requests that may wait are answered with.

use bytes::Bytes;

use crate::broker::groups::member::Ticket;
use crate::protocol::error_code::ErrorCode;

/// Answers that fell due, in the order in which they did.
pub(crate) type Replies = Vec<(Ticket, Reply)>;

/// The answer to one waiting request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// To JoinGroup.
    Join(JoinReply),
    /// To SyncGroup.
    Sync(SyncReply),
}

/// The answer to JoinGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinReply {
    /// `NONE`, or why the member did not join.
    pub(crate) error: ErrorCode,
    /// The generation joined; −1 on an error.
    pub(crate) generation: i32,
    /// `consumer`, `connect`, ...
    pub(crate) protocol_type: Option<String>,
    /// The assignor chosen.
    pub(crate) protocol: Option<String>,
    /// The member that assigns.
    pub(crate) leader: String,
    /// The member that this answer goes to.
    pub(crate) member_id: String,
    /// The leader came back and shall not assign anew (KIP-814).
    pub(crate) skip_assignment: bool,
    /// All members, for the leader only.
    pub(crate) members: Vec<JoinedMember>,
}

/// One member as the leader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinedMember {
    /// The member id.
    pub(crate) id: String,
    /// Set for static members.
    pub(crate) instance_id: Option<String>,
    /// What it told about itself for the chosen assignor.
    pub(crate) metadata: Bytes,
}

impl JoinReply {
    /// A refusal that names the member.
    pub(crate) fn refused(error: ErrorCode, member_id: impl Into<String>) -> Self {
        Self {
            error,
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            member_id: member_id.into(),
            skip_assignment: false,
            members: Vec::new(),
        }
    }
}

/// The answer to SyncGroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyncReply {
    /// `NONE`, or why there is no assignment.
    pub(crate) error: ErrorCode,
    /// `consumer`, `connect`, ...
    pub(crate) protocol_type: Option<String>,
    /// The assignor chosen.
    pub(crate) protocol: Option<String>,
    /// The member's share; empty on an error.
    pub(crate) assignment: Bytes,
}

impl SyncReply {
    /// A refusal.
    pub(crate) fn refused(error: ErrorCode) -> Self {
        Self {
            error,
            protocol_type: None,
            protocol: None,
            assignment: Bytes::new(),
        }
    }
}
