//! `min(x)` and `max(x)`.

use std::cmp::Ordering;

use crate::expr::Number;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::held;
use crate::stream::aggregate::held::replace;

/// The smallest value seen; of equal ones the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Min(Value<'static>);

/// The largest value seen; of equal ones the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Max(Value<'static>);

impl Aggregate for Min {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        if self.0 == Value::Null || order(value, &self.0).is_lt() {
            replace(&mut self.0, value);
        }
    }

    fn merge(&mut self, (): (), other: &Self) {
        if other.0 != Value::Null {
            self.add((), Timestamp::MIN, &other.0);
        }
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(self.0.borrowed())
    }
}

impl Aggregate for Max {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        if self.0 == Value::Null || order(value, &self.0).is_gt() {
            replace(&mut self.0, value);
        }
    }

    fn merge(&mut self, (): (), other: &Self) {
        if other.0 != Value::Null {
            self.add((), Timestamp::MIN, &other.0);
        }
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(self.0.borrowed())
    }
}

/// Numbers by their mathematical value, text by code point, bytes by number, false before true,
/// times by their order; values of different kinds by kind, in the order of [`kind`], so that a
/// field of changing kind still has one smallest and one largest value.
#[inline]
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Ordering {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.order(right).unwrap_or(Ordering::Equal);
    }
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
        (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
        _ => kind(left).cmp(&kind(right)),
    }
}

const fn kind(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => 2,
        Value::Timestamp(_) => 3,
        Value::Duration(_) => 4,
        Value::Text(_) => 5,
        Value::Bytes(_) => 6,
        Value::List(_) => 7,
        Value::Map(_) => 8,
    }
}

impl Persist for Min {
    fn save(&self, out: &mut Writer) {
        held::save(&self.0, out);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        held::load(from).map(Self)
    }
}

impl Persist for Max {
    fn save(&self, out: &mut Writer) {
        held::save(&self.0, out);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        held::load(from).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extremes(values: &[Value<'static>]) -> (Value<'static>, Value<'static>) {
        let (mut min, mut max) = (Min::default(), Max::default());
        for value in values {
            min.add((), Timestamp(0), value);
            max.add((), Timestamp(0), value);
        }
        (min.0, max.0)
    }

    #[test]
    fn numbers_compare_by_value_whatever_their_type() {
        let above = Value::Int((1 << 53) + 1);
        let double = Value::Float(9_007_199_254_740_992.0);
        let (min, max) = extremes(&[above.clone(), double.clone()]);
        assert_eq!(
            (min, max),
            (double, above),
            "as doubles they would be equal"
        );
        let (min, max) = extremes(&[Value::UInt(u64::MAX), Value::Int(-1)]);
        assert_eq!((min, max), (Value::Int(-1), Value::UInt(u64::MAX)));
    }

    #[test]
    fn text_compares_by_code_point_and_kinds_by_kind() {
        let (min, max) = extremes(&["b", "a", "c", "B"].map(Value::text));
        assert_eq!((min, max), (Value::text("B"), Value::text("c")));
        let (min, max) = extremes(&[Value::text("0"), Value::Int(7), Value::Bool(true)]);
        assert_eq!((min, max), (Value::Bool(true), Value::text("0")));
    }

    #[test]
    fn merging_with_what_has_seen_nothing_changes_nothing() {
        let (mut min, mut max) = (Min(Value::Int(3)), Max(Value::Int(3)));
        min.merge((), &Min::default());
        max.merge((), &Max::default());
        assert_eq!(
            (min.result((), None), max.result((), None)),
            (Ok(Value::Int(3)), Ok(Value::Int(3)))
        );
    }
}
