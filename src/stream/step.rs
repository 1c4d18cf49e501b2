//! How a step of a task ends.

use thiserror::Error;

use crate::codec::framing::SchemaId;
use crate::codec::projection::Root;
use crate::record::Offset;

/// How a step over some records ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a step that stopped early must be continued or reported"]
pub enum StepEnd {
    /// All records are dealt with.
    Done,
    /// The record at `offset` was written with a schema that the task has not got. Everything
    /// before it is dealt with; fetch the schema, hand it to
    /// [`crate::stream::task::Task::add_schema`], and step again from `offset` on.
    NeedsSchema {
        /// Whether the key's or the value's.
        root: Root,
        /// Which schema.
        id: SchemaId,
        /// The offset of the record.
        offset: Offset,
    },
    /// So much has come out that it is to be written first: everything before `offset` is dealt
    /// with, a record at `offset`, if there is one, is not. Write and clear the effects, let the
    /// rest come out ([`crate::stream::task::Task::has_more`]), and step again from `offset` on.
    Full {
        /// The offset of the next record to be dealt with.
        offset: Offset,
    },
    /// The record at the failure's offset cannot be used, and the flow's policy is to stop there.
    /// Everything before it is dealt with.
    Failed(Failure),
}

/// Whether all that was to come out has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what is left has to come out before anything else happens"]
pub(crate) enum Drained {
    All,
    /// The effects are full: more comes out once they have been written and cleared.
    Part,
}

/// Why a task stopped: a record or a result is at fault, and the flow's policy is to stop.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Failure {
    /// The flow.
    pub flow: Box<str>,
    /// The record; `None` where it is a result that a commit or a tick brought out.
    pub offset: Option<Offset>,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "flow {}, offset {offset}: {}", self.flow, self.reason),
            None => write!(f, "flow {}: {}", self.flow, self.reason),
        }
    }
}
