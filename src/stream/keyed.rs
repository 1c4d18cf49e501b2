//! Source records on their way to an aggregation: filtered, timed, keyed, their arguments known.
//! Always inlined, as in [`crate::stream::intake`].

use std::sync::Arc;

use crate::codec::projection::Row;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::arguments::Arguments;
use crate::stream::arguments::Source;
use crate::stream::arguments::compute;
use crate::stream::event_time::Future;
use crate::stream::event_time::event_time;
use crate::stream::intake::Intake;
use crate::stream::mapped::passes;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::plan::NamedAggregate;
use crate::stream::plan::Operator;
use crate::stream::reason::Reason;
use crate::stream::recycle::recycle;

/// Makes source records ready for an aggregation.
#[derive(Debug)]
pub(crate) struct Keying {
    flow: Arc<Flow>,
    key_text: Vec<u8>,
    sources: Box<[Source]>,
    /// Whether any argument is an expression.
    is_computing: bool,
    computed: Vec<Value<'static>>,
    /// How far beyond the wall clock an event time may lie, in milliseconds.
    future_ms: i64,
}

/// One record, ready for an aggregation.
#[derive(Debug)]
pub(crate) struct Keyed<'a> {
    pub(crate) key: TaggedKey<'a>,
    pub(crate) time: Timestamp,
    pub(crate) arguments: Arguments<'a>,
}

/// A record that goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Keying {
    pub(crate) fn new(flow: &Arc<Flow>) -> Self {
        let sources = Source::of(aggregates(flow));
        let is_computed = |source: &Source| matches!(source, Source::Computed(_));
        let future = flow.source.future.map(|future| future.num_milliseconds());
        Self {
            flow: Arc::clone(flow),
            key_text: Vec::new(),
            is_computing: sources.iter().any(is_computed),
            sources,
            computed: Vec::new(),
            future_ms: future.unwrap_or(i64::MAX),
        }
    }

    /// Fills the slots of `row`; [`Refused`] where `where` is false or the record is a tombstone,
    /// which holds nothing to aggregate.
    ///
    /// # Errors
    ///
    /// Where a schema is missing or the record is at fault.
    #[inline(always)]
    pub(crate) fn read(
        &self,
        intake: &mut Intake,
        row: &mut Row<'_>,
    ) -> Result<Result<(), Refused>, Box<Trouble>> {
        if row.record.value.is_none() {
            return Ok(Err(Refused));
        }
        intake.read(row)?;
        match passes(self.flow.filter.as_ref(), row)? {
            true => Ok(Ok(())),
            false => Ok(Err(Refused)),
        }
    }

    /// The event time of `row`, whose slots are filled.
    ///
    /// # Errors
    ///
    /// Where it has no usable one.
    #[inline(always)]
    pub(crate) fn time(&self, row: &Row<'_>, now: Timestamp) -> Result<Timestamp, Box<Reason>> {
        let source = &self.flow.source;
        // By far the most records come this way, which divides nothing and returns no large result.
        let own = row.record.timestamp;
        let is_own = source.time.is_none() && own.is_event_time();
        if is_own && own <= now.saturating_add(self.future_ms) {
            return Ok(own);
        }
        let future = Future {
            now,
            max: source.future,
        };
        event_time(source.time.as_ref(), row, future)
    }

    /// Hands `row`, stamped `time`, to `take` with its key and arguments; nothing is touched where
    /// either is missing.
    ///
    /// # Errors
    ///
    /// Where the record is at fault, and those of `take`.
    #[inline]
    pub(crate) fn with<T>(
        &mut self,
        intake: &Intake,
        row: &Row<'_>,
        time: Timestamp,
        take: impl FnOnce(Keyed<'_>) -> Result<T, Box<Trouble>>,
    ) -> Result<T, Box<Trouble>> {
        if self.is_computing || !intake.has_key(row) {
            return self.with_computed(intake, row, time, take);
        }
        let key = intake.key(row, None, &mut self.key_text)?;
        let arguments = Arguments {
            sources: &self.sources,
            slots: &row.slots,
            computed: &[],
        };
        arguments.check(aggregates(&self.flow))?;
        take(Keyed {
            key,
            time,
            arguments,
        })
    }

    /// As [`with`](Self::with), where the key or an argument is computed.
    #[inline(never)]
    fn with_computed<T>(
        &mut self,
        intake: &Intake,
        row: &Row<'_>,
        time: Timestamp,
        take: impl FnOnce(Keyed<'_>) -> Result<T, Box<Trouble>>,
    ) -> Result<T, Box<Trouble>> {
        let aggregates = aggregates(&self.flow);
        let value = intake.key_value(row)?;
        let key = intake.key(row, value.as_ref(), &mut self.key_text)?;
        let mut computed = recycle(std::mem::take(&mut self.computed));
        let done = compute(aggregates, row, &mut computed);
        let arguments = Arguments {
            sources: &self.sources,
            slots: &row.slots,
            computed: &computed,
        };
        let done = done.and_then(|()| arguments.check(aggregates));
        let taken = done.map_err(Box::<Trouble>::from).and_then(|()| {
            take(Keyed {
                key,
                time,
                arguments,
            })
        });
        self.computed = recycle(computed);
        taken
    }
}

fn aggregates(flow: &Flow) -> &[NamedAggregate] {
    match &flow.operator {
        Operator::Window(aggregation) => &aggregation.aggregates,
        Operator::Map(_) | Operator::Graph(_) => &[],
    }
}
