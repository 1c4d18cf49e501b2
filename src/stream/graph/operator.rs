//! What every operator of a graph is to the machine that drives it.

use std::fmt;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;

/// One operator: takes messages on its inputs, keeps what state it needs, and sends messages on.
pub(crate) trait Operator: fmt::Debug + Send {
    /// Takes in one message on `input`; what comes of it goes to `out`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the message cannot be used; the state is then as it was.
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal>;

    /// Time went on to `time` without a message.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where something that waited for it cannot be sent on.
    fn advance(&mut self, _time: Timestamp, _out: &mut Out) -> Result<(), Refusal> {
        Ok(())
    }

    /// The value of `row`, in an operator that makes a table and keeps it.
    fn row(&self, _row: &RowKey) -> Option<Shared> {
        None
    }

    /// Writes all state.
    fn save(&self, _out: &mut Writer) {}

    /// Reads back what was saved, into an operator without state.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the bytes are not those of such an operator.
    fn load(&mut self, _from: &mut Reader<'_>) -> Result<(), Malformed> {
        Ok(())
    }
}

/// What became of a source record, as far as it is known; the last is the strongest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nobody wanted it.
    #[default]
    Filtered,
    /// An operator could not use it any more: its windows or its join are over.
    Late,
    /// It reached a sink, or an operator's state.
    Taken,
    /// An operator could not use it.
    Rejected(Refusal),
}

impl Fate {
    const fn rank(&self) -> u8 {
        match self {
            Self::Filtered => 0,
            Self::Late => 1,
            Self::Taken => 2,
            Self::Rejected(_) => 3,
        }
    }
}

/// What an operator sends on, and what becomes of the record at hand.
#[derive(Debug, Default)]
pub(crate) struct Out {
    /// By output, in order.
    pub(crate) sent: Vec<(usize, Message)>,
    fate: Fate,
    late: u64,
    clock: Option<Timestamp>,
    sequence: i64,
}

impl Out {
    /// Sends `message` on by the only output.
    pub(crate) fn send(&mut self, message: Message) {
        self.sent.push((0, message));
    }

    /// Sends `message` on by `output`.
    pub(crate) fn send_by(&mut self, output: usize, message: Message) {
        self.sent.push((output, message));
    }

    /// The record at hand is now part of a state, or has come out.
    pub(crate) fn take(&mut self) {
        self.settle(Fate::Taken);
    }

    /// The record at hand came too late for an operator.
    pub(crate) fn late(&mut self) {
        self.late += 1;
        self.settle(Fate::Late);
    }

    /// The record at hand cannot be used by an operator.
    pub(crate) fn reject(&mut self, refusal: Refusal) {
        self.settle(Fate::Rejected(refusal));
    }

    fn settle(&mut self, fate: Fate) {
        if fate.rank() > self.fate.rank() {
            self.fate = fate;
        }
    }

    /// What became of the record at hand; the next one is a new one.
    pub(crate) fn fate(&mut self) -> Fate {
        std::mem::take(&mut self.fate)
    }

    /// How many messages came too late for an operator so far.
    pub(crate) const fn late_messages(&self) -> u64 {
        self.late
    }

    /// Tells operators the stream time that they are to go by, in place of the largest of the
    /// messages that reach them.
    pub(crate) const fn set_clock(&mut self, time: Timestamp) {
        self.clock = Some(time);
    }

    /// Numbers the record at hand; later ones get larger numbers.
    pub(crate) const fn set_sequence(&mut self, sequence: i64) {
        self.sequence = sequence;
    }

    /// The number of the record at hand.
    pub(crate) const fn sequence(&self) -> i64 {
        self.sequence
    }

    /// Writes the clock.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.clock);
    }

    /// Reads the clock back.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.clock = from.take()?;
        Ok(())
    }

    /// The stream time of an operator after a message stamped `time`, where it was `before`.
    pub(crate) fn stream_time(&self, before: Timestamp, time: Timestamp) -> Timestamp {
        before.max(self.clock.unwrap_or(time))
    }
}
