//! A pipeline in words, with every default made visible, and what a change of its file costs.
//!
//! [`explain`] makes [`Fact`]s: what holds, and what it would cost to change it. [`changes()`] holds
//! those of two files against each other, so that nothing is explained in one place and judged in
//! another.

mod changes;
mod flow;
mod operators;
mod window;

use std::fmt;

use chrono::TimeDelta;

pub use changes::{Change, changes};

pub(super) use operators::chain as operator_chain;

use crate::pipeline::Pipeline;
use crate::stream::plan::Plan;
use crate::stream::window::Windows;

/// Everything there is to say of one flow, or of the pipeline as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// `pipeline` or `flow`, and its name.
    pub title: String,
    /// What holds.
    pub facts: Vec<Fact>,
}

/// One thing that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is about, in a word or two.
    pub about: &'static str,
    /// What holds; a line each.
    pub lines: Vec<String>,
    /// What it costs to change it.
    pub cost: Cost,
}

/// What a change of the file costs when the pipeline goes on with the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Nothing: what was computed so far stays right.
    Nothing,
    /// It follows from another change, which tells its cost.
    Follows,
    /// The results of windows that are open at the change, and all after it, are others.
    ResultsDiffer,
    /// State is rebuilt: it is kept by key and window, and both are others now.
    StateRebuilt,
    /// Records that wait in the internal topic were written for the old file.
    InternalTopic,
    /// Another topic is read, from its beginning where the group has no offsets there.
    SourceReadAnew,
    /// Results go elsewhere, or look otherwise; those that were written stay as they are.
    ReadersAffected,
    /// Another consumer group, with no offsets: everything is read and computed anew.
    Everything,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "costs nothing",
            Self::Follows => "follows from what changed above",
            Self::ResultsDiffer => "results differ, from the windows that are open at the change on",
            Self::StateRebuilt => {
                "state is rebuilt from the source topic; results of windows that are open at the change may come out again, in the new form"
            }
            Self::InternalTopic => {
                "the internal topic holds records for the old file: stop the pipeline once it has caught up, then start it with the new one"
            }
            Self::SourceReadAnew => {
                "another topic is read, from its beginning where the group has committed nothing there; open windows of the old one are given up"
            }
            Self::ReadersAffected => "results look otherwise or go elsewhere from the change on; those that were written stay",
            Self::Everything => {
                "another consumer group and other internal topics: everything is read and computed anew, the old ones can be deleted"
            }
        })
    }
}

/// A fact of one line.
fn fact(about: &'static str, line: impl Into<String>, cost: Cost) -> Fact {
    Fact {
        about,
        lines: vec![line.into()],
        cost,
    }
}

/// What there is to say of a pipeline: of the whole, then of each flow.
#[must_use]
pub fn explain(pipeline: &Pipeline) -> Vec<Section> {
    let mut sections = vec![whole(pipeline)];
    sections.extend(flows(&pipeline.plan));
    sections
}

/// What there is to say of each flow of a plan, also of one that was built in Rust
/// ([`crate::stream::builder`]).
#[must_use]
pub fn flows(plan: &Plan) -> Vec<Section> {
    let flows = plan.flows.iter();
    flows.map(|flow| flow::section(plan, flow)).collect()
}

fn whole(pipeline: &Pipeline) -> Section {
    let connect = &pipeline.connect;
    let brokers = connect.brokers.as_ref();
    let brokers = brokers.map_or("as the command line says, else localhost:9092", |at| {
        &*at.value
    });
    let registry = connect.registry.as_ref();
    let registry = registry.map_or("as the command line says, else none", |at| &*at.value);
    Section {
        title: format!("pipeline {}", pipeline.plan.name),
        facts: vec![
            fact(
                "group",
                format!(
                    "{}, the consumer group whose offsets say how far it has come",
                    pipeline.plan.name
                ),
                Cost::Everything,
            ),
            fact("brokers", brokers, Cost::Nothing),
            fact("registry", registry, Cost::Nothing),
            fact("delivery", pipeline.delivery.to_string(), Cost::Nothing),
        ],
    }
}

/// The sections as text: titles at the margin, what they are about in a column of its own.
#[must_use]
pub fn text(sections: &[Section]) -> String {
    let facts = sections.iter().flat_map(|section| &section.facts);
    let width = facts.map(|fact| fact.about.len()).max().unwrap_or(0);
    let section = |section: &Section| {
        let facts = section.facts.iter().flat_map(|fact| {
            let abouts = [fact.about].into_iter().chain(std::iter::repeat(""));
            let lines = fact.lines.iter().zip(abouts);
            lines.map(|(line, about)| format!("  {about:width$}  {line}\n"))
        });
        format!("{}\n{}", section.title, facts.collect::<String>())
    };
    let sections: Vec<_> = sections.iter().map(section).collect();
    sections.join("\n")
}

/// A duration with the units of the file: `1h30m`, `250ms`, `0s`.
pub(super) fn units(duration: TimeDelta) -> String {
    let mut left = duration.num_milliseconds().unsigned_abs();
    let mut text = String::new();
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    for (unit, millis) in units {
        if left >= millis {
            text.push_str(&format!("{}{unit}", left / millis));
            left %= millis;
        }
    }
    match text.is_empty() {
        true => "0s".to_owned(),
        false => text,
    }
}

/// The same, of milliseconds.
fn millis(millis: i64) -> String {
    units(TimeDelta::milliseconds(millis))
}

/// The windows in the words of the file, with their defaults.
pub(super) fn window_kind(windows: &Windows) -> String {
    window::told(windows).kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::duration;

    #[test]
    fn durations_are_told_as_the_file_has_them() {
        for text in ["0s", "1ms", "1s500ms", "1m", "1h30m", "7d", "1d1h1m1s1ms"] {
            assert_eq!(units(duration::parse(text).expect(text)), text);
        }
    }
}
