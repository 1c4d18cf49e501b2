//! Records to lines.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::codec::envelope::KEY;
use crate::codec::envelope::Names;
use crate::codec::envelope::VALUE;
use crate::codec::framing::SchemaId;
use crate::codec::json;
use crate::codec::json::ObjectWriter;
use crate::codec::json::scan::Scanner;
use crate::record::HeadersView;
use crate::record::PartitionId;
use crate::record::RecordView;

/// How a key or a value is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form<'a> {
    /// As its bytes allow: null, JSON, text, base64.
    #[default]
    Plain,
    /// As Avro that was read with a schema. Only for JSON that can be taken back
    /// ([`crate::codec::avro::render::Fidelity::Exact`]); else show it plain.
    Avro {
        /// The schema, where the bytes name it in their prefix; `None` where a header does.
        schema: Option<SchemaId>,
        /// The datum as JSON.
        json: &'a [u8],
    },
}

/// Appends `record`, read from `partition` of `topic`, to `out` as one line with its end.
pub fn put_line(
    out: &mut Vec<u8>,
    topic: &str,
    partition: PartitionId,
    record: &RecordView<'_>,
    key: Form<'_>,
    value: Form<'_>,
) {
    let mut line = ObjectWriter::new(out);
    line.text("topic", topic);
    line.int("partition", partition.0.into());
    line.int("offset", record.offset.0);
    line.int("timestamp", record.timestamp.0);
    line.text("timestamp_type", record.timestamp_type.name());
    put_payload(&mut line, KEY, record.key, key);
    put_payload(&mut line, VALUE, record.value, value);
    put_headers(line.field("headers"), record.headers);
    line.finish();
    out.push(b'\n');
}

fn put_payload(line: &mut ObjectWriter<'_>, names: Names, bytes: Option<&[u8]>, form: Form<'_>) {
    let encoding = match (form, bytes) {
        (_, None) => {
            line.field(names.value).extend_from_slice(b"null");
            "null"
        }
        (Form::Avro { json, .. }, _) => {
            line.field(names.value).extend_from_slice(json);
            "avro"
        }
        (Form::Plain, Some(bytes)) => put_plain(line.field(names.value), bytes),
    };
    line.text(names.encoding, encoding);
    if let (
        Form::Avro {
            schema: Some(schema),
            ..
        },
        Some(_),
    ) = (form, bytes)
    {
        match schema {
            SchemaId::Number(number) => line.int(names.schema, number.into()),
            SchemaId::Guid(_) => line.text(names.schema, &schema.to_string()),
        }
    }
}

/// Writes the first form that gives the bytes back, and tells its name.
fn put_plain(out: &mut Vec<u8>, bytes: &[u8]) -> &'static str {
    if put_exact_json(out, bytes) {
        return "json";
    }
    match str::from_utf8(bytes) {
        Ok(text) => {
            json::put_text(out, text);
            "text"
        }
        Err(_) => {
            put_base64(out, bytes);
            "base64"
        }
    }
}

/// Writes `bytes` as the JSON that they are; nothing where that would not give them back.
fn put_exact_json(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let start = out.len();
    // In the line it stands one level deeper.
    let mut scanner = Scanner::within(bytes, 1);
    let value = scanner
        .value()
        .and_then(|value| scanner.finish().map(|()| value));
    let written = value.is_ok_and(|value| json::put_value(out, &value).is_ok());
    let exact = written && out.get(start..) == Some(bytes);
    if !exact {
        out.truncate(start);
    }
    exact
}

fn put_headers(out: &mut Vec<u8>, headers: HeadersView<'_>) {
    out.push(b'[');
    for (index, header) in headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        put_text_or_base64(out, header.name);
        out.push(b',');
        match header.value {
            Some(value) => put_text_or_base64(out, value),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b']');
    }
    out.push(b']');
}

fn put_text_or_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    match str::from_utf8(bytes) {
        Ok(text) => json::put_text(out, text),
        Err(_) => put_base64(out, bytes),
    }
}

fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut object = ObjectWriter::new(out);
    object.text("base64", &BASE64_STANDARD.encode(bytes));
    object.finish();
}
