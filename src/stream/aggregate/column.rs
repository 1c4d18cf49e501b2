//! The cells of one aggregate for all keys of a pane.

use crate::record::Value;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::avg::Avg;
use crate::stream::aggregate::count::Count;
use crate::stream::aggregate::extreme::Max;
use crate::stream::aggregate::extreme::Min;
use crate::stream::aggregate::sum::Sum;

/// The cells of one aggregate, one for each slot of a pane, in one flat vector.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    Count(Vec<Count>),
    Sum(Vec<Sum>),
    Avg(Vec<Avg>),
    Min(Vec<Min>),
    Max(Vec<Max>),
}

/// Does the same for whichever aggregate it is.
macro_rules! each {
    ($column:expr, $cells:ident => $body:expr) => {
        match $column {
            Column::Count($cells) => $body,
            Column::Sum($cells) => $body,
            Column::Avg($cells) => $body,
            Column::Min($cells) => $body,
            Column::Max($cells) => $body,
        }
    };
}

impl Column {
    /// A column of `function` without cells.
    pub(crate) const fn new(function: Function) -> Self {
        match function {
            Function::Count => Self::Count(Vec::new()),
            Function::Sum => Self::Sum(Vec::new()),
            Function::Avg => Self::Avg(Vec::new()),
            Function::Min => Self::Min(Vec::new()),
            Function::Max => Self::Max(Vec::new()),
        }
    }

    /// Adds a cell that has seen nothing.
    #[inline]
    pub(crate) fn push(&mut self) {
        each!(self, cells => cells.push(Default::default()));
    }

    /// Takes `value` into the cell at `slot`; null changes nothing.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            return;
        }
        each!(self, cells => if let Some(cell) = cells.get_mut(slot) {
            cell.add(value);
        });
    }

    /// Merges cells of `other`, which is of the same function, into cells of this: pairs of a slot
    /// there and a slot here.
    pub(crate) fn merge(&mut self, other: &Self, slots: &[(usize, usize)]) {
        match (self, other) {
            (Self::Count(into), Self::Count(from)) => merge(into, from, slots),
            (Self::Sum(into), Self::Sum(from)) => merge(into, from, slots),
            (Self::Avg(into), Self::Avg(from)) => merge(into, from, slots),
            (Self::Min(into), Self::Min(from)) => merge(into, from, slots),
            (Self::Max(into), Self::Max(from)) => merge(into, from, slots),
            _ => debug_assert!(false, "columns of one plan position have one function"),
        }
    }

    /// The result of the cell at `slot`.
    ///
    /// # Errors
    ///
    /// [`ResultError`] where it cannot be expressed.
    pub(crate) fn result(&self, slot: usize) -> Result<Value<'_>, ResultError> {
        each!(self, cells => cells.get(slot).map_or(Ok(Value::Null), Aggregate::result))
    }

    /// Forgets all cells, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        each!(self, cells => cells.clear());
    }
}

fn merge<A: Aggregate>(into: &mut [A], from: &[A], slots: &[(usize, usize)]) {
    for &(there, here) in slots {
        if let (Some(into), Some(from)) = (into.get_mut(here), from.get(there)) {
            into.merge(from);
        }
    }
}
