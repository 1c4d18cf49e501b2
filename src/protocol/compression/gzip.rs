//! Gzip: RFC 1952 members end to end, as `GZIPInputStream` reads them.

use std::fmt;

use flate2::Compress;
use flate2::Crc;
use flate2::Decompress;
use flate2::FlushCompress;
use flate2::FlushDecompress;
use flate2::Status;

use crate::protocol::compression::scratch::Scratch;
use crate::protocol::compression::stop::Stop;

/// Magic, method deflate, no flags, no time, no extra flags, operating system unknown.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// CRC-32 and the plain length, both little-endian.
const TRAILER_LEN: usize = 8;
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;
/// Deflate makes no more of a byte than this.
const RATIO_MAX: usize = 1_032;

/// Reads gzip, with an inflater that is reused.
#[derive(Default)]
pub(super) struct Reader {
    inflater: Option<Decompress>,
}

impl Reader {
    pub(super) fn read(&mut self, input: &[u8], scratch: &mut Scratch) -> Result<(), Stop> {
        let mut rest = input;
        loop {
            rest = self.read_member(rest, scratch)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// Reads one member and returns what follows it.
    fn read_member<'i>(
        &mut self,
        input: &'i [u8],
        scratch: &mut Scratch,
    ) -> Result<&'i [u8], Stop> {
        let body = skip_header(input).ok_or_else(|| Stop::corrupt("bad member header"))?;
        let start = scratch.filled().len();
        let rest = self.inflate(body, scratch)?;
        let (trailer, rest) = rest
            .split_first_chunk::<TRAILER_LEN>()
            .ok_or_else(|| Stop::corrupt("cut short"))?;
        let plain = scratch.filled().get(start..).unwrap_or_default();
        if *trailer != trailer_of(plain) {
            return Err(Stop::corrupt("checksum or length differs"));
        }
        Ok(rest)
    }

    fn inflate<'i>(&mut self, body: &'i [u8], scratch: &mut Scratch) -> Result<&'i [u8], Stop> {
        let inflater = self.inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let mut rest = body;
        let mut wanted = plain_len_hint(body);
        loop {
            let (read, written) = (inflater.total_in(), inflater.total_out());
            let status = inflater
                .decompress(rest, scratch.space(wanted), FlushDecompress::None)
                .map_err(|_| Stop::corrupt("bad deflate stream"))?;
            let read = usize::try_from(inflater.total_in() - read).unwrap_or(usize::MAX);
            let written = usize::try_from(inflater.total_out() - written).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
            scratch.advance(written)?;
            match status {
                Status::StreamEnd => return Ok(rest),
                Status::Ok | Status::BufError if read > 0 || written > 0 => {}
                Status::Ok | Status::BufError => return Err(Stop::corrupt("cut short")),
            }
            wanted = scratch.filled().len().max(4_096);
        }
    }
}

/// The plain length that the last member ends with, as far as the input can hold it.
fn plain_len_hint(body: &[u8]) -> usize {
    let claimed = body.last_chunk().map_or(0, |end| u32::from_le_bytes(*end));
    let claimed = usize::try_from(claimed).unwrap_or(usize::MAX);
    claimed.min(body.len().saturating_mul(RATIO_MAX)).max(1)
}

fn trailer_of(plain: &[u8]) -> [u8; TRAILER_LEN] {
    let mut crc = Crc::new();
    crc.update(plain);
    let mut trailer = [0; TRAILER_LEN];
    trailer[..4].copy_from_slice(&crc.sum().to_le_bytes());
    trailer[4..].copy_from_slice(&length_modulo(plain).to_le_bytes());
    trailer
}

/// The length modulo 2^32, as the trailer has it.
fn length_modulo(plain: &[u8]) -> u32 {
    let modulo = plain.len() % (1 << 32);
    u32::try_from(modulo).unwrap_or_default()
}

fn skip_header(input: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = input.split_first_chunk::<{ HEADER.len() }>()?;
    let flags = header[3];
    if header[..3] != HEADER[..3] || flags & RESERVED != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, tail) = rest.split_first_chunk()?;
        rest = tail.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = memchr::memchr(0, rest)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Writes gzip, with a deflater that is reused.
#[derive(Default)]
pub(super) struct Writer {
    deflater: Option<Compress>,
}

impl Writer {
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        out.extend_from_slice(&HEADER);
        self.deflate(plain, out)?;
        out.extend_from_slice(&trailer_of(plain));
        Ok(())
    }

    fn deflate(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Box<str>> {
        let deflater = self
            .deflater
            .get_or_insert_with(|| Compress::new(flate2::Compression::default(), false));
        deflater.reset();
        let mut rest = plain;
        loop {
            let read = deflater.total_in();
            out.reserve(rest.len() / 2 + 64);
            let status = deflater
                .compress_vec(rest, out, FlushCompress::Finish)
                .map_err(|error| error.to_string())?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            let read = usize::try_from(deflater.total_in() - read).unwrap_or(usize::MAX);
            rest = rest.get(read..).unwrap_or_default();
        }
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
