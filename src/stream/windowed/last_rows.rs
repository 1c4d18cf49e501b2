//! Windows of the last records of each key.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
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
use crate::stream::window::RowWindows;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::arena::Arena;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::history::History;
use crate::stream::windowed::log::Log;

/// The last records of one partition's keys, each key's in a log by position.
#[derive(Debug)]
pub(crate) struct LastRows {
    rows: i64,
    emit: Emit,
    keys: Keys,
    logs: Vec<KeyRows>,
    arena: Arena,
    /// What logs no longer hold, where an aggregate covers it.
    history: Option<Box<History>>,
    /// The slot that results are made in.
    result: u32,
    /// The keys with changes since the last commit.
    changed: Vec<KeyId>,
    /// How many of them a commit under way has brought out.
    flushed: usize,
    pub(super) emitter: Emitter,
}

/// The last records of one key.
#[derive(Debug, Default)]
struct KeyRows {
    log: Log,
    /// `None` where the key has no records.
    key: Option<KeyId>,
    /// How many records there were.
    count: i64,
    has_changed: bool,
}

impl LastRows {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        windows: RowWindows,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let functions = aggregation.aggregates.iter().map(|named| named.function);
        let functions: Vec<Function> = functions.collect();
        let mut arena = Arena::new(Columns::new(&functions));
        Ok(Self {
            rows: windows.rows().get().into(),
            emit: aggregation.emit,
            keys: Keys::new(),
            logs: Vec::new(),
            result: arena.take(),
            arena,
            history: History::of(&functions).map(Box::new),
            changed: Vec::new(),
            flushed: 0,
            emitter: Emitter::new(stage, id)?,
        })
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
        let Some(key) = self.keys.intern(record.key) else {
            return Err(Reason::TooManyKeys.into());
        };
        if self.logs.len() <= key.index() {
            self.logs.resize_with(key.index() + 1, KeyRows::default);
        }
        let Some(log) = self.logs.get_mut(key.index()) else {
            return Err(Reason::TooManyKeys.into());
        };
        if log.key.is_none() {
            log.key = Some(key);
            self.keys.take_use(key);
        }
        let first = log.count - self.rows + 1;
        if let Some(history) = &mut self.history {
            let gone = log.log.entries().iter();
            for entry in gone.take_while(|entry| entry.at < first) {
                let (columns, slot) = (&self.arena.columns, entry.own as usize);
                history.keep_slot(key, columns, slot, &mut self.keys);
            }
        }
        log.log.evict_below(first, &mut self.arena);
        let place = log.log.insert(log.count, record.offset, &mut self.arena);
        log.count += 1;
        let slot = place.slot as usize;
        self.arena.columns.add(slot, record.time, record.arguments);
        if self.emit != Emit::Updates {
            self.put_out(key, effects)?;
        } else if !log.has_changed {
            log.has_changed = true;
            self.changed.push(key);
        }
        Ok(Added::Aggregated { expired_windows: 0 })
    }

    fn put_out(&mut self, key: KeyId, effects: &mut Effects) -> Result<(), Failure> {
        let Some(log) = self.logs.get_mut(key.index()) else {
            return Ok(());
        };
        let last = log.count - 1;
        let first = last - self.rows + 1;
        if !log.log.sweep(first, last, self.result, &mut self.arena) {
            return Ok(());
        }
        if let Some(history) = &self.history {
            history.add_to_slot(key, &mut self.arena.columns, self.result as usize);
        }
        let result = WindowResult {
            key: self.keys.key(key),
            window: None,
            columns: &self.arena.columns,
            slot: self.result as usize,
        };
        self.emitter.put(&result, effects)
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while let Some(&key) = self.changed.get(self.flushed) {
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            self.put_out(key, effects)?;
            if let Some(log) = self.logs.get_mut(key.index()) {
                log.has_changed = false;
            }
            self.flushed += 1;
        }
        self.flushed = 0;
        self.changed.clear();
        Ok(Drained::All)
    }

    /// The smallest offset of a record that is still among the last ones of its key.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        let entries = self.logs.iter().flat_map(|log| log.log.entries());
        entries.map(|entry| entry.offset).min()
    }

    /// Writes all state.
    pub(crate) fn save(&self, out: &mut Writer) {
        self.keys.save(out);
        let logs = || self.logs.iter().filter(|log| log.key.is_some());
        out.count(logs().count());
        for log in logs() {
            out.put(&log.key);
            out.put(&log.count);
            out.put(&log.has_changed);
            log.log.save(out);
        }
        self.arena.save(out);
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
        self.keys = Keys::load(from)?;
        for _ in 0..from.count(1)? {
            self.load_log(from)?;
        }
        let entries = self.logs.iter().flat_map(|log| log.log.entries());
        self.arena.load(entries.map(|entry| entry.own), from)?;
        self.result = self.arena.take();
        match &mut self.history {
            Some(history) => history.load(&mut self.keys, from),
            None => Ok(()),
        }
    }

    fn load_log(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        let key: Option<KeyId> = from.take()?;
        let key = key.filter(|key| self.keys.is_live(*key));
        let key = key.ok_or_else(|| Malformed::new("records of no key"))?;
        let loaded = KeyRows {
            key: Some(key),
            count: from.take()?,
            has_changed: from.take()?,
            log: Log::load(from)?,
        };
        let last = loaded.log.entries().back().map(|entry| entry.at);
        if !(0..i64::MAX).contains(&loaded.count) || last != Some(loaded.count - 1) {
            return Err(Malformed::new("records in the wrong places"));
        }
        if self.logs.len() <= key.index() {
            self.logs.resize_with(key.index() + 1, KeyRows::default);
        }
        match self.logs.get_mut(key.index()) {
            Some(place) if place.key.is_none() => *place = loaded,
            _ => return Err(Malformed::new("the records of one key twice")),
        }
        self.keys.take_use(key);
        if self
            .logs
            .get(key.index())
            .is_some_and(|log| log.has_changed)
        {
            self.changed.push(key);
        }
        Ok(())
    }
}
