//! What can be wrong with an expression: found when it is compiled, or when it is evaluated.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::record::Value;

/// One finding about the text of an expression: what is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong: one line, lower case, no full stop.
    pub message: String,
    /// The bytes of the expression that are meant; never beyond its end, may be empty there.
    pub span: Range<usize>,
    /// The known name that is nearest to a wrong one.
    pub nearest: Option<String>,
    /// One way to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding without further advice.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            nearest: None,
            help: None,
        }
    }

    /// The same finding with one way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same finding with the name of `known` that is nearest to `wrong`, if any is near.
    #[must_use]
    pub fn nearest<'n>(mut self, wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        self.nearest = nearest(wrong, known).map(str::to_owned);
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

/// How alike two names must be, from 0 to 1, for one to be proposed for the other.
const LIKENESS_MIN: f64 = 0.75;

/// The name of `known` that is most like `wrong`, if any is like enough to propose it.
///
/// Letter case counts for nothing here, since a wrong case is the commonest slip.
#[must_use]
pub fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wrong, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, name)| name)
}

/// An expression that failed on one record.
///
/// Making and cloning one allocates nothing but the detail of a function of Rust; the text is put
/// together when it is displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// What went wrong.
    pub fault: Fault,
    /// The whole expression.
    pub expression: Arc<str>,
    /// The bytes of `expression` that failed.
    pub span: Range<usize>,
    /// What a function of Rust said ([`Fault::Refused`]).
    pub detail: Option<Box<str>>,
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = self.expression.get(self.span.clone()).unwrap_or_default();
        match &self.detail {
            Some(detail) => write!(f, "evaluate {part}: {detail}"),
            None => write!(f, "evaluate `{part}`: {}", self.fault),
        }
    }
}

impl std::error::Error for EvalError {}

/// Why an evaluation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field or key that was selected is not there.
    #[error("no such field")]
    Missing,
    /// An operator or function met a value of a type that it has no meaning for.
    #[error("no meaning for a value of type {0}")]
    NoOverload(ValueType),
    /// An operator or function met two values of types that do not go together.
    #[error("no meaning for {0} with {1}")]
    NoOverloadOfTwo(ValueType, ValueType),
    /// A condition is not true or false.
    #[error("expected bool, found {0}")]
    NotBool(ValueType),
    /// An integer left the range of its type, or an instant or a duration its own.
    #[error("result out of range")]
    Overflow,
    /// Division by zero of integers.
    #[error("division by zero")]
    DivisionByZero,
    /// A list index or a text position below 0 or beyond the end.
    #[error("index out of bounds")]
    OutOfBounds,
    /// A value cannot be turned into the type asked for.
    #[error("cannot convert this {from} to {to}")]
    Conversion {
        /// What the value is.
        from: ValueType,
        /// What it should have become.
        to: ValueType,
    },
    /// A map would hold the same key twice.
    #[error("the same key twice in one map")]
    DuplicateKey,
    /// A pattern given at run time is no regular expression.
    #[error("not a regular expression")]
    BadPattern,
    /// A time zone is neither `UTC` nor an offset such as `+02:00`.
    #[error("unknown time zone: give `UTC` or an offset such as `+02:00`")]
    BadZone,
    /// An optional value that is not there was asked for.
    #[error("the optional value is not there")]
    NoneValue,
    /// A function of Rust has no result for this record.
    #[error("refused")]
    Refused,
    /// The expression does more work on this record than an expression may.
    #[error("too much work for one record")]
    TooMuchWork,
}

/// The type of a value at run time, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    UInt,
    /// `double`
    Double,
    /// `string`
    Text,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `list`
    List,
    /// `map`
    Map,
}

impl ValueType {
    /// The type of `value`.
    #[must_use]
    pub const fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::UInt(_) => Self::UInt,
            Value::Float(_) => Self::Double,
            Value::Text(_) => Self::Text,
            Value::Bytes(_) => Self::Bytes,
            Value::Timestamp(_) => Self::Timestamp,
            Value::Duration(_) => Self::Duration,
            Value::List(_) => Self::List,
            Value::Map(_) => Self::Map,
        }
    }

    /// The name in CEL, also what `type()` answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::List => "list",
            Self::Map => "map",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
