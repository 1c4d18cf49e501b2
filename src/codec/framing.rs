//! Schema-registry framing: which schema a key or a value was written with.
//!
//! | form | bytes |
//! | --- | --- |
//! | number | `00`, the id as 4 bytes big-endian, the payload |
//! | GUID | `01`, the GUID as 16 bytes big-endian, the payload |
//! | header | record header `__key_schema_id` or `__value_schema_id` holding one of the two prefixes and nothing more; the payload bare |
//!
//! Where header and prefix are both there the header wins, and of several headers the last one.
//! Null is never framed.
//!
//! Source: `SchemaId` and `DualSchemaIdDeserializer` of the Confluent clients 8.4 (behaviour only).

use std::fmt;

use thiserror::Error;

use crate::record::HeadersView;

/// The header that names the schema of a record's key.
pub const KEY_HEADER: &[u8] = b"__key_schema_id";
/// The header that names the schema of a record's value.
pub const VALUE_HEADER: &[u8] = b"__value_schema_id";

const MAGIC_NUMBER: u8 = 0;
const MAGIC_GUID: u8 = 1;

/// Names one schema of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// The registry's number for it; from 1 upward in practice, but any 32 bits can be read.
    Number(i32),
    /// Its GUID, the same in every registry.
    Guid(u128),
}

impl fmt::Display for SchemaId {
    /// The number, or the GUID in its hyphenated form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Guid(guid) => {
                let hex = format!("{guid:032x}");
                let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
                let parts: Vec<_> = parts.into_iter().filter_map(|part| hex.get(part)).collect();
                f.write_str(&parts.join("-"))
            }
        }
    }
}

/// The bytes are not framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// The first byte names no known form. Was the value written without a schema registry?
    #[error(
        "read schema id: unknown magic byte {magic:#04x} (not written through a schema registry?)"
    )]
    Magic {
        /// The first byte.
        magic: u8,
    },
    /// The prefix is cut short.
    #[error("read schema id: {have} bytes, the prefix needs {need}")]
    Short {
        /// How many bytes there are.
        have: usize,
        /// How many the prefix takes.
        need: usize,
    },
    /// The schema-id header holds more than a schema id.
    #[error("read schema id: {extra} bytes too many in the schema-id header")]
    HeaderLength {
        /// How many bytes follow the id.
        extra: usize,
    },
}

/// Splits the schema id off the front of a key's or value's `bytes`.
///
/// # Errors
///
/// [`FramingError::Magic`] and [`FramingError::Short`] where the bytes do not start with a prefix.
#[inline]
pub fn split(bytes: &[u8]) -> Result<(SchemaId, &[u8]), FramingError> {
    match bytes.split_first() {
        Some((&MAGIC_NUMBER, rest)) => {
            let (id, payload) = rest.split_first_chunk().ok_or(short(bytes, 5))?;
            Ok((SchemaId::Number(i32::from_be_bytes(*id)), payload))
        }
        Some((&MAGIC_GUID, rest)) => {
            let (guid, payload) = rest.split_first_chunk().ok_or(short(bytes, 17))?;
            Ok((SchemaId::Guid(u128::from_be_bytes(*guid)), payload))
        }
        Some((&magic, _)) => Err(FramingError::Magic { magic }),
        None => Err(short(bytes, 5)),
    }
}

const fn short(bytes: &[u8], need: usize) -> FramingError {
    FramingError::Short {
        have: bytes.len(),
        need,
    }
}

/// Splits the schema id off `bytes`, or takes it from the last header named `name` where there is
/// one; then all of `bytes` is the payload.
///
/// A header whose value is null counts as absent.
///
/// # Errors
///
/// As [`split`], and [`FramingError::HeaderLength`] where the header holds more than an id.
pub fn split_with_headers<'a>(
    headers: HeadersView<'_>,
    name: &[u8],
    bytes: &'a [u8],
) -> Result<(SchemaId, &'a [u8]), FramingError> {
    let Some(header) = headers.last(name).and_then(|header| header.value) else {
        return split(bytes);
    };
    match split(header)? {
        (id, []) => Ok((id, bytes)),
        (_, extra) => Err(FramingError::HeaderLength { extra: extra.len() }),
    }
}

/// Appends the prefix of `id`; the payload goes behind it.
pub fn put_prefix(out: &mut Vec<u8>, id: SchemaId) {
    match id {
        SchemaId::Number(number) => {
            out.push(MAGIC_NUMBER);
            out.extend_from_slice(&number.to_be_bytes());
        }
        SchemaId::Guid(guid) => {
            out.push(MAGIC_GUID);
            out.extend_from_slice(&guid.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Header;
    use crate::record::put_header;

    const GUID: u128 = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;

    #[test]
    fn every_prefix_is_read_and_written() {
        let mut guid = vec![1];
        guid.extend_from_slice(&GUID.to_be_bytes());
        for (prefix, id) in [
            (&[0, 0, 0, 0, 1][..], SchemaId::Number(1)),
            (&[0, 0, 0, 0, 0], SchemaId::Number(0)),
            (&[0, 0xff, 0xff, 0xff, 0xff], SchemaId::Number(-1)),
            (&[0, 0x7f, 0xff, 0xff, 0xff], SchemaId::Number(i32::MAX)),
            (&guid, SchemaId::Guid(GUID)),
        ] {
            for payload in [&b""[..], b"datum"] {
                let mut bytes = Vec::new();
                put_prefix(&mut bytes, id);
                assert_eq!(bytes, prefix);
                bytes.extend_from_slice(payload);
                assert_eq!(split(&bytes), Ok((id, payload)));
            }
            for have in 1..prefix.len() {
                let need = prefix.len();
                assert_eq!(
                    split(&prefix[..have]),
                    Err(FramingError::Short { have, need })
                );
            }
        }
        assert_eq!(split(&[]), Err(FramingError::Short { have: 0, need: 5 }));
        assert_eq!(
            split(&[2, 0, 0, 0, 1]),
            Err(FramingError::Magic { magic: 2 })
        );
        assert_eq!(
            split(b"{\"a\":1}"),
            Err(FramingError::Magic { magic: b'{' })
        );
    }

    #[test]
    fn a_guid_is_shown_with_hyphens() {
        let shown = SchemaId::Guid(GUID).to_string();
        assert_eq!(shown, "01020304-0506-0708-090a-0b0c0d0e0f10");
        assert_eq!(
            SchemaId::Guid(0).to_string(),
            "00000000-0000-0000-0000-000000000000"
        );
        assert_eq!(SchemaId::Number(-1).to_string(), "-1");
    }

    /// Splits what has the prefix of schema 9, beside these headers named [`VALUE_HEADER`].
    fn with_headers(values: &[Option<&[u8]>]) -> Result<(SchemaId, usize), FramingError> {
        let mut block = Vec::new();
        for &value in values {
            put_header(
                &mut block,
                Header {
                    name: VALUE_HEADER,
                    value,
                },
            );
        }
        put_header(
            &mut block,
            Header {
                name: KEY_HEADER,
                value: Some(b"\x05"),
            },
        );
        let headers = HeadersView::parse(&block, values.len() + 1).expect("headers");
        let split = split_with_headers(headers, VALUE_HEADER, &[0, 0, 0, 0, 9, 1]);
        split.map(|(id, payload)| (id, payload.len()))
    }

    #[test]
    fn the_last_header_of_its_name_goes_before_the_prefix() {
        let number = |number| Ok((SchemaId::Number(number), 6));
        assert_eq!(
            with_headers(&[]),
            Ok((SchemaId::Number(9), 1)),
            "the prefix"
        );
        assert_eq!(with_headers(&[Some(&[0, 0, 0, 0, 7])]), number(7));
        let (first, last): (&[u8], &[u8]) = (&[0, 0, 0, 0, 7], &[0, 0, 0, 0, 8]);
        assert_eq!(with_headers(&[Some(first), Some(last)]), number(8));
        assert_eq!(
            with_headers(&[None]),
            Ok((SchemaId::Number(9), 1)),
            "a null header"
        );
        let extra = Err(FramingError::HeaderLength { extra: 1 });
        assert_eq!(with_headers(&[Some(&[0, 0, 0, 0, 7, 7])]), extra);
        assert_eq!(
            with_headers(&[Some(&[3])]),
            Err(FramingError::Magic { magic: 3 })
        );
    }
}
