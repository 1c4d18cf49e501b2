//! Data as JSON, for people and for the envelope.
//!
//! Plain JSON: the values of unions stand for themselves, timestamps are the integers that were
//! written, bytes are text in base64, decimals and UUIDs text. What
//! [`crate::codec::avro::encode`] makes of it again is mostly, but not always, the same bytes:
//! two branches of a union may look alike, blocks may have been cut otherwise, a map may hold a
//! key twice. So [`put_json`] tries and tells.

use thiserror::Error;

use crate::codec::avro::decode::Decoder;
use crate::codec::avro::encode;
use crate::codec::avro::encode::EncodeError;
use crate::codec::avro::input::AvroError;
use crate::codec::avro::schema::Schema;
use crate::codec::json;
use crate::codec::json::JsonError;
use crate::codec::json::JsonWriteError;

/// Whether JSON gives back the bytes that it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// [`from_json`] with the writer's schema gives the same bytes.
    Exact,
    /// It gives others, or none.
    Lossy,
}

/// Data cannot be shown as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RenderError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] AvroError),
    /// JSON has no form for it: a float that is not finite.
    #[error(transparent)]
    Write(#[from] JsonWriteError),
}

/// JSON cannot be written as Avro.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FromJsonError {
    /// It is no JSON.
    #[error(transparent)]
    Read(#[from] JsonError),
    /// It does not fit the schema.
    #[error(transparent)]
    Write(#[from] EncodeError),
}

/// Appends the registry payload `payload` as JSON to `out`, read by `decoder`, which was made
/// without a reader's schema and with [`crate::codec::avro::Times::Integers`]; tells whether it
/// can be taken back.
///
/// # Errors
///
/// [`RenderError`]; `out` is then as long as before.
pub fn put_json(
    decoder: &Decoder,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<Fidelity, RenderError> {
    let start = out.len();
    json::put_value(out, &decoder.decode_payload(payload)?)?;
    let mut again = Vec::with_capacity(payload.len());
    let text = out.get(start..).unwrap_or_default();
    match from_json(decoder.writer(), text, &mut again) {
        Ok(()) if again == payload => Ok(Fidelity::Exact),
        _ => Ok(Fidelity::Lossy),
    }
}

/// Appends the JSON `text` as a registry payload of `schema` to `out`.
///
/// # Errors
///
/// [`FromJsonError`]; `out` is then as long as before.
pub fn from_json(schema: &Schema, text: &[u8], out: &mut Vec<u8>) -> Result<(), FromJsonError> {
    let value = json::parse(text)?;
    Ok(encode::encode_payload(schema, &value, out)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::avro::Times;

    fn rendered(schema: &str, payload: &[u8]) -> (String, Fidelity) {
        let schema = Schema::parse(schema).unwrap();
        let decoder = Decoder::new(schema, None, Times::Integers);
        let mut out = Vec::new();
        let fidelity = put_json(&decoder, payload, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), fidelity)
    }

    #[test]
    fn what_json_can_tell_apart_is_exact() {
        use Fidelity::{Exact, Lossy};
        let cases: [(&str, &[u8], &str, Fidelity); 9] = [
            (r#"["null", "string"]"#, &[2, 2, b'a'], r#""a""#, Exact),
            (r#"["null", "string"]"#, &[0], "null", Exact),
            (r#"["int", "long"]"#, &[0, 2], "1", Exact),
            (r#"["int", "long"]"#, &[2, 2], "1", Lossy),
            (
                r#"{"type": "long", "logicalType": "timestamp-millis"}"#,
                &[2],
                "1",
                Exact,
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#,
                &[0x7d],
                r#""1.25""#,
                Exact,
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#,
                &[0, 0x7d],
                r#""1.25""#,
                Lossy,
            ),
            (
                r#"{"type": "array", "items": "int"}"#,
                &[4, 2, 4, 0],
                "[1,2]",
                Exact,
            ),
            (
                r#"{"type": "array", "items": "int"}"#,
                &[2, 2, 2, 4, 0],
                "[1,2]",
                Lossy,
            ),
        ];
        for (schema, payload, json, fidelity) in cases {
            assert_eq!(
                rendered(schema, payload),
                (json.to_owned(), fidelity),
                "{schema}"
            );
        }
    }

    #[test]
    fn just_bytes_go_without_their_length() {
        assert_eq!(
            rendered(r#""bytes""#, &[0, 0xff]),
            (r#""AP8=""#.to_owned(), Fidelity::Exact)
        );
        assert_eq!(
            rendered(r#""bytes""#, &[]),
            (r#""""#.to_owned(), Fidelity::Exact)
        );
        assert_eq!(
            rendered(r#""string""#, &[2, b'a']),
            (r#""a""#.to_owned(), Fidelity::Exact)
        );
    }

    #[test]
    fn a_float_that_is_not_finite_has_no_json() {
        let decoder = Decoder::new(Schema::parse(r#""double""#).unwrap(), None, Times::Integers);
        let mut out = b"before".to_vec();
        let error = put_json(&decoder, &f64::NAN.to_le_bytes(), &mut out).unwrap_err();
        assert_eq!(error, RenderError::Write(JsonWriteError::NotFinite));
        assert_eq!(out, b"before");
    }
}
