//! A single aggregate, on its own.

use crate::record::Timestamp;
use crate::record::Value;
use crate::stream::aggregate::ArgumentError;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::column::Column;

/// One aggregate of one key: what the engine keeps in columns, on its own.
///
/// # Examples
///
/// ```
/// use tidemill::record::Timestamp;
/// use tidemill::record::Value;
/// use tidemill::stream::aggregate::Function;
/// use tidemill::stream::aggregate::accumulator::Accumulator;
///
/// let mut mean = Accumulator::new(Function::Avg);
/// mean.add(Timestamp(0), &Value::Int(1))?;
/// mean.add(Timestamp(5), &Value::Null)?;
/// mean.add(Timestamp(9), &Value::Float(2.0))?;
/// assert_eq!(mean.result(None), Ok(Value::Float(1.5)), "null is not counted");
/// # Ok::<(), tidemill::stream::aggregate::ArgumentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accumulator {
    function: Function,
    column: Column,
}

impl Accumulator {
    /// An aggregate that has seen nothing.
    #[must_use]
    pub fn new(function: Function) -> Self {
        Self::of(function, Column::new(function))
    }

    /// An aggregate that has seen nothing and can take values back; `None` where the function
    /// cannot.
    #[must_use]
    pub fn retractable(function: Function) -> Option<Self> {
        Column::retractable(function).map(|column| Self::of(function, column))
    }

    fn of(function: Function, mut column: Column) -> Self {
        column.push();
        Self { function, column }
    }

    /// Takes in `value` of a record with the event time `time`.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] where the function cannot take it; nothing has changed then.
    pub fn add(&mut self, time: Timestamp, value: &Value<'_>) -> Result<(), ArgumentError> {
        self.function.check(value)?;
        self.column.add(0, time, value);
        Ok(())
    }

    /// Takes back a value that was added with the same time.
    ///
    /// # Errors
    ///
    /// [`NeverAdded`] where the state shows that it was not, or the aggregate was not made by
    /// [`Accumulator::retractable`]; nothing has changed then.
    pub fn retract(&mut self, time: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        self.function.check(value).map_err(|_| NeverAdded)?;
        self.column.retract(0, time, value)
    }

    /// Takes in all that `other`, of the same function and made the same way, has seen, as if it
    /// had come after what this has seen.
    pub fn merge(&mut self, other: &Self) {
        self.column.merge(&other.column, &[(0, 0)]);
    }

    /// The result over a window of `length_ms`, where it has a length; null where there is none.
    ///
    /// # Errors
    ///
    /// [`ResultError`] where it exists but cannot be expressed.
    pub fn result(&self, length_ms: Option<i64>) -> Result<Value<'_>, ResultError> {
        self.column.result(0, length_ms)
    }

    /// Forgets all that was seen.
    pub fn reset(&mut self) {
        self.column.reset(0);
    }
}
