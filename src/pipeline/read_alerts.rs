//! `alerts:` and `chart:`, read.

use chrono::TimeDelta;

use crate::pipeline::file::AlertBody;
use crate::pipeline::file::AlertEntry;
use crate::pipeline::file::Chart;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::entries;
use crate::pipeline::read::Reader;
use crate::pipeline::read::name_of;
use crate::pipeline::vocabulary::ALERT;
use crate::pipeline::vocabulary::ALERT_SINK;
use crate::pipeline::vocabulary::CHART;
use crate::pipeline::vocabulary::MARKS;
use crate::pipeline::vocabulary::WEBHOOK;
use crate::pipeline::yaml::Key;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::stream::alert::AlertSink;

impl Reader<'_, '_> {
    pub(super) fn alerts(&mut self, node: &Node) -> Vec<AlertEntry> {
        let entries = entries(node, "alerts by name", self.findings).unwrap_or_default();
        let mut alerts = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            alerts.push(AlertEntry {
                name: name_of(key),
                body: self.alert(key, value),
            });
        }
        alerts
    }

    fn alert(&mut self, key: &Key, node: &Node) -> Option<AlertBody> {
        let keys = self.keys(node, &key.span, &ALERT)?;
        let on = keys.optional("on");
        let on = on.and_then(|node| self.text(node, "the name of a flow"));
        let fire = keys.optional("fire").and_then(|node| self.expression(node));
        let clear = keys.optional("clear");
        let clear = clear.and_then(|node| self.expression(node));
        let hold = keys.optional("for").and_then(|node| self.span(node));
        let no_data = keys.optional("no_data").and_then(|node| self.span(node));
        let message = keys.optional("message");
        let message = message.and_then(|node| self.text(node, "a text"));
        let to = keys.optional("to").map(|node| self.alert_sinks(node));
        Some(AlertBody {
            on: on?,
            fire: fire?,
            clear,
            hold: hold.unwrap_or(TimeDelta::zero()),
            no_data,
            message,
            to: to.unwrap_or_else(|| vec![AlertSink::Log]),
        })
    }

    fn alert_sinks(&mut self, node: &Node) -> Vec<AlertSink> {
        let items = match &node.kind {
            Kind::Sequence(items) => items.as_slice(),
            Kind::Scalar(_) | Kind::Mapping(_) => std::slice::from_ref(node),
        };
        let sinks = items.iter().filter_map(|item| self.alert_sink(item));
        sinks.collect()
    }

    fn alert_sink(&mut self, node: &Node) -> Option<AlertSink> {
        match node.text() {
            Some("log") => return Some(AlertSink::Log),
            Some(other) => {
                let message = format!("expected `log`, a topic or a webhook, found `{other}`");
                let finding = Finding::new(message, node.span.clone());
                let help = "write `log`, `{ topic: NAME }` or `{ webhook: { url_env: VARIABLE } }`";
                self.report(finding.help(help));
                return None;
            }
            None => {}
        }
        let keys = self.keys(node, &node.span, &ALERT_SINK)?;
        match (keys.optional("topic"), keys.optional("webhook")) {
            (Some(topic), None) => {
                let topic = self.topic_like(topic, "a topic")?;
                Some(AlertSink::Topic(topic.value))
            }
            (None, Some(webhook)) => {
                let keys = self.keys(webhook, &webhook.span, &WEBHOOK)?;
                let variable = keys.optional("url_env")?;
                let variable = self.text(variable, "the name of a variable")?;
                Some(AlertSink::Webhook {
                    url_env: variable.value,
                })
            }
            (None, None) | (Some(_), Some(_)) => {
                let finding = Finding::new("one place for each entry", node.span.clone());
                self.report(
                    finding.help("write `{ topic: NAME }` or `{ webhook: { url_env: VARIABLE } }`"),
                );
                None
            }
        }
    }

    pub(super) fn chart(&mut self, node: &Node) -> Option<Chart> {
        let keys = self.keys(node, &node.span, &CHART)?;
        let y = keys.optional("y").map(|node| self.names(node));
        let by = keys.optional("by");
        let by = by.and_then(|node| self.text(node, "the name of a field"));
        let mark = keys.optional("mark").and_then(|node| self.mark(node));
        let top = self.count(keys, "top");
        let threshold = keys.optional("threshold");
        let threshold = threshold.and_then(|node| self.number(node));
        Some(Chart {
            y: y?,
            by,
            mark,
            top: top.map(|top| top.value),
            threshold,
        })
    }

    /// A name, or several.
    fn names(&mut self, node: &Node) -> Vec<Located<String>> {
        let items = match &node.kind {
            Kind::Sequence(items) => items.as_slice(),
            Kind::Scalar(_) | Kind::Mapping(_) => std::slice::from_ref(node),
        };
        let names = items
            .iter()
            .filter_map(|item| self.text(item, "the name of a field"));
        names.collect()
    }

    fn mark(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node, "a kind of mark")?;
        if MARKS.contains(&text.value.as_str()) {
            return Some(text.value);
        }
        let finding = Finding::new(format!("unknown mark `{}`", text.value), text.span);
        let finding = finding.nearest(&text.value, MARKS.iter().copied());
        self.report(finding.help(format!("one of {}", MARKS.join(", "))));
        None
    }

    fn number(&mut self, node: &Node) -> Option<f64> {
        let text = self.text(node, "a number")?;
        let number = text
            .value
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite());
        if number.is_none() {
            let message = format!("expected a number, found `{}`", text.value);
            self.report(Finding::new(message, text.span).help("write it as in `0.05`"));
        }
        number
    }
}
