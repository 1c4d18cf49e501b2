//! What changes the registry's store, in the record format of the `_schemas` topic.
//!
//! Shape: key and value are JSON. Keys have their properties in Confluent's order, because
//! compaction compares bytes; unknown properties and key types are passed over when read.
//!
//! Source: schema-registry 8.4, behaviour only (`SchemaKey`, `SchemaValue`, `ConfigKey`, ...).

use serde::Deserialize;
use serde::Serialize;

use crate::broker::internal_topic::Entry;
use crate::broker::registry::store::Reference;
use crate::codec::avro::compatibility::Level;

/// The schema type that is left out of records and answers.
pub(crate) const AVRO: &str = "AVRO";

/// One change of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A version of a subject is there, or is there anew, soft-deleted or not.
    Schema(Box<SchemaEvent>),
    /// A version is gone for good.
    Removed {
        /// The subject.
        subject: String,
        /// The version.
        version: i32,
    },
    /// All versions of a subject up to this one are soft-deleted.
    SubjectDeleted {
        /// The subject.
        subject: String,
        /// The last version deleted.
        version: i32,
    },
    /// A compatibility level is set, or with `None` no longer.
    Level {
        /// The subject; `None` for the global level.
        subject: Option<String>,
        /// The level.
        level: Option<Level>,
    },
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SchemaEvent {
    /// The subject.
    pub(crate) subject: String,
    /// The version, from 1.
    pub(crate) version: i32,
    /// The schema's id, from 1.
    pub(crate) id: i32,
    /// Left out for Avro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schema_type: Option<String>,
    /// Other schemas that this one names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) references: Vec<Reference>,
    /// The text as registered.
    pub(crate) schema: String,
    /// Whether it is soft-deleted.
    #[serde(default)]
    pub(crate) deleted: bool,
}

#[derive(Serialize, Deserialize)]
struct VersionKey {
    keytype: String,
    subject: String,
    version: i32,
    magic: i32,
}

#[derive(Serialize, Deserialize)]
struct SubjectKey {
    keytype: String,
    subject: Option<String>,
    magic: i32,
}

#[derive(Serialize, Deserialize)]
struct DeletedValue {
    subject: String,
    version: i32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LevelValue {
    compatibility_level: String,
}

#[derive(Deserialize)]
struct AnyKey {
    keytype: String,
}

impl Event {
    /// The record that says this.
    pub(crate) fn encode(&self) -> Entry {
        match self {
            Self::Schema(event) => (
                version_key(&event.subject, event.version),
                Some(json(event)),
            ),
            Self::Removed { subject, version } => (version_key(subject, *version), None),
            Self::SubjectDeleted { subject, version } => {
                let value = DeletedValue {
                    subject: subject.clone(),
                    version: *version,
                };
                let key = subject_key("DELETE_SUBJECT", Some(subject.clone()));
                (key, Some(json(&value)))
            }
            Self::Level { subject, level } => {
                let value = level.map(|level| LevelValue {
                    compatibility_level: level.name().to_owned(),
                });
                let key = subject_key("CONFIG", subject.clone());
                (key, value.as_ref().map(json))
            }
        }
    }

    /// What a record says; `None` for what is not known here.
    pub(crate) fn decode(key: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let AnyKey { keytype } = serde_json::from_slice(key).ok()?;
        match keytype.as_str() {
            "SCHEMA" => {
                let key: VersionKey = serde_json::from_slice(key).ok()?;
                let Some(value) = value else {
                    return Some(Self::Removed {
                        subject: key.subject,
                        version: key.version,
                    });
                };
                Some(Self::Schema(serde_json::from_slice(value).ok()?))
            }
            "DELETE_SUBJECT" => {
                let value: DeletedValue = serde_json::from_slice(value?).ok()?;
                Some(Self::SubjectDeleted {
                    subject: value.subject,
                    version: value.version,
                })
            }
            "CONFIG" => {
                let key: SubjectKey = serde_json::from_slice(key).ok()?;
                let level = match value {
                    None => None,
                    Some(value) => {
                        let value: LevelValue = serde_json::from_slice(value).ok()?;
                        Some(value.compatibility_level.parse().ok()?)
                    }
                };
                Some(Self::Level {
                    subject: key.subject,
                    level,
                })
            }
            _ => None,
        }
    }
}

fn version_key(subject: &str, version: i32) -> Vec<u8> {
    json(&VersionKey {
        keytype: "SCHEMA".to_owned(),
        subject: subject.to_owned(),
        version,
        magic: 1,
    })
}

fn subject_key(keytype: &str, subject: Option<String>) -> Vec<u8> {
    json(&SubjectKey {
        keytype: keytype.to_owned(),
        subject,
        magic: 0,
    })
}

/// These types have text keys and no maps, which is all that could fail.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts((key, value): Entry) -> (String, Option<String>) {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(key), value.map(text))
    }

    #[test]
    fn records_are_confluents_and_come_back() {
        let schema = Event::Schema(Box::new(SchemaEvent {
            subject: "orders-value".to_owned(),
            version: 1,
            id: 3,
            schema_type: None,
            references: Vec::new(),
            schema: "\"int\"".to_owned(),
            deleted: false,
        }));
        let (key, value) = texts(schema.encode());
        assert_eq!(
            key,
            r#"{"keytype":"SCHEMA","subject":"orders-value","version":1,"magic":1}"#
        );
        assert_eq!(
            value.as_deref(),
            Some(
                r#"{"subject":"orders-value","version":1,"id":3,"schema":"\"int\"","deleted":false}"#
            )
        );
        let level = Event::Level {
            subject: None,
            level: Some(Level::None),
        };
        let (key, value) = texts(level.encode());
        assert_eq!(key, r#"{"keytype":"CONFIG","subject":null,"magic":0}"#);
        assert_eq!(value.as_deref(), Some(r#"{"compatibilityLevel":"NONE"}"#));
        let removed = Event::Removed {
            subject: "s".to_owned(),
            version: 2,
        };
        let deleted = Event::SubjectDeleted {
            subject: "s".to_owned(),
            version: 2,
        };
        for event in [schema, level, removed, deleted] {
            let (key, value) = event.encode();
            assert_eq!(Event::decode(&key, value.as_deref()), Some(event));
        }
    }

    #[test]
    fn other_spellings_and_unknown_records_are_passed_over_or_read() {
        let noop = Event::decode(br#"{"keytype":"NOOP","magic":0}"#, None);
        assert_eq!(noop, None);
        let spaced = Event::decode(
            br#"{"magic": 1, "version": 1, "subject": "s", "keytype": "SCHEMA"}"#,
            Some(br#"{"id": 1, "version": 1, "subject": "s", "schema": "x", "md5": "y"}"#),
        );
        assert!(matches!(spaced, Some(Event::Schema(event)) if event.id == 1 && !event.deleted));
        assert_eq!(Event::decode(b"not json", None), None);
    }
}
