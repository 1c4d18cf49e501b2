//! `count()` and `count(condition)`.

use crate::record::Value;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;

/// How many values were true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    count: u64,
}

impl Aggregate for Count {
    #[inline]
    fn add(&mut self, value: &Value<'_>) {
        self.count += u64::from(*value == Value::Bool(true));
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
    }

    fn result(&self) -> Result<Value<'_>, ResultError> {
        let count = i64::try_from(self.count).map_err(|_| ResultError::Overflow)?;
        Ok(Value::Int(count))
    }
}
