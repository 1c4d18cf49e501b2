//! What travels between the operators of a graph.

use std::sync::Arc;

use crate::record::HeadersView;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::stream::key;

/// A key: its bytes as they stand in topics, and what kind of value they were made of, so that the
/// integer 7 and the text "7" are two keys. Ordered by the bytes. Cloning copies nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    bytes: Arc<[u8]>,
    tag: u8,
}

impl Key {
    /// The key made of `value`; `None` where that is null, or a number that is not finite.
    #[must_use]
    pub fn of(value: &Value<'_>) -> Option<Self> {
        let mut scratch = Vec::new();
        key::of_value(value, &mut scratch).map(Self::from)
    }

    /// The bytes, as they stand in topics.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value that the key was made of.
    #[must_use]
    pub fn value(&self) -> Value<'_> {
        key::to_value(self.tagged())
    }

    pub(crate) fn tagged(&self) -> TaggedKey<'_> {
        TaggedKey {
            tag: self.tag,
            bytes: &self.bytes,
        }
    }
}

impl From<TaggedKey<'_>> for Key {
    fn from(key: TaggedKey<'_>) -> Self {
        Self {
            bytes: key.bytes.into(),
            tag: key.tag,
        }
    }
}

/// The window of a result: where it starts and ends. Whether the end is inside is for the kind of
/// window to say. Ordered by the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first instant.
    pub start: Timestamp,
    /// The end.
    pub end: Timestamp,
}

/// What tells the rows of a table apart: the key, and the window where there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowKey {
    /// The key.
    pub key: Key,
    /// The window, in tables of windowed results.
    pub window: Option<Span>,
}

/// A value that several operators hold at once.
pub type Shared = Arc<Value<'static>>;

/// The headers of a record, names and values in order; values may be null.
pub type Headers = Option<Arc<[Header]>>;

/// One header, owned.
pub type Header = (Box<[u8]>, Option<Box<[u8]>>);

/// A copy of `headers` that outlives them; `None` where there are none.
#[must_use]
pub fn own_headers(headers: HeadersView<'_>) -> Headers {
    if headers.is_empty() {
        return None;
    }
    let own = |header: crate::record::Header<'_>| (header.name.into(), header.value.map(Box::from));
    Some(headers.iter().map(own).collect())
}

/// How a change of a versioned table stands to the newest version of its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// It is the newest. Every change of a table that keeps no versions is.
    #[default]
    Newest,
    /// It only fills in history: joins as of a time see it, nothing else does.
    Older,
}

/// One record of a stream, or one change of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The key; a table has no row without one.
    pub key: Option<Key>,
    /// The window of the key, behind a windowed aggregation.
    pub window: Option<Span>,
    /// The value; of a table the new one. `None` is a tombstone.
    pub value: Option<Shared>,
    /// Of a change of a table, the value before. `None` in streams.
    pub old: Option<Shared>,
    /// The timestamp.
    pub time: Timestamp,
    /// How the change stands to the newest version.
    pub version: Version,
    /// The headers.
    pub headers: Headers,
    /// Which left row it is about, on the ways of a join by a foreign key between tasks.
    pub behalf: Option<Arc<Behalf>>,
}

/// Which left row of a join by a foreign key a message between tasks is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behalf {
    /// The left row.
    pub row: RowKey,
    /// Which state of it: later ones have larger numbers.
    pub version: i64,
    /// What is said of it.
    pub word: Word,
}

/// What is said of a left row of a join by a foreign key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It names the right row of this key.
    Names,
    /// It names the right row of this key no longer.
    NamesNoLonger,
    /// It names no right row, or is deleted.
    NamesNothing,
    /// This is what it comes to with the right row that it names.
    Answer,
}

impl Message {
    /// A record of a stream, without headers.
    #[must_use]
    pub fn new(key: Option<Key>, value: Option<Value<'static>>, time: Timestamp) -> Self {
        Self {
            key,
            window: None,
            value: value.map(Arc::new),
            old: None,
            time,
            version: Version::Newest,
            headers: None,
            behalf: None,
        }
    }

    /// The row of a table that this is about; `None` without a key.
    #[must_use]
    pub fn row(&self) -> Option<RowKey> {
        let key = self.key.clone()?;
        let window = self.window;
        Some(RowKey { key, window })
    }

    /// The same message with another value, and nothing before it.
    #[must_use]
    pub fn with_value(self, value: Option<Shared>) -> Self {
        let old = None;
        Self { value, old, ..self }
    }

    /// The same message as a change from `old` to `value`, stamped `time`.
    #[must_use]
    pub fn with_change(self, value: Option<Shared>, old: Option<Shared>, time: Timestamp) -> Self {
        Self {
            value,
            old,
            time,
            ..self
        }
    }
}
