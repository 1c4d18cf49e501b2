//! `variance(x)` and `stddev(x)`.

use crate::expr::Number;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::compensated::Compensated;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::compensated::many;
use crate::stream::aggregate::parameter::Divisor;

/// The mean square of the deviations from the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Variance(Moments);

/// The square root of the variance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Stddev(Moments);

/// Count, mean and sum of squared deviations, each step of both compensated.
///
/// Source: B. P. Welford, "Note on a method for calculating corrected sums of squares and
/// products", 1962; merging after T. F. Chan, G. H. Golub and R. J. `LeVeque`, "Updating formulae
/// and a pairwise algorithm for computing sample variances", 1979.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Moments {
    count: u64,
    mean: Compensated,
    squares: Compensated,
}

impl Moments {
    #[inline]
    fn add(&mut self, number: f64) {
        self.count += 1;
        let before = self.mean.up_to(number);
        self.mean.add(before / many(self.count));
        self.squares.add(before * self.mean.up_to(number));
    }

    fn merge(&mut self, other: &Self) {
        if self.count == 0 || other.count == 0 {
            if self.count == 0 {
                *self = *other;
            }
            return;
        }
        let [ours, theirs] = [self.count, other.count].map(many);
        let apart = self.mean.up_to_sum(&other.mean);
        let share = theirs / (ours + theirs);
        self.squares.merge(&other.squares);
        self.squares.add(apart * apart * ours * share);
        self.mean.add(apart * share);
        self.count += other.count;
    }

    /// The variance, infinite where squares went beyond the largest double; `None` where there is
    /// none.
    fn variance(&self, divisor: Divisor) -> Option<f64> {
        let divisor = divisor.of(self.count)?;
        let squares = self.squares.total();
        if !squares.is_finite() {
            return Some(f64::INFINITY);
        }
        Some(squares.max(0.0) / many(divisor))
    }
}

impl Aggregate for Variance {
    type Settings = Divisor;

    #[inline]
    fn add(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) {
        if let Some(number) = Number::of(value) {
            self.0.add(number.to_f64());
        }
    }

    fn merge(&mut self, _: Divisor, other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, divisor: Divisor, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        self.0.variance(divisor).map_or(Ok(Value::Null), finite)
    }
}

impl Aggregate for Stddev {
    type Settings = Divisor;

    #[inline]
    fn add(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) {
        if let Some(number) = Number::of(value) {
            self.0.add(number.to_f64());
        }
    }

    fn merge(&mut self, _: Divisor, other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, divisor: Divisor, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let variance = self.0.variance(divisor);
        variance.map_or(Ok(Value::Null), |variance| finite(variance.sqrt()))
    }
}

impl Persist for Variance {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for Stddev {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for Moments {
    fn save(&self, out: &mut Writer) {
        out.put(&self.count);
        out.put(&self.mean);
        out.put(&self.squares);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            count: from.take()?,
            mean: from.take()?,
            squares: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance(numbers: &[f64]) -> Variance {
        let mut variance = Variance::default();
        for number in numbers {
            variance.add(Divisor::Sample, Timestamp(0), &Value::Float(*number));
        }
        variance
    }

    #[test]
    fn one_value_has_a_population_variance_of_zero_and_no_sample_variance() {
        let one = variance(&[3.0]);
        assert_eq!(one.result(Divisor::Population, None), Ok(Value::Float(0.0)));
        assert_eq!(one.result(Divisor::Sample, None), Ok(Value::Null));
        let none = variance(&[]);
        assert_eq!(none.result(Divisor::Population, None), Ok(Value::Null));
    }

    #[test]
    fn a_small_spread_on_a_large_offset_is_seen_however_it_is_cut() {
        let numbers = [4.0, 7.0, 13.0, 16.0].map(|small| small + 1e9);
        for cut in 0..=numbers.len() {
            let (left, right) = numbers.split_at(cut);
            let mut whole = variance(left);
            whole.merge(Divisor::Sample, &variance(right));
            assert_eq!(whole.result(Divisor::Sample, None), Ok(Value::Float(30.0)));
        }
    }

    #[test]
    fn squares_beyond_the_largest_double_are_an_error() {
        let huge = variance(&[1e200, -1e200]);
        let result = huge.result(Divisor::Sample, None);
        assert_eq!(result, Err(ResultError::Overflow));
        let huge = variance(&[f64::MAX, f64::MIN]);
        let result = huge.result(Divisor::Sample, None);
        assert_eq!(result, Err(ResultError::Overflow));
    }
}
