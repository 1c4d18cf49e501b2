//! Sums of floats that remember what rounding took.

use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::ResultError;

/// A sum of floats and what rounding has taken from it.
///
/// Source: A. Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen",
/// 1974, algorithm IV.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Compensated {
    sum: f64,
    lost: f64,
}

impl Compensated {
    #[inline]
    pub(crate) fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// The sum with `number` added once more.
    pub(crate) fn with(mut self, number: f64) -> f64 {
        self.add(number);
        self.total()
    }

    /// The sum.
    pub(crate) fn total(&self) -> f64 {
        let total = self.sum + self.lost;
        // Once the sum has left the range, what rounding lost is no number.
        if total.is_nan() { self.sum } else { total }
    }

    /// Both parts changed by `change`, which must be exact.
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            sum: change(self.sum),
            lost: change(self.lost),
        }
    }

    /// How far `number` lies above the sum.
    #[inline]
    pub(crate) fn up_to(&self, number: f64) -> f64 {
        (number - self.sum) - self.lost
    }

    /// How far the sum of `other` lies above this.
    pub(crate) fn up_to_sum(&self, other: &Self) -> f64 {
        (other.sum - self.sum) + (other.lost - self.lost)
    }
}

/// `sum` as a result.
pub(crate) fn finite(sum: f64) -> Result<Value<'static>, ResultError> {
    if sum.is_finite() {
        Ok(Value::Float(sum))
    } else {
        Err(ResultError::Overflow)
    }
}

/// The double nearest to `integer`.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
pub(crate) const fn nearest(integer: i128) -> f64 {
    integer as f64
}

/// How many, as a double; exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
#[inline]
pub(crate) const fn many(count: u64) -> f64 {
    count as f64
}

/// The double nearest to `magnitude`; ties go to the even mantissa.
#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
pub(crate) const fn nearest_of_magnitude(magnitude: u128) -> f64 {
    magnitude as f64
}

impl Persist for Compensated {
    fn save(&self, out: &mut Writer) {
        out.put(&self.sum);
        out.put(&self.lost);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            sum: from.take()?,
            lost: from.take()?,
        })
    }
}
