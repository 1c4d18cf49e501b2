//! Aggregates without windows: one running result for each key.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::store::keys::Keys;
use crate::store::panes::Pane;
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
use crate::stream::windowed::emitter::Emitter;

/// The running aggregates of one partition's keys.
///
/// Nothing is ever late, and no key is ever forgotten: state grows with the number of keys.
#[derive(Debug)]
pub(crate) struct Running {
    emit: Emit,
    keys: Keys,
    pane: Pane<Columns>,
    /// The offset of the first record; everything is rebuilt from there.
    first_offset: Option<Offset>,
    /// How many keys with changes a commit under way has brought out.
    flushed: usize,
    pub(super) emitter: Emitter,
}

impl Running {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(
        stage: &Arc<Stage>,
        aggregation: &WindowAggregate,
        id: SchemaId,
    ) -> Result<Self, SchemaError> {
        let functions = aggregation.aggregates.iter().map(|named| named.function);
        let functions: Vec<Function> = functions.collect();
        Ok(Self {
            emit: aggregation.emit,
            keys: Keys::new(),
            pane: Pane::new(Columns::new(&functions)),
            first_offset: None,
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
        self.first_offset.get_or_insert(record.offset);
        let slot = self.pane.slot(key).unwrap_or_else(|| {
            self.keys.take_use(key);
            self.pane.slot_or_add(key)
        });
        self.pane.state.add(slot, record.time, record.arguments);
        match self.emit {
            Emit::Final => {}
            Emit::Updates => self.pane.state.mark(slot),
            Emit::EveryUpdate => self.put_out(slot, effects)?,
        }
        Ok(Added::Aggregated { expired_windows: 0 })
    }

    /// A commit begins: puts out what has changed since the last one, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        while let Some(&slot) = self.pane.state.changed().get(self.flushed) {
            if effects.is_full() {
                return Ok(Drained::Part);
            }
            self.put_out(slot, effects)?;
            self.flushed += 1;
        }
        self.flushed = 0;
        self.pane.state.settle();
        Ok(Drained::All)
    }

    /// Puts out every result.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn show(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        (0..self.pane.keys().len()).try_for_each(|slot| self.put_out(slot, effects))
    }

    fn put_out(&mut self, slot: usize, effects: &mut Effects) -> Result<(), Failure> {
        let Some(&id) = self.pane.keys().get(slot) else {
            return Ok(());
        };
        let result = WindowResult {
            key: self.keys.key(id),
            window: None,
            columns: &self.pane.state,
            slot,
        };
        self.emitter.put(&result, effects)
    }

    /// The offset of the first record.
    pub(crate) const fn rebuild_from(&self) -> Option<Offset> {
        self.first_offset
    }

    /// Writes all state.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.first_offset);
        self.keys.save(out);
        self.pane.save(out);
    }

    /// Reads back what was saved, into aggregates without state.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such aggregates.
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.first_offset = from.take()?;
        self.keys = Keys::load(from)?;
        self.pane.load(&mut self.keys, from)
    }
}
