//! The loop over source records that all stages that read a source topic share.

use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::projection::Row;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;
use crate::stream::account::Account;
use crate::stream::aside::Aside;
use crate::stream::aside::Origin;
use crate::stream::effects::Effects;
use crate::stream::intake::Intake;
use crate::stream::outcome::Outcome;
use crate::stream::outcome::Trouble;
use crate::stream::recycle::recycle;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;
use crate::stream::step::StepEnd;

/// Counts and puts aside records as their outcomes want it; what an earlier run has dealt with is
/// not put aside again.
#[derive(Debug)]
pub(crate) struct Ledger {
    aside: Aside,
    /// Records below this offset were dealt with by an earlier run.
    pub(crate) replayed_below: Offset,
}

impl Ledger {
    pub(crate) fn new(stage: &Arc<Stage>) -> Self {
        Self {
            aside: Aside::new(Arc::clone(stage)),
            replayed_below: Offset(i64::MIN),
        }
    }

    /// Whether the record at `offset` was dealt with by an earlier run.
    #[inline]
    pub(crate) fn is_replayed(&self, offset: Offset) -> bool {
        offset < self.replayed_below
    }

    /// How far this run, at `position`, and those before it have come.
    pub(crate) fn reached(&self, position: Offset) -> Offset {
        position.max(self.replayed_below)
    }

    /// Enters what became of the record at `offset`; `origin` is what to put aside, if need be.
    /// `Some` ends the step; the record is then not entered.
    #[inline]
    pub(crate) fn enter<'o>(
        &self,
        offset: Offset,
        outcome: Result<Outcome, Box<Trouble>>,
        origin: impl FnOnce() -> Origin<'o>,
        effects: &mut Effects,
    ) -> Option<StepEnd> {
        match outcome {
            Ok(Outcome::Aggregated { expired_windows }) => {
                effects.account.expired_windows += expired_windows;
                count(effects, |account| &mut account.aggregated);
            }
            Ok(Outcome::Passed) => count(effects, |account| &mut account.passed),
            Ok(Outcome::Waiting) => {}
            Ok(Outcome::Filtered) => count(effects, |account| &mut account.filtered),
            Ok(Outcome::Replayed) => count(effects, |account| &mut account.replayed),
            Ok(Outcome::Late { .. }) if self.is_replayed(offset) => {
                count(effects, |account| &mut account.replayed);
            }
            Ok(Outcome::Late { time, stream_time }) => {
                count(effects, |account| &mut account.late);
                self.aside.late(origin(), time, stream_time, effects);
            }
            Err(trouble) => return self.enter_trouble(offset, *trouble, origin(), effects),
        }
        None
    }

    #[cold]
    fn enter_trouble(
        &self,
        offset: Offset,
        trouble: Trouble,
        origin: Origin<'_>,
        effects: &mut Effects,
    ) -> Option<StepEnd> {
        match trouble {
            Trouble::Rejected(_) if self.is_replayed(offset) => {
                count(effects, |account| &mut account.replayed);
            }
            Trouble::Rejected(reason) => {
                if let Err(failure) = self.aside.reject(origin, &reason, effects) {
                    return Some(StepEnd::Failed(failure));
                }
                count(effects, |account| &mut account.rejected);
            }
            Trouble::NeedsSchema(root, id) => {
                return Some(StepEnd::NeedsSchema { root, id, offset });
            }
            Trouble::Full => return Some(StepEnd::Full { offset }),
            Trouble::Stopped(failure) => {
                let offset = Some(offset);
                return Some(StepEnd::Failed(Failure { offset, ..failure }));
            }
        }
        None
    }
}

#[inline]
fn count(effects: &mut Effects, outcome: impl FnOnce(&mut Account) -> &mut u64) {
    effects.account.taken += 1;
    *outcome(&mut effects.account) += 1;
}

/// Steps over the records of a source partition.
#[derive(Debug)]
pub(crate) struct SourceStep {
    stage: Arc<Stage>,
    partition: PartitionId,
    pub(crate) intake: Intake,
    pub(crate) ledger: Ledger,
    slots: Vec<Option<Value<'static>>>,
}

impl SourceStep {
    /// # Errors
    ///
    /// As [`Intake::new`].
    pub(crate) fn new(stage: &Arc<Stage>, partition: PartitionId) -> Result<Self, SchemaError> {
        Ok(Self {
            stage: Arc::clone(stage),
            partition,
            intake: Intake::new(&stage.flow)?,
            ledger: Ledger::new(stage),
            slots: Vec::new(),
        })
    }

    /// Hands each of `records` to `take`, in a row whose slots `take` has to fill, and enters what
    /// becomes of it; moves `position` past each that is dealt with.
    pub(crate) fn run<'b>(
        &mut self,
        records: impl Iterator<Item = RecordView<'b>>,
        position: &mut Offset,
        effects: &mut Effects,
        mut take: impl FnMut(
            &mut Intake,
            &Ledger,
            &mut Row<'_>,
            &mut Effects,
        ) -> Result<Outcome, Box<Trouble>>,
    ) -> StepEnd {
        let mut slots = recycle(std::mem::take(&mut self.slots));
        slots.resize(self.intake.slots(), None);
        let mut row = Row {
            topic: self.stage.input(),
            partition: self.partition,
            record: NO_RECORD,
            slots,
        };
        let mut end = StepEnd::Done;
        for record in records {
            row.record = record;
            let outcome = take(&mut self.intake, &self.ledger, &mut row, effects);
            let offset = row.record.offset;
            let origin = || Origin {
                topic: row.topic,
                partition: row.partition,
                record: row.record,
            };
            let entered = self.ledger.enter(offset, outcome, origin, effects);
            if let Some(early) = entered {
                end = early;
                break;
            }
            *position = offset.next();
            if effects.is_full() {
                end = StepEnd::Full { offset: *position };
                break;
            }
        }
        self.slots = recycle(row.slots);
        end
    }
}

const NO_RECORD: RecordView<'static> = RecordView {
    offset: Offset(0),
    timestamp: Timestamp::NONE,
    timestamp_type: TimestampType::CreateTime,
    key: None,
    value: None,
    headers: HeadersView::EMPTY,
};
