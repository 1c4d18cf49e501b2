//! Values to types of Rust.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde::de::Error as _;
use serde::de::IntoDeserializer;
use serde::de::Visitor;
use serde::de::value::Error;
use serde::de::value::MapAccessDeserializer;
use serde::de::value::MapDeserializer;
use serde::de::value::SeqDeserializer;
use serde::forward_to_deserialize_any;

use crate::codec::projection::Row;
use crate::record::Value;
use crate::stream::graph::function::Refusal;

/// What a typed function is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'i> {
    /// The fields with these names, which stand in these slots of a record.
    Fields(&'i [&'static str], &'i [usize], &'i Row<'i>),
    /// A value; `None` is a tombstone.
    Whole(Option<&'i Value<'i>>),
}

impl Input<'_> {
    /// The value of the type that is asked for. Fields of a record that it does not have are left
    /// out; instants and durations are integer milliseconds.
    ///
    /// # Errors
    ///
    /// Where the record has no such value.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Refusal> {
        let read = match self {
            Self::Whole(value) => T::deserialize(Reading(value.unwrap_or(&Value::Null))),
            Self::Fields(names, slots, row) => {
                let fields = names.iter().zip(slots).filter_map(|(name, slot)| {
                    let value = row.slots.get(*slot)?.as_ref()?;
                    Some((*name, Reading(value)))
                });
                T::deserialize(MapDeserializer::new(fields))
            }
        };
        read.map_err(Refusal::new)
    }
}

/// A value that is read.
#[derive(Clone, Copy, Debug)]
struct Reading<'v>(&'v Value<'v>);

impl<'v> IntoDeserializer<'v, Error> for Reading<'v> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'v> Reading<'v> {
    fn entries(
        entries: &'v [(Value<'v>, Value<'v>)],
    ) -> MapDeserializer<'v, impl Iterator<Item = (Self, Self)>, Error> {
        MapDeserializer::new(
            entries
                .iter()
                .map(|(key, value)| (Reading(key), Reading(value))),
        )
    }
}

impl<'de> Deserializer<'de> for Reading<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::Int(int) => visitor.visit_i64(*int),
            Value::UInt(uint) => visitor.visit_u64(*uint),
            Value::Float(float) => visitor.visit_f64(*float),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Timestamp(instant) => visitor.visit_i64(instant.timestamp_millis()),
            Value::Duration(duration) => visitor.visit_i64(duration.num_milliseconds()),
            Value::List(values) => {
                visitor.visit_seq(SeqDeserializer::new(values.iter().map(Reading)))
            }
            Value::Map(entries) => visitor.visit_map(Self::entries(entries)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Text(text) => visitor.visit_enum((&**text).into_deserializer()),
            Value::Map(entries) => {
                visitor.visit_enum(MapAccessDeserializer::new(Self::entries(entries)))
            }
            _ => Err(Error::custom(format_args!("expected a variant of {name}"))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Paid,
        Refunded(i64),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Order {
        product: String,
        price: f64,
        note: Option<String>,
        status: Status,
        parts: Vec<(u8, bool)>,
        tags: BTreeMap<String, i64>,
    }

    fn map(entries: Vec<(&'static str, Value<'static>)>) -> Value<'static> {
        let entry = |(name, value)| (Value::text(name), value);
        Value::Map(entries.into_iter().map(entry).collect())
    }

    fn order(status: Value<'static>) -> Value<'static> {
        map(vec![
            ("product", Value::text("tea")),
            ("price", Value::Int(2)),
            ("note", Value::Null),
            ("status", status),
            (
                "parts",
                Value::List(vec![Value::List(vec![Value::Int(7), Value::Bool(true)])]),
            ),
            ("tags", map(vec![("a", Value::Int(1))])),
            ("other", Value::Null),
        ])
    }

    #[test]
    fn what_a_type_has_is_read_and_the_rest_is_left() {
        let read = Input::Whole(Some(&order(Value::text("paid")))).read();
        let expected = Order {
            product: "tea".to_owned(),
            price: 2.0,
            note: None,
            status: Status::Paid,
            parts: vec![(7, true)],
            tags: BTreeMap::from([("a".to_owned(), 1)]),
        };
        assert_eq!(read, Ok(expected));
        let refunded = order(map(vec![("refunded", Value::Int(3))]));
        let read: Order = Input::Whole(Some(&refunded)).read().expect("a variant");
        assert_eq!(read.status, Status::Refunded(3));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let number = Value::Int(7);
        let read = Input::Whole(Some(&number)).read::<String>();
        let refused = read.expect_err("no text").to_string();
        assert_eq!(refused, "invalid type: integer `7`, expected a string");
        assert!(Input::Whole(None).read::<String>().is_err());
        assert_eq!(Input::Whole(None).read::<Option<String>>(), Ok(None));
    }
}
