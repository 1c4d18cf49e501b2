//! Folds by key and sliding window.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::emit::Emit;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Span;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::Stamped;
use crate::stream::graph::table::no_key;
use crate::stream::window::SlidingWindows;

/// Folds a stream by its keys and by sliding windows into a table.
///
/// Which windows there are and when they close is for [`SlidingWindows`] to say. One record changes
/// windows from the latest to the earliest, each once; a row is stamped with the largest timestamp
/// in it. Finals come out in the order of their ends, then by key.
///
/// Source: `KStreamSlidingWindowAggregate` (Apache Kafka), without what it loses (golden/streams,
/// U-15, U-16, U-19).
#[derive(Debug)]
pub(crate) struct SlidingFold {
    windows: SlidingWindows,
    fold: Fold,
    emit: Emit,
    /// The records that a window may still need, by key, time and number.
    records: HashMap<Key, BTreeMap<(Timestamp, u64), Message>, RandomState>,
    /// All of them, the earliest first.
    order: BTreeSet<(Timestamp, u64, Key)>,
    rows: Rows,
    /// The rows of open windows, in the order in which they close.
    open: BTreeSet<(Timestamp, RowKey)>,
    time: Timestamp,
    number: u64,
}

impl SlidingFold {
    pub(crate) fn new(windows: SlidingWindows, fold: Fold, emit: Emit) -> Self {
        Self {
            windows,
            fold,
            emit,
            records: HashMap::default(),
            order: BTreeSet::new(),
            rows: Rows::default(),
            open: BTreeSet::new(),
            time: Timestamp::MIN,
            number: 0,
        }
    }

    fn is_closed(&self, end: Timestamp) -> bool {
        self.windows.closes_at(end) <= self.time
    }

    /// Puts out what is final and forgets what is over.
    fn close(&mut self, out: &mut Out) {
        while self
            .open
            .first()
            .is_some_and(|first| self.is_closed(first.0))
        {
            let Some((_, row)) = self.open.pop_first() else {
                break;
            };
            let last = self.rows.put(row.clone(), None, self.time);
            if let (Some(last), Emit::Final) = (last, self.emit) {
                let mut message = Message::new(Some(row.key), None, last.time);
                message.window = row.window;
                out.send(message.with_value(Some(last.value)));
            }
        }
        while let Some((time, number, key)) = self.order.first().cloned() {
            if !self.is_closed(self.right_end(time)) {
                break;
            }
            self.order.pop_first();
            if let Some(of_key) = self.records.get_mut(&key) {
                of_key.remove(&(time, number));
                if of_key.is_empty() {
                    self.records.remove(&key);
                }
            }
        }
    }

    /// The end of the window that ends with a record at `time`.
    fn left_end(&self, time: Timestamp) -> Timestamp {
        time.max(Timestamp(self.windows.difference_ms()))
    }

    /// The end of the window that begins right behind a record at `time`.
    fn right_end(&self, time: Timestamp) -> Timestamp {
        time.saturating_add(self.windows.difference_ms())
            .saturating_add(1)
    }

    fn span(&self, end: Timestamp) -> Span {
        let start = end.saturating_sub(self.windows.difference_ms());
        Span { start, end }
    }

    /// The ends of the windows that hold a record of `key` at `time`, which is kept already.
    fn ends(&self, key: &Key, time: Timestamp) -> BTreeSet<Timestamp> {
        let from = time.saturating_sub(self.windows.difference_ms());
        let near = (from.saturating_sub(1), 0)..=(self.right_end(time), u64::MAX);
        let of_key = self.records.get(key).into_iter();
        let near = of_key.flat_map(|of_key| of_key.range(near.clone()));
        let ends = near.flat_map(|((other, _), _)| [self.left_end(*other), self.right_end(*other)]);
        let holds = |end: &Timestamp| {
            let span = self.span(*end);
            span.start <= time && time <= span.end
        };
        ends.filter(holds).collect()
    }

    /// The rows that a record of `key` at `time` changes, in order: those that are there already
    /// from the latest on, then those that it makes.
    fn changed(&self, key: &Key, time: Timestamp) -> Vec<RowKey> {
        let row = |end: Timestamp| RowKey {
            key: key.clone(),
            window: Some(self.span(end)),
        };
        let is_there = |row: &RowKey| self.rows.get(row).is_some();
        let early = Timestamp(self.windows.difference_ms());
        let held = self.ends(key, time).into_iter().rev();
        let mut changed: Vec<_> = held.filter(|end| !self.is_closed(*end)).map(row).collect();
        changed.sort_by_key(|row| !is_there(row));
        let right = row(self.right_end(time));
        if !is_there(&right) && !self.is_closed(self.right_end(time)) {
            changed.push(right);
        }
        // The window that all early records share comes last where one of them changes it.
        changed.sort_by_key(|row| time < early && row.window.is_some_and(|s| s.end == early));
        changed
    }

    /// The value of a window that comes to be, and the largest timestamp in it.
    fn make(&self, row: &RowKey, span: Span) -> Result<(Option<Shared>, Timestamp), Refusal> {
        let of_key = self.records.get(&row.key).into_iter();
        let inside = of_key.flat_map(|of_key| of_key.range((span.start, 0)..=(span.end, u64::MAX)));
        let mut inside: Vec<_> = inside.collect();
        let last = inside.last().map_or(Timestamp::MIN, |((time, _), _)| *time);
        inside.sort_by_key(|((_, number), _)| *number);
        let mut value = None;
        for (_, message) in inside {
            let mut view = View::of(message);
            view.window = Some(span);
            value = self.fold.add(value.as_ref(), view)?;
        }
        Ok((value, last))
    }

    fn change(&mut self, message: &Message, row: RowKey, out: &mut Out) -> Result<(), Refusal> {
        let Some(span) = row.window else {
            return Ok(());
        };
        let mut message = message.clone();
        message.window = Some(span);
        let before = self.rows.get(&row);
        let old = before.map(Stamped::shared);
        let (value, time) = match before {
            Some(before) => {
                let value = self.fold.add(old.as_ref(), View::of(&message))?;
                (value, before.time.max(message.time))
            }
            None => self.make(&row, span)?,
        };
        if value.is_none() && old.is_none() {
            return Ok(());
        }
        self.open.insert((span.end, row.clone()));
        self.rows.put(row, value.clone(), time);
        if self.emit != Emit::Final {
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }

    fn keep(&mut self, key: Key, number: u64, message: Message) {
        self.order.insert((message.time, number, key.clone()));
        let of_key = self.records.entry(key).or_default();
        of_key.insert((message.time, number), message);
    }
}

impl Operator for SlidingFold {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.value.is_none() {
            return Ok(());
        }
        let key = message.key.clone().ok_or_else(|| no_key("aggregate"))?;
        self.time = out.stream_time(self.time, message.time);
        self.close(out);
        let last_end = message.time.saturating_add(self.windows.difference_ms());
        if self.is_closed(last_end) {
            out.late();
            return Ok(());
        }
        self.number += 1;
        self.keep(key.clone(), self.number, message.clone());
        for row in self.changed(&key, message.time) {
            self.change(&message, row, out)?;
        }
        out.take();
        Ok(())
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.close(out);
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.put(&self.number);
        out.put(&self.rows);
        out.count(self.order.len());
        for ((_, number), message) in self.records.values().flatten() {
            out.put(number);
            out.put(message);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        self.number = from.take()?;
        self.rows = from.take()?;
        let of_row = |row: &RowKey| Some((row.window?.end, row.clone()));
        self.open = self.rows.keys().filter_map(of_row).collect();
        for _ in 0..from.count(1)? {
            let (number, message): (_, Message) = (from.take()?, from.take()?);
            if let Some(key) = message.key.clone() {
                self.keep(key, number, message);
            }
        }
        Ok(())
    }
}
