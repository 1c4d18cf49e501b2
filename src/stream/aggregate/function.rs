//! What an aggregate computes.

use std::fmt;

use thiserror::Error;

use crate::expr::Number;
use crate::record::Value;
use crate::stream::aggregate::column::Column;
use crate::stream::aggregate::parameter::Divisor;
use crate::stream::aggregate::parameter::HalfLife;
use crate::stream::aggregate::parameter::Limit;
use crate::stream::aggregate::parameter::Rank;
use crate::stream::aggregate::parameter::Smoothing;

/// What an aggregate computes.
///
/// A null argument is not part of any aggregate: it changes nothing and is not counted, and where
/// nothing but null came the result is null (of `count`, 0). A number that is not finite is refused
/// with its record. Unless said otherwise the result does not depend on the order in which records
/// come, except in the last digits of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// `count()`, `count(condition)`: how many records there are; with an argument, for how many it
    /// is true.
    Count,
    /// `sum(x)`: the sum of numbers. Integers are summed exactly in 128 bits and give an integer;
    /// one beyond 64 bits is an error and never wraps. One float makes the sum a float, compensated
    /// (Neumaier 1974) or, where values are taken back, exact.
    Sum,
    /// `avg(x)`: the arithmetic mean of numbers, a float, from the sums of [`Function::Sum`].
    Avg,
    /// `min(x)`: the smallest value; numbers by their value whatever their type, text by code point.
    /// Cannot take values back.
    Min,
    /// `max(x)`: the largest value, as [`Function::Min`].
    Max,
    /// `first(x)`: the value with the smallest event time; of equal times the first that came.
    /// Cannot take values back.
    First,
    /// `last(x)`: the value with the largest event time; of equal times the last that came. Cannot
    /// take values back.
    Last,
    /// `variance(x)`: the sum of squared deviations from the mean, divided as the parameter says, a
    /// float. Welford's recurrence with compensated mean and sum: a small spread on a large offset
    /// keeps its digits. Where values are taken back, from the exact sums of numbers and squares.
    Variance(Divisor),
    /// `stddev(x)`: the square root of [`Function::Variance`].
    Stddev(Divisor),
    /// `ema(x, half_life)`: the mean of numbers by weights that double with every half-life of event
    /// time (the ratio form, `ewm(halflife=…, times=…)` in pandas), a float. In a window it covers
    /// the key's whole history up to the window's end, and nothing later. Compensated: within 1e-14
    /// of the largest number that has weight. A key that has been seen is never forgotten.
    Ema(HalfLife),
    /// `ewma(x, smoothing)`: the mean of numbers by weights that shrink with every record, a float.
    /// It depends on the order in which records come; where a window is made of slices, on that
    /// within each slice. Cannot take values back.
    Ewma(Smoothing),
    /// `distinct(x)`: how many different values there are. Exact up to 1024 values of together 64
    /// KiB, then by a `HyperLogLog` sketch of 4096 registers with a relative standard error of
    /// 1.6 %. Numbers of equal value are one. 0 where there are none. Cannot take values back.
    Distinct,
    /// `quantile(x, rank)`: the number at the place ⌊rank · (count − 1)⌋ in ascending order,
    /// counted from 0, a float. Exact up to 64 numbers; of more within 1 % of its value (`DDSketch`),
    /// where they differ by a factor of up to 10^35.
    Quantile(Rank),
    /// `top(k, x)`: a list of the k largest values, the largest first, by the order of
    /// [`Function::Max`]; equal values count each. Empty where there are none. Cannot take values
    /// back.
    Top(Limit),
    /// `collect(x, limit)`: a list of the first values by event time, in its order; of equal times
    /// in the order in which they came. Empty where there are none. Cannot take values back.
    Collect(Limit),
    /// `rate()`, `rate(x)`: how many records, or the sum of numbers, for each second of the window's
    /// length, a float; 0 where there are none. Null where the window has no length.
    Rate,
}

impl Function {
    /// The names of all functions in pipeline files, in the order in which help texts list them.
    pub const NAMES: [&str; 16] = [
        "count", "sum", "avg", "min", "max", "first", "last", "variance", "stddev", "ema", "ewma",
        "distinct", "quantile", "top", "collect", "rate",
    ];

    /// The name in pipeline files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Variance(_) => "variance",
            Self::Stddev(_) => "stddev",
            Self::Ema(_) => "ema",
            Self::Ewma(_) => "ewma",
            Self::Distinct => "distinct",
            Self::Quantile(_) => "quantile",
            Self::Top(_) => "top",
            Self::Collect(_) => "collect",
            Self::Rate => "rate",
        }
    }

    /// Whether values can be taken back, as tables have to when a row changes: no for what forgets
    /// all but one value.
    #[must_use]
    pub const fn can_retract(self) -> bool {
        matches!(
            self,
            Self::Count
                | Self::Sum
                | Self::Avg
                | Self::Variance(_)
                | Self::Stddev(_)
                | Self::Ema(_)
                | Self::Quantile(_)
                | Self::Rate
        )
    }

    /// How many bytes are kept for each key and slice of event time, without texts and what else
    /// has no fixed size.
    #[must_use]
    pub fn state_bytes(self) -> usize {
        Column::new(self).cell_bytes()
    }

    /// Whether a window's result is made of all that its key has seen up to the window's end, and
    /// not of the window's records alone.
    #[must_use]
    pub const fn covers_history(self) -> bool {
        matches!(self, Self::Ema(_))
    }

    /// Whether the result is null where no value came in, in a window of a second.
    #[must_use]
    pub fn is_null_of_nothing(self) -> bool {
        let mut column = Column::new(self);
        column.push();
        column.result(0, Some(1_000)) == Ok(Value::Null)
    }

    /// Whether the argument must be a number, so that it may be evaluated as one.
    #[must_use]
    pub(crate) const fn is_numeric(self) -> bool {
        match self {
            Self::Sum
            | Self::Avg
            | Self::Variance(_)
            | Self::Stddev(_)
            | Self::Ema(_)
            | Self::Ewma(_)
            | Self::Quantile(_)
            | Self::Rate => true,
            Self::Count
            | Self::Min
            | Self::Max
            | Self::First
            | Self::Last
            | Self::Distinct
            | Self::Top(_)
            | Self::Collect(_) => false,
        }
    }

    /// What stands for the argument where it is left out.
    pub(crate) const fn without_argument(self) -> Value<'static> {
        match self {
            Self::Rate => Value::Int(1),
            _ => Value::Bool(true),
        }
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
            (_, Value::Int(_)) => Ok(()),
            (_, Value::Float(float)) if !float.is_finite() => Err(ArgumentError::NotFinite),
            (Self::Ema(_), Value::Float(float)) if float.abs() > EMA_MAX => {
                Err(ArgumentError::TooLarge)
            }
            (function, value) if function.is_numeric() => match Number::of(value) {
                Some(_) => Ok(()),
                None => Err(ArgumentError::NotNumber),
            },
            (Self::Min | Self::Max | Self::Top(_), Value::List(_) | Value::Map(_)) => {
                Err(ArgumentError::NoOrder)
            }
            (_, value @ (Value::List(_) | Value::Map(_))) if !is_finite(value) => {
                Err(ArgumentError::NotFinite)
            }
            _ => Ok(()),
        }
    }
}

/// The largest number whose weighted sums stay within the doubles, a million at a time.
const EMA_MAX: f64 = f64::MAX / 4_194_304.0;

/// Whether all numbers in `value` are finite.
fn is_finite(value: &Value<'_>) -> bool {
    match value {
        Value::Float(float) => float.is_finite(),
        Value::List(values) => values.iter().all(is_finite),
        Value::Map(entries) => entries
            .iter()
            .all(|(key, value)| is_finite(key) && is_finite(value)),
        _ => true,
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
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
    /// A number whose weighted sum would leave the doubles for good.
    #[error("a number too large for a weighted mean")]
    TooLarge,
    /// Only true and false can be counted.
    #[error("neither true nor false")]
    NotBool,
    /// Lists and maps have no order.
    #[error("a list or a map, which have no order")]
    NoOrder,
}
