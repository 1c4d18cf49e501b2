//! `/subjects/{subject}/versions` and below.

use serde::Deserialize;
use serde_json::Value as Json;
use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::compatibility;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::AVRO;
use crate::broker::registry::event::Event;
use crate::broker::registry::event::SchemaEvent;
use crate::broker::registry::store::Reference;
use crate::broker::registry::store::Scope;
use crate::broker::registry::store::Store;
use crate::broker::registry::store::Text;
use crate::broker::registry::store::Version;
use crate::broker::registry::store::Wanted;
use crate::codec::avro::normalized;
use crate::codec::avro::schema::Schema;

/// The schema types that are stored.
const TYPES: [&str; 3] = [AVRO, "JSON", "PROTOBUF"];

/// A schema as it stands in a request's body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    schema: Option<String>,
    schema_type: Option<String>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
}

/// The schema in a request's body, found sound.
///
/// # Errors
///
/// The body is unreadable, or the schema is none.
pub(super) fn given(call: &Call) -> Result<Text, RegistryError> {
    let body: Body = call.body()?;
    let schema = body.schema.unwrap_or_default();
    let schema_type = body.schema_type.unwrap_or_else(|| AVRO.to_owned());
    let references = body.references.unwrap_or_default();
    if !TYPES.contains(&schema_type.as_str()) {
        let reason = format!("unknown schema type {schema_type}");
        return Err(RegistryError::invalid_schema(reason));
    }
    if schema_type != AVRO {
        return Ok(Text {
            schema_type,
            references,
            schema,
        });
    }
    if !references.is_empty() {
        let reason = "references between Avro schemas are not supported here";
        return Err(RegistryError::invalid_schema(reason));
    }
    let normal = normalized(&schema).map_err(RegistryError::invalid_schema)?;
    Ok(Text {
        schema_type,
        references,
        schema: if call.says("normalize") {
            normal
        } else {
            schema
        },
    })
}

/// GET `/subjects/{subject}/versions`.
pub(super) fn list(registry: &Registry, call: &Call, subject: &str) -> Answer {
    let scope = Scope::of(call.says("deleted"), call.says("deletedOnly"));
    let store = registry.store();
    let numbers: Vec<i32> = store
        .versions(subject, scope)
        .map(|(number, _)| number)
        .collect();
    if numbers.is_empty() {
        return Err(RegistryError::subject_not_found(subject));
    }
    Ok(json!(numbers))
}

/// POST `/subjects/{subject}/versions`: the same schema keeps its id, and under the same subject
/// its version; another one must be compatible.
pub(super) fn register(registry: &Registry, call: &Call, subject: &str) -> Answer {
    let text = given(call)?;
    let store = &mut registry.store();
    let known = store.id_of(&text.identity());
    let mut live = store.versions(subject, Scope::Live);
    if let Some(id) = known
        && live.any(|(_, version)| version.id == id)
    {
        return Ok(json!({ "id": id }));
    }
    drop(live);
    check_compatible(store, subject, &text)?;
    let id = known.unwrap_or_else(|| store.next_id());
    let event = Event::Schema(Box::new(SchemaEvent {
        subject: subject.to_owned(),
        version: store.next_version(subject),
        id,
        schema_type: Some(text.schema_type).filter(|name| name != AVRO),
        references: text.references,
        schema: text.schema,
        deleted: false,
    }));
    registry.commit(store, &[event])?;
    Ok(json!({ "id": id }))
}

fn check_compatible(store: &Store, subject: &str, text: &Text) -> Result<(), RegistryError> {
    let reasons = compatibility::check_all(store, subject, text)?;
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(RegistryError::incompatible(subject, &reasons))
    }
}

/// The earlier versions' schemas, oldest first.
pub(super) fn texts<'s>(
    store: &'s Store,
    subject: &str,
) -> impl DoubleEndedIterator<Item = &'s Text> {
    store
        .versions(subject, Scope::Live)
        .filter_map(|(_, version)| store.schema(version.id))
}

/// Parses an Avro schema that may have been stored by another registry.
pub(super) fn parsed(text: &Text) -> Result<Schema, RegistryError> {
    Schema::parse(&text.schema).map_err(RegistryError::invalid_schema)
}

/// GET `/subjects/{subject}/versions/{version}`.
pub(super) fn read(registry: &Registry, call: &Call, subject: &str, version: &str) -> Answer {
    let scope = Scope::of(call.says("deleted"), false);
    let store = registry.store();
    let (number, version) = store.version(subject, Wanted::parse(version)?, scope)?;
    described(&store, subject, number, version)
}

/// GET `/subjects/{subject}/versions/{version}/schema`: the text alone.
pub(super) fn text(registry: &Registry, call: &Call, subject: &str, version: &str) -> Answer {
    let scope = Scope::of(call.says("deleted"), false);
    let store = registry.store();
    let (_, version) = store.version(subject, Wanted::parse(version)?, scope)?;
    raw(&store, version.id)
}

/// A schema's text as the whole answer: Avro is JSON itself.
pub(super) fn raw(store: &Store, id: i32) -> Answer {
    let text = store
        .schema(id)
        .ok_or_else(|| RegistryError::schema_id_not_found(i64::from(id)))?;
    Ok(serde_json::from_str(&text.schema).unwrap_or_else(|_| Json::String(text.schema.clone())))
}

/// GET `/subjects/{subject}/versions/{version}/referencedby`: the ids of schemas that name it.
pub(super) fn referenced_by(registry: &Registry, subject: &str, version: &str) -> Answer {
    let store = registry.store();
    let (number, _) = store.version(subject, Wanted::parse(version)?, Scope::Live)?;
    let names_it = |id: &i32| {
        let references = store
            .schema(*id)
            .into_iter()
            .flat_map(|text| &text.references);
        references
            .into_iter()
            .any(|reference| reference.subject == subject && reference.version == number)
    };
    let ids = 1..=store.largest_id();
    Ok(json!(ids.filter(names_it).collect::<Vec<_>>()))
}

/// DELETE `/subjects/{subject}/versions/{version}`: soft first, for good with `permanent=true`
/// then.
pub(super) fn delete(registry: &Registry, call: &Call, subject: &str, version: &str) -> Answer {
    let wanted = Wanted::parse(version)?;
    let store = &mut registry.store();
    let (number, version) = store.version(subject, wanted, Scope::WithDeleted)?;
    let event = match (call.says("permanent"), version.is_deleted) {
        (true, false) => return Err(RegistryError::version_not_soft_deleted(subject, number)),
        (false, true) => return Err(RegistryError::version_soft_deleted(subject, number)),
        (true, true) => Event::Removed {
            subject: subject.to_owned(),
            version: number,
        },
        (false, false) => {
            let text = store
                .schema(version.id)
                .ok_or_else(RegistryError::schema_not_found)?;
            Event::Schema(Box::new(SchemaEvent {
                subject: subject.to_owned(),
                version: number,
                id: version.id,
                schema_type: Some(text.schema_type.clone()).filter(|name| name != AVRO),
                references: text.references.clone(),
                schema: text.schema.clone(),
                deleted: true,
            }))
        }
    };
    registry.commit(store, &[event])?;
    Ok(json!(number))
}

/// A version as clients are told of it; the schema type is left out for Avro, references where
/// there are none.
pub(super) fn described(store: &Store, subject: &str, number: i32, version: &Version) -> Answer {
    let text = store
        .schema(version.id)
        .ok_or_else(RegistryError::schema_not_found)?;
    let mut answer = json!({
        "subject": subject,
        "version": number,
        "id": version.id,
        "schema": text.schema,
    });
    add_type(&mut answer, text);
    if version.is_deleted {
        add(&mut answer, "deleted", json!(true));
    }
    Ok(answer)
}

/// Adds schema type and references where they are to be told.
pub(super) fn add_type(answer: &mut Json, text: &Text) {
    if text.schema_type != AVRO {
        add(answer, "schemaType", json!(text.schema_type));
    }
    if !text.references.is_empty() {
        add(answer, "references", json!(text.references));
    }
}

/// Adds a property to an object.
pub(super) fn add(answer: &mut Json, name: &str, value: Json) {
    if let Some(object) = answer.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}
