//! The tokens of a document: white space, words, strings.

use std::borrow::Cow;

use thiserror::Error;

use crate::record::Value;

/// Lists and objects may stand in each other to one below this, as in serde_json.
const DEPTH: u8 = 128;

/// Bytes are not a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("read JSON: {fault} at byte {at}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: Fault,
    /// Where: how many bytes stand before.
    pub at: usize,
}

/// What can be wrong with a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It ends too early.
    #[error("unexpected end")]
    End,
    /// A value should stand here.
    #[error("expected a value")]
    Value,
    /// A key in quotes should stand here.
    #[error("expected a key in quotes")]
    Key,
    /// A colon should stand here.
    #[error("expected ':'")]
    Colon,
    /// A list should go on or end here.
    #[error("expected ',' or ']'")]
    ListEnd,
    /// An object should go on or end here.
    #[error("expected ',' or '}}'")]
    ObjectEnd,
    /// Something follows the document.
    #[error("bytes after the document")]
    Trailing,
    /// Not a JSON number.
    #[error("malformed number")]
    Number,
    /// Too large for a 64-bit float.
    #[error("number out of range")]
    NumberRange,
    /// A control character that is not escaped.
    #[error("control character in text")]
    Control,
    /// No such escape, or half of a surrogate pair.
    #[error("malformed escape")]
    Escape,
    /// Text is not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// More than 127 lists and objects in each other.
    #[error("more than 127 levels")]
    Depth,
}

/// Reads through a document from front to back.
#[derive(Debug)]
pub(in crate::codec) struct Scanner<'a> {
    pub(in crate::codec) bytes: &'a [u8],
    pub(in crate::codec) at: usize,
    depth_left: u8,
}

/// A string as it stands between its quotes; well formed, escapes included.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct RawText<'a> {
    pub(in crate::codec) bytes: &'a [u8],
    pub(in crate::codec) has_escapes: bool,
}

impl<'a> Scanner<'a> {
    pub(in crate::codec) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth_left: DEPTH,
        }
    }

    /// A scanner of what will stand `levels` deep in another document.
    pub(in crate::codec) const fn within(bytes: &'a [u8], levels: u8) -> Self {
        let mut scanner = Self::new(bytes);
        scanner.depth_left -= levels;
        scanner
    }

    pub(in crate::codec) const fn error(&self, fault: Fault) -> JsonError {
        let fault = if self.at >= self.bytes.len() {
            Fault::End
        } else {
            fault
        };
        JsonError { fault, at: self.at }
    }

    /// The byte here; 0, which is never right outside a string, at the end.
    #[inline]
    pub(in crate::codec) fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(in crate::codec) fn take_if(&mut self, byte: u8) -> bool {
        let there = self.peek() == byte;
        self.at += usize::from(there);
        there
    }

    /// Moves past white space and tells the byte behind it.
    #[inline]
    pub(in crate::codec) fn peek_token(&mut self) -> u8 {
        loop {
            let byte = self.peek();
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return byte;
            }
            self.at += 1;
        }
    }

    #[inline]
    pub(in crate::codec) fn expect(&mut self, byte: u8, fault: Fault) -> Result<(), JsonError> {
        if self.peek_token() != byte {
            return Err(self.error(fault));
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but white space may be left.
    pub(in crate::codec) fn finish(&mut self) -> Result<(), JsonError> {
        self.peek_token();
        if self.at < self.bytes.len() {
            return Err(self.error(Fault::Trailing));
        }
        Ok(())
    }

    #[inline]
    pub(in crate::codec) fn descend(&mut self) -> Result<(), JsonError> {
        self.depth_left -= 1;
        if self.depth_left == 0 {
            return Err(self.error(Fault::Depth));
        }
        Ok(())
    }

    #[inline]
    pub(in crate::codec) const fn ascend(&mut self) {
        self.depth_left += 1;
    }

    /// Reads `null`, `true` or `false`.
    #[inline]
    pub(in crate::codec) fn word(&mut self) -> Result<Value<'a>, JsonError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (len, value) = if rest.starts_with(b"true") {
            (4, Value::Bool(true))
        } else if rest.starts_with(b"false") {
            (5, Value::Bool(false))
        } else if rest.starts_with(b"null") {
            (4, Value::Null)
        } else {
            return Err(self.error(Fault::Value));
        };
        self.at += len;
        Ok(value)
    }

    /// Reads `"key":` and stops behind the colon.
    #[inline(always)]
    pub(in crate::codec) fn key(&mut self) -> Result<RawText<'a>, JsonError> {
        match self.quick(b"\":") {
            Some(bytes) => Ok(RawText::plain(bytes)),
            None => self.slow_key(),
        }
    }

    #[inline(never)]
    fn slow_key(&mut self) -> Result<RawText<'a>, JsonError> {
        if self.peek_token() != b'"' {
            return Err(self.error(Fault::Key));
        }
        let key = self.string()?;
        self.expect(b':', Fault::Colon)?;
        Ok(key)
    }

    /// Reads the string that starts here and `end`, which starts with its closing quote, where it
    /// is all plain ASCII; else `None`, and nothing is read.
    #[inline(always)]
    fn quick(&mut self, end: &[u8]) -> Option<&'a [u8]> {
        let quoted = self.bytes.get(self.at..)?.strip_prefix(b"\"")?;
        let (text, rest) = quoted.split_at_checked(plain_len(quoted)?)?;
        if !rest.starts_with(end) {
            return None;
        }
        self.at += 1 + text.len() + end.len();
        Some(text)
    }

    /// Whether a list or object that is open goes on; if not, it ends here with `close`.
    ///
    /// Called behind each entry.
    #[inline]
    pub(in crate::codec) fn goes_on(&mut self, close: u8, fault: Fault) -> Result<bool, JsonError> {
        match self.peek_token() {
            b',' => {
                self.at += 1;
                Ok(true)
            }
            byte if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.error(fault)),
        }
    }

    /// Whether the list or object that was just opened is empty; then it ends here.
    #[inline]
    pub(in crate::codec) fn is_empty(&mut self, close: u8) -> bool {
        self.peek_token();
        self.take_if(close)
    }

    /// Reads the string whose opening quote stands here.
    #[inline(always)]
    pub(in crate::codec) fn string(&mut self) -> Result<RawText<'a>, JsonError> {
        match self.quick(b"\"") {
            Some(bytes) => Ok(RawText::plain(bytes)),
            None => self.slow_string(),
        }
    }

    #[inline(never)]
    fn slow_string(&mut self) -> Result<RawText<'a>, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut has_escapes = false;
        let mut is_ascii = true;
        loop {
            is_ascii &= self.run();
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                _ => return Err(self.error(Fault::Control)),
            }
        }
        let bytes = self.bytes.get(start..self.at).unwrap_or_default();
        if !is_ascii && let Err(error) = str::from_utf8(bytes) {
            self.at = start + error.valid_up_to();
            return Err(self.error(Fault::Utf8));
        }
        self.at += 1;
        Ok(RawText { bytes, has_escapes })
    }

    /// Moves to the next quote, backslash or control character, or to the end; tells whether all
    /// bytes passed are ASCII.
    #[inline]
    fn run(&mut self) -> bool {
        let mut seen = 0u64;
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        while let Some((chunk, tail)) = rest.split_first_chunk() {
            let word = u64::from_le_bytes(*chunk);
            let stops = stops(word);
            if stops != 0 {
                let before = stops & stops.wrapping_neg();
                self.at += (stops.trailing_zeros() / 8) as usize;
                // The bytes below the stop: its own top bit is the first not to count.
                return (seen | (word & ((before >> 7) - 1))) & TOPS == 0;
            }
            seen |= word;
            self.at += 8;
            rest = tail;
        }
        for &byte in rest {
            if matches!(byte, b'"' | b'\\' | 0..0x20) {
                break;
            }
            seen |= u64::from(byte);
            self.at += 1;
        }
        seen & TOPS == 0
    }

    /// Moves past the escape that stands here, and tells its character.
    #[cold]
    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        let letter = self.peek();
        if letter == b'u' {
            self.at += 1;
            return self.unicode();
        }
        let char = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return Err(self.error(Fault::Escape)),
        };
        self.at += 1;
        Ok(char)
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or(self.error(Fault::Escape));
        }
        if !(self.take_if(b'\\') && self.take_if(b'u')) {
            return Err(self.error(Fault::Escape));
        }
        let low = self.hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.error(Fault::Escape));
        }
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        char::from_u32(code).ok_or(self.error(Fault::Escape))
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut number = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()).to_digit(16);
            number = number * 16 + digit.ok_or(self.error(Fault::Escape))?;
            self.at += 1;
        }
        Ok(number)
    }
}

impl<'a> RawText<'a> {
    #[inline]
    const fn plain(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            has_escapes: false,
        }
    }

    /// The text, borrowed where there are no escapes.
    #[inline]
    pub(in crate::codec) fn decode(self) -> Cow<'a, str> {
        if self.has_escapes {
            Cow::Owned(self.unescape())
        } else {
            Cow::Borrowed(str::from_utf8(self.bytes).unwrap_or_default())
        }
    }

    #[cold]
    fn unescape(self) -> String {
        let mut out = String::with_capacity(self.bytes.len());
        let mut scanner = Scanner::new(self.bytes);
        loop {
            let start = scanner.at;
            scanner.run();
            let plain = self.bytes.get(start..scanner.at).unwrap_or_default();
            out.push_str(str::from_utf8(plain).unwrap_or_default());
            if scanner.at == self.bytes.len() {
                return out;
            }
            // Every escape was checked when the string was read.
            match scanner.escape() {
                Ok(char) => out.push(char),
                Err(_) => return out,
            }
        }
    }
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// How many bytes stand before the first that is a quote, a backslash, a control character or not
/// ASCII; `None` near the end, where there are too few bytes to look at eight at once.
#[inline(always)]
fn plain_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk);
        let stops = stops(word) | (word & TOPS);
        if stops != 0 {
            return Some(bytes.len() - rest.len() + (stops.trailing_zeros() / 8) as usize);
        }
        rest = tail;
    }
    None
}

/// The top bit of the first byte that ends a run is set, and none below it. (Bits above it may be
/// wrong: a borrow carries upward.)
#[inline]
const fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero_bytes(quote) | zero_bytes(backslash) | control) & TOPS
}

#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}
