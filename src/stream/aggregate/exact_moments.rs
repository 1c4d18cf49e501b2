//! `variance(x)` and `stddev(x)` where values are taken back.

use crate::expr::Number;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::Retract;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::compensated::many;
use crate::stream::aggregate::exact::Exact;
use crate::stream::aggregate::exact::Sign;
use crate::stream::aggregate::parameter::Divisor;

/// The mean square of the deviations from the mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactVariance(ExactMoments);

/// The square root of the variance.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactStddev(ExactMoments);

/// The exact sums of numbers and of their squares: unlike the running mean of Welford's recurrence
/// they lose nothing when a number is taken back, and the difference of large sums loses nothing
/// either.
#[derive(Clone, Debug, Default)]
struct ExactMoments {
    count: u64,
    sum: Exact,
    squares: Exact,
}

impl ExactMoments {
    #[inline]
    fn add(&mut self, value: &Value<'_>) {
        if let Some(number) = Number::of(value) {
            self.count += 1;
            self.put(Sign::Plus, number.to_f64());
        }
    }

    #[inline]
    fn put(&mut self, sign: Sign, number: f64) {
        self.sum.add(sign, number);
        self.squares.add_square(sign, number);
    }

    #[inline]
    fn retract(&mut self, value: &Value<'_>) -> Result<(), NeverAdded> {
        let Some(number) = Number::of(value) else {
            return Ok(());
        };
        self.count = self.count.checked_sub(1).ok_or(NeverAdded)?;
        match self.count {
            0 => self.reset(),
            _ => self.put(Sign::Minus, number.to_f64()),
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// The variance, infinite where it lies beyond the doubles; `None` where there is none.
    fn variance(&self, divisor: Divisor) -> Option<f64> {
        let divisor = divisor.of(self.count)?;
        let spread = Exact::spread(self.count, &self.squares, &self.sum);
        // Never negative, unless what was taken back is not what was added.
        Some(
            spread
                .rounded()
                .over(many(self.count) * many(divisor))
                .max(0.0),
        )
    }

    fn reset(&mut self) {
        self.count = 0;
        self.sum.clear();
        self.squares.clear();
    }
}

impl Aggregate for ExactVariance {
    type Settings = Divisor;

    #[inline]
    fn add(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) {
        self.0.add(value);
    }

    fn merge(&mut self, _: Divisor, other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, divisor: Divisor, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        self.0.variance(divisor).map_or(Ok(Value::Null), finite)
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Retract for ExactVariance {
    #[inline]
    fn retract(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        self.0.retract(value)
    }
}

impl Aggregate for ExactStddev {
    type Settings = Divisor;

    #[inline]
    fn add(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) {
        self.0.add(value);
    }

    fn merge(&mut self, _: Divisor, other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, divisor: Divisor, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let variance = self.0.variance(divisor);
        variance.map_or(Ok(Value::Null), |variance| finite(variance.sqrt()))
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Retract for ExactStddev {
    #[inline]
    fn retract(&mut self, _: Divisor, _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        self.0.retract(value)
    }
}

impl Persist for ExactVariance {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for ExactStddev {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for ExactMoments {
    fn save(&self, out: &mut Writer) {
        out.put(&self.count);
        out.put(&self.sum);
        out.put(&self.squares);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            count: from.take()?,
            sum: from.take()?,
            squares: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_that_have_left_leave_no_trace() {
        let mut variance = ExactVariance::default();
        let at = Timestamp(0);
        let spike = Value::Float(1e200);
        for number in [4.0, 7.0, 13.0, 16.0] {
            variance.add(Divisor::Sample, at, &Value::Float(number + 1e9));
            variance.add(Divisor::Sample, at, &spike);
        }
        let result = variance.result(Divisor::Sample, None);
        assert_eq!(result, Err(ResultError::Overflow));
        for _ in 0..4 {
            variance.retract(Divisor::Sample, at, &spike).unwrap();
        }
        let result = variance.result(Divisor::Sample, None);
        assert_eq!(result, Ok(Value::Float(30.0)));
    }
}
