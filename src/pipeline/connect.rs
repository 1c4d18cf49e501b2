//! `connect:`, the one place where variables of the environment are replaced.

use std::ops::Range;

use crate::pipeline::file::Connect;
use crate::pipeline::file::Located;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::entries;
use crate::pipeline::read::Reader;
use crate::pipeline::read::name_of;
use crate::pipeline::yaml::Node;

impl Reader<'_, '_> {
    pub(super) fn connect(&mut self, node: &Node) -> Connect {
        let mut connect = Connect::default();
        for (key, value) in entries(node, "a mapping", self.findings).unwrap_or_default() {
            let Some(text) = self.text(value, "a value") else {
                continue;
            };
            let Some(text) = self.with_variables(&text) else {
                continue;
            };
            let located = Located {
                value: text,
                span: value.span.clone(),
            };
            match key.name.as_str() {
                "brokers" => connect.brokers = Some(located),
                "registry" => connect.registry = Some(located),
                _ => connect.properties.push((name_of(key), located.value)),
            }
        }
        connect
    }

    /// The text with `${NAME}` and `${NAME:-default}` replaced.
    fn with_variables(&mut self, text: &Located<String>) -> Option<String> {
        let mut out = String::new();
        let mut rest = text.value.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((inner, tail)) = after.split_once('}') else {
                let finding = Finding::new("`${` without `}`", text.span.clone());
                self.report(finding.help("write `${NAME}` or `${NAME:-default}`"));
                return None;
            };
            out.push_str(&self.variable(inner, &text.span)?);
            rest = tail;
        }
        out.push_str(rest);
        Some(out)
    }

    fn variable(&mut self, inner: &str, span: &Range<usize>) -> Option<String> {
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            let finding = Finding::new(format!("`{name}` is no variable"), span.clone());
            self.report(finding.help("write `${NAME}` or `${NAME:-default}`"));
            return None;
        }
        let value = (self.outside.variable)(name).filter(|value| !value.is_empty());
        let value = value.or_else(|| default.map(str::to_owned));
        if value.is_none() {
            let finding = Finding::new(format!("variable `{name}` is not set"), span.clone());
            self.report(finding.help(format!("set it, or give a default: `${{{name}:-…}}`")));
        }
        value
    }
}
