//! The state of a pane: aggregates in columns, and what came when.

use crate::record::Timestamp;
use crate::store::panes::PaneState;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::column::Column;
use crate::stream::arguments::Arguments;

/// The state of a pane, by slot: one column for each aggregate, the largest event time, and which
/// slots have changed since the last commit.
#[derive(Debug)]
pub(crate) struct Columns {
    times: Vec<Timestamp>,
    aggregates: Box<[Column]>,
    changes: Changes,
}

/// Which slots have changed, in the order of their first change.
#[derive(Debug, Default)]
struct Changes {
    slots: Vec<usize>,
    has_changed: Vec<bool>,
}

impl Columns {
    /// Columns of `functions`, without slots.
    pub(crate) fn new(functions: &[Function]) -> Self {
        Self {
            times: Vec::new(),
            aggregates: functions.iter().copied().map(Column::new).collect(),
            changes: Changes::default(),
        }
    }

    /// Takes one record into `slot`: its event time, and its arguments in the order of the
    /// aggregates.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize, time: Timestamp, arguments: Arguments<'_>) {
        if let Some(latest) = self.times.get_mut(slot) {
            *latest = time.max(*latest);
        }
        for (column, value) in self.aggregates.iter_mut().zip(arguments.iter()) {
            column.add(slot, time, value);
        }
    }

    /// Notes that `slot` has changed since the last commit.
    #[inline]
    pub(crate) fn mark(&mut self, slot: usize) {
        if let Some(has_changed @ false) = self.changes.has_changed.get_mut(slot) {
            *has_changed = true;
            self.changes.slots.push(slot);
        }
    }

    /// Notes that the change of `slot` has come out.
    pub(crate) fn unmark(&mut self, slot: usize) {
        if let Some(has_changed) = self.changes.has_changed.get_mut(slot) {
            *has_changed = false;
        }
    }

    /// The slots that have changed since the last commit, in the order of their first change.
    pub(crate) fn changed(&self) -> &[usize] {
        &self.changes.slots
    }

    /// Whether `slot` has changed since the last commit.
    pub(crate) fn has_changed(&self, slot: usize) -> bool {
        self.changes.has_changed.get(slot).copied().unwrap_or(false)
    }

    /// A commit begins: nothing has changed since.
    pub(crate) fn settle(&mut self) {
        for slot in self.changes.slots.drain(..) {
            if let Some(has_changed) = self.changes.has_changed.get_mut(slot) {
                *has_changed = false;
            }
        }
    }

    /// Stamps `slot`, which has seen nothing, with `time`.
    pub(crate) fn stamp(&mut self, slot: usize, time: Timestamp) {
        if let Some(latest) = self.times.get_mut(slot) {
            *latest = time;
        }
    }

    /// Merges slots of `other` into slots of this: pairs of a slot there and a slot here.
    pub(crate) fn merge(&mut self, other: &Self, slots: &[(usize, usize)]) {
        for &(there, here) in slots {
            if let (Some(into), Some(from)) = (self.times.get_mut(here), other.times.get(there)) {
                *into = (*from).max(*into);
            }
        }
        for (into, from) in self.aggregates.iter_mut().zip(&other.aggregates) {
            into.merge(from, slots);
        }
    }

    /// Merges some columns of `other` into some of this, and not their times: pairs of a column
    /// there and one here of the same function, and of a slot there and a slot here.
    pub(crate) fn merge_columns(
        &mut self,
        other: &Self,
        columns: impl Iterator<Item = (usize, usize)>,
        slots: &[(usize, usize)],
    ) {
        for (there, here) in columns {
            if let (Some(into), Some(from)) =
                (self.aggregates.get_mut(here), other.aggregates.get(there))
            {
                into.merge(from, slots);
            }
        }
    }

    /// Merges the slot `from` into the slot `into`, as if it had come after.
    pub(crate) fn join(&mut self, into: usize, from: usize) {
        let time = self.time(from).max(self.time(into));
        if let Some(latest) = self.times.get_mut(into) {
            *latest = time;
        }
        for column in &mut self.aggregates {
            column.join(into, from);
        }
    }

    /// Makes the slot `into` what the slot `from` is, but for whether it has changed.
    pub(crate) fn set(&mut self, into: usize, from: usize) {
        let time = self.time(from);
        if let Some(latest) = self.times.get_mut(into) {
            *latest = time;
        }
        for column in &mut self.aggregates {
            column.set(into, from);
        }
    }

    /// Merges the slot `from` into the slot `into` in these columns alone, and not their times.
    pub(crate) fn join_columns(&mut self, columns: &[usize], into: usize, from: usize) {
        for &column in columns {
            if let Some(column) = self.aggregates.get_mut(column) {
                column.join(into, from);
            }
        }
    }

    /// Makes `slot` one that has seen nothing.
    pub(crate) fn reset(&mut self, slot: usize) {
        self.unmark(slot);
        if let Some(time) = self.times.get_mut(slot) {
            *time = Timestamp::MIN;
        }
        for column in &mut self.aggregates {
            column.reset(slot);
        }
    }

    /// How many slots there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// The largest event time in `slot`.
    pub(crate) fn time(&self, slot: usize) -> Timestamp {
        self.times.get(slot).copied().unwrap_or(Timestamp::MIN)
    }

    /// The columns, in the order of the aggregates.
    pub(crate) fn aggregates(&self) -> &[Column] {
        &self.aggregates
    }
}

impl PaneState for Columns {
    fn push(&mut self) {
        self.times.push(Timestamp::MIN);
        self.changes.has_changed.push(false);
        for column in &mut self.aggregates {
            column.push();
        }
    }

    fn clear(&mut self) {
        self.times.clear();
        self.changes.slots.clear();
        self.changes.has_changed.clear();
        for column in &mut self.aggregates {
            column.clear();
        }
    }

    fn save(&self, out: &mut Writer) {
        out.slice(&self.times);
        out.count(self.changes.slots.len());
        for &slot in &self.changes.slots {
            out.count(slot);
        }
        for column in &self.aggregates {
            column.save(out);
        }
    }

    fn load(&mut self, slots: usize, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.times = from.vec()?;
        if self.times.len() != slots {
            return Err(Malformed::new("not as many times as slots"));
        }
        self.changes.has_changed = vec![false; slots];
        for _ in 0..from.count(size_of::<u64>())? {
            let slot = usize::try_from(from.take::<u64>()?).unwrap_or(usize::MAX);
            self.mark(slot);
        }
        let mut columns = self.aggregates.iter_mut();
        columns.try_for_each(|column| column.load(slots, from))
    }
}
