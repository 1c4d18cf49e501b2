//! Types of Rust to values.

use std::fmt::Display;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde::ser::SerializeSeq;
use serde::ser::SerializeStruct;
use serde::ser::SerializeStructVariant;
use serde::ser::SerializeTuple;
use serde::ser::SerializeTupleStruct;
use serde::ser::SerializeTupleVariant;
use thiserror::Error;

use crate::record::Value;
use crate::stream::graph::function::Refusal;

type Written = Value<'static>;

/// What `value` is as a value: structs and maps are maps, variants as in JSON.
///
/// # Errors
///
/// Where it will not be written, or an integer is beyond 64 bits.
pub(crate) fn to_value(value: &(impl Serialize + ?Sized)) -> Result<Written, Refusal> {
    value.serialize(Writing).map_err(Refusal::new)
}

#[derive(Debug, Error)]
#[error("{0}")]
struct WriteError(String);

impl serde::ser::Error for WriteError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Writing;

/// A list in the making, of a variant or none.
struct List {
    variant: Option<&'static str>,
    values: Vec<Written>,
}

/// A map in the making, of a variant or none.
struct Entries {
    variant: Option<&'static str>,
    entries: Vec<(Written, Written)>,
    key: Option<Written>,
}

fn text(text: &str) -> Written {
    Value::Text(text.to_owned().into())
}

/// `value`, as that of `variant` where there is one.
fn tagged(variant: Option<&'static str>, value: Written) -> Written {
    match variant {
        Some(variant) => Value::Map(vec![(Value::text(variant), value)]),
        None => value,
    }
}

impl List {
    fn new(variant: Option<&'static str>) -> Self {
        let values = Vec::new();
        Self { variant, values }
    }

    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), WriteError> {
        self.values.push(value.serialize(Writing)?);
        Ok(())
    }

    fn done(self) -> Written {
        tagged(self.variant, Value::List(self.values))
    }
}

impl Entries {
    fn new(variant: Option<&'static str>) -> Self {
        Self {
            variant,
            entries: Vec::new(),
            key: None,
        }
    }

    fn put(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), WriteError> {
        let value = value.serialize(Writing)?;
        self.entries.push((Value::text(name), value));
        Ok(())
    }

    fn done(self) -> Written {
        tagged(self.variant, Value::Map(self.entries))
    }
}

impl Serializer for Writing {
    type Ok = Written;
    type Error = WriteError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Written, WriteError> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<Written, WriteError> {
        Ok(Value::Int(value))
    }

    fn serialize_u8(self, value: u8) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Written, WriteError> {
        self.serialize_i64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<Written, WriteError> {
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn serialize_f32(self, value: f32) -> Result<Written, WriteError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Written, WriteError> {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Written, WriteError> {
        Ok(Value::Text(value.to_string().into()))
    }

    fn serialize_str(self, value: &str) -> Result<Written, WriteError> {
        Ok(text(value))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Written, WriteError> {
        Ok(Value::Bytes(value.to_owned().into()))
    }

    fn serialize_none(self) -> Result<Written, WriteError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Written, WriteError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Written, WriteError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Written, WriteError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<Written, WriteError> {
        Ok(Value::text(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<Written, WriteError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Written, WriteError> {
        Ok(tagged(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<List, WriteError> {
        Ok(List::new(None))
    }

    fn serialize_tuple(self, _length: usize) -> Result<List, WriteError> {
        Ok(List::new(None))
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<List, WriteError> {
        Ok(List::new(None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<List, WriteError> {
        Ok(List::new(Some(variant)))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries, WriteError> {
        Ok(Entries::new(None))
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Entries, WriteError> {
        Ok(Entries::new(None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Entries, WriteError> {
        Ok(Entries::new(Some(variant)))
    }
}

/// The traits that hand over one value after another.
macro_rules! in_order {
    ($($of:ident, $put:ident;)*) => {$(
        impl $of for List {
            type Ok = Written;
            type Error = WriteError;

            fn $put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
                self.push(value)
            }

            fn end(self) -> Result<Written, WriteError> {
                Ok(self.done())
            }
        }
    )*};
}

in_order! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

/// The traits that hand over one named value after another.
macro_rules! by_name {
    ($($of:ident;)*) => {$(
        impl $of for Entries {
            type Ok = Written;
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), WriteError> {
                self.put(name, value)
            }

            fn end(self) -> Result<Written, WriteError> {
                Ok(self.done())
            }
        }
    )*};
}

by_name! {
    SerializeStruct;
    SerializeStructVariant;
}

impl SerializeMap for Entries {
    type Ok = Written;
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key = Some(key.serialize(Writing)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        let key = self.key.take().unwrap_or_default();
        self.entries.push((key, value.serialize(Writing)?));
        Ok(())
    }

    fn end(self) -> Result<Written, WriteError> {
        Ok(self.done())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::typed::Input;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Plain,
        One(u64),
        Two(i8, f32),
        Named { name: String },
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct All {
        kinds: Vec<Kind>,
        map: BTreeMap<String, Option<bool>>,
        large: u64,
        char: char,
        unit: (),
        pair: (i64, String),
    }

    #[test]
    fn what_is_written_reads_back() {
        let all = All {
            kinds: vec![
                Kind::Plain,
                Kind::One(1),
                Kind::Two(-1, 0.5),
                Kind::Named {
                    name: "tea".to_owned(),
                },
            ],
            map: BTreeMap::from([("a".to_owned(), None), ("b".to_owned(), Some(true))]),
            large: u64::MAX,
            char: 'x',
            unit: (),
            pair: (-1, "é".to_owned()),
        };
        let value = to_value(&all).expect("written");
        assert_eq!(Input::Whole(Some(&value)).read(), Ok(all));
    }

    #[test]
    fn an_integer_beyond_64_bits_is_refused() {
        assert!(to_value(&(i128::from(u64::MAX) + 1)).is_err());
    }
}
