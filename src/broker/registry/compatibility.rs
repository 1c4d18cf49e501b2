//! `/compatibility`: whether a schema could be registered.

use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::AVRO;
use crate::broker::registry::store::Scope;
use crate::broker::registry::store::Store;
use crate::broker::registry::store::Text;
use crate::broker::registry::store::Wanted;
use crate::broker::registry::versions::add;
use crate::broker::registry::versions::given;
use crate::broker::registry::versions::parsed;
use crate::broker::registry::versions::texts;
use crate::codec::avro::compatibility::Incompatibility;
use crate::codec::avro::compatibility::Level;
use crate::codec::avro::compatibility::check;
use crate::codec::avro::schema::Schema;

/// POST `/compatibility/subjects/{subject}/versions`: against what the subject's level says.
pub(super) fn with_all(registry: &Registry, call: &Call, subject: &str) -> Answer {
    let text = given(call)?;
    let reasons = check_all(&registry.store(), subject, &text)?;
    Ok(told(call, &reasons))
}

/// POST `/compatibility/subjects/{subject}/versions/{version}`: against one version.
pub(super) fn with_one(registry: &Registry, call: &Call, subject: &str, version: &str) -> Answer {
    let text = given(call)?;
    let store = registry.store();
    let (_, version) = store.version(subject, Wanted::parse(version)?, Scope::Live)?;
    let earlier: Vec<_> = store.schema(version.id).into_iter().collect();
    let reasons = reasons(store.level(subject), &text, &earlier)?;
    Ok(told(call, &reasons))
}

/// Why `text` may not become the next version of `subject`; nothing where it may.
///
/// # Errors
///
/// It cannot be told: schemas that are not Avro are compared under level NONE only.
pub(super) fn check_all(
    store: &Store,
    subject: &str,
    text: &Text,
) -> Result<Vec<Incompatibility>, RegistryError> {
    let earlier: Vec<_> = texts(store, subject).collect();
    reasons(store.level(subject), text, &earlier)
}

fn reasons(
    level: Level,
    text: &Text,
    earlier: &[&Text],
) -> Result<Vec<Incompatibility>, RegistryError> {
    if level == Level::None || earlier.is_empty() {
        return Ok(Vec::new());
    }
    let is_avro = |text: &Text| text.schema_type == AVRO;
    if !is_avro(text) || !earlier.iter().all(|earlier| is_avro(earlier)) {
        let reason = "only Avro schemas are compared here; set the compatibility level to NONE";
        return Err(RegistryError::invalid_schema(reason));
    }
    let earlier: Result<Vec<Schema>, _> = earlier.iter().map(|text| parsed(text)).collect();
    Ok(check(level, &parsed(text)?, &earlier?))
}

fn told(call: &Call, reasons: &[Incompatibility]) -> serde_json::Value {
    let mut answer = json!({ "is_compatible": reasons.is_empty() });
    if call.says("verbose") {
        let messages: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        add(&mut answer, "messages", json!(messages));
    }
    answer
}
