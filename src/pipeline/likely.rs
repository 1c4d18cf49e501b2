//! What is right as it stands, and likely not meant.

use crate::pipeline::file::File;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::SourceEntry;
use crate::pipeline::finding::Finding;
use crate::stream::plan::Emit;
use crate::stream::plan::Thinning;
use crate::stream::window::Windows;

/// Likely mistakes in `file`.
pub(super) fn mistakes(file: &File) -> Vec<Finding> {
    let mut mistakes = Vec::new();
    unread_sources(file, &mut mistakes);
    shared_topics(file, &mut mistakes);
    silent_sources(file, &mut mistakes);
    unfinished_windows(file, &mut mistakes);
    mistakes
}

fn bodies(file: &File) -> impl Iterator<Item = &FlowBody> {
    file.flows.iter().filter_map(|flow| flow.body.as_ref())
}

fn reads(body: &FlowBody, source: &SourceEntry) -> bool {
    let join = body.join.as_ref().map(|join| &join.with);
    let mut names = [&body.from].into_iter().chain(&body.others).chain(join);
    names.any(|name| name.value == source.name.value)
}

fn unread_sources(file: &File, mistakes: &mut Vec<Finding>) {
    for source in &file.sources {
        if !bodies(file).any(|body| reads(body, source)) {
            let message = format!("no flow reads `{}`", source.name.value);
            let finding = Finding::new(message, source.name.span.clone());
            mistakes.push(finding.help("remove it, or read it with `from:`"));
        }
    }
}

fn shared_topics(file: &File, mistakes: &mut Vec<Finding>) {
    for (number, body) in bodies(file).enumerate() {
        let topic = &body.to.topic;
        let mut before = bodies(file).take(number);
        if before.any(|other| other.to.topic.value == topic.value) {
            let message = format!("another flow writes into `{}` too", topic.value);
            let finding = Finding::new(message, topic.span.clone());
            mistakes
                .push(finding.help("give each flow a topic of its own, or merge them in one flow"));
        }
    }
}

/// Windows that put out nothing until they close, over a source whose silence closes none.
fn silent_sources(file: &File, mistakes: &mut Vec<Finding>) {
    for body in bodies(file) {
        let Some(window) = &body.window else {
            continue;
        };
        let waits = body.emit.as_ref().is_none_or(|emit| {
            emit.value == Emit::Final || matches!(emit.thinning, Thinning::Hold(..))
        });
        let closes = !matches!(window.value, Windows::Running | Windows::Rows(_));
        let sources = file.sources.iter();
        let mut silent = sources.filter(|source| {
            let idle = source.body.as_ref().map(|body| body.idle);
            source.name.value == body.from.value && idle == Some(None)
        });
        if let Some(source) = silent.next().filter(|_| waits && closes) {
            let name = &source.name.value;
            let message = format!(
                "while `{name}` is silent its last windows stay open, and nothing comes out of them"
            );
            let finding = Finding::new(message, window.span.clone());
            mistakes.push(finding.help(format!(
                "add `idle: 30s` to the source `{name}`, or say `emit: updates`"
            )));
        }
    }
}

/// Alerts that see windows which have only begun: what holds of a whole window does not of its first
/// second, so they clear and begin anew with each window.
fn unfinished_windows(file: &File, mistakes: &mut Vec<Finding>) {
    for alert in file.alerts.iter().filter_map(|alert| alert.body.as_ref()) {
        let mut flows = file.flows.iter();
        let flow = flows.find(|flow| flow.name.value == alert.on.value);
        let Some(body) = flow.and_then(|flow| flow.body.as_ref()) else {
            continue;
        };
        let window = body.window.as_ref().map(|window| &window.value);
        let begins = matches!(window, Some(Windows::Time(_) | Windows::Calendar(_)));
        let is_final = body
            .emit
            .as_ref()
            .is_none_or(|emit| emit.value == Emit::Final);
        if begins && !is_final {
            let name = &alert.on.value;
            let message = format!("the alert sees windows of `{name}` that have only begun");
            let finding = Finding::new(message, alert.on.span.clone());
            mistakes.push(finding.help(format!("say `emit: final` in `{name}`")));
        }
    }
}
