//! Aggregates: what is remembered of the values of one key in one slice of event time.
//!
//! One file each. An aggregate is a small cell that takes values, merges with the cell of another
//! slice, and answers with a result; some can take a value back. [`column::Column`] holds the cells
//! of all keys of a slice, [`accumulator::Accumulator`] a single one.
//!
//! What each computes, what it makes of null, how exact it is and whether order matters stands with
//! its [`Function`].

pub mod accumulator;
mod cells;
mod collect;
pub(crate) mod column;
mod compensated;
mod count;
mod distinct;
mod elements;
mod ema;
mod ewma;
mod exact;
mod exact_moments;
mod exact_total;
mod extreme;
mod figure;
mod function;
mod held;
mod log_histogram;
mod moments;
pub mod parameter;
mod quantile;
mod timed;
mod top;
mod total;
mod typing;

pub use function::{ArgumentError, Function};

use std::fmt;

use thiserror::Error;

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Persist;

/// The state of one aggregate for one key.
///
/// What is given to [`Aggregate::add`] has passed [`Function::check`]. `default()` has seen
/// nothing.
pub(crate) trait Aggregate: Clone + Default + Persist + fmt::Debug {
    /// What the function was given beside its argument, such as a half-life; stands once with the
    /// column and not in each cell.
    type Settings: Copy + fmt::Debug;

    /// Whether null means something; else it is never given to this aggregate.
    const TAKES_NULL: bool = false;

    /// Takes in one value more, of a record with the event time `time`.
    fn add(&mut self, settings: Self::Settings, time: Timestamp, value: &Value<'_>);

    /// Takes in all that `other` has seen, as if it had come after what this has seen. Where event
    /// time decides, it decides here too.
    fn merge(&mut self, settings: Self::Settings, other: &Self);

    /// Makes this what `other` is: as if what this has seen had never come, and all that `other`
    /// has seen.
    #[inline]
    fn set(&mut self, settings: Self::Settings, other: &Self) {
        self.reset();
        self.merge(settings, other);
    }

    /// The result; [`Value::Null`] where there is none, as for the mean of nothing. `length_ms` is
    /// how long the window is; `None` where it has no length.
    ///
    /// # Errors
    ///
    /// [`ResultError`] where the result exists but cannot be expressed.
    fn result(
        &self,
        settings: Self::Settings,
        length_ms: Option<i64>,
    ) -> Result<Value<'_>, ResultError>;

    /// Forgets all that was seen; keeps memory where it has any.
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// An aggregate that can take a value back.
pub(crate) trait Retract: Aggregate {
    /// Takes back a value that was added with the same event time: after it the cell is as if that
    /// value had never come.
    ///
    /// # Errors
    ///
    /// [`NeverAdded`] where the cell shows that the value was not in it; it is unchanged then.
    fn retract(
        &mut self,
        settings: Self::Settings,
        time: Timestamp,
        value: &Value<'_>,
    ) -> Result<(), NeverAdded>;
}

/// A value to be taken back was never added, or the state has been reset since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("retract a value that was not added")]
pub struct NeverAdded;

/// A result that exists but cannot be expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResultError {
    /// A sum of integers beyond 64 bits, or of floats beyond the largest one.
    #[error("sum out of range")]
    Overflow,
}
