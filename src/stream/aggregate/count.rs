//! `count()` and `count(condition)`.

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

/// How many values were true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    count: u64,
}

impl Aggregate for Count {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        self.count += u64::from(matches!(value, Value::Bool(true)));
    }

    #[inline]
    fn merge(&mut self, (): (), other: &Self) {
        self.count += other.count;
    }

    #[inline]
    fn set(&mut self, (): (), other: &Self) {
        *self = *other;
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let count = i64::try_from(self.count).map_err(|_| ResultError::Overflow)?;
        Ok(Value::Int(count))
    }
}

impl Retract for Count {
    #[inline]
    fn retract(&mut self, (): (), _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        let taken = u64::from(matches!(value, Value::Bool(true)));
        self.count = self.count.checked_sub(taken).ok_or(NeverAdded)?;
        Ok(())
    }
}

impl Persist for Count {
    fn save(&self, out: &mut Writer) {
        out.put(&self.count);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.take()?;
        Ok(Self { count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_counted_is_not_taken_back() {
        let mut count = Count::default();
        let (yes, no) = (Value::Bool(true), Value::Bool(false));
        assert_eq!(count.retract((), Timestamp(0), &no), Ok(()));
        assert_eq!(count.retract((), Timestamp(0), &yes), Err(NeverAdded));
        count.add((), Timestamp(0), &yes);
        assert_eq!(count.retract((), Timestamp(0), &yes), Ok(()));
        assert_eq!(count.result((), None), Ok(Value::Int(0)));
    }
}
