//! Folds by key and window.

use std::collections::BTreeSet;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::emit::Emit;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Span;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::Stamped;
use crate::stream::graph::table::no_key;
use crate::stream::window::TimeWindows;

/// Folds a stream by its keys and by tumbling or hopping windows into a table.
///
/// A row is stamped with the largest timestamp in it. Windows close, and finals come out, as those
/// of built-in aggregates do ([`TimeWindows`]): in the order of their ends, then by key.
#[derive(Debug)]
pub(crate) struct WindowFold {
    windows: TimeWindows,
    fold: Fold,
    emit: Emit,
    rows: Rows,
    /// The rows of open windows, in the order in which they close.
    open: BTreeSet<(Timestamp, RowKey)>,
    time: Timestamp,
}

impl WindowFold {
    pub(crate) fn new(windows: TimeWindows, fold: Fold, emit: Emit) -> Self {
        Self {
            windows,
            fold,
            emit,
            rows: Rows::default(),
            open: BTreeSet::new(),
            time: Timestamp::MIN,
        }
    }

    /// Forgets the windows that are closed; puts them out where that is what is wanted.
    fn close(&mut self, out: &mut Out) {
        let first_open = self.windows.start(self.windows.closed_at(self.time));
        let is_closed = |row: &RowKey| row.window.is_some_and(|span| span.start < first_open);
        while self.open.first().is_some_and(|first| is_closed(&first.1)) {
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
    }

    fn add(&mut self, message: &Message, number: i64, out: &mut Out) -> Result<(), Refusal> {
        let (start, end) = (self.windows.start(number), self.windows.end(number));
        let mut message = message.clone();
        message.window = Some(Span { start, end });
        let row = message.row().ok_or_else(|| no_key("aggregate"))?;
        let before = self.rows.get(&row);
        let old = before.map(Stamped::shared);
        let time = before.map_or(message.time, |before| before.time.max(message.time));
        let value = self.fold.add(old.as_ref(), View::of(&message))?;
        self.open.insert((end, row.clone()));
        self.rows.put(row, value.clone(), time);
        if self.emit != Emit::Final {
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }
}

impl Operator for WindowFold {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.value.is_none() {
            return Ok(());
        }
        if message.key.is_none() {
            return Err(no_key("aggregate"));
        }
        self.time = out.stream_time(self.time, message.time);
        self.close(out);
        let closed = self.windows.closed_at(self.time);
        let windows = self.windows.containing(message.time);
        let open = windows.start.max(closed)..windows.end;
        if open.is_empty() {
            out.late();
            return Ok(());
        }
        for number in open {
            self.add(&message, number, out)?;
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
        out.put(&self.rows);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        self.rows = from.take()?;
        let ends = self
            .rows
            .keys()
            .filter_map(|row| Some((row.window?.end, row.clone())));
        self.open = ends.collect();
        Ok(())
    }
}
