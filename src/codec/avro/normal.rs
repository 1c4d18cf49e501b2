//! One text for all spellings of a schema.

use serde_json::Map;
use serde_json::Value as Json;

use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::SchemaError;

/// The schema `text` in one spelling: two texts have the same one exactly where a registry takes
/// them for the same schema.
///
/// Names are full names; `{"type": "int"}` is `"int"`; attributes stand in a fixed order, without
/// white space. Everything else stays: documentation, aliases, defaults, logical types and
/// attributes that nobody knows.
///
/// # Errors
///
/// [`SchemaError`] where `text` is no schema or has a default that does not fit.
pub fn normalized(text: &str) -> Result<String, SchemaError> {
    Schema::parse(text)?.check_defaults()?;
    let json: Json = serde_json::from_str(text).map_err(|error| SchemaError::Text {
        reason: error.to_string(),
    })?;
    Ok(schema(&json, "").to_string())
}

/// The types that are not names.
const WORDS: [&str; 13] = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string", "record", "enum",
    "array", "map", "fixed",
];

/// The attributes that come first, in this order; the rest follow by name.
const ORDER: [&str; 4] = ["name", "type", "doc", "aliases"];

fn schema(json: &Json, namespace: &str) -> Json {
    match json {
        Json::String(name) => full_name(name, namespace).into(),
        Json::Array(branches) => branches
            .iter()
            .map(|branch| schema(branch, namespace))
            .collect(),
        Json::Object(object) => match object.get("type") {
            Some(inner) if object.len() == 1 => schema(inner, namespace),
            _ => object_schema(object, namespace),
        },
        other => other.clone(),
    }
}

fn object_schema(object: &Map<String, Json>, outer: &str) -> Json {
    let text = |name: &str| object.get(name).and_then(Json::as_str);
    let name = text("name").map(|name| full_name(name, text("namespace").unwrap_or(outer)));
    let namespace = match &name {
        Some(name) => name.rsplit_once('.').map_or("", |(namespace, _)| namespace),
        None => outer,
    };
    let attributes = object
        .iter()
        .filter(|(key, _)| *key != "namespace")
        .map(|(key, value)| {
            let value = match (key.as_str(), value) {
                ("name", _) => name.clone().map_or(Json::Null, Json::String),
                ("type" | "items" | "values", _) => schema(value, namespace),
                ("fields", Json::Array(fields)) => {
                    fields.iter().map(|json| field(json, namespace)).collect()
                }
                ("aliases", Json::Array(aliases)) => {
                    let aliases = aliases.iter().filter_map(Json::as_str);
                    aliases.map(|alias| full_name(alias, namespace)).collect()
                }
                _ => value.clone(),
            };
            (key.clone(), value)
        });
    ordered(attributes)
}

fn field(json: &Json, namespace: &str) -> Json {
    let Json::Object(object) = json else {
        return json.clone();
    };
    ordered(object.iter().map(|(key, value)| {
        let value = match key.as_str() {
            "type" => schema(value, namespace),
            _ => value.clone(),
        };
        (key.clone(), value)
    }))
}

fn ordered(attributes: impl Iterator<Item = (String, Json)>) -> Json {
    let rank = |key: &str| {
        ORDER
            .iter()
            .position(|first| *first == key)
            .unwrap_or(ORDER.len())
    };
    let mut attributes: Vec<_> = attributes.collect();
    attributes.sort_by(|(one, _), (other, _)| (rank(one), one).cmp(&(rank(other), other)));
    Json::Object(attributes.into_iter().collect())
}

fn full_name(name: &str, namespace: &str) -> String {
    if WORDS.contains(&name) || namespace.is_empty() || name.contains('.') {
        name.trim_start_matches('.').to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_schema_have_one_text() {
        let spellings = [
            r#"{"type": "record", "name": "Order", "namespace": "shop", "fields": [
                {"name": "id", "type": {"type": "long"}},
                {"name": "next", "type": ["null", "Order"], "default": null}]}"#,
            r#"{"fields":[{"type":"long","name":"id"},{"default":null,"name":"next",
                "type":["null","shop.Order"]}],"name":"shop.Order","type":"record"}"#,
        ];
        let expected = r#"{"name":"shop.Order","type":"record","fields":[{"name":"id","type":"long"},{"name":"next","type":["null","shop.Order"],"default":null}]}"#;
        for text in spellings {
            assert_eq!(normalized(text).as_deref(), Ok(expected));
        }
        assert_eq!(
            normalized(expected).as_deref(),
            Ok(expected),
            "its own normal form"
        );
        assert_eq!(
            normalized(r#"{"type": "string"}"#).as_deref(),
            Ok("\"string\"")
        );
    }

    #[test]
    fn what_says_something_makes_a_difference() {
        let with = |rest: &str| normalized(&format!(r#"{{"type": "long"{rest}}}"#)).unwrap();
        let texts = [
            with(""),
            with(r#", "doc": "d""#),
            with(r#", "logicalType": "timestamp-millis""#),
            with(r#", "x": [1]"#),
        ];
        for (index, text) in texts.iter().enumerate() {
            assert!(!texts[..index].contains(text), "{text}");
        }
        assert!(normalized("{}").is_err());
    }
}
