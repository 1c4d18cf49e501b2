//! What becomes of one record.

use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Timestamp;
use crate::stream::reason::Reason;
use crate::stream::step::Failure;

/// What became of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Aggregated {
        expired_windows: u64,
    },
    Passed,
    Filtered,
    /// It waits for its turn; what becomes of it is entered later.
    Waiting,
    Late {
        time: Timestamp,
        stream_time: Timestamp,
    },
    Replayed,
}

/// Why a record has no outcome.
///
/// Handed on in a box: then a result takes no more than what is right takes, and few records pay
/// for the box.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// It takes a schema that has not been given yet.
    NeedsSchema(Root, SchemaId),
    /// So much has come out that it is to be written before the record's turn comes.
    Full,
    /// The record is at fault.
    Rejected(Reason),
    /// A result is at fault, and the flow is to stop then.
    Stopped(Failure),
}

/// So much has come out that it is to be written before anything goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl From<Full> for Box<Trouble> {
    #[cold]
    fn from(_: Full) -> Self {
        Self::new(Trouble::Full)
    }
}

impl From<Reason> for Box<Trouble> {
    #[cold]
    fn from(reason: Reason) -> Self {
        Self::new(Trouble::Rejected(reason))
    }
}

impl From<Box<Reason>> for Box<Trouble> {
    #[cold]
    fn from(reason: Box<Reason>) -> Self {
        Self::from(*reason)
    }
}

impl From<Failure> for Box<Trouble> {
    #[cold]
    fn from(failure: Failure) -> Self {
        Self::new(Trouble::Stopped(failure))
    }
}
