//! `to:`: where the results of a flow go, and how they are written.

use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::expr::Type;
use crate::expr::schema_type::misfits;
use crate::expr::schema_type::schema_for;
use crate::expr::schema_type::through_json;
use crate::pipeline::compile::Compiler;
use crate::pipeline::compile::Output;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::record::TopicName;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Sink;
use crate::stream::plan::Source;
use crate::stream::plan::ValueFormat;

impl Compiler<'_, '_> {
    /// Where the results go, and what stands there. `columns` are their fields; `None` where
    /// values pass unchanged.
    pub(super) fn sink(
        &mut self,
        entry: &FlowEntry,
        body: &FlowBody,
        source: &Source,
        value_type: &Type,
        columns: Option<Vec<(String, Type)>>,
    ) -> (Option<Sink>, Output) {
        let topic = TopicName::from(&*body.to.topic.value);
        let key = self.key_form(body);
        let Some(columns) = columns else {
            self.check_unchanged(body, source.value_format);
            let output = Output {
                value_type: value_type.clone(),
                value_format: source.value_format,
                key,
            };
            let value = ValueFormat::Json;
            return (Some(Sink { topic, key, value }), output);
        };
        let format = body.to.value.as_ref().map_or(Format::Json, |to| to.value);
        let value_type = Type::record(entry.name.value.clone(), columns.clone());
        let output = Output {
            value_type: match format {
                Format::Avro => value_type,
                _ => through_json(&value_type),
            },
            value_format: format,
            key,
        };
        let value = self.value_format(entry, body, format, &columns);
        (value.map(|value| Sink { topic, key, value }), output)
    }

    /// How keys are written; reports windowed ones where there are no windows.
    fn key_form(&mut self, body: &FlowBody) -> KeyForm {
        let Some(key) = &body.to.key else {
            return KeyForm::Text;
        };
        let window = body.window.as_ref();
        let has_bounds = window.is_some_and(|window| window.value.has_bounds());
        if key.value == KeyForm::Windowed && !has_bounds {
            let message = "`key: windowed` where results have no window";
            let finding = Finding::new(message, key.span.clone());
            self.report(finding.help(
                "add a window of event time, as in `window: { tumbling: 1m }`, or remove it",
            ));
        }
        key.value
    }

    /// Values that pass unchanged cannot have another format or schema than they had.
    fn check_unchanged(&mut self, body: &FlowBody, format: Format) {
        let other = body.to.value.as_ref().filter(|to| to.value != format);
        if let Some(other) = other {
            let message =
                format!("a flow without `select` passes values unchanged, and these are {format}");
            let finding = Finding::new(message, other.span.clone());
            self.report(finding.help(format!("write `value: {format}`, or add `select`")));
        }
        if let Some(schema) = &body.to.schema {
            let message = "`schema` of a flow without `select`, which passes values unchanged";
            self.report(
                Finding::new(message, schema.span.clone()).help("remove it, or add `select`"),
            );
        }
    }

    fn value_format(
        &mut self,
        entry: &FlowEntry,
        body: &FlowBody,
        format: Format,
        columns: &[(String, Type)],
    ) -> Option<ValueFormat> {
        let to = &body.to;
        match (format, &to.schema) {
            (Format::Json, None) => Some(ValueFormat::Json),
            (Format::Json, Some(schema)) => {
                let message = "`schema` of results that are not Avro";
                let finding = Finding::new(message, schema.span.clone());
                self.report(finding.help("say `value: avro`, or remove it"));
                None
            }
            (Format::Avro, None) => Some(ValueFormat::Avro {
                schema: schema_for(&entry.name.value, columns).into(),
            }),
            (Format::Avro, Some(file)) => {
                let (text, schema) = self.schema(file)?;
                self.check_schema(file, &schema, columns);
                Some(ValueFormat::Avro {
                    schema: text.into(),
                })
            }
            (Format::Text | Format::Bytes | Format::Fixed(_), _) => {
                let span = to
                    .value
                    .as_ref()
                    .map_or(&to.topic.span, |value| &value.span);
                let message = format!("results cannot be written as {format}");
                self.report(Finding::new(message, span.clone()).help("one of json, avro"));
                None
            }
        }
    }

    /// Whether results with these fields can be written with `schema`.
    fn check_schema(
        &mut self,
        file: &Located<String>,
        schema: &Schema,
        columns: &[(String, Type)],
    ) {
        for misfit in misfits(schema, columns) {
            self.report(Finding {
                message: misfit.message,
                span: file.span.clone(),
                nearest: misfit.nearest,
                help: misfit.help,
            });
        }
    }
}
