//! LZ4 frames, taken apart here and decoded block by block into place.
//!
//! Shape: magic (4 bytes, little-endian), flags (1), block size code (1), plain length (8, if
//! flagged), dictionary id (4, if flagged), header checksum (1); blocks, each a length (4, top
//! bit: stored as it is), its bytes and a checksum (4, if flagged); a zero length; a checksum of
//! the plain bytes (4, if flagged). Frames may stand end to end.
//!
//! Source: LZ4 frame format description 1.6.4; `Lz4BlockOutputStream.java` (Apache Kafka), whose
//! reader takes independent blocks only.

use lz4_flex::block::CompressTable;
use lz4_flex::block::DecompressError;
use lz4_flex::block::compress_into_with_table;
use lz4_flex::block::decompress_into;
use lz4_flex::block::decompress_into_with_dict;
use lz4_flex::block::get_maximum_output_size;
use twox_hash::XxHash32;

use crate::protocol::compression::scratch::Scratch;
use crate::protocol::compression::stop::Stop;

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUMS: u8 = 1 << 4;
const PLAIN_LEN: u8 = 1 << 3;
const PLAIN_CHECKSUM: u8 = 1 << 2;
const FLAG_RESERVED: u8 = 1 << 1;
const DICTIONARY: u8 = 1;
const STORED: u32 = 1 << 31;
/// How far back a linked block may point.
const HISTORY_LEN: usize = 64 << 10;
/// A byte of a length stands for 255 bytes at most, and a token for few more.
const RATIO_MAX: usize = 255;

/// Reads frames end to end.
pub(super) fn read(input: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
    let mut rest = input;
    loop {
        let frame = Frame::take(&mut rest)?;
        frame.read_blocks(&mut rest, scratch)?;
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// What a frame's header says.
struct Frame {
    flags: u8,
    block_len_max: usize,
    plain_len: Option<u64>,
}

impl Frame {
    fn take(rest: &mut &[u8]) -> Result<Self, Stop> {
        if take::<4>(rest)? != MAGIC {
            return Err(Stop::corrupt("not an lz4 frame"));
        }
        let described = *rest;
        let [flags, block_code] = take(rest)?;
        if flags & VERSION_MASK != VERSION || flags & FLAG_RESERVED != 0 {
            return Err(Stop::corrupt("unknown frame version"));
        }
        if flags & DICTIONARY != 0 {
            return Err(Stop::corrupt(
                "it needs a dictionary, which Kafka has none of",
            ));
        }
        let plain_len = if flags & PLAIN_LEN == 0 {
            None
        } else {
            Some(u64::from_le_bytes(take(rest)?))
        };
        let described = described.get(..described.len() - rest.len());
        let [checksum] = take(rest)?;
        if checksum != XxHash32::oneshot(0, described.unwrap_or_default()).to_le_bytes()[1] {
            return Err(Stop::corrupt("header checksum differs"));
        }
        Ok(Self {
            flags,
            block_len_max: block_len_max(block_code)?,
            plain_len,
        })
    }

    const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn read_blocks(&self, rest: &mut &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
        let start = scratch.filled().len();
        loop {
            let length = u32::from_le_bytes(take(rest)?);
            if length == 0 {
                break;
            }
            let block = self.take_block(length & !STORED, rest)?;
            if length & STORED == 0 {
                self.decode_block(block, start, scratch)?;
            } else {
                store_block(block, scratch)?;
            }
        }
        let plain = scratch.filled().get(start..).unwrap_or_default();
        if self.has(PLAIN_CHECKSUM) && take(rest)? != XxHash32::oneshot(0, plain).to_le_bytes() {
            return Err(Stop::corrupt("checksum differs"));
        }
        match self.plain_len {
            Some(length) if usize::try_from(length) != Ok(plain.len()) => {
                Err(Stop::corrupt("plain length differs"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn take_block<'i>(&self, length: u32, rest: &mut &'i [u8]) -> Result<&'i [u8], Stop> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.block_len_max {
            return Err(Stop::corrupt("a block is longer than its frame allows"));
        }
        let (block, tail) = rest.split_at_checked(length).ok_or_else(cut_short)?;
        *rest = tail;
        if self.has(BLOCK_CHECKSUMS) && take(rest)? != XxHash32::oneshot(0, block).to_le_bytes() {
            return Err(Stop::corrupt("block checksum differs"));
        }
        Ok(block)
    }

    /// Decodes one block behind what its frame (from `start`) has given so far.
    fn decode_block(&self, block: &[u8], start: usize, scratch: &mut Scratch) -> Result<(), Stop> {
        let bound = block.len().saturating_mul(RATIO_MAX).saturating_add(64);
        let wanted = bound.min(self.block_len_max);
        let (filled, space) = scratch.split(wanted);
        let is_clamped = space.len() < wanted;
        let decoded = if self.has(INDEPENDENT) {
            decompress_into(block, space)
        } else {
            let history = filled.get(start.max(filled.len().saturating_sub(HISTORY_LEN))..);
            decompress_into_with_dict(block, space, history.unwrap_or_default())
        };
        match decoded {
            Ok(written) => scratch.advance(written),
            Err(DecompressError::OutputTooSmall { .. }) if is_clamped => Err(Stop::LimitPassed),
            Err(_) => Err(Stop::corrupt("bad block")),
        }
    }
}

fn store_block(block: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
    let space = scratch.space(block.len());
    if space.len() < block.len() {
        return Err(Stop::LimitPassed);
    }
    space.copy_from_slice(block);
    scratch.advance(block.len())
}

fn block_len_max(code: u8) -> Result<usize, Stop> {
    match code {
        0x40 => Ok(64 << 10),
        0x50 => Ok(256 << 10),
        0x60 => Ok(1 << 20),
        0x70 => Ok(4 << 20),
        _ => Err(Stop::corrupt("unknown block size")),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Stop> {
    let (head, tail) = rest.split_first_chunk().ok_or_else(cut_short)?;
    *rest = tail;
    Ok(*head)
}

fn cut_short() -> Stop {
    Stop::corrupt("cut short")
}

/// Flags and block size code of what is written: as Java, independent blocks of 64 KiB without
/// checksums (the batch has one).
const WRITTEN: [u8; 2] = [VERSION | INDEPENDENT, 0x40];
const WRITTEN_BLOCK_LEN: usize = 64 << 10;

/// Writes frames, with a table that is reused.
#[derive(Default)]
pub(super) struct Writer {
    table: Option<CompressTable>,
    block: Vec<u8>,
}

impl Writer {
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&WRITTEN);
        out.push(XxHash32::oneshot(0, &WRITTEN).to_le_bytes()[1]);
        for chunk in plain.chunks(WRITTEN_BLOCK_LEN) {
            self.write_block(chunk, out)?;
        }
        out.extend_from_slice(&0u32.to_le_bytes());
        Ok(())
    }

    fn write_block(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        self.block
            .resize(get_maximum_output_size(WRITTEN_BLOCK_LEN), 0);
        let written = compress_into_with_table(chunk, &mut self.block, table)
            .map_err(|error| error.to_string())?;
        let is_smaller = written < chunk.len();
        let block = self.block.get(..written).filter(|_| is_smaller);
        let length = u32::try_from(block.unwrap_or(chunk).len()).unwrap_or_default();
        let stored = if is_smaller { 0 } else { STORED };
        out.extend_from_slice(&(length | stored).to_le_bytes());
        out.extend_from_slice(block.unwrap_or(chunk));
        Ok(())
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
