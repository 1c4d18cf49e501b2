//! All topics of the broker.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::broker::log::LogError;
use crate::broker::partition::Partition;
use crate::broker::random_id::random_id;
use crate::broker::setting::TopicSettings;
use crate::broker::topic::Topic;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::message::Uuid;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicName;

/// Longest topic name (`Topic.java`), so that it serves as a file name.
const NAME_LEN_MAX: usize = 249;
/// Most partitions of all topics together.
const PARTITIONS_MAX: usize = 10_000;

/// Why a topic could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TopicError {
    /// The name is empty, too long, or has other characters than letters, digits, `.`, `_`, `-`.
    #[error(
        "topic name {0:?} is not 1 to {NAME_LEN_MAX} letters, digits, dots, underscores or hyphens"
    )]
    Name(String),
    /// There is one of that name.
    #[error("topic {0} exists")]
    Exists(String),
    /// There is none of that name.
    #[error("topic {0} does not exist")]
    Unknown(String),
    /// The number of partitions is no more than before, or below 1.
    #[error("cannot have {count} partitions: {reason}")]
    Partitions {
        /// The number asked for.
        count: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl TopicError {
    /// The code for the client.
    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::Name(_) => ErrorCode::INVALID_TOPIC_EXCEPTION,
            Self::Exists(_) => ErrorCode::TOPIC_ALREADY_EXISTS,
            Self::Unknown(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            Self::Partitions { .. } => ErrorCode::INVALID_PARTITIONS,
            Self::Log(_) => ErrorCode::KAFKA_STORAGE_ERROR,
        }
    }
}

/// All topics of the broker.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<TopicName, Topic>,
    names: BTreeMap<Uuid, TopicName>,
    /// The directory of the topics' directories; `None` in memory.
    dir: Option<PathBuf>,
}

impl Topics {
    /// The topics that stand in `dir`, which is made where it is missing. What a crash left of a
    /// topic that was being removed is removed.
    ///
    /// # Errors
    ///
    /// [`LogError`] where files cannot be read.
    pub(crate) fn open(dir: &Path, now: Timestamp) -> Result<Self, LogError> {
        let failed = || LogError::file("read directory", dir);
        std::fs::create_dir_all(dir).map_err(LogError::file("create directory", dir))?;
        let mut topics = Self {
            dir: Some(dir.to_owned()),
            ..Self::default()
        };
        for entry in std::fs::read_dir(dir).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            match Topic::open(name, &path, now)? {
                Some(topic) => topics.insert(topic),
                None if is_valid(name) && path.is_dir() => {
                    std::fs::remove_dir_all(&path).map_err(LogError::file("remove topic", &path))?
                }
                None => {}
            }
        }
        Ok(topics)
    }

    fn insert(&mut self, topic: Topic) {
        self.names.insert(topic.id, Arc::clone(&topic.name));
        self.by_name.insert(Arc::clone(&topic.name), topic);
    }

    /// The topics by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Topic> {
        self.by_name.values()
    }

    /// The topic called `name`.
    pub(crate) fn named(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// The topic called `name`, to change it.
    pub(crate) fn named_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    /// The name of the topic whose id is `id`.
    pub(crate) fn name_of(&self, id: Uuid) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// One partition of one topic, to change it, and the topic's settings.
    pub(crate) fn partition_mut(
        &mut self,
        topic: &str,
        partition: PartitionId,
    ) -> Option<(&mut Partition, &TopicSettings)> {
        self.by_name.get_mut(topic)?.partition_mut(partition)
    }

    /// Checks whether a topic could be made.
    ///
    /// # Errors
    ///
    /// [`TopicError`], the client's fault.
    pub(crate) fn check_new(&self, name: &str, partitions: i64) -> Result<usize, TopicError> {
        if !is_valid(name) {
            return Err(TopicError::Name(name.to_owned()));
        }
        if self.by_name.contains_key(name) {
            return Err(TopicError::Exists(name.to_owned()));
        }
        self.check_count(partitions, 0)
    }

    fn check_count(&self, count: i64, present: usize) -> Result<usize, TopicError> {
        let refused = |reason: String| TopicError::Partitions { count, reason };
        let wanted = usize::try_from(count)
            .ok()
            .filter(|&wanted| wanted > present)
            .ok_or_else(|| refused(format!("it must be above {present}")))?;
        let all: usize = self.iter().map(|topic| topic.partitions.len()).sum();
        if all.saturating_add(wanted - present) > PARTITIONS_MAX {
            let reason = format!("the broker keeps at most {PARTITIONS_MAX} in all");
            return Err(refused(reason));
        }
        Ok(wanted)
    }

    /// Makes a topic.
    ///
    /// # Errors
    ///
    /// [`TopicError`].
    pub(crate) fn create(
        &mut self,
        name: &str,
        partitions: i64,
        settings: TopicSettings,
        now: Timestamp,
    ) -> Result<&mut Topic, TopicError> {
        let count = self.check_new(name, partitions)?;
        let dir = self.dir.as_ref().map(|dir| dir.join(name));
        let name: TopicName = name.into();
        let topic = Topic::create(Arc::clone(&name), random_id(), settings, count, dir, now)?;
        self.names.insert(topic.id, Arc::clone(&name));
        Ok(self.by_name.entry(name).or_insert(topic))
    }

    /// Removes a topic, and wakes who waits for its records.
    ///
    /// # Errors
    ///
    /// [`TopicError`].
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), TopicError> {
        let mut topic = self
            .by_name
            .remove(name)
            .ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        self.names.remove(&topic.id);
        for partition in &mut topic.partitions {
            partition.wake();
        }
        Ok(topic.remove()?)
    }

    /// Checks whether a topic could have `count` partitions, which must be more than it has.
    ///
    /// # Errors
    ///
    /// [`TopicError`], the client's fault.
    pub(crate) fn check_grown(&self, name: &str, count: i64) -> Result<usize, TopicError> {
        let topic = self
            .named(name)
            .ok_or_else(|| TopicError::Unknown(name.to_owned()))?;
        self.check_count(count, topic.partitions.len())
    }
}

fn is_valid(name: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=NAME_LEN_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && name.chars().all(is_legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(topics: &mut Topics, name: &str, partitions: i64) -> Result<Uuid, ErrorCode> {
        topics
            .create(name, partitions, TopicSettings::new(), Timestamp(0))
            .map(|topic| topic.id)
            .map_err(|error| error.code())
    }

    #[test]
    fn names_are_1_to_249_legal_characters_and_no_directory() {
        let topics = &mut Topics::default();
        for name in ["", ".", "..", "a/b", "ä", &"a".repeat(250)] {
            let refused = create(topics, name, 1);
            assert_eq!(refused, Err(ErrorCode::INVALID_TOPIC_EXCEPTION), "{name}");
        }
        assert!(create(topics, &"a".repeat(249), 1).is_ok());
        assert!(create(topics, "a.B_c-9", 1).is_ok());
    }

    #[test]
    fn partition_counts_are_bounded_on_both_sides() {
        let topics = &mut Topics::default();
        for count in [0, -1, i64::MAX, 10_001] {
            let refused = create(topics, "t", count);
            assert_eq!(refused, Err(ErrorCode::INVALID_PARTITIONS), "{count}");
        }
        assert!(create(topics, "t", 9_999).is_ok());
        assert_eq!(topics.check_grown("t", 10_000).ok(), Some(10_000));
        assert!(topics.check_grown("t", 10_001).is_err());
        assert!(topics.check_grown("t", 9_999).is_err(), "not more");
    }

    #[test]
    fn a_topic_made_again_has_another_id() {
        let topics = &mut Topics::default();
        let first = create(topics, "t", 1).expect("made");
        assert_eq!(create(topics, "t", 1), Err(ErrorCode::TOPIC_ALREADY_EXISTS));
        topics.delete("t").expect("removed");
        assert_eq!(topics.name_of(first), None);
        let second = create(topics, "t", 1).expect("made again");
        assert_ne!(first, second);
    }
}
