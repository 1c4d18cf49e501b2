//! Record batches out: records are encoded straight into one buffer that is reused.

use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::BatchMut;
use crate::protocol::batch_header::CODEC_MASK;
use crate::protocol::batch_header::CONTROL;
use crate::protocol::batch_header::HEADER_LEN;
use crate::protocol::batch_header::LOG_APPEND_TIME;
use crate::protocol::batch_header::MAGIC;
use crate::protocol::batch_header::NO_PRODUCER_ID;
use crate::protocol::batch_header::PREFIX_LEN;
use crate::protocol::batch_header::TRANSACTIONAL;
use crate::protocol::compression::Compression;
use crate::protocol::compression::CompressionError;
use crate::protocol::compression::Compressor;
use crate::protocol::control_record::ControlRecord;
use crate::record::Header;
use crate::record::LeaderEpoch;
use crate::record::Offset;
use crate::record::Record;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::copy;
use crate::record::varint;

/// Why a batch cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// With this record the batch would pass what its 32-bit length can say. The record was not
    /// added; the batch without it is whole.
    #[error("a batch of {bytes} bytes is longer than any batch may be")]
    TooLong {
        /// How long the batch would be, in bytes.
        bytes: usize,
    },
    /// The offset of the record is not above the last one's, or does not fit. The record was not
    /// added.
    #[error("offset delta {offset_delta} cannot stand where {next_delta} is the next one free")]
    OffsetDelta {
        /// The offset delta that the record should have.
        offset_delta: i32,
        /// The lowest that it may have.
        next_delta: i32,
    },
    /// The codec failed.
    #[error("compress a record batch")]
    Compress(#[from] CompressionError),
}

/// What a batch's header says besides what follows from its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchStamp {
    /// The offset of the first record; a broker sets it anew, and wants 0 from a producer.
    pub base_offset: Offset,
    /// The leadership that appends the batch; unknown to a producer.
    pub leader_epoch: LeaderEpoch,
    /// How the records are compressed.
    pub compression: Compression,
    /// The append time, where the topic uses it in place of the records' own timestamps.
    pub append_time: Option<Timestamp>,
    /// Who writes the batch; −1 without idempotence.
    pub producer_id: i64,
    /// Which incarnation of the producer writes it; −1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; −1 without idempotence.
    pub base_sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub is_transactional: bool,
}

impl Default for BatchStamp {
    /// A plain batch of a producer: uncompressed, not idempotent.
    fn default() -> Self {
        Self {
            base_offset: Offset(0),
            leader_epoch: LeaderEpoch::UNKNOWN,
            compression: Compression::None,
            append_time: None,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: -1,
            base_sequence: -1,
            is_transactional: false,
        }
    }
}

/// Builds batches, one after another, in memory that it reuses.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    /// The records behind room for the header, so that a batch that is not compressed is finished
    /// where it stands; empty before the first one.
    records: Vec<u8>,
    record_count: i32,
    /// One above the last record's.
    next_delta: i32,
    base_timestamp: Option<Timestamp>,
    max_timestamp: Option<Timestamp>,
    compressor: Compressor,
}

impl BatchBuilder {
    /// A builder with an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records the batch holds.
    #[must_use]
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Whether the batch holds no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// How long the batch is so far, header included, uncompressed, in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.records.len().max(HEADER_LEN)
    }

    /// Empties the batch.
    pub fn clear(&mut self) {
        self.records.clear();
        self.record_count = 0;
        self.next_delta = 0;
        self.base_timestamp = None;
        self.max_timestamp = None;
    }

    /// Adds a record behind the last.
    ///
    /// # Errors
    ///
    /// [`BuildError::TooLong`]; the batch is as it was.
    #[inline]
    pub fn push<'h, H>(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), BuildError>
    where
        H: IntoIterator<Item = Header<'h>, IntoIter: Clone>,
    {
        self.push_at(self.next_delta, timestamp, key, value, headers)
    }

    /// Adds a record `offset_delta` above the base offset.
    fn push_at<'h, H>(
        &mut self,
        offset_delta: i32,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), BuildError>
    where
        H: IntoIterator<Item = Header<'h>, IntoIter: Clone>,
    {
        let next_delta = self.delta_after(offset_delta)?;
        let base_timestamp = self.base_timestamp.unwrap_or(timestamp);
        let record = RecordParts {
            timestamp_delta: timestamp.0.wrapping_sub(base_timestamp.0),
            offset_delta: offset_delta.into(),
            key,
            value,
            headers: headers.into_iter(),
        };
        self.make_room_for_header();
        record.append_to(&mut self.records)?;
        self.record_count += 1;
        self.next_delta = next_delta;
        self.base_timestamp = Some(base_timestamp);
        self.max_timestamp = self.max_timestamp.max(Some(timestamp));
        Ok(())
    }

    /// Appends to `out` what compaction leaves of the batch that `header` begins: `records` alone,
    /// with the offsets that they have. What the builder held is dropped.
    ///
    /// Base and last offset, base timestamp, producer and attributes stay `header`'s; without
    /// records the batch is uncompressed.
    ///
    /// # Errors
    ///
    /// [`BuildError::OffsetDelta`] where a record's offset is not above the one before, or is not
    /// the batch's; [`BuildError::TooLong`] and [`BuildError::Compress`]. `out` is as it was.
    pub fn rewrite<'r>(
        &mut self,
        header: &BatchHeader,
        records: impl IntoIterator<Item = RecordView<'r>>,
        out: &mut Vec<u8>,
    ) -> Result<(), BuildError> {
        self.clear();
        self.base_timestamp = Some(header.base_timestamp);
        for record in records {
            let delta = record.offset.0.wrapping_sub(header.base_offset.0);
            let delta = i32::try_from(delta).unwrap_or(-1);
            self.push_at(
                delta,
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )?;
        }
        self.append(&self.rewritten_header(header), out)
    }

    fn rewritten_header(&self, header: &BatchHeader) -> BatchHeader {
        let max_timestamp = match header.timestamp_type() {
            TimestampType::CreateTime => self.max_timestamp,
            TimestampType::LogAppendTime => None,
        };
        let codec = if self.is_empty() { CODEC_MASK } else { 0 };
        BatchHeader {
            attributes: header.attributes & !codec,
            max_timestamp: max_timestamp.unwrap_or(header.max_timestamp),
            record_count: self.record_count,
            ..*header
        }
    }

    #[inline]
    fn make_room_for_header(&mut self) {
        if self.records.is_empty() {
            self.records.extend_from_slice(&[0; HEADER_LEN]);
        }
    }

    #[inline]
    fn delta_after(&self, offset_delta: i32) -> Result<i32, BuildError> {
        let is_next = offset_delta >= self.next_delta;
        let after = offset_delta.checked_add(1).filter(|_| is_next);
        after.ok_or(BuildError::OffsetDelta {
            offset_delta,
            next_delta: self.next_delta,
        })
    }

    /// Appends the batch to `out` and empties the builder.
    ///
    /// No broker takes a batch without records.
    ///
    /// # Errors
    ///
    /// [`BuildError::Compress`] and [`BuildError::TooLong`]; builder and `out` are as they were.
    pub fn finish(&mut self, stamp: &BatchStamp, out: &mut Vec<u8>) -> Result<(), BuildError> {
        self.append(&self.header(stamp), out)
    }

    /// The header but for length and checksum.
    fn header(&self, stamp: &BatchStamp) -> BatchHeader {
        let max_timestamp = stamp.append_time.or(self.max_timestamp);
        BatchHeader {
            base_offset: stamp.base_offset,
            batch_length: 0,
            partition_leader_epoch: stamp.leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes: stamp.attributes(),
            last_offset_delta: self.next_delta - 1,
            base_timestamp: self.base_timestamp.unwrap_or(Timestamp::NONE),
            max_timestamp: max_timestamp.unwrap_or(Timestamp::NONE),
            producer_id: stamp.producer_id,
            producer_epoch: stamp.producer_epoch,
            base_sequence: stamp.base_sequence,
            record_count: self.record_count,
        }
    }

    /// Appends the records behind `header`, whose length and checksum are set, and empties the
    /// builder.
    fn append(&mut self, header: &BatchHeader, out: &mut Vec<u8>) -> Result<(), BuildError> {
        let start = out.len();
        let outcome = self.try_append(header, out);
        match outcome {
            Ok(()) => self.clear(),
            Err(_) => out.truncate(start),
        }
        outcome
    }

    fn try_append(&mut self, header: &BatchHeader, out: &mut Vec<u8>) -> Result<(), BuildError> {
        let start = out.len();
        let compression = header.compression().unwrap_or_default();
        self.make_room_for_header();
        if compression == Compression::None && out.is_empty() {
            std::mem::swap(&mut self.records, out);
        } else {
            out.extend_from_slice(&[0; HEADER_LEN]);
            let plain = self.records.get(HEADER_LEN..).unwrap_or_default();
            self.compressor.compress(compression, plain, out)?;
        }
        let bytes = out.get_mut(start..).unwrap_or_default();
        let batch_length = batch_length(bytes.len())?;
        if let Some(mut batch) = BatchMut::new(bytes) {
            batch.set_header(&BatchHeader {
                batch_length,
                ..*header
            });
            batch.seal();
        }
        Ok(())
    }
}

impl BatchStamp {
    const fn attributes(&self) -> i16 {
        let mut bits = self.compression.number();
        if self.append_time.is_some() {
            bits |= LOG_APPEND_TIME;
        }
        if self.is_transactional {
            bits |= TRANSACTIONAL;
        }
        bits
    }

    /// One batch that holds `records`; those without a timestamp get none (−1).
    ///
    /// # Errors
    ///
    /// As [`BatchBuilder::push`] and [`BatchBuilder::finish`].
    pub fn batch_of<'r>(
        &self,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Vec<u8>, BuildError> {
        let mut builder = BatchBuilder::new();
        for record in records {
            builder.push(
                record.timestamp.unwrap_or(Timestamp::NONE),
                record.key.as_deref(),
                record.value.as_deref(),
                record.headers(),
            )?;
        }
        let mut out = Vec::new();
        builder.finish(self, &mut out)?;
        Ok(out)
    }

    /// A control batch with the transaction marker `control`, as a broker appends it.
    ///
    /// It is transactional and uncompressed and has no sequence number, whatever the stamp says.
    ///
    /// # Errors
    ///
    /// None in practice: a marker always fits.
    pub fn marker(
        &self,
        control: ControlRecord,
        timestamp: Timestamp,
    ) -> Result<Vec<u8>, BuildError> {
        let stamp = Self {
            compression: Compression::None,
            base_sequence: -1,
            is_transactional: true,
            ..*self
        };
        let mut builder = BatchBuilder::new();
        builder.push(timestamp, Some(&control.key()), Some(&control.value()), [])?;
        let mut header = builder.header(&stamp);
        header.attributes |= CONTROL;
        let mut out = Vec::new();
        builder.append(&header, &mut out)?;
        Ok(out)
    }
}

fn batch_length(bytes: usize) -> Result<i32, BuildError> {
    i32::try_from(bytes - PREFIX_LEN).map_err(|_| BuildError::TooLong { bytes })
}

/// One record on its way into a batch.
struct RecordParts<'r, H> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'r [u8]>,
    value: Option<&'r [u8]>,
    headers: H,
}

impl<'h, H: Iterator<Item = Header<'h>> + Clone> RecordParts<'_, H> {
    /// All lengths are known before the first byte is written, so nothing is moved afterwards.
    #[inline]
    fn append_to(self, out: &mut Vec<u8>) -> Result<(), BuildError> {
        let (header_count, headers_len) = self.measure_headers();
        let body_len = 1
            + varint::len_i64(self.timestamp_delta)
            + varint::len_i64(self.offset_delta)
            + field_len(self.key)
            + field_len(self.value)
            + varint::len_i64(header_count)
            + headers_len;
        let body_len_number = as_number(body_len);
        let len = varint::len_i64(body_len_number) + body_len;
        batch_length(out.len().saturating_add(len))?;
        out.reserve(len);
        varint::put_i64(out, body_len_number);
        out.push(0);
        varint::put_i64(out, self.timestamp_delta);
        varint::put_i64(out, self.offset_delta);
        put_field(out, self.key);
        put_field(out, self.value);
        varint::put_i64(out, header_count);
        for header in self.headers {
            put_field(out, Some(header.name));
            put_field(out, header.value);
        }
        Ok(())
    }

    fn measure_headers(&self) -> (i64, usize) {
        let measure = |(count, len), header: Header<'_>| {
            let header_len = field_len(Some(header.name)) + field_len(header.value);
            (count + 1, len + header_len)
        };
        self.headers.clone().fold((0, 0), measure)
    }
}

#[inline]
fn field_len(field: Option<&[u8]>) -> usize {
    let len = field.map_or(0, <[u8]>::len);
    varint::len_i64(length_number(field)) + len
}

#[inline]
fn put_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    varint::put_i64(out, length_number(field));
    copy::append(out, field.unwrap_or_default());
}

/// −1 for null.
#[inline]
fn length_number(field: Option<&[u8]>) -> i64 {
    field.map_or(-1, |field| as_number(field.len()))
}

/// A slice is never longer than `i64::MAX`.
#[inline]
fn as_number(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
