//! Record batches in: the bytes of a fetch answer, taken apart without copying.
//!
//! [`Batches`] finds the batches, [`Batch::records`] their records. A record's key, value and
//! headers are borrowed from the bytes of the answer, or from the [`Decompressor`] where the
//! batch is compressed; nothing is allocated per record.

use std::iter::FusedIterator;

use crate::protocol::batch_error::BatchError;
use crate::protocol::batch_error::RecordProblem;
use crate::protocol::batch_header::BatchHeader;
use crate::protocol::batch_header::CRC_START;
use crate::protocol::batch_header::HEADER_LEN;
use crate::protocol::batch_header::MAGIC;
use crate::protocol::batch_header::PREFIX_LEN;
use crate::protocol::compression::Decompressor;
use crate::protocol::control_record::ControlRecord;
use crate::protocol::crc::crc32c;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::varint;

/// The place of the message format's number, in all formats.
const MAGIC_AT: usize = 16;
/// Length, attributes, two deltas, key, value and header count, a byte each.
const RECORD_LEN_MIN: usize = 7;
/// A transaction marker takes 17 bytes; room for what later versions may add.
const CONTROL_BYTES_MAX: usize = 64 << 10;

/// The batches in the `records` field of a fetch answer or a produce request, in order.
///
/// A broker may cut the last batch of a fetch answer short. That ends the iteration without an
/// error, and [`Self::rest`] tells what is left; fetch again from the position reached. After an
/// error, too, there are no more batches: the bytes after a bad one cannot be trusted.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    rest: &'a [u8],
    is_broken: bool,
}

impl<'a> Batches<'a> {
    /// The batches in `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_broken: false,
        }
    }

    /// The bytes that have not been given out: after the last batch, the tail that was cut.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes the next batch takes, whether or not they are all here; `None` where there
    /// are too few to tell, or its length is negative.
    ///
    /// A fetch that gives only a cut batch has to ask for this many.
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        let length = self.rest.get(8..)?.first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok()?;
        length.checked_add(PREFIX_LEN)
    }

    fn take(&mut self) -> Result<Option<Batch<'a>>, BatchError> {
        let Some(&magic) = self.rest.get(MAGIC_AT) else {
            return Ok(None);
        };
        let base_offset = base_offset(self.rest);
        check_magic(base_offset, i8::from_be_bytes([magic]))?;
        let length = self.next_len().filter(|&length| length >= HEADER_LEN);
        let length = length.ok_or_else(|| BatchError::Length {
            base_offset,
            batch_length: batch_length(self.rest),
        })?;
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Ok(None);
        };
        let Some(header) = BatchHeader::parse(bytes) else {
            return Ok(None);
        };
        self.rest = rest;
        Ok(Some(Batch { header, bytes }))
    }
}

fn base_offset(bytes: &[u8]) -> Offset {
    Offset(
        bytes
            .first_chunk()
            .map_or(-1, |bytes| i64::from_be_bytes(*bytes)),
    )
}

fn batch_length(bytes: &[u8]) -> i32 {
    let length = bytes.get(8..).and_then(<[u8]>::first_chunk);
    length.map_or(-1, |bytes| i32::from_be_bytes(*bytes))
}

const fn check_magic(base_offset: Offset, magic: i8) -> Result<(), BatchError> {
    match magic {
        MAGIC => Ok(()),
        0 | 1 => Err(BatchError::OldFormat { base_offset, magic }),
        _ => Err(BatchError::UnknownFormat { base_offset, magic }),
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let taken = self.take();
        self.is_broken = taken.is_err();
        taken.transpose()
    }
}

impl FusedIterator for Batches<'_> {}

/// One whole batch, its records still compressed and unread.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The header.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All bytes of the batch, header included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records as they stand in the batch, compressed or not.
    fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Checks the bytes against the checksum in the header, which covers all from the attributes
    /// on.
    ///
    /// # Errors
    ///
    /// [`BatchError::Crc`] where they differ: fetch once more over a new connection, then give
    /// up and name the offset.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(self.bytes.get(CRC_START..).unwrap_or_default());
        if computed == self.header.crc {
            return Ok(());
        }
        Err(BatchError::Crc {
            base_offset: self.header.base_offset,
            stored: self.header.crc,
            computed,
        })
    }

    /// The records, borrowed from the batch, or from `decompressor` where they are compressed.
    ///
    /// Control batches have records too, which are no data: see [`Self::control`]. An emptied
    /// batch has none, and the position moves to [`BatchHeader::next_offset`] all the same.
    ///
    /// # Errors
    ///
    /// [`BatchError::UnknownCompression`], [`BatchError::Decompress`], or
    /// [`BatchError::RecordCount`]: whoever wrote the batch is at fault, and reading it again
    /// helps nothing.
    pub fn records<'s>(&self, decompressor: &'s mut Decompressor) -> Result<Records<'s>, BatchError>
    where
        'a: 's,
    {
        let base_offset = self.header.base_offset;
        if self.header.record_count == 0 {
            return Records::new(&self.header, &[]);
        }
        let compression = self.header.compression();
        let compression =
            compression.map_err(|codec| BatchError::UnknownCompression { base_offset, codec })?;
        let bytes = decompressor
            .decompress(compression, self.payload())
            .map_err(|source| BatchError::Decompress {
                base_offset,
                source,
            })?;
        Records::new(&self.header, bytes)
    }

    /// What a control batch says; `None` for a batch of data, and for a control batch of a kind
    /// that is not known here, which is to be passed over.
    ///
    /// # Errors
    ///
    /// As [`Self::records`], and for its one record.
    pub fn control(&self) -> Result<Option<ControlRecord>, BatchError> {
        if !self.header.is_control() {
            return Ok(None);
        }
        let mut decompressor = Decompressor::with_limit(CONTROL_BYTES_MAX);
        let first = self.records(&mut decompressor)?.next().transpose()?;
        Ok(first.and_then(|record| ControlRecord::parse(&record)))
    }
}

/// The records of one batch, in order.
///
/// Yields as many as the batch declares. An error is the last item; so is
/// [`BatchError::BytesLeft`] where bytes follow the last record.
#[derive(Clone, Debug)]
pub struct Records<'s> {
    rest: &'s [u8],
    count_left: u32,
    /// Whether what follows the last record has still to be looked at.
    is_open: bool,
    base: Base,
}

/// What every record of a batch needs from its header.
#[derive(Clone, Copy, Debug)]
struct Base {
    offset: Offset,
    timestamp: Timestamp,
    /// Takes the place of every record's timestamp.
    append_time: Option<Timestamp>,
    record_count: i32,
}

impl<'s> Records<'s> {
    fn new(header: &BatchHeader, bytes: &'s [u8]) -> Result<Self, BatchError> {
        let count = u32::try_from(header.record_count).ok();
        let count_max = bytes.len() / RECORD_LEN_MIN;
        let count = count.filter(|&count| usize::try_from(count).is_ok_and(|n| n <= count_max));
        let count_left = count.ok_or(BatchError::RecordCount {
            base_offset: header.base_offset,
            record_count: header.record_count,
            bytes: bytes.len(),
        })?;
        let append_time = match header.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        Ok(Self {
            rest: bytes,
            count_left,
            is_open: true,
            base: Base {
                offset: header.base_offset,
                timestamp: header.base_timestamp,
                append_time,
                record_count: header.record_count,
            },
        })
    }

    /// Takes one record off the front.
    #[inline(always)]
    fn take(&mut self) -> Result<RecordView<'s>, RecordProblem> {
        let length = take_length(&mut self.rest).ok_or(RecordProblem::Length)?;
        let (body, rest) = length
            .and_then(|length| self.rest.split_at_checked(length))
            .ok_or(RecordProblem::Length)?;
        self.rest = rest;
        parse_body(body, &self.base)
    }

    #[cold]
    fn fail(&mut self, problem: RecordProblem) -> BatchError {
        let left = i32::try_from(self.count_left).unwrap_or(i32::MAX);
        self.is_open = false;
        self.count_left = 0;
        BatchError::Record {
            base_offset: self.base.offset,
            index: self.base.record_count - 1 - left,
            problem,
        }
    }

    /// After the last record: an error where bytes are left.
    #[cold]
    fn close(&mut self) -> Option<BatchError> {
        let is_wrong = self.is_open && !self.rest.is_empty();
        self.is_open = false;
        is_wrong.then_some(BatchError::BytesLeft {
            base_offset: self.base.offset,
            bytes: self.rest.len(),
        })
    }
}

impl<'s> Iterator for Records<'s> {
    type Item = Result<RecordView<'s>, BatchError>;

    /// Always inlined, with what it calls: a record handed over through memory is written in words
    /// and read back in pairs of words, which stalls the processor for longer than parsing takes.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.count_left.checked_sub(1) else {
            return self.close().map(Err);
        };
        self.count_left = left;
        match self.take() {
            Ok(record) => Some(Ok(record)),
            Err(problem) => Some(Err(self.fail(problem))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.count_left).unwrap_or(usize::MAX);
        (left.min(1), left.checked_add(1))
    }
}

impl FusedIterator for Records<'_> {}

/// Shape of a record past its length: attributes (1 byte, unused), timestamp delta, offset delta,
/// key, value, header count, headers; numbers are varints, −1 for the length of a null.
///
/// Sums wrap as Java's do, so that any timestamp a producer sent comes back.
///
/// Source: `DefaultRecord.readFrom` (Apache Kafka, commit 09f382c).
#[inline(always)]
fn parse_body<'s>(body: &'s [u8], base: &Base) -> Result<RecordView<'s>, RecordProblem> {
    let (_attributes, mut rest) = body.split_first().ok_or(RecordProblem::Length)?;
    let timestamp_delta = varint::take_i64(&mut rest).ok_or(RecordProblem::Delta)?;
    let offset_delta = varint::take_i32(&mut rest).ok_or(RecordProblem::Delta)?;
    let key = take_bytes(&mut rest).ok_or(RecordProblem::Key)?;
    let value = take_bytes(&mut rest).ok_or(RecordProblem::Value)?;
    let headers = parse_headers(rest).ok_or(RecordProblem::Headers)?;
    let timestamp = Timestamp(base.timestamp.0.wrapping_add(timestamp_delta));
    let (timestamp, timestamp_type) = match base.append_time {
        None => (timestamp, TimestampType::CreateTime),
        Some(time) => (time, TimestampType::LogAppendTime),
    };
    Ok(RecordView {
        offset: Offset(base.offset.0.saturating_add(offset_delta.into())),
        timestamp,
        timestamp_type,
        key,
        value,
        headers,
    })
}

/// The header count and the headers, which fill `rest`.
#[inline]
fn parse_headers(mut rest: &[u8]) -> Option<HeadersView<'_>> {
    if rest == [0] {
        return Some(HeadersView::EMPTY);
    }
    let count = varint::take_i32(&mut rest)?;
    HeadersView::parse(rest, usize::try_from(count).ok()?)
}

/// The inner `None` is null: any negative length, as Java reads it.
#[inline]
fn take_bytes<'s>(rest: &mut &'s [u8]) -> Option<Option<&'s [u8]>> {
    let Some(length) = take_length(rest)? else {
        return Some(None);
    };
    let (bytes, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(Some(bytes))
}

/// The inner `None` is a negative length.
///
/// Lengths of one and two bytes are taken here, straight to what they mean: the sign is bit 0.
#[inline]
fn take_length(rest: &mut &[u8]) -> Option<Option<usize>> {
    match *rest {
        [first @ ..0x80, tail @ ..] => {
            let encoded = usize::from(*first);
            *rest = tail;
            Some(positive(encoded))
        }
        [first, second @ ..0x80, tail @ ..] => {
            let encoded = usize::from(first & 0x7f) | usize::from(*second) << 7;
            *rest = tail;
            Some(positive(encoded))
        }
        _ => Some(usize::try_from(varint::take_i32(rest)?).ok()),
    }
}

/// The number that is zig-zag encoded, where it is not negative.
#[inline]
const fn positive(encoded: usize) -> Option<usize> {
    if encoded & 1 == 0 {
        Some(encoded >> 1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
