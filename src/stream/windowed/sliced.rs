//! Windows that are runs of slices of event time.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::Pane;
use crate::store::panes::Panes;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::columns::Columns;
use crate::stream::effects::Effects;
use crate::stream::plan::Emit;
use crate::stream::plan::WindowAggregate;
use crate::stream::reason::Reason;
use crate::stream::results::WindowResult;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::history::History;
use crate::stream::windowed::slices::Slices;

/// The state of one partition's windows.
///
/// Each record updates one slice of event time; a window's result is made of its slices when it
/// comes out. Windows come out in ascending order of their ends, and within one the keys in the
/// order in which its slices, oldest first, saw them first.
#[derive(Debug)]
pub(crate) struct Sliced {
    windows: Slices,
    emit: Emit,
    functions: Box<[Function]>,
    keys: Keys,
    panes: Panes<Columns>,
    /// What has been seen in slices that are gone, where an aggregate covers it.
    history: Option<Box<History>>,
    /// The windows below this number are closed.
    closed: i64,
    /// The stream time at which the next window closes.
    next_close: Timestamp,
    /// The slice of the record before: records come nearly in order.
    slice: Slice,
    output: Output,
}

/// One slice of event time.
#[derive(Clone, Debug, Default)]
struct Slice {
    number: i64,
    times: Range<i64>,
    /// The windows that contain it.
    windows: Range<i64>,
}

/// Which keys of a window are asked for.
#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    Changed,
    One(KeyId),
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
            closed: 0,
            next_close: Timestamp::MIN,
            slice: Slice::default(),
            output: Output {
                merged: Pane::new(Columns::new(&functions)),
                pairs: Vec::new(),
                emitter: Emitter::new(stage, id)?,
            },
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
        match &mut self.history {
            Some(history) => history.load(&mut self.keys, from),
            None => Ok(()),
        }
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
    ) -> Result<(), Failure> {
        if stream_time < self.next_close {
            return Ok(());
        }
        self.close(self.windows.closed_at(stream_time), effects)
    }

    #[inline(never)]
    fn close(&mut self, closed: i64, effects: &mut Effects) -> Result<(), Failure> {
        let which = match self.emit {
            Emit::Final => Some(Which::All),
            Emit::Updates => Some(Which::Changed),
            Emit::EveryUpdate => None,
        };
        while let Some(slice) = self.panes.first_slice() {
            let window = self.windows.holding(slice).start.max(self.closed);
            if window >= closed {
                break;
            }
            self.set_closed(window.saturating_add(1));
            let put_out = which.map_or(Ok(()), |which| self.put_out(window, which, effects));
            self.release();
            put_out?;
        }
        self.set_closed(self.closed.max(closed));
        Ok(())
    }

    /// Gives up the slices of which no window is open.
    fn release(&mut self) {
        let kept = self.windows.slices(self.closed).start;
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
    /// `Ok(Err(reason))` where the record is at fault; `Err` where a result is, and the flow is to
    /// stop then.
    #[inline]
    pub(crate) fn add(
        &mut self,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<Result<Added, Reason>, Failure> {
        self.seek(record.time);
        let windows = &self.slice.windows;
        if windows.end <= self.closed {
            return Ok(Ok(Added::Late));
        }
        let expired_windows = self.windows.expired(windows, self.closed);
        let open = windows.start.max(self.closed)..windows.end;
        let Some(key) = self.keys.intern(record.key) else {
            return Ok(Err(Reason::TooManyKeys));
        };
        self.update(key, record);
        if self.emit == Emit::EveryUpdate {
            for window in open.chain(self.later_windows(key)) {
                self.put_out(window, Which::One(key), effects)?;
            }
        }
        Ok(Ok(Added::Aggregated { expired_windows }))
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
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        if self.emit != Emit::Updates {
            return Ok(());
        }
        for window in self.changed_windows() {
            self.put_out(window, Which::Changed, effects)?;
        }
        for pane in self.panes.iter_mut() {
            pane.state.settle();
        }
        Ok(())
    }

    /// The open windows with changes since the last commit, oldest first.
    fn changed_windows(&self) -> Vec<i64> {
        let panes = self.panes.range(i64::MIN..i64::MAX);
        let changed = panes.filter(|(_, pane)| !pane.state.changed().is_empty());
        let mut windows: Vec<i64> = changed
            .flat_map(|(slice, _)| self.windows.holding(slice))
            .filter(|window| *window >= self.closed)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// The smallest offset of a record that an open window holds.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        self.panes.rebuild_from()
    }

    fn put_out(&mut self, window: i64, which: Which, effects: &mut Effects) -> Result<(), Failure> {
        let times = self.windows.start(window)..self.windows.end(window);
        let slices = self.windows.slices(window);
        let before = self.panes.range(i64::MIN..slices.start);
        let panes = self.panes.range(slices).map(|(_, pane)| pane);
        let before = before.map(|(_, pane)| pane);
        let history = self.history.as_deref_mut().map(|history| (history, before));
        self.output
            .put_out(times, panes, history, which, &self.keys, effects)
    }
}

/// Makes results out of panes.
#[derive(Debug)]
struct Output {
    /// A window that is made of several panes.
    merged: Pane<Columns>,
    /// Which slots of a pane go to which of `merged`.
    pairs: Vec<(usize, usize)>,
    emitter: Emitter,
}

impl Output {
    fn put_out<'p>(
        &mut self,
        window: Range<Timestamp>,
        mut panes: impl Iterator<Item = &'p Pane<Columns>> + Clone,
        history: Option<(&mut History, impl Iterator<Item = &'p Pane<Columns>>)>,
        which: Which,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let all = panes.clone();
        let (first, second) = (panes.next(), panes.next());
        match (first, second) {
            (None, _) => Ok(()),
            (Some(pane), None) if history.is_none() => {
                self.put_out_pane(&window, pane, which, keys, effects)
            }
            _ => {
                self.gather(all, which);
                if let Some((history, before)) = history {
                    history.add_to(&mut self.merged, before);
                }
                let merged = std::mem::replace(&mut self.merged, Pane::new(Columns::new(&[])));
                let put_out = self.put_out_pane(&window, &merged, Which::All, keys, effects);
                self.merged = merged;
                put_out
            }
        }
    }

    fn put_out_pane(
        &mut self,
        window: &Range<Timestamp>,
        pane: &Pane<Columns>,
        which: Which,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let mut put_out = |slot: usize| self.put_out_slot(window, pane, slot, keys, effects);
        match which {
            Which::All => (0..pane.keys().len()).try_for_each(&mut put_out),
            Which::Changed => pane.state.changed().iter().copied().try_for_each(put_out),
            Which::One(key) => pane.slot(key).map_or(Ok(()), put_out),
        }
    }

    fn put_out_slot(
        &mut self,
        window: &Range<Timestamp>,
        pane: &Pane<Columns>,
        slot: usize,
        keys: &Keys,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(&id) = pane.keys().get(slot) else {
            return Ok(());
        };
        let result = WindowResult {
            key: keys.key(id),
            window: Some(window.clone()),
            columns: &pane.state,
            slot,
        };
        self.emitter.put(&result, effects)
    }

    /// Merges `panes`, oldest first, for the keys asked for.
    fn gather<'p>(&mut self, panes: impl Iterator<Item = &'p Pane<Columns>> + Clone, which: Which) {
        self.merged.clear();
        match which {
            Which::All => {}
            Which::One(key) => {
                self.merged.slot_or_add(key);
            }
            Which::Changed => {
                for pane in panes.clone() {
                    for key in pane
                        .state
                        .changed()
                        .iter()
                        .filter_map(|&slot| pane.keys().get(slot))
                    {
                        self.merged.slot_or_add(*key);
                    }
                }
            }
        }
        for pane in panes {
            self.pair(pane, which);
            self.merged.state.merge(&pane.state, &self.pairs);
        }
    }

    fn pair(&mut self, pane: &Pane<Columns>, which: Which) {
        self.pairs.clear();
        match which {
            Which::All => {
                for (slot, &key) in pane.keys().iter().enumerate() {
                    self.pairs.push((slot, self.merged.slot_or_add(key)));
                }
            }
            Which::Changed | Which::One(_) => {
                let wanted = self.merged.keys().iter().enumerate();
                let found = wanted.filter_map(|(here, &key)| Some((pane.slot(key)?, here)));
                self.pairs.extend(found);
            }
        }
    }
}
