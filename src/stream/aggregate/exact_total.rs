//! The sum of numbers where values are taken back.

use crate::expr::Number;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::compensated::many;
use crate::stream::aggregate::exact::Exact;
use crate::stream::aggregate::exact::Sign;
use crate::stream::aggregate::figure::Summed;
use crate::stream::aggregate::total::integer_mean;
use crate::stream::aggregate::total::integer_sum;

/// The exact sum of numbers and how many there are, so that what is taken back leaves no trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactTotal {
    integers: i128,
    integer_count: u64,
    floats: Exact,
    float_count: u64,
}

impl ExactTotal {
    #[inline]
    const fn add_integer(&mut self, integer: i128) {
        self.integers += integer;
        self.integer_count += 1;
    }

    #[inline]
    pub(crate) fn retract(&mut self, value: &Value<'_>) -> Result<(), NeverAdded> {
        match Number::of(value) {
            Some(Number::Int(int)) => self.retract_integer(int.into()),
            Some(Number::UInt(uint)) => self.retract_integer(uint.into()),
            Some(Number::Float(float)) => self.retract_float(float),
            None => Ok(()),
        }
    }

    #[inline]
    fn retract_integer(&mut self, integer: i128) -> Result<(), NeverAdded> {
        self.integer_count = self.integer_count.checked_sub(1).ok_or(NeverAdded)?;
        self.integers = match self.integer_count {
            0 => 0,
            _ => self.integers - integer,
        };
        Ok(())
    }

    #[inline]
    fn retract_float(&mut self, float: f64) -> Result<(), NeverAdded> {
        self.float_count = self.float_count.checked_sub(1).ok_or(NeverAdded)?;
        match self.float_count {
            0 => self.floats.clear(),
            _ => self.floats.add(Sign::Minus, float),
        }
        Ok(())
    }

    /// The sum divided by `count`.
    fn over(&self, count: u64) -> f64 {
        let rounded = match self.integers {
            0 => self.floats.rounded(),
            integers => {
                let mut all = self.floats.clone();
                all.add_integer(integers);
                all.rounded()
            }
        };
        rounded.over(many(count))
    }
}

impl Summed for ExactTotal {
    #[inline]
    fn add(&mut self, value: &Value<'_>) {
        match Number::of(value) {
            Some(Number::Int(int)) => self.add_integer(int.into()),
            Some(Number::UInt(uint)) => self.add_integer(uint.into()),
            Some(Number::Float(float)) => {
                self.floats.add(Sign::Plus, float);
                self.float_count += 1;
            }
            None => {}
        }
    }

    fn merge(&mut self, other: &Self) {
        self.integers += other.integers;
        self.integer_count += other.integer_count;
        self.floats.merge(&other.floats);
        self.float_count += other.float_count;
    }

    fn sum(&self) -> Result<Value<'static>, ResultError> {
        match (self.integer_count, self.float_count) {
            (0, 0) => Ok(Value::Null),
            (_, 0) => integer_sum(self.integers),
            _ => finite(self.rounded()),
        }
    }

    fn mean(&self) -> Result<Value<'static>, ResultError> {
        match (self.integer_count, self.float_count) {
            (0, 0) => Ok(Value::Null),
            (count, 0) => integer_mean(self.integers, count),
            (integers, floats) => finite(self.over(integers + floats)),
        }
    }

    fn rounded(&self) -> f64 {
        self.over(1)
    }

    fn reset(&mut self) {
        self.floats.clear();
        (self.integers, self.integer_count, self.float_count) = (0, 0, 0);
    }
}

impl Persist for ExactTotal {
    fn save(&self, out: &mut Writer) {
        out.put(&self.integers);
        out.put(&self.integer_count);
        out.put(&self.floats);
        out.put(&self.float_count);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            integers: from.take()?,
            integer_count: from.take()?,
            floats: from.take()?,
            float_count: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: &[Value<'_>]) -> ExactTotal {
        let mut total = ExactTotal::default();
        for number in numbers {
            total.add(number);
        }
        total
    }

    #[test]
    fn a_spike_that_has_left_leaves_no_trace() {
        let spike = Value::Float(1e16);
        let mut sum = total(&[Value::Float(0.1), spike.clone(), Value::Float(0.2)]);
        sum.retract(&spike).unwrap();
        assert_eq!(sum.sum(), Ok(Value::Float(0.1 + 0.2)));
        assert_eq!(sum.mean(), Ok(Value::Float((0.1 + 0.2) / 2.0)));
    }

    #[test]
    fn the_sum_is_an_integer_again_once_the_last_float_has_left() {
        let float = Value::Float(0.5);
        let mut sum = total(&[Value::Int(2), float.clone(), Value::UInt(3)]);
        assert_eq!(sum.sum(), Ok(Value::Float(5.5)));
        sum.retract(&float).unwrap();
        assert_eq!(sum.sum(), Ok(Value::Int(5)));
        assert_eq!(sum.retract(&float), Err(NeverAdded));
        sum.retract(&Value::Int(2)).unwrap();
        sum.retract(&Value::Int(3)).unwrap();
        assert_eq!(sum.sum(), Ok(Value::Null));
        assert_eq!(sum.mean(), Ok(Value::Null));
    }
}
