//! Zstandard, by the C library (feature `zstd-c`) or by `ruzstd`.
//!
//! A frame is decoded in one go, straight into the output, so no window is ever allocated; how
//! much output there may be is first read off the block headers.
//!
//! Source: RFC 8878.

use std::fmt;

use crate::protocol::compression::scratch::Scratch;
use crate::protocol::compression::stop::Stop;

#[cfg(feature = "zstd-c")]
use c_library as library;
#[cfg(not(feature = "zstd-c"))]
use pure_rust as library;

const MAGIC: u32 = 0xfd2f_b528;
/// The magic number of a skippable frame, less its last four bits.
const SKIPPABLE: u32 = 0x184d_2a50;
/// No block holds more plain bytes.
const BLOCK_LEN_MAX: u64 = 128 << 10;

/// Reads zstd, with a context that is reused.
#[derive(Default)]
pub(super) struct Reader {
    context: library::Reader,
}

impl Reader {
    pub(super) fn read(&mut self, input: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
        let bound = plain_len_bound(input).ok_or_else(|| Stop::corrupt("cut short or no frame"))?;
        let limit = scratch.limit();
        let wanted = usize::try_from(bound).unwrap_or(usize::MAX);
        match self.context.read(input, scratch.space(wanted)) {
            Ok(written) => scratch.advance(written),
            Err(_) if wanted > limit => Err(Stop::LimitPassed),
            Err(problem) => Err(Stop::Corrupt(problem)),
        }
    }
}

/// The most plain bytes that the frames in `input` can hold; `None` where their headers and block
/// headers do not add up.
fn plain_len_bound(input: &[u8]) -> Option<u64> {
    let mut rest = input;
    let mut bound = 0u64;
    while !rest.is_empty() {
        let magic = u32::from_le_bytes(take(&mut rest)?);
        if magic & !0xf == SKIPPABLE {
            let length = u32::from_le_bytes(take(&mut rest)?);
            rest = rest.get(usize::try_from(length).ok()?..)?;
        } else if magic == MAGIC {
            bound = bound.saturating_add(frame_bound(&mut rest)?);
        } else {
            return None;
        }
    }
    Some(bound)
}

/// Walks one frame, past its magic number.
fn frame_bound(rest: &mut &[u8]) -> Option<u64> {
    let [descriptor] = take(rest)?;
    let is_single_segment = descriptor & 0b10_0000 != 0;
    let has_checksum = descriptor & 0b100 != 0;
    if !is_single_segment {
        take::<1>(rest)?;
    }
    let dictionary_id_len = [0, 1, 2, 4].get(usize::from(descriptor & 0b11))?;
    *rest = rest.get(*dictionary_id_len..)?;
    let content_len = take_content_len(rest, descriptor >> 6, is_single_segment)?;
    let blocks = blocks_bound(rest)?;
    if has_checksum {
        take::<4>(rest)?;
    }
    Some(content_len.map_or(blocks, |length| length.min(blocks)))
}

/// The inner `None` is a frame that does not say.
fn take_content_len(rest: &mut &[u8], code: u8, is_single_segment: bool) -> Option<Option<u64>> {
    Some(Some(match code {
        0 if is_single_segment => u64::from(take::<1>(rest)?[0]),
        0 => return Some(None),
        1 => u64::from(u16::from_le_bytes(take(rest)?)) + 256,
        2 => u64::from(u32::from_le_bytes(take(rest)?)),
        _ => u64::from_le_bytes(take(rest)?),
    }))
}

fn blocks_bound(rest: &mut &[u8]) -> Option<u64> {
    let mut bound = 0u64;
    loop {
        let [low, middle, high] = take(rest)?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let size = header >> 3;
        let (stored_len, plain_len) = match (header >> 1) & 0b11 {
            0 => (size, u64::from(size)),
            1 => (1, u64::from(size)),
            2 => (size, BLOCK_LEN_MAX),
            _ => return None,
        };
        *rest = rest.get(usize::try_from(stored_len).ok()?..)?;
        bound = bound.saturating_add(plain_len);
        if header & 1 == 1 {
            return Some(bound);
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// Writes zstd, with a context that is reused.
#[derive(Default)]
pub(super) struct Writer {
    context: library::Writer,
}

impl Writer {
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        self.context.write(plain, out)
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

#[cfg(feature = "zstd-c")]
mod c_library {
    use zstd::bulk::Compressor;
    use zstd::bulk::Decompressor;
    use zstd::zstd_safe::compress_bound;

    #[derive(Default)]
    pub(super) struct Reader(Option<Decompressor<'static>>);

    impl Reader {
        pub(super) fn read(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Box<str>> {
            let context = match &mut self.0 {
                Some(context) => context,
                none => none.insert(Decompressor::new().map_err(|error| error.to_string())?),
            };
            let written = context.decompress_to_buffer(input, out);
            Ok(written.map_err(|error| error.to_string())?)
        }
    }

    #[derive(Default)]
    pub(super) struct Writer {
        context: Option<Compressor<'static>>,
        frame: Vec<u8>,
    }

    impl Writer {
        pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
            let context = match &mut self.context {
                Some(context) => context,
                none => {
                    let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                    none.insert(Compressor::new(level).map_err(|error| error.to_string())?)
                }
            };
            self.frame.clear();
            self.frame.reserve(compress_bound(plain.len()));
            context
                .compress_to_buffer(plain, &mut self.frame)
                .map_err(|error| error.to_string())?;
            out.extend_from_slice(&self.frame);
            Ok(())
        }
    }
}

#[cfg(not(feature = "zstd-c"))]
mod pure_rust {
    use ruzstd::decoding::FrameDecoder;
    use ruzstd::encoding::CompressionLevel;
    use ruzstd::encoding::compress_to_vec;

    /// `ruzstd` keeps a window of the size that a frame declares. Level 22, the highest, declares
    /// 128 MiB for streams; 8 MiB serves up to level 19.
    const WINDOW_LEN_MAX: u64 = 8 << 20;

    #[derive(Default)]
    pub(super) struct Reader(FrameDecoder);

    impl Reader {
        pub(super) fn read(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize, Box<str>> {
            self.0.set_max_window_size(WINDOW_LEN_MAX);
            let written = self.0.decode_all(input, out);
            Ok(written.map_err(|error| error.to_string())?)
        }
    }

    #[derive(Default)]
    pub(super) struct Writer;

    impl Writer {
        #[expect(clippy::unnecessary_wraps, reason = "the C library's can fail")]
        pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
            out.extend(compress_to_vec(plain, CompressionLevel::Fastest));
            Ok(())
        }
    }
}
