//! Which broker looks after a consumer group or a transactional id.

use crate::client::call::CallError;
use crate::client::call::Failure;
use crate::client::call::check;
use crate::client::cluster::Cluster;
use crate::client::connection::Reply;
use crate::protocol::message::find_coordinator::FindCoordinatorRequest;
use crate::protocol::message::find_coordinator::FindCoordinatorResponse;

/// What a coordinator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoordinatorKind {
    /// A consumer group.
    Group,
    /// A transactional id.
    Transaction,
}

impl CoordinatorKind {
    const fn wire(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Transaction => "transactional id",
        }
    }
}

/// From this version on several keys are asked for at once (KIP-699).
const BATCHED: i16 = 4;

impl Cluster {
    /// The node id of the coordinator, from memory where it is known.
    pub(crate) async fn coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
    ) -> Result<i32, Failure> {
        if let Some(node) = self.known_coordinator(kind, key) {
            return Ok(node);
        }
        let connection = self.any_connection().await?;
        let version = connection.version::<FindCoordinatorRequest<'_>>()?;
        let request = request(kind, key, version);
        let reply = connection
            .request(&request, self.config().request_timeout)
            .await?;
        let node = read(&reply, key)?;
        self.remember_coordinator(kind, key, node);
        Ok(node)
    }

    /// Finds the coordinator, with retries.
    ///
    /// # Errors
    ///
    /// [`CallError`] with the last attempt's failure.
    pub async fn find_coordinator(
        &self,
        kind: CoordinatorKind,
        key: &str,
    ) -> Result<i32, CallError> {
        let doing = format!("find the coordinator of {} \"{key}\"", kind.noun());
        let any = crate::client::call::Target::Any;
        let build = |version| request(kind, key, version);
        let node = self
            .call(&doing, any, build, |reply, _| read(reply, key))
            .await?;
        self.remember_coordinator(kind, key, node);
        Ok(node)
    }
}

fn request(kind: CoordinatorKind, key: &str, version: i16) -> FindCoordinatorRequest<'_> {
    let mut request = FindCoordinatorRequest {
        key_type: kind.wire(),
        ..FindCoordinatorRequest::default()
    };
    if version >= BATCHED {
        request.coordinator_keys = vec![key.into()];
    } else {
        request.key = key.into();
    }
    request
}

fn read(reply: &Reply, key: &str) -> Result<i32, Failure> {
    let response: FindCoordinatorResponse<'_> = reply.body()?;
    if reply.version() < BATCHED {
        check(
            reply,
            response.error_code,
            response.error_message.as_deref(),
        )?;
        return Ok(response.node_id);
    }
    let found = response.coordinators.iter().find(|found| found.key == key);
    let found = found.ok_or_else(|| Failure::Missing {
        address: reply.address().clone(),
        about: format!("coordinator of \"{key}\""),
    })?;
    check(reply, found.error_code, found.error_message.as_deref())?;
    Ok(found.node_id)
}
