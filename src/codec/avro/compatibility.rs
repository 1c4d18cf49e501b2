//! Whether one schema can read what another wrote.
//!
//! The rules are those of Avro's Java `SchemaCompatibility`, on which Confluent's registry stands;
//! apache-avro's own check answers otherwise in both directions. Paths are JSON pointers into the
//! reader's schema (into the writer's for a branch of its union), as Java gives them:
//! `/fields/2/type/items`.
//!
//! Source: `SchemaCompatibility.java` (Apache Avro 1.12), behaviour only.

use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::str::FromStr;

use thiserror::Error;

use crate::codec::avro::schema::Enum;
use crate::codec::avro::schema::Fixed;
use crate::codec::avro::schema::Kind;
use crate::codec::avro::schema::Name;
use crate::codec::avro::schema::NodeId;
use crate::codec::avro::schema::Record;
use crate::codec::avro::schema::Schema;

/// What a subject of a registry demands of each new version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing.
    None,
    /// The new version reads what the last one wrote.
    #[default]
    Backward,
    /// The new version reads what any earlier one wrote.
    BackwardTransitive,
    /// The last version reads what the new one writes.
    Forward,
    /// Every earlier version reads what the new one writes.
    ForwardTransitive,
    /// Both, with the last version.
    Full,
    /// Both, with every earlier version.
    FullTransitive,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// The name in the registry's interface.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether every earlier version counts, not only the last.
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        matches!(
            self,
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive
        )
    }

    const fn new_reads_old(self) -> bool {
        matches!(
            self,
            Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive
        )
    }

    const fn old_reads_new(self) -> bool {
        matches!(
            self,
            Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive
        )
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No level has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown compatibility level {name:?}")]
pub struct UnknownLevel {
    /// The name as given.
    pub name: String,
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        let level = Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name));
        level.ok_or_else(|| UnknownLevel { name: name.into() })
    }
}

/// One reason why a reader cannot read what a writer wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{} at {path}: {reason}", .kind.name())]
pub struct Incompatibility {
    /// What kind of reason.
    pub kind: Reason,
    /// Where, as a JSON pointer; `/` for the outermost type.
    pub path: String,
    /// The reason in words.
    pub reason: String,
}

/// The kinds of reasons, as in Java's `SchemaIncompatibilityType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Two named types whose names differ.
    NameMismatch,
    /// Two fixed types whose sizes differ.
    FixedSizeMismatch,
    /// The writer has symbols that the reader does not know.
    MissingEnumSymbols,
    /// The reader has a field that the writer does not have, without a default.
    ReaderFieldMissingDefaultValue,
    /// Two types of which the one is not read as the other.
    TypeMismatch,
    /// The reader's union has no branch for a type of the writer.
    MissingUnionBranch,
}

impl Reason {
    /// Java's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NameMismatch => "NAME_MISMATCH",
            Self::FixedSizeMismatch => "FIXED_SIZE_MISMATCH",
            Self::MissingEnumSymbols => "MISSING_ENUM_SYMBOLS",
            Self::ReaderFieldMissingDefaultValue => "READER_FIELD_MISSING_DEFAULT_VALUE",
            Self::TypeMismatch => "TYPE_MISMATCH",
            Self::MissingUnionBranch => "MISSING_UNION_BRANCH",
        }
    }
}

/// Whether `new` may follow the versions `earlier`, oldest first, under `level`: nothing, or why
/// not.
///
/// The earlier versions are checked from the newest back; the reasons are those of the first one
/// that fails.
#[must_use]
pub fn check(level: Level, new: &Schema, earlier: &[Schema]) -> Vec<Incompatibility> {
    let count = if level.is_transitive() {
        earlier.len()
    } else {
        1
    };
    for old in earlier.iter().rev().take(count) {
        let mut reasons = Vec::new();
        if level.new_reads_old() {
            reasons.extend(can_read(new, old));
        }
        if level.old_reads_new() {
            reasons.extend(can_read(old, new));
        }
        if !reasons.is_empty() {
            return reasons;
        }
    }
    Vec::new()
}

/// Why `reader` cannot read what `writer` wrote; nothing where it can.
///
/// # Examples
///
/// ```
/// use tidemill::codec::avro::compatibility;
/// use tidemill::codec::avro::schema::Schema;
///
/// let (int, long) = (Schema::parse(r#""int""#)?, Schema::parse(r#""long""#)?);
/// assert_eq!(compatibility::can_read(&long, &int), []);
/// let reasons = compatibility::can_read(&int, &long);
/// assert_eq!(reasons[0].to_string(), "TYPE_MISMATCH at /: reader int, writer long");
/// # Ok::<(), tidemill::codec::avro::schema::SchemaError>(())
/// ```
#[must_use]
pub fn can_read(reader: &Schema, writer: &Schema) -> Vec<Incompatibility> {
    let mut check = Check {
        reader,
        writer,
        met: HashSet::new(),
        refused: HashSet::new(),
        path: Vec::new(),
        reasons: Vec::new(),
    };
    check.types(reader.root(), writer.root());
    check.reasons
}

struct Check<'s> {
    reader: &'s Schema,
    writer: &'s Schema,
    /// Pairs that are being compared or were: a recursive type is no worse than its first round.
    met: HashSet<(NodeId, NodeId)>,
    /// Pairs of a branch and a type that do not fit, so that none is tried twice.
    refused: HashSet<(NodeId, NodeId)>,
    path: Vec<String>,
    reasons: Vec<Incompatibility>,
}

impl Check<'_> {
    fn report(&mut self, kind: Reason, reason: String) {
        let path = format!("/{}", self.path.join("/"));
        self.reasons.push(Incompatibility { kind, path, reason });
    }

    fn below(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        check(self);
        self.path.pop();
    }

    fn types(&mut self, reader: NodeId, writer: NodeId) {
        if !self.met.insert((reader, writer)) {
            return;
        }
        let (read, wrote) = (self.reader.kind(reader), self.writer.kind(writer));
        match (read, wrote) {
            (Kind::Union(_), Kind::Union(branches)) => self.union_from_union(reader, branches),
            (_, Kind::Union(branches)) => {
                for &branch in branches {
                    self.types(reader, branch);
                }
            }
            (Kind::Union(_), _) => {
                if !self.has_branch(reader, writer) {
                    self.missing_branch(writer);
                }
            }
            (&Kind::Array(read), &Kind::Array(wrote)) => {
                self.below("items", |check| check.types(read, wrote));
            }
            (&Kind::Map(read), &Kind::Map(wrote)) => {
                self.below("values", |check| check.types(read, wrote));
            }
            (Kind::Record(read), Kind::Record(wrote)) => self.records(read, wrote),
            (Kind::Enum(read), Kind::Enum(wrote)) => self.enums(read, wrote),
            (Kind::Fixed(read), Kind::Fixed(wrote)) => self.fixed(read, wrote),
            (read, wrote) if promotes(wrote, read) => {}
            (read, wrote) => {
                let reason = format!("reader {}, writer {}", read.name(), wrote.name());
                self.report(Reason::TypeMismatch, reason);
            }
        }
    }

    fn union_from_union(&mut self, reader: NodeId, branches: &[NodeId]) {
        for (index, &branch) in branches.iter().enumerate() {
            if !self.has_branch(reader, branch) {
                self.below(&index.to_string(), |check| check.missing_branch(branch));
            }
        }
    }

    fn missing_branch(&mut self, writer: NodeId) {
        let wrote = self.writer.kind(writer);
        let name = wrote.type_name().map_or("", |name| &name.full);
        let reason = format!(
            "the reader's union has no branch for {} {name}",
            wrote.name()
        );
        self.report(Reason::MissingUnionBranch, reason.trim_end().into());
    }

    /// Whether some branch of the reader's union reads what the writer wrote.
    ///
    /// The pairs met on the way stay met only where the branch fits.
    fn has_branch(&mut self, reader: NodeId, writer: NodeId) -> bool {
        let Kind::Union(branches) = self.reader.kind(reader) else {
            return false;
        };
        branches.iter().any(|&branch| self.fits(branch, writer))
    }

    fn fits(&mut self, reader: NodeId, writer: NodeId) -> bool {
        if self.refused.contains(&(reader, writer)) {
            return false;
        }
        let mut attempt = Check {
            reader: self.reader,
            writer: self.writer,
            met: self.met.clone(),
            refused: mem::take(&mut self.refused),
            path: Vec::new(),
            reasons: Vec::new(),
        };
        attempt.types(reader, writer);
        self.refused = attempt.refused;
        let fits = attempt.reasons.is_empty();
        if fits {
            self.met = attempt.met;
        } else {
            self.refused.insert((reader, writer));
        }
        fits
    }

    fn names(&mut self, reader: &Name, writer: &Name) {
        if !reader.answers_to(writer) {
            let reason = format!("reader {}, writer {}", reader.full, writer.full);
            self.below("name", |check| check.report(Reason::NameMismatch, reason));
        }
    }

    fn records(&mut self, reader: &Record, writer: &Record) {
        self.names(&reader.name, &writer.name);
        let sources = writer.sources(reader);
        self.below("fields", |check| {
            for (index, (field, source)) in reader.fields.iter().zip(sources).enumerate() {
                let source = source.and_then(|source| writer.fields.get(source));
                check.below(&index.to_string(), |check| match (source, &field.default) {
                    (Some(source), _) => {
                        check.below("type", |check| check.types(field.node, source.node));
                    }
                    (None, Some(_)) => {}
                    (None, None) => {
                        let reason = format!("field {} is new and has no default", field.name);
                        check.report(Reason::ReaderFieldMissingDefaultValue, reason);
                    }
                });
            }
        });
    }

    fn enums(&mut self, reader: &Enum, writer: &Enum) {
        self.names(&reader.name, &writer.name);
        let known: HashSet<&String> = reader.symbols.iter().collect();
        let missing = writer
            .symbols
            .iter()
            .filter(|symbol| !known.contains(symbol));
        let missing: Vec<&str> = missing.map(String::as_str).collect();
        if !missing.is_empty() && reader.default.is_none() {
            let reason = format!("the reader has no symbol {}", missing.join(", "));
            self.below("symbols", |check| {
                check.report(Reason::MissingEnumSymbols, reason)
            });
        }
    }

    fn fixed(&mut self, reader: &Fixed, writer: &Fixed) {
        self.names(&reader.name, &writer.name);
        if reader.size != writer.size {
            let reason = format!("reader {} bytes, writer {}", reader.size, writer.size);
            self.below("size", |check| {
                check.report(Reason::FixedSizeMismatch, reason)
            });
        }
    }
}

/// Whether the writer's simple type is read as the reader's.
fn promotes(writer: &Kind, reader: &Kind) -> bool {
    matches!(
        (writer, reader),
        (Kind::Null, Kind::Null)
            | (Kind::Boolean, Kind::Boolean)
            | (Kind::Bytes | Kind::String, Kind::Bytes | Kind::String)
            | (
                Kind::Int,
                Kind::Int | Kind::Long | Kind::Float | Kind::Double
            )
            | (Kind::Long, Kind::Long | Kind::Float | Kind::Double)
            | (Kind::Float, Kind::Float | Kind::Double)
            | (Kind::Double, Kind::Double)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Schema {
        Schema::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
    }

    /// A reader, a writer, and the kinds and paths of the reasons.
    type Case = (String, String, Vec<(&'static str, &'static str)>);

    /// The kinds and paths of the reasons.
    fn reasons(reader: &str, writer: &str) -> Vec<(&'static str, String)> {
        let reasons = can_read(&schema(reader), &schema(writer));
        reasons
            .into_iter()
            .map(|reason| (reason.kind.name(), reason.path))
            .collect()
    }

    #[test]
    fn the_promotions_are_the_specifications() {
        let kinds = [
            "null", "boolean", "int", "long", "float", "double", "bytes", "string",
        ];
        let promotions = [
            "int long",
            "int float",
            "int double",
            "long float",
            "long double",
            "float double",
            "bytes string",
            "string bytes",
        ];
        for writer in kinds {
            for reader in kinds {
                let reads = reasons(&format!("{reader:?}"), &format!("{writer:?}")).is_empty();
                let pair = format!("{writer} {reader}");
                let expected = writer == reader || promotions.contains(&&*pair);
                assert_eq!(reads, expected, "{pair}");
            }
        }
    }

    #[test]
    fn each_reason_has_javas_kind_and_path() {
        let a = r#"{"name": "a", "type": "int"}"#;
        let enumeration = |name: &str, symbols: &str, rest: &str| {
            format!(r#"{{"type": "enum", "name": "{name}", "symbols": [{symbols}]{rest}}}"#)
        };
        let fixed = |name: &str, size: usize| {
            format!(r#"{{"type": "fixed", "name": "{name}", "size": {size}}}"#)
        };
        let array = |items: &str| format!(r#"{{"type": "array", "items": {items}}}"#);
        let map = |values: &str| format!(r#"{{"type": "map", "values": {values}}}"#);
        let cases: Vec<Case> = vec![
            // Fields: adding needs a default, deleting does not; an alias is a rename.
            (
                record(a),
                record(""),
                vec![("READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/0")],
            ),
            (
                record(r#"{"name": "a", "type": "int", "default": 0}"#),
                record(""),
                vec![],
            ),
            (
                record(r#"{"name": "a", "type": ["null", "int"], "default": null}"#),
                record(""),
                vec![],
            ),
            (record(""), record(a), vec![]),
            (
                record(r#"{"name": "b", "type": "int", "aliases": ["a"]}"#),
                record(a),
                vec![],
            ),
            (
                record(r#"{"name": "b", "type": "int"}"#),
                record(a),
                vec![("READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/0")],
            ),
            (
                record(r#"{"name": "a", "type": "string"}"#),
                record(a),
                vec![("TYPE_MISMATCH", "/fields/0/type")],
            ),
            // Names.
            (
                record(a).replace("\"R\"", "\"S\""),
                record(a),
                vec![("NAME_MISMATCH", "/name")],
            ),
            (record(a).replace("\"R\"", "\"x.R\""), record(a), vec![]),
            (
                record(a).replace("\"R\"", "\"S\", \"aliases\": [\"R\"]"),
                record(a),
                vec![],
            ),
            (
                fixed("F", 4),
                fixed("F", 8),
                vec![("FIXED_SIZE_MISMATCH", "/size")],
            ),
            (
                fixed("G", 4),
                fixed("F", 8),
                vec![("NAME_MISMATCH", "/name"), ("FIXED_SIZE_MISMATCH", "/size")],
            ),
            // Enums.
            (
                enumeration("E", r#""A""#, ""),
                enumeration("E", r#""A", "B""#, ""),
                vec![("MISSING_ENUM_SYMBOLS", "/symbols")],
            ),
            (
                enumeration("E", r#""A""#, r#", "default": "A""#),
                enumeration("E", r#""A", "B""#, ""),
                vec![],
            ),
            (
                enumeration("E", r#""B", "A", "C""#, ""),
                enumeration("E", r#""A", "B""#, ""),
                vec![],
            ),
            (
                enumeration("F", r#""A""#, ""),
                enumeration("E", r#""A""#, ""),
                vec![("NAME_MISMATCH", "/name")],
            ),
            // Within arrays and maps.
            (
                array(r#""int""#),
                array(r#""long""#),
                vec![("TYPE_MISMATCH", "/items")],
            ),
            (
                map(&array(r#""int""#)),
                map(&array(r#""string""#)),
                vec![("TYPE_MISMATCH", "/values/items")],
            ),
            (
                array(r#""int""#),
                map(r#""int""#),
                vec![("TYPE_MISMATCH", "/")],
            ),
            // Unions.
            (r#"["null", "string"]"#.into(), r#""string""#.into(), vec![]),
            (r#"["null", "double"]"#.into(), r#""int""#.into(), vec![]),
            (
                r#"["null", "int"]"#.into(),
                r#""long""#.into(),
                vec![("MISSING_UNION_BRANCH", "/")],
            ),
            (
                r#"["null", "string"]"#.into(),
                r#"["null", "int", "string", "boolean"]"#.into(),
                vec![
                    ("MISSING_UNION_BRANCH", "/1"),
                    ("MISSING_UNION_BRANCH", "/3"),
                ],
            ),
            (r#""long""#.into(), r#"["int", "long"]"#.into(), vec![]),
            (
                r#""int""#.into(),
                r#"["int", "long"]"#.into(),
                vec![("TYPE_MISMATCH", "/")],
            ),
            (
                r#""string""#.into(),
                r#"["null", "string"]"#.into(),
                vec![("TYPE_MISMATCH", "/")],
            ),
        ];
        for (reader, writer, expected) in cases {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(kind, path)| (kind, path.to_owned()))
                .collect();
            assert_eq!(
                reasons(&reader, &writer),
                expected,
                "{reader} reads {writer}"
            );
        }
    }

    #[test]
    fn recursive_types_are_compared_once() {
        let list = |value: &str| {
            record(&format!(
                r#"{{"name": "v", "type": "{value}"}}, {{"name": "next", "type": ["null", "R"]}}"#
            ))
        };
        assert_eq!(reasons(&list("long"), &list("int")), []);
        let reasons = reasons(&list("int"), &list("long"));
        assert_eq!(reasons[0], ("TYPE_MISMATCH", "/fields/0/type".to_owned()));
    }

    #[test]
    fn a_level_says_who_reads_whom() {
        let v1 = schema(&record(r#"{"name": "a", "type": "int"}"#));
        let added = schema(&record(
            r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#,
        ));
        let defaulted = schema(&record(
            r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 0}"#,
        ));
        let deleted = schema(&record(""));
        let passes = |new: &Schema, old: &[&Schema]| -> Vec<&str> {
            let old: Vec<Schema> = old.iter().map(|&schema| schema.clone()).collect();
            let levels = Level::ALL
                .into_iter()
                .filter(|&level| check(level, new, &old).is_empty());
            levels.map(Level::name).collect()
        };
        let backward = ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE"];
        let forward = ["NONE", "FORWARD", "FORWARD_TRANSITIVE"];
        assert_eq!(passes(&deleted, &[&v1]), backward, "a field deleted");
        assert_eq!(passes(&added, &[&v1]), forward, "a field added");
        assert_eq!(
            passes(&defaulted, &[&v1]).len(),
            7,
            "a field added with a default"
        );
        assert_eq!(passes(&added, &[]).len(), 7, "the first version");
        assert_eq!(
            passes(&added, &[&v1, &defaulted]),
            ["NONE", "BACKWARD", "FORWARD", "FORWARD_TRANSITIVE", "FULL"],
            "the last version has the field, the first has not"
        );
    }
}
