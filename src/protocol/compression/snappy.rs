//! Snappy: plain blocks, and the framing of xerial's snappy-java, which is what Kafka writes.
//!
//! Shape of the framing: magic (8 bytes), version and lowest compatible version (4 each), then
//! blocks, each a big-endian length (4) and a plain snappy block. Streams may stand end to end.
//! Where the magic is missing, the whole input is one plain block, as old clients in other
//! languages wrote it.
//!
//! Source: `SnappyInputStream.java`, `SnappyOutputStream.java` (xerial/snappy-java).

use std::fmt;

use crate::protocol::compression::scratch::Scratch;
use crate::protocol::compression::stop::Stop;

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, version 1, lowest compatible version 1.
const HEADER: [u8; 16] = [
    0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
];
/// How much plain data a block holds in what Java writes.
const BLOCK_LEN: usize = 32 << 10;
/// The densest element copies 64 bytes and takes 3; rounded up.
const RATIO_MAX: usize = 22;

/// Reads snappy in either form.
#[derive(Default)]
pub(super) struct Reader {
    decoder: snap::raw::Decoder,
}

impl Reader {
    pub(super) fn read(&mut self, input: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
        if !input.starts_with(&MAGIC) {
            return self.read_block(input, scratch);
        }
        let mut rest = input;
        while !rest.is_empty() {
            rest = self.read_frame_part(rest, scratch)?;
        }
        Ok(())
    }

    /// Reads one header or one block, and returns what follows it.
    fn read_frame_part<'i>(
        &mut self,
        input: &'i [u8],
        scratch: &mut Scratch,
    ) -> Result<&'i [u8], Stop> {
        let cut = || Stop::corrupt("cut short");
        if input.starts_with(&MAGIC) {
            return input.get(HEADER.len()..).ok_or_else(cut);
        }
        let (length, rest) = input.split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(i32::from_be_bytes(*length))
            .map_err(|_| Stop::corrupt("a block has a negative length"))?;
        let (block, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        self.read_block(block, scratch)?;
        Ok(rest)
    }

    fn read_block(&mut self, block: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
        let bad_block = |_| Stop::corrupt("bad block");
        let plain_len = snap::raw::decompress_len(block).map_err(bad_block)?;
        if plain_len > block.len().saturating_mul(RATIO_MAX) {
            return Err(Stop::corrupt("a block claims more than it can hold"));
        }
        let space = scratch.space(plain_len);
        if space.len() < plain_len {
            return Err(Stop::LimitPassed);
        }
        let written = self.decoder.decompress(block, space).map_err(bad_block)?;
        scratch.advance(written)
    }
}

/// Writes snappy as snappy-java does.
#[derive(Default)]
pub(super) struct Writer {
    encoder: Option<snap::raw::Encoder>,
    block: Vec<u8>,
}

impl Writer {
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        let encoder = self.encoder.get_or_insert_with(snap::raw::Encoder::new);
        self.block.resize(snap::raw::max_compress_len(BLOCK_LEN), 0);
        out.extend_from_slice(&HEADER);
        for chunk in plain.chunks(BLOCK_LEN) {
            let written = encoder
                .compress(chunk, &mut self.block)
                .map_err(|error| error.to_string())?;
            let block = self.block.get(..written).unwrap_or_default();
            out.extend_from_slice(&u32::try_from(written).unwrap_or_default().to_be_bytes());
            out.extend_from_slice(block);
        }
        Ok(())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
