//! Why a record cannot be used.

use chrono::TimeDelta;
use thiserror::Error;

use crate::codec::projection::DecodeError;
use crate::expr::EvalError;
use crate::expr::ValueType;
use crate::expr::duration;
use crate::record::Timestamp;
use crate::stream::aggregate::ArgumentError;

/// Why a record cannot be used; goes into the headers of the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum Reason {
    #[error("decode key: {0}")]
    Key(DecodeError),
    #[error("decode value: {0}")]
    Value(DecodeError),
    #[error("where: {0}")]
    Filter(EvalError),
    #[error("key: {0}")]
    KeyExpression(EvalError),
    #[error("key: the record has none, and the flow names no other `key`")]
    NoKey,
    #[error("key: null, or a number that is not finite")]
    NullKey,
    #[error("key: the record's key is not UTF-8 text")]
    KeyNotText,
    #[error("time: {0}")]
    Time(EvalError),
    #[error("time: expected integer milliseconds, a timestamp or RFC 3339 text, found {0}")]
    NotATime(ValueType),
    #[error("time: {0:?} is not RFC 3339 text")]
    NotRfc3339(String),
    #[error("time: {0} is before the epoch")]
    BeforeEpoch(Timestamp),
    #[error("time: {time} is more than {} ahead of the wall clock, {now}", duration::to_text(*.future))]
    Future {
        time: Timestamp,
        now: Timestamp,
        future: TimeDelta,
    },
    #[error("{name}: {error}")]
    Argument { name: Box<str>, error: EvalError },
    #[error("{name}: {error}")]
    BadArgument {
        name: Box<str>,
        error: ArgumentError,
    },
    #[error("select {name}: {error}")]
    Select { name: Box<str>, error: EvalError },
    #[error("{0}")]
    Write(String),
    #[error("read repartition record: {0}")]
    Repartition(&'static str),
    #[error("{0}")]
    Refused(Box<str>),
    #[error("too many keys")]
    TooManyKeys,
}
