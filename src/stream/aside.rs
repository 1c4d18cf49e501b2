//! Records put aside: late ones, rejected ones, and results that cannot be written.
//!
//! What goes to a topic for them is the record as it was (key, value, timestamp, headers), and
//! behind its own headers these:
//!
//! | header | value, all text |
//! | --- | --- |
//! | `tidemill-reason` | what is wrong with it |
//! | `tidemill-flow` | the flow that put it aside |
//! | `tidemill-topic`, `tidemill-partition`, `tidemill-offset` | where it was read |
//!
//! A result that cannot be written has no value, and in place of the last three headers
//! `tidemill-window-start` and `tidemill-window-end`.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::stream::effects::Destination;
use crate::stream::effects::Draft;
use crate::stream::effects::Effects;
use crate::stream::plan::OnError;
use crate::stream::reason::Reason;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;

/// Puts records aside as a flow wants it.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    stage: Arc<Stage>,
}

/// A record to be put aside, and where it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: PartitionId,
    pub(crate) record: RecordView<'a>,
}

impl Aside {
    pub(crate) const fn new(stage: Arc<Stage>) -> Self {
        Self { stage }
    }

    /// Puts aside a record whose windows are all closed.
    pub(crate) fn late(
        &self,
        origin: Origin<'_>,
        event_time: Timestamp,
        stream_time: Timestamp,
        effects: &mut Effects,
    ) {
        if self.stage.destination(Destination::Late).is_some() {
            let reason = format!(
                "late: all windows that hold {event_time} are closed, stream time is {stream_time}"
            );
            self.put(Destination::Late, origin, &reason, effects);
        }
    }

    /// Puts aside a record that cannot be used.
    ///
    /// # Errors
    ///
    /// Where the flow is to stop at such a record.
    pub(crate) fn reject(
        &self,
        origin: Origin<'_>,
        reason: &Reason,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        match self.stage.flow.on_error {
            OnError::Fail => return Err(self.failure(Some(origin.record.offset), reason)),
            OnError::Skip => {}
            OnError::DeadLetter(_) => self.put(Destination::DeadLetter, origin, reason, effects),
        }
        Ok(())
    }

    /// Puts aside the result of `key`, for `window` where there are any, that cannot be written.
    ///
    /// # Errors
    ///
    /// Where the flow is to stop at such a result.
    pub(crate) fn result(
        &self,
        key: &[u8],
        window: Option<&Range<Timestamp>>,
        time: Timestamp,
        reason: &Reason,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        effects.account.failed_results += 1;
        match self.stage.flow.on_error {
            OnError::Fail => return Err(self.failure(None, reason)),
            OnError::Skip => {}
            OnError::DeadLetter(_) => {
                let draft = effects.draft(Destination::DeadLetter, time).key(Some(key));
                let draft = text(draft, "tidemill-reason", reason);
                let draft = text(draft, "tidemill-flow", &self.stage.flow.name);
                let draft = match window {
                    None => draft,
                    Some(window) => {
                        let draft = text(draft, "tidemill-window-start", &window.start);
                        text(draft, "tidemill-window-end", &window.end)
                    }
                };
                draft.commit();
            }
        }
        Ok(())
    }

    fn failure(&self, offset: Option<Offset>, reason: &Reason) -> Failure {
        Failure {
            flow: self.stage.flow.name.clone(),
            offset,
            reason: reason.to_string(),
        }
    }

    fn put(
        &self,
        destination: Destination,
        origin: Origin<'_>,
        reason: &dyn Display,
        effects: &mut Effects,
    ) {
        let record = origin.record;
        let draft = effects
            .draft(destination, record.timestamp)
            .key(record.key)
            .value(record.value)
            .headers(record.headers);
        let draft = text(draft, "tidemill-reason", reason);
        let draft = text(draft, "tidemill-flow", &self.stage.flow.name);
        let draft = text(draft, "tidemill-topic", &origin.topic);
        let draft = text(draft, "tidemill-partition", &origin.partition);
        text(draft, "tidemill-offset", &record.offset).commit();
    }
}

fn text<'e>(draft: Draft<'e>, name: &str, value: &dyn Display) -> Draft<'e> {
    draft.header(name.as_bytes(), Some(value.to_string().as_bytes()))
}
