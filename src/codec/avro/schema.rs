//! Schemas, laid out for reading data.

use std::collections::HashMap;

use apache_avro::schema as parsed;
use apache_avro::schema::InnerDecimalSchema;
use apache_avro::schema::UuidSchema;
use thiserror::Error;

use crate::codec::avro::default;
use crate::codec::avro::step::Times;

/// The place of a node in its [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// A schema: nodes that refer to each other by number, so that recursive ones need no care.
#[derive(Clone, Debug)]
pub struct Schema {
    nodes: Vec<Node>,
    root: NodeId,
}

/// One type of a schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is on the wire.
    pub kind: Kind,
    /// What it means, where the schema says and we know.
    pub logical: Option<Logical>,
}

/// What a type is on the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing at all.
    Null,
    /// One byte, 0 or 1.
    Boolean,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    Long,
    /// A 32-bit float.
    Float,
    /// A 64-bit float.
    Double,
    /// Bytes behind their length.
    Bytes,
    /// UTF-8 behind its length.
    String,
    /// Values in blocks.
    Array(NodeId),
    /// Values with text keys, in blocks.
    Map(NodeId),
    /// One of several types, behind its number.
    Union(Vec<NodeId>),
    /// Fields in order.
    Record(Record),
    /// One of several symbols, as its number.
    Enum(Enum),
    /// So many bytes.
    Fixed(Fixed),
}

/// What a type means beyond its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logical {
    /// A decimal fraction of at most 38 digits: an unscaled integer, big-endian.
    Decimal {
        /// How many digits it may have.
        precision: u32,
        /// How many of them stand behind the point.
        scale: u32,
    },
    /// A UUID.
    Uuid,
    /// Days since 1970-01-01.
    Date,
    /// Time of day in milliseconds or microseconds.
    Time,
    /// An instant since 1970-01-01T00:00:00Z.
    Timestamp(Tick),
    /// Date and time somewhere, since 1970-01-01T00:00:00 there.
    LocalTimestamp(Tick),
    /// Months, days and milliseconds.
    Duration,
}

/// What a timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// A full name and the other full names that a reader also answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name with its namespace.
    pub full: String,
    /// The aliases with their namespaces.
    pub aliases: Vec<String>,
}

impl Name {
    /// The name without its namespace.
    #[must_use]
    pub fn simple(&self) -> &str {
        self.full.rsplit('.').next().unwrap_or_default()
    }

    /// Whether a reader with this name may read what a writer named `writer` wrote: the names
    /// without namespaces are equal, or an alias is the writer's full name.
    ///
    /// Source: `SchemaCompatibility.schemaNameEquals` (Apache Avro 1.12).
    #[must_use]
    pub fn answers_to(&self, writer: &Self) -> bool {
        self.simple() == writer.simple() || self.aliases.contains(&writer.full)
    }
}

/// A record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name.
    pub name: Name,
    /// Its fields, in the order of the wire.
    pub fields: Vec<Field>,
}

impl Record {
    /// For each field of `reader`, the number of this writer's field that it reads: the one of the
    /// same name, else the one that its first fitting alias names. No field is read twice, and
    /// names go before aliases.
    #[must_use]
    pub fn sources(&self, reader: &Self) -> Vec<Option<usize>> {
        let names = self.fields.iter().enumerate();
        let mut free: HashMap<&str, usize> = names
            .map(|(index, field)| (field.name.as_str(), index))
            .collect();
        let fields = reader.fields.iter();
        let mut sources: Vec<_> = fields
            .map(|field| free.remove(field.name.as_str()))
            .collect();
        for (field, source) in reader.fields.iter().zip(&mut sources) {
            let mut aliases = field.aliases.iter();
            *source = source.or_else(|| aliases.find_map(|alias| free.remove(alias.as_str())));
        }
        sources
    }
}

/// A field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The other names that a reader also answers to.
    pub aliases: Vec<String>,
    /// What a reader takes where the writer had no such field, in the JSON form of schemas.
    pub default: Option<serde_json::Value>,
    /// Its type.
    pub node: NodeId,
}

/// An enum type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    /// Its name.
    pub name: Name,
    /// Its symbols, by number.
    pub symbols: Vec<String>,
    /// The symbol that a reader takes for one that it does not know.
    pub default: Option<String>,
}

/// A type of bytes of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Its name.
    pub name: Name,
    /// How many bytes.
    pub size: usize,
}

/// A schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The text is no Avro schema.
    #[error("parse Avro schema: {reason}")]
    Text {
        /// What is wrong with it.
        reason: String,
    },
    /// A field's default does not fit its type.
    #[error("parse Avro schema: the default of field {field:?} is not of its type")]
    Default {
        /// The field.
        field: String,
    },
    /// Types stand too deeply in each other.
    #[error("parse Avro schema: more than {max} levels")]
    Depth {
        /// The deepest that is taken.
        max: usize,
    },
}

impl Schema {
    /// Parses the JSON text of a schema.
    ///
    /// A default that does not fit its field is no error here, but counts as none: registries hold
    /// old schemas with such defaults. [`check_defaults`](Self::check_defaults) is for new ones.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Text`] where it is none; [`SchemaError::Depth`] where it is too deep.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let mut json: serde_json::Value =
            serde_json::from_str(text).map_err(|error| invalid(&error))?;
        hide_defaults(&mut json);
        let parsed = parsed::Schema::parse(&json).map_err(|error| invalid(&error))?;
        let mut layout = Layout::default();
        let root = layout.node(&parsed)?;
        Ok(Self {
            nodes: layout.nodes,
            root,
        })
    }

    /// Checks that every field's default is a value of its type.
    ///
    /// # Errors
    ///
    /// [`SchemaError::Default`] names the first field whose default is not, or is too large.
    pub fn check_defaults(&self) -> Result<(), SchemaError> {
        let records = self.nodes.iter().filter_map(|node| match &node.kind {
            Kind::Record(record) => Some(record),
            _ => None,
        });
        let mut defaults = records
            .flat_map(|record| &record.fields)
            .filter(|field| field.default.is_some());
        let wrong =
            defaults.find(|field| default::of_field(self, field, Times::Integers).is_none());
        wrong.map_or(Ok(()), |field| {
            Err(SchemaError::Default {
                field: field.name.clone(),
            })
        })
    }

    /// The outermost type.
    #[must_use]
    pub const fn root(&self) -> NodeId {
        self.root
    }

    /// The type `id`.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        const NULL: &Node = &Node {
            kind: Kind::Null,
            logical: None,
        };
        // Only this schema's own ids come here.
        usize::try_from(id.0)
            .ok()
            .and_then(|index| self.nodes.get(index))
            .unwrap_or(NULL)
    }

    /// What the type `id` is on the wire.
    #[must_use]
    pub fn kind(&self, id: NodeId) -> &Kind {
        &self.node(id).kind
    }
}

impl Kind {
    /// Avro's word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(_) => "record",
            Self::Enum(_) => "enum",
            Self::Fixed(_) => "fixed",
        }
    }

    /// The name of a named type.
    #[must_use]
    pub const fn type_name(&self) -> Option<&Name> {
        match self {
            Self::Record(record) => Some(&record.name),
            Self::Enum(symbols) => Some(&symbols.name),
            Self::Fixed(fixed) => Some(&fixed.name),
            _ => None,
        }
    }
}

fn invalid(error: &impl ToString) -> SchemaError {
    SchemaError::Text {
        reason: error.to_string(),
    }
}

/// The attribute that fields' defaults are hidden in while apache-avro parses. It would check them
/// by reading each default of each default again and again: three kilobytes of nested records take
/// it minutes.
const HIDDEN_DEFAULT: &str = "tidemill.default";

fn hide_defaults(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Array(values) => values.iter_mut().for_each(hide_defaults),
        serde_json::Value::Object(object) => {
            if let Some(serde_json::Value::Array(fields)) = object.get_mut("fields") {
                fields
                    .iter_mut()
                    .filter_map(|field| field.as_object_mut())
                    .for_each(hide_default);
            }
            object.values_mut().for_each(hide_defaults);
        }
        _ => {}
    }
}

fn hide_default(field: &mut serde_json::Map<String, serde_json::Value>) {
    if let Some(default) = field.shift_remove("default") {
        field.insert(HIDDEN_DEFAULT.into(), default);
    }
}

/// apache-avro reads schemas of up to serde_json's 128 levels of JSON, so there are fewer here.
const DEPTH_MAX: usize = 128;

/// More digits do not fit 128 bits.
const DECIMAL_DIGITS_MAX: usize = 38;

/// A decimal in more bytes is left as bytes: 38 digits need 16.
const DECIMAL_SIZE_MAX: usize = 64;

/// Lays parsed schemas out as nodes.
#[derive(Default)]
struct Layout {
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    depth: usize,
}

impl Layout {
    fn node(&mut self, schema: &parsed::Schema) -> Result<NodeId, SchemaError> {
        if let parsed::Schema::Ref { name } = schema {
            let known = self.names.get(&name.fullname(None)).copied();
            return known.ok_or_else(|| SchemaError::Text {
                reason: format!("unknown type {name}"),
            });
        }
        if self.depth == DEPTH_MAX {
            return Err(SchemaError::Depth { max: DEPTH_MAX });
        }
        self.depth += 1;
        let index = self.nodes.len();
        let id = NodeId(u32::try_from(index).map_err(|_| SchemaError::Depth { max: DEPTH_MAX })?);
        // A place first: fields may refer to the record that they stand in.
        self.nodes.push(Node {
            kind: Kind::Null,
            logical: None,
        });
        let node = Node {
            kind: self.kind(schema, id)?,
            logical: logical(schema),
        };
        if let Some(place) = self.nodes.get_mut(index) {
            *place = node;
        }
        self.depth -= 1;
        Ok(id)
    }

    fn kind(&mut self, schema: &parsed::Schema, id: NodeId) -> Result<Kind, SchemaError> {
        use parsed::Schema as S;
        Ok(match schema {
            S::Null | S::Ref { .. } => Kind::Null,
            S::Boolean => Kind::Boolean,
            S::Int | S::Date | S::TimeMillis => Kind::Int,
            S::Long
            | S::TimeMicros
            | S::TimestampMillis
            | S::TimestampMicros
            | S::TimestampNanos => Kind::Long,
            S::LocalTimestampMillis | S::LocalTimestampMicros | S::LocalTimestampNanos => {
                Kind::Long
            }
            S::Float => Kind::Float,
            S::Double => Kind::Double,
            S::Bytes | S::BigDecimal | S::Uuid(UuidSchema::Bytes) => Kind::Bytes,
            S::String | S::Uuid(UuidSchema::String) => Kind::String,
            S::Array(array) => Kind::Array(self.node(&array.items)?),
            S::Map(map) => Kind::Map(self.node(&map.types)?),
            S::Union(union) => {
                let branches = union.variants().iter().map(|branch| self.node(branch));
                Kind::Union(branches.collect::<Result<_, _>>()?)
            }
            S::Record(record) => Kind::Record(self.record(record, id)?),
            S::Enum(symbols) => Kind::Enum(Enum {
                name: self.name(&symbols.name, symbols.aliases.as_ref(), id),
                symbols: symbols.symbols.clone(),
                default: symbols.default.clone(),
            }),
            S::Fixed(fixed) | S::Duration(fixed) | S::Uuid(UuidSchema::Fixed(fixed)) => {
                self.fixed(fixed, id)
            }
            S::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Kind::Bytes,
                InnerDecimalSchema::Fixed(fixed) => self.fixed(fixed, id),
            },
        })
    }

    fn record(&mut self, record: &parsed::RecordSchema, id: NodeId) -> Result<Record, SchemaError> {
        let name = self.name(&record.name, record.aliases.as_ref(), id);
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            fields.push(Field {
                name: field.name.clone(),
                aliases: field.aliases.clone(),
                default: field.custom_attributes.get(HIDDEN_DEFAULT).cloned(),
                node: self.node(&field.schema)?,
            });
        }
        Ok(Record { name, fields })
    }

    fn fixed(&mut self, fixed: &parsed::FixedSchema, id: NodeId) -> Kind {
        Kind::Fixed(Fixed {
            name: self.name(&fixed.name, fixed.aliases.as_ref(), id),
            size: fixed.size,
        })
    }

    /// The name, which from now on refers to `id`.
    fn name(
        &mut self,
        name: &parsed::Name,
        aliases: Option<&Vec<parsed::Alias>>,
        id: NodeId,
    ) -> Name {
        let full = name.fullname(None);
        let aliases: Vec<String> = aliases
            .into_iter()
            .flatten()
            .map(|alias| alias.fullname(name.namespace()))
            .collect();
        self.names.insert(full.clone(), id);
        for alias in &aliases {
            self.names.entry(alias.clone()).or_insert(id);
        }
        Name { full, aliases }
    }
}

fn logical(schema: &parsed::Schema) -> Option<Logical> {
    use parsed::Schema as S;
    Some(match schema {
        S::Decimal(decimal) if fits(decimal) => Logical::Decimal {
            precision: u32::try_from(decimal.precision).ok()?,
            scale: u32::try_from(decimal.scale).ok()?,
        },
        S::Uuid(_) => Logical::Uuid,
        S::Date => Logical::Date,
        S::TimeMillis | S::TimeMicros => Logical::Time,
        S::TimestampMillis => Logical::Timestamp(Tick::Millis),
        S::TimestampMicros => Logical::Timestamp(Tick::Micros),
        S::TimestampNanos => Logical::Timestamp(Tick::Nanos),
        S::LocalTimestampMillis => Logical::LocalTimestamp(Tick::Millis),
        S::LocalTimestampMicros => Logical::LocalTimestamp(Tick::Micros),
        S::LocalTimestampNanos => Logical::LocalTimestamp(Tick::Nanos),
        S::Duration(_) => Logical::Duration,
        _ => return None,
    })
}

const fn fits(decimal: &parsed::DecimalSchema) -> bool {
    let size = match &decimal.inner {
        InnerDecimalSchema::Bytes => 0,
        InnerDecimalSchema::Fixed(fixed) => fixed.size,
    };
    decimal.precision <= DECIMAL_DIGITS_MAX
        && decimal.scale <= decimal.precision
        && size <= DECIMAL_SIZE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursive_schema_refers_to_itself_by_number() {
        let text = r#"{"type": "record", "name": "tree.Node", "fields": [
            {"name": "value", "type": "long"},
            {"name": "next", "type": ["null", "Node"], "default": null}]}"#;
        let schema = Schema::parse(text).unwrap();
        let Kind::Record(record) = schema.kind(schema.root()) else {
            panic!("a record")
        };
        assert_eq!(record.name.full, "tree.Node");
        assert_eq!(record.name.simple(), "Node");
        let Kind::Union(branches) = schema.kind(record.fields[1].node) else {
            panic!("a union")
        };
        assert_eq!(branches[1], schema.root());
    }

    fn checked(text: &str) -> Result<(), SchemaError> {
        Schema::parse(text).unwrap().check_defaults()
    }

    #[test]
    fn a_default_that_is_not_of_its_type_is_named() {
        let field = |rest: &str| {
            format!(r#"{{"type": "record", "name": "A", "fields": [{{"name": "a", {rest}}}]}}"#)
        };
        let refused = Err(SchemaError::Default { field: "a".into() });
        for (rest, expected) in [
            (r#""type": "int""#, Ok(())),
            (r#""type": "int", "default": 1"#, Ok(())),
            (r#""type": "int", "default": 2147483648"#, refused.clone()),
            (r#""type": "int", "default": "1""#, refused.clone()),
            (r#""type": "int", "default": null"#, refused.clone()),
            (r#""type": ["int", "null"], "default": null"#, Ok(())),
            (r#""type": "bytes", "default": "\u00ff""#, Ok(())),
            (r#""type": "bytes", "default": "\u0100""#, refused.clone()),
            (r#""type": "A", "default": {}"#, refused.clone()),
        ] {
            assert_eq!(checked(&field(rest)), expected, "{rest}");
        }
    }

    #[test]
    fn defaults_that_multiply_are_refused_at_once() {
        let mut text = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
        for level in 1..40 {
            let below = level - 1;
            text = format!(
                r#"{{"type": "record", "name": "R{level}", "fields": [
                    {{"name": "a", "type": {text}, "default": {{}}}},
                    {{"name": "b", "type": "R{below}", "default": {{}}}}]}}"#
            );
        }
        assert!(matches!(checked(&text), Err(SchemaError::Default { .. })));
    }

    #[test]
    fn logical_types_keep_what_is_below_them() {
        let cases = [
            (
                r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
                Kind::Long,
                Some(Logical::Timestamp(Tick::Micros)),
            ),
            (
                r#"{"type": "int", "logicalType": "timestamp-micros"}"#,
                Kind::Int,
                None,
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#,
                Kind::Bytes,
                Some(Logical::Decimal {
                    precision: 9,
                    scale: 2,
                }),
            ),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 39}"#,
                Kind::Bytes,
                None,
            ),
            (
                r#"{"type": "string", "logicalType": "made-up"}"#,
                Kind::String,
                None,
            ),
        ];
        for (text, kind, logical) in cases {
            let schema = Schema::parse(text).unwrap();
            assert_eq!(
                *schema.node(schema.root()),
                Node { kind, logical },
                "{text}"
            );
        }
    }
}
