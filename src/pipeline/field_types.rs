//! `schema:` of JSON: the fields of values and their types.

use crate::codec::format::Format;
use crate::expr::Type;
use crate::pipeline::file::SchemaBody;
use crate::pipeline::finding::Finding;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::TYPE_WORDS;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;

impl Reader<'_, '_> {
    /// The schema of the source named `name`, whose values are of `format`: a file for Avro, fields
    /// for JSON.
    pub(super) fn value_schema(
        &mut self,
        node: &Node,
        name: &str,
        format: Format,
    ) -> Option<SchemaBody> {
        let is_fields = matches!(node.kind, Kind::Mapping(_));
        let (message, help) = match (is_fields, format) {
            (true, Format::Json) => return self.type_of(node, name).map(SchemaBody::Fields),
            (false, Format::Avro) => {
                let file = self.text(node, "the name of a file")?;
                return Some(SchemaBody::File(file));
            }
            (true, _) => (
                "fields of values that are not JSON",
                "say `value: json`, or name a file with an Avro schema",
            ),
            (false, Format::Json) => (
                "`schema` of a source that is not Avro",
                "say `value: avro`, write the fields of JSON as in `{ price: double }`, or remove it",
            ),
            (false, _) => (
                "`schema` of a source that is not Avro",
                "say `value: avro`, or remove it",
            ),
        };
        self.report(Finding::new(message, node.span.clone()).help(help));
        None
    }

    /// The type that `node` writes down; a mapping is a record named `name`.
    fn type_of(&mut self, node: &Node, name: &str) -> Option<Type> {
        match &node.kind {
            Kind::Mapping(entries) => {
                let mut fields = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let ty = self.type_of(value, &key.name).unwrap_or_default();
                    fields.push((key.name.clone(), ty));
                }
                Some(Type::record(name, fields))
            }
            Kind::Sequence(items) => match items.as_slice() {
                [one] => self.type_of(one, name).map(Type::list),
                _ => {
                    let finding = Finding::new("expected one type of elements", node.span.clone());
                    self.report(finding.help("write `[string]`, or `[any]` where they differ"));
                    None
                }
            },
            Kind::Scalar(_) => self.type_word(node),
        }
    }

    fn type_word(&mut self, node: &Node) -> Option<Type> {
        let text = self.text(node, "a type")?;
        let (word, may_be_null) = match text.value.strip_suffix('?') {
            Some(word) => (word, true),
            None => (text.value.as_str(), false),
        };
        let ty = match word {
            "string" => Type::Text,
            "int" => Type::Int,
            "double" => Type::Double,
            "bool" => Type::Bool,
            "any" => return Some(Type::Dyn),
            other => {
                let finding = Finding::new(format!("unknown type `{other}`"), text.span)
                    .nearest(other, TYPE_WORDS.iter().copied())
                    .help("one of string, int, double, bool, any, with `?` where null may stand too; a list is `[string]`");
                self.report(finding);
                return None;
            }
        };
        Some(if may_be_null { ty.nullable() } else { ty })
    }
}
