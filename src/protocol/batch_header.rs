//! The 61 bytes in front of the records of a batch.

use crate::protocol::compression::Compression;
use crate::protocol::crc::crc32c_of;
use crate::record::{LeaderEpoch, Offset, Timestamp, TimestampType};

/// The length of a header, and so of the smallest batch, in bytes.
pub const HEADER_LEN: usize = 61;
/// The length of what `batch_length` does not count: the base offset and itself.
pub const PREFIX_LEN: usize = 12;
/// The place of the first byte that the checksum covers; it covers all from there to the end.
pub const CRC_START: usize = 21;
/// The message format that is read and written here.
pub const MAGIC: i8 = 2;
/// No producer id: the batch is not idempotent.
pub const NO_PRODUCER_ID: i64 = -1;

/// The attribute bits that name the codec.
pub(crate) const CODEC_MASK: i16 = 0b111;
/// The attribute bit of append time.
pub(crate) const LOG_APPEND_TIME: i16 = 1 << 3;
/// The attribute bit of a transaction's batches.
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
/// The attribute bit of control batches.
pub(crate) const CONTROL: i16 = 1 << 5;

/// The header of a record batch, message format 2.
///
/// Shape, all big-endian: base offset (8 bytes), batch length (4), partition leader epoch (4),
/// magic (1), CRC (4), attributes (2), last offset delta (4), base timestamp (8), maximum
/// timestamp (8), producer id (8), producer epoch (2), base sequence (4), record count (4).
///
/// The values are as they stand in the bytes: nothing says that they fit together.
///
/// Source: `DefaultRecordBatch.java` (Apache Kafka, commit 1eb7644), KIP-98.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset that the records' offset deltas start from.
    pub base_offset: Offset,
    /// How many bytes of the batch follow this field.
    pub batch_length: i32,
    /// The leadership under which the broker appended the batch.
    pub partition_leader_epoch: LeaderEpoch,
    /// The message format.
    pub magic: i8,
    /// CRC-32C of all bytes from the attributes to the end.
    pub crc: u32,
    /// Bits 0–2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon.
    pub attributes: i16,
    /// The last offset of the batch less the base offset; compaction leaves it alone.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas start from.
    pub base_timestamp: Timestamp,
    /// The largest timestamp in the batch, or the append time.
    pub max_timestamp: Timestamp,
    /// Who wrote the batch; −1 without idempotence.
    pub producer_id: i64,
    /// Which incarnation of the producer wrote the batch; −1 without idempotence.
    pub producer_epoch: i16,
    /// The sequence number of the first record; −1 without idempotence.
    pub base_sequence: i32,
    /// How many records there are; 0 where compaction took them all.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header off the front of `bytes`; `None` where there are fewer than
    /// [`HEADER_LEN`].
    #[must_use]
    pub fn parse(mut bytes: &[u8]) -> Option<Self> {
        let rest = &mut bytes;
        Some(Self {
            base_offset: Offset(i64::from_be_bytes(take(rest)?)),
            batch_length: i32::from_be_bytes(take(rest)?),
            partition_leader_epoch: LeaderEpoch(i32::from_be_bytes(take(rest)?)),
            magic: i8::from_be_bytes(take(rest)?),
            crc: u32::from_be_bytes(take(rest)?),
            attributes: i16::from_be_bytes(take(rest)?),
            last_offset_delta: i32::from_be_bytes(take(rest)?),
            base_timestamp: Timestamp(i64::from_be_bytes(take(rest)?)),
            max_timestamp: Timestamp(i64::from_be_bytes(take(rest)?)),
            producer_id: i64::from_be_bytes(take(rest)?),
            producer_epoch: i16::from_be_bytes(take(rest)?),
            base_sequence: i32::from_be_bytes(take(rest)?),
            record_count: i32::from_be_bytes(take(rest)?),
        })
    }

    /// The header in its encoded form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..8].copy_from_slice(&self.base_offset.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.batch_length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.partition_leader_epoch.0.to_be_bytes());
        bytes[16..17].copy_from_slice(&self.magic.to_be_bytes());
        bytes[17..21].copy_from_slice(&self.crc.to_be_bytes());
        bytes[21..23].copy_from_slice(&self.attributes.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        bytes[27..35].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        bytes[35..43].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.base_sequence.to_be_bytes());
        bytes[57..61].copy_from_slice(&self.record_count.to_be_bytes());
        bytes
    }

    /// How the records are compressed, or the number of a codec that no one knows.
    ///
    /// # Errors
    ///
    /// The codec number (5 to 7) where Kafka assigns none.
    pub const fn compression(&self) -> Result<Compression, i16> {
        Compression::from_number(self.attributes & CODEC_MASK)
    }

    /// Who set the records' timestamps.
    #[must_use]
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record (a transaction marker) instead of data.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether the batch was written with a producer id.
    #[must_use]
    pub const fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// The last offset that the batch stands for, whether or not its record is still there.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(
            self.base_offset
                .0
                .saturating_add(self.last_offset_delta.into()),
        )
    }

    /// The position after the batch, also where compaction has emptied it.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk()?;
    *bytes = tail;
    Some(*head)
}

/// A whole batch whose header is patched in place, as a broker does that appends it.
#[derive(Debug)]
pub struct BatchMut<'a> {
    header: &'a mut [u8; HEADER_LEN],
    records: &'a [u8],
}

impl<'a> BatchMut<'a> {
    /// Takes `bytes` as one whole batch; `None` where they are shorter than a header.
    ///
    /// The bytes are believed: check them with [`crate::protocol::batch_reader::Batches`] first.
    pub fn new(bytes: &'a mut [u8]) -> Option<Self> {
        let (header, records) = bytes.split_first_chunk_mut()?;
        Some(Self { header, records })
    }

    /// Sets the base offset. The checksum does not cover it.
    pub fn set_base_offset(&mut self, offset: Offset) {
        self.header[0..8].copy_from_slice(&offset.0.to_be_bytes());
    }

    /// Sets the partition leader epoch. The checksum does not cover it.
    pub fn set_leader_epoch(&mut self, epoch: LeaderEpoch) {
        self.header[12..16].copy_from_slice(&epoch.0.to_be_bytes());
    }

    /// Makes `time` the timestamp of all records (`LogAppendTime`), and the checksum anew.
    pub fn set_append_time(&mut self, time: Timestamp) {
        let attributes = i16::from_be_bytes([self.header[21], self.header[22]]) | LOG_APPEND_TIME;
        self.header[21..23].copy_from_slice(&attributes.to_be_bytes());
        self.header[35..43].copy_from_slice(&time.0.to_be_bytes());
        self.seal();
    }

    /// Sets the whole header, checksum included.
    pub(crate) fn set_header(&mut self, header: &BatchHeader) {
        *self.header = header.to_bytes();
    }

    /// Computes the checksum and writes it.
    pub(crate) fn seal(&mut self) {
        let crc = crc32c_of(&self.header[CRC_START..], self.records);
        self.header[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::crc::crc32c;
    use proptest::prelude::*;

    /// The header of a one-record batch: every field has a value of its own.
    fn sample() -> BatchHeader {
        BatchHeader {
            base_offset: Offset(1),
            batch_length: 2,
            partition_leader_epoch: LeaderEpoch(3),
            magic: 2,
            crc: 5,
            attributes: 0,
            last_offset_delta: 7,
            base_timestamp: Timestamp(8),
            max_timestamp: Timestamp(9),
            producer_id: 10,
            producer_epoch: 11,
            base_sequence: 12,
            record_count: 13,
        }
    }

    #[test]
    fn the_fields_stand_where_kafka_has_them() {
        let expected = [
            &[0, 0, 0, 0, 0, 0, 0, 1][..],
            &[0, 0, 0, 2],
            &[0, 0, 0, 3],
            &[2],
            &[0, 0, 0, 5],
            &[0, 0],
            &[0, 0, 0, 7],
            &[0, 0, 0, 0, 0, 0, 0, 8],
            &[0, 0, 0, 0, 0, 0, 0, 9],
            &[0, 0, 0, 0, 0, 0, 0, 10],
            &[0, 11],
            &[0, 0, 0, 12],
            &[0, 0, 0, 13],
        ]
        .concat();
        assert_eq!(sample().to_bytes()[..], expected[..]);
        assert_eq!(BatchHeader::parse(&expected), Some(sample()));
        assert_eq!(BatchHeader::parse(&expected[..60]), None, "one byte short");
    }

    #[test]
    fn each_attribute_bit_says_one_thing() {
        let with = |attributes| BatchHeader {
            attributes,
            ..sample()
        };
        assert_eq!(with(0b100).compression(), Ok(Compression::Zstd));
        assert_eq!(with(0b101).compression(), Err(5));
        let append_time = with(1 << 3);
        assert_eq!(append_time.timestamp_type(), TimestampType::LogAppendTime);
        assert!(with(1 << 4).is_transactional());
        assert!(with(1 << 5).is_control());
        let delete_horizon = with(1 << 6);
        assert_eq!(delete_horizon.compression(), Ok(Compression::None));
        assert_eq!(delete_horizon.timestamp_type(), TimestampType::CreateTime);
        assert!(!delete_horizon.is_transactional() && !delete_horizon.is_control());
    }

    #[test]
    fn the_next_offset_follows_the_last_one_and_never_overflows() {
        let with = |base_offset, last_offset_delta| BatchHeader {
            base_offset: Offset(base_offset),
            last_offset_delta,
            ..sample()
        };
        assert_eq!(with(100, 4).next_offset(), Offset(105));
        assert_eq!(with(i64::MAX, i32::MAX).next_offset(), Offset(i64::MAX));
    }

    #[test]
    fn patching_offset_and_epoch_leaves_the_checksum_alone() {
        let mut bytes = sample().to_bytes().to_vec();
        let mut batch = BatchMut::new(&mut bytes).expect("long enough");
        batch.set_base_offset(Offset(-2));
        batch.set_leader_epoch(LeaderEpoch(i32::MAX));
        let expected = BatchHeader {
            base_offset: Offset(-2),
            partition_leader_epoch: LeaderEpoch(i32::MAX),
            ..sample()
        };
        assert_eq!(BatchHeader::parse(&bytes), Some(expected));
    }

    #[test]
    fn patching_the_append_time_seals_the_batch_anew() {
        let mut bytes = [&sample().to_bytes()[..], b"records"].concat();
        let mut batch = BatchMut::new(&mut bytes).expect("long enough");
        batch.set_append_time(Timestamp(77));
        let header = BatchHeader::parse(&bytes).expect("long enough");
        assert_eq!(header.timestamp_type(), TimestampType::LogAppendTime);
        assert_eq!(header.max_timestamp, Timestamp(77));
        assert_eq!(header.crc, crc32c(&bytes[CRC_START..]));
    }

    proptest! {
        #[test]
        fn any_61_bytes_come_back(bytes: [[u8; 1]; HEADER_LEN]) {
            let bytes = bytes.concat();
            let header = BatchHeader::parse(&bytes).expect("long enough");
            prop_assert_eq!(&header.to_bytes()[..], &bytes[..]);
        }
    }
}
