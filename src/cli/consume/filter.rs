//! `--where`: which records are printed.

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::codec::format::Format;
use crate::codec::framing::KEY_HEADER;
use crate::codec::framing::SchemaId;
use crate::codec::framing::VALUE_HEADER;
use crate::codec::projection::Fields;
use crate::codec::projection::Projection;
use crate::codec::projection::ProjectionError;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr;
use crate::expr::Diagnostic;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::record::PartitionId;
use crate::record::RecordView;

/// A condition on records, and how the fields that it reads are got at.
#[derive(Debug)]
pub(super) struct Filter {
    program: Program,
    slots: usize,
    key: Projection,
    value: Projection,
}

/// Why a record could not be judged.
#[derive(Debug)]
pub(super) enum NotJudged {
    /// A schema has to be fetched first.
    NeedsSchema(SchemaId),
    /// The record cannot be decoded, or the expression fails on it.
    Failed(String),
}

impl Filter {
    /// Compiles `source`; keys are text and values JSON unless the user says otherwise.
    pub(super) fn compile(
        source: &str,
        key: Option<Format>,
        value: Option<Format>,
    ) -> Result<Self, Failure> {
        let mut fields = Fields::default();
        let scope = Scope::record(Type::Dyn, Type::Dyn);
        let compiled = expr::compile(source, &scope, &mut fields);
        let program =
            compiled.map_err(|findings| Failure::new(Exit::Usage, report(source, &findings)))?;
        Ok(Self {
            program,
            slots: fields.paths().len(),
            key: Projection::new(key.unwrap_or(Format::Text), Root::Key, &fields),
            value: Projection::new(value.unwrap_or(Format::Json), Root::Value, &fields),
        })
    }

    /// Whether the record is to be printed.
    pub(super) fn accepts(
        &mut self,
        topic: &str,
        partition: PartitionId,
        record: &RecordView<'_>,
    ) -> Result<bool, NotJudged> {
        let mut slots = vec![None; self.slots];
        for (projection, bytes, header) in [
            (&mut self.key, record.key, KEY_HEADER),
            (&mut self.value, record.value, VALUE_HEADER),
        ] {
            if !projection.is_empty() {
                projection.read_with_headers(bytes, record.headers, header, &mut slots)?;
            }
        }
        let row = Row {
            topic,
            partition,
            record: *record,
            slots,
        };
        self.program
            .eval_bool(&row)
            .map_err(|error| NotJudged::Failed(format!("--where: {error}")))
    }

    pub(super) fn add_schema(&mut self, id: SchemaId, text: &str) -> Result<(), Failure> {
        for projection in [&mut self.key, &mut self.value] {
            let added = projection.add_schema(id, text);
            added.map_err(|error| Failure::new(Exit::Data, format!("schema {id}: {error}")))?;
        }
        Ok(())
    }
}

impl From<Box<ProjectionError>> for NotJudged {
    fn from(error: Box<ProjectionError>) -> Self {
        match *error {
            ProjectionError::UnknownSchema(id) => Self::NeedsSchema(id),
            ProjectionError::Undecodable(error) => Self::Failed(error.to_string()),
        }
    }
}

/// Each finding under the expression, with a caret.
fn report(source: &str, findings: &[Diagnostic]) -> String {
    let mut text = "--where does not compile".to_owned();
    for finding in findings {
        let before = source
            .get(..finding.span.start)
            .unwrap_or(source)
            .chars()
            .count();
        let marked = source
            .get(finding.span.clone())
            .map_or(1, |span| span.chars().count().max(1));
        text += &format!(
            "\n  {source}\n  {}{} {finding}",
            " ".repeat(before),
            "^".repeat(marked)
        );
    }
    text
}
