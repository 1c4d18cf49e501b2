//! Records of the internal topics between the stretches of a flow of several operators.
//!
//! A data record has the message's key for its key, its timestamp for its timestamp, and for its
//! value:
//!
//! | bytes | meaning |
//! | --- | --- |
//! | `02` | the form |
//! | u32, u32 | which input of its task the message came of, and which it is of those that came of the same record ([`UNNUMBERED`]: of no record, of time) |
//! | the message | as graphs save it: of a change of a table the new value and the one before it |
//! | `00`, or `01` and the source record | only where the flow puts records aside, the record that the message came of |
//!
//! A clock record has neither key nor value. Both carry the header of all internal topics
//! ([`crate::stream::repartition`]); its offset is that of the record that the message came of.

use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::put_header;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::effects::Destination;
use crate::stream::effects::Effects;
use crate::stream::graph::message::Message;
use crate::stream::repartition::CLOCK_HEADER;
use crate::stream::repartition::ClockBytes;
use crate::stream::repartition::Sent;

const FORM: u8 = 2;

/// The number of messages that came of time alone, which is never the number of a repetition.
pub(crate) const UNNUMBERED: u32 = u32::MAX;

/// One message on its way to another stretch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parcel {
    /// Which input of the sending task the record came by.
    pub(crate) input: u32,
    /// Which it is of the messages that came of the same record.
    pub(crate) number: u32,
    pub(crate) message: Message,
    pub(crate) raw: Option<Raw>,
}

impl Parcel {
    /// Puts it out.
    pub(crate) fn put(
        &self,
        sent: Sent,
        destination: Destination,
        header: &mut ClockBytes,
        effects: &mut Effects,
    ) {
        let mut out = Writer::new();
        out.put(&FORM);
        out.put(&self.input);
        out.put(&self.number);
        out.put(&self.message);
        out.put(&self.raw);
        let key = self.message.key.as_ref().map(|key| key.bytes());
        effects
            .draft(destination, self.message.time)
            .key(key)
            .value(Some(&out.into_bytes()))
            .header(CLOCK_HEADER, Some(header.of(sent)))
            .commit();
    }

    /// Reads the value of a record.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: it was not written by this program, or by a newer one.
    pub(crate) fn read(value: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(value);
        if from.take::<u8>()? != FORM {
            return Err(Malformed::new("unknown form"));
        }
        let parcel = Self {
            input: from.take()?,
            number: from.take()?,
            message: from.take()?,
            raw: from.take()?,
        };
        from.end()?;
        Ok(parcel)
    }
}

/// A record as it was, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Raw {
    timestamp: Timestamp,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    headers: Vec<u8>,
    header_count: usize,
}

impl Raw {
    pub(crate) fn of(record: RecordView<'_>) -> Self {
        let mut headers = Vec::new();
        let mut header_count = 0;
        for header in record.headers.iter() {
            put_header(&mut headers, header);
            header_count += 1;
        }
        Self {
            timestamp: record.timestamp,
            key: record.key.map(Box::from),
            value: record.value.map(Box::from),
            headers,
            header_count,
        }
    }

    /// In place of one that was not kept.
    pub(crate) const fn unknown(timestamp: Timestamp) -> Self {
        Self {
            timestamp,
            key: None,
            value: None,
            headers: Vec::new(),
            header_count: 0,
        }
    }

    pub(crate) fn view(&self, offset: Offset) -> RecordView<'_> {
        RecordView {
            offset,
            timestamp: self.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: HeadersView::parse(&self.headers, self.header_count).unwrap_or_default(),
        }
    }
}

impl Persist for Raw {
    fn save(&self, out: &mut Writer) {
        out.put(&self.timestamp);
        save_bytes(self.key.as_deref(), out);
        save_bytes(self.value.as_deref(), out);
        out.count(self.header_count);
        out.bytes(&self.headers);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let timestamp = from.take()?;
        let (key, value) = (load_bytes(from)?, load_bytes(from)?);
        let header_count = from.count(1)?;
        let headers = from.bytes()?.to_vec();
        Ok(Self {
            timestamp,
            key,
            value,
            headers,
            header_count,
        })
    }
}

fn save_bytes(bytes: Option<&[u8]>, out: &mut Writer) {
    out.put(&bytes.is_some());
    if let Some(bytes) = bytes {
        out.bytes(bytes);
    }
}

fn load_bytes(from: &mut Reader<'_>) -> Result<Option<Box<[u8]>>, Malformed> {
    match from.take()? {
        true => Ok(Some(from.bytes()?.into())),
        false => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PartitionId;
    use crate::record::Value;
    use crate::stream::graph::message::Key;
    use crate::stream::progress::SourceTime;

    #[test]
    fn a_parcel_comes_back_as_it_was_sent_and_no_prefix_of_it_is_one() {
        let key = Key::of(&Value::Int(7));
        let message = Message::new(key, Some(Value::Text("x".into())), Timestamp(5));
        let old = Some(Value::Bool(true).into());
        let raw = Raw {
            timestamp: Timestamp(5),
            key: Some(Box::from(&b"k"[..])),
            value: None,
            headers: Vec::new(),
            header_count: 0,
        };
        let parcel = Parcel {
            input: 1,
            number: 2,
            message: Message { old, ..message },
            raw: Some(raw),
        };
        let sent = Sent {
            partition: PartitionId(3),
            offset: Offset(9),
            time: SourceTime::Active(Timestamp(4)),
        };
        let mut effects = Effects::new();
        let header = &mut ClockBytes::default();
        parcel.put(sent, Destination::Internal(0), header, &mut effects);
        let output = effects.outputs().next().expect("one");
        assert_eq!(output.key, Some(&b"7"[..]));
        assert_eq!(Sent::of(output.headers), Some(sent));
        let value = output.value.expect("a value");
        assert_eq!(Parcel::read(value), Ok(parcel));
        for length in 0..value.len() {
            assert!(Parcel::read(&value[..length]).is_err(), "{length} bytes");
        }
    }
}
