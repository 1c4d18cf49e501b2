//! Avro's binary form, read from front to back.

use thiserror::Error;

use crate::record::varint;

/// Records, arrays and maps may stand in each other this deeply.
const DEPTH_MAX: u16 = 256;

/// How many values one datum may hold that take no bytes: nulls, empty records, fixed of size 0.
/// Without a bound, a few bytes could announce 2^62 of them.
const FREE_MAX: u64 = 1 << 16;

/// Bytes are not the Avro datum that they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("read Avro: {fault} at byte {at}")]
pub struct AvroError {
    /// What is wrong.
    pub fault: Fault,
    /// Where, counted from the start of the datum.
    pub at: usize,
}

/// What can be wrong with a datum.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It ends too early.
    #[error("unexpected end")]
    End,
    /// Something follows it.
    #[error("bytes after the datum")]
    Trailing,
    /// An integer of more than its bits.
    #[error("integer out of range")]
    Integer,
    /// A length below zero or above what is left.
    #[error("length {length} with {left} bytes left")]
    Length {
        /// The length as given.
        length: i64,
        /// How many bytes are left.
        left: usize,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("boolean {0}")]
    Boolean(u8),
    /// A union has no such branch.
    #[error("union branch {0}")]
    Branch(i64),
    /// An enum has no such symbol.
    #[error("enum symbol number {0}")]
    Symbol(i64),
    /// The writer's symbol is not one of the reader's, and there is no default.
    #[error("enum symbol {0:?}, which the reader does not know")]
    UnknownSymbol(Box<str>),
    /// Text is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A timestamp outside the years −262143 to 262142.
    #[error("timestamp {0} out of range")]
    Timestamp(i64),
    /// A decimal of more than 128 bits.
    #[error("decimal out of range")]
    Decimal,
    /// More than 256 records, arrays and maps in each other.
    #[error("more than {DEPTH_MAX} levels")]
    Depth,
    /// More than 65 536 values that take no bytes.
    #[error("more than {FREE_MAX} values without bytes")]
    Free,
    /// What the writer wrote cannot be read as the reader wants it.
    #[error("{0}")]
    Mismatch(Box<str>),
}

/// A datum that is being read.
#[derive(Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    len: usize,
    free_left: u64,
    depth_left: u16,
}

/// Faults are rare: they are boxed so that the result of reading a number stays small.
pub(super) type Read<T> = Result<T, Box<Fault>>;

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            len: bytes.len(),
            free_left: FREE_MAX,
            depth_left: DEPTH_MAX,
        }
    }

    /// The error for `fault` here.
    pub(super) fn error(&self, fault: Fault) -> AvroError {
        AvroError {
            fault,
            at: self.len - self.rest.len(),
        }
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Read<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Fault::Trailing.into())
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Read<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(Fault::End)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    pub(super) fn chunk<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Fault::End)?;
        self.rest = rest;
        Ok(*chunk)
    }

    #[inline]
    pub(super) fn bytes(&mut self, len: usize) -> Read<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Fault::End)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    pub(super) fn long(&mut self) -> Read<i64> {
        match varint::take_i64(&mut self.rest) {
            Some(number) => Ok(number),
            None => Err(self.bad_long()),
        }
    }

    /// Moves past a number.
    #[inline]
    pub(super) fn skip_long(&mut self) -> Read<()> {
        let mut len = 0;
        while let Some(&byte) = self.rest.get(len) {
            len += 1;
            if byte < 0x80 || len == varint::LEN_MAX {
                break;
            }
        }
        match self.rest.split_at_checked(len) {
            Some(([.., last], rest)) if *last < 0x80 => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(self.bad_long()),
        }
    }

    #[cold]
    fn bad_long(&self) -> Box<Fault> {
        if self.rest.len() < varint::LEN_MAX && self.rest.iter().all(|&byte| byte >= 0x80) {
            return Fault::End.into();
        }
        Fault::Integer.into()
    }

    #[inline]
    pub(super) fn int(&mut self) -> Read<i32> {
        Ok(i32::try_from(self.long()?).map_err(|_| Fault::Integer)?)
    }

    pub(super) fn boolean(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => Err(Fault::Boolean(byte).into()),
        }
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn sized(&mut self) -> Read<&'a [u8]> {
        let length = self.long()?;
        let bytes = usize::try_from(length).ok();
        match bytes.and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.bad_length(length)),
        }
    }

    #[cold]
    fn bad_length(&self, length: i64) -> Box<Fault> {
        let left = self.rest.len();
        Fault::Length { length, left }.into()
    }

    /// Text behind its length.
    #[inline]
    pub(super) fn text(&mut self) -> Read<&'a str> {
        Ok(str::from_utf8(self.sized()?).map_err(|_| Fault::Utf8)?)
    }

    /// The start of a block of an array or a map; a count of 0 ends it.
    #[inline]
    pub(super) fn block(&mut self) -> Read<Block> {
        let count = self.long()?;
        let bytes = if count < 0 {
            let length = self.long()?;
            let bytes = usize::try_from(length).ok();
            let bytes = bytes.filter(|&bytes| bytes <= self.rest.len());
            Some(bytes.ok_or_else(|| self.bad_length(length))?)
        } else {
            None
        };
        let count = count.unsigned_abs();
        Ok(Block { count, bytes })
    }

    /// Accounts for `count` values that take no bytes.
    #[inline]
    pub(super) fn free(&mut self, count: u64) -> Read<()> {
        self.free_left = self.free_left.checked_sub(count).ok_or(Fault::Free)?;
        Ok(())
    }

    /// Enters a record, an array or a map.
    #[inline]
    pub(super) fn descend(&mut self) -> Read<()> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Fault::Depth)?;
        Ok(())
    }

    /// Leaves it.
    #[inline]
    pub(super) const fn ascend(&mut self) {
        self.depth_left += 1;
    }
}

/// How an array or a map goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// How many items follow; 0 is the end.
    pub(super) count: u64,
    /// How many bytes they take, where the writer says.
    pub(super) bytes: Option<usize>,
}
