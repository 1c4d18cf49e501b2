//! The cases: each kind of windows over each shape of topic.

use std::fmt;

use tidemill::codec::fixed::Fixed;
use tidemill::codec::format::Format;
use tidemill::protocol::compression::Compression;

use crate::flow::Kind;
use crate::topic::Shape;

const FORMATS: [Format; 3] = [Format::Fixed(Fixed::Long), Format::Json, Format::Avro];
const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];
const KEYS: [u32; 4] = [100, 1_000, 100_000, 1_000_000];

/// One kind of windows over one shape of topic; `Display` is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) shape: Shape,
}

impl Case {
    /// All of them; those over the same topic follow one another.
    pub(crate) fn all() -> Vec<Self> {
        let shapes = FORMATS.into_iter().flat_map(|format| {
            let one = move |compression, keys| Shape {
                format,
                compression,
                keys,
            };
            COMPRESSIONS
                .into_iter()
                .flat_map(move |compression| KEYS.map(|keys| one(compression, keys)))
        });
        shapes
            .flat_map(|shape| Kind::ALL.map(|kind| Self { kind, shape }))
            .collect()
    }

    /// Whether it runs without being named: every kind of windows over every format and number of
    /// keys, and what decompression adds to one of them. Left out is where nearly all of the time
    /// goes into results, sixty to a record.
    pub(crate) fn is_usual(self) -> bool {
        let is_plain = self.shape.compression == Compression::None;
        let is_flood = self.kind == Kind::TrailingEvery && self.shape.keys > 100_000;
        self.shape.keys >= 1_000 && (is_plain || self.kind == Kind::Tumbling) && !is_flood
    }

    /// Whether each part of `name`, up to the first that is missing, is that of this case.
    pub(crate) fn is_named(self, name: &str) -> bool {
        let own = self.to_string();
        let mut parts = name.split('/').zip(own.split('/'));
        parts.all(|(asked, own)| asked.is_empty() || asked == own)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, format) = (self.kind.name(), self.shape.format.name());
        let (compression, keys) = (self.shape.compression, self.shape.keys);
        write!(f, "{kind}/{format}/{compression}/")?;
        match keys {
            1_000_000.. => write!(f, "{}M", keys / 1_000_000),
            1_000.. => write!(f, "{}k", keys / 1_000),
            _ => write!(f, "{keys}"),
        }
    }
}
