//! Values to binary data.
//!
//! What [`crate::codec::avro::decode`] gives, and what a person writes as JSON:
//!
//! | type | taken from |
//! | --- | --- |
//! | `int`, `long` | an integer in range; a timestamp type also an instant that its unit can hold |
//! | `float`, `double` | a float or an integer, rounded to the nearest (`float`: not beyond its range) |
//! | `bytes`, `fixed` | bytes, or text in base64 with padding |
//! | `decimal` | text such as `12.50`, or an integer; else as `bytes` |
//! | `uuid` on `fixed` | text in hyphenated form; else as `fixed` |
//! | `enum` | text: a symbol |
//! | `record` | a map with all fields that have no default, and no others |
//! | union | the value of a branch: the first whose type is exactly that of the value, else the first that takes it; of records and maps the first whose fields fit |
//!
//! Arrays and maps are written as one block without its size, as Java does it, so data that came
//! from Java gives the same bytes back unless a union has branches that JSON cannot tell apart.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use thiserror::Error;

use crate::codec::avro::decimal;
use crate::codec::avro::default;
use crate::codec::avro::schema::Fixed;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Logical;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Record;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::schema::Tick;
use crate::codec::avro::step::Times;
use crate::record::Value;
use crate::record::varint;

/// Values may stand in each other this deeply, as when they are read.
const DEPTH_MAX: usize = 256;

/// A value does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("write Avro: {path}: {fault}")]
pub struct EncodeError {
    /// The fields and indexes on the way to the value, such as `lines[2].price`; `value` for the
    /// outermost one.
    pub path: String,
    /// What is wrong there.
    pub fault: EncodeFault,
}

/// How a value does not fit its schema.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeFault {
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    Type {
        /// Avro's word for what should stand here.
        expected: String,
        /// What stands here.
        found: &'static str,
    },
    /// A number or decimal too large or too fine for its type.
    #[error("out of the range of {0}")]
    Range(&'static str),
    /// Bytes of another length.
    #[error("expected {expected} bytes, found {found}")]
    Size {
        /// How many the type has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Text that is no symbol of the enum.
    #[error("{0:?} is not a symbol of the enum")]
    Symbol(String),
    /// No branch of the union takes the value.
    #[error("no branch of the union takes {0}")]
    Branch(&'static str),
    /// A field without a default is absent.
    #[error("missing, and the schema has no default")]
    Missing,
    /// The record has no such field.
    #[error("no such field in the schema")]
    Unknown,
    /// More than 256 values in each other.
    #[error("more than {DEPTH_MAX} levels")]
    Depth,
}

/// Appends `value`, as a datum of `schema`, to `out`.
///
/// # Errors
///
/// [`EncodeError`] where the value does not fit; `out` is then as long as before.
pub fn encode(schema: &Schema, value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let mut encoder = Encoder {
        schema,
        out,
        path: Vec::new(),
    };
    encoder.value(schema.root(), value).map_err(|fault| {
        let path = encoder.path();
        encoder.out.truncate(start);
        EncodeError { path, fault }
    })
}

/// Appends `value` as the payload of a schema registry's framing: as [`encode`], but what is just
/// `bytes` goes without its length.
///
/// # Errors
///
/// As [`encode`].
pub fn encode_payload(
    schema: &Schema,
    value: &Value<'_>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if !matches!(schema.kind(schema.root()), Kind::Bytes) {
        return encode(schema, value, out);
    }
    let mut datum = Vec::new();
    encode(schema, value, &mut datum)?;
    let mut rest = &datum[..];
    varint::take_i64(&mut rest);
    out.extend_from_slice(rest);
    Ok(())
}

struct Encoder<'s, 'o> {
    schema: &'s Schema,
    out: &'o mut Vec<u8>,
    /// The way to where we are; kept as it was where something failed.
    path: Vec<Step>,
}

enum Step {
    Field(String),
    Item(usize),
}

type Written = Result<(), EncodeFault>;

impl Encoder<'_, '_> {
    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Field(name) if path.is_empty() => path.push_str(name),
                Step::Field(name) => path.extend([".", name]),
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        if path.is_empty() {
            path.push_str("value");
        }
        path
    }

    fn at(&mut self, step: Step, write: impl FnOnce(&mut Self) -> Written) -> Written {
        if self.path.len() == DEPTH_MAX {
            return Err(EncodeFault::Depth);
        }
        self.path.push(step);
        write(self)?;
        self.path.pop();
        Ok(())
    }

    fn value(&mut self, id: NodeId, value: &Value<'_>) -> Written {
        match (self.schema.kind(id), value) {
            (Kind::Union(branches), _) => self.union(branches, value),
            (Kind::Record(record), Value::Map(entries)) => self.record(record, entries),
            (&Kind::Array(items), Value::List(values)) => self.array(items, values),
            (&Kind::Map(values), Value::Map(entries)) => self.map(values, entries),
            (Kind::Enum(symbols), Value::Text(text)) => {
                let number = symbols.symbols.iter().position(|symbol| symbol == text);
                let number = number.ok_or_else(|| EncodeFault::Symbol(text.to_string()))?;
                self.count(number);
                Ok(())
            }
            (Kind::Fixed(fixed), _) => self.fixed(fixed, self.schema.node(id).logical, value),
            (kind, _) => self.scalar(kind, self.schema.node(id).logical, value),
        }
    }

    fn scalar(&mut self, kind: &Kind, logical: Option<Logical>, value: &Value<'_>) -> Written {
        match (kind, value) {
            (Kind::Null, Value::Null) => {}
            (Kind::Boolean, Value::Bool(bool)) => self.out.push((*bool).into()),
            (Kind::Int, Value::Int(_) | Value::UInt(_)) => {
                let int = long(value).and_then(|long| i32::try_from(long).ok());
                varint::put_i64(self.out, int.ok_or(EncodeFault::Range("int"))?.into());
            }
            (Kind::Long, Value::Int(_) | Value::UInt(_) | Value::Timestamp(_)) => {
                let long = match value {
                    Value::Timestamp(_) => {
                        ticks(logical, value).ok_or_else(|| wrong(kind, value))?
                    }
                    _ => long(value).ok_or(EncodeFault::Range("long"))?,
                };
                varint::put_i64(self.out, long);
            }
            (Kind::Float, _) => {
                let double = double(value).ok_or_else(|| wrong(kind, value))?;
                #[expect(clippy::cast_possible_truncation, reason = "rounded to the nearest")]
                let float = double as f32;
                if float.is_infinite() && double.is_finite() {
                    return Err(EncodeFault::Range("float"));
                }
                self.out.extend_from_slice(&float.to_le_bytes());
            }
            (Kind::Double, _) => {
                let double = double(value).ok_or_else(|| wrong(kind, value))?;
                self.out.extend_from_slice(&double.to_le_bytes());
            }
            (Kind::String, Value::Text(text)) => self.sized(text.as_bytes()),
            (Kind::Bytes, _) => {
                let bytes = match decimal_of(logical, value) {
                    Some(unscaled) => decimal::minimal(unscaled?),
                    None => bytes(value).ok_or_else(|| wrong(kind, value))?,
                };
                self.sized(&bytes);
            }
            _ => return Err(wrong(kind, value)),
        }
        Ok(())
    }

    fn fixed(&mut self, fixed: &Fixed, logical: Option<Logical>, value: &Value<'_>) -> Written {
        let bytes = match (decimal_of(logical, value), logical, value) {
            (Some(unscaled), ..) => widened(unscaled?, fixed.size)?,
            (None, Some(Logical::Uuid), Value::Text(text)) if fixed.size == 16 => {
                let uuid = uuid(text).ok_or_else(|| wrong(&Kind::Fixed(fixed.clone()), value))?;
                uuid.to_be_bytes().to_vec()
            }
            _ => bytes(value).ok_or_else(|| wrong(&Kind::Fixed(fixed.clone()), value))?,
        };
        if bytes.len() != fixed.size {
            return Err(EncodeFault::Size {
                expected: fixed.size,
                found: bytes.len(),
            });
        }
        self.out.extend_from_slice(&bytes);
        Ok(())
    }

    fn union(&mut self, branches: &[NodeId], value: &Value<'_>) -> Written {
        let ranked = branches.iter().enumerate().filter_map(|(number, &branch)| {
            let rank = self.rank(branch, value)?;
            Some((rank, number, branch))
        });
        let best = ranked.min_by_key(|&(rank, ..)| rank);
        let (_, number, branch) = best.ok_or_else(|| EncodeFault::Branch(name(value)))?;
        self.count(number);
        self.value(branch, value)
    }

    /// How well the type `id` takes `value`: 0 is exactly, 1 by conversion. Looks no deeper than
    /// the names of fields.
    fn rank(&self, id: NodeId, value: &Value<'_>) -> Option<u8> {
        let node = self.schema.node(id);
        let is_instant = matches!(
            node.logical,
            Some(Logical::Timestamp(_) | Logical::LocalTimestamp(_))
        );
        match (&node.kind, value) {
            (Kind::Null, Value::Null)
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Double | Kind::Float, Value::Float(_))
            | (Kind::String, Value::Text(_))
            | (Kind::Array(_), Value::List(_)) => Some(0),
            (Kind::Map(_), Value::Map(_)) => Some(1),
            (Kind::Int, Value::Int(int)) => i32::try_from(*int).ok().map(|_| 0),
            (Kind::Long, Value::Int(_)) => Some(0),
            (Kind::Long, Value::Timestamp(_)) => is_instant.then_some(0),
            (Kind::Long, Value::UInt(_)) => long(value).map(|_| 0),
            (Kind::Double | Kind::Float, Value::Int(_) | Value::UInt(_)) => Some(1),
            (Kind::Enum(symbols), Value::Text(text)) => symbols
                .symbols
                .iter()
                .any(|symbol| symbol == text)
                .then_some(0),
            (Kind::Record(record), Value::Map(entries)) => fits(record, entries).then_some(0),
            (Kind::Fixed(fixed), Value::Text(text)) if node.logical == Some(Logical::Uuid) => {
                (fixed.size == 16 && uuid(text).is_some()).then_some(0)
            }
            (Kind::Fixed(fixed), _) => rank_bytes(node.logical, value, Some(fixed.size)),
            (Kind::Bytes, _) => rank_bytes(node.logical, value, None),
            _ => None,
        }
    }

    fn record(&mut self, record: &Record, entries: &[(Value<'_>, Value<'_>)]) -> Written {
        let mut taken = 0;
        for field in &record.fields {
            let entry = entries.iter().find(|(key, _)| is_text(key, &field.name));
            taken += usize::from(entry.is_some());
            self.at(Step::Field(field.name.clone()), |encoder| match entry {
                Some((_, value)) => encoder.value(field.node, value),
                None => {
                    let default = default::of_field(encoder.schema, field, Times::Instants);
                    encoder.value(field.node, &default.ok_or(EncodeFault::Missing)?)
                }
            })?;
        }
        if taken == entries.len() {
            return Ok(());
        }
        let unknown = entries.iter().map(|(key, _)| key);
        let mut unknown =
            unknown.filter(|key| !record.fields.iter().any(|field| is_text(key, &field.name)));
        let name = unknown.next().map_or_else(String::new, key_text);
        self.at(Step::Field(name), |_| Err(EncodeFault::Unknown))
    }

    fn array(&mut self, items: NodeId, values: &[Value<'_>]) -> Written {
        if !values.is_empty() {
            self.count(values.len());
        }
        for (index, value) in values.iter().enumerate() {
            self.at(Step::Item(index), |encoder| encoder.value(items, value))?;
        }
        self.count(0);
        Ok(())
    }

    fn map(&mut self, values: NodeId, entries: &[(Value<'_>, Value<'_>)]) -> Written {
        if !entries.is_empty() {
            self.count(entries.len());
        }
        for (key, value) in entries {
            let Value::Text(text) = key else {
                return Err(EncodeFault::Type {
                    expected: "text as the key of a map".into(),
                    found: name(key),
                });
            };
            self.sized(text.as_bytes());
            self.at(Step::Field(text.to_string()), |encoder| {
                encoder.value(values, value)
            })?;
        }
        self.count(0);
        Ok(())
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.out.extend_from_slice(bytes);
    }

    fn count(&mut self, count: usize) {
        varint::put_i64(self.out, i64::try_from(count).unwrap_or(i64::MAX));
    }
}

fn rank_bytes(logical: Option<Logical>, value: &Value<'_>, size: Option<usize>) -> Option<u8> {
    if let Some(unscaled) = decimal_of(logical, value) {
        return unscaled.ok().map(|_| 1);
    }
    let bytes = bytes(value)?;
    let fits = size.is_none_or(|size| bytes.len() == size);
    fits.then_some(u8::from(!matches!(value, Value::Bytes(_))))
}

fn wrong(kind: &Kind, value: &Value<'_>) -> EncodeFault {
    EncodeFault::Type {
        expected: match kind.type_name() {
            Some(name) => format!("{} {}", kind.name(), name.full),
            None => kind.name().into(),
        },
        found: name(value),
    }
}

const fn name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Int(_) | Value::UInt(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
        Value::Timestamp(_) => "a timestamp",
        Value::Duration(_) => "a duration",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

fn is_text(key: &Value<'_>, name: &str) -> bool {
    matches!(key, Value::Text(text) if text == name)
}

fn key_text(key: &Value<'_>) -> String {
    match key {
        Value::Text(text) => text.to_string(),
        other => name(other).into(),
    }
}

/// Whether the entries are fields of the record and all fields without a default are there.
fn fits(record: &Record, entries: &[(Value<'_>, Value<'_>)]) -> bool {
    let has = |name: &str| entries.iter().any(|(key, _)| is_text(key, name));
    let mut fields = record.fields.iter();
    let complete = fields.all(|field| field.default.is_some() || has(&field.name));
    let known = |key| record.fields.iter().any(|field| is_text(key, &field.name));
    complete && entries.iter().all(|(key, _)| known(key))
}

fn long(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(int) => Some(*int),
        Value::UInt(uint) => i64::try_from(*uint).ok(),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "rounded to the nearest")]
const fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float(float) => Some(*float),
        Value::Int(int) => Some(*int as f64),
        Value::UInt(uint) => Some(*uint as f64),
        _ => None,
    }
}

/// An instant in the unit of the type; `None` where it has no unit or one that is too coarse.
fn ticks(logical: Option<Logical>, value: &Value<'_>) -> Option<i64> {
    let (Some(Logical::Timestamp(tick) | Logical::LocalTimestamp(tick)), Value::Timestamp(instant)) =
        (logical, value)
    else {
        return None;
    };
    let nanos = instant.timestamp_subsec_nanos();
    match tick {
        Tick::Millis => (nanos % 1_000_000 == 0).then(|| instant.timestamp_millis()),
        Tick::Micros => (nanos % 1_000 == 0).then(|| instant.timestamp_micros()),
        Tick::Nanos => instant.timestamp_nanos_opt(),
    }
}

/// Bytes, also from base64.
fn bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes.to_vec()),
        Value::Text(text) => BASE64_STANDARD.decode(text.as_bytes()).ok(),
        _ => None,
    }
}

/// The unscaled integer of a decimal; `None` where the type or the value is none.
fn decimal_of(logical: Option<Logical>, value: &Value<'_>) -> Option<Result<i128, EncodeFault>> {
    let Some(Logical::Decimal { precision, scale }) = logical else {
        return None;
    };
    let parsed = match value {
        Value::Text(text) => decimal::parse(text, precision, scale),
        Value::Int(int) => decimal::parse(&int.to_string(), precision, scale),
        Value::UInt(uint) => decimal::parse(&uint.to_string(), precision, scale),
        _ => return None,
    };
    Some(parsed.ok_or(EncodeFault::Range("the decimal")))
}

/// The two's complement of `unscaled` in `size` bytes.
fn widened(unscaled: i128, size: usize) -> Result<Vec<u8>, EncodeFault> {
    let minimal = decimal::minimal(unscaled);
    let missing = size
        .checked_sub(minimal.len())
        .ok_or(EncodeFault::Range("the decimal"))?;
    let mut bytes = vec![if unscaled < 0 { 0xff } else { 0 }; missing];
    bytes.extend_from_slice(&minimal);
    Ok(bytes)
}

/// The number of a UUID in its hyphenated form.
fn uuid(text: &str) -> Option<u128> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = text
        .bytes()
        .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if lengths != [8, 4, 4, 4, 12] || !is_hex {
        return None;
    }
    u128::from_str_radix(&groups.concat(), 16).ok()
}
