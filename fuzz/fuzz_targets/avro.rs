//! Avro data from anybody, read with schemas of our own. The first byte chooses the schema.
//!
//! Nothing panics or takes more memory than the data can hold; what is read can be written, and
//! reads back the same; the wanted fields are those of the whole.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use tidemill::codec::avro::Times;
use tidemill::codec::avro::decode::Decoder;
use tidemill::codec::avro::encode;
use tidemill::codec::avro::render;
use tidemill::codec::avro::schema::Schema;
use tidemill::codec::format::Format;
use tidemill::codec::framing;
use tidemill::codec::framing::SchemaId;
use tidemill::codec::projection::Fields;
use tidemill::codec::projection::Path;
use tidemill::codec::projection::Projection;
use tidemill::codec::projection::Root;

const SCHEMAS: [&str; 6] = [
    include_str!("../../schemas/order.v2.avsc"),
    include_str!("../../schemas/request.avsc"),
    r#"{"type": "record", "name": "List", "fields": [
        {"name": "user", "type": "long"}, {"name": "tags", "type": ["null", "List"]}]}"#,
    r#"{"type": "array", "items": ["null", "int", "long", "string", "bytes", {"type": "map", "values": "float"},
        {"type": "fixed", "name": "F", "size": 2}, {"type": "enum", "name": "E", "symbols": ["A", "B"]}]}"#,
    r#"{"type": "record", "name": "Empty", "fields": [{"name": "user", "type": {"type": "array", "items": "null"}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "record", "name": "None", "fields": []}}}]}"#,
    r#"{"type": "record", "name": "Logical", "fields": [
        {"name": "user", "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 4}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "long", "logicalType": "timestamp-nanos"}}},
        {"name": "id", "type": {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}}]}"#,
];

/// What reads and writes one of the schemas.
struct Codec {
    schema: Schema,
    whole: Decoder,
    integers: Decoder,
    projection: Projection,
}

impl Codec {
    fn new(text: &str) -> Self {
        let schema = Schema::parse(text).expect("a schema");
        Self {
            whole: Decoder::new(schema.clone(), None, Times::Instants),
            integers: Decoder::new(schema.clone(), None, Times::Integers),
            projection: projection(text),
            schema,
        }
    }
}

thread_local! {
    static CODECS: RefCell<Vec<Codec>> = RefCell::new(SCHEMAS.map(Codec::new).into());
}

fuzz_target!(|bytes: &[u8]| {
    if let Some((&choice, datum)) = bytes.split_first() {
        CODECS.with_borrow_mut(|codecs| {
            let index = usize::from(choice) % codecs.len();
            check(&mut codecs[index], datum);
        });
    }
});

fn check(codec: &mut Codec, datum: &[u8]) {
    let (schema, decoder) = (&codec.schema, &codec.whole);
    let mut framed = Vec::new();
    framing::put_prefix(&mut framed, SchemaId::Number(1));
    framed.extend_from_slice(datum);
    let mut slots = [None, None, None];
    let projected = codec.projection.read(Some(&framed), &mut slots);
    let _no_panic = render::put_json(&codec.integers, datum, &mut Vec::new());
    let Ok(value) = decoder.decode(datum) else {
        return;
    };
    let mut again = Vec::new();
    if encode::encode(schema, &value, &mut again).is_err() {
        // A decimal of more digits than its schema allows is read, but not written.
        return;
    }
    let reread = decoder
        .decode(&again)
        .expect("what was written can be read");
    assert_eq!(format!("{reread:?}"), format!("{value:?}"));
    if again == datum {
        projected.expect("what is read as a whole is read in part");
        let wanted = [
            value.field("user"),
            value.field("tags"),
            value.field("tags").and_then(|tags| tags.field("a")),
        ];
        for (slot, wanted) in slots.iter().zip(wanted) {
            assert_eq!(format!("{:?}", slot.as_ref()), format!("{wanted:?}"));
        }
    }
}

fn projection(text: &str) -> Projection {
    let mut fields = Fields::default();
    for path in [&["user"][..], &["tags"], &["tags", "a"]] {
        fields.slot(Path::new(Root::Value, path.iter().copied()));
    }
    let mut projection = Projection::new(Format::Avro, Root::Value, &fields);
    projection
        .add_schema(SchemaId::Number(1), text)
        .expect("a schema");
    projection
}
