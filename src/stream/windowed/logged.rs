//! Windows over logs of records: sliding and trailing.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
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
use crate::stream::results::WindowResult;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::arena::Arena;
use crate::stream::windowed::around::Around;
use crate::stream::windowed::deadlines::Deadlines;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::ends::Ends;
use crate::stream::windowed::history::History;
use crate::stream::windowed::log::Log;
use crate::stream::windowed::log::Place;
use crate::stream::windowed::replay::Replayed;
use crate::stream::windowed::replay::ReplayedTime;

/// The sliding or trailing windows of one partition.
///
/// Each key has a log of what came when; windows are not kept, but made of the log when they come
/// out. Windows close in ascending order of their ends.
#[derive(Debug)]
pub(crate) struct Logged {
    ends: Ends,
    emit: Emit,
    keys: Keys,
    logs: Vec<KeyLog>,
    arena: Arena,
    /// What logs no longer hold, where an aggregate covers it.
    history: Option<Box<History>>,
    /// The slot that results are made in.
    result: u32,
    time: ReplayedTime,
    deadlines: Deadlines,
    /// The keys with changes since the last commit.
    changed: Vec<KeyId>,
    flushed: Flushed,
    around: Around,
    pub(super) emitter: Emitter,
}

/// How much of the changes a commit under way has brought out.
#[derive(Clone, Copy, Debug, Default)]
struct Flushed {
    /// So many keys.
    keys: usize,
    /// Of the next one, the windows that end below this.
    below: Option<i64>,
}

/// The log of one key, and when it is to be looked at.
#[derive(Debug)]
struct KeyLog {
    /// `None` where the key has no records.
    key: Option<KeyId>,
    log: Log,
    /// The end of the next window to close.
    next_end: Option<i64>,
    /// As entered among the deadlines.
    deadline: Timestamp,
    has_changed: bool,
}

impl Default for KeyLog {
    fn default() -> Self {
        Self {
            key: None,
            log: Log::default(),
            next_end: None,
            deadline: Timestamp::MAX,
            has_changed: false,
        }
    }
}

impl Replayed for Logged {
    fn time(&mut self) -> &mut ReplayedTime {
        &mut self.time
    }

    fn next_deadline(&self) -> Timestamp {
        self.deadlines.next()
    }

    #[inline(never)]
    fn close(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while self.is_closing() {
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            let closed = self.close_next(effects);
            self.deadlines.settle();
            closed?;
        }
        Ok(Drained::All)
    }
}

impl Logged {
    /// Deals with the next log that is due.
    fn close_next(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        while let Some((at, place)) = self.deadlines.pop(self.time.now) {
            let Some(log) = self.logs.get_mut(place as usize) else {
                continue;
            };
            if log.deadline != at {
                continue;
            }
            let Some(key) = log.key else {
                continue;
            };
            let put_out = match log.next_end.take() {
                Some(end) => self.put_final(key, end, effects),
                None => Ok(()),
            };
            self.look_ahead(key, at);
            return put_out;
        }
        Ok(())
    }

    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        ends: Ends,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let functions = aggregation.aggregates.iter().map(|named| named.function);
        let functions: Vec<Function> = functions.collect();
        let mut arena = Arena::new(Columns::new(&functions));
        Ok(Self {
            ends,
            emit: aggregation.emit,
            keys: Keys::new(),
            logs: Vec::new(),
            result: arena.take(),
            arena,
            history: History::of(&functions).map(Box::new),
            time: ReplayedTime::at(Timestamp::MIN),
            deadlines: Deadlines::default(),
            changed: Vec::new(),
            flushed: Flushed::default(),
            around: Around::default(),
            emitter: Emitter::new(stage, id)?,
        })
    }

    /// Whether windows that are over have not come out yet.
    pub(super) fn is_closing(&self) -> bool {
        self.deadlines.next() <= self.time.now
    }

    fn put_final(&mut self, key: KeyId, end: i64, effects: &mut Effects) -> Result<(), Failure> {
        if self.time.is_replayed() {
            return Ok(());
        }
        match self.emit {
            Emit::Final => self.put_out(key, end, effects),
            Emit::Updates if self.is_changed(key, end) => self.put_out(key, end, effects),
            Emit::Updates | Emit::EveryUpdate => Ok(()),
        }
    }

    /// Forgets what no open window of `key` wants once all that closed at `closing` or before are
    /// done, and enters when to look at it next.
    fn look_ahead(&mut self, key: KeyId, closing: Timestamp) {
        let open_from = self.ends.open_from(closing);
        let wanted = self.ends.wanted_from(open_from);
        let Some(log) = self.logs.get_mut(key.index()) else {
            return;
        };
        if let Some(history) = &mut self.history {
            let gone = log.log.entries().iter();
            for entry in gone.take_while(|entry| entry.at < wanted) {
                let (columns, slot) = (&self.arena.columns, entry.own as usize);
                history.keep_slot(key, columns, slot, &mut self.keys);
            }
        }
        log.log.evict_below(wanted, &mut self.arena);
        if log.log.entries().is_empty() {
            log.key = None;
            log.has_changed = false;
            self.keys.give_back([key]);
            return;
        }
        log.deadline = Timestamp::MAX;
        self.look(key, open_from);
    }

    /// Enters when to look at `key`: when its next window closes, or, without one, when nothing of
    /// it is wanted any more.
    fn look(&mut self, key: KeyId, open_from: i64) {
        let Some(log) = self.logs.get_mut(key.index()) else {
            return;
        };
        log.next_end = self.ends.first_from(&log.log, open_from);
        let last = log.log.entries().back().map_or(open_from, |last| last.at);
        let unwanted = self.ends.unwanted_at(last).max(open_from);
        let deadline = self.ends.closes_at(log.next_end.unwrap_or(unwanted));
        if deadline != log.deadline {
            log.deadline = deadline;
            self.deadlines.push(deadline, place_of(key));
        }
    }

    /// Takes in one record.
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
        self.take_note(record, effects)?;
        let (at, open_from) = (record.time.0, self.ends.open_from(self.time.now));
        if self.ends.last_holding(at) < open_from {
            return Ok(Added::Late);
        }
        let Some(key) = self.keys.intern(record.key) else {
            return Err(Reason::TooManyKeys.into());
        };
        if self.logs.len() <= key.index() {
            self.logs.resize_with(key.index() + 1, KeyLog::default);
        }
        let Some(log) = self.logs.get_mut(key.index()) else {
            return Err(Reason::TooManyKeys.into());
        };
        if log.key.is_none() {
            log.key = Some(key);
            log.next_end = None;
            log.deadline = Timestamp::MAX;
            self.keys.take_use(key);
        }
        let place = log.log.insert(at, record.offset, &mut self.arena);
        let slot = place.slot as usize;
        self.arena.columns.add(slot, record.time, record.arguments);
        if place.is_new {
            self.enter(key, at, open_from);
        }
        match self.emit {
            Emit::Final => {}
            Emit::Updates => self.mark(key, place),
            Emit::EveryUpdate => self.put_changes(key, at, place, effects)?,
        }
        Ok(Added::Aggregated {
            expired_windows: self.ends.expired(at, open_from),
        })
    }

    /// Enters when `key` is to be looked at, now that there is something new at `at`.
    #[inline]
    fn enter(&mut self, key: KeyId, at: i64, open_from: i64) {
        let next_end = self.logs.get(key.index()).and_then(|log| log.next_end);
        if next_end.is_none_or(|end| end > at) {
            self.look(key, open_from);
        }
    }

    fn mark(&mut self, key: KeyId, place: Place) {
        if let Some(log) = self.logs.get_mut(key.index()) {
            log.log.mark(place.index);
            if !log.has_changed {
                log.has_changed = true;
                self.changed.push(key);
            }
        }
    }

    fn is_changed(&self, key: KeyId, end: i64) -> bool {
        let because_of = match (&self.history, self.ends.is_sliding()) {
            // Any record before changes a mean over the whole history.
            (Some(_), _) => i64::MIN,
            // A window may be there because of a record right before it.
            (None, true) => self.ends.first_place(end) - 1,
            (None, false) => self.ends.first_place(end),
        };
        self.logs
            .get(key.index())
            .is_some_and(|log| log.log.has_changed(because_of, end))
    }

    /// Puts out each open window that the new record at `at` is in or has made.
    fn put_changes(
        &mut self,
        key: KeyId,
        at: i64,
        place: Place,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(log) = self.logs.get(key.index()) else {
            return Ok(());
        };
        let open_from = self.ends.open_from(self.time.now);
        let mut around = std::mem::take(&mut self.around);
        around.find(self.ends, &log.log, at, place.is_new, open_from);
        around.gather(self.ends, &log.log, at, &mut self.arena);
        let put_out = around.ends().iter().try_for_each(|&end| {
            around.make(self.ends, end, self.result, &mut self.arena);
            self.put_result(key, end, effects)
        });
        around.give_back(&mut self.arena);
        self.around = around;
        put_out.and_then(|()| self.put_later(key, at, effects))
    }

    /// Puts out the windows behind those of a record at `at`, which has changed them too if an
    /// aggregate covers the whole history.
    fn put_later(&mut self, key: KeyId, at: i64, effects: &mut Effects) -> Result<(), Failure> {
        if self.history.is_none() {
            return Ok(());
        }
        let open_from = self.ends.open_from(self.time.now);
        let behind = self.ends.last_holding(at).saturating_add(1);
        let mut from = behind.max(open_from);
        while let Some(end) = self
            .logs
            .get(key.index())
            .and_then(|log| self.ends.first_from(&log.log, from))
        {
            if !self.around.ends().contains(&end) {
                self.put_out(key, end, effects)?;
            }
            from = end.saturating_add(1);
        }
        Ok(())
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while let Some(&key) = self.changed.get(self.flushed.keys) {
            if self.flush_key(key, effects)? == Drained::Part {
                return Ok(Drained::Part);
            }
            self.flushed.keys += 1;
        }
        self.flushed = Flushed::default();
        self.changed.clear();
        Ok(Drained::All)
    }

    fn flush_key(&mut self, key: KeyId, effects: &mut Effects) -> Result<Drained, Failure> {
        let below = self.flushed.below.take();
        let mut from = below.unwrap_or_else(|| self.ends.open_from(self.time.now));
        while let Some(end) = self.next_window(key, from) {
            if effects.is_full() {
                self.flushed.below = Some(from);
                return Ok(Drained::Part);
            }
            if self.is_changed(key, end) {
                self.put_out(key, end, effects)?;
            }
            from = end.saturating_add(1);
        }
        if let Some(log) = self.logs.get_mut(key.index()) {
            log.has_changed = false;
            log.log.settle();
        }
        Ok(Drained::All)
    }

    fn next_window(&self, key: KeyId, from: i64) -> Option<i64> {
        let log = self.logs.get(key.index())?;
        if from == i64::MAX || !log.has_changed {
            return None;
        }
        self.ends.first_from(&log.log, from)
    }

    /// Puts out the window of `key` that ends at `end`.
    fn put_out(&mut self, key: KeyId, end: i64, effects: &mut Effects) -> Result<(), Failure> {
        let from = self.ends.first_place(end);
        let log = self.logs.get_mut(key.index());
        let is_there =
            log.is_some_and(|log| log.log.sweep(from, end, self.result, &mut self.arena));
        match is_there {
            true => self.put_result(key, end, effects),
            false => Ok(()),
        }
    }

    /// Puts out what stands in the slot of results, with the history before it.
    fn put_result(&mut self, key: KeyId, end: i64, effects: &mut Effects) -> Result<(), Failure> {
        self.add_history(key, end);
        let result = WindowResult {
            key: self.keys.key(key),
            window: Some(self.ends.bounds(end)),
            columns: &self.arena.columns,
            slot: self.result as usize,
        };
        self.emitter.put(&result, effects)
    }

    fn add_history(&mut self, key: KeyId, end: i64) {
        let (Some(history), Some(log)) = (&self.history, self.logs.get(key.index())) else {
            return;
        };
        let columns = &mut self.arena.columns;
        history.add_to_slot(key, columns, self.result as usize);
        let (from, entries) = (self.ends.first_place(end), log.log.entries());
        for entry in entries.iter().take_while(|entry| entry.at < from) {
            columns.join_columns(
                history.positions(),
                self.result as usize,
                entry.own as usize,
            );
        }
    }

    /// The smallest offset of a record that an open window holds.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        let entries = self.logs.iter().flat_map(|log| log.log.entries());
        entries.map(|entry| entry.offset).min()
    }

    /// Writes all state.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        self.keys.save(out);
        let logs = || self.logs.iter().filter(|log| log.key.is_some());
        out.count(logs().count());
        for log in logs() {
            out.put(&log.key);
            out.put(&log.has_changed);
            log.log.save(out);
        }
        self.arena.save(out);
        out.put(&self.result);
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
        self.time = from.take()?;
        self.keys = Keys::load(from)?;
        for _ in 0..from.count(1)? {
            self.load_log(from)?;
        }
        let entries = self.logs.iter().flat_map(|log| log.log.entries());
        self.arena.load(entries.map(|entry| entry.own), from)?;
        from.take::<u32>()?;
        self.result = self.arena.take();
        if let Some(history) = &mut self.history {
            history.load(&mut self.keys, from)?;
        }
        self.enter_all();
        Ok(())
    }

    fn load_log(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        let key: Option<KeyId> = from.take()?;
        let key = key.filter(|key| self.keys.is_live(*key));
        let key = key.ok_or_else(|| Malformed::new("records of no key"))?;
        if self.logs.len() <= key.index() {
            self.logs.resize_with(key.index() + 1, KeyLog::default);
        }
        let has_changed = from.take()?;
        let log = Log::load(from)?;
        match self.logs.get_mut(key.index()) {
            Some(place) if place.key.is_none() => {
                self.keys.take_use(key);
                place.key = Some(key);
                place.log = log;
                place.has_changed = has_changed;
            }
            _ => return Err(Malformed::new("the records of one key twice")),
        }
        if has_changed {
            self.changed.push(key);
        }
        Ok(())
    }

    fn enter_all(&mut self) {
        let keys: Vec<KeyId> = self.logs.iter().filter_map(|log| log.key).collect();
        let open_from = self.ends.open_from(self.time.now);
        for key in keys {
            if let Some(log) = self.logs.get_mut(key.index()) {
                log.deadline = Timestamp::MAX;
            }
            self.look(key, open_from);
        }
    }
}

/// The number of `key` among the deadlines.
fn place_of(key: KeyId) -> u32 {
    u32::try_from(key.index()).unwrap_or(u32::MAX)
}
