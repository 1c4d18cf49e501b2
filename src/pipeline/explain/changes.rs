//! Two files held against each other.

use std::fmt;

use crate::pipeline::Pipeline;
use crate::pipeline::explain::Cost;
use crate::pipeline::explain::Fact;
use crate::pipeline::explain::Section;
use crate::pipeline::explain::explain;

/// What a change of the file changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A flow is new.
    Added {
        /// `flow` and its name.
        title: String,
        /// What it reads.
        source: String,
    },
    /// A flow is gone.
    Removed {
        /// `flow` and its name.
        title: String,
        /// The internal topic that it leaves behind, where it has one.
        internal: Option<String>,
    },
    /// A fact is another one.
    Changed {
        /// `pipeline` or `flow`, and its name.
        title: String,
        /// What it is about.
        about: &'static str,
        /// What held.
        old: Vec<String>,
        /// What holds.
        new: Vec<String>,
        /// What that costs.
        cost: Cost,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { title, source } => {
                writeln!(f, "{title}: new")?;
                writeln!(
                    f,
                    "  = reads {source} from its beginning where the group has committed nothing there, else from where the other flows stand"
                )
            }
            Self::Removed { title, internal } => {
                writeln!(f, "{title}: gone")?;
                match internal {
                    Some(topic) => writeln!(f, "  = the internal topic {topic} can be deleted"),
                    None => writeln!(f, "  = leaves nothing behind"),
                }
            }
            Self::Changed {
                title,
                about,
                old,
                new,
                cost,
            } => {
                writeln!(f, "{title}: {about}")?;
                old.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
                new.iter().try_for_each(|line| writeln!(f, "  + {line}"))?;
                writeln!(f, "  = {cost}")
            }
        }
    }
}

/// What is otherwise in `new` than it was in `old`, and what it costs to go on with it.
#[must_use]
pub fn changes(old: &Pipeline, new: &Pipeline) -> Vec<Change> {
    let (old_sections, new_sections) = (explain(old), explain(new));
    let mut changes = Vec::new();
    // The pipeline itself comes first in both, whatever its name.
    if let ([old, old_flows @ ..], [new, new_flows @ ..]) = (&*old_sections, &*new_sections) {
        section_changes(old, new, &mut changes);
        flow_changes(old_flows, new_flows, &mut changes);
    }
    changes
}

fn flow_changes(old: &[Section], new: &[Section], changes: &mut Vec<Change>) {
    for gone in old {
        if named(new, &gone.title).is_none() {
            changes.push(Change::Removed {
                title: gone.title.clone(),
                internal: internal_topic(gone),
            });
        }
    }
    for section in new {
        match named(old, &section.title) {
            Some(before) => section_changes(before, section, changes),
            None => changes.push(Change::Added {
                title: section.title.clone(),
                source: first_line(section, "reads").unwrap_or_default(),
            }),
        }
    }
}

fn named<'s>(sections: &'s [Section], title: &str) -> Option<&'s Section> {
    sections.iter().find(|section| section.title == title)
}

fn first_line(section: &Section, about: &str) -> Option<String> {
    let fact = section.facts.iter().find(|fact| fact.about == about)?;
    fact.lines.first().cloned()
}

/// The name of the internal topic, which its fact begins with.
fn internal_topic(section: &Section) -> Option<String> {
    let line = first_line(section, "internal topic")?;
    let (name, _) = line.split_once(',')?;
    Some(name.to_owned())
}

fn section_changes(old: &Section, new: &Section, changes: &mut Vec<Change>) {
    let lines = |facts: &[Fact], about: &str| {
        let fact = facts.iter().find(|fact| fact.about == about);
        fact.map(|fact| fact.lines.clone()).unwrap_or_default()
    };
    let gone = old.facts.iter().filter(|fact| {
        let mut facts = new.facts.iter();
        !facts.any(|other| other.about == fact.about)
    });
    for fact in new.facts.iter().chain(gone) {
        let (before, after) = (lines(&old.facts, fact.about), lines(&new.facts, fact.about));
        if before != after {
            changes.push(Change::Changed {
                title: new.title.clone(),
                about: fact.about,
                old: before,
                new: after,
                cost: fact.cost,
            });
        }
    }
}
