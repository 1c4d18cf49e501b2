//! Alerts and charts, held against the flows that they are about.

use crate::codec::projection::Fields;
use crate::expr;
use crate::expr::Scope;
use crate::expr::Type;
use crate::pipeline::compile::Compiler;
use crate::pipeline::file::AlertBody;
use crate::pipeline::file::AlertEntry;
use crate::pipeline::file::Chart;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::stream::alert::Alert;
use crate::stream::alert::NumberFormat;
use crate::stream::alert::Piece;

/// What a number in a message may look like, behind a colon.
const FORMAT_HELP: &str = "write `{value.rate}`, `{value.rate:.2}` with two decimals, or `{value.rate:.1%}` in percent; a brace that is meant is written twice";

impl Compiler<'_, '_> {
    /// The alerts, as many as are right.
    pub(super) fn alerts(&mut self, alerts: &[AlertEntry]) -> Vec<Alert> {
        let alerts = alerts.iter().filter_map(|alert| {
            let body = alert.body.as_ref()?;
            self.alert(&alert.name, body)
        });
        alerts.collect()
    }

    fn alert(&mut self, name: &Located<String>, body: &AlertBody) -> Option<Alert> {
        let (value_type, key_type) = self.results_of(&body.on)?;
        let scope = Scope::record(value_type, key_type);
        let mut fields = Fields::default();
        let fire = self.condition_of(&body.fire, &scope, &mut fields);
        let clear = body.clear.as_ref();
        let clear = clear.map(|clear| self.condition_of(clear, &scope, &mut fields));
        let message = body.message.as_ref();
        let message = message.map(|message| self.message(message, &scope, &mut fields));
        Some(Alert {
            name: name.value.as_str().into(),
            flow: body.on.value.as_str().into(),
            fire: fire?,
            clear: match clear {
                Some(clear) => Some(clear?),
                None => None,
            },
            message: message.unwrap_or_default(),
            hold: body.hold,
            no_data: body.no_data,
            to: body.to.clone(),
            fields,
        })
    }

    fn message(
        &mut self,
        message: &Located<String>,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = message.value.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                text.push_str(from.get(..1).unwrap_or_default());
                rest = after;
                continue;
            }
            let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let piece = inner.and_then(|(inner, _)| piece(inner, scope, fields));
            let (Some(piece), Some((_, after))) = (piece, inner) else {
                let shown = inner.map_or(from, |(inner, _)| inner);
                let message = Finding::new(
                    format!("`{shown}` in a message is no value of a result"),
                    message.span.clone(),
                );
                self.report(message.help(FORMAT_HELP));
                return pieces;
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece);
            rest = after;
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }

    /// Reports what a chart draws that results have not got; `columns` are their fields, where they
    /// are known.
    pub(super) fn check_chart(&mut self, chart: &Chart, columns: Option<&[(String, Type)]>) {
        let Some(columns) = columns else {
            return;
        };
        let mut known: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
        if !known.contains(&"key") {
            known.push("key");
        }
        for name in chart.y.iter().chain(&chart.by) {
            if !known.contains(&name.value.as_str()) {
                let message = format!("a chart of `{}`, which results have not got", name.value);
                let finding = Finding::new(message, name.span.clone());
                let finding = finding.nearest(&name.value, known.iter().copied());
                self.report(finding.help(format!("the fields are {}", known.join(", "))));
            }
        }
    }
}

/// `value.rate:.1%`: an expression, and how a number is written.
fn piece(inner: &str, scope: &Scope, fields: &mut Fields) -> Option<Piece> {
    let (source, format) = match inner.rsplit_once(':') {
        Some((source, format)) => (source, number_format(format)?),
        None => (inner, NumberFormat::default()),
    };
    let program = expr::compile(source, scope, fields).ok()?;
    Some(Piece::Value { program, format })
}

/// Reads `.1%`, `.2`, `%`.
fn number_format(text: &str) -> Option<NumberFormat> {
    let (digits, is_percent) = match text.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let decimals = match digits.strip_prefix('.') {
        Some(digits) => Some(digits.parse().ok().filter(|decimals| *decimals <= 17)?),
        None if digits.is_empty() => None,
        None => return None,
    };
    Some(NumberFormat {
        decimals,
        is_percent,
    })
}
