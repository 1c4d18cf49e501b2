//! The formats that a key or a value may have.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::codec::fixed::Fixed;

/// How the bytes of a key or a value are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// As they are: [`crate::record::Value::Bytes`].
    Bytes,
    /// UTF-8 text: [`crate::record::Value::Text`].
    Text,
    /// A number of fixed width.
    Fixed(Fixed),
    /// One JSON document.
    #[default]
    Json,
    /// An Avro datum behind a schema-registry id ([`crate::codec::framing`]).
    Avro,
}

impl Format {
    /// Every format, in the order in which help texts list them.
    pub const ALL: [Self; 8] = [
        Self::Bytes,
        Self::Text,
        Self::Json,
        Self::Avro,
        Self::Fixed(Fixed::Integer),
        Self::Fixed(Fixed::Long),
        Self::Fixed(Fixed::Float),
        Self::Fixed(Fixed::Double),
    ];

    /// The name in pipeline files, flags and envelopes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Fixed(fixed) => fixed.name(),
            Self::Json => "json",
            Self::Avro => "avro",
        }
    }

    /// Whether a value is more than its bytes, which have to be decoded.
    #[must_use]
    pub const fn is_decoded(self) -> bool {
        !matches!(self, Self::Bytes | Self::Text)
    }

    /// The names of all formats, for people to choose from.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No format has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown format {name:?}, expected one of {}", Format::names())]
pub struct UnknownFormat {
    /// The name as given.
    pub name: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_others_are_refused() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!(
            "JSON".parse::<Format>(),
            Err(UnknownFormat {
                name: "JSON".into()
            })
        );
    }
}
