//! Plain bytes in, compressed bytes out.

use crate::protocol::compression::Compression;
use crate::protocol::compression::CompressionError;
use crate::protocol::compression::gzip;
use crate::protocol::compression::lz4;
use crate::protocol::compression::snappy;
use crate::protocol::compression::zstd;

/// Compresses record batches, one at a time, with tables that it reuses.
///
/// Levels are Kafka's defaults: gzip 6, zstd 3.
#[derive(Debug, Default)]
pub struct Compressor {
    gzip: gzip::Writer,
    snappy: snappy::Writer,
    lz4: lz4::Writer,
    zstd: zstd::Writer,
}

impl Compressor {
    /// A compressor. It allocates when it is first used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `plain` to `out`, compressed.
    ///
    /// # Errors
    ///
    /// [`CompressionError::Failed`] where the codec's library fails; `out` then ends in bytes
    /// that mean nothing.
    pub fn compress(
        &mut self,
        compression: Compression,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressionError> {
        let outcome = match compression {
            Compression::None => {
                out.extend_from_slice(plain);
                Ok(())
            }
            Compression::Gzip => self.gzip.write(plain, out),
            Compression::Snappy => self.snappy.write(plain, out),
            Compression::Lz4 => self.lz4.write(plain, out),
            Compression::Zstd => self.zstd.write(plain, out),
        };
        outcome.map_err(|problem| CompressionError::Failed {
            codec: compression,
            problem,
        })
    }
}
