//! The sum of numbers, exact for integers and compensated for floats.

use crate::expr::Number;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::compensated::Compensated;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::compensated::many;
use crate::stream::aggregate::compensated::nearest;
use crate::stream::aggregate::figure::Summed;

/// The sum of numbers and how many there were: what `sum` and `avg` have in common.
///
/// Integers are summed exactly in 128 bits, which 2^64 of them cannot overflow. Floats are summed
/// with Neumaier's compensation, so that a large value that comes between small ones does not
/// swallow them. Both kinds may occur in one total, as a JSON field may hold `5` and `5.5`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Total {
    integers: i128,
    floats: Compensated,
    /// Of both kinds.
    count: u64,
    has_floats: bool,
}

impl Summed for Total {
    #[inline]
    fn add(&mut self, value: &Value<'_>) {
        match Number::of(value) {
            Some(Number::Int(int)) => self.integers += i128::from(int),
            Some(Number::UInt(uint)) => self.integers += i128::from(uint),
            Some(Number::Float(float)) => {
                self.floats.add(float);
                self.has_floats = true;
            }
            None => return,
        }
        self.count += 1;
    }

    #[inline]
    fn merge(&mut self, other: &Self) {
        self.integers += other.integers;
        self.count += other.count;
        if other.has_floats {
            self.floats.merge(&other.floats);
            self.has_floats = true;
        }
    }

    #[inline]
    fn set(&mut self, other: &Self) {
        *self = *other;
    }

    fn sum(&self) -> Result<Value<'static>, ResultError> {
        match self {
            Self { count: 0, .. } => Ok(Value::Null),
            Self {
                has_floats: false, ..
            } => integer_sum(self.integers),
            _ => finite(self.rounded()),
        }
    }

    fn rounded(&self) -> f64 {
        self.floats.with(nearest(self.integers))
    }

    fn mean(&self) -> Result<Value<'static>, ResultError> {
        if self.count == 0 {
            return Ok(Value::Null);
        }
        let count = many(self.count);
        if self.has_floats {
            return finite(self.rounded() / count);
        }
        integer_mean(self.integers, self.count)
    }
}

/// The sum of integers as a result.
pub(crate) fn integer_sum(sum: i128) -> Result<Value<'static>, ResultError> {
    let integer = i64::try_from(sum).map_err(|_| ResultError::Overflow)?;
    Ok(Value::Int(integer))
}

/// The mean of `count` integers, which are not none.
pub(crate) fn integer_mean(sum: i128, count: u64) -> Result<Value<'static>, ResultError> {
    // The whole part is exact up to 2^53, and beyond that the rest changes nothing.
    let whole = sum / i128::from(count);
    let rest = sum % i128::from(count);
    finite(nearest(whole) + nearest(rest) / many(count))
}

impl Persist for Total {
    fn save(&self, out: &mut Writer) {
        out.put(&self.integers);
        out.put(&self.floats);
        out.put(&self.count);
        out.put(&self.has_floats);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            integers: from.take()?,
            floats: from.take()?,
            count: from.take()?,
            has_floats: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(values: &[Value<'_>]) -> Total {
        let mut total = Total::default();
        for value in values {
            total.add(value);
        }
        total
    }

    #[test]
    fn integers_are_exact_and_a_sum_beyond_64_bits_is_an_error_and_never_wraps() {
        let max = Value::Int(i64::MAX);
        let over = total(&[max.clone(), Value::Int(1)]);
        assert_eq!(over.sum(), Err(ResultError::Overflow));
        let back = total(&[max.clone(), Value::Int(1), Value::Int(-1)]);
        assert_eq!(back.sum(), Ok(max.clone()), "only the result must fit");
        let large = total(&[
            Value::UInt(u64::MAX),
            Value::Int(i64::MIN),
            Value::Int(i64::MIN),
        ]);
        assert_eq!(large.sum(), Ok(Value::Int(-1)));
        let mean = total(&[max.clone(), max]).mean();
        assert_eq!(mean, Ok(Value::Float(9_223_372_036_854_775_807.0)));
    }

    #[test]
    fn one_float_makes_the_sum_a_float() {
        assert_eq!(total(&[Value::Int(2)]).sum(), Ok(Value::Int(2)));
        let mixed = total(&[Value::Int(2), Value::Float(0.5)]);
        assert_eq!(mixed.sum(), Ok(Value::Float(2.5)));
        assert_eq!(mixed.mean(), Ok(Value::Float(1.25)));
    }

    #[test]
    fn the_sum_and_the_mean_of_nothing_are_null() {
        assert_eq!(Total::default().sum(), Ok(Value::Null));
        assert_eq!(total(&[Value::Null]).mean(), Ok(Value::Null));
    }

    #[test]
    fn a_spike_swallows_no_small_numbers_in_whichever_slice_it_is() {
        let numbers = [1.0, 1e16, 1.0, 1.0, -1e16, 1.0].map(Value::Float);
        for cut in 0..=numbers.len() {
            let (left, right) = numbers.split_at(cut);
            let mut sum = total(left);
            sum.merge(&total(right));
            assert_eq!(sum.sum(), Ok(Value::Float(4.0)), "cut at {cut}");
        }
    }

    #[test]
    fn floats_beyond_the_range_are_an_error_and_never_infinite() {
        let huge = total(&[Value::Float(f64::MAX), Value::Float(f64::MAX)]);
        assert_eq!(huge.sum(), Err(ResultError::Overflow));
        assert_eq!(huge.mean(), Err(ResultError::Overflow));
    }

    #[test]
    fn the_mean_of_integers_is_the_nearest_double() {
        let thirds = total(&[Value::Int(1), Value::Int(0), Value::Int(0)]);
        assert_eq!(thirds.mean(), Ok(Value::Float(1.0 / 3.0)));
        let exact = total(&[Value::Int((1 << 53) + 1), Value::Int((1 << 53) + 3)]);
        assert_eq!(exact.mean(), Ok(Value::Float(9_007_199_254_740_994.0)));
    }
}
