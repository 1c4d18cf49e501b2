//! What fields a type of Rust has, and of which types.

use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde::de::DeserializeSeed;
use serde::de::Error as _;
use serde::de::IntoDeserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde::de::value::Error;

use crate::expr::Type;

/// How deep a type is looked into; what lies deeper, or contains itself, counts as unknown.
const DEPTH_MAX: usize = 8;

/// What is known of a type of Rust.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    /// The fields that it reads, where it is a struct of known fields.
    pub(crate) fields: Option<&'static [&'static str]>,
    /// What its values are, as far as can be known.
    pub(crate) ty: Type,
}

impl Shape {
    /// What is known of `T`: what it asks for when it is made of nothing.
    pub(crate) fn of<T: DeserializeOwned>() -> Self {
        let mut shape = Self {
            fields: None,
            ty: Type::Dyn,
        };
        let probe = Probe {
            shape: &mut shape,
            depth: 0,
        };
        // Whether it could be made says nothing: a struct may want a variant, or a text of a form.
        drop(T::deserialize(probe));
        shape
    }
}

/// Offers nothing but zeros, and notes what is asked for.
struct Probe<'p> {
    shape: &'p mut Shape,
    depth: usize,
}

/// The scalars: what each is, and the zero that it gets.
macro_rules! scalars {
    ($($method:ident $visit:ident $zero:expr, $ty:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.shape.ty = $ty;
            visitor.$visit($zero)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    scalars! {
        deserialize_bool visit_bool false, Type::Bool;
        deserialize_i8 visit_i8 0, Type::Int;
        deserialize_i16 visit_i16 0, Type::Int;
        deserialize_i32 visit_i32 0, Type::Int;
        deserialize_i64 visit_i64 0, Type::Int;
        deserialize_u8 visit_u8 0, Type::Int;
        deserialize_u16 visit_u16 0, Type::Int;
        deserialize_u32 visit_u32 0, Type::Int;
        deserialize_u64 visit_u64 0, Type::Dyn;
        deserialize_f32 visit_f32 0.0, Type::Double;
        deserialize_f64 visit_f64 0.0, Type::Double;
        deserialize_char visit_char ' ', Type::Text;
        deserialize_str visit_str "", Type::Text;
        deserialize_string visit_str "", Type::Text;
        deserialize_bytes visit_bytes &[], Type::Bytes;
        deserialize_byte_buf visit_bytes &[], Type::Bytes;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let mut inner = self.shape.inner();
        let made = match self.deeper(&mut inner) {
            Some(probe) => visitor.visit_some(probe),
            None => visitor.visit_none(),
        };
        self.shape.ty = inner.ty.nullable();
        made
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.shape.ty = Type::Null;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let left = usize::from(self.depth < DEPTH_MAX);
        self.list(left, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.list(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.list(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields {
            of: None,
            names: &[],
            next: 0,
            depth: self.depth,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.shape.fields = Some(fields);
        let mut types: Vec<(String, Type)> = fields
            .iter()
            .map(|field| ((*field).to_owned(), Type::Dyn))
            .collect();
        let is_shallow = self.depth < DEPTH_MAX;
        let made = visitor.visit_map(Fields {
            of: Some(&mut types),
            names: if is_shallow { fields } else { &[] },
            next: 0,
            depth: self.depth + 1,
        });
        self.shape.ty = Type::record(name, types);
        made
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        Err(Error::custom(format_args!("{name} is one of several")))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str("")
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

impl Shape {
    fn inner(&self) -> Self {
        Self {
            fields: None,
            ty: Type::Dyn,
        }
    }
}

impl Probe<'_> {
    /// A probe for a part, unless it lies too deep.
    fn deeper<'i>(&self, inner: &'i mut Shape) -> Option<Probe<'i>> {
        let depth = self.depth + 1;
        (depth <= DEPTH_MAX).then_some(Probe {
            shape: inner,
            depth,
        })
    }

    fn list<'de, V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Error> {
        let mut element = None;
        let made = visitor.visit_seq(Elements {
            element: &mut element,
            left,
            depth: self.depth + 1,
        });
        self.shape.ty = Type::list(element.unwrap_or_default());
        made
    }
}

/// The elements of a list: so many zeros.
struct Elements<'p> {
    /// What they have in common.
    element: &'p mut Option<Type>,
    left: usize,
    depth: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        if self.left == 0 || self.depth > DEPTH_MAX {
            return Ok(None);
        }
        self.left -= 1;
        let (ty, made) = probed(seed, self.depth);
        *self.element = Some(match self.element.take() {
            Some(known) => known.join(&ty),
            None => ty,
        });
        made.map(Some)
    }
}

/// The fields of a struct: each a zero.
struct Fields<'p> {
    of: Option<&'p mut Vec<(String, Type)>>,
    names: &'static [&'static str],
    next: usize,
    depth: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(name) = self.names.get(self.next) else {
            return Ok(None);
        };
        let name: serde::de::value::StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let (ty, made) = probed(seed, self.depth);
        let field = self.of.as_mut().and_then(|of| of.get_mut(self.next));
        if let Some((_, field)) = field {
            *field = ty;
        }
        self.next += 1;
        made
    }
}

fn probed<'de, S: DeserializeSeed<'de>>(seed: S, depth: usize) -> (Type, Result<S::Value, Error>) {
    let mut shape = Shape {
        fields: None,
        ty: Type::Dyn,
    };
    let probe = Probe {
        shape: &mut shape,
        depth,
    };
    let made = seed.deserialize(probe);
    (shape.ty, made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields are asked for")]
    struct Order {
        product: String,
        #[serde(rename = "unit-price", alias = "price")]
        price: f64,
        qty: u32,
        note: Option<String>,
        parts: Vec<Part>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields are asked for")]
    struct Part {
        is_new: bool,
        within: Option<Box<Self>>,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields are asked for")]
    struct Mixed {
        #[serde(flatten)]
        order: Part,
        other: i64,
    }

    #[derive(Deserialize)]
    enum Status {
        Paid,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its fields are asked for")]
    struct Sale {
        status: Status,
        total: i64,
    }

    fn field(ty: &Type, name: &str) -> Type {
        match ty {
            Type::Record(record) => record.field(name).cloned().expect("a field"),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_struct_tells_its_fields_by_the_names_that_they_have_in_records() {
        let shape = Shape::of::<Order>();
        let fields = shape.fields.expect("a struct");
        for name in ["product", "unit-price", "price", "qty", "note", "parts"] {
            assert!(fields.contains(&name), "{name}");
        }
        assert_eq!(field(&shape.ty, "product"), Type::Text);
        assert_eq!(field(&shape.ty, "price"), Type::Double);
        let unknown = field(&shape.ty, "unit-price");
        assert_eq!(unknown, Type::Dyn, "the same field by its other name");
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        let shape = Shape::of::<Part>();
        assert_eq!(field(&shape.ty, "is_new"), Type::Bool);
        assert!(matches!(field(&shape.ty, "within"), Type::Nullable(_)));
    }

    #[test]
    fn what_has_no_fixed_fields_has_none() {
        assert_eq!(Shape::of::<Mixed>().fields, None);
        assert_eq!(Shape::of::<serde_json::Value>().fields, None);
        assert_eq!(Shape::of::<f64>().ty, Type::Double);
        assert_eq!(Shape::of::<Vec<i64>>().ty, Type::list(Type::Int));
    }

    #[test]
    fn a_field_of_unknown_type_does_not_hide_that_there_are_others() {
        let shape = Shape::of::<Sale>();
        assert_eq!(shape.fields, Some(&["status", "total"][..]));
        assert_eq!(field(&shape.ty, "total"), Type::Dyn);
    }
}
