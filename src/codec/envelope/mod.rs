//! The envelope: one record as one line of JSON, and back, byte for byte.
//!
//! A published contract: `consume -o jsonl` writes it, `produce -i jsonl` reads it, and what comes
//! out of the second is exactly the record that went into the first, whatever bytes it holds.
//!
//! ```json
//! {"topic":"orders","partition":0,"offset":7,"timestamp":1700000000000,"timestamp_type":"CreateTime","key":"tea","key_encoding":"text","value":{"qty":2},"value_encoding":"json","headers":[["trace","a1"],["trace",null],[{"base64":"/w=="},{"base64":"AAE="}]]}
//! ```
//!
//! | field | written | read |
//! | --- | --- | --- |
//! | `topic` | text | may be absent |
//! | `partition` | integer | may be absent |
//! | `offset` | integer | may be absent; a broker gives its own |
//! | `timestamp` | integer: milliseconds since the epoch, −1 for none | absent or null leaves it to the producer |
//! | `timestamp_type` | `CreateTime` or `LogAppendTime` | may be absent; a topic has its own |
//! | `key`, `value` | as their encoding says | absent is null |
//! | `key_encoding`, `value_encoding` | how to understand them, below | may be absent |
//! | `key_schema`, `value_schema` | with `avro`: the schema's number, or its GUID as text | with `avro` only |
//! | `headers` | array of `[name, value]` in order; each text, or `{"base64": …}` where it is not UTF-8; a value may be null | absent is none |
//!
//! | encoding | the field holds | the record's bytes |
//! | --- | --- | --- |
//! | `null` | null | none: a tombstone |
//! | `json` | any JSON | that JSON, written compactly |
//! | `text` | text | the text in UTF-8 |
//! | `base64` | `{"base64": …}`, with padding | the bytes |
//! | `avro` | a datum as plain JSON ([`crate::codec::avro::render`]) | the datum written with the schema, behind the schema's prefix; without a `…_schema` field the schema is the one that the record's `__key_schema_id` or `__value_schema_id` header names, and there is no prefix |
//! | absent | | null: none; text: the text; `{"base64": …}` and nothing more: the bytes; other JSON: that JSON |
//!
//! The writer takes the first encoding of `null`, `json`, `text` and `base64` that gives the bytes
//! back: JSON only where reading it and writing it compactly changes nothing (no white space, no
//! repeated keys, numbers in their shortest form, at most 126 levels). Avro is written where the
//! caller asks, and then only if it can be taken back.
//!
//! Fields may come in any order. An unknown or repeated one is an error: better than to lose what
//! it says.

mod read;
mod record;
mod write;

pub use read::{Line, LineError, LineFault, Payload, read_line};
pub use record::RecordError;
pub use write::{Form, put_line};

const KEY: Names = Names {
    value: "key",
    encoding: "key_encoding",
    schema: "key_schema",
};
const VALUE: Names = Names {
    value: "value",
    encoding: "value_encoding",
    schema: "value_schema",
};

/// What the fields of a key or a value are called.
#[derive(Clone, Copy, Debug)]
struct Names {
    value: &'static str,
    encoding: &'static str,
    schema: &'static str,
}

#[cfg(test)]
mod tests;
