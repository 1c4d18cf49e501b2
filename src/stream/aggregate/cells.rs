//! The cells of one kind of aggregate.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::Retract;

/// Cells of one kind, one for each slot, in one flat vector.
#[derive(Clone, Debug)]
pub(crate) struct Cells<A: Aggregate> {
    settings: A::Settings,
    /// The first `len` are in use, the others keep their memory for later.
    cells: Vec<A>,
    len: usize,
}

impl<A: Aggregate> Cells<A> {
    pub(crate) const fn new(settings: A::Settings) -> Self {
        Self {
            settings,
            cells: Vec::new(),
            len: 0,
        }
    }

    /// How many bytes a cell takes, without what it may hold elsewhere.
    pub(crate) const fn cell_bytes(&self) -> usize {
        size_of::<A>()
    }

    #[inline]
    pub(crate) fn push(&mut self) {
        match self.cells.get_mut(self.len) {
            Some(cell) => cell.reset(),
            None => self.cells.push(A::default()),
        }
        self.len += 1;
    }

    #[inline]
    pub(crate) fn add(&mut self, slot: usize, time: Timestamp, value: &Value<'_>) {
        if !A::TAKES_NULL && matches!(value, Value::Null) {
            return;
        }
        if let Some(cell) = self.cells.get_mut(slot) {
            cell.add(self.settings, time, value);
        }
    }

    /// Pairs are of a slot there and a slot here.
    pub(crate) fn merge(&mut self, other: &Self, slots: &[(usize, usize)]) {
        for &(there, here) in slots {
            if let (Some(into), Some(from)) = (self.cells.get_mut(here), other.cells.get(there)) {
                into.merge(self.settings, from);
            }
        }
    }

    pub(crate) fn result(
        &self,
        slot: usize,
        length_ms: Option<i64>,
    ) -> Result<Value<'_>, ResultError> {
        let cell = self.cells.get(slot);
        cell.map_or(Ok(Value::Null), |cell| {
            cell.result(self.settings, length_ms)
        })
    }

    /// Merges the cell at `from` into that at `into`, which is another.
    pub(crate) fn join(&mut self, into: usize, from: usize) {
        if let Ok([into, from]) = self.cells.get_disjoint_mut([into, from]) {
            into.merge(self.settings, from);
        }
    }

    /// Makes the cell at `into` what that at `from`, which is another, is.
    pub(crate) fn set(&mut self, into: usize, from: usize) {
        if let Ok([into, from]) = self.cells.get_disjoint_mut([into, from]) {
            into.set(self.settings, from);
        }
    }

    pub(crate) fn reset(&mut self, slot: usize) {
        if let Some(cell) = self.cells.get_mut(slot) {
            cell.reset();
        }
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        for cell in self.cells.iter().take(self.len) {
            out.put(cell);
        }
    }

    /// Reads back `count` cells into this, which has none.
    pub(crate) fn load(&mut self, count: usize, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.cells.clear();
        self.len = 0;
        for _ in 0..count {
            self.cells.push(from.take()?);
            self.len += 1;
        }
        Ok(())
    }
}

impl<A: Retract> Cells<A> {
    pub(crate) fn retract(
        &mut self,
        slot: usize,
        time: Timestamp,
        value: &Value<'_>,
    ) -> Result<(), NeverAdded> {
        if !A::TAKES_NULL && matches!(value, Value::Null) {
            return Ok(());
        }
        let cell = self.cells.get_mut(slot).ok_or(NeverAdded)?;
        cell.retract(self.settings, time, value)
    }
}
