//! What tests write as JSON, as Avro.

use serde_json::Value as Json;
use serde_json::json;

use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Logical;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::Tick;
use crate::pipeline::testing::clock;

/// Replaces texts that are clock times or RFC 3339 by integers where `schema` wants timestamps or
/// other longs.
pub(super) fn with_times(value: &mut Json, schema: &Schema) {
    at_node(value, schema, schema.root());
}

fn at_node(value: &mut Json, schema: &Schema, id: NodeId) {
    let node = schema.node(id);
    if let Some(Logical::Timestamp(tick) | Logical::LocalTimestamp(tick)) = &node.logical {
        return in_ticks(value, tick);
    }
    match (&node.kind, value) {
        // A number that counts milliseconds without saying so.
        (Kind::Long, value) if node.logical.is_none() => in_ticks(value, &Tick::Millis),
        (Kind::Record(record), Json::Object(entries)) => {
            for field in &record.fields {
                if let Some(value) = entries.get_mut(&field.name) {
                    at_node(value, schema, field.node);
                }
            }
        }
        (Kind::Array(items), Json::Array(values)) => {
            for value in values {
                at_node(value, schema, *items);
            }
        }
        (Kind::Map(values), Json::Object(entries)) => {
            for value in entries.values_mut() {
                at_node(value, schema, *values);
            }
        }
        (Kind::Union(branches), value) => {
            // Text that a text branch would take stays text.
            let takes_text = |id: &NodeId| matches!(schema.kind(*id), Kind::String | Kind::Enum(_));
            if !(value.is_string() && branches.iter().any(takes_text)) {
                for branch in branches.iter() {
                    at_node(value, schema, *branch);
                }
            }
        }
        _ => {}
    }
}

fn in_ticks(value: &mut Json, tick: &Tick) {
    let Some(time) = value.as_str().and_then(clock::instant) else {
        return;
    };
    let factor = match tick {
        Tick::Millis => 1,
        Tick::Micros => 1_000,
        Tick::Nanos => 1_000_000,
    };
    *value = time.0.saturating_mul(factor).into();
}

/// The text of a schema that `value` fits, for sources whose schemas only a registry knows.
pub(super) fn schema_of(value: &Json) -> String {
    let mut records = 0;
    schema(value, &mut records).to_string()
}

fn schema(value: &Json, records: &mut usize) -> Json {
    match value {
        Json::Null => json!("null"),
        Json::Bool(_) => json!("boolean"),
        Json::Number(number) if number.is_i64() => json!("long"),
        Json::Number(_) => json!("double"),
        Json::String(_) => json!("string"),
        Json::Array(items) => json!({"type": "array", "items": union(items.iter(), records)}),
        Json::Object(entries) if entries.keys().all(|name| is_name(name)) => {
            *records += 1;
            let name = format!("Value{records}");
            let fields = entries.iter();
            let fields =
                fields.map(|(name, value)| json!({"name": name, "type": schema(value, records)}));
            let fields: Vec<_> = fields.collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
        Json::Object(entries) => {
            json!({"type": "map", "values": union(entries.values(), records)})
        }
    }
}

/// The one schema of all `values`, or the union of theirs.
fn union<'v>(values: impl Iterator<Item = &'v Json>, records: &mut usize) -> Json {
    let mut branches: Vec<Json> = Vec::new();
    let mut shapes: Vec<Json> = Vec::new();
    for value in values {
        // Records differ by their numbers, so they are compared as if each were the first.
        let shape = schema(value, &mut 0);
        if !shapes.contains(&shape) {
            shapes.push(shape);
            branches.push(schema(value, records));
        }
    }
    match branches.len() {
        0 => json!("null"),
        1 => branches.swap_remove(0),
        _ => Json::Array(branches),
    }
}

/// Whether Avro takes it for the name of a field.
fn is_name(name: &str) -> bool {
    let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
    name.starts_with(starts)
        && name
            .chars()
            .all(|char| starts(char) || char.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::avro::render;

    #[test]
    fn any_object_fits_the_schema_that_is_made_of_it() {
        let value = json!({
            "a": 1, "b": 2.5, "c": [1, "x", null, {"d": true}], "e": {"not a name": 1}, "f": [], "g": null,
            "h": [{"i": 1}, {"i": 2}],
        });
        let schema = Schema::parse(&schema_of(&value)).expect("a schema");
        let mut out = Vec::new();
        render::from_json(&schema, value.to_string().as_bytes(), &mut out).expect("it fits");
    }

    #[test]
    fn clock_times_become_what_the_schema_counts_in() {
        let schema = r#"{"type":"record","name":"R","fields":[
            {"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"us","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
            {"name":"text","type":"string"}]}"#;
        let schema = Schema::parse(schema).expect("a schema");
        let mut value = json!({"ms": "00:00", "us": "00:00", "text": "00:00"});
        with_times(&mut value, &schema);
        let day = clock::DAY.0;
        assert_eq!(
            value,
            json!({"ms": day, "us": day * 1_000, "text": "00:00"})
        );
    }
}
