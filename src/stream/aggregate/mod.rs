//! Aggregates: what is remembered of the values of one key in one slice of event time.
//!
//! One file each. An aggregate is a small cell that takes values, merges with the cell of another
//! slice, and answers with a result; `column::Column` holds the cells of all keys of a slice.

mod avg;
pub(crate) mod column;
mod count;
mod extreme;
mod sum;
mod total;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::expr::Number;
use crate::record::Value;

/// The state of one aggregate for one key.
///
/// Null is never given to [`Aggregate::add`]: it is not part of any aggregate. What is given has
/// passed [`Function::check`]. `default()` has seen nothing.
pub(crate) trait Aggregate: Default {
    /// Takes in one value more.
    fn add(&mut self, value: &Value<'_>);

    /// Takes in all that `other` has seen, as if it came after what this has seen.
    fn merge(&mut self, other: &Self);

    /// The result; [`Value::Null`] where there is none, as for the mean of nothing.
    ///
    /// # Errors
    ///
    /// [`ResultError`] where the result exists but cannot be expressed.
    fn result(&self) -> Result<Value<'_>, ResultError>;
}

/// What an aggregate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// How many records there are; with an argument, for how many it is true.
    Count,
    /// The sum of numbers: exact for integers, and an integer if all are; compensated for
    /// floats. Null where there are none.
    Sum,
    /// The arithmetic mean of numbers, a float. Null where there are none.
    Avg,
    /// The smallest value. Null where there are none.
    Min,
    /// The largest value. Null where there are none.
    Max,
}

impl Function {
    /// Every function, in the order in which help texts list them.
    pub const ALL: [Self; 5] = [Self::Count, Self::Sum, Self::Avg, Self::Min, Self::Max];

    /// The name in pipeline files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    /// Whether an argument may be left out: only of `count`.
    #[must_use]
    pub const fn needs_argument(self) -> bool {
        !matches!(self, Self::Count)
    }

    /// Whether the argument must be a number, so that it may be evaluated as one.
    #[must_use]
    pub(crate) const fn is_numeric(self) -> bool {
        matches!(self, Self::Sum | Self::Avg)
    }

    /// Checks that `value` may go into this aggregate.
    ///
    /// Null always may, and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`]; the record is at fault and must not touch any state.
    #[inline]
    pub fn check(self, value: &Value<'_>) -> Result<(), ArgumentError> {
        match (self, value) {
            (_, Value::Null) | (Self::Count, Value::Bool(_)) => Ok(()),
            (Self::Count, _) => Err(ArgumentError::NotBool),
            (_, Value::Float(float)) if !float.is_finite() => Err(ArgumentError::NotFinite),
            (Self::Sum | Self::Avg, value) if Number::of(value).is_none() => {
                Err(ArgumentError::NotNumber)
            }
            (Self::Min | Self::Max, Value::List(_) | Value::Map(_)) => Err(ArgumentError::NoOrder),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No aggregate has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown aggregate {name:?}, expected count, sum, avg, min or max")]
pub struct UnknownFunction {
    /// The name as given.
    pub name: String,
}

impl FromStr for Function {
    type Err = UnknownFunction;

    fn from_str(name: &str) -> Result<Self, UnknownFunction> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
            .ok_or_else(|| UnknownFunction { name: name.into() })
    }
}

/// A value that an aggregate cannot take in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ArgumentError {
    /// Only numbers can be added up.
    #[error("not a number")]
    NotNumber,
    /// NaN or an infinity, which would spoil the aggregate for good.
    #[error("a number that is not finite")]
    NotFinite,
    /// Only true and false can be counted.
    #[error("neither true nor false")]
    NotBool,
    /// Lists and maps have no order.
    #[error("a list or a map, which have no order")]
    NoOrder,
}

/// A result that exists but cannot be expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResultError {
    /// A sum of integers beyond 64 bits, or of floats beyond the largest one.
    #[error("sum out of range")]
    Overflow,
}
