//! One topic: its id, settings and partitions, and how they stand on disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::broker::log::LogError;
use crate::broker::partition::Partition;
use crate::broker::setting::TopicSettings;
use crate::protocol::message::Uuid;
use crate::record::PartitionId;
use crate::record::Timestamp;
use crate::record::TopicName;

/// The file in a topic's directory that says what the topic is.
const DESCRIPTION_FILE: &str = "topic.json";

/// One topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// The name.
    pub(crate) name: TopicName,
    /// Another one for each topic made, also where the name has been used before.
    pub(crate) id: Uuid,
    /// The settings.
    pub(crate) settings: TopicSettings,
    /// The partitions by number.
    pub(crate) partitions: Vec<Partition>,
    /// Where it stands; `None` in memory.
    dir: Option<PathBuf>,
}

/// What `topic.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    id: [u8; 16],
    partitions: usize,
    settings: BTreeMap<String, String>,
}

impl Topic {
    /// A new topic with empty partitions, in `dir` where there is one.
    ///
    /// # Errors
    ///
    /// [`LogError`] where it cannot be written down.
    pub(crate) fn create(
        name: TopicName,
        id: Uuid,
        settings: TopicSettings,
        partitions: usize,
        dir: Option<PathBuf>,
        now: Timestamp,
    ) -> Result<Self, LogError> {
        let mut topic = Self {
            name,
            id,
            settings,
            partitions: Vec::new(),
            dir,
        };
        topic.grow(partitions, now)?;
        Ok(topic)
    }

    /// The topic that stands in `dir`; `None` where it was not made to the end.
    ///
    /// # Errors
    ///
    /// [`LogError`] where files cannot be read.
    pub(crate) fn open(name: &str, dir: &Path, now: Timestamp) -> Result<Option<Self>, LogError> {
        let path = dir.join(DESCRIPTION_FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::file("read", &path)(error)),
        };
        let description: Description = serde_json::from_slice(&bytes)
            .map_err(|error| LogError::file("read", &path)(error.into()))?;
        let mut settings = TopicSettings::new();
        for (name, value) in &description.settings {
            if let Err(error) = settings.set(name, value) {
                tracing::warn!(topic = %name, %error, "ignored a setting on disk");
            }
        }
        let mut topic = Self {
            name: name.into(),
            id: Uuid(description.id),
            settings,
            partitions: Vec::new(),
            dir: Some(dir.to_owned()),
        };
        topic.add_partitions(description.partitions, now)?;
        Ok(Some(topic))
    }

    /// Makes it have `count` partitions; never fewer than before.
    ///
    /// # Errors
    ///
    /// [`LogError`] where it cannot be written down.
    pub(crate) fn grow(&mut self, count: usize, now: Timestamp) -> Result<(), LogError> {
        self.add_partitions(count, now)?;
        self.save()
    }

    fn add_partitions(&mut self, count: usize, now: Timestamp) -> Result<(), LogError> {
        while self.partitions.len() < count {
            let partition = match &self.dir {
                None => Partition::in_memory(),
                Some(dir) => Partition::open(&dir.join(self.partitions.len().to_string()), now)?,
            };
            self.partitions.push(partition);
        }
        Ok(())
    }

    /// Writes id, settings and partition count down.
    ///
    /// # Errors
    ///
    /// [`LogError`] where the file cannot be written.
    pub(crate) fn save(&self) -> Result<(), LogError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let description = Description {
            id: self.id.0,
            partitions: self.partitions.len(),
            settings: self
                .settings
                .given()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        };
        let path = dir.join(DESCRIPTION_FILE);
        let beside = dir.join("topic.json.new");
        serde_json::to_vec(&description)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(LogError::file("write", &path))
    }

    /// Removes its files. The description goes first, so that what a crash leaves is no topic.
    ///
    /// # Errors
    ///
    /// [`LogError`] where files cannot be removed.
    pub(crate) fn remove(self) -> Result<(), LogError> {
        let Some(dir) = self.dir else { return Ok(()) };
        std::fs::remove_file(dir.join(DESCRIPTION_FILE))
            .and_then(|()| std::fs::remove_dir_all(&dir))
            .map_err(LogError::file("remove topic", &dir))
    }

    /// The partition numbered `id`.
    pub(crate) fn partition(&self, id: PartitionId) -> Option<&Partition> {
        self.partitions.get(usize::try_from(id.0).ok()?)
    }

    /// The partition numbered `id`, to change it, and the topic's settings.
    pub(crate) fn partition_mut(
        &mut self,
        id: PartitionId,
    ) -> Option<(&mut Partition, &TopicSettings)> {
        let partition = self.partitions.get_mut(usize::try_from(id.0).ok()?)?;
        Some((partition, &self.settings))
    }

    /// Whether it is one of the broker's own, as Kafka marks them.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(&*self.name, "__consumer_offsets" | "__transaction_state")
    }
}
