//! Requests of a member, each a future that ends in an event.

use std::future::Future;
use std::time::Duration;

use crate::client::call::Failure;
use crate::client::call::may_help;
use crate::client::cluster::TopicRefusal;
use crate::client::group::Group;
use crate::client::group::JoinAnswer;
use crate::client::group::JoinedGroup;
use crate::client::group::Patience;
use crate::client::producer::GroupMember;
use crate::group::assignor::Assignor;
use crate::group::assignor::TopicSizes;
use crate::group::membership::Event;
use crate::group::membership::Identity;
use crate::group::membership::JoinRequest;
use crate::group::membership::Joined;
use crate::group::membership::Refusal;
use crate::group::membership::SyncRequest;
use crate::group::membership::Ticket;
use crate::protocol::error_code::Action;
use crate::protocol::error_code::ErrorCode;
use crate::record::TopicName;
use crate::runtime::group_driver::error::GroupError;
use crate::runtime::group_driver::wire;

/// The longest wait for the answer to LeaveGroup: the session timeout does the same, only later.
const LEAVE_MAX: Duration = Duration::from_secs(3);
/// So many times the sizes of topics are asked for where a broker cannot tell of all of them.
const LOOK_UPS_MAX: u32 = 5;

/// What became of a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) event: Event,
    /// Where the event is a refusal for good: why.
    pub(super) refused: Option<GroupError>,
}

impl From<Event> for Answer {
    fn from(event: Event) -> Self {
        Self {
            event,
            refused: None,
        }
    }
}

/// Makes the requests of one member.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    group: Group,
    patience: Patience,
    id: String,
}

impl Requests {
    pub(super) const fn new(group: Group, patience: Patience, id: String) -> Self {
        Self {
            group,
            patience,
            id,
        }
    }

    pub(super) fn metadata_age_max(&self) -> Duration {
        self.group.cluster().config().metadata_age_max
    }

    /// The member as requests name it.
    pub(super) fn member(&self, identity: &Identity) -> GroupMember {
        GroupMember {
            group: self.id.clone(),
            generation: identity.generation,
            member_id: identity.member_id.clone(),
            instance_id: identity.instance_id.clone(),
        }
    }

    pub(super) fn join(&self, request: JoinRequest) -> impl Future<Output = Answer> + use<> {
        let requests = self.clone();
        async move {
            let ticket = request.ticket;
            match requests.try_join(request).await {
                Ok(event) => event.into(),
                Err(error) => refused(ticket, error),
            }
        }
    }

    async fn try_join(&self, request: JoinRequest) -> Result<Event, GroupError> {
        let mut protocols = Vec::new();
        for (assignor, subscription) in &request.offers {
            let metadata = wire::write_subscription(subscription);
            protocols.push((
                assignor.name(),
                metadata.map_err(|source| self.write(source))?,
            ));
        }
        let member = self.member(&request.identity);
        let joining = self.group.join(&member, self.patience, &protocols);
        let joined = match joining.await.map_err(|source| self.failed(source))? {
            JoinAnswer::Joined(joined) => joined,
            JoinAnswer::IdGiven(id) => {
                return Ok(Event::Refused(request.ticket, Refusal::IdRequired(id)));
            }
        };
        let offered = request.offers.iter().map(|(assignor, _)| *assignor);
        let agreed = offered
            .into_iter()
            .find(|assignor| assignor.name() == joined.protocol);
        let assignor = agreed.ok_or_else(|| GroupError::Protocol {
            group: self.id.clone(),
            protocol: joined.protocol.clone(),
        })?;
        Ok(Event::Joined(request.ticket, read_joined(joined, assignor)))
    }

    pub(super) fn sync(&self, request: SyncRequest) -> impl Future<Output = Answer> + use<> {
        let requests = self.clone();
        async move {
            let ticket = request.ticket;
            match requests.try_sync(request).await {
                Ok(event) => event.into(),
                Err(error) => refused(ticket, error),
            }
        }
    }

    async fn try_sync(&self, request: SyncRequest) -> Result<Event, GroupError> {
        let mut shares = Vec::new();
        for (id, share) in request.shares {
            let bytes = wire::write_share(&share).map_err(|source| self.write(source))?;
            shares.push((id, bytes));
        }
        let member = self.member(&request.identity);
        // As long as a rebalance may take: the leader's share may be that long in coming.
        let within = self.group.cluster().config().request_timeout;
        let within = within.max(self.patience.rebalance);
        let protocol = request.assignor.name();
        let syncing = self.group.sync(&member, protocol, &shares, within);
        let bytes = syncing.await.map_err(|source| self.failed(source))?;
        let share = wire::read_share(&bytes).map_err(|source| GroupError::Share {
            group: self.id.clone(),
            source,
        })?;
        Ok(Event::Synced(request.ticket, share))
    }

    pub(super) fn heartbeat(
        &self,
        ticket: Ticket,
        identity: &Identity,
    ) -> impl Future<Output = Answer> + use<> {
        let (requests, member) = (self.clone(), self.member(identity));
        async move {
            // So that a coordinator that hangs is left while the session lasts.
            let within = requests.group.cluster().config().request_timeout;
            let within = within.min(requests.patience.session / 3);
            match requests.group.heartbeat(&member, within).await {
                Ok(()) => Event::Alive(ticket).into(),
                Err(source) => refused(ticket, requests.failed(source)),
            }
        }
    }

    pub(super) fn leave(&self, identity: &Identity) -> impl Future<Output = Answer> + use<> {
        let (requests, member) = (self.clone(), self.member(identity));
        async move {
            let leaving = requests.group.leave(&member, LEAVE_MAX);
            // The session timeout takes a member out that could not say so.
            drop(tokio::time::timeout(LEAVE_MAX, leaving).await);
            Event::Left.into()
        }
    }

    /// Asks until the cluster answers, however long that takes: heartbeats tell where it is no use.
    pub(super) fn look_up(&self, topics: Vec<TopicName>) -> impl Future<Output = Answer> + use<> {
        let cluster = self.group.cluster().clone();
        async move {
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let mut asked = 0;
            loop {
                asked += 1;
                match cluster.refresh_topics(&names).await {
                    Ok(refusals) if asked >= LOOK_UPS_MAX || !refusals.iter().any(may_pass) => {
                        break;
                    }
                    Ok(_) | Err(_) => {
                        tokio::time::sleep(cluster.config().retry_backoff_max).await;
                    }
                }
            }
            let known = &cluster.metadata().topics;
            let size = |topic: &TopicName| {
                let count = i32::try_from(known.get(topic)?.partitions.len());
                Some((TopicName::clone(topic), count.unwrap_or(i32::MAX)))
            };
            let sizes: TopicSizes = topics.iter().filter_map(size).collect();
            Event::Sizes(sizes).into()
        }
    }

    fn failed(&self, source: Failure) -> GroupError {
        GroupError::Refused {
            group: self.id.clone(),
            source,
        }
    }

    fn write(&self, source: crate::protocol::message::WriteError) -> GroupError {
        GroupError::Write {
            group: self.id.clone(),
            source,
        }
    }
}

/// Whether a broker may tell of the topic a moment later; one that does not exist is left out.
fn may_pass(refusal: &TopicRefusal) -> bool {
    refusal.code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION && may_help(refusal.code.action())
}

fn read_joined(joined: JoinedGroup, assignor: Assignor) -> Joined {
    let members = joined.members.map(|members| {
        let read = members.into_iter().map(wire::read_member);
        read.collect()
    });
    Joined {
        member_id: joined.member_id,
        generation: joined.generation,
        assignor,
        members,
        keeps_shares: joined.keeps_shares,
    }
}

fn refused(ticket: Ticket, error: GroupError) -> Answer {
    let refusal = match &error {
        GroupError::Refused { source, .. } => refusal(source),
        _ => Refusal::Final,
    };
    let is_final = refusal == Refusal::Final;
    Answer {
        event: Event::Refused(ticket, refusal),
        refused: is_final.then_some(error),
    }
}

/// What a failure means to a member.
fn refusal(failure: &Failure) -> Refusal {
    match failure {
        Failure::Answered { code, .. } => refusal_of(*code),
        Failure::Request(error) if error.is_retriable() => Refusal::TryAgain,
        Failure::NoLeader(_) => Refusal::TryAgain,
        _ => Refusal::Final,
    }
}

/// What an error code of the classic group APIs means to a member.
fn refusal_of(code: ErrorCode) -> Refusal {
    match code {
        ErrorCode::REBALANCE_IN_PROGRESS => Refusal::Rebalancing,
        ErrorCode::ILLEGAL_GENERATION => Refusal::OtherGeneration,
        code if code.action() == Action::Rejoin => Refusal::UnknownMember,
        code if may_help(code.action()) => Refusal::TryAgain,
        _ => Refusal::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_code_of_the_group_apis_has_its_meaning() {
        let meanings = [
            (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, Refusal::TryAgain),
            (ErrorCode::COORDINATOR_NOT_AVAILABLE, Refusal::TryAgain),
            (ErrorCode::NOT_COORDINATOR, Refusal::TryAgain),
            (ErrorCode::REQUEST_TIMED_OUT, Refusal::TryAgain),
            (ErrorCode::REBALANCE_IN_PROGRESS, Refusal::Rebalancing),
            (ErrorCode::ILLEGAL_GENERATION, Refusal::OtherGeneration),
            (ErrorCode::UNKNOWN_MEMBER_ID, Refusal::UnknownMember),
            (ErrorCode::FENCED_INSTANCE_ID, Refusal::Final),
            (ErrorCode::INCONSISTENT_GROUP_PROTOCOL, Refusal::Final),
            (ErrorCode::INVALID_SESSION_TIMEOUT, Refusal::Final),
            (ErrorCode::INVALID_GROUP_ID, Refusal::Final),
            (ErrorCode::GROUP_MAX_SIZE_REACHED, Refusal::Final),
            (ErrorCode::GROUP_AUTHORIZATION_FAILED, Refusal::Final),
            (ErrorCode::UNSUPPORTED_VERSION, Refusal::Final),
            (ErrorCode::UNKNOWN_SERVER_ERROR, Refusal::Final),
            (ErrorCode(999), Refusal::Final),
        ];
        for (code, meaning) in meanings {
            assert_eq!(refusal_of(code), meaning, "{code}");
        }
    }
}
