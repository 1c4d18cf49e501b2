//! The codecs of record batches, both directions, with bounds.
//!
//! A batch says in its attributes how its records are compressed; they are one stream of bytes to
//! the codec. What comes out of a [`Decompressor`] never exceeds its limit, whatever the input
//! claims, and its memory is reused from batch to batch.

mod codec;
mod compressor;
mod decompressor;
mod gzip;
mod lz4;
mod scratch;
mod snappy;
mod stop;
mod zstd;

pub use codec::{Compression, UnknownCompression};
pub use compressor::Compressor;
pub use decompressor::Decompressor;

/// What goes wrong in a codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// The output would pass the limit: a decompression bomb, or a limit that is too small.
    #[error("{codec} data holds more than {limit_bytes} bytes, the limit on decompressed bytes")]
    TooLarge {
        /// The codec.
        codec: Compression,
        /// The limit that would be passed, in bytes.
        limit_bytes: usize,
    },
    /// The bytes are not what the codec writes.
    #[error("{codec} data is corrupt: {problem}")]
    Corrupt {
        /// The codec.
        codec: Compression,
        /// What is wrong.
        problem: Box<str>,
    },
    /// The codec's library failed, out of memory for example.
    #[error("{codec} cannot compress: {problem}")]
    Failed {
        /// The codec.
        codec: Compression,
        /// The library's own words.
        problem: Box<str>,
    },
}

#[cfg(test)]
mod tests;
