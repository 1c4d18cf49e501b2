//! Decoder, projection and encoder against apache-avro, on random schemas and data.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "random bits become whatever they become"
)]

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Judge;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use serde_json::json;

use crate::codec::avro::AvroError;
use crate::codec::avro::Fault;
use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::encode;
use crate::codec::avro::schema::Schema;
use crate::codec::wanted::Wanted;
use crate::record::Value;

/// A type, before it has a name.
#[derive(Clone, Debug)]
enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Millis,
    Fixed(usize),
    Enum(usize),
    Array(Box<Self>),
    Map(Box<Self>),
    Nullable(Box<Self>),
    Record(Vec<(String, Self)>),
    /// A field with a default that only the reader has.
    Added(Box<Self>),
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Null),
        Just(Type::Boolean),
        Just(Type::Int),
        Just(Type::Long),
        Just(Type::Float),
        Just(Type::Double),
        Just(Type::Bytes),
        Just(Type::String),
        Just(Type::Millis),
        (0usize..5).prop_map(Type::Fixed),
        (1usize..4).prop_map(Type::Enum),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let nullable = inner.clone().prop_filter("no union in a union", |inner| {
            !matches!(inner, Type::Null | Type::Nullable(_))
        });
        prop_oneof![
            1 => inner.clone().prop_map(|items| Type::Array(items.into())),
            1 => inner.clone().prop_map(|values| Type::Map(values.into())),
            1 => nullable.prop_map(|branch| Type::Nullable(branch.into())),
            3 => proptest::collection::vec(inner, 0..6).prop_map(record),
        ]
    })
}

fn record(fields: Vec<Type>) -> Type {
    let fields = fields.into_iter().enumerate();
    Type::Record(
        fields
            .map(|(index, field)| (format!("f{index}"), field))
            .collect(),
    )
}

/// A small source of choices.
struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

impl Type {
    fn schema(&self, place: &str) -> serde_json::Value {
        match self {
            Self::Null => json!("null"),
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Long => json!("long"),
            Self::Float => json!("float"),
            Self::Double => json!("double"),
            Self::Bytes => json!("bytes"),
            Self::String => json!("string"),
            Self::Millis => json!({"type": "long", "logicalType": "timestamp-millis"}),
            Self::Fixed(size) => {
                json!({"type": "fixed", "name": format!("x{place}"), "size": size})
            }
            Self::Enum(count) => {
                json!({"type": "enum", "name": format!("e{place}"), "symbols": symbols(*count)})
            }
            Self::Array(items) => json!({"type": "array", "items": items.schema(place)}),
            Self::Map(values) => json!({"type": "map", "values": values.schema(place)}),
            Self::Nullable(branch) => json!(["null", branch.schema(place)]),
            Self::Added(inner) => inner.schema(place),
            Self::Record(fields) => {
                let fields = fields.iter().map(|(name, field)| {
                    let mut json =
                        json!({"name": name, "type": field.schema(&format!("{place}_{name}"))});
                    if let Self::Added(inner) = field {
                        json["default"] = inner.default_json();
                    }
                    json
                });
                json!({"type": "record", "name": format!("r{place}"), "fields": fields.collect::<Vec<_>>()})
            }
        }
    }

    fn default_json(&self) -> serde_json::Value {
        match self {
            Self::Long => json!(-7),
            Self::String => json!("none"),
            Self::Double => json!(0.5),
            _ => json!(null),
        }
    }

    fn value(&self, choices: &mut Choices) -> Judge {
        match self {
            Self::Null => Judge::Null,
            Self::Boolean => Judge::Boolean(choices.below(2) == 1),
            Self::Int => Judge::Int(choices.next() as i32 >> choices.below(32)),
            Self::Long => Judge::Long((choices.next() as i64) >> choices.below(64)),
            Self::Float => Judge::Float(choices.below(2000) as f32 / 8.0 - 100.0),
            Self::Double => Judge::Double(choices.next() as f64 / 1e9),
            Self::Bytes => Judge::Bytes(bytes(choices, 6)),
            Self::String => Judge::String("aé☕".repeat(choices.below(4))),
            Self::Millis => Judge::TimestampMillis((choices.next() as i64) >> 20),
            Self::Fixed(size) => {
                Judge::Fixed(*size, (0..*size).map(|_| choices.next() as u8).collect())
            }
            Self::Enum(count) => {
                let index = choices.below(*count);
                Judge::Enum(index as u32, symbols(*count)[index].clone())
            }
            Self::Array(items) => Judge::Array(
                (0..choices.below(4))
                    .map(|_| items.value(choices))
                    .collect(),
            ),
            Self::Map(values) => {
                let entries =
                    (0..choices.below(4)).map(|index| (format!("k{index}"), values.value(choices)));
                Judge::Map(entries.collect())
            }
            Self::Nullable(branch) => match choices.below(2) {
                0 => Judge::Union(0, Judge::Null.into()),
                _ => Judge::Union(1, branch.value(choices).into()),
            },
            Self::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, field)| (name.clone(), field.value(choices)));
                Judge::Record(fields.collect())
            }
            Self::Added(inner) => inner.value(choices),
        }
    }

    /// A type that reads what this one wrote.
    fn evolved(&self, choices: &mut Choices) -> Self {
        match self {
            Self::Int => {
                [Self::Int, Self::Long, Self::Float, Self::Double][choices.below(4)].clone()
            }
            Self::Long => [Self::Long, Self::Float, Self::Double][choices.below(3)].clone(),
            Self::Float => [Self::Float, Self::Double][choices.below(2)].clone(),
            Self::Enum(count) => Self::Enum(count + choices.below(2)),
            Self::Array(items) => Self::Array(items.evolved(choices).into()),
            Self::Map(values) => Self::Map(values.evolved(choices).into()),
            Self::Nullable(branch) => match branch.evolved(choices) {
                nullable @ Self::Nullable(_) => nullable,
                evolved => Self::Nullable(evolved.into()),
            },
            Self::Record(fields) => {
                let mut evolved: Vec<_> = fields
                    .iter()
                    .filter(|_| choices.below(5) != 0)
                    .cloned()
                    .collect();
                for (_, field) in &mut evolved {
                    *field = field.evolved(choices);
                }
                if evolved.len() > 1 {
                    let middle = choices.below(evolved.len());
                    evolved.rotate_left(middle);
                }
                if choices.below(2) == 0 {
                    let added = [Self::Long, Self::String, Self::Double][choices.below(3)].clone();
                    evolved.push(("added".into(), Self::Added(added.into())));
                }
                Self::Record(evolved)
            }
            Self::Bytes
            | Self::String
            | Self::Null
            | Self::Boolean
            | Self::Double
            | Self::Millis
            | Self::Fixed(_)
            | Self::Added(_) => {
                // One that is not null may become nullable.
                if choices.below(4) == 0 && !matches!(self, Self::Null) {
                    Self::Nullable(self.clone().into())
                } else {
                    self.clone()
                }
            }
        }
    }
}

fn symbols(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("S{index}")).collect()
}

fn bytes(choices: &mut Choices, limit: usize) -> Vec<u8> {
    (0..choices.below(limit))
        .map(|_| choices.next() as u8)
        .collect()
}

/// What the judge's value is as ours; maps in the order of their keys.
fn expected(judge: &Judge) -> Value<'static> {
    match judge {
        Judge::Null => Value::Null,
        Judge::Boolean(bool) => Value::Bool(*bool),
        Judge::Int(int) => Value::Int((*int).into()),
        Judge::Long(long) => Value::Int(*long),
        Judge::Float(float) => Value::Float((*float).into()),
        Judge::Double(double) => Value::Float(*double),
        Judge::Bytes(bytes) | Judge::Fixed(_, bytes) => Value::Bytes(bytes.clone().into()),
        Judge::String(string) | Judge::Enum(_, string) => Value::Text(string.clone().into()),
        Judge::TimestampMillis(millis) => {
            Value::Timestamp(chrono::DateTime::from_timestamp_millis(*millis).unwrap())
        }
        Judge::Union(_, inner) => expected(inner),
        Judge::Array(values) => Value::List(values.iter().map(expected).collect()),
        Judge::Map(entries) => sorted(Value::Map(
            entries
                .iter()
                .map(|(key, value)| (Value::Text(key.clone().into()), expected(value)))
                .collect(),
        )),
        Judge::Record(fields) => sorted(Value::Map(
            fields
                .iter()
                .map(|(name, value)| (Value::Text(name.clone().into()), expected(value)))
                .collect(),
        )),
        other => panic!("{other:?} is not generated"),
    }
}

/// With the entries of all maps in the order of their keys.
fn sorted(value: Value<'_>) -> Value<'_> {
    match value {
        Value::List(values) => Value::List(values.into_iter().map(sorted).collect()),
        Value::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, sorted(value)));
            let mut entries: Vec<_> = entries.collect();
            entries.sort_by_key(|(key, _)| format!("{key:?}"));
            Value::Map(entries)
        }
        other => other,
    }
}

struct Case {
    text: String,
    judge: apache_avro::Schema,
    datum: Vec<u8>,
    value: Value<'static>,
}

fn case(of: &Type, choices: &mut Choices) -> Case {
    let text = of.schema("").to_string();
    let judge = apache_avro::Schema::parse_str(&text).unwrap();
    let value = of.value(choices);
    let datum = GenericDatumWriter::builder(&judge)
        .build()
        .unwrap()
        .write_value_to_vec(value.clone())
        .unwrap();
    let value = expected(&value);
    Case {
        text,
        judge,
        datum,
        value,
    }
}

fn decoder(writer: &str, reader: Option<&str>) -> Decoder {
    let reader = reader.map(|reader| Schema::parse(reader).unwrap());
    Decoder::new(
        Schema::parse(writer).unwrap(),
        reader.as_ref(),
        Times::Instants,
    )
}

/// Every path of names in `value`, down to what has none.
fn paths(value: &Value<'_>, at: &mut Vec<Box<str>>, out: &mut Vec<Vec<Box<str>>>) {
    out.push(at.clone());
    let Value::Map(entries) = value else { return };
    for (key, value) in entries {
        let Value::Text(key) = key else { continue };
        at.push(key.as_ref().into());
        paths(value, at, out);
        at.pop();
    }
}

/// Reads some paths of `value` alone and compares.
fn check_projection(
    writer: &str,
    reader: Option<&str>,
    datum: &[u8],
    value: &Value<'_>,
    choices: &mut Choices,
) {
    let mut all = Vec::new();
    paths(value, &mut vec![], &mut all);
    all.push(vec!["absent".into()]);
    all.push(vec!["f0".into(), "absent".into()]);
    let chosen: Vec<_> = all.into_iter().filter(|_| choices.below(3) == 0).collect();
    let wanted = Wanted::new(chosen.iter().map(Vec::as_slice).enumerate());
    let reader = reader.map(|reader| Schema::parse(reader).unwrap());
    let writer = Schema::parse(writer).unwrap();
    let decoder = Decoder::with_wanted(writer, reader.as_ref(), Times::Instants, &wanted);
    let mut slots = vec![None; chosen.len()];
    if !matches!(value, Value::Bytes(_)) {
        decoder.project_payload(datum, &mut slots).unwrap();
        for (path, slot) in chosen.iter().zip(slots) {
            let expected = path.iter().try_fold(value, |value, step| value.field(step));
            assert_eq!(slot.map(sorted), expected.cloned(), "{path:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn data_is_read_and_written_as_by_apache_avro(of in types(), seed: u64) {
        let mut choices = Choices(seed);
        let case = case(&of, &mut choices);
        let decoder = decoder(&case.text, None);
        let value = decoder.decode(&case.datum).unwrap();
        let mut out = b"before".to_vec();
        encode::encode(decoder.writer(), &value, &mut out).unwrap();
        prop_assert_eq!(&out[6..], &case.datum);
        prop_assert_eq!(sorted(value), case.value.clone());
        check_projection(&case.text, None, &case.datum, &case.value, &mut choices);
    }

    #[test]
    fn an_evolved_schema_reads_as_with_apache_avro(of in types(), seed: u64) {
        let mut choices = Choices(seed);
        let case = case(&of, &mut choices);
        let reader = of.evolved(&mut choices).schema("").to_string();
        let judge_reader = apache_avro::Schema::parse_str(&reader).unwrap();
        let judge = GenericDatumReader::builder(&case.judge).reader_schema(&judge_reader).build().unwrap();
        let judged = judge.read_value(&mut &case.datum[..]);
        let judged = expected(&judged.unwrap());
        let decoder = decoder(&case.text, Some(&reader));
        prop_assert_eq!(sorted(decoder.decode(&case.datum).unwrap()), judged.clone(), "{}", reader);
        check_projection(&case.text, Some(&reader), &case.datum, &judged, &mut choices);
    }

    #[test]
    fn damaged_data_is_refused_or_read_as_by_apache_avro(
        of in types(), seed: u64, at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let case = case(&of, &mut Choices(seed));
        prop_assume!(!case.datum.is_empty());
        let decoder = decoder(&case.text, None);
        let mut datum = case.datum;
        let at = at.index(datum.len());
        if cut {
            datum.truncate(at);
            prop_assert!(decoder.decode(&datum).is_err(), "no prefix of a datum is one");
        } else {
            datum[at] = byte;
        }
        let mut rest = &datum[..];
        let judge = GenericDatumReader::builder(&case.judge).build().unwrap();
        let judged = judge.read_value(&mut rest);
        if let (Ok(judged), Ok(value)) = (judged, decoder.decode(&datum)) {
            prop_assert!(rest.is_empty());
            prop_assert_eq!(sorted(value), expected(&judged));
        }
    }
}

/// Source: Avro 1.12 specification, "Binary encoding".
#[test]
fn the_specifications_examples_are_read_and_written() {
    let record = r#"{"type": "record", "name": "test", "fields": [
        {"name": "a", "type": "long"}, {"name": "b", "type": "string"}]}"#;
    let pair = |name, value| (Value::text(name), value);
    let cases: [(&str, &[u8], Value<'_>); 8] = [
        (r#""long""#, &[0x7f], Value::Int(-64)),
        (r#""long""#, &[0x80, 0x01], Value::Int(64)),
        (r#""string""#, &[0x06, 0x66, 0x6f, 0x6f], Value::text("foo")),
        (
            record,
            &[0x36, 0x06, 0x66, 0x6f, 0x6f],
            Value::Map(vec![
                pair("a", Value::Int(27)),
                pair("b", Value::text("foo")),
            ]),
        ),
        (
            r#"{"type": "enum", "name": "Foo", "symbols": ["A", "B", "C", "D"]}"#,
            &[6],
            Value::text("D"),
        ),
        (
            r#"{"type": "array", "items": "long"}"#,
            &[0x04, 0x06, 0x36, 0x00],
            Value::List(vec![Value::Int(3), Value::Int(27)]),
        ),
        (r#"["null", "string"]"#, &[0x00], Value::Null),
        (
            r#"["null", "string"]"#,
            &[0x02, 0x02, 0x61],
            Value::text("a"),
        ),
    ];
    for (text, datum, value) in cases {
        let decoder = decoder(text, None);
        assert_eq!(decoder.decode(datum).as_ref(), Ok(&value), "{text}");
        let mut out = Vec::new();
        encode::encode(decoder.writer(), &value, &mut out).unwrap();
        assert_eq!(out, datum, "{text}");
    }
}

/// What apache-avro does otherwise or not at all.
#[test]
fn a_reader_is_matched_as_in_java() {
    let record = |name: &str, fields: &str| {
        format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#)
    };
    let a = r#"{"name": "a", "type": "int"}"#;
    let renamed = record("S", r#"{"name": "b", "type": "int", "aliases": ["a"]}"#);
    let symbols = |list: &str| {
        format!(r#"{{"type": "enum", "name": "E", "symbols": [{list}], "default": "A"}}"#)
    };
    let cases: [(String, String, &[u8], Value<'_>); 6] = [
        (
            r#""int""#.into(),
            r#"["float", "int"]"#.into(),
            &[2],
            Value::Int(1),
        ),
        (
            r#""int""#.into(),
            r#"["string", "double"]"#.into(),
            &[2],
            Value::Float(1.0),
        ),
        (
            r#"["int", "string"]"#.into(),
            r#""long""#.into(),
            &[0, 2],
            Value::Int(1),
        ),
        (
            r#""bytes""#.into(),
            r#""string""#.into(),
            &[2, b'a'],
            Value::text("a"),
        ),
        (
            symbols(r#""A", "B""#),
            symbols(r#""A""#),
            &[2],
            Value::text("A"),
        ),
        (
            record("R", a),
            renamed,
            &[2],
            Value::Map(vec![(Value::text("b"), Value::Int(1))]),
        ),
    ];
    for (writer, reader, datum, value) in cases {
        let decoder = decoder(&writer, Some(&reader));
        assert_eq!(decoder.decode(datum), Ok(value), "{writer} as {reader}");
    }
    let fault = |writer: &str, reader: &str, datum: &[u8]| {
        let read = decoder(writer, Some(reader))
            .decode(datum)
            .map(Value::into_owned);
        read.map_err(|error| error.fault.to_string())
    };
    let text = "the writer's string cannot be read as long";
    assert_eq!(
        fault(r#"["int", "string"]"#, r#""long""#, &[2, 2, b'a']),
        Err(text.into())
    );
    let text = "c: the writer has no such field, and the reader no default";
    let wanting = record("R", r#"{"name": "c", "type": "int"}"#);
    assert_eq!(fault(&record("R", a), &wanting, &[2]), Err(text.into()));
}

#[test]
fn what_does_not_fit_is_named_with_its_path() {
    let schema = r#"{"type": "record", "name": "Order", "fields": [
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "price", "type": "double"}, {"name": "qty", "type": "int", "default": 1}]}}},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["new", "paid"]}},
        {"name": "note", "type": ["null", "string"]}]}"#;
    let schema = Schema::parse(schema).unwrap();
    let fault = |json: &str| {
        let value = crate::codec::json::parse(json.as_bytes()).unwrap();
        let mut out = b"before".to_vec();
        let written = encode::encode(&schema, &value, &mut out);
        assert!(written.is_ok() || out == b"before", "{json}");
        written.map_err(|error| error.to_string())
    };
    let line = |line: &str| {
        format!(r#"{{"lines": [{{"price": 1}}, {line}], "status": "new", "note": null}}"#)
    };
    assert_eq!(fault(&line(r#"{"price": 1.5, "qty": 2}"#)), Ok(()));
    for (json, expected) in [
        (
            "1".to_owned(),
            "value: expected record Order, found an integer",
        ),
        (
            line(r#"{"price": "1"}"#),
            "lines[1].price: expected double, found text",
        ),
        (
            line(r#"{"qty": 1}"#),
            "lines[1].price: missing, and the schema has no default",
        ),
        (
            line(r#"{"price": 1, "qty": 2147483648}"#),
            "lines[1].qty: out of the range of int",
        ),
        (
            line(r#"{"price": 1, "size": 2}"#),
            "lines[1].size: no such field in the schema",
        ),
        (
            line("{}")
                .replace("\"new\"", "\"old\"")
                .replace("{}", r#"{"price": 1}"#),
            "status: \"old\" is not a symbol of the enum",
        ),
        (
            line(r#"{"price": 1}"#).replace("null", "2"),
            "note: no branch of the union takes an integer",
        ),
    ] {
        assert_eq!(
            fault(&json),
            Err(format!("write Avro: {expected}")),
            "{json}"
        );
    }
}

#[test]
fn what_takes_no_bytes_is_bounded() {
    let nulls = decoder(r#"{"type": "array", "items": "null"}"#, None);
    let count = |count: i64| {
        let mut datum = Vec::new();
        crate::record::varint::put_i64(&mut datum, count);
        datum.push(0);
        datum
    };
    assert!(nulls.decode(&count(1 << 16)).is_ok());
    let fault = |error: AvroError| error.fault;
    assert_eq!(
        nulls.decode(&count((1 << 16) + 1)).map_err(fault),
        Err(Fault::Free)
    );
    assert_eq!(
        nulls.decode(&count(i64::MAX)).map_err(fault),
        Err(Fault::Free)
    );
    let endless = r#"{"type": "record", "name": "A", "fields": [{"name": "a", "type": "A"}]}"#;
    assert_eq!(
        decoder(endless, None).decode(&[]).map_err(fault),
        Err(Fault::Depth)
    );
    let wanted = Wanted::new([]);
    for (text, datum) in [
        (endless, vec![]),
        (r#"{"type": "array", "items": "null"}"#, count(i64::MAX)),
    ] {
        let decoder =
            Decoder::with_wanted(Schema::parse(text).unwrap(), None, Times::Instants, &wanted);
        assert!(
            decoder.project_payload(&datum, &mut []).is_err(),
            "skipped: {text}"
        );
    }
}

#[test]
fn a_block_may_say_its_size() {
    let array = decoder(r#"{"type": "array", "items": "int"}"#, None);
    let expected = Value::List(vec![Value::Int(1), Value::Int(2), Value::Int(3)]);
    assert_eq!(array.decode(&[3, 4, 2, 4, 2, 6, 0]), Ok(expected));
    assert!(array.decode(&[3, 5, 2, 4, 0]).is_err(), "a size below zero");
    assert!(
        array.decode(&[3, 100, 2, 4, 0]).is_err(),
        "a size past the end"
    );
    assert!(array.decode(&[1, 0, 0]).is_err(), "one item of size 0");
}

#[test]
fn logical_types_are_read_as_what_they_mean() {
    let millis = chrono::DateTime::from_timestamp_millis(1500).unwrap();
    let cases: [(&str, &[u8], Value<'static>); 7] = [
        (
            r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
            &[0xc0, 0x8d, 0xb7, 1],
            Value::Timestamp(millis),
        ),
        (
            r#"{"type": "long", "logicalType": "local-timestamp-millis"}"#,
            &[0xb8, 0x17],
            Value::Timestamp(millis),
        ),
        (
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}"#,
            &[4, 0xfb, 0x1e],
            Value::text("-12.50"),
        ),
        (
            r#"{"type": "fixed", "name": "d", "size": 3, "logicalType": "decimal", "precision": 6, "scale": 1}"#,
            &[0, 0, 125],
            Value::text("12.5"),
        ),
        (
            r#"{"type": "int", "logicalType": "date"}"#,
            &[2],
            Value::Int(1),
        ),
        (
            r#"{"type": "fixed", "name": "u", "size": 16, "logicalType": "uuid"}"#,
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            Value::text("00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ),
        (
            r#"{"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"}"#,
            &[7; 12],
            Value::bytes(&[7; 12]),
        ),
    ];
    for (text, datum, value) in &cases {
        let decoder = decoder(text, None);
        assert_eq!(decoder.decode(datum).as_ref(), Ok(value), "{text}");
        let mut out = Vec::new();
        encode::encode(decoder.writer(), value, &mut out).unwrap();
        assert_eq!(out, *datum, "{text}");
    }
    let integers = Schema::parse(cases[0].0).unwrap();
    let integers = Decoder::new(integers, None, Times::Integers);
    assert_eq!(
        integers.decode(&[0xc0, 0x8d, 0xb7, 1]),
        Ok(Value::Int(1_500_000))
    );
}
