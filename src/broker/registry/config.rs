//! `/config` and `/mode`.

use serde::Deserialize;
use serde_json::json;

use crate::broker::registry::Registry;
use crate::broker::registry::call::Answer;
use crate::broker::registry::call::Call;
use crate::broker::registry::error::RegistryError;
use crate::broker::registry::event::Event;
use crate::codec::avro::compatibility::Level;

/// The only mode.
const READWRITE: &str = "READWRITE";

#[derive(Debug, Deserialize)]
struct LevelBody {
    compatibility: String,
}

#[derive(Debug, Deserialize)]
struct ModeBody {
    mode: String,
}

/// GET `/config` and `/config/{subject}`: answers `compatibilityLevel`, where PUT takes and
/// answers `compatibility`.
pub(super) fn read(registry: &Registry, call: &Call, subject: Option<&str>) -> Answer {
    let store = registry.store();
    let level = match subject {
        None => store.global_level(),
        Some(subject) if call.says("defaultToGlobal") => store.level(subject),
        Some(subject) => store
            .own_level(subject)
            .ok_or_else(|| RegistryError::no_subject_level(subject))?,
    };
    Ok(json!({ "compatibilityLevel": level.name() }))
}

/// PUT `/config` and `/config/{subject}`.
pub(super) fn write(registry: &Registry, call: &Call, subject: Option<&str>) -> Answer {
    let body: LevelBody = call.body()?;
    let level: Level = body
        .compatibility
        .parse()
        .map_err(|_| RegistryError::invalid_level(&body.compatibility))?;
    set(registry, subject, Some(level))?;
    Ok(json!({ "compatibility": level.name() }))
}

/// DELETE `/config` and `/config/{subject}`: answers the level that counted before.
pub(super) fn remove(registry: &Registry, subject: Option<&str>) -> Answer {
    let before = {
        let store = registry.store();
        match subject {
            None => store.global_level(),
            Some(subject) => store
                .own_level(subject)
                .ok_or_else(|| RegistryError::subject_not_found(subject))?,
        }
    };
    set(registry, subject, None)?;
    Ok(json!({ "compatibilityLevel": before.name() }))
}

fn set(
    registry: &Registry,
    subject: Option<&str>,
    level: Option<Level>,
) -> Result<(), RegistryError> {
    let event = Event::Level {
        subject: subject.map(str::to_owned),
        level,
    };
    registry.commit(&mut registry.store(), &[event])
}

/// GET `/mode` and `/mode/{subject}`.
pub(super) fn read_mode(call: &Call, subject: Option<&str>) -> Answer {
    match subject {
        Some(subject) if !call.says("defaultToGlobal") => {
            Err(RegistryError::no_subject_mode(subject))
        }
        _ => Ok(json!({ "mode": READWRITE })),
    }
}

/// PUT `/mode` and `/mode/{subject}`: to the only mode there is.
pub(super) fn write_mode(call: &Call) -> Answer {
    let body: ModeBody = call.body()?;
    if body.mode == READWRITE {
        Ok(json!({ "mode": READWRITE }))
    } else {
        Err(RegistryError::invalid_mode(&body.mode))
    }
}
