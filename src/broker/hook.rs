//! The seam for faults: a test sees each request before the broker does, and may answer it.

use crate::protocol::message::ApiKey;
use crate::protocol::message::Message;
use crate::protocol::message::WriteError;

/// A request as a hook sees it.
#[derive(Clone, Copy, Debug)]
pub struct HookedRequest<'a> {
    /// The API.
    pub api_key: ApiKey,
    /// The version.
    pub version: i16,
    /// The client's name for itself; empty where it has none.
    pub client_id: &'a str,
    /// The body, still encoded.
    pub body: &'a [u8],
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HookAction {
    /// The broker serves it.
    #[default]
    Pass,
    /// This body is the answer; the broker never sees the request.
    Answer(Vec<u8>),
    /// The connection is closed; the broker never sees the request.
    Close,
    /// The broker serves it, and the connection is closed in place of the answer.
    CloseAfter,
}

impl HookAction {
    /// Answers with `response`, encoded for the version of `request`.
    ///
    /// # Errors
    ///
    /// [`WriteError`] where the version cannot carry a value: the hook's fault.
    pub fn answer<'r>(
        request: &HookedRequest<'_>,
        response: &impl Message<'r>,
    ) -> Result<Self, WriteError> {
        let mut body = Vec::new();
        response.write(request.version, &mut body)?;
        Ok(Self::Answer(body))
    }
}

/// Decides on each request, in the order in which they are read; called from several tasks, one
/// at a time.
pub type Hook = Box<dyn FnMut(&HookedRequest<'_>) -> HookAction + Send>;
