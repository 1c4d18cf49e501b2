//! What is known about the type of a value before anything runs.

use std::fmt;
use std::sync::Arc;

use crate::codec::fixed::Fixed;
use crate::codec::format::Format;

/// What is known about the type of a value before anything runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Type {
    /// Nothing: any value may turn up, and operators decide at run time.
    #[default]
    Dyn,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`, 64 bits, signed
    Int,
    /// `uint`, 64 bits, unsigned
    UInt,
    /// `double`
    Double,
    /// `string`
    Text,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// A list and the type of its elements.
    List(Arc<Self>),
    /// A map and the types of its keys and values.
    Map(Arc<Self>, Arc<Self>),
    /// An object whose fields are all known.
    Record(Arc<RecordType>),
    /// Null, or a value of the type.
    Nullable(Arc<Self>),
    /// What `.?` and `[?` answer: a value of the type, or none.
    Optional(Arc<Self>),
    /// What `type()` answers.
    Type,
}

/// The fields of an object whose schema is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordType {
    /// What the object is called, for messages: the name of its schema.
    pub name: String,
    /// The fields in the order of the schema.
    pub fields: Vec<(String, Type)>,
}

impl RecordType {
    /// The type of the field named `name`; `None` where there is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Type> {
        self.fields
            .iter()
            .find_map(|(field, ty)| (field == name).then_some(ty))
    }
}

impl Type {
    /// What is known of a record's key in `format`.
    #[must_use]
    pub fn of_key(format: Format) -> Self {
        match format {
            Format::Bytes => Self::Bytes.nullable(),
            Format::Text => Self::Text.nullable(),
            Format::Fixed(fixed) => Self::of_fixed(fixed).nullable(),
            Format::Json | Format::Avro => Self::Dyn,
        }
    }

    /// What is known of numbers of a fixed width.
    #[must_use]
    pub const fn of_fixed(fixed: Fixed) -> Self {
        match fixed.is_whole() {
            true => Self::Int,
            false => Self::Double,
        }
    }

    /// A list of `element`s.
    #[must_use]
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// A map from `key` to `value`.
    #[must_use]
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    /// An object with the given fields.
    #[must_use]
    pub fn record(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = (String, Self)>,
    ) -> Self {
        Self::Record(Arc::new(RecordType {
            name: name.into(),
            fields: fields.into_iter().collect(),
        }))
    }

    /// The type, or null; what may be null already stays as it is.
    #[must_use]
    pub fn nullable(self) -> Self {
        match self {
            Self::Dyn | Self::Null | Self::Nullable(_) => self,
            other => Self::Nullable(Arc::new(other)),
        }
    }

    /// The type without its null.
    #[must_use]
    pub fn non_null(&self) -> &Self {
        match self {
            Self::Nullable(inner) => inner,
            other => other,
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_dyn(&self) -> bool {
        matches!(self.non_null(), Self::Dyn)
    }

    /// Whether it is known to be a number.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self.non_null(), Self::Int | Self::UInt | Self::Double)
    }

    /// Whether its values may be keys: what is not null, and has no parts.
    #[must_use]
    pub fn may_be_key(&self) -> bool {
        !matches!(
            self.non_null(),
            Self::Null | Self::List(_) | Self::Map(..) | Self::Record(_)
        )
    }

    /// Whether a value of this type may turn out to be one of `other`.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            (Self::Nullable(_), Self::Null) | (Self::Null, Self::Nullable(_)) => true,
            (Self::Nullable(inner), other) | (other, Self::Nullable(inner)) => inner.may_be(other),
            (Self::List(left), Self::List(right)) => left.may_be(right),
            (Self::Map(key, value), Self::Map(key2, value2)) => {
                key.may_be(key2) && value.may_be(value2)
            }
            (Self::Map(key, _), Self::Record(_)) | (Self::Record(_), Self::Map(key, _)) => {
                key.may_be(&Self::Text)
            }
            (Self::Record(_), Self::Record(_)) => true,
            (Self::Optional(left), Self::Optional(right)) => left.may_be(right),
            (left, right) => left == right,
        }
    }

    /// What is known of a value that is either of this type or of `other`.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (left, right) if left == right => left.clone(),
            (Self::Null, other) | (other, Self::Null) => other.clone().nullable(),
            (Self::Nullable(inner), other) | (other, Self::Nullable(inner))
                if **inner == *other =>
            {
                other.clone().nullable()
            }
            (Self::List(left), Self::List(right)) => Self::list(left.join(right)),
            (Self::Map(key, value), Self::Map(key2, value2)) => {
                Self::map(key.join(key2), value.join(value2))
            }
            _ => Self::Dyn,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::UInt => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::Text => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Record(record) => f.write_str(&record.name),
            Self::Nullable(inner) => write!(f, "{inner} or null"),
            Self::Optional(inner) => write!(f, "optional({inner})"),
            Self::Type => f.write_str("type"),
        }
    }
}
