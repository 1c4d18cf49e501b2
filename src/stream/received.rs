//! What comes of an internal topic: messages of another stretch, and the clocks of its tasks.
//!
//! A restart of a writer may send once more what it sent since its last commit. That stands behind
//! the first time, in the same order, so a message that does not come after the last one of the same
//! input of the same writer is a repetition, and is left out.

use std::collections::BTreeMap;

use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::clock::Reading;
use crate::stream::parcel::Parcel;
use crate::stream::parcel::UNNUMBERED;
use crate::stream::progress::Progress;
use crate::stream::progress::SourceTime;
use crate::stream::reason::Reason;
use crate::stream::repartition::Sent;
use crate::stream::source_clocks::SourceClocks;
use crate::stream::stretch::Internal;

/// What is known of an internal topic.
#[derive(Debug)]
pub(crate) struct Received {
    clocks: SourceClocks,
    /// The last message of each input of each writer.
    seen: BTreeMap<(PartitionId, u32), (Offset, u32)>,
}

/// Where a message was sent, and what time it was there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    pub(crate) sent: Sent,
    /// Which input of the writer it came of, and which it is of that record's messages; `None` in
    /// clock records.
    pub(crate) number: Option<(u32, u32)>,
}

impl Received {
    pub(crate) fn new(internal: Internal) -> Self {
        Self {
            clocks: SourceClocks::new(internal.writers),
            seen: BTreeMap::new(),
        }
    }

    /// Reads a record; without a message it is a clock record.
    ///
    /// # Errors
    ///
    /// What is wrong with it: it was not written by this program, or by a newer one.
    pub(crate) fn read(&self, record: RecordView<'_>) -> Result<(Came, Option<Parcel>), Reason> {
        let malformed = Reason::Repartition;
        let sent = Sent::of(record.headers).ok_or(malformed("no clock header"))?;
        let writer = usize::try_from(sent.partition.0).unwrap_or(usize::MAX);
        if writer >= self.clocks.clocks().len() {
            return Err(malformed("a source partition that is not there"));
        }
        let Some(value) = record.value else {
            return Ok((Came { sent, number: None }, None));
        };
        let parcel = Parcel::read(value).map_err(|_| malformed("malformed message"))?;
        if !parcel.message.time.is_event_time() {
            return Err(Reason::BeforeEpoch(parcel.message.time));
        }
        let number = Some((parcel.input, parcel.number));
        Ok((Came { sent, number }, Some(parcel)))
    }

    /// Hears the clock of a writer.
    pub(crate) fn hear(&mut self, came: Came) {
        self.clocks.wake();
        let writer = usize::try_from(came.sent.partition.0).unwrap_or(usize::MAX);
        // A writer that is not there was refused when the record was read.
        let _ = self.clocks.hear(writer, came.sent.time);
    }

    /// Whether the message came before; from now on it has.
    pub(crate) fn is_repetition(&mut self, came: Came) -> bool {
        let Some((input, number)) = came.number else {
            return false;
        };
        if number == UNNUMBERED {
            return false;
        }
        let place = (came.sent.partition, input);
        let this = (came.sent.offset, number);
        let is_repetition = self.seen.get(&place).is_some_and(|last| *last >= this);
        if !is_repetition {
            self.seen.insert(place, this);
        }
        is_repetition
    }

    /// The time that all writers have reached.
    pub(crate) const fn stream_time(&self) -> Timestamp {
        self.clocks.stream_time()
    }

    /// Whether all writers have been silent for as long as they may.
    pub(crate) fn is_idle(&self) -> bool {
        let mut clocks = self.clocks.clocks().iter();
        clocks.all(|clock| matches!(clock, SourceTime::Idle(_)))
    }

    pub(crate) fn tick(&mut self, now: Timestamp, reading: Reading) {
        self.clocks.tick(now, reading);
    }

    pub(crate) fn clocks(&self) -> &[SourceTime] {
        self.clocks.clocks()
    }

    pub(crate) fn restore(&mut self, progress: &Progress) {
        self.clocks.restore(progress.stream_time, &progress.sources);
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        self.clocks.save(out);
        out.count(self.seen.len());
        for ((partition, input), (offset, number)) in &self.seen {
            out.put(&partition.0);
            out.put(input);
            out.put(offset);
            out.put(number);
        }
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.clocks.load(from)?;
        for _ in 0..from.count(1)? {
            let place = (PartitionId(from.take()?), from.take()?);
            self.seen.insert(place, (from.take()?, from.take()?));
        }
        Ok(())
    }
}
