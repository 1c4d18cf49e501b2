//! Records as they are printed.

use crate::cli::avro::NotRendered;
use crate::cli::avro::Rendered;
use crate::cli::avro::Schemas;
use crate::cli::consume::filter::Filter;
use crate::cli::consume::filter::NotJudged;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::record_format::RecordFormat;
use crate::client::schema_registry::Side;
use crate::codec::avro::render::Fidelity;
use crate::codec::envelope;
use crate::codec::envelope::Form;
use crate::codec::format::Format;
use crate::codec::framing::SchemaId;
use crate::codec::json::put_value;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::copy;

/// Prints records into a buffer.
#[derive(Debug)]
pub(super) struct Printer {
    /// What is printed and not yet written.
    pub(super) out: Vec<u8>,
    style: Style,
    formats: (Format, Format),
    /// Whether keys or values are shown as something else than their bytes.
    is_decoded: bool,
    filter: Option<Filter>,
    schemas: Option<Schemas>,
    printed: u64,
    /// Key and value as JSON, where they are Avro or numbers.
    rendered: [Vec<u8>; 2],
}

#[derive(Debug)]
enum Style {
    /// The value and a line feed.
    Raw,
    Format(RecordFormat),
    Envelope,
    Pretty,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Printed {
    /// It is printed.
    Yes,
    /// `--where` refused it.
    Filtered,
}

/// Why a record was not printed.
#[derive(Debug)]
pub(super) enum NotPrinted {
    /// A schema has to be fetched first.
    NeedsSchema(SchemaId),
    /// It is not what it should be.
    Broken(String),
}

impl NotPrinted {
    /// The failure of a record that cannot be printed.
    pub(super) fn failure(self, topic: &str, partition: PartitionId, offset: Offset) -> Failure {
        let because = match self {
            Self::Broken(because) => because,
            Self::NeedsSchema(id) => format!("schema {id} is not known"),
        };
        Failure::new(
            Exit::Data,
            format!("{topic}-{partition}@{offset}: {because}"),
        )
        .hint(format!(
            "read on behind it with --partition {partition} --offset {}",
            offset.next()
        ))
    }
}

impl Printer {
    /// `output` is the name of a format or a format string.
    pub(super) fn new(
        output: &str,
        formats: (Format, Format),
        filter: Option<Filter>,
        schemas: Option<Schemas>,
    ) -> Result<Self, Failure> {
        let style = match output {
            "raw" => Style::Raw,
            "jsonl" => Style::Envelope,
            "json" => Style::Pretty,
            text if text.contains(['%', '\\']) => Style::Format(
                text.parse()
                    .map_err(|error| Failure::usage(format!("-o: {error}")))?,
            ),
            other => {
                return Err(Failure::usage(format!("-o {other}: no such format"))
                    .hint("one of raw, json, jsonl, or a format such as '%k=%v\\n'"));
            }
        };
        let rendered = [Vec::new(), Vec::new()];
        Ok(Self {
            out: Vec::new(),
            style,
            formats,
            is_decoded: is_shown(formats.0) || is_shown(formats.1),
            filter,
            schemas,
            printed: 0,
            rendered,
        })
    }

    /// Prints a record, if the filter lets it.
    #[inline]
    pub(super) fn print(
        &mut self,
        topic: &str,
        partition: PartitionId,
        record: &RecordView<'_>,
    ) -> Result<Printed, NotPrinted> {
        if let Some(filter) = &mut self.filter
            && !filter.accepts(topic, partition, record)?
        {
            return Ok(Printed::Filtered);
        }
        self.printed += 1;
        match (&self.style, self.is_decoded) {
            (Style::Raw, false) => put_line(record.value, &mut self.out),
            (Style::Format(format), false) => {
                format.write(topic, partition, record, self.printed, &mut self.out)
            }
            _ => self.print_decoded(topic, partition, record)?,
        }
        Ok(Printed::Yes)
    }

    /// As [`Self::print`], for Avro, numbers, and envelopes.
    fn print_decoded(
        &mut self,
        topic: &str,
        partition: PartitionId,
        record: &RecordView<'_>,
    ) -> Result<(), NotPrinted> {
        let [key_json, value_json] = &mut self.rendered;
        let (schemas, formats) = (self.schemas.as_ref(), self.formats);
        let key = render(schemas, formats.0, Side::Key, record, key_json)?;
        let value = render(schemas, formats.1, Side::Value, record, value_json)?;
        match &self.style {
            Style::Raw => put_line(
                value.map_or(record.value, |_| Some(&value_json[..])),
                &mut self.out,
            ),
            Style::Format(format) => {
                let shown = RecordView {
                    key: key.map_or(record.key, |_| Some(&key_json[..])),
                    value: value.map_or(record.value, |_| Some(&value_json[..])),
                    ..*record
                };
                format.write(topic, partition, &shown, self.printed, &mut self.out);
            }
            Style::Envelope => {
                envelope::put_line(
                    &mut self.out,
                    topic,
                    partition,
                    record,
                    form(key, key_json),
                    form(value, value_json),
                );
            }
            Style::Pretty => {
                let mut line = Vec::new();
                envelope::put_line(
                    &mut line,
                    topic,
                    partition,
                    record,
                    form(key, key_json),
                    form(value, value_json),
                );
                let object: serde_json::Value = serde_json::from_slice(&line).unwrap_or_default();
                let pretty = serde_json::to_writer_pretty(&mut self.out, &object);
                pretty.map_err(|error| NotPrinted::Broken(error.to_string()))?;
                self.out.push(b'\n');
            }
        }
        Ok(())
    }

    /// Fetches a schema that [`NotPrinted::NeedsSchema`] asked for.
    pub(super) async fn fetch_schema(&mut self, id: SchemaId) -> Result<(), Failure> {
        let Some(schemas) = &mut self.schemas else {
            return Ok(());
        };
        let text = schemas.fetch(id).await?;
        match &mut self.filter {
            Some(filter) => filter.add_schema(id, &text),
            None => Ok(()),
        }
    }
}

#[inline]
fn put_line(value: Option<&[u8]>, out: &mut Vec<u8>) {
    copy::append(out, value.unwrap_or_default());
    out.push(b'\n');
}

/// Whether a format is shown as something else than its bytes.
const fn is_shown(format: Format) -> bool {
    matches!(format, Format::Avro | Format::Fixed(_))
}

/// The datum of one side as JSON, where that side is Avro or a number, and not null.
fn render(
    schemas: Option<&Schemas>,
    format: Format,
    side: Side,
    record: &RecordView<'_>,
    json: &mut Vec<u8>,
) -> Result<Option<Rendered>, NotPrinted> {
    let bytes = match side {
        Side::Key => record.key,
        Side::Value => record.value,
    };
    json.clear();
    match (schemas, format, bytes) {
        (Some(schemas), Format::Avro, Some(bytes)) => {
            Ok(Some(schemas.render(record.headers, side, bytes, json)?))
        }
        (_, Format::Fixed(fixed), Some(bytes)) => {
            let broken = |error: &dyn std::error::Error| NotPrinted::Broken(error.to_string());
            let number = fixed.parse(bytes).map_err(|error| broken(&error))?;
            put_value(json, &number).map_err(|error| broken(&error))?;
            // The envelope has the bytes.
            Ok(Some(Rendered {
                prefix: None,
                fidelity: Fidelity::Lossy,
            }))
        }
        _ => Ok(None),
    }
}

/// Avro in the envelope where it can be taken back, else the bytes.
fn form(rendered: Option<Rendered>, json: &[u8]) -> Form<'_> {
    match rendered {
        Some(Rendered {
            prefix,
            fidelity: Fidelity::Exact,
        }) => Form::Avro {
            schema: prefix,
            json,
        },
        _ => Form::Plain,
    }
}

impl From<NotJudged> for NotPrinted {
    fn from(not: NotJudged) -> Self {
        match not {
            NotJudged::NeedsSchema(id) => Self::NeedsSchema(id),
            NotJudged::Failed(because) => Self::Broken(because),
        }
    }
}

impl From<NotRendered> for NotPrinted {
    fn from(not: NotRendered) -> Self {
        match not {
            NotRendered::Unknown(id) => Self::NeedsSchema(id),
            NotRendered::Broken(because) => Self::Broken(because),
        }
    }
}
