//! The keys of a mapping, each known, none left over.

use std::ops::Range;

use crate::pipeline::finding::Finding;
use crate::pipeline::yaml::Key;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;

/// The keys that a mapping may have.
pub(super) struct Vocabulary {
    /// What the mapping is, in words.
    pub(super) of: &'static str,
    /// The keys that are understood.
    pub(super) known: &'static [&'static str],
    /// The keys that will be, which are refused rather than passed over.
    pub(super) later: &'static [&'static str],
}

/// A mapping whose keys have been held against a vocabulary.
#[derive(Clone, Copy)]
pub(super) struct Keys<'t> {
    entries: &'t [(Key, Node)],
    /// Where findings about the whole point to.
    pub(super) at: &'t Range<usize>,
}

impl<'t> Keys<'t> {
    /// The value under `name`; one that is nothing counts as not there.
    pub(super) fn optional(&self, name: &str) -> Option<&'t Node> {
        let found = self.entries.iter().find(|(key, _)| key.name == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// Whether any of `names` is there.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        let mut keys = self.entries.iter().map(|(key, _)| key.name.as_str());
        keys.any(|key| names.contains(&key))
    }

    /// The value under `name`, whose absence is reported.
    pub(super) fn required(&self, name: &str, findings: &mut Vec<Finding>) -> Option<&'t Node> {
        let found = self.optional(name);
        if found.is_none() {
            findings.push(missing(name, self.at));
        }
        found
    }
}

/// The finding that `name` is missing from the mapping at `at`.
pub(super) fn missing(name: &str, at: &Range<usize>) -> Finding {
    Finding::new(format!("missing key `{name}`"), at.clone())
}

/// The entries of a mapping; reports where `node` is none.
pub(super) fn entries<'t>(
    node: &'t Node,
    of: &str,
    findings: &mut Vec<Finding>,
) -> Option<&'t [(Key, Node)]> {
    if let Kind::Mapping(entries) = &node.kind {
        return Some(entries);
    }
    let message = format!("expected {of}, found {}", node.describe());
    findings
        .push(Finding::new(message, node.span.clone()).help("a mapping is written `key: value`"));
    None
}

/// The keys of a mapping, with every key that is not in the vocabulary reported. Findings about
/// the mapping as a whole will point to `at`.
pub(super) fn keys<'t>(
    node: &'t Node,
    at: &'t Range<usize>,
    vocabulary: &Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<Keys<'t>> {
    let entries = entries(node, vocabulary.of, findings)?;
    for (key, _) in entries {
        if !vocabulary.known.contains(&key.name.as_str()) {
            findings.push(unknown(key, vocabulary));
        }
    }
    Some(Keys { entries, at })
}

fn unknown(key: &Key, vocabulary: &Vocabulary) -> Finding {
    if vocabulary.later.contains(&key.name.as_str()) {
        let message = format!("`{}` is not supported yet", key.name);
        return Finding::new(message, key.span.clone())
            .help("remove it, or wait for a later version");
    }
    let message = format!("unknown key `{}` of {}", key.name, vocabulary.of);
    let known = vocabulary.known.join(", ");
    Finding::new(message, key.span.clone())
        .nearest(&key.name, vocabulary.known.iter().copied())
        .help(format!("the keys here are {known}"))
}
