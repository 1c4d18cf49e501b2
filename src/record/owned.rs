//! One record, borrowed from its batch or owned.

use bytes::Bytes;

use crate::record::{Header, HeadersView, Offset, Timestamp, TimestampType};

/// One record as it stands in a batch, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// The record's offset.
    pub offset: Offset,
    /// The record's timestamp, or the batch's append time where the topic uses `LogAppendTime`.
    pub timestamp: Timestamp,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// The key; null is not the same as empty.
    pub key: Option<&'a [u8]>,
    /// The value; null is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: HeadersView<'a>,
}

/// One record to be written, owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key; null is not the same as empty.
    pub key: Option<Bytes>,
    /// The value; null is a tombstone in a compacted topic.
    pub value: Option<Bytes>,
    /// The headers: names and values, in order; names may repeat, values may be null.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
    /// The timestamp; `None` leaves it to the producer, which takes the wall clock.
    pub timestamp: Option<Timestamp>,
}

impl Record {
    /// The headers, borrowed.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'_>> + Clone {
        self.headers.iter().map(|(name, value)| Header {
            name,
            value: value.as_deref(),
        })
    }
}

impl From<&RecordView<'_>> for Record {
    fn from(view: &RecordView<'_>) -> Self {
        let copy = Bytes::copy_from_slice;
        Self {
            key: view.key.map(copy),
            value: view.value.map(copy),
            headers: view
                .headers
                .iter()
                .map(|header| (copy(header.name), header.value.map(copy)))
                .collect(),
            timestamp: Some(view.timestamp),
        }
    }
}
