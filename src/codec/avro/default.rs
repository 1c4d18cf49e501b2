//! Defaults: the JSON form that values have in schemas.
//!
//! Bytes and fixed are text whose characters U+0000 to U+00FF are the bytes; a union's default is
//! of the first branch that takes it (Avro 1.12 allows any); the rest is as one would think.

use std::borrow::Cow;

use crate::codec::avro::decimal;
use crate::codec::avro::decode;
use crate::codec::avro::schema::Field;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Logical;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Record;
use crate::codec::avro::schema::Schema;
use crate::codec::avro::step::Times;
use crate::record::Value;

type Json = serde_json::Value;

/// A default may hold defaults; those that go deeper than this need themselves.
const DEPTH_MAX: u8 = 64;

/// And so they may multiply: no default holds more values than this.
const VALUES_MAX: u16 = 10_000;

/// The value of `field` where it is absent; `None` where it has no default or one that is not of
/// its type.
pub(super) fn of_field(schema: &Schema, field: &Field, times: Times) -> Option<Value<'static>> {
    let default = field.default.as_ref()?;
    Defaults {
        schema,
        times,
        depth_left: DEPTH_MAX,
        values_left: VALUES_MAX,
    }
    .value(field.node, default)
}

struct Defaults<'s> {
    schema: &'s Schema,
    times: Times,
    depth_left: u8,
    values_left: u16,
}

impl Defaults<'_> {
    fn value(&mut self, id: NodeId, json: &Json) -> Option<Value<'static>> {
        self.values_left = self.values_left.checked_sub(1)?;
        self.depth_left = self.depth_left.checked_sub(1)?;
        let value = self.compound(id, json);
        self.depth_left += 1;
        value
    }

    fn compound(&mut self, id: NodeId, json: &Json) -> Option<Value<'static>> {
        match (self.schema.kind(id), json) {
            (Kind::Union(branches), _) => {
                branches.iter().find_map(|&branch| self.value(branch, json))
            }
            (&Kind::Array(items), Json::Array(values)) => {
                let values = values.iter().map(|value| self.value(items, value));
                values.collect::<Option<_>>().map(Value::List)
            }
            (&Kind::Map(values), Json::Object(entries)) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| Some((text(key), self.value(values, value)?)));
                entries.collect::<Option<_>>().map(Value::Map)
            }
            (Kind::Record(record), Json::Object(entries)) => self.record(record, entries),
            (Kind::Enum(symbols), Json::String(symbol)) => {
                symbols.symbols.contains(symbol).then(|| text(symbol))
            }
            _ => self.scalar(id, json),
        }
    }

    fn record(
        &mut self,
        record: &Record,
        entries: &serde_json::Map<String, Json>,
    ) -> Option<Value<'static>> {
        let fields = record.fields.iter().map(|field| {
            let json = entries.get(&field.name).or(field.default.as_ref())?;
            Some((text(&field.name), self.value(field.node, json)?))
        });
        fields.collect::<Option<_>>().map(Value::Map)
    }

    fn scalar(&self, id: NodeId, json: &Json) -> Option<Value<'static>> {
        let node = self.schema.node(id);
        match (&node.kind, json) {
            (Kind::Null, Json::Null) => Some(Value::Null),
            (Kind::Boolean, Json::Bool(bool)) => Some(Value::Bool(*bool)),
            (Kind::Int, Json::Number(number)) => i32::try_from(number.as_i64()?)
                .ok()
                .map(|int| Value::Int(int.into())),
            (Kind::Long, Json::Number(number)) => self.long(node.logical, number.as_i64()?),
            (Kind::Float, Json::Number(number)) =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "rounded, as when written")]
                number
                    .as_f64()
                    .map(|float| Value::Float(f64::from(float as f32)))
            }
            (Kind::Double, Json::Number(number)) => number.as_f64().map(Value::Float),
            (Kind::String, Json::String(string)) => Some(text(string)),
            (Kind::Bytes, Json::String(string)) => bytes(node.logical, string),
            (Kind::Fixed(fixed), Json::String(string)) => {
                (string.chars().count() == fixed.size).then(|| bytes(node.logical, string))?
            }
            _ => None,
        }
    }

    fn long(&self, logical: Option<Logical>, long: i64) -> Option<Value<'static>> {
        match (logical, self.times) {
            (Some(Logical::Timestamp(tick) | Logical::LocalTimestamp(tick)), Times::Instants) => {
                decode::instant(tick, long).map(Value::Timestamp)
            }
            _ => Some(Value::Int(long)),
        }
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

fn bytes(logical: Option<Logical>, string: &str) -> Option<Value<'static>> {
    let bytes: Option<Vec<u8>> = string.chars().map(|char| u8::try_from(char).ok()).collect();
    let bytes = bytes?;
    match logical {
        Some(Logical::Decimal { scale, .. }) => Some(Value::Text(
            decimal::text(decimal::unscaled(&bytes)?, scale).into(),
        )),
        Some(Logical::Uuid) => decode::uuid(&bytes).map(|uuid| Value::Text(uuid.into())),
        _ => Some(Value::Bytes(bytes.into())),
    }
}
