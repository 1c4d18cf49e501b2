//! What can be wrong with a record batch.

use crate::protocol::compression::CompressionError;
use crate::record::Offset;

/// What is wrong with a record batch that was read.
///
/// A batch that the end of a fetch answer cuts short is not an error: see
/// [`crate::protocol::batch_reader::Batches`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch has message format 0 or 1, which brokers before Kafka 0.11 wrote.
    #[error(
        "batch at offset {base_offset} has message format {magic}, which is not read; \
         only format 2 (Kafka 0.11 and later) is"
    )]
    OldFormat {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The format: 0 or 1.
        magic: i8,
    },
    /// The batch has a message format that nobody knows.
    #[error("batch at offset {base_offset} has the unknown message format {magic}")]
    UnknownFormat {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The format.
        magic: i8,
    },
    /// The batch's length is negative or leaves no room for its header.
    #[error("batch at offset {base_offset} has the impossible length {batch_length}")]
    Length {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The length field.
        batch_length: i32,
    },
    /// The checksum does not match: the bytes were damaged on their way or on disk.
    #[error(
        "batch at offset {base_offset} is damaged: its CRC is {computed:08x}, it says {stored:08x}"
    )]
    Crc {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The batch is compressed by a codec that nobody knows.
    #[error("batch at offset {base_offset} has the unknown compression {codec}")]
    UnknownCompression {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The number of the codec.
        codec: i16,
    },
    /// The records cannot be decompressed.
    #[error("decompress batch at offset {base_offset}")]
    Decompress {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// Why not.
        #[source]
        source: CompressionError,
    },
    /// The batch declares fewer than no records, or more than its bytes can hold.
    #[error("batch at offset {base_offset} declares {record_count} records in {bytes} bytes")]
    RecordCount {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The declared count.
        record_count: i32,
        /// How many bytes its records take, decompressed.
        bytes: usize,
    },
    /// A record is not well formed.
    #[error("record {index} of the batch at offset {base_offset} is malformed: {problem}")]
    Record {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// The place of the record in the batch, from 0.
        index: i32,
        /// What is wrong with it.
        problem: RecordProblem,
    },
    /// Bytes follow the last declared record.
    #[error("batch at offset {base_offset} has {bytes} bytes after its last record")]
    BytesLeft {
        /// Where the batch says it starts.
        base_offset: Offset,
        /// How many.
        bytes: usize,
    },
}

/// What is wrong with one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordProblem {
    /// Its length runs past the batch, or is negative.
    #[error("its length does not fit the batch")]
    Length,
    /// A timestamp or offset delta is cut short or too long.
    #[error("a delta is cut short or too long")]
    Delta,
    /// The key runs past the record.
    #[error("its key does not fit the record")]
    Key,
    /// The value runs past the record.
    #[error("its value does not fit the record")]
    Value,
    /// The headers are not what their count says, or bytes follow them.
    #[error("its headers do not fill the record")]
    Headers,
}
