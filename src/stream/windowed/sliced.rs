//! Windows that are runs of slices of event time.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::Panes;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::columns::Columns;
use crate::stream::effects::Effects;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Emit;
use crate::stream::plan::WindowAggregate;
use crate::stream::reason::Reason;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::history::History;
use crate::stream::windowed::known::Known;
use crate::stream::windowed::pane_results::PaneResults;
use crate::stream::windowed::pane_results::Which;
use crate::stream::windowed::slices::Slices;

/// The state of one partition's windows.
///
/// Each record updates one slice of event time; a window's result is made of its slices when it
/// comes out. Windows come out in ascending order of their ends, and within one the keys in the
/// order in which its slices, oldest first, saw them first; then those of which it holds nothing,
/// where they come out, by their bytes.
#[derive(Debug)]
pub(crate) struct Sliced {
    windows: Slices,
    emit: Emit,
    functions: Box<[Function]>,
    keys: Keys,
    panes: Panes<Columns>,
    /// What has been seen in slices that are gone, where an aggregate covers it.
    history: Option<Box<History>>,
    /// The keys whose windows come out though they hold nothing, where that is wanted.
    known: Option<Box<Known>>,
    /// The windows below this number are closed.
    closed: i64,
    /// The windows below this number are to be closed.
    closing: i64,
    /// The window that is closed and not all out.
    half_out: Option<HalfOut>,
    /// The stream time at which the next window closes.
    next_close: Timestamp,
    /// The slice of the record before: records come nearly in order.
    slice: Slice,
    /// Windows with changes, while they are put out.
    changed: Vec<i64>,
    /// How many of them are out, of a commit that has not brought out all.
    flushed: Option<usize>,
    pub(super) results: PaneResults,
}

/// A window that is on its way out.
#[derive(Clone, Copy, Debug)]
struct HalfOut {
    window: i64,
    /// Whether the keys that it holds are out, and only those of which it holds nothing are left.
    is_empty_left: bool,
}

/// One slice of event time.
#[derive(Clone, Debug, Default)]
struct Slice {
    number: i64,
    times: Range<i64>,
    /// The windows that contain it.
    windows: Range<i64>,
}

impl Sliced {
    /// Windows without state, all open, for the aggregation of a stage's flow.
    ///
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        windows: Slices,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let functions = aggregation.aggregates.iter().map(|named| named.function);
        let functions: Box<[Function]> = functions.collect();
        let mut sliced = Self {
            windows,
            emit: aggregation.emit,
            keys: Keys::new(),
            panes: Panes::default(),
            history: History::of(&functions).map(Box::new),
            known: Known::new(aggregation.empty).map(Box::new),
            closed: 0,
            closing: i64::MIN,
            half_out: None,
            next_close: Timestamp::MIN,
            slice: Slice::default(),
            changed: Vec::new(),
            flushed: None,
            results: PaneResults::new(stage, &functions, id)?,
            functions,
        };
        sliced.set_closed(sliced.windows.first());
        Ok(sliced)
    }

    /// Closes, without results, the windows that were closed at `stream_time` in an earlier run.
    pub(crate) fn restore(&mut self, stream_time: Timestamp) {
        self.set_closed(self.windows.closed_at(stream_time));
    }

    /// Writes which windows are closed, and the state of the others.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.closed);
        self.keys.save(out);
        self.panes.save(out);
        if let Some(history) = &self.history {
            history.save(out);
        }
        if let Some(known) = &self.known {
            known.save(out);
        }
    }

    /// Reads back what was saved, into windows without state.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such windows.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.set_closed(from.take::<i64>()?.max(self.windows.first()));
        self.keys = Keys::load(from)?;
        let state = || Columns::new(&self.functions);
        self.panes.load(&mut self.keys, state, from)?;
        if let Some(history) = &mut self.history {
            history.load(&mut self.keys, from)?;
        }
        if let Some(known) = &mut self.known {
            known.load(&mut self.keys, from)?;
        }
        Ok(())
    }

    fn set_closed(&mut self, closed: i64) {
        self.closed = closed;
        let end = self.windows.end(closed);
        self.next_close = end.saturating_add(self.windows.grace_ms());
    }

    /// Closes the windows whose end plus grace `stream_time` has reached, and puts out what they
    /// have not yet put out.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    #[inline]
    pub(crate) fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        if stream_time < self.next_close {
            return Ok(Drained::All);
        }
        self.closing = self.windows.closed_at(stream_time);
        self.close(effects)
    }

    /// Whether windows that are to be closed have not come out yet.
    pub(super) const fn is_closing(&self) -> bool {
        self.half_out.is_some() || self.closed < self.closing
    }

    /// Up to which stream time windows are closed.
    pub(super) const fn reached(&self) -> Timestamp {
        match self.closed < self.closing {
            true => self.next_close.saturating_sub(1),
            false => Timestamp::MAX,
        }
    }

    /// Closes the windows that are to be closed, unless `effects` are full before.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    #[inline(never)]
    pub(super) fn close(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while let Some(window) = self.next_to_close() {
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            let half_out = self.half_out.unwrap_or_else(|| self.begin_to_close(window));
            if self.put_out_final(half_out, effects)? == Drained::Part {
                return Ok(Drained::Part);
            }
            self.half_out = None;
            self.release();
        }
        self.set_closed(self.closed.max(self.closing));
        Ok(Drained::All)
    }

    /// The window that is on its way out, or else the next that is to be closed and has something to
    /// put out.
    fn next_to_close(&mut self) -> Option<i64> {
        let closing = self.closing;
        match self.half_out {
            Some(HalfOut { window, .. }) => Some(window),
            None => self.next_window().filter(|window| *window < closing),
        }
    }

    fn begin_to_close(&mut self, window: i64) -> HalfOut {
        self.set_closed(self.windows.after(window));
        let half_out = HalfOut {
            window,
            is_empty_left: false,
        };
        self.half_out = Some(half_out);
        half_out
    }

    /// Puts out what is left of a window that is closed.
    fn put_out_final(
        &mut self,
        half_out: HalfOut,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        let which = match self.emit {
            Emit::Final => Some(Which::All),
            Emit::Updates => Some(Which::Changed),
            Emit::EveryUpdate => None,
        };
        let HalfOut {
            window,
            is_empty_left,
        } = half_out;
        if let Some(which) = which.filter(|_| !is_empty_left)
            && self.put_out(window, which, effects)? == Drained::Part
        {
            return Ok(Drained::Part);
        }
        self.half_out = Some(HalfOut {
            window,
            is_empty_left: true,
        });
        self.put_out_empty(window, effects)
    }

    /// The first open window that has something to put out.
    fn next_window(&mut self) -> Option<i64> {
        if let Some(known) = &mut self.known {
            known.forget(self.windows.start(self.closed), &mut self.keys);
            if !known.is_empty() {
                return Some(self.closed);
            }
        }
        let slice = self.panes.first_slice()?;
        Some(self.windows.holding(slice).start.max(self.closed))
    }

    /// Gives up the slices of which no window is open.
    fn release(&mut self) {
        let kept = self.windows.slices(self.closed).start;
        if let Some(known) = &mut self.known {
            for (_, pane) in self.panes.range(i64::MIN..kept) {
                known.see_all(pane, &mut self.keys);
            }
        }
        if let Some(history) = &mut self.history {
            for (_, pane) in self.panes.range(i64::MIN..kept) {
                history.keep(pane, &mut self.keys);
            }
        }
        self.panes.release_below(kept, &mut self.keys);
    }

    /// Takes in one record. Stream time must have been advanced to its event time before.
    ///
    /// # Errors
    ///
    /// As [`crate::stream::windowed::Windowed::add`].
    #[inline]
    pub(crate) fn add(
        &mut self,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<Added, Box<Trouble>> {
        self.seek(record.time);
        let windows = &self.slice.windows;
        if windows.end <= self.closed {
            self.see_late(record);
            return Ok(Added::Late);
        }
        let expired_windows = self.windows.expired(windows, self.closed);
        let open = windows.start.max(self.closed)..windows.end;
        let Some(key) = self.keys.intern(record.key) else {
            return Err(Reason::TooManyKeys.into());
        };
        self.update(key, record);
        if self.emit == Emit::EveryUpdate {
            for window in open.chain(self.later_windows(key)) {
                // One result always has room.
                _ = self.put_out(window, Which::One(key), effects)?;
            }
        }
        Ok(Added::Aggregated { expired_windows })
    }

    /// A late record changes no window, and yet its key is one that has records.
    fn see_late(&mut self, record: Contribution<'_>) {
        if let Some(known) = &mut self.known
            && let Some(key) = self.keys.intern(record.key)
        {
            known.see(key, record.time, record.offset, &mut self.keys);
        }
    }

    #[inline]
    fn seek(&mut self, time: Timestamp) {
        if !self.slice.times.contains(&time.0) {
            let number = self.windows.slice(time);
            self.slice = Slice {
                number,
                times: self.windows.slice_times(number),
                windows: self.windows.holding(number),
            };
        }
    }

    #[inline]
    fn update(&mut self, key: KeyId, record: Contribution<'_>) {
        let functions = &self.functions;
        let state = || Columns::new(functions);
        let pane = self
            .panes
            .pane_or_add(self.slice.number, record.offset, state);
        let slot = pane.slot(key).unwrap_or_else(|| {
            self.keys.take_use(key);
            pane.slot_or_add(key)
        });
        pane.state.add(slot, record.time, record.arguments);
        if self.emit == Emit::Updates {
            pane.state.mark(slot);
            self.mark_later(key);
        }
    }

    /// Marks what a record that came out of order has changed in later slices.
    fn mark_later(&mut self, key: KeyId) {
        if self.history.is_some() {
            for pane in self.panes.above_mut(self.slice.number) {
                if let Some(slot) = pane.slot(key) {
                    pane.state.mark(slot);
                }
            }
        }
    }

    /// The windows of `key` after those of its latest record, which has changed them too if an
    /// aggregate covers the whole history.
    fn later_windows(&self, key: KeyId) -> Vec<i64> {
        if self.history.is_none() {
            return Vec::new();
        }
        let later = self.slice.number.saturating_add(1)..i64::MAX;
        let panes = self.panes.range(later);
        let panes = panes.filter(|(_, pane)| pane.slot(key).is_some());
        let mut windows: Vec<i64> = panes
            .flat_map(|(slice, _)| self.windows.holding(slice))
            .filter(|window| *window >= self.slice.windows.end)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        if self.emit != Emit::Updates {
            return Ok(Drained::All);
        }
        let mut flushed = match self.flushed.take() {
            Some(flushed) => flushed,
            None => {
                self.find_changed();
                0
            }
        };
        while let Some(&window) = self.changed.get(flushed) {
            if effects.is_full() || self.put_out(window, Which::Changed, effects)? == Drained::Part
            {
                self.flushed = Some(flushed);
                return Ok(Drained::Part);
            }
            flushed += 1;
        }
        for pane in self.panes.iter_mut() {
            pane.state.settle();
        }
        Ok(Drained::All)
    }

    /// Finds the open windows with changes since the last commit, oldest first.
    fn find_changed(&mut self) {
        let mut windows = std::mem::take(&mut self.changed);
        windows.clear();
        let panes = self.panes.range(i64::MIN..i64::MAX);
        let changed = panes.filter(|(_, pane)| !pane.state.changed().is_empty());
        let holding = changed.flat_map(|(slice, _)| self.windows.holding(slice));
        windows.extend(holding.filter(|window| *window >= self.closed));
        windows.sort_unstable();
        windows.dedup();
        self.changed = windows;
    }

    /// The smallest offset of a record that an open window holds, or that a key is known by.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        let known = self.known.as_ref().and_then(|known| known.rebuild_from());
        self.panes.rebuild_from().into_iter().chain(known).min()
    }

    fn put_out(
        &mut self,
        window: i64,
        which: Which,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        let times = self.windows.start(window)..self.windows.end(window);
        let slices = self.windows.slices(window);
        let before = self.panes.range(i64::MIN..slices.start);
        let panes = self.panes.range(slices).map(|(_, pane)| pane);
        let before = before.map(|(_, pane)| pane);
        let history = self.history.as_deref_mut().map(|history| (history, before));
        self.results
            .put_out(times, panes, history, which, &self.keys, effects)
    }

    /// Puts out the results of the keys of which `window` holds nothing, where that is wanted.
    fn put_out_empty(&mut self, window: i64, effects: &mut Effects) -> Result<Drained, Failure> {
        let Some(known) = &self.known else {
            return Ok(Drained::All);
        };
        let times = self.windows.start(window)..self.windows.end(window);
        let slices = self.windows.slices(window);
        let before = self.panes.range(i64::MIN..slices.start);
        let before = before.map(|(_, pane)| pane);
        let panes = self.panes.range(slices).map(|(_, pane)| pane);
        let empty = || known.missing_from(panes, &self.keys);
        let history = self.history.as_deref_mut().map(|history| (history, before));
        self.results
            .put_out_empty(times, empty, history, &self.keys, effects)
    }
}
