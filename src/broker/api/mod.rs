//! The APIs, one file each: what a request asks of the state, and the answer.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod end_txn;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sync_group;
mod txn_offset_commit;

use crate::broker::hook::HookAction;
use crate::broker::hook::HookedRequest;
use crate::broker::state::Shared;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::ReadError;
use crate::protocol::message::Request;
use crate::protocol::message::Str;
use crate::protocol::message::Versions;
use crate::protocol::message::WriteError;
use crate::protocol::message::header;
use crate::protocol::message::header::HeaderError;
use crate::protocol::message::header::RequestHeader;

/// The APIs that are served.
const SERVED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::DescribeConfigs,
    ApiKey::AlterConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::CreatePartitions,
    ApiKey::DeleteGroups,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::OffsetDelete,
    ApiKey::DescribeCluster,
];

/// The versions that are served: all that [`crate::protocol::message`] knows, but for those that
/// only brokers speak to each other (AddPartitionsToTxn from v4 on) or that belong to transaction
/// version 2 (EndTxn and TxnOffsetCommit from v5 on).
fn served(api_key: ApiKey) -> Versions {
    let known = api_key.versions();
    let max = match api_key {
        _ if !SERVED.contains(&api_key) => return Versions::NONE,
        ApiKey::AddPartitionsToTxn => 3,
        ApiKey::EndTxn | ApiKey::TxnOffsetCommit => 4,
        _ => known.max,
    };
    Versions {
        min: known.min,
        max,
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer is ready to be sent.
    Send,
    /// There is none: Produce with acks 0.
    Silence,
    /// The connection is to be closed.
    Close,
}

/// Why a frame is not served: the connection ends, because nothing can be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// The frame has no header of a known API and version.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The API is known, but not served in this version.
    #[error("{api_key} v{version} is not served")]
    NotServed {
        /// The API.
        api_key: ApiKey,
        /// The version.
        version: i16,
    },
    /// The body is no such request.
    #[error(transparent)]
    Body(#[from] ReadError),
    /// The answer does not fit the version: a bug of ours.
    #[error(transparent)]
    Answer(#[from] WriteError),
    /// The answer is longer than a frame can be.
    #[error("an answer of {0} bytes is too long for a frame")]
    AnswerLength(usize),
}

/// One request being served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) version: i16,
    /// The client's name for itself; empty where it has none.
    pub(crate) client_id: &'a str,
    /// The client's address as shown to tools.
    pub(crate) host: &'a str,
}

/// Serves the request in `frame`, whose length prefix is taken off, and puts the framed answer
/// into `out`, which is empty.
///
/// # Errors
///
/// [`RequestError`].
pub(crate) async fn serve(
    shared: &Shared,
    frame: &[u8],
    host: &str,
    out: &mut Vec<u8>,
) -> Result<Answer, RequestError> {
    let (header, body) = match RequestHeader::split(frame) {
        Ok(split) => split,
        Err(HeaderError::UnsupportedVersion {
            api_key: ApiKey::ApiVersions,
            correlation_id,
            ..
        }) => return api_versions::refuse_version(correlation_id, out),
        Err(error) => return Err(error.into()),
    };
    let call = Call {
        shared,
        version: header.api_version,
        client_id: header.client_id.as_deref().unwrap_or_default(),
        host,
    };
    let action = shared.consult_hook(&HookedRequest {
        api_key: header.api_key,
        version: call.version,
        client_id: call.client_id,
        body,
    });
    start_frame(&header, out);
    let answer = match action {
        HookAction::Close => return Ok(Answer::Close),
        HookAction::Answer(body) => {
            out.extend_from_slice(&body);
            Answer::Send
        }
        HookAction::Pass => dispatch(&call, header.api_key, body, out).await?,
        HookAction::CloseAfter => {
            dispatch(&call, header.api_key, body, out).await?;
            return Ok(Answer::Close);
        }
    };
    end_frame(out)?;
    Ok(answer)
}

fn start_frame(header: &RequestHeader<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
    header::write_response(
        header.api_key,
        header.api_version,
        header.correlation_id,
        out,
    );
}

fn end_frame(out: &mut [u8]) -> Result<(), RequestError> {
    let (prefix, rest) = out
        .split_first_chunk_mut()
        .ok_or(RequestError::AnswerLength(0))?;
    let length = i32::try_from(rest.len()).map_err(|_| RequestError::AnswerLength(rest.len()))?;
    *prefix = length.to_be_bytes();
    Ok(())
}

async fn dispatch(
    call: &Call<'_>,
    api_key: ApiKey,
    body: &[u8],
    out: &mut Vec<u8>,
) -> Result<Answer, RequestError> {
    let version = call.version;
    let not_served = RequestError::NotServed { api_key, version };
    if !served(api_key).contains(version) {
        return Err(not_served);
    }
    match api_key {
        ApiKey::AddOffsetsToTxn => call.answer(body, out, add_offsets_to_txn::answer),
        ApiKey::AddPartitionsToTxn => call.answer(body, out, add_partitions_to_txn::answer),
        ApiKey::AlterConfigs => call.answer(body, out, alter_configs::answer),
        ApiKey::ApiVersions => call.answer(body, out, api_versions::answer),
        ApiKey::CreatePartitions => call.answer(body, out, create_partitions::answer),
        ApiKey::CreateTopics => call.answer(body, out, create_topics::answer),
        ApiKey::DeleteGroups => call.answer(body, out, delete_groups::answer),
        ApiKey::DeleteRecords => call.answer(body, out, delete_records::answer),
        ApiKey::DeleteTopics => call.answer(body, out, delete_topics::answer),
        ApiKey::DescribeCluster => call.answer(body, out, describe_cluster::answer),
        ApiKey::DescribeConfigs => call.answer(body, out, describe_configs::answer),
        ApiKey::DescribeGroups => call.answer(body, out, describe_groups::answer),
        ApiKey::DescribeLogDirs => call.answer(body, out, describe_log_dirs::answer),
        ApiKey::EndTxn => call.answer(body, out, end_txn::answer),
        ApiKey::FindCoordinator => call.answer(body, out, find_coordinator::answer),
        ApiKey::Heartbeat => call.answer(body, out, heartbeat::answer),
        ApiKey::IncrementalAlterConfigs => {
            call.answer(body, out, incremental_alter_configs::answer)
        }
        ApiKey::InitProducerId => call.answer(body, out, init_producer_id::answer),
        ApiKey::LeaveGroup => call.answer(body, out, leave_group::answer),
        ApiKey::ListGroups => call.answer(body, out, list_groups::answer),
        ApiKey::ListOffsets => call.answer(body, out, list_offsets::answer),
        ApiKey::Metadata => call.answer(body, out, metadata::answer),
        ApiKey::OffsetCommit => call.answer(body, out, offset_commit::answer),
        ApiKey::OffsetDelete => call.answer(body, out, offset_delete::answer),
        ApiKey::OffsetFetch => call.answer(body, out, offset_fetch::answer),
        ApiKey::OffsetForLeaderEpoch => call.answer(body, out, offset_for_leader_epoch::answer),
        ApiKey::TxnOffsetCommit => call.answer(body, out, txn_offset_commit::answer),
        ApiKey::Produce => produce::serve(call, body, out),
        ApiKey::Fetch => {
            let request = Message::read_exact(body, call.version)?;
            call.write(&fetch::answer(call, request).await, out)
        }
        ApiKey::JoinGroup => {
            let request = Message::read_exact(body, call.version)?;
            call.write(&join_group::answer(call, request).await, out)
        }
        ApiKey::SyncGroup => {
            let request = Message::read_exact(body, call.version)?;
            call.write(&sync_group::answer(call, request).await, out)
        }
        _ => Err(not_served),
    }
}

impl Call<'_> {
    /// Reads the request, has `answer` answer it, and writes the answer.
    fn answer<'a, R>(
        &self,
        body: &'a [u8],
        out: &mut Vec<u8>,
        answer: impl FnOnce(&Self, R) -> R::Response<'static>,
    ) -> Result<Answer, RequestError>
    where
        R: Request<'a>,
    {
        let request = R::read_exact(body, self.version)?;
        self.write(&answer(self, request), out)
    }

    /// How a fenced producer is told: versions below `known_since` know another code (KIP-588).
    fn fenced(&self, error: ErrorCode, known_since: i16) -> ErrorCode {
        if error == ErrorCode::PRODUCER_FENCED && self.version < known_since {
            ErrorCode::INVALID_PRODUCER_EPOCH
        } else {
            error
        }
    }

    fn write<'r>(
        &self,
        response: &impl Message<'r>,
        out: &mut Vec<u8>,
    ) -> Result<Answer, RequestError> {
        response.write(self.version, out)?;
        Ok(Answer::Send)
    }
}

/// Text for an answer.
fn text(text: impl Into<String>) -> Str<'static> {
    Str::Owned(text.into())
}

/// The code of an outcome.
fn code_of(outcome: Result<(), ErrorCode>) -> i16 {
    outcome.err().unwrap_or(ErrorCode::NONE).0
}

/// The leader epoch check of KIP-320: `said` is what the client believes, −1 for nothing.
fn check_leader_epoch(said: i32, is: i32) -> Result<(), ErrorCode> {
    match said {
        -1 => Ok(()),
        said if said < is => Err(ErrorCode::FENCED_LEADER_EPOCH),
        said if said > is => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        _ => Ok(()),
    }
}
