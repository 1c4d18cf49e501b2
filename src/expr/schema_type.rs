//! What an Avro schema says about types, and a schema for what results are known to be.

use serde_json::Value as Json;
use serde_json::json;

use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Logical;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Schema;
use crate::expr::Diagnostic;
use crate::expr::Type;

/// How many types of a schema are looked at. What lies beyond counts as unknown, as it does where
/// a schema contains itself.
const NODES_MAX: usize = 10_000;

/// The type of the values that are read with `schema`.
#[must_use]
pub fn type_of(schema: &Schema) -> Type {
    let mut walk = Walk {
        schema,
        above: Vec::new(),
        left: NODES_MAX,
    };
    walk.ty(schema.root())
}

struct Walk<'s> {
    schema: &'s Schema,
    /// The types on the way down to here.
    above: Vec<NodeId>,
    left: usize,
}

impl Walk<'_> {
    fn ty(&mut self, id: NodeId) -> Type {
        if self.left == 0 || self.above.contains(&id) {
            return Type::Dyn;
        }
        self.left -= 1;
        self.above.push(id);
        let ty = self.known(id);
        self.above.pop();
        ty
    }

    fn known(&mut self, id: NodeId) -> Type {
        let schema = self.schema;
        let node = schema.node(id);
        match node.logical {
            Some(Logical::Timestamp(_) | Logical::LocalTimestamp(_)) => return Type::Timestamp,
            Some(Logical::Decimal { .. } | Logical::Uuid) => return Type::Text,
            Some(Logical::Date | Logical::Time | Logical::Duration) | None => {}
        }
        match &node.kind {
            Kind::Null => Type::Null,
            Kind::Boolean => Type::Bool,
            Kind::Int | Kind::Long => Type::Int,
            Kind::Float | Kind::Double => Type::Double,
            Kind::Bytes | Kind::Fixed(_) => Type::Bytes,
            Kind::String | Kind::Enum(_) => Type::Text,
            Kind::Array(items) => Type::list(self.ty(*items)),
            Kind::Map(values) => Type::map(Type::Text, self.ty(*values)),
            Kind::Union(branches) => {
                let types = branches.iter().map(|id| self.ty(*id));
                types
                    .reduce(|left, right| left.join(&right))
                    .unwrap_or_default()
            }
            Kind::Record(record) => {
                let fields = record.fields.iter();
                let fields: Vec<_> = fields
                    .map(|field| (field.name.clone(), self.ty(field.node)))
                    .collect();
                Type::record(record.name.simple(), fields)
            }
        }
    }
}

/// The text of an Avro schema for records named `name` with the given fields.
///
/// What is not known becomes a union of all that JSON has but lists and maps; so does what Avro
/// has no type for.
#[must_use]
pub fn schema_for(name: &str, fields: &[(String, Type)]) -> String {
    let mut names = Names {
        prefix: avro_name(name),
        count: 0,
    };
    let fields: Vec<Json> = fields
        .iter()
        .map(|(name, ty)| json!({"name": name, "type": names.schema(ty)}))
        .collect();
    json!({"type": "record", "name": names.prefix, "fields": fields}).to_string()
}

/// Names for the records within a record; Avro wants each to have its own.
struct Names {
    prefix: String,
    count: usize,
}

impl Names {
    fn schema(&mut self, ty: &Type) -> Json {
        match ty {
            Type::Null => json!("null"),
            Type::Bool => json!("boolean"),
            Type::Int | Type::UInt => json!("long"),
            Type::Double => json!("double"),
            Type::Text | Type::Type => json!("string"),
            Type::Bytes => json!("bytes"),
            Type::Timestamp => json!({"type": "long", "logicalType": "timestamp-millis"}),
            Type::List(element) => json!({"type": "array", "items": self.schema(element)}),
            Type::Map(_, value) => json!({"type": "map", "values": self.schema(value)}),
            Type::Nullable(inner) => match self.schema(inner) {
                union @ Json::Array(_) => union,
                other => json!(["null", other]),
            },
            Type::Record(record) => {
                self.count += 1;
                let name = format!("{}_{}", self.prefix, self.count);
                let fields: Vec<Json> = record
                    .fields
                    .iter()
                    .map(|(name, ty)| json!({"name": name, "type": self.schema(ty)}))
                    .collect();
                json!({"type": "record", "name": name, "fields": fields})
            }
            Type::Dyn | Type::Duration | Type::Optional(_) => {
                json!(["null", "boolean", "long", "double", "string", "bytes"])
            }
        }
    }
}

/// What keeps records with `fields` from being written with `schema`: findings about the schema as
/// a whole, each with one way to mend it.
#[must_use]
pub fn misfits(schema: &Schema, fields: &[(String, Type)]) -> Vec<Diagnostic> {
    let found = |message: String| Diagnostic::new(message, 0..0);
    let Kind::Record(record) = schema.kind(schema.root()) else {
        let found = found("the schema of results must be a record".to_owned());
        let help = "give it `\"type\": \"record\"` and the fields of the results";
        return vec![found.help(help)];
    };
    let name = record.name.simple();
    let absent = record.fields.iter().filter(|field| {
        field.default.is_none() && !fields.iter().any(|(name, _)| *name == field.name)
    });
    let absent = absent.map(|field| {
        let message = format!("{name} has a field `{}` that results do not", field.name);
        found(message).help("add it to `select`, or give it a default in the schema")
    });
    let known = || record.fields.iter().map(|field| field.name.as_str());
    let unknown = fields
        .iter()
        .filter(|(field, _)| !known().any(|known| known == field));
    let unknown = unknown.map(|(field, _)| {
        let message = format!("{name} has no field `{field}`, which results have");
        let found = found(message).nearest(field, known());
        found.help("add it to the schema, or choose fields with `select`")
    });
    absent.chain(unknown).collect()
}

/// `name` with everything replaced that an Avro name may not have.
fn avro_name(name: &str) -> String {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let name: String = name
        .chars()
        .map(|char| if is_part(char) { char } else { '_' })
        .collect();
    match name.starts_with(|char: char| char.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// What values of type `ty` are when they are written as JSON and read back.
#[must_use]
pub fn through_json(ty: &Type) -> Type {
    match ty {
        Type::Timestamp | Type::UInt => Type::Int,
        Type::Type => Type::Text,
        Type::List(element) => Type::list(through_json(element)),
        Type::Map(_, value) => Type::map(Type::Text, through_json(value)),
        Type::Nullable(inner) => through_json(inner).nullable(),
        Type::Record(record) => {
            let fields = record.fields.iter();
            let fields = fields.map(|(name, ty)| (name.clone(), through_json(ty)));
            Type::record(record.name.clone(), fields)
        }
        Type::Bytes | Type::Duration | Type::Optional(_) | Type::Dyn => Type::Dyn,
        plain @ (Type::Null | Type::Bool | Type::Int | Type::Double | Type::Text) => plain.clone(),
    }
}
