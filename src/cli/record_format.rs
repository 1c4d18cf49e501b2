//! How `consume` prints records: rpk's format strings.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::copy;

/// A parsed format string, such as `%t-%p@%o %k=%v\n`.
///
/// Verbs: `%t` topic, `%p` partition, `%o` offset, `%d` timestamp in milliseconds, `%k` key, `%v`
/// value, `%K` and `%V` their lengths (−1 for null), `%H` number of headers, `%h{...}` the part in
/// braces for each header, with `%k` and `%v` its name and value, `%i` number of the record as printed,
/// from 1, `%%` a percent sign. Keys, values and names take `{hex}`, `{base64}` or `{json}` behind
/// them. `\n`, `\t`, `\r`, `\0` and `\\` are escapes. Null prints as nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordFormat {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key(Encoding),
    Value(Encoding),
    KeyLength,
    ValueLength,
    HeaderCount,
    Headers(Vec<Self>),
    Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Raw,
    Hex,
    Base64,
    Json,
}

/// The verbs, for the answer to a wrong one.
const VERBS: &str = "%t %p %o %d %k %v %K %V %H %h{...} %i %%";

impl RecordFormat {
    /// Appends the record, the `number`th one printed, to `out`.
    #[inline]
    pub(super) fn write(
        &self,
        topic: &str,
        partition: PartitionId,
        record: &RecordView<'_>,
        number: u64,
        out: &mut Vec<u8>,
    ) {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => copy::append(out, literal),
                Piece::Value(encoding) => put(*encoding, record.value, out),
                Piece::Key(encoding) => put(*encoding, record.key, out),
                Piece::Topic => out.extend_from_slice(topic.as_bytes()),
                Piece::Partition => put_number(partition.0, out),
                Piece::Offset => put_number(record.offset, out),
                Piece::Timestamp => put_number(record.timestamp, out),
                Piece::KeyLength => put_number(length(record.key), out),
                Piece::ValueLength => put_number(length(record.value), out),
                Piece::HeaderCount => put_number(record.headers.len(), out),
                Piece::Number => put_number(number, out),
                Piece::Headers(pieces) => put_headers(pieces, record, out),
            }
        }
    }
}

fn put_headers(pieces: &[Piece], record: &RecordView<'_>, out: &mut Vec<u8>) {
    for header in record.headers {
        for piece in pieces {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                Piece::Key(encoding) => put(*encoding, Some(header.name), out),
                Piece::Value(encoding) => put(*encoding, header.value, out),
                _ => {}
            }
        }
    }
}

#[inline]
fn put(encoding: Encoding, shown: Option<&[u8]>, out: &mut Vec<u8>) {
    match (encoding, shown) {
        (Encoding::Raw, Some(shown)) => copy::append(out, shown),
        (Encoding::Json, None) => out.extend_from_slice(b"null"),
        (_, None) => {}
        (_, Some(shown)) => put_encoded(encoding, shown, out),
    }
}

fn put_encoded(encoding: Encoding, shown: &[u8], out: &mut Vec<u8>) {
    match encoding {
        Encoding::Raw => out.extend_from_slice(shown),
        Encoding::Hex => shown
            .iter()
            .for_each(|byte| out.extend_from_slice(format!("{byte:02x}").as_bytes())),
        Encoding::Base64 => out.extend_from_slice(BASE64.encode(shown).as_bytes()),
        Encoding::Json => out.extend_from_slice(json_text(shown).as_bytes()),
    }
}

/// A JSON string; bytes that are no text as `{"base64": "..."}`, as in the envelope.
fn json_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => serde_json::Value::from(text).to_string(),
        Err(_) => format!("{{\"base64\":\"{}\"}}", BASE64.encode(bytes)),
    }
}

fn put_number(number: impl std::fmt::Display, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn length(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

impl FromStr for RecordFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self {
            pieces: pieces(text, Level::Record)?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Record,
    Header,
}

fn pieces(text: &str, level: Level) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        let piece = match first {
            '%' => verb(&mut rest, level)?,
            '\\' => Piece::Literal(vec![escape(&mut rest)?]),
            other => Piece::Literal(other.to_string().into_bytes()),
        };
        match (pieces.last_mut(), piece) {
            (Some(Piece::Literal(bytes)), Piece::Literal(more)) => bytes.extend(more),
            (_, piece) => pieces.push(piece),
        }
    }
    Ok(pieces)
}

fn escape(rest: &mut &str) -> Result<u8, String> {
    let mut chars = rest.chars();
    let byte = match chars.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('\\') => b'\\',
        other => {
            let shown = other.map(String::from).unwrap_or_default();
            return Err(format!(
                "\"\\{shown}\" is no escape; one of \\n \\t \\r \\0 \\\\"
            ));
        }
    };
    *rest = chars.as_str();
    Ok(byte)
}

fn verb(rest: &mut &str, level: Level) -> Result<Piece, String> {
    let mut chars = rest.chars();
    let verb = chars.next();
    *rest = chars.as_str();
    let piece = match (verb, level) {
        (Some('%'), _) => Piece::Literal(b"%".to_vec()),
        (Some('k'), _) => Piece::Key(encoding(rest)?),
        (Some('v' | 's'), _) => Piece::Value(encoding(rest)?),
        (Some('t'), Level::Record) => Piece::Topic,
        (Some('p'), Level::Record) => Piece::Partition,
        (Some('o'), Level::Record) => Piece::Offset,
        (Some('d'), Level::Record) => Piece::Timestamp,
        (Some('K'), Level::Record) => Piece::KeyLength,
        (Some('V'), Level::Record) => Piece::ValueLength,
        (Some('H'), Level::Record) => Piece::HeaderCount,
        (Some('i'), Level::Record) => Piece::Number,
        (Some('h'), Level::Record) => Piece::Headers(header_pieces(rest)?),
        (other, _) => {
            let shown = other.map(String::from).unwrap_or_default();
            return Err(format!(
                "%{shown} is no part of a record format; one of {VERBS}"
            ));
        }
    };
    Ok(piece)
}

/// The part in braces behind `%h`; braces of encodings inside it nest.
fn header_pieces(rest: &mut &str) -> Result<Vec<Piece>, String> {
    let mut depth = 0usize;
    let end = rest.char_indices().find_map(|(at, char)| {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(at)
    });
    let inner = end.and_then(|end| rest.get(..end)?.strip_prefix('{'));
    let (Some(end), Some(inner)) = (end, inner) else {
        return Err(
            "%h wants what to print for each header in braces, as in %h{%k=%v }".to_owned(),
        );
    };
    let pieces = pieces(inner, Level::Header)?;
    *rest = rest.get(end + 1..).unwrap_or_default();
    Ok(pieces)
}

fn encoding(rest: &mut &str) -> Result<Encoding, String> {
    let Some(inner) = rest.strip_prefix('{') else {
        return Ok(Encoding::Raw);
    };
    let (name, tail) = inner
        .split_once('}')
        .ok_or("a brace is open to the end of the format")?;
    let encoding = match name {
        "hex" => Encoding::Hex,
        "base64" => Encoding::Base64,
        "json" => Encoding::Json,
        other => {
            return Err(format!(
                "{{{other}}} is no encoding; one of {{hex}} {{base64}} {{json}}"
            ));
        }
    };
    *rest = tail;
    Ok(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{HeadersView, Offset, Timestamp, TimestampType};

    fn printed(format: &str, key: Option<&[u8]>) -> String {
        let headers = [2, b'a', 2, b'1', 2, b'b', 1];
        let record = RecordView {
            offset: Offset(7),
            timestamp: Timestamp(-1),
            timestamp_type: TimestampType::CreateTime,
            key,
            value: Some(b"v\xff"),
            headers: HeadersView::parse(&headers, 2).expect("two headers"),
        };
        let mut out = Vec::new();
        format.parse::<RecordFormat>().expect(format).write(
            "orders",
            PartitionId(3),
            &record,
            1,
            &mut out,
        );
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_verb_prints_its_part() {
        assert_eq!(printed("%t-%p@%o %d %i %%\\n", None), "orders-3@7 -1 1 %\n");
        assert_eq!(printed("%k %K %V %H", Some(b"key")), "key 3 2 2");
        assert_eq!(
            printed("[%k] %K", None),
            "[] -1",
            "null prints as nothing, its length is -1"
        );
        assert_eq!(
            printed("%v{hex} %v{base64} %v{json}", None),
            "76ff dv8= {\"base64\":\"dv8=\"}"
        );
        assert_eq!(printed("%h{%k=%v{hex};}", None), "a=31;b=;");
        assert_eq!(printed("%k{json}", None), "null");
    }

    #[test]
    fn a_wrong_format_says_what_there_is() {
        for (format, wanted) in [
            ("%x", VERBS),
            ("%v{rot13}", "{hex}"),
            ("%v{hex", "brace"),
            ("%h", "braces"),
            ("\\q", "\\n"),
            ("%", VERBS),
        ] {
            let error = format.parse::<RecordFormat>().expect_err(format);
            assert!(error.contains(wanted), "{format}: {error}");
        }
        assert!(
            "%h{%t}".parse::<RecordFormat>().is_err(),
            "a header has no topic"
        );
    }
}
