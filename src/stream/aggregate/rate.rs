//! `rate()` and `rate(x)`.

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
use crate::stream::aggregate::total::Total;

/// The sum of numbers for each second of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate(Total);

/// The same, where values are taken back.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactRate(ExactTotal);

/// `sum` over `length_ms` in each second; null where the window has no length.
#[expect(clippy::cast_precision_loss, reason = "2^53 ms are 285,000 years")]
fn each_second(sum: f64, length_ms: Option<i64>) -> Result<Value<'static>, ResultError> {
    match length_ms {
        Some(length_ms) if length_ms > 0 => finite(sum / (length_ms as f64 / 1000.0)),
        _ => Ok(Value::Null),
    }
}

impl Aggregate for Rate {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        self.0.add(value);
    }

    fn merge(&mut self, (): (), other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, (): (), length_ms: Option<i64>) -> Result<Value<'_>, ResultError> {
        each_second(self.0.rounded(), length_ms)
    }
}

impl Aggregate for ExactRate {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        self.0.add(value);
    }

    fn merge(&mut self, (): (), other: &Self) {
        self.0.merge(&other.0);
    }

    fn result(&self, (): (), length_ms: Option<i64>) -> Result<Value<'_>, ResultError> {
        each_second(self.0.over(1), length_ms)
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl Retract for ExactRate {
    #[inline]
    fn retract(&mut self, (): (), _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        self.0.retract(value)
    }
}

impl Persist for Rate {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for ExactRate {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_each_second_of_the_window_and_a_window_without_length_has_none() {
        let mut rate = Rate::default();
        assert_eq!(rate.result((), Some(500)), Ok(Value::Float(0.0)));
        for number in [Value::Int(1), Value::Float(0.5), Value::UInt(1)] {
            rate.add((), Timestamp(0), &number);
        }
        assert_eq!(rate.result((), Some(500)), Ok(Value::Float(5.0)));
        assert_eq!(rate.result((), Some(0)), Ok(Value::Null));
        assert_eq!(rate.result((), None), Ok(Value::Null));
    }
}
