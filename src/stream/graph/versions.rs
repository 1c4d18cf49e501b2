//! Rows with their history.

use std::collections::HashMap;

use chrono::TimeDelta;
use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;

/// The versions of each row, back to a length of history behind the largest timestamp of the table.
///
/// The newest version of a row never expires; an older one is found as long as the time that it is
/// asked for is not more than the history behind the largest timestamp.
#[derive(Debug)]
pub(crate) struct Versions {
    /// Versions of each row in ascending order of their timestamps; a deletion is one too.
    rows: HashMap<RowKey, Vec<(Timestamp, Option<Shared>)>, RandomState>,
    history_ms: i64,
    time: Timestamp,
}

/// What a put did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Put {
    /// It is the newest version of its row, or has its timestamp.
    Newest { before: Option<Shared> },
    /// It fills in history.
    Older,
    /// It is older than the history.
    Refused,
}

impl Versions {
    pub(crate) fn new(history: TimeDelta) -> Self {
        Self {
            rows: HashMap::default(),
            history_ms: history.num_milliseconds().max(0),
            time: Timestamp::MIN,
        }
    }

    fn oldest(&self) -> Timestamp {
        self.time.saturating_sub(self.history_ms)
    }

    /// Adds a version of `row`, valid from `time`; of two with one timestamp the later put counts.
    pub(crate) fn put(&mut self, row: RowKey, value: Option<Shared>, time: Timestamp) -> Put {
        if time < self.oldest() {
            return Put::Refused;
        }
        self.time = self.time.max(time);
        let oldest = self.oldest();
        let versions = self.rows.entry(row).or_default();
        let before = versions.last().and_then(|(_, value)| value.clone());
        let at = versions.partition_point(|(from, _)| *from < time);
        let put = match versions.get_mut(at) {
            Some(version) if version.0 == time => {
                version.1 = value;
                at + 1 == versions.len()
            }
            _ => {
                versions.insert(at, (time, value));
                at + 1 == versions.len()
            }
        };
        expire(versions, oldest);
        match put {
            true => Put::Newest { before },
            false => Put::Older,
        }
    }

    /// Writes all versions.
    pub(crate) fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.count(self.rows.len());
        for (row, versions) in &self.rows {
            out.put(row);
            out.slice(versions);
        }
    }

    /// Reads back what was saved.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        let count = from.count(1)?;
        self.rows = (0..count)
            .map(|_| Ok((from.take()?, from.vec()?)))
            .collect::<Result<_, Malformed>>()?;
        Ok(())
    }

    /// The value that `row` had at `time`, as far back as the history goes.
    pub(crate) fn as_of(&self, row: &RowKey, time: Timestamp) -> Option<&Shared> {
        let versions = self.rows.get(row)?;
        let after = versions.partition_point(|(from, _)| *from <= time);
        let is_newest = after == versions.len();
        if !is_newest && time < self.oldest() {
            return None;
        }
        let (_, value) = versions.get(after.checked_sub(1)?)?;
        value.as_ref()
    }
}

/// Forgets versions that no time from `oldest` on can ask for.
fn expire(versions: &mut Vec<(Timestamp, Option<Shared>)>, oldest: Timestamp) {
    let reached = versions.partition_point(|(from, _)| *from <= oldest);
    versions.drain(..reached.saturating_sub(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;
    use crate::stream::graph::message::Key;
    use std::sync::Arc;

    fn row() -> RowKey {
        let key = Key::of(&Value::text("k")).unwrap();
        RowKey { key, window: None }
    }

    fn value(int: i64) -> Option<Shared> {
        Some(Arc::new(Value::Int(int)))
    }

    fn versions() -> Versions {
        Versions::new(TimeDelta::milliseconds(10))
    }

    #[test]
    fn a_version_counts_from_its_timestamp_until_the_next() {
        let mut versions = versions();
        versions.put(row(), value(1), Timestamp(100));
        versions.put(row(), value(3), Timestamp(108));
        assert_eq!(versions.put(row(), value(2), Timestamp(104)), Put::Older);
        for (time, expected) in [(99, None), (100, value(1)), (103, value(1))] {
            assert_eq!(versions.as_of(&row(), Timestamp(time)).cloned(), expected);
        }
        assert_eq!(versions.as_of(&row(), Timestamp(104)).cloned(), value(2));
        assert_eq!(versions.as_of(&row(), Timestamp(900)).cloned(), value(3));
    }

    #[test]
    fn a_deletion_is_a_version() {
        let mut versions = versions();
        versions.put(row(), value(1), Timestamp(100));
        let put = versions.put(row(), None, Timestamp(105));
        assert_eq!(put, Put::Newest { before: value(1) });
        assert_eq!(versions.as_of(&row(), Timestamp(104)).cloned(), value(1));
        assert_eq!(versions.as_of(&row(), Timestamp(105)), None);
    }

    #[test]
    fn history_ends_at_its_length_and_the_newest_version_never_expires() {
        let mut versions = versions();
        versions.put(row(), value(1), Timestamp(100));
        versions.put(row(), value(2), Timestamp(110));
        assert_eq!(versions.as_of(&row(), Timestamp(100)).cloned(), value(1));
        assert_eq!(versions.put(row(), value(0), Timestamp(99)), Put::Refused);
        versions.put(
            RowKey {
                key: Key::of(&Value::text("other")).unwrap(),
                window: None,
            },
            value(9),
            Timestamp(121),
        );
        assert_eq!(versions.as_of(&row(), Timestamp(109)), None, "11 ms back");
        assert_eq!(
            versions.as_of(&row(), Timestamp(110)).cloned(),
            value(2),
            "also 11 ms back, but the newest"
        );
    }
}
