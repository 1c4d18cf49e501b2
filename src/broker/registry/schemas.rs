//! `/schemas` and below.

use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::store::Scope;
use crate::broker::registry::store::Store;
use crate::broker::registry::versions::add;
use crate::broker::registry::versions::add_type;
use crate::broker::registry::versions::described;
use crate::broker::registry::versions::raw;

fn parse_id(id: &str) -> Result<i32, RegistryError> {
    id.parse().map_err(|_| RegistryError::not_found())
}

/// GET `/schemas`: all versions of all subjects.
pub(super) fn list(registry: &Registry, call: &Call) -> Answer {
    let scope = Scope::of(call.says("deleted"), false);
    let prefix = call.query("subjectPrefix").unwrap_or_default();
    let store = registry.store();
    let mut all = Vec::new();
    for subject in store
        .subjects(scope)
        .filter(|name| name.starts_with(prefix))
    {
        let versions: Vec<_> = store.versions(subject, scope).collect();
        let skipped = if call.says("latestOnly") {
            versions.len().saturating_sub(1)
        } else {
            0
        };
        for (number, version) in versions.into_iter().skip(skipped) {
            all.push(described(&store, subject, number, version)?);
        }
    }
    Ok(json!(all))
}

/// GET `/schemas/ids/{id}`.
pub(super) fn read(registry: &Registry, call: &Call, id: &str) -> Answer {
    let id = parse_id(id)?;
    let store = registry.store();
    let text = store
        .schema(id)
        .ok_or_else(|| RegistryError::schema_id_not_found(i64::from(id)))?;
    let mut answer = json!({ "schema": text.schema });
    add_type(&mut answer, text);
    if call.says("fetchMaxId") {
        add(&mut answer, "maxId", json!(store.largest_id()));
    }
    Ok(answer)
}

/// GET `/schemas/ids/{id}/schema`: the text alone.
pub(super) fn text(registry: &Registry, id: &str) -> Answer {
    raw(&registry.store(), parse_id(id)?)
}

/// GET `/schemas/ids/{id}/subjects`.
pub(super) fn subjects(registry: &Registry, call: &Call, id: &str) -> Answer {
    let store = registry.store();
    let mut subjects: Vec<_> = uses(&store, call, parse_id(id)?)?
        .into_iter()
        .map(|(subject, _)| subject)
        .collect();
    subjects.dedup();
    Ok(json!(subjects))
}

/// GET `/schemas/ids/{id}/versions`.
pub(super) fn versions(registry: &Registry, call: &Call, id: &str) -> Answer {
    let store = registry.store();
    let uses = uses(&store, call, parse_id(id)?)?.into_iter();
    let told = uses.map(|(subject, version)| json!({ "subject": subject, "version": version }));
    Ok(json!(told.collect::<Vec<_>>()))
}

/// The subjects and versions that have the schema `id`.
fn uses(store: &Store, call: &Call, id: i32) -> Result<Vec<(String, i32)>, RegistryError> {
    if store.schema(id).is_none() {
        return Err(RegistryError::schema_id_not_found(i64::from(id)));
    }
    let scope = Scope::of(call.says("deleted"), false);
    let of_subject = |subject: &str| -> Vec<(String, i32)> {
        store
            .versions(subject, scope)
            .filter(|(_, version)| version.id == id)
            .map(|(number, _)| (subject.to_owned(), number))
            .collect()
    };
    Ok(store.subjects(scope).flat_map(of_subject).collect())
}
