//! What is made of a sum of numbers: `sum`, `avg` and `rate`.

use std::fmt;
use std::marker::PhantomData;

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
use crate::stream::aggregate::exact_total::ExactTotal;

/// Numbers added up, and how many they are; what is no number changes nothing.
pub(crate) trait Summed: Clone + Default + Persist + fmt::Debug {
    fn add(&mut self, value: &Value<'_>);

    fn merge(&mut self, other: &Self);

    /// As [`Aggregate::set`].
    #[inline]
    fn set(&mut self, other: &Self) {
        self.reset();
        self.merge(other);
    }

    /// The sum: an integer where all numbers were; null where there are none.
    fn sum(&self) -> Result<Value<'static>, ResultError>;

    /// The mean; null where there are no numbers.
    fn mean(&self) -> Result<Value<'static>, ResultError>;

    /// The sum as the nearest double: 0 where there are no numbers.
    fn rounded(&self) -> f64;

    /// Forgets all; keeps memory where it has any.
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What is made of numbers added up.
pub(crate) trait Figure: Copy + Default + fmt::Debug {
    /// Its value for `total` in a window of `length_ms`; `None` where that has no length.
    fn of(total: &impl Summed, length_ms: Option<i64>) -> Result<Value<'static>, ResultError>;
}

/// The figure `F` of the numbers seen, which `T` adds up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FigureOf<F, T> {
    total: T,
    figure: PhantomData<F>,
}

impl<F: Figure, T: Summed> Aggregate for FigureOf<F, T> {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        self.total.add(value);
    }

    #[inline]
    fn merge(&mut self, (): (), other: &Self) {
        self.total.merge(&other.total);
    }

    #[inline]
    fn set(&mut self, (): (), other: &Self) {
        self.total.set(&other.total);
    }

    fn result(&self, (): (), length_ms: Option<i64>) -> Result<Value<'_>, ResultError> {
        F::of(&self.total, length_ms)
    }

    fn reset(&mut self) {
        self.total.reset();
    }
}

impl<F: Figure> Retract for FigureOf<F, ExactTotal> {
    #[inline]
    fn retract(&mut self, (): (), _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        self.total.retract(value)
    }
}

impl<F, T: Persist> Persist for FigureOf<F, T> {
    fn save(&self, out: &mut Writer) {
        out.put(&self.total);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (total, figure) = (from.take()?, PhantomData);
        Ok(Self { total, figure })
    }
}

/// `sum(x)`: the sum of the numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum;

/// `avg(x)`: their arithmetic mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Avg;

/// `rate()` and `rate(x)`: their sum for each second of the window; null where it has no length.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate;

impl Figure for Sum {
    fn of(total: &impl Summed, _: Option<i64>) -> Result<Value<'static>, ResultError> {
        total.sum()
    }
}

impl Figure for Avg {
    fn of(total: &impl Summed, _: Option<i64>) -> Result<Value<'static>, ResultError> {
        total.mean()
    }
}

impl Figure for Rate {
    #[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
    fn of(total: &impl Summed, length_ms: Option<i64>) -> Result<Value<'static>, ResultError> {
        match length_ms {
            Some(length_ms) if length_ms > 0 => {
                finite(total.rounded() / (length_ms as f64 / 1000.0))
            }
            _ => Ok(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::aggregate::total::Total;

    #[test]
    fn a_rate_is_for_each_second_of_the_window_and_a_window_without_length_has_none() {
        let mut rate = FigureOf::<Rate, Total>::default();
        assert_eq!(rate.result((), Some(500)), Ok(Value::Float(0.0)));
        for number in [Value::Int(1), Value::Float(0.5), Value::UInt(1)] {
            rate.add((), Timestamp(0), &number);
        }
        assert_eq!(rate.result((), Some(500)), Ok(Value::Float(5.0)));
        assert_eq!(rate.result((), Some(0)), Ok(Value::Null));
        assert_eq!(rate.result((), None), Ok(Value::Null));
    }
}
