//! Source records on their way to an aggregation: filtered, timed, keyed, their arguments known.

use std::sync::Arc;

use crate::codec::projection::Row;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::event_time::Future;
use crate::stream::event_time::event_time;
use crate::stream::intake::Arguments;
use crate::stream::intake::Intake;
use crate::stream::mapped::passes;
use crate::stream::outcome::Trouble;
use crate::stream::plan::Flow;
use crate::stream::plan::NamedAggregate;
use crate::stream::plan::Operator;
use crate::stream::reason::Reason;
use crate::stream::recycle::recycle;
use crate::stream::recycle::recycle_references;

/// Makes source records ready for an aggregation.
#[derive(Debug)]
pub(crate) struct Keying {
    flow: Arc<Flow>,
    key_text: Vec<u8>,
    arguments: Arguments,
    computed: Vec<Value<'static>>,
    gathered: Vec<&'static Value<'static>>,
}

/// One record, ready for an aggregation.
#[derive(Debug)]
pub(crate) struct Keyed<'a> {
    pub(crate) key: TaggedKey<'a>,
    pub(crate) time: Timestamp,
    pub(crate) arguments: &'a [&'a Value<'a>],
}

/// A record that goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

impl Keying {
    pub(crate) fn new(flow: &Arc<Flow>) -> Self {
        Self {
            flow: Arc::clone(flow),
            key_text: Vec::new(),
            arguments: Arguments::new(aggregates(flow)),
            computed: Vec::new(),
            gathered: Vec::new(),
        }
    }

    /// Fills the slots of `row`; [`Refused`] where `where` is false or the record is a tombstone,
    /// which holds nothing to aggregate.
    ///
    /// # Errors
    ///
    /// Where a schema is missing or the record is at fault.
    #[inline]
    pub(crate) fn read(
        &self,
        intake: &mut Intake,
        row: &mut Row<'_>,
    ) -> Result<Result<(), Refused>, Trouble> {
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
    #[inline]
    pub(crate) fn time(&self, row: &Row<'_>, now: Timestamp) -> Result<Timestamp, Reason> {
        let source = &self.flow.source;
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
        take: impl FnOnce(Keyed<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let aggregates = aggregates(&self.flow);
        let value = intake.key_value(row)?;
        let key = intake.key(row, value.as_ref(), &mut self.key_text)?;
        let mut computed = recycle(std::mem::take(&mut self.computed));
        let done = self.arguments.compute(aggregates, row, &mut computed);
        let mut gathered = recycle_references(std::mem::take(&mut self.gathered));
        let done = done.and_then(|()| {
            let all = &mut gathered;
            self.arguments.gather(aggregates, row, &computed, all)
        });
        let taken = done.map_err(Trouble::from).and_then(|()| {
            take(Keyed {
                key,
                time,
                arguments: &gathered,
            })
        });
        self.gathered = recycle_references(gathered);
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
