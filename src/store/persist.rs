//! State to bytes and back, for changelogs and snapshots.
//!
//! Numbers are little-endian and of fixed width, so that a snapshot is mostly copies; text and
//! bytes stand behind their length, vectors behind their count. Nothing says what it is: a reader
//! must ask for what the writer wrote, in the same order. Whoever stores the bytes adds a version
//! and a checksum.

use thiserror::Error;

use crate::record::Offset;
use crate::record::Timestamp;

/// Takes in state, as bytes.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

/// Gives back what a [`Writer`] took in.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

/// Bytes that hold no such state: cut short, of another plan, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("load state: {what}")]
pub struct Malformed {
    /// What is wrong with them.
    pub what: String,
}

impl Malformed {
    /// An error that says `what` is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

/// What can be written down and read back, alone.
///
/// State whose shape comes from the plan (columns, windows) has methods of the same names that
/// read into what the plan has made.
pub trait Persist: Sized {
    /// Writes this.
    fn save(&self, out: &mut Writer);

    /// Reads one back.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the bytes are not what [`Persist::save`] writes.
    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

impl Writer {
    /// A writer that has taken in nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A writer that appends to `bytes`.
    #[must_use]
    pub const fn appending(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What was taken in.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes `item`.
    pub fn put(&mut self, item: &impl Persist) {
        item.save(self);
    }

    /// Writes how many things follow.
    pub fn count(&mut self, count: usize) {
        self.put(&u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Writes `bytes` behind their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes `items` behind their count.
    pub fn slice<P: Persist>(&mut self, items: &[P]) {
        self.count(items.len());
        for item in items {
            item.save(self);
        }
    }

    /// Lets `write` append to the bytes.
    pub fn with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
    }
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Reads one thing.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn take<P: Persist>(&mut self) -> Result<P, Malformed> {
        P::load(self)
    }

    /// Reads how many things follow, each of at least `bytes_each` bytes, which is above 0: a count
    /// that the rest cannot hold is refused, so that it may be allocated for.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn count(&mut self, bytes_each: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.take::<u64>()?).unwrap_or(usize::MAX);
        if count > self.bytes.len() / bytes_each.max(1) {
            return Err(Malformed::new("a count beyond the bytes that are left"));
        }
        Ok(count)
    }

    /// Reads bytes behind their length.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.exactly(length)
    }

    /// Reads things behind their count.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn vec<P: Persist>(&mut self) -> Result<Vec<P>, Malformed> {
        let count = self.count(1)?;
        (0..count).map(|_| self.take()).collect()
    }

    /// Lets `read` take from the front of the bytes; `None` is refused.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn with<T>(
        &mut self,
        read: impl FnOnce(&mut &'a [u8]) -> Option<T>,
    ) -> Result<T, Malformed> {
        read(&mut self.bytes).ok_or_else(|| Malformed::new("no such value"))
    }

    /// Says that all must have been read.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where bytes are left.
    pub fn end(&self) -> Result<(), Malformed> {
        match self.bytes {
            [] => Ok(()),
            rest => Err(Malformed::new(format!("{} bytes too many", rest.len()))),
        }
    }

    fn exactly(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let cut = || Malformed::new("cut short");
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(cut)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let cut = || Malformed::new("cut short");
        let (array, rest) = self.bytes.split_first_chunk().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(*array)
    }
}

/// Numbers as their bytes.
macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Persist for $number {
            fn save(&self, out: &mut Writer) {
                out.bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                from.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

numbers!(u8, u32, u64, i32, i64, i128, f64);

impl Persist for bool {
    fn save(&self, out: &mut Writer) {
        out.put(&u8::from(*self));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.take::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed::new("neither true nor false")),
        }
    }
}

impl Persist for Timestamp {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for Offset {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl<P: Persist> Persist for Option<P> {
    fn save(&self, out: &mut Writer) {
        out.put(&self.is_some());
        if let Some(item) = self {
            out.put(item);
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.take::<bool>()? {
            true => from.take().map(Some),
            false => Ok(None),
        }
    }
}

impl<P: Persist, Q: Persist> Persist for (P, Q) {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
        out.put(&self.1);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((from.take()?, from.take()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut out = Writer::new();
        out.put(&7u8);
        out.put(&i64::MIN);
        out.put(&Some(Timestamp(3)));
        out.slice(&[(Offset(1), true), (Offset(2), false)]);
        out.bytes(b"key");
        out.into_bytes()
    }

    type All = (u8, i64, Option<Timestamp>, Vec<(Offset, bool)>, Vec<u8>);

    fn read(bytes: &[u8]) -> Result<All, Malformed> {
        let mut from = Reader::new(bytes);
        let all = (
            from.take()?,
            from.take()?,
            from.take()?,
            from.vec()?,
            from.bytes()?.to_vec(),
        );
        from.end().map(|()| all)
    }

    #[test]
    fn what_was_written_comes_back_and_every_cut_is_refused() {
        let bytes = written();
        let pairs = vec![(Offset(1), true), (Offset(2), false)];
        let all = (7, i64::MIN, Some(Timestamp(3)), pairs, b"key".to_vec());
        assert_eq!(read(&bytes), Ok(all));
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err(), "cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(read(&longer), Err(Malformed::new("1 bytes too many")));
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused_before_it_is_allocated() {
        let mut out = Writer::new();
        out.count(usize::MAX);
        out.put(&0u64);
        let bytes = out.into_bytes();
        assert!(Reader::new(&bytes).vec::<u8>().is_err());
        assert!(Reader::new(&bytes).bytes().is_err());
        assert!(Reader::new(&8u64.to_le_bytes()).count(1).is_err());
    }

    #[test]
    fn truth_is_0_or_1() {
        assert!(Reader::new(&[2]).take::<bool>().is_err());
        assert_eq!(Reader::new(&[1]).take(), Ok(true));
    }
}
