//! What is held back for a while, the last of each row.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;

/// How much changes may be held back, and what happens when that is too little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// At most so many rows; `None`: any number.
    pub records: Option<usize>,
    /// At most about so many bytes; `None`: any number.
    pub bytes: Option<usize>,
    /// What happens beyond that.
    pub when_full: WhenFull,
}

/// What happens when more is held back than may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The oldest come out before their time.
    #[default]
    EmitEarly,
    /// The record that is too much is refused, which stops the task unless it is told otherwise.
    Stop,
}

/// The last change of each row, until the time of the first that it stands for has come.
///
/// Later changes replace the earlier and do not put the time off. Rows leave in the order of their
/// times, then by themselves.
#[derive(Debug)]
pub(crate) struct Held<R, T> {
    bounds: Bounds,
    rows: HashMap<R, One<T>, RandomState>,
    order: BTreeSet<(Timestamp, R)>,
    bytes: usize,
}

#[derive(Debug)]
struct One<T> {
    due: Timestamp,
    bytes: usize,
    change: T,
}

impl<R: Clone + Eq + Hash + Ord, T> Held<R, T> {
    /// Nothing yet.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            rows: HashMap::default(),
            order: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// Holds a change back until stream time is `due`, or in place of the one before until that
    /// was due: `make` makes it of that, and says about how many bytes it has.
    pub(crate) fn hold(
        &mut self,
        row: R,
        due: Timestamp,
        make: impl FnOnce(Option<T>) -> (T, usize),
    ) {
        let before = self.rows.remove(&row);
        let due = before.as_ref().map_or(due, |before| before.due);
        self.bytes -= before.as_ref().map_or(0, |before| before.bytes);
        let (change, bytes) = make(before.map(|before| before.change));
        self.put(row, due, bytes, change);
    }

    fn put(&mut self, row: R, due: Timestamp, bytes: usize, change: T) {
        self.bytes += bytes;
        self.order.insert((due, row.clone()));
        let one = One { due, bytes, change };
        self.rows.insert(row, one);
    }

    /// Whether more is held back than may be.
    pub(crate) fn is_too_much(&self) -> bool {
        let Bounds { records, bytes, .. } = self.bounds;
        records.is_some_and(|max| self.rows.len() > max)
            || bytes.is_some_and(|max| self.bytes > max)
    }

    /// About how many bytes are held back.
    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What happens where more is held back than may be.
    pub(crate) const fn when_full(&self) -> WhenFull {
        self.bounds.when_full
    }

    /// The first row, whether it is its time or not.
    pub(crate) fn pop_first(&mut self) -> Option<(R, T)> {
        let (_, row) = self.order.pop_first()?;
        let one = self.rows.remove(&row)?;
        self.bytes -= one.bytes;
        Some((row, one.change))
    }

    /// Whether the time of a row has come at `stream_time`.
    pub(crate) fn is_due(&self, stream_time: Timestamp) -> bool {
        let first = self.order.first();
        first.is_some_and(|(due, _)| *due <= stream_time)
    }

    /// The first row whose time has come at `stream_time`.
    pub(crate) fn pop_due(&mut self, stream_time: Timestamp) -> Option<(R, T)> {
        match self.is_due(stream_time) {
            true => self.pop_first(),
            false => None,
        }
    }
}

impl<R: Clone + Eq + Hash + Ord + Persist, T: Persist> Held<R, T> {
    /// Writes all that is held back.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.count(self.order.len());
        for (due, row) in &self.order {
            if let Some(one) = self.rows.get(row) {
                out.put(row);
                out.put(due);
                out.put(&one.change);
            }
        }
    }

    /// Reads back what was saved, into one that holds nothing; `bytes` says about how many bytes a
    /// row and its change have.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such.
    pub(crate) fn load(
        &mut self,
        bytes: impl Fn(&R, &T) -> usize,
        from: &mut Reader<'_>,
    ) -> Result<(), Malformed> {
        for _ in 0..from.count(1)? {
            let (row, due) = (from.take::<R>()?, from.take()?);
            let change: T = from.take()?;
            let size = bytes(&row, &change);
            if self.rows.contains_key(&row) {
                return Err(Malformed::new("a row that is held back twice"));
            }
            self.put(row, due, size, change);
        }
        Ok(())
    }
}
