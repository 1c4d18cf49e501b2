//! Records of repartition topics.
//!
//! A data record has the flow's key as text for its key, the event time for its timestamp, and for
//! its value what the aggregates need and nothing more:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | `01` | the form |
//! | one byte | the kind of key (`stream::key`) |
//! | varint, values | the arguments of the aggregates (`stream::value_bytes`) |
//! | `00`, or `01` and the source record | only a flow with a topic for late records carries the source record: varint timestamp, then key and value, each `00` for null or `01`, varint length, bytes |
//!
//! A clock record has neither key nor value. Both carry the header [`CLOCK_HEADER`]:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | varint | the number of the source partition |
//! | varint | the offset of the source record; in clock records that of the last one read, −1 before the first |
//! | varint | the stream time of the source partition, −1 where it has none |
//! | one byte | 0 active, 1 idle |
//!
//! The headers of the source record, where it is carried, stand behind that one.

use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;
use crate::record::varint;
use crate::store::keys::TaggedKey;
use crate::stream::arguments::Arguments;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::progress::SourceTime;
use crate::stream::value_bytes;

/// The header that carries the clock of a source partition.
pub const CLOCK_HEADER: &[u8] = b"tidemill-clock";

const FORM: u8 = 1;

/// Where a record of a repartition topic comes from, and what time it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
    pub(crate) time: SourceTime,
}

impl Sent {
    fn put(self, out: &mut Vec<u8>) {
        let (time, kind) = match self.time {
            SourceTime::Unheard => (Timestamp::MIN, 0),
            SourceTime::Active(time) => (time, 0),
            SourceTime::Idle(time) => (time, 1),
        };
        varint::put_i64(out, self.partition.0.into());
        varint::put_i64(out, self.offset.0);
        varint::put_i64(out, time.0.max(-1));
        out.push(kind);
    }

    /// Reads the clock header of a record of a repartition topic; `None` where it has none, or a
    /// malformed one.
    pub(crate) fn of(headers: HeadersView<'_>) -> Option<Self> {
        let first = headers.iter().next()?;
        if first.name != CLOCK_HEADER {
            return None;
        }
        let bytes = &mut first.value?;
        let partition = PartitionId(varint::take_i32(bytes)?);
        let offset = Offset(varint::take_i64(bytes)?);
        let time = Timestamp(varint::take_i64(bytes)?);
        let time = match (time.is_event_time(), *bytes) {
            (true, [0]) => SourceTime::Active(time),
            (true, [1]) => SourceTime::Idle(time),
            (false, [0]) => SourceTime::Unheard,
            (false, [1]) => SourceTime::Idle(Timestamp::MIN),
            _ => return None,
        };
        Some(Self {
            partition,
            offset,
            time,
        })
    }

    /// Puts out a clock record for `partition` of the internal topic `destination`.
    pub(crate) fn put_clock_record(
        self,
        destination: Destination,
        partition: PartitionId,
        effects: &mut Effects,
    ) {
        let mut header = ClockBytes::default();
        let timestamp = match self.time {
            SourceTime::Active(time) | SourceTime::Idle(time) => time.max(Timestamp(0)),
            SourceTime::Unheard => Timestamp(0),
        };
        effects
            .draft(destination, timestamp)
            .to_partition(partition)
            .header(CLOCK_HEADER, Some(header.of(self)))
            .commit();
    }
}

/// The bytes of a clock header, without an allocation for each.
#[derive(Debug, Default)]
pub(crate) struct ClockBytes(Vec<u8>);

impl ClockBytes {
    pub(crate) fn of(&mut self, sent: Sent) -> &[u8] {
        self.0.clear();
        sent.put(&mut self.0);
        &self.0
    }
}

/// One data record for a repartition topic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) sent: Sent,
    pub(crate) key: TaggedKey<'a>,
    pub(crate) event_time: Timestamp,
    pub(crate) arguments: Arguments<'a>,
    /// Where it is to be carried along.
    pub(crate) source: Option<RecordView<'a>>,
}

impl Outgoing<'_> {
    /// Puts it out.
    pub(crate) fn put(self, header: &mut ClockBytes, effects: &mut Effects) {
        let draft = effects
            .draft(Destination::Repartition, self.event_time)
            .key(Some(self.key.bytes))
            .header(CLOCK_HEADER, Some(header.of(self.sent)));
        let carried = self.source.map(|source| source.headers);
        let draft = draft.headers(carried.unwrap_or_default());
        let written = draft.value_with::<std::convert::Infallible>(|out| {
            self.put_value(out);
            Ok(())
        });
        match written {
            Ok(draft) => draft.commit(),
            Err(never) => match never {},
        }
    }

    fn put_value(self, out: &mut Vec<u8>) {
        out.push(FORM);
        out.push(self.key.tag);
        value_bytes::put_count(out, self.arguments.len());
        for argument in self.arguments.iter() {
            value_bytes::put(out, argument);
        }
        out.push(u8::from(self.source.is_some()));
        if let Some(source) = self.source {
            varint::put_i64(out, source.timestamp.0);
            put_nullable(out, source.key);
            put_nullable(out, source.value);
        }
    }
}

fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        value_bytes::put_bytes(out, bytes);
    }
}

/// One data record of a repartition topic, read; its arguments stand in a vector of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming<'a> {
    pub(crate) key: TaggedKey<'a>,
    /// The source record, where it was carried along.
    pub(crate) source: Option<RecordView<'a>>,
}

impl<'a> Incoming<'a> {
    /// Reads `record`, and its arguments into `arguments`.
    ///
    /// # Errors
    ///
    /// What is wrong with it: it was not written by this program, or by a newer one.
    pub(crate) fn read(
        record: RecordView<'a>,
        sent: Sent,
        arguments: &mut Vec<Value<'a>>,
    ) -> Result<Self, &'static str> {
        let key = record.key.ok_or("no key")?;
        let value = &mut record.value.ok_or("no value")?;
        let (form, tag) = take_head(value).ok_or("cut short")?;
        if form != FORM {
            return Err("unknown form");
        }
        arguments.clear();
        take_arguments(value, arguments).ok_or("malformed arguments")?;
        let source = take_source(value, record, sent).ok_or("malformed source record")?;
        Ok(Self {
            key: TaggedKey { tag, bytes: key },
            source,
        })
    }
}

fn take_head(bytes: &mut &[u8]) -> Option<(u8, u8)> {
    let ([form, tag], rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some((*form, *tag))
}

fn take_arguments<'a>(bytes: &mut &'a [u8], arguments: &mut Vec<Value<'a>>) -> Option<()> {
    for _ in 0..value_bytes::take_count(bytes)? {
        arguments.push(value_bytes::take(bytes)?);
    }
    Some(())
}

/// The inner `None` is a source record that was not carried along; the outer one malformed.
fn take_source<'a>(
    bytes: &mut &'a [u8],
    record: RecordView<'a>,
    sent: Sent,
) -> Option<Option<RecordView<'a>>> {
    let (&is_carried, rest) = bytes.split_first()?;
    *bytes = rest;
    let source = match is_carried {
        0 => None,
        _ => Some(RecordView {
            offset: sent.offset,
            timestamp: Timestamp(varint::take_i64(bytes)?),
            timestamp_type: TimestampType::CreateTime,
            key: take_nullable(bytes)?,
            value: take_nullable(bytes)?,
            headers: record.headers.without_first(),
        }),
    };
    bytes.is_empty().then_some(source)
}

/// The inner `None` is null; the outer one malformed.
fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (&is_there, rest) = bytes.split_first()?;
    *bytes = rest;
    match is_there {
        0 => Some(None),
        _ => value_bytes::take_bytes(bytes).map(Some),
    }
}
