//! The JSON Schema of pipeline files, for editors, made from the table of keys.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::codec::format::Format;
use crate::pipeline::vocabulary::Form;
use crate::pipeline::vocabulary::Need;
use crate::pipeline::vocabulary::PIPELINE;
use crate::pipeline::vocabulary::Vocabulary;

/// What names of topics are made of (Kafka's `Topic.LEGAL_CHARS`).
const NAME_PATTERN: &str = "^[a-zA-Z0-9._-]{1,249}$";

/// Numbers with units, as [`crate::expr::duration`] reads them.
const DURATION_PATTERN: &str = "^\\+?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h|d))+)$";

/// The JSON Schema (draft 7, which editors know best) of a pipeline file.
///
/// It says what keys there are and what may stand under each; what names and expressions mean is
/// for `tidemill check`.
///
/// # Examples
///
/// ```
/// let schema = tidemill::pipeline::json_schema();
/// assert!(schema["properties"]["flows"]["description"].is_string());
/// ```
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = Map::new();
    schema.insert(
        "$schema".into(),
        "http://json-schema.org/draft-07/schema#".into(),
    );
    schema.insert("title".into(), "Tidemill pipeline file".into());
    if let Json::Object(rest) = mapping(&PIPELINE) {
        schema.extend(rest);
    }
    Json::Object(schema)
}

fn mapping(vocabulary: &Vocabulary) -> Json {
    let mut properties = Map::new();
    for entry in vocabulary.keys {
        let mut schema = of(&entry.form);
        if let Json::Object(schema) = &mut schema {
            schema.insert("description".into(), entry.about.into());
        }
        properties.insert(entry.name.into(), schema);
    }
    let required = vocabulary.keys.iter();
    let required = required.filter(|entry| entry.need == Need::Required);
    let required: Vec<_> = required.map(|entry| entry.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What may stand in place of `form`.
fn of(form: &Form) -> Json {
    match form {
        Form::Text => json!({"type": ["string", "number", "boolean"]}),
        Form::Name => json!({"type": ["string", "number"], "pattern": NAME_PATTERN}),
        Form::Duration => {
            json!({"anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}]})
        }
        // `where: true` and `select: { one: 1 }` are expressions too.
        Form::Expression => json!({"type": ["string", "number", "boolean"]}),
        Form::Truth => json!({"type": "boolean"}),
        Form::Format => json!({"enum": Format::ALL.map(Format::name)}),
        Form::Word(words) => {
            json!({"enum": words.iter().flat_map(|word| spellings(word)).collect::<Vec<_>>()})
        }
        Form::Time => json!({"type": ["string", "integer"]}),
        Form::Count => json!({"type": "integer", "minimum": 0}),
        Form::Number => json!({"type": "number"}),
        Form::Any => json!({}),
        Form::Mapping(vocabulary) => mapping(vocabulary),
        Form::Properties(vocabulary) => {
            let mut schema = mapping(vocabulary);
            if let Json::Object(schema) = &mut schema {
                schema.insert("additionalProperties".into(), of(&Form::Text));
            }
            schema
        }
        Form::ByName(form) => json!({"type": "object", "additionalProperties": of(form)}),
        Form::List(form) => json!({"type": "array", "items": of(form)}),
        Form::OneOf(forms) => json!({"anyOf": forms.iter().map(of).collect::<Vec<_>>()}),
    }
}

/// A word as YAML gives it: a number where it reads as one.
fn spellings(word: &str) -> Vec<Json> {
    let number = word.parse::<i64>().ok().map(Json::from);
    number.into_iter().chain([word.into()]).collect()
}
