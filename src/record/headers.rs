//! Record headers: ordered, may repeat, may be null (KIP-82).

use crate::record::varint;

/// One header, borrowed from its record.
///
/// The name is text by Kafka's convention, but no broker checks it, so it is kept as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name; may be empty, may occur again in the same record.
    pub name: &'a [u8],
    /// The value; null is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// The headers of one record, in order, still in their encoded form.
///
/// Shape: `count` headers end to end, each a varint name length, the name, a varint value length
/// (−1 for null), the value: the header block of record format v2 without its leading count.
///
/// Source: `DefaultRecord.java` (Apache Kafka, commit 1eb7644).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadersView<'a> {
    encoded: &'a [u8],
    count: usize,
}

impl<'a> HeadersView<'a> {
    /// No headers.
    pub const EMPTY: Self = Self {
        encoded: &[],
        count: 0,
    };

    /// Wraps a block that holds exactly `count` well-formed headers and nothing else.
    ///
    /// Returns `None` where it does not.
    #[must_use]
    pub fn parse(encoded: &'a [u8], count: usize) -> Option<Self> {
        let mut rest = encoded;
        for _ in 0..count {
            take_header(&mut rest)?;
        }
        rest.is_empty().then_some(Self { encoded, count })
    }

    /// How many headers there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }

    /// The encoded block, as it stands in the record after the count.
    #[must_use]
    pub const fn encoded(self) -> &'a [u8] {
        self.encoded
    }

    /// The headers in order.
    #[must_use]
    pub const fn iter(self) -> HeaderIter<'a> {
        HeaderIter { rest: self.encoded }
    }

    /// All headers but the first.
    #[must_use]
    pub fn without_first(self) -> Self {
        let mut rest = self.encoded;
        match take_header(&mut rest) {
            Some(_) => Self {
                encoded: rest,
                count: self.count - 1,
            },
            None => Self::EMPTY,
        }
    }

    /// The last header named `name`, which is the one that counts where a name repeats (Kafka's
    /// `Headers.lastHeader`).
    #[must_use]
    pub fn last(self, name: &[u8]) -> Option<Header<'a>> {
        self.iter().filter(|header| header.name == name).last()
    }
}

impl<'a> IntoIterator for HeadersView<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// The headers of one record, in order.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        take_header(&mut self.rest)
    }
}

/// Appends one header in its encoded form.
pub(crate) fn put_header(out: &mut Vec<u8>, header: Header<'_>) {
    put_bytes(out, header.name);
    match header.value {
        Some(value) => put_bytes(out, value),
        None => varint::put_i64(out, -1),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    varint::put_i64(out, bytes.len().try_into().unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

fn take_header<'a>(rest: &mut &'a [u8]) -> Option<Header<'a>> {
    let name = take_bytes(rest)??;
    let value = take_bytes(rest)?;
    Some(Header { name, value })
}

/// The inner `None` is null: any negative length, as Java reads it; the outer one malformed.
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Ok(length) = usize::try_from(varint::take_i32(rest)?) else {
        return Some(None);
    };
    let (bytes, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(headers: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for &(name, value) in headers {
            put_header(&mut out, Header { name, value });
        }
        out
    }

    #[test]
    fn order_repeats_nulls_and_empty_names_are_kept() {
        let headers: [(&[u8], Option<&[u8]>); 4] = [
            (b"b", Some(b"1")),
            (b"a", None),
            (b"b", Some(b"")),
            (b"", Some(b"\xff")),
        ];
        let bytes = encoded(&headers);
        let view = HeadersView::parse(&bytes, 4).expect("well formed");
        let back: Vec<_> = view
            .iter()
            .map(|header| (header.name, header.value))
            .collect();
        assert_eq!(back, headers);
        assert_eq!(
            view.last(b"b").map(|header| header.value),
            Some(Some(&b""[..])),
            "the last one counts"
        );
        assert_eq!(view.without_first().len(), 3);
        assert_eq!(
            view.without_first().iter().next().map(|h| h.name),
            Some(&b"a"[..])
        );
        assert_eq!(HeadersView::EMPTY.without_first(), HeadersView::EMPTY);
    }

    #[test]
    fn a_block_that_is_cut_or_has_bytes_left_is_refused() {
        let bytes = encoded(&[(b"name", Some(b"value"))]);
        for end in 0..bytes.len() {
            assert_eq!(HeadersView::parse(&bytes[..end], 1), None, "cut at {end}");
        }
        assert_eq!(HeadersView::parse(&bytes, 0), None, "bytes left over");
        assert_eq!(HeadersView::parse(&bytes, 2), None, "one header short");
        assert_eq!(HeadersView::parse(&[1, 0], 1), None, "a null name");
        assert_eq!(HeadersView::parse(&[], 0), Some(HeadersView::EMPTY));
    }
}
