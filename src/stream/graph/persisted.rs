//! What graphs keep, to bytes and back.

use std::sync::Arc;

use crate::record::Value;
use crate::store::keys::TaggedKey;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::message::Behalf;
use crate::stream::graph::message::Header;
use crate::stream::graph::message::Headers;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Span;
use crate::stream::graph::message::Version;
use crate::stream::graph::message::Word;
use crate::stream::value_bytes;

/// Writes pairs behind their count.
pub(crate) fn save_map<'m, K: Persist + 'm, V: Persist + 'm>(
    map: impl ExactSizeIterator<Item = (&'m K, &'m V)>,
    out: &mut Writer,
) {
    out.count(map.len());
    for (key, value) in map {
        out.put(key);
        out.put(value);
    }
}

/// Reads pairs behind their count.
///
/// # Errors
///
/// [`Malformed`].
pub(crate) fn load_map<K: Persist, V: Persist, C: FromIterator<(K, V)>>(
    from: &mut Reader<'_>,
) -> Result<C, Malformed> {
    let count = from.count(1)?;
    (0..count)
        .map(|_| Ok((from.take()?, from.take()?)))
        .collect()
}

impl Persist for Key {
    fn save(&self, out: &mut Writer) {
        out.put(&self.tagged().tag);
        out.bytes(self.bytes());
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let tag = from.take()?;
        let bytes = from.bytes()?;
        Ok(Self::from(TaggedKey { tag, bytes }))
    }
}

impl Persist for Span {
    fn save(&self, out: &mut Writer) {
        out.put(&self.start);
        out.put(&self.end);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (start, end) = (from.take()?, from.take()?);
        Ok(Self { start, end })
    }
}

impl Persist for RowKey {
    fn save(&self, out: &mut Writer) {
        out.put(&self.key);
        out.put(&self.window);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (key, window) = (from.take()?, from.take()?);
        Ok(Self { key, window })
    }
}

impl Persist for Shared {
    fn save(&self, out: &mut Writer) {
        out.with(|bytes| value_bytes::put(bytes, self));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.with(value_bytes::take)
            .map(|value| Arc::new(Value::into_owned(value)))
    }
}

impl Persist for Message {
    fn save(&self, out: &mut Writer) {
        out.put(&self.key);
        out.put(&self.window);
        out.put(&self.value);
        out.put(&self.old);
        out.put(&self.time);
        out.put(&(self.version == Version::Older));
        save_headers(&self.headers, out);
        out.put(&self.behalf);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            key: from.take()?,
            window: from.take()?,
            value: from.take()?,
            old: from.take()?,
            time: from.take()?,
            version: match from.take()? {
                true => Version::Older,
                false => Version::Newest,
            },
            headers: load_headers(from)?,
            behalf: from.take()?,
        })
    }
}

impl Persist for Arc<Behalf> {
    fn save(&self, out: &mut Writer) {
        out.put(&self.row);
        out.put(&self.version);
        out.put(&match self.word {
            Word::Names => 0u8,
            Word::NamesNoLonger => 1,
            Word::NamesNothing => 2,
            Word::Answer => 3,
        });
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (row, version) = (from.take()?, from.take()?);
        let word = match from.take::<u8>()? {
            0 => Word::Names,
            1 => Word::NamesNoLonger,
            2 => Word::NamesNothing,
            3 => Word::Answer,
            _ => return Err(Malformed::new("no such word of a row")),
        };
        Ok(Self::new(Behalf { row, version, word }))
    }
}

pub(crate) fn save_headers(headers: &Headers, out: &mut Writer) {
    let headers = headers.as_deref().unwrap_or_default();
    out.count(headers.len());
    for (name, value) in headers {
        out.bytes(name);
        out.put(&value.is_some());
        if let Some(value) = value {
            out.bytes(value);
        }
    }
}

/// # Errors
///
/// [`Malformed`].
pub(crate) fn load_headers(from: &mut Reader<'_>) -> Result<Headers, Malformed> {
    let count = from.count(1)?;
    let headers: Vec<Header> = (0..count)
        .map(|_| {
            let name = from.bytes()?.into();
            let value = match from.take()? {
                true => Some(from.bytes()?.into()),
                false => None,
            };
            Ok((name, value))
        })
        .collect::<Result<_, Malformed>>()?;
    Ok((!headers.is_empty()).then(|| headers.into()))
}
