//! What goes from one stretch of a flow to others: messages, and the clock of the task.

use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::graph::message::Message;
use crate::stream::graph::topology::NodeId;
use crate::stream::parcel::Parcel;
use crate::stream::parcel::Raw;
use crate::stream::parcel::UNNUMBERED;
use crate::stream::progress::SourceTime;
use crate::stream::repartition::ClockBytes;
use crate::stream::repartition::Sent;
use crate::stream::stretch::Stretch;

/// The ways from a task to other stretches.
#[derive(Debug)]
pub(crate) struct Onward {
    partition: PartitionId,
    /// The sinks, and how many partitions the internal topic behind each has.
    outlets: Vec<(NodeId, u32)>,
    /// What all have been told of the clock.
    told: SourceTime,
    header: ClockBytes,
}

/// The record that a message came of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'c> {
    pub(crate) input: usize,
    pub(crate) offset: Offset,
    pub(crate) raw: Option<&'c Raw>,
}

impl Onward {
    pub(crate) fn new(stretch: &Stretch, partition: PartitionId) -> Self {
        let outlets = stretch.outlets.iter();
        Self {
            partition,
            outlets: outlets
                .map(|outlet| (outlet.node, outlet.partitions))
                .collect(),
            told: SourceTime::Unheard,
            header: ClockBytes::default(),
        }
    }

    /// The number of the way that begins at the sink `node`; `None` at the sink of the flow.
    pub(crate) fn way(&self, node: NodeId) -> Option<u16> {
        let way = self.outlets.iter().position(|outlet| outlet.0 == node);
        way.and_then(|way| u16::try_from(way).ok())
    }

    /// Sends `message`, the `number`th that came of `cause`, or of time.
    pub(crate) fn send(
        &mut self,
        way: u16,
        message: Message,
        (cause, number): (Option<Cause<'_>>, usize),
        time: SourceTime,
        effects: &mut Effects,
    ) {
        let number = cause.and_then(|_| u32::try_from(number).ok());
        let input = cause.and_then(|cause| u32::try_from(cause.input).ok());
        let parcel = Parcel {
            input: input.unwrap_or_default(),
            number: number.unwrap_or(UNNUMBERED),
            message,
            raw: cause.and_then(|cause| cause.raw).cloned(),
        };
        let sent = Sent {
            partition: self.partition,
            offset: cause.map_or(Offset(-1), |cause| cause.offset),
            time,
        };
        parcel.put(sent, Destination::Internal(way), &mut self.header, effects);
    }

    /// Sends a clock record to every partition of every internal topic, if there is news.
    pub(crate) fn tell(&mut self, time: SourceTime, effects: &mut Effects) {
        let is_idle = |time| matches!(time, SourceTime::Idle(_));
        if time == self.told || (is_idle(time) && is_idle(self.told)) {
            return;
        }
        self.told = time;
        let sent = Sent {
            partition: self.partition,
            offset: Offset(-1),
            time,
        };
        for (way, (_, partitions)) in self.outlets.iter().enumerate() {
            let destination = Destination::Internal(u16::try_from(way).unwrap_or(u16::MAX));
            let partitions = i32::try_from(*partitions).unwrap_or(i32::MAX);
            for partition in (0..partitions).map(PartitionId) {
                sent.put_clock_record(destination, partition, effects);
            }
        }
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.told);
    }

    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.told = from.take()?;
        Ok(())
    }
}

/// The clock of a task as it is told: `stream_time`, or that it is silent.
pub(crate) const fn told(stream_time: Timestamp, is_idle: bool) -> SourceTime {
    match (is_idle, stream_time) {
        (true, time) => SourceTime::Idle(time),
        (false, Timestamp::MIN) => SourceTime::Unheard,
        (false, time) => SourceTime::Active(time),
    }
}
