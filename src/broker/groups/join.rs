//! A member enters its group, or comes back to it.

use crate::broker::groups::coordinator::Coordinator;
use crate::broker::groups::group::Group;
use crate::broker::groups::group::Phase;
use crate::broker::groups::member::Member;
use crate::broker::groups::member::Offer;
use crate::broker::groups::member::Ticket;
use crate::broker::groups::reply::JoinReply;
use crate::broker::groups::reply::Replies;
use crate::broker::groups::reply::Reply;
use crate::broker::groups::reply::SyncReply;
use crate::protocol::error_code::ErrorCode;
use crate::record::Timestamp;

/// Longest session timeout that is accepted (`group.max.session.timeout.ms`).
const SESSION_TIMEOUT_MAX_MS: i64 = 1_800_000;
/// Most members, pending ones included, that a group may have (`group.max.size`).
const MEMBERS_MAX: usize = 1_000;

/// Whether a new member gets its id before it may join (KIP-394).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// JoinGroup v4 and above: first an id, then the group.
    IdFirst,
    /// Older versions: both at once.
    AtOnce,
}

/// What JoinGroup says, all versions alike.
#[derive(Clone, Debug)]
pub(crate) struct JoinRequest {
    /// The group id.
    pub(crate) group_id: String,
    /// Empty for a new member.
    pub(crate) member_id: String,
    /// Set for static members.
    pub(crate) instance_id: Option<String>,
    /// The client id of the request.
    pub(crate) client_id: String,
    /// The client's address as shown to tools.
    pub(crate) client_host: String,
    /// 1 to 1,800,000.
    pub(crate) session_timeout_ms: i64,
    /// How long a rebalance waits for this member.
    pub(crate) rebalance_timeout_ms: i64,
    /// `consumer`, `connect`, ...
    pub(crate) protocol_type: String,
    /// What it offers, best first.
    pub(crate) offers: Vec<Offer>,
    /// By the request's version.
    pub(crate) membership: Membership,
}

impl Coordinator {
    /// Takes a JoinGroup request; its answer comes under `ticket`.
    pub(crate) fn join(&mut self, request: JoinRequest, ticket: Ticket, now: Timestamp) {
        let member_id = request.member_id.clone();
        if let Err(error) = self.admit(request, ticket, now) {
            self.refuse_join(ticket, error, member_id);
        }
    }

    fn refuse_join(&mut self, ticket: Ticket, error: ErrorCode, member_id: String) {
        let reply = JoinReply::refused(error, member_id);
        self.replies.push((ticket, Reply::Join(reply)));
    }

    fn admit(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        if !(1..=SESSION_TIMEOUT_MAX_MS).contains(&request.session_timeout_ms) {
            return Err(ErrorCode::INVALID_SESSION_TIMEOUT);
        }
        if request.protocol_type.is_empty() || request.offers.is_empty() {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        if !request.member_id.is_empty() && !self.groups.contains_key(&request.group_id) {
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.group_or_new(&request.group_id)?
            .check_offers(&request)?;
        if request.member_id.is_empty() {
            self.join_new(request, ticket, now)
        } else {
            self.join_known(request, ticket, now)
        }
    }

    fn join_new(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        let member_id = self.new_member_id(&request);
        let (group, replies, delay_ms) = self.parts(&request.group_id)?;
        let returning = request
            .instance_id
            .as_deref()
            .and_then(|instance| group.member_of_instance(instance))
            .map(|member| member.id.clone());
        if let Some(old_id) = returning {
            group.replace_static(&old_id, member_id, request, ticket, now, delay_ms, replies);
            return Ok(());
        }
        if group.members.len().saturating_add(group.pending.len()) >= MEMBERS_MAX {
            return Err(ErrorCode::GROUP_MAX_SIZE_REACHED);
        }
        if request.membership == Membership::IdFirst && request.instance_id.is_none() {
            let lapses_at = now.saturating_add(request.session_timeout_ms);
            group.pending.insert(member_id.clone(), lapses_at);
            let reply = JoinReply::refused(ErrorCode::MEMBER_ID_REQUIRED, member_id);
            replies.push((ticket, Reply::Join(reply)));
            return Ok(());
        }
        group.add_member(member_id, request, ticket, now, delay_ms, replies);
        Ok(())
    }

    fn join_known(
        &mut self,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
    ) -> Result<(), ErrorCode> {
        let (group, replies, delay_ms) = self.parts(&request.group_id)?;
        let member_id = request.member_id.clone();
        if group.pending.remove(&member_id).is_some() {
            group.add_member(member_id, request, ticket, now, delay_ms, replies);
            return Ok(());
        }
        group.check_member(&member_id, request.instance_id.as_deref())?;
        group.rejoin(&member_id, request, ticket, now, delay_ms, replies);
        Ok(())
    }
}

impl Group {
    /// A member must offer what the others offer too.
    fn check_offers(&self, request: &JoinRequest) -> Result<(), ErrorCode> {
        let is_alone = self
            .members
            .values()
            .all(|member| member.id == request.member_id);
        if is_alone {
            return Ok(());
        }
        let is_same_type = self.protocol_type.as_deref() == Some(&request.protocol_type);
        let has_common = request
            .offers
            .iter()
            .any(|offer| self.is_offered_by_all(&offer.name));
        if is_same_type && has_common {
            Ok(())
        } else {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        }
    }

    fn add_member(
        &mut self,
        member_id: String,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        let mut member = Member {
            id: member_id.clone(),
            instance_id: request.instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            offers: request.offers,
            assignment: bytes::Bytes::new(),
            expires_at: now,
            join: Some(ticket),
            sync: None,
        };
        member.touch(now);
        self.members.insert(member_id.clone(), member);
        self.leader.get_or_insert(member_id);
        self.rebalance_unless_preparing(now, initial_delay_ms, replies);
    }

    fn rebalance_unless_preparing(
        &mut self,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        if !matches!(self.phase, Phase::PreparingRebalance { .. }) {
            self.prepare_rebalance(now, initial_delay_ms, replies);
        }
        self.try_complete_join(now, replies);
    }

    /// A member joins again: with news, or as the leader, it starts a rebalance; else it is told
    /// where the group stands.
    fn rejoin(
        &mut self,
        member_id: &str,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        let is_leader = self.leader.as_deref() == Some(member_id);
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        member.touch(now);
        let is_unchanged = member.offers == request.offers;
        let is_informed = match self.phase {
            Phase::Empty | Phase::PreparingRebalance { .. } => false,
            Phase::CompletingRebalance { .. } => is_unchanged,
            Phase::Stable => is_unchanged && !is_leader,
        };
        if is_informed {
            replies.push((ticket, Reply::Join(self.join_reply(member_id))));
            return;
        }
        member.take_request(request);
        if let Some(older) = member.join.replace(ticket) {
            let reply = JoinReply::refused(ErrorCode::UNKNOWN_MEMBER_ID, member_id);
            replies.push((older, Reply::Join(reply)));
        }
        self.rebalance_unless_preparing(now, initial_delay_ms, replies);
    }

    /// A static member is back under a new id: the old id is fenced, and a group that is stable
    /// stays so where the member says what it said before (KIP-345).
    #[expect(clippy::too_many_arguments, reason = "one step of a state machine")]
    fn replace_static(
        &mut self,
        old_id: &str,
        new_id: String,
        request: JoinRequest,
        ticket: Ticket,
        now: Timestamp,
        initial_delay_ms: i64,
        replies: &mut Replies,
    ) {
        let was_leader = self.leader.as_deref() == Some(old_id);
        let Some(mut member) = self.remove_member(old_id, ErrorCode::FENCED_INSTANCE_ID, replies)
        else {
            return;
        };
        let is_unchanged = member.offers == request.offers;
        member.id.clone_from(&new_id);
        member.take_request(request);
        member.touch(now);
        if was_leader {
            self.leader = Some(new_id.clone());
        }
        let stays = matches!(self.phase, Phase::Stable) && is_unchanged;
        member.join = (!stays).then_some(ticket);
        self.members.insert(new_id.clone(), member);
        if stays {
            let mut reply = self.join_reply(&new_id);
            reply.skip_assignment = was_leader;
            replies.push((ticket, Reply::Join(reply)));
        } else {
            self.rebalance_unless_preparing(now, initial_delay_ms, replies);
        }
    }
}

impl Member {
    fn take_request(&mut self, request: JoinRequest) {
        self.client_id = request.client_id;
        self.client_host = request.client_host;
        self.session_timeout_ms = request.session_timeout_ms;
        self.rebalance_timeout_ms = request.rebalance_timeout_ms;
        self.offers = request.offers;
    }
}

impl Coordinator {
    /// Takes a SyncGroup refusal under `ticket`.
    pub(crate) fn refuse_sync(&mut self, ticket: Ticket, error: ErrorCode) {
        self.replies
            .push((ticket, Reply::Sync(SyncReply::refused(error))));
    }
}
