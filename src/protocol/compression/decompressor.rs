//! Compressed bytes in, plain bytes out, within a limit.

use crate::protocol::compression::Compression;
use crate::protocol::compression::CompressionError;
use crate::protocol::compression::gzip;
use crate::protocol::compression::lz4;
use crate::protocol::compression::scratch::Scratch;
use crate::protocol::compression::snappy;
use crate::protocol::compression::stop::Stop;
use crate::protocol::compression::zstd;

/// Decompresses record batches, one at a time, into memory of its own that it reuses.
#[derive(Debug)]
pub struct Decompressor {
    scratch: Scratch,
    gzip: gzip::Reader,
    snappy: snappy::Reader,
    zstd: zstd::Reader,
}

impl Decompressor {
    /// The default limit: 64 MiB of plain bytes a batch, which is 64 times what a broker takes by
    /// default (`max.message.bytes`) and what a producer makes (`max.request.size`).
    pub const LIMIT_BYTES: usize = 64 << 20;

    /// A decompressor with the default limit. It allocates when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(Self::LIMIT_BYTES)
    }

    /// A decompressor that gives out at most `limit_bytes` a batch.
    #[must_use]
    pub fn with_limit(limit_bytes: usize) -> Self {
        Self {
            scratch: Scratch::new(limit_bytes),
            gzip: gzip::Reader::default(),
            snappy: snappy::Reader::default(),
            zstd: zstd::Reader::default(),
        }
    }

    /// Gives back the plain bytes of `compressed`: those bytes themselves for
    /// [`Compression::None`], which has no limit of its own, else bytes in memory that the next
    /// call reuses.
    ///
    /// # Errors
    ///
    /// [`CompressionError::TooLarge`] where there are more than the limit, and
    /// [`CompressionError::Corrupt`] where the codec did not write `compressed`, or not all of it.
    pub fn decompress<'s>(
        &'s mut self,
        compression: Compression,
        compressed: &'s [u8],
    ) -> Result<&'s [u8], CompressionError> {
        self.scratch.clear();
        let outcome = match compression {
            Compression::None => return Ok(compressed),
            Compression::Gzip => self.gzip.read(compressed, &mut self.scratch),
            Compression::Snappy => self.snappy.read(compressed, &mut self.scratch),
            Compression::Lz4 => lz4::read(compressed, &mut self.scratch),
            Compression::Zstd => self.zstd.read(compressed, &mut self.scratch),
        };
        match outcome {
            Ok(()) => Ok(self.scratch.filled()),
            Err(Stop::LimitPassed) => Err(CompressionError::TooLarge {
                codec: compression,
                limit_bytes: self.scratch.limit(),
            }),
            Err(Stop::Corrupt(problem)) => Err(CompressionError::Corrupt {
                codec: compression,
                problem,
            }),
        }
    }
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}
