//! Aggregation by session.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::keys::KeyId;
use crate::store::keys::Keys;
use crate::store::panes::PaneState;
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
use crate::stream::window::SessionWindows;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::deadlines::Deadlines;
use crate::stream::windowed::emitter::Emitter;
use crate::stream::windowed::history::History;
use crate::stream::windowed::replay::Replayed;
use crate::stream::windowed::replay::ReplayedTime;
use crate::stream::windowed::session::Continued;
use crate::stream::windowed::session::NONE;
use crate::stream::windowed::session::Session;
use crate::stream::windowed::session::SessionTable;

/// The open sessions of one partition.
///
/// A record that continues its key's latest session, as nearly all do, costs one look-up of the
/// key. Sessions close in ascending order of their ends, and those that end together in that of
/// their keys' bytes.
///
/// Where changes come out, a session whose window changes is first taken back under its old window,
/// by a tombstone, as Kafka Streams does (`KStreamSessionWindowAggregate`, commit 1eb7644).
#[derive(Debug)]
pub(crate) struct Sessions {
    windows: SessionWindows,
    emit: Emit,
    keys: Keys,
    sessions: SessionTable,
    /// The aggregates, by slot.
    columns: Columns,
    history: Option<Box<SessionHistory>>,
    time: ReplayedTime,
    deadlines: Deadlines,
    /// Windows that were put out and are no more, since the last commit.
    gone: VecDeque<(KeyId, Timestamp, Timestamp)>,
    /// How many sessions with changes a commit under way has brought out.
    flushed: usize,
    /// Sessions that are over and not out yet, the last one first.
    due: Vec<u32>,
    pub(super) emitter: Emitter,
}

/// What sessions that are over have seen, where an aggregate covers it.
#[derive(Debug)]
struct SessionHistory {
    over: History,
    /// One slot, in which results are made.
    result: Columns,
}

impl SessionHistory {
    fn of(functions: &[Function]) -> Option<Box<Self>> {
        let mut result = Columns::new(functions);
        result.push();
        let over = History::of(functions)?;
        Some(Box::new(Self { over, result }))
    }

    /// Makes the result of the session in `slot`: with what its key has seen before.
    fn make(&mut self, slot: u32, sessions: &SessionTable, columns: &Columns) {
        self.result.reset(0);
        self.result.merge(columns, &[(slot as usize, 0)]);
        let mut session = sessions.get(slot);
        if let Some(session) = session {
            self.over.add_to_slot(session.key, &mut self.result, 0);
        }
        while let Some(older) = session.map(|session| session.older) {
            let positions = self.over.positions().iter();
            let chosen = positions.map(|&position| (position, position));
            self.result
                .merge_columns(columns, chosen, &[(older as usize, 0)]);
            session = sessions.get(older);
        }
    }
}

impl Replayed for Sessions {
    fn time(&mut self) -> &mut ReplayedTime {
        &mut self.time
    }

    fn next_deadline(&self) -> Timestamp {
        self.deadlines.next()
    }

    #[inline(never)]
    fn close(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while self.is_closing() {
            let Some(&slot) = self.due.last() else {
                self.find_due();
                continue;
            };
            let is_replayed = self.time.is_replayed();
            if self.emit == Emit::Updates && !is_replayed && self.has_changed(slot) {
                self.put_gone(effects);
            }
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            self.due.pop();
            let put_out = self.put_final(slot, effects);
            self.keep(slot);
            self.forget(slot);
            put_out?;
        }
        Ok(Drained::All)
    }
}

impl Sessions {
    /// Whether sessions that are over have not come out yet.
    pub(super) fn is_closing(&self) -> bool {
        !self.due.is_empty() || self.deadlines.next() <= self.time.now
    }

    fn has_changed(&self, slot: u32) -> bool {
        self.columns.has_changed(slot as usize)
    }

    /// Finds the sessions that are over.
    fn find_due(&mut self) {
        while let Some((at, slot)) = self.deadlines.pop(self.time.now) {
            let Some(session) = self.sessions.get_mut(slot) else {
                continue;
            };
            if session.deadline != at {
                continue;
            }
            session.deadline = self.windows.closes_at(session.end);
            if session.deadline > self.time.now {
                self.deadlines.push(session.deadline, slot);
            } else {
                self.due.push(slot);
            }
        }
        self.deadlines.settle();
        let mut due = std::mem::take(&mut self.due);
        let order = |slot: &u32| {
            let session = self.sessions.get(*slot)?;
            let key = self.keys.key(session.key);
            Some((session.end, key.bytes, key.tag))
        };
        due.sort_unstable_by(|left, right| order(right).cmp(&order(left)));
        self.due = due;
    }
}

impl Sessions {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        windows: SessionWindows,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let functions = aggregation.aggregates.iter().map(|named| named.function);
        let functions: Vec<Function> = functions.collect();
        Ok(Self {
            windows,
            emit: aggregation.emit,
            keys: Keys::new(),
            sessions: SessionTable::default(),
            columns: Columns::new(&functions),
            history: SessionHistory::of(&functions),
            time: ReplayedTime::at(Timestamp::MIN),
            deadlines: Deadlines::default(),
            gone: VecDeque::new(),
            flushed: 0,
            due: Vec::new(),
            emitter: Emitter::new(stage, id)?,
        })
    }

    fn put_final(&mut self, slot: u32, effects: &mut Effects) -> Result<(), Failure> {
        if self.time.is_replayed() {
            return Ok(());
        }
        match self.emit {
            Emit::Final => self.put_out(slot, effects),
            Emit::EveryUpdate => Ok(()),
            Emit::Updates => self.put_change(slot, effects),
        }
    }

    /// Keeps what the session in `slot`, which is over, has seen.
    fn keep(&mut self, slot: u32) {
        if let (Some(history), Some(session)) = (&mut self.history, self.sessions.get(slot)) {
            let keys = &mut self.keys;
            let over = &mut history.over;
            over.keep_slot(session.key, &self.columns, slot as usize, keys);
        }
    }

    fn forget(&mut self, slot: u32) {
        if let Some(session) = self.sessions.get(slot) {
            let key = session.key;
            self.sessions.remove(slot);
            self.keys.give_back([key]);
        }
        self.columns.reset(slot as usize);
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
        let Some(key) = self.keys.intern(record.key) else {
            return Err(Reason::TooManyKeys.into());
        };
        let latest = self.sessions.latest(key);
        let gap = self.windows.gap_ms();
        let is_continued = self.sessions.get(latest).is_some_and(|session| {
            session.start <= record.time && record.time <= session.end.saturating_add(gap)
        });
        let slot = match is_continued {
            true => self.continue_one(latest, record, effects),
            false => match self.join(key, record, effects)? {
                Some(slot) => slot,
                None => return Ok(Added::Late),
            },
        };
        self.columns
            .add(slot as usize, record.time, record.arguments);
        match self.emit {
            Emit::Final => {}
            Emit::Updates => self.columns.mark(slot as usize),
            Emit::EveryUpdate => self.put_out(slot, effects)?,
        }
        if self.history.is_some() && self.emit != Emit::Final {
            self.change_newer(key, slot, effects)?;
        }
        Ok(Added::Aggregated { expired_windows: 0 })
    }

    /// Lets the change in `slot` come out in the newer sessions of `key`, whose history it is.
    fn change_newer(
        &mut self,
        key: KeyId,
        slot: u32,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let mut newer = self.sessions.latest(key);
        while let Some(session) = self.sessions.get(newer).filter(|_| newer != slot) {
            let older = session.older;
            match self.emit {
                Emit::Updates => self.columns.mark(newer as usize),
                Emit::Final | Emit::EveryUpdate => self.put_out(newer, effects)?,
            }
            newer = older;
        }
        Ok(())
    }

    /// Lets the session in `slot` go on to the time of `record`.
    #[inline]
    fn continue_one(&mut self, slot: u32, record: Contribution<'_>, effects: &mut Effects) -> u32 {
        if self.emit != Emit::Final {
            self.take_back(slot, record.time, effects);
        }
        if let Some(session) = self.sessions.get_mut(slot) {
            session.start = session.start.min(record.time);
            session.end = session.end.max(record.time);
            session.first_offset = session.first_offset.min(record.offset);
        }
        slot
    }

    /// Finds or makes the session of `record`, which does not simply continue the latest one;
    /// `None` where it would be closed.
    #[inline(never)]
    fn join(
        &mut self,
        key: KeyId,
        record: Contribution<'_>,
        effects: &mut Effects,
    ) -> Result<Option<u32>, Reason> {
        let found = self
            .sessions
            .continued(key, record.time, self.windows.gap_ms());
        match found {
            Continued {
                older: NONE,
                newer: NONE,
            } => self.begin(key, record),
            Continued { older, newer: NONE } => Ok(Some(self.continue_one(older, record, effects))),
            Continued { older: NONE, newer } => Ok(Some(self.continue_one(newer, record, effects))),
            Continued { older, newer } => {
                self.continue_one(older, record, effects);
                if self.emit != Emit::Final {
                    self.take_back(newer, record.time, effects);
                }
                self.merge(older, newer);
                Ok(Some(older))
            }
        }
    }

    fn begin(&mut self, key: KeyId, record: Contribution<'_>) -> Result<Option<u32>, Reason> {
        let deadline = self.windows.closes_at(record.time);
        if deadline <= self.time.now {
            return Ok(None);
        }
        let mut session = Session::new(key, record.time, record.offset);
        session.deadline = deadline;
        let slot = self.sessions.insert(session);
        let slot = slot.ok_or(Reason::TooManyKeys)?;
        self.keys.take_use(key);
        self.deadlines.push(deadline, slot);
        if self.columns.len() <= slot as usize {
            self.columns.push();
        }
        Ok(Some(slot))
    }

    /// Merges the session in `newer` into that in `older`.
    fn merge(&mut self, older: u32, newer: u32) {
        let Some(merged) = self.sessions.get(newer).copied() else {
            return;
        };
        self.columns.join(older as usize, newer as usize);
        self.forget(newer);
        if let Some(session) = self.sessions.get_mut(older) {
            session.end = session.end.max(merged.end);
            session.first_offset = session.first_offset.min(merged.first_offset);
        }
    }

    /// Takes back the window of the session in `slot`, which changes by a record at `time`: now, or
    /// with the next commit.
    fn take_back(&mut self, slot: u32, time: Timestamp, effects: &mut Effects) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let window = session.window();
        match self.emit {
            // The one session that is not taken back is that of one instant that goes on in it.
            Emit::EveryUpdate if window != (time..time) => {
                let key = self.keys.key(session.key);
                self.emitter.put_tombstone(key, &window, effects);
            }
            Emit::Updates if !(window.start <= time && time <= window.end) => {
                if let Some((start, end)) = session.shown.take() {
                    self.gone.push_back((session.key, start, end));
                }
            }
            Emit::Final | Emit::Updates | Emit::EveryUpdate => {}
        }
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        self.put_gone(effects);
        while let Some(&slot) = self.columns.changed().get(self.flushed) {
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            self.put_change(u32::try_from(slot).unwrap_or(NONE), effects)?;
            self.flushed += 1;
        }
        self.flushed = 0;
        self.columns.settle();
        Ok(Drained::All)
    }

    /// Takes back what is no more, as far as there is room.
    fn put_gone(&mut self, effects: &mut Effects) {
        while !effects.is_full()
            && let Some((key, start, end)) = self.gone.pop_front()
        {
            let key = self.keys.key(key);
            self.emitter.put_tombstone(key, &(start..end), effects);
        }
    }

    /// Puts out the session in `slot`, if it is still there and has changed since the last commit.
    /// What is no more has been taken back before.
    fn put_change(&mut self, slot: u32, effects: &mut Effects) -> Result<(), Failure> {
        let Some(session) = self.sessions.get_mut(slot) else {
            return Ok(());
        };
        if !self.columns.has_changed(slot as usize) {
            return Ok(());
        }
        session.shown = Some((session.start, session.end));
        self.columns.unmark(slot as usize);
        self.put_out(slot, effects)
    }

    fn put_out(&mut self, slot: u32, effects: &mut Effects) -> Result<(), Failure> {
        let Some(session) = self.sessions.get(slot) else {
            return Ok(());
        };
        let (columns, place) = match &mut self.history {
            Some(history) => {
                history.make(slot, &self.sessions, &self.columns);
                (&history.result, 0)
            }
            None => (&self.columns, slot as usize),
        };
        let result = WindowResult {
            key: self.keys.key(session.key),
            window: Some(session.window()),
            columns,
            slot: place,
        };
        self.emitter.put(&result, effects)
    }

    /// The smallest offset of a record that an open session holds.
    pub(crate) fn rebuild_from(&self) -> Option<Offset> {
        let offsets = self
            .sessions
            .iter()
            .map(|(_, session)| session.first_offset);
        offsets.min()
    }

    /// Writes all state.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        self.keys.save(out);
        self.sessions.save(out);
        out.count(self.columns.len());
        self.columns.save(out);
        out.count(self.gone.len());
        for (key, start, end) in &self.gone {
            out.put(key);
            out.put(&(*start, *end));
        }
        if let Some(history) = &self.history {
            history.over.save(out);
        }
    }

    /// Reads back what was saved, into sessions without state.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such sessions.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        self.keys = Keys::load(from)?;
        self.sessions = SessionTable::load(&mut self.keys, from)?;
        let slots = from.count(1)?;
        self.columns.load(slots, from)?;
        for _ in 0..from.count(1)? {
            let (key, (start, end)) = from.take::<(KeyId, (Timestamp, Timestamp))>()?;
            self.gone.push_back((key, start, end));
        }
        if let Some(history) = &mut self.history {
            history.over.load(&mut self.keys, from)?;
        }
        self.enter_deadlines();
        Ok(())
    }

    fn enter_deadlines(&mut self) {
        let slots: Vec<u32> = self.sessions.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(session) = self.sessions.get_mut(slot) {
                session.deadline = self.windows.closes_at(session.end);
                self.deadlines.push(session.deadline, slot);
            }
        }
    }
}
