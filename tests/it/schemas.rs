//! The schemas that ship in `schemas/`.

use std::fs;

use tidemill::codec::avro;
use tidemill::codec::avro::compatibility;
use tidemill::codec::avro::compatibility::Level;
use tidemill::codec::avro::schema::Kind;
use tidemill::codec::avro::schema::Schema;

fn text(name: &str) -> String {
    let path = format!("{}/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {path}: {error}"))
}

fn schema(name: &str) -> Schema {
    Schema::parse(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_schema_is_a_record_whose_fields_are_documented() {
    for name in [
        "order.avsc",
        "order.v2.avsc",
        "login.avsc",
        "trade.avsc",
        "request.avsc",
    ] {
        let schema = schema(name);
        schema
            .check_defaults()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let Kind::Record(record) = schema.kind(schema.root()) else {
            panic!("{name} is no record")
        };
        let normal =
            avro::normalized(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let json: serde_json::Value = serde_json::from_str(&normal).expect("JSON");
        let fields = json["fields"].as_array().expect("fields");
        assert_eq!(fields.len(), record.fields.len(), "{name}");
        for field in fields {
            assert!(field["doc"].is_string(), "{name}: {field}");
        }
    }
}

#[test]
fn both_versions_of_an_order_are_read_by_each_other() {
    let (v1, v2) = (schema("order.avsc"), schema("order.v2.avsc"));
    for level in Level::ALL {
        assert_eq!(
            compatibility::check(level, &v2, std::slice::from_ref(&v1)),
            [],
            "{level}"
        );
    }
}
