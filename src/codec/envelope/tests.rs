//! Records there and back.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::codec::avro::Times;
use crate::codec::avro::decode::Decoder;
use crate::codec::avro::render;
use crate::codec::avro::render::Fidelity;
use crate::codec::avro::render::FromJsonError;
use crate::codec::avro::schema::Schema;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::record::Header;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::Record;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::put_header;

type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn block(headers: &Headers) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers {
        let value = value.as_deref();
        put_header(&mut out, Header { name, value });
    }
    out
}

fn text_line(record: &RecordView<'_>, key: Form<'_>, value: Form<'_>) -> String {
    let mut out = Vec::new();
    put_line(&mut out, "orders", PartitionId(3), record, key, value);
    String::from_utf8(out).unwrap()
}

fn record<'a>(
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: HeadersView<'a>,
) -> RecordView<'a> {
    RecordView {
        offset: Offset(7),
        timestamp: Timestamp(1_700_000_000_000),
        timestamp_type: TimestampType::CreateTime,
        key,
        value,
        headers,
    }
}

fn payload(bytes: Option<&[u8]>) -> Payload {
    bytes.map_or(Payload::Null, |bytes| {
        Payload::Bytes(Bytes::copy_from_slice(bytes))
    })
}

#[test]
fn the_line_is_as_documented() {
    let headers = vec![
        (b"trace".to_vec(), Some(b"a1".to_vec())),
        (b"trace".to_vec(), None),
        (b"\xff".to_vec(), Some(b"\x00\x01".to_vec())),
    ];
    let block = block(&headers);
    let view = HeadersView::parse(&block, 3).unwrap();
    let mut record = record(Some(b"tea"), Some(br#"{"qty":2}"#), view);
    let expected = concat!(
        r#"{"topic":"orders","partition":3,"offset":7,"timestamp":1700000000000,"timestamp_type":"CreateTime","#,
        r#""key":"tea","key_encoding":"text","value":{"qty":2},"value_encoding":"json","#,
        r#""headers":[["trace","a1"],["trace",null],[{"base64":"/w=="},"\u0000\u0001"]]}"#,
        "\n"
    );
    assert_eq!(text_line(&record, Form::Plain, Form::Plain), expected);
    record.headers = HeadersView::EMPTY;
    record.value = None;
    record.key = Some(b"\xff");
    record.timestamp_type = TimestampType::LogAppendTime;
    let expected = concat!(
        r#"{"topic":"orders","partition":3,"offset":7,"timestamp":1700000000000,"timestamp_type":"LogAppendTime","#,
        r#""key":{"base64":"/w=="},"key_encoding":"base64","value":null,"value_encoding":"null","headers":[]}"#,
        "\n"
    );
    assert_eq!(text_line(&record, Form::Plain, Form::Plain), expected);
}

#[test]
fn bytes_that_look_like_something_else_come_back() {
    let deep = |levels| {
        ["[".repeat(levels), "]".repeat(levels)]
            .concat()
            .into_bytes()
    };
    let values: Vec<Vec<u8>> = [
        "",
        "null",
        " null",
        "\"a\"",
        "a",
        "42",
        "4.20",
        "1e2",
        "-0",
        "{}",
        "{ }",
        "{\"a\":1,\"a\":2}",
        r#"{"base64":"AA=="}"#,
        r#"{"base64":"AA=="} "#,
        r#""\u0061""#,
        "{\"a\":\"\u{2028}\"}",
        "true",
        "[1,2]",
        "12345678901234567890123",
        "0.1",
        "\u{feff}{}",
        "line\nline",
        "\r\n",
        "\0",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([
        deep(125),
        deep(126),
        deep(127),
        deep(128),
        b"\"\xff\"".to_vec(),
        b"\xed\xa0\x80".to_vec(),
    ])
    .collect();
    for value in &values {
        let record = record(Some(value), Some(value), HeadersView::EMPTY);
        let line = text_line(&record, Form::Plain, Form::Plain);
        assert_eq!(line.lines().count(), 1);
        let read = read_line(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(read.value, payload(Some(value)), "{line}");
        assert_eq!(read.key, payload(Some(value)), "{line}");
    }
}

#[test]
fn a_line_written_by_hand_may_leave_out_what_it_likes() {
    let read = |line: &str| read_line(line.as_bytes()).unwrap();
    assert_eq!(read("{}"), Line::default());
    assert_eq!(
        read(r#"{"key": null, "timestamp": null, "headers": null}"#),
        Line::default()
    );
    let line = read("{ \"value\" : { \"x\" : [ 1.50 , \"a\" ] } , \"partition\" : 2 }\r\n");
    assert_eq!(line.value, payload(Some(br#"{"x":[1.5,"a"]}"#)));
    assert_eq!(line.partition, Some(PartitionId(2)));
    let value = |text: &str| read(&format!(r#"{{"value": {text}}}"#)).value;
    assert_eq!(value("\"a\""), payload(Some(b"a")));
    assert_eq!(value("17"), payload(Some(b"17")));
    assert_eq!(value(r#"{"base64": "/w=="}"#), payload(Some(b"\xff")));
    assert_eq!(
        value(r#"{"base64": "/w==", "x": 1}"#),
        payload(Some(br#"{"base64":"/w==","x":1}"#))
    );
    let encoded = |text: &str| read(&format!(r#"{{"value_encoding": {text}}}"#)).value;
    assert_eq!(
        encoded(r#""json", "value": {"base64": "/w=="}"#),
        payload(Some(br#"{"base64":"/w=="}"#))
    );
    assert_eq!(encoded(r#""json", "value": null"#), payload(Some(b"null")));
    let avro = Payload::Avro {
        schema: Some(SchemaId::Number(7)),
        json: b"1".to_vec(),
    };
    assert_eq!(encoded(r#""avro", "value": 1, "value_schema": 7"#), avro);
}

#[test]
fn what_is_wrong_is_named_with_its_column() {
    for (line, column, text) in [
        ("", 1, "expected an object"),
        ("[]", 1, "expected an object"),
        (r#"{"key": "a" "#, 13, "unexpected end"),
        (r#"{"key": "a"} {}"#, 14, "bytes after"),
        (r#"{"key": "a", "vaule": 1}"#, 14, "unknown field \"vaule\""),
        (r#"{"key": "a", "key": 1}"#, 14, "field key again"),
        (
            r#"{"partition": 2147483648}"#,
            15,
            "partition should be an integer of 32 bits",
        ),
        (
            r#"{"timestamp": "now"}"#,
            15,
            "timestamp should be an integer",
        ),
        (
            r#"{"timestamp_type": "create"}"#,
            20,
            "timestamp_type should be CreateTime or LogAppendTime",
        ),
        (
            r#"{"value_encoding": "hex"}"#,
            20,
            "value_encoding should be null, json, text, base64 or avro",
        ),
        (
            r#"{"value": 1, "value_encoding": "text"}"#,
            11,
            "value should be text",
        ),
        (
            r#"{"value": {"base64": "!"}, "value_encoding": "base64"}"#,
            11,
            "value should be {\"base64\"",
        ),
        (
            r#"{"value": 1, "value_encoding": "null"}"#,
            11,
            "value should be null",
        ),
        (
            r#"{"value": 1, "value_schema": 7}"#,
            30,
            "value_schema should be left out",
        ),
        (
            r#"{"headers": [["a"]]}"#,
            13,
            "headers should be an array of [name, value]",
        ),
        (
            r#"{"headers": [["a", 1]]}"#,
            13,
            "headers should be an array of [name, value]",
        ),
        (
            r#"{"headers": {"a": "b"}}"#,
            13,
            "headers should be an array of [name, value]",
        ),
    ] {
        let error = read_line(line.as_bytes()).unwrap_err();
        assert_eq!(error.column, column, "{line}: {error}");
        assert!(error.to_string().contains(text), "{line}: {error}");
    }
}

#[test]
fn avro_comes_back_through_its_schema() {
    let schema = r#"{"type": "record", "name": "R", "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "note", "type": ["null", "string"]}]}"#;
    let decoder = Decoder::new(Schema::parse(schema).unwrap(), None, Times::Integers);
    let datum = [0x80, 1, 2, 4, b'h', b'i'];
    let guid = SchemaId::Guid(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
    let mut id = Vec::new();
    framing::put_prefix(&mut id, guid);
    let block = block(&vec![(b"__value_schema_id".to_vec(), Some(id))]);
    let headers = HeadersView::parse(&block, 1).unwrap();
    for schema in [Some(SchemaId::Number(-1)), Some(guid), None] {
        let mut bytes = Vec::new();
        if let Some(schema) = schema {
            framing::put_prefix(&mut bytes, schema);
        }
        bytes.extend_from_slice(&datum);
        let mut json = Vec::new();
        let fidelity = render::put_json(&decoder, &datum, &mut json).unwrap();
        assert_eq!(fidelity, Fidelity::Exact);
        let record = record(None, Some(&bytes), headers);
        let line = text_line(
            &record,
            Form::Plain,
            Form::Avro {
                schema,
                json: &json,
            },
        );
        assert!(
            line.contains(r#""value":{"at":64,"note":"hi"},"value_encoding":"avro""#),
            "{line}"
        );
        let encode = |id, json: &[u8], out: &mut Vec<u8>| {
            assert_eq!(id, schema.unwrap_or(guid));
            render::from_json(decoder.writer(), json, out)
        };
        let read = read_line(line.as_bytes()).unwrap();
        assert_eq!(
            read.clone().into_record(encode).unwrap(),
            Record::from(&record),
            "{line}"
        );
    }
    let unnamed = read_line(br#"{"value": 1, "value_encoding": "avro"}"#).unwrap();
    let error = unnamed
        .into_record(|_, _, _| Ok::<(), FromJsonError>(()))
        .unwrap_err();
    let header = "__value_schema_id";
    assert_eq!(
        error,
        RecordError::NoSchema {
            field: "value",
            header
        }
    );
    let tombstone = record(None, None, HeadersView::EMPTY);
    let line = text_line(
        &tombstone,
        Form::Plain,
        Form::Avro {
            schema: Some(guid),
            json: b"1",
        },
    );
    assert_eq!(
        read_line(line.as_bytes()).unwrap().value,
        Payload::Null,
        "null is never Avro"
    );
}

/// Bytes of all kinds: any, text, JSON, JSON with a flaw.
fn contents() -> impl Strategy<Value = Option<Vec<u8>>> {
    let bytes = prop_oneof![
        any::<Vec<u8>>(),
        ".{0,20}".prop_map(String::into_bytes),
        "[\\[\\]{}:,\"\\\\u0d81e.a -]{0,12}".prop_map(String::into_bytes),
        any::<f64>().prop_map(|float| float.to_string().into_bytes()),
        any::<i64>().prop_map(|int| format!("{{\"n\":{int},\"l\":[true,null]}}").into_bytes()),
    ];
    proptest::option::weighted(0.9, bytes)
}

proptest! {
    #[test]
    fn every_record_comes_back(
        topic in ".{0,9}",
        partition: i32,
        offset: i64,
        timestamp: i64,
        (key, value) in (contents(), contents()),
        headers in proptest::collection::vec((contents(), contents()), 0..5),
    ) {
        let headers: Headers = headers
            .into_iter()
            .map(|(name, value)| (name.unwrap_or_default(), value))
            .collect();
        let block = block(&headers);
        let record = RecordView {
            offset: Offset(offset),
            timestamp: Timestamp(timestamp),
            timestamp_type: TimestampType::CreateTime,
            key: key.as_deref(),
            value: value.as_deref(),
            headers: HeadersView::parse(&block, headers.len()).unwrap(),
        };
        let mut out = Vec::new();
        put_line(&mut out, &topic, PartitionId(partition), &record, Form::Plain, Form::Plain);
        prop_assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let expected = Line {
            topic: Some(topic),
            partition: Some(PartitionId(partition)),
            offset: Some(Offset(offset)),
            timestamp: Some(Timestamp(timestamp)),
            key: payload(key.as_deref()),
            value: payload(value.as_deref()),
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into(), value.map(Into::into)))
                .collect(),
        };
        prop_assert_eq!(read_line(&out), Ok(expected));
    }

    #[test]
    fn no_line_makes_the_reader_panic(line: Vec<u8>, soup in "[\\[\\]{}:,\"base64keyvalue_encoding1 ]{0,40}") {
        let _: Result<_, _> = read_line(&line);
        let _: Result<_, _> = read_line(soup.as_bytes());
    }
}
