//! The keys of a mapping, each known, none left over.

use std::ops::Range;

use crate::pipeline::finding::Finding;
use crate::pipeline::vocabulary::Entry;
use crate::pipeline::vocabulary::Need;
use crate::pipeline::vocabulary::Vocabulary;
use crate::pipeline::yaml::Key;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;

/// A mapping whose keys have been held against a vocabulary.
#[derive(Clone, Copy)]
pub(super) struct Keys<'t> {
    entries: &'t [(Key, Node)],
}

impl<'t> Keys<'t> {
    /// The value under `name`; one that is nothing counts as not there.
    pub(super) fn optional(&self, name: &str) -> Option<&'t Node> {
        self.stands(name).filter(|value| !value.is_null())
    }

    /// The value under `name`, also one that is nothing.
    pub(super) fn stands(&self, name: &str) -> Option<&'t Node> {
        let found = self.entries.iter().find(|(key, _)| key.name == name);
        found.map(|(_, value)| value)
    }
}

/// The finding that the key of `entry` is missing from the mapping at `at`.
fn missing(entry: &Entry, vocabulary: &Vocabulary, at: &Range<usize>) -> Finding {
    let message = format!("missing key `{}` of {}", entry.name, vocabulary.of);
    Finding::new(message, at.clone()).help(format!("add `{}`", entry.written()))
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

/// The keys of a mapping, with every key that is not in the vocabulary reported, and every one that
/// must be there and is not. Findings about the mapping as a whole will point to `at`.
pub(super) fn keys<'t>(
    node: &'t Node,
    at: &'t Range<usize>,
    vocabulary: &'static Vocabulary,
    findings: &mut Vec<Finding>,
) -> Option<Keys<'t>> {
    let Kind::Mapping(entries) = &node.kind else {
        let message = format!("expected {}, found {}", vocabulary.of, node.describe());
        let finding = Finding::new(message, node.span.clone());
        findings.push(finding.help(format!("write {}", vocabulary.example())));
        return None;
    };
    for (key, _) in entries {
        if !vocabulary.names().any(|name| name == key.name) {
            findings.push(unknown(key, vocabulary));
        }
    }
    let keys = Keys { entries };
    for entry in vocabulary.keys {
        if entry.need == Need::Required && keys.optional(entry.name).is_none() {
            findings.push(missing(entry, vocabulary, at));
        }
    }
    Some(keys)
}

fn unknown(key: &Key, vocabulary: &Vocabulary) -> Finding {
    if vocabulary.later.contains(&key.name.as_str()) {
        let message = format!("`{}` is not supported yet", key.name);
        return Finding::new(message, key.span.clone())
            .help("remove it, or wait for a later version");
    }
    let message = format!("unknown key `{}` of {}", key.name, vocabulary.of);
    let known: Vec<_> = vocabulary.names().collect();
    Finding::new(message, key.span.clone())
        .nearest(&key.name, vocabulary.names())
        .help(format!("the keys here are {}", known.join(", ")))
}
