//! Numbers of a fixed width: the bytes that Kafka's own serializers make of them.

use thiserror::Error;

use crate::record::Value;

/// What number the bytes of a key or a value are, big-endian.
///
/// Source: `IntegerSerializer`, `LongSerializer`, `FloatSerializer`, `DoubleSerializer` (Apache
/// Kafka, commit 1eb7644).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fixed {
    /// A signed integer in 4 bytes.
    Integer,
    /// A signed integer in 8 bytes.
    Long,
    /// IEEE 754 in 4 bytes.
    Float,
    /// IEEE 754 in 8 bytes.
    Double,
}

/// Bytes that are no number of a format, or a text or value that none can hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FixedError {
    /// Whoever wrote the record had another format in mind.
    #[error("read {}: {found} bytes, not {}", .format.name(), .format.width())]
    Width {
        /// What the bytes should be.
        format: Fixed,
        /// How many there are.
        found: usize,
    },
    /// The text is no number, or one that does not fit.
    #[error("write {}: {text:?} is none", .format.name())]
    Text {
        /// What the text should be.
        format: Fixed,
        /// The text, at most 40 characters of it.
        text: String,
    },
}

impl Fixed {
    /// The name in pipeline files, flags and envelopes: that of Kafka's serializer.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
        }
    }

    /// How many bytes a number takes.
    #[must_use]
    pub const fn width(self) -> usize {
        match self {
            Self::Integer | Self::Float => 4,
            Self::Long | Self::Double => 8,
        }
    }

    /// Whether fractions are lost.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Integer | Self::Long)
    }

    /// The number that `bytes` are: [`Value::Int`] or [`Value::Float`].
    ///
    /// # Errors
    ///
    /// [`FixedError::Width`].
    #[inline]
    pub fn parse(self, bytes: &[u8]) -> Result<Value<'static>, FixedError> {
        let read = match self {
            Self::Integer => narrow(bytes, |bytes| Value::Int(i32::from_be_bytes(bytes).into())),
            Self::Float => narrow(bytes, |bytes| {
                Value::Float(f32::from_be_bytes(bytes).into())
            }),
            Self::Long => narrow(bytes, |bytes| Value::Int(i64::from_be_bytes(bytes))),
            Self::Double => narrow(bytes, |bytes| Value::Float(f64::from_be_bytes(bytes))),
        };
        read.ok_or(FixedError::Width {
            format: self,
            found: bytes.len(),
        })
    }

    /// The integer that `bytes` are; `None` where this is no format of integers, or they are none.
    #[inline]
    pub(super) fn integer(self, bytes: &[u8]) -> Option<i64> {
        match self {
            Self::Integer => Some(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Self::Long => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
            Self::Float | Self::Double => None,
        }
    }

    /// Appends the bytes of the number that `text` says to `out`.
    ///
    /// # Errors
    ///
    /// [`FixedError::Text`] where it says none, or one beyond the format's range; a fraction of more
    /// digits than the format holds is rounded.
    pub fn put_text(self, text: &str, out: &mut Vec<u8>) -> Result<(), FixedError> {
        let put = match self {
            Self::Integer => put(out, text.parse().ok().map(i32::to_be_bytes)),
            Self::Long => put(out, text.parse().ok().map(i64::to_be_bytes)),
            Self::Float => put(out, text.parse().ok().map(f32::to_be_bytes)),
            Self::Double => put(out, text.parse().ok().map(f64::to_be_bytes)),
        };
        put.ok_or_else(|| FixedError::Text {
            format: self,
            text: text.chars().take(40).collect(),
        })
    }
}

#[inline]
fn narrow<const N: usize>(
    bytes: &[u8],
    number: impl FnOnce([u8; N]) -> Value<'static>,
) -> Option<Value<'static>> {
    bytes.try_into().ok().map(number)
}

fn put<const N: usize>(out: &mut Vec<u8>, bytes: Option<[u8; N]>) -> Option<()> {
    out.extend_from_slice(&bytes?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_kafkas_serializers() {
        for (format, text, bytes, value) in [
            (
                Fixed::Integer,
                "-2",
                &[0xff, 0xff, 0xff, 0xfe][..],
                Value::Int(-2),
            ),
            (
                Fixed::Long,
                "258",
                &[0, 0, 0, 0, 0, 0, 1, 2],
                Value::Int(258),
            ),
            (Fixed::Float, "1.5", &[0x3f, 0xc0, 0, 0], Value::Float(1.5)),
            (
                Fixed::Double,
                "-0.5",
                &[0xbf, 0xe0, 0, 0, 0, 0, 0, 0],
                Value::Float(-0.5),
            ),
        ] {
            let mut out = Vec::new();
            format.put_text(text, &mut out).expect(text);
            assert_eq!(out, bytes);
            assert_eq!(format.parse(&out), Ok(value));
        }
    }

    #[test]
    fn other_widths_and_what_does_not_fit_are_refused() {
        let error = Fixed::Long.parse(&[0; 4]).expect_err("four");
        assert_eq!(error.to_string(), "read long: 4 bytes, not 8");
        let mut out = Vec::new();
        for text in ["2147483648", "1.5", "", "tea"] {
            let error = Fixed::Integer.put_text(text, &mut out).expect_err(text);
            assert_eq!(
                error.to_string(),
                format!("write integer: {text:?} is none")
            );
        }
        assert!(out.is_empty());
    }
}
