//! What the registry knows: subjects, their versions, schemas by id, compatibility levels.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::AVRO;
use crate::broker::registry::event::Event;
use crate::broker::registry::event::SchemaEvent;
use crate::codec::avro::compatibility::Level;
use crate::codec::avro::normalized;

/// Another schema that a schema names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Reference {
    /// The name that the schema uses.
    pub(crate) name: String,
    /// Where it is registered.
    pub(crate) subject: String,
    /// As which version.
    pub(crate) version: i32,
}

/// A schema as a client gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// `AVRO`, `JSON` or `PROTOBUF`.
    pub(crate) schema_type: String,
    /// Other schemas that it names.
    pub(crate) references: Vec<Reference>,
    /// The text.
    pub(crate) schema: String,
}

/// What makes two texts the same schema.
pub(crate) type Identity = (String, Vec<Reference>, String);

impl Text {
    /// What makes this the same schema as another: for Avro, spelling does not count.
    pub(crate) fn identity(&self) -> Identity {
        let schema = if self.schema_type == AVRO {
            normalized(&self.schema).unwrap_or_else(|_| self.schema.clone())
        } else {
            self.schema.clone()
        };
        (self.schema_type.clone(), self.references.clone(), schema)
    }
}

/// One version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The schema's id.
    pub(crate) id: i32,
    /// Whether it is soft-deleted.
    pub(crate) is_deleted: bool,
}

/// Which versions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that are not deleted.
    Live,
    /// Soft-deleted ones too.
    WithDeleted,
    /// Soft-deleted ones alone.
    DeletedOnly,
}

impl Scope {
    /// What the query parameters `deleted` and `deletedOnly` say.
    pub(crate) const fn of(deleted: bool, deleted_only: bool) -> Self {
        match (deleted, deleted_only) {
            (_, true) => Self::DeletedOnly,
            (true, false) => Self::WithDeleted,
            (false, false) => Self::Live,
        }
    }

    const fn contains(self, version: &Version) -> bool {
        match self {
            Self::Live => !version.is_deleted,
            Self::WithDeleted => true,
            Self::DeletedOnly => version.is_deleted,
        }
    }
}

/// What the registry knows.
#[derive(Debug, Default)]
pub(crate) struct Store {
    schemas: BTreeMap<i32, Text>,
    ids: BTreeMap<Identity, i32>,
    subjects: BTreeMap<String, BTreeMap<i32, Version>>,
    global_level: Option<Level>,
    levels: BTreeMap<String, Level>,
}

impl Store {
    /// Applies one change.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Schema(event) => self.apply_schema(event),
            Event::Removed { subject, version } => {
                if let Some(versions) = self.subjects.get_mut(subject) {
                    versions.remove(version);
                    if versions.is_empty() {
                        self.subjects.remove(subject);
                    }
                }
            }
            Event::SubjectDeleted { subject, version } => {
                let versions = self.subjects.get_mut(subject).into_iter();
                for (_, known) in versions.flat_map(|versions| versions.range_mut(..=*version)) {
                    known.is_deleted = true;
                }
            }
            Event::Level { subject, level } => match (subject, level) {
                (None, level) => self.global_level = *level,
                (Some(subject), Some(level)) => {
                    self.levels.insert(subject.clone(), *level);
                }
                (Some(subject), None) => {
                    self.levels.remove(subject);
                }
            },
        }
    }

    fn apply_schema(&mut self, event: &SchemaEvent) {
        let text = Text {
            schema_type: event.schema_type.clone().unwrap_or_else(|| AVRO.to_owned()),
            references: event.references.clone(),
            schema: event.schema.clone(),
        };
        self.ids.entry(text.identity()).or_insert(event.id);
        self.schemas.entry(event.id).or_insert(text);
        let version = Version {
            id: event.id,
            is_deleted: event.deleted,
        };
        self.subjects
            .entry(event.subject.clone())
            .or_default()
            .insert(event.version, version);
    }

    /// The schema whose id is `id`.
    pub(crate) fn schema(&self, id: i32) -> Option<&Text> {
        self.schemas.get(&id)
    }

    /// The id of a schema that is registered anywhere.
    pub(crate) fn id_of(&self, identity: &Identity) -> Option<i32> {
        self.ids.get(identity).copied()
    }

    /// The id for the next new schema.
    pub(crate) fn next_id(&self) -> i32 {
        self.largest_id().saturating_add(1)
    }

    /// The largest id given out; 0 where there is none.
    pub(crate) fn largest_id(&self) -> i32 {
        self.schemas.keys().next_back().copied().unwrap_or(0)
    }

    /// The subjects that have versions in `scope`, by name.
    pub(crate) fn subjects(&self, scope: Scope) -> impl Iterator<Item = &str> {
        let has_any = move |versions: &BTreeMap<i32, Version>| {
            versions.values().any(|version| scope.contains(version))
        };
        self.subjects
            .iter()
            .filter(move |(_, versions)| has_any(versions))
            .map(|(subject, _)| subject.as_str())
    }

    /// The versions of `subject` in `scope`, oldest first.
    pub(crate) fn versions(
        &self,
        subject: &str,
        scope: Scope,
    ) -> impl DoubleEndedIterator<Item = (i32, &Version)> {
        self.subjects
            .get(subject)
            .into_iter()
            .flatten()
            .map(|(number, version)| (*number, version))
            .filter(move |(_, version)| scope.contains(version))
    }

    /// The number of the next version of `subject`; soft-deleted versions count.
    pub(crate) fn next_version(&self, subject: &str) -> i32 {
        let last = self.versions(subject, Scope::WithDeleted).next_back();
        last.map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// One version of `subject`.
    ///
    /// # Errors
    ///
    /// The subject has no version in `scope`, or not this one.
    pub(crate) fn version(
        &self,
        subject: &str,
        wanted: Wanted,
        scope: Scope,
    ) -> Result<(i32, &Version), RegistryError> {
        let mut versions = self.versions(subject, scope).peekable();
        if versions.peek().is_none() {
            return Err(RegistryError::subject_not_found(subject));
        }
        match wanted {
            Wanted::Latest => versions
                .next_back()
                .ok_or_else(|| RegistryError::subject_not_found(subject)),
            Wanted::Number(wanted) => versions
                .find(|(number, _)| *number == wanted)
                .ok_or_else(|| RegistryError::version_not_found(i64::from(wanted))),
        }
    }

    /// The global compatibility level.
    pub(crate) fn global_level(&self) -> Level {
        self.global_level.unwrap_or_default()
    }

    /// The level set for `subject` itself.
    pub(crate) fn own_level(&self, subject: &str) -> Option<Level> {
        self.levels.get(subject).copied()
    }

    /// The level that counts for `subject`.
    pub(crate) fn level(&self, subject: &str) -> Level {
        self.own_level(subject)
            .unwrap_or_else(|| self.global_level())
    }
}

/// Which version is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `latest`, or −1.
    Latest,
    /// This one.
    Number(i32),
}

impl Wanted {
    /// Reads a version as it stands in a path.
    ///
    /// # Errors
    ///
    /// It is neither a number from 1 to 2^31 − 1, nor −1, nor `latest`.
    pub(crate) fn parse(text: &str) -> Result<Self, RegistryError> {
        match text.parse() {
            Ok(-1) => Ok(Self::Latest),
            Ok(number) if number >= 1 => Ok(Self::Number(number)),
            Err(_) if text == "latest" => Ok(Self::Latest),
            Ok(_) | Err(_) => Err(RegistryError::invalid_version(text)),
        }
    }
}
