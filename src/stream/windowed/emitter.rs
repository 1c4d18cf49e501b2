//! Results on their way out.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Timestamp;
use crate::store::keys::TaggedKey;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aside::Aside;
use crate::stream::effects::Effects;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Span;
use crate::stream::held::Held;
use crate::stream::held::WhenFull;
use crate::stream::reason::Reason;
use crate::stream::results::ResultWriter;
use crate::stream::results::WindowResult;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::thinning::Thinning;
use crate::stream::window::Windows;

/// Writes results, and puts aside those that have no form; holds results back where that is
/// wanted.
#[derive(Debug)]
pub(super) struct Emitter {
    writer: ResultWriter,
    aside: Aside,
    holding: Option<Box<Holding>>,
}

/// Results that are held back.
#[derive(Debug)]
struct Holding {
    limit_ms: i64,
    windows: Windows,
    held: Held<RowKey, HeldResult>,
    /// Stream time, as far as it has been told.
    time: Timestamp,
}

/// A result that is held back: its value, `None` where there is no result any more, and its
/// timestamp.
#[derive(Debug)]
struct HeldResult {
    value: Option<Vec<u8>>,
    time: Timestamp,
}

/// About how many bytes a result takes that is held back, beside key and value.
const HELD_BYTES: usize = 160;

fn held_bytes(row: &RowKey, result: &HeldResult) -> usize {
    HELD_BYTES + row.key.bytes().len() + result.value.as_ref().map_or(0, Vec::len)
}

impl Persist for HeldResult {
    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.put(&self.value.is_some());
        if let Some(value) = &self.value {
            out.bytes(value);
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let time = from.take()?;
        let value = match from.take()? {
            true => Some(from.bytes()?.to_vec()),
            false => None,
        };
        Ok(Self { value, time })
    }
}

impl Emitter {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(super) fn new(stage: &Arc<Stage>, id: SchemaId) -> Result<Self, SchemaError> {
        Ok(Self {
            writer: ResultWriter::new(&stage.flow, id)?,
            aside: Aside::new(Arc::clone(stage)),
            holding: Holding::new(stage).map(Box::new),
        })
    }

    /// Puts out that there is no result of `key` for `window` any more; what replaces it follows.
    pub(super) fn put_tombstone(
        &mut self,
        key: TaggedKey<'_>,
        window: &Range<Timestamp>,
        effects: &mut Effects,
    ) {
        match &mut self.holding {
            None => self.writer.put_tombstone(key.bytes, window, effects),
            Some(holding) => {
                let (value, time) = (None, window.end);
                holding.hold(key, Some(window), HeldResult { value, time });
            }
        }
    }

    /// Puts `result` out, or holds it back.
    ///
    /// # Errors
    ///
    /// Where it cannot be written and the flow is to stop then.
    pub(super) fn put(
        &mut self,
        result: &WindowResult<'_>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let Some(holding) = &mut self.holding else {
            return self.put_now(result, effects);
        };
        let mut value = Vec::new();
        match self.writer.value(result, &mut value) {
            Ok(()) => {
                let (value, time) = (Some(value), result.columns.time(result.slot));
                let window = result.window.as_ref();
                holding.hold(result.key, window, HeldResult { value, time });
                self.make_room(effects)
            }
            Err(reason) => self.put_aside(result, &reason, effects),
        }
    }

    /// Puts `result` out, also where others are held back.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    pub(super) fn put_now(
        &mut self,
        result: &WindowResult<'_>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let written = self.writer.write(result, effects);
        written.or_else(|reason| self.put_aside(result, &reason, effects))
    }

    fn put_aside(
        &self,
        result: &WindowResult<'_>,
        reason: &Reason,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let time = result.columns.time(result.slot);
        let window = result.window.as_ref();
        self.aside
            .result(result.key.bytes, window, time, reason, effects)
    }

    /// Stream time is `stream_time`: puts out what is held back no longer.
    ///
    /// # Errors
    ///
    /// As [`Self::put`].
    #[inline]
    pub(super) fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Drained, Failure> {
        match &mut self.holding {
            None => Ok(Drained::All),
            Some(holding) => {
                holding.time = holding.time.max(stream_time);
                while let Some((row, result)) = holding.held.pop_due(holding.time) {
                    put_out(&self.writer, &row, &result, effects);
                    if effects.is_full() && holding.held.is_due(holding.time) {
                        return Ok(Drained::Part);
                    }
                }
                self.make_room(effects).map(|()| Drained::All)
            }
        }
    }

    /// Whether anything is held back that is no longer to be at `stream_time`.
    pub(super) fn is_due(&self, stream_time: Timestamp) -> bool {
        let holding = self.holding.as_ref();
        holding.is_some_and(|holding| holding.held.is_due(stream_time))
    }

    /// Puts out what is due, and what is held back beyond what may be.
    fn make_room(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        let Some(holding) = &mut self.holding else {
            return Ok(());
        };
        while let Some((row, result)) = holding.held.pop_due(holding.time) {
            put_out(&self.writer, &row, &result, effects);
        }
        while holding.held.is_too_much() {
            let Some((row, result)) = holding.held.pop_first() else {
                break;
            };
            if holding.held.when_full() == WhenFull::EmitEarly {
                put_out(&self.writer, &row, &result, effects);
                continue;
            }
            let reason = Reason::Write("more results are held back than may be".to_owned());
            let window = row.window.map(|window| window.start..window.end);
            let key = row.key.bytes();
            self.aside
                .result(key, window.as_ref(), result.time, &reason, effects)?;
        }
        Ok(())
    }

    /// Writes what is held back.
    pub(super) fn save(&self, out: &mut Writer) {
        if let Some(holding) = &self.holding {
            out.put(&holding.time);
            holding.held.save(out);
        }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    ///
    /// Where the bytes are not those of such.
    pub(super) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        if let Some(holding) = &mut self.holding {
            holding.time = from.take()?;
            holding.held.load(held_bytes, from)?;
        }
        Ok(())
    }
}

impl Holding {
    fn new(stage: &Stage) -> Option<Self> {
        let all = stage.flow.window_aggregate()?;
        let Thinning::Hold(limit, bounds) = all.thinning else {
            return None;
        };
        Some(Self {
            limit_ms: limit.num_milliseconds(),
            windows: all.windows.clone(),
            held: Held::new(bounds),
            time: Timestamp::MIN,
        })
    }

    /// Holds a result back for as long as that is wanted, at most until its window closes: state
    /// that is rebuilt after a restart has only windows that are open.
    fn hold(&mut self, key: TaggedKey<'_>, window: Option<&Range<Timestamp>>, result: HeldResult) {
        let closed = window.and_then(|window| self.windows.closes_at(window.end));
        let due = result.time.saturating_add(self.limit_ms);
        let due = closed.map_or(due, |closed| due.min(closed));
        let row = RowKey {
            key: Key::from(key),
            window: window.map(|window| Span {
                start: window.start,
                end: window.end,
            }),
        };
        let bytes = held_bytes(&row, &result);
        self.held.hold(row, due, |_| (result, bytes));
    }
}

fn put_out(writer: &ResultWriter, row: &RowKey, result: &HeldResult, effects: &mut Effects) {
    let window = row.window.map(|window| window.start..window.end);
    match (&result.value, window) {
        (Some(value), window) => {
            let value = (value.as_slice(), result.time);
            writer.put_written(row.key.bytes(), window.as_ref(), value, effects);
        }
        (None, Some(window)) => writer.put_tombstone(row.key.bytes(), &window, effects),
        (None, None) => {}
    }
}
