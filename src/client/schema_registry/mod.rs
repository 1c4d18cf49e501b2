//! The client of a Confluent schema registry.
//!
//! It moves schema texts and parses none of them. What was once registered never changes, so
//! look-ups by id and registrations are remembered for as long as the client lives.
//!
//! Source: the REST interface of Confluent's schema registry 8.4 (behaviour only).

mod error;
mod http;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use hyper::Method;
use serde::Deserialize;
use serde::Serialize;
use serde_json::json;

use crate::client::config::RegistrySettings;
use crate::client::config::SubjectStrategy;
use crate::client::schema_registry::http::Http;
use crate::codec::framing::SchemaId;

pub use error::RegistryError;

/// Schemas that are remembered; past this many, all are forgotten and asked for again.
const CACHE_MAX: usize = 10_000;

/// A schema registry, reached over HTTP.
#[derive(Debug)]
pub struct SchemaRegistry {
    http: Http,
    by_id: Mutex<HashMap<SchemaId, Arc<str>>>,
    ids: Mutex<HashMap<(String, String), i32>>,
}

/// A schema under a subject.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SubjectVersion {
    /// The subject.
    pub subject: String,
    /// The schema's number within the subject, from 1 upward.
    pub version: i32,
    /// The schema's number within the registry.
    pub id: i32,
    /// Its text.
    pub schema: String,
    /// `AVRO`, `JSON` or `PROTOBUF`.
    #[serde(default = "avro", rename = "schemaType")]
    pub schema_type: String,
}

fn avro() -> String {
    "AVRO".to_owned()
}

/// Whether a schema may follow those of a subject.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Compatibility {
    /// Whether it may.
    pub is_compatible: bool,
    /// Why not.
    #[serde(default)]
    pub messages: Vec<String>,
}

/// Whether a deletion can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The subject is hidden; its schemas can still be looked up by id.
    Soft,
    /// It is gone. Has to follow a soft deletion.
    Permanent,
}

#[derive(Deserialize)]
struct SchemaText {
    schema: String,
}

#[derive(Deserialize)]
struct Registered {
    id: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    compatibility_level: String,
}

#[derive(Serialize)]
struct NewSchema<'a> {
    schema: &'a str,
}

impl SchemaRegistry {
    /// A client of the registry that `settings` name; connects only when asked something.
    ///
    /// # Errors
    ///
    /// [`RegistryError::NoUrl`] or [`RegistryError::BadUrl`] if the settings name none, and
    /// [`RegistryError::Security`] if their certificates cannot be used.
    pub fn new(settings: &RegistrySettings) -> Result<Self, RegistryError> {
        Ok(Self {
            http: Http::new(settings)?,
            by_id: Mutex::default(),
            ids: Mutex::default(),
        })
    }

    /// The text of the schema with this id.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40403 if there is no such schema.
    pub async fn schema(&self, id: SchemaId) -> Result<Arc<str>, RegistryError> {
        if let Some(known) = lock(&self.by_id).get(&id) {
            return Ok(Arc::clone(known));
        }
        let path = match id {
            SchemaId::Number(number) => format!("/schemas/ids/{number}"),
            SchemaId::Guid(_) => format!("/schemas/guids/{id}"),
        };
        let text: SchemaText = self.http.ask(Method::GET, &path, None).await?;
        let text: Arc<str> = text.schema.into();
        remember(&self.by_id, id, Arc::clone(&text));
        Ok(text)
    }

    /// Registers `schema` under `subject`, unless it is there already, and returns its id.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 409 or 40901 if the subject's
    /// compatibility level forbids it, 42201 if it is no schema.
    pub async fn register(&self, subject: &str, schema: &str) -> Result<i32, RegistryError> {
        let key = (subject.to_owned(), schema.to_owned());
        if let Some(&known) = lock(&self.ids).get(&key) {
            return Ok(known);
        }
        let path = format!("/subjects/{}/versions", encoded(subject));
        let registered: Registered = self
            .http
            .ask(Method::POST, &path, Some(new_schema(schema)))
            .await?;
        remember(&self.ids, key, registered.id);
        Ok(registered.id)
    }

    /// The id and version of `schema` under `subject`.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40401 if there is no such subject,
    /// 40403 if the schema is not registered under it.
    pub async fn look_up(
        &self,
        subject: &str,
        schema: &str,
    ) -> Result<SubjectVersion, RegistryError> {
        let path = format!("/subjects/{}", encoded(subject));
        self.http
            .ask(Method::POST, &path, Some(new_schema(schema)))
            .await
    }

    /// One version of a subject; `None` is the latest.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40401 or 40402 if there is none.
    pub async fn version(
        &self,
        subject: &str,
        version: Option<i32>,
    ) -> Result<SubjectVersion, RegistryError> {
        let version = version.map_or_else(|| "latest".to_owned(), |version| version.to_string());
        let path = format!("/subjects/{}/versions/{version}", encoded(subject));
        self.http.ask(Method::GET, &path, None).await
    }

    /// The versions that a subject has, in order.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40401 if there is no such subject.
    pub async fn versions(&self, subject: &str) -> Result<Vec<i32>, RegistryError> {
        self.http
            .ask(
                Method::GET,
                &format!("/subjects/{}/versions", encoded(subject)),
                None,
            )
            .await
    }

    /// All subjects.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.http.ask(Method::GET, "/subjects", None).await
    }

    /// Whether `schema` may become the next version of `subject`, under the subject's level.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40401 if there is no such subject.
    pub async fn check(&self, subject: &str, schema: &str) -> Result<Compatibility, RegistryError> {
        let path = format!(
            "/compatibility/subjects/{}/versions/latest?verbose=true",
            encoded(subject)
        );
        self.http
            .ask(Method::POST, &path, Some(new_schema(schema)))
            .await
    }

    /// The compatibility level of `subject`, or the registry's own where it has none.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn level(&self, subject: Option<&str>) -> Result<String, RegistryError> {
        let path = match subject {
            Some(subject) => format!("/config/{}?defaultToGlobal=true", encoded(subject)),
            None => "/config".to_owned(),
        };
        let level: Level = self.http.ask(Method::GET, &path, None).await?;
        Ok(level.compatibility_level)
    }

    /// Sets the compatibility level of `subject`, or of the registry.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 42203 if there is no such level.
    pub async fn set_level(&self, subject: Option<&str>, level: &str) -> Result<(), RegistryError> {
        let path = subject.map_or_else(
            || "/config".to_owned(),
            |subject| format!("/config/{}", encoded(subject)),
        );
        let body = json!({ "compatibility": level }).to_string();
        self.http
            .ask::<serde_json::Value>(Method::PUT, &path, Some(body))
            .await
            .map(drop)
    }

    /// Deletes a subject, and returns the versions that it had.
    ///
    /// # Errors
    ///
    /// [`RegistryError`]; [`RegistryError::Answer`] with code 40401 if there is no such subject,
    /// 40405 if a permanent deletion does not follow a soft one.
    pub async fn delete(
        &self,
        subject: &str,
        deletion: Deletion,
    ) -> Result<Vec<i32>, RegistryError> {
        let query = match deletion {
            Deletion::Soft => "",
            Deletion::Permanent => "?permanent=true",
        };
        let versions = self
            .http
            .ask(
                Method::DELETE,
                &format!("/subjects/{}{query}", encoded(subject)),
                None,
            )
            .await?;
        lock(&self.ids).retain(|(known, _), _| known != subject);
        Ok(versions)
    }
}

/// The subject that `strategy` gives a schema.
///
/// `record` is the full name of the record that the schema describes. Without one, the strategies
/// that need it answer `None`.
#[must_use]
pub fn subject(
    strategy: SubjectStrategy,
    topic: &str,
    side: Side,
    record: Option<&str>,
) -> Option<String> {
    match strategy {
        SubjectStrategy::TopicName => Some(format!("{topic}-{}", side.name())),
        SubjectStrategy::RecordName => record.map(str::to_owned),
        SubjectStrategy::TopicRecordName => record.map(|record| format!("{topic}-{record}")),
    }
}

/// Which part of a record a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its key.
    Key,
    /// Its value.
    Value,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

fn new_schema(schema: &str) -> String {
    // Writing a struct of one string cannot fail.
    serde_json::to_string(&NewSchema { schema }).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<K: std::hash::Hash + Eq, V>(cache: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut cache = lock(cache);
    if cache.len() >= CACHE_MAX {
        cache.clear();
    }
    cache.insert(key, value);
}

/// Percent-encodes what may not stand in a path segment (RFC 3986, section 2.3).
fn encoded(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_follow_their_strategy() {
        let of = |strategy, record| subject(strategy, "orders", Side::Value, record);
        assert_eq!(
            of(SubjectStrategy::TopicName, None).as_deref(),
            Some("orders-value")
        );
        assert_eq!(
            of(SubjectStrategy::RecordName, Some("shop.Order")).as_deref(),
            Some("shop.Order")
        );
        assert_eq!(
            of(SubjectStrategy::TopicRecordName, Some("shop.Order")).as_deref(),
            Some("orders-shop.Order")
        );
        assert_eq!(
            of(SubjectStrategy::RecordName, None),
            None,
            "a schema without a record name"
        );
    }

    #[test]
    fn a_subject_cannot_leave_its_path_segment() {
        assert_eq!(encoded("a/b?c=ä"), "a%2Fb%3Fc%3D%C3%A4");
    }
}
