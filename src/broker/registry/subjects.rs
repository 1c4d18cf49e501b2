//! `/subjects` and `/subjects/{subject}`.

use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::Event;
use crate::broker::registry::store::Scope;
use crate::broker::registry::versions::described;
use crate::broker::registry::versions::given;

/// Clients that know contexts ask for all subjects of all contexts with this prefix.
const ALL_CONTEXTS: &str = ":*:";

/// GET `/subjects`.
pub(super) fn list(registry: &Registry, call: &Call) -> Answer {
    let scope = Scope::of(call.says("deleted"), call.says("deletedOnly"));
    let prefix = call.query("subjectPrefix").unwrap_or_default();
    let prefix = prefix.strip_prefix(ALL_CONTEXTS).unwrap_or(prefix);
    let store = registry.store();
    let subjects = store
        .subjects(scope)
        .filter(|subject| subject.starts_with(prefix));
    Ok(json!(subjects.collect::<Vec<_>>()))
}

/// POST `/subjects/{subject}`: whether a schema is registered there, and as what.
pub(super) fn look_up(registry: &Registry, call: &Call, subject: &str) -> Answer {
    let text = given(call)?;
    let scope = Scope::of(call.says("deleted"), false);
    let store = registry.store();
    let mut versions = store.versions(subject, scope).rev().peekable();
    if versions.peek().is_none() {
        return Err(RegistryError::subject_not_found(subject));
    }
    let id = store.id_of(&text.identity());
    let found = versions.find(|(_, version)| Some(version.id) == id);
    let (number, version) = found.ok_or_else(RegistryError::schema_not_found)?;
    described(&store, subject, number, version)
}

/// DELETE `/subjects/{subject}`: soft first, for good with `permanent=true` then.
pub(super) fn delete(registry: &Registry, call: &Call, subject: &str) -> Answer {
    let store = &mut registry.store();
    let numbers = |scope| -> Vec<i32> {
        let versions = store.versions(subject, scope);
        versions.map(|(number, _)| number).collect()
    };
    let (live, all) = (numbers(Scope::Live), numbers(Scope::WithDeleted));
    let Some(last) = all.last().copied() else {
        return Err(RegistryError::subject_not_found(subject));
    };
    let (events, deleted) = if call.says("permanent") {
        if !live.is_empty() {
            return Err(RegistryError::subject_not_soft_deleted(subject));
        }
        let removed = |&version: &i32| Event::Removed {
            subject: subject.to_owned(),
            version,
        };
        (all.iter().map(removed).collect(), all)
    } else {
        if live.is_empty() {
            return Err(RegistryError::subject_soft_deleted(subject));
        }
        let event = Event::SubjectDeleted {
            subject: subject.to_owned(),
            version: last,
        };
        (vec![event], live)
    };
    registry.commit(store, &events)?;
    Ok(json!(deleted))
}
