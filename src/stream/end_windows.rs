//! The windows that a flow of several operators ends in.
//!
//! What comes out of the operators is aggregated by key and window as records of a flow of one
//! source are ([`crate::stream::windowed`]); windows go by the time of the task. Messages have no
//! offset, so they are numbered in the order in which they come, all that come again after a restart
//! below [`EndWindows::restore`]d numbers.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Offset;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::arguments::Arguments;
use crate::stream::arguments::Source;
use crate::stream::arguments::compute;
use crate::stream::effects::Effects;
use crate::stream::graph::expression;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Message;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::plan::GraphWindows;
use crate::stream::plan::Operator;
use crate::stream::reason::Reason;
use crate::stream::stage::Stage;
use crate::stream::step::Drained;
use crate::stream::step::Failure;
use crate::stream::thinning::Pace;
use crate::stream::windowed::Added;
use crate::stream::windowed::Contribution;
use crate::stream::windowed::ReplayClock;
use crate::stream::windowed::Windowed;

/// The windows at the end of a task.
#[derive(Debug)]
pub(crate) struct EndWindows {
    windows: Arc<GraphWindows>,
    sources: Box<[Source]>,
    windowed: Windowed,
    pace: Pace,
    /// Messages with smaller numbers were dealt with by an earlier run.
    restored: i64,
}

impl EndWindows {
    /// The windows that the flow of `stage` ends in, if it does.
    ///
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(crate) fn new(stage: &Arc<Stage>, id: SchemaId) -> Result<Option<Self>, SchemaError> {
        let Operator::Graph(graph) = &stage.flow.operator else {
            return Ok(None);
        };
        let Some(windows) = &graph.windows else {
            return Ok(None);
        };
        Ok(Some(Self {
            windows: Arc::clone(windows),
            sources: Source::of(&windows.aggregate.aggregates),
            windowed: Windowed::new(stage, &windows.aggregate, id)?,
            pace: Pace::new(windows.aggregate.thinning),
            restored: 0,
        }))
    }

    /// Closes what is over at `stream_time`.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn advance(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        // What came out of the operators stands here, and cannot wait until there is room.
        effects.without_bound(|effects| self.windowed.advance(stream_time, effects).map(drop))
    }

    /// Whether what was to come out has not yet, for want of room.
    pub(crate) fn has_more(&self) -> bool {
        self.windowed.has_more()
    }

    /// Puts out more of what was to come out and has not yet.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn put_out_more(&mut self, effects: &mut Effects) -> Result<Drained, Failure> {
        self.windowed.put_out_more(effects)
    }

    /// Takes in what came out of the operators at `stream_time`; `number` is larger than those
    /// before.
    ///
    /// # Errors
    ///
    /// Where the message, or a result, is at fault.
    pub(crate) fn add(
        &mut self,
        message: &Message,
        number: i64,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<Outcome, Box<Trouble>> {
        if message.value.is_none() {
            return Ok(Outcome::Filtered);
        }
        let key = message.key.as_ref().ok_or(Reason::NoKey)?;
        let aggregates = &self.windows.aggregate.aggregates;
        let row = expression::row(&self.windows.fields, View::of(message));
        let mut computed = Vec::new();
        compute(aggregates, &row, &mut computed)?;
        let arguments = Arguments {
            sources: &self.sources,
            slots: &row.slots,
            computed: &computed,
        };
        arguments.check(aggregates)?;
        let contribution = Contribution {
            key: key.tagged(),
            time: message.time,
            offset: Offset(number),
            arguments,
        };
        match self.windowed.add(contribution, effects)? {
            Added::Aggregated { expired_windows } => Ok(Outcome::Aggregated { expired_windows }),
            Added::Late => Ok(Outcome::Late {
                time: message.time,
                stream_time,
            }),
        }
    }

    /// Puts out what has changed since the last commit, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn flush(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        self.windowed.flush(effects)
    }

    /// The same where a commit at `now` is to bring changes out.
    ///
    /// # Errors
    ///
    /// As [`Self::flush`].
    pub(crate) fn flush_due(
        &mut self,
        now: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.pace.is_due(now) {
            true => self.flush(effects),
            false => Ok(()),
        }
    }

    /// Puts out what is open, as if it closed now, at `stream_time`.
    ///
    /// # Errors
    ///
    /// Where a result cannot be written and the flow is to stop then.
    pub(crate) fn show(
        &mut self,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let open_ms = self.windows.aggregate.windows.open_ms();
        self.windowed
            .show(stream_time.saturating_add(open_ms), effects)
    }

    /// One input more goes on at `stream_time`, with `records` dealt with by an earlier run.
    pub(crate) fn restore(&mut self, stream_time: Timestamp, records: i64, clock: ReplayClock) {
        self.restored = self.restored.saturating_add(records);
        self.windowed
            .restore(stream_time, Offset(self.restored), clock);
    }

    /// The number of the message of a record: `number`, on the side of the restart that it is on.
    pub(crate) fn number(&self, number: i64, is_replayed: bool) -> i64 {
        match is_replayed {
            true => number.min(self.restored.saturating_sub(1)),
            false => number.max(self.restored),
        }
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.restored);
        self.windowed.save(out);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.restored = from.take()?;
        self.windowed.load(from)
    }
}
