//! `join:`, `distinct:` and `from:` of several, as their author wrote them.

use chrono::TimeDelta;

use crate::pipeline::file::DistinctBody;
use crate::pipeline::file::JoinBody;
use crate::pipeline::file::Located;
use crate::pipeline::file::Nearness;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::read::Reader;
use crate::pipeline::vocabulary::DISTINCT;
use crate::pipeline::vocabulary::JOIN;
use crate::pipeline::vocabulary::JOIN_WORDS;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::stream::graph::topology::JoinType;

impl Reader<'_, '_> {
    /// The names under `from:`: one, or a list of them.
    pub(super) fn from(&mut self, node: &Node) -> Vec<Located<String>> {
        let of = "the name of a source or flow";
        match &node.kind {
            Kind::Sequence(items) => {
                if items.is_empty() {
                    let finding = Finding::new("no source", node.span.clone());
                    self.report(finding.help("name at least one: `from: [a, b]`"));
                }
                items
                    .iter()
                    .filter_map(|item| self.text(item, of))
                    .collect()
            }
            _ => self.text(node, of).into_iter().collect(),
        }
    }

    pub(super) fn join(&mut self, node: &Node) -> Option<JoinBody> {
        let keys = self.keys(node, &node.span, &JOIN)?;
        let with = keys.optional("with");
        let with = with.and_then(|node| self.text(node, "the name of a source or flow"));
        let kind = keys.optional("type").map(|node| self.join_type(node));
        let on = keys.optional("on").and_then(|node| self.expression(node));
        let grace = keys.optional("grace").and_then(|node| self.span(node));
        Some(JoinBody {
            nearness: self.nearness(keys),
            kind: kind.unwrap_or(Some(JoinType::Inner))?,
            with: with?,
            on,
            grace,
            span: node.span.clone(),
        })
    }

    fn join_type(&mut self, node: &Node) -> Option<JoinType> {
        let text = self.text(node, "a type of join")?;
        match text.value.as_str() {
            "inner" => Some(JoinType::Inner),
            "left" => Some(JoinType::Left),
            "outer" => Some(JoinType::Outer),
            other => {
                let finding = Finding::new(format!("unknown `type: {other}`"), text.span)
                    .nearest(other, JOIN_WORDS.iter().copied())
                    .help("one of inner, left, outer");
                self.report(finding);
                None
            }
        }
    }

    /// `within:`, or `before:` and `after:`; `None` where there is none of them.
    fn nearness(&mut self, keys: Keys<'_>) -> Option<Nearness> {
        let mut time = |name| {
            let node = keys.optional(name)?;
            Some((self.span(node), node.span.clone()))
        };
        let (within, before, after) = (time("within"), time("before"), time("after"));
        match (within, before, after) {
            (None, None, None) => None,
            (Some((within, _)), None, None) => {
                let (before, after) = (within?, within?);
                Some(Nearness { before, after })
            }
            (None, before, after) => {
                let of = |time: Option<(Option<TimeDelta>, _)>| match time {
                    Some((time, _)) => time,
                    None => Some(TimeDelta::zero()),
                };
                let (before, after) = (of(before)?, of(after)?);
                Some(Nearness { before, after })
            }
            (Some((_, span)), ..) => {
                let finding = Finding::new("`within` beside `before` or `after`", span);
                self.report(finding.help("`within: 5m` is `before: 5m, after: 5m`; say one"));
                let (before, after) = (TimeDelta::zero(), TimeDelta::zero());
                Some(Nearness { before, after })
            }
        }
    }

    pub(super) fn distinct(&mut self, node: &Node) -> Option<DistinctBody> {
        let keys = self.keys(node, &node.span, &DISTINCT)?;
        let by = keys.optional("by").and_then(|node| self.expression(node));
        let within = keys.optional("within").and_then(|node| self.span(node));
        Some(DistinctBody {
            by: by?,
            within: within?,
        })
    }
}
