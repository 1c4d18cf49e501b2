//! Results on their way out.

use std::ops::Range;
use std::sync::Arc;

use crate::codec::avro::schema::SchemaError;
use crate::codec::framing::SchemaId;
use crate::record::Timestamp;
use crate::store::keys::TaggedKey;
use crate::stream::aside::Aside;
use crate::stream::effects::Effects;
use crate::stream::results::ResultWriter;
use crate::stream::results::WindowResult;
use crate::stream::stage::Stage;
use crate::stream::step::Failure;

/// Writes results, and puts aside those that have no form.
#[derive(Debug)]
pub(super) struct Emitter {
    writer: ResultWriter,
    aside: Aside,
}

impl Emitter {
    /// # Errors
    ///
    /// Where the sink's schema is none.
    pub(super) fn new(stage: &Arc<Stage>, id: SchemaId) -> Result<Self, SchemaError> {
        Ok(Self {
            writer: ResultWriter::new(&stage.flow, id)?,
            aside: Aside::new(Arc::clone(stage)),
        })
    }

    /// Puts out that there is no result of `key` for `window` any more.
    pub(super) fn put_tombstone(
        &self,
        key: TaggedKey<'_>,
        window: &Range<Timestamp>,
        effects: &mut Effects,
    ) {
        self.writer.put_tombstone(key.bytes, window, effects);
    }

    /// Puts `result` out.
    ///
    /// # Errors
    ///
    /// Where it cannot be written and the flow is to stop then.
    pub(super) fn put(
        &mut self,
        result: &WindowResult<'_>,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        let written = self.writer.write(result, effects);
        written.or_else(|reason| {
            let time = result.columns.time(result.slot);
            let window = result.window.as_ref();
            self.aside
                .result(result.key.bytes, window, time, &reason, effects)
        })
    }
}
