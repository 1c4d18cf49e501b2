//! The file with the expected values that came out, and everything else as it was.

use std::ops::Range;

use serde_json::Map;
use serde_json::Value as Json;

use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::Pipeline;
use crate::pipeline::file::Expected;
use crate::pipeline::file::TestCase;
use crate::pipeline::testing;
use crate::pipeline::testing::compare;
use crate::pipeline::testing::compare::Difference;
use crate::pipeline::testing::drive::Outcome;
use crate::pipeline::testing::drive::Outgoing;
use crate::pipeline::testing::json::written;
use crate::pipeline::yaml::Node;
use crate::stream::alert::Change;

/// One place of the file and what is to stand there.
type Edit = (Range<usize>, String);

/// The text of the pipeline file with what its tests expect replaced by what came out; comments, and
/// how everything else is written, stay.
///
/// Where a flow stopped at a record, its test stays as it is.
///
/// # Errors
///
/// As [`testing::run`].
pub fn rewritten(
    text: &str,
    pipeline: &Pipeline,
    outside: &Outside<'_>,
) -> Result<String, Findings> {
    let mut edits = Vec::new();
    for test in &pipeline.tests {
        let outcome = testing::outcome(pipeline, test, outside)?;
        if outcome.stopped.is_none() {
            test_edits(text, test, &outcome, &mut edits);
        }
    }
    Ok(applied(text, edits))
}

fn applied(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(place, _)| (place.start, place.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (place, new) in edits {
        // What lies in a place that was replaced already is gone.
        if place.start < at {
            continue;
        }
        out.push_str(text.get(at..place.start).unwrap_or_default());
        out.push_str(&new);
        at = place.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn test_edits(text: &str, test: &TestCase, outcome: &Outcome, edits: &mut Vec<Edit>) {
    let differences = compare::differences(test, test.expect.as_deref(), outcome);
    let mut new_numbers = Vec::new();
    for difference in &differences {
        if let Difference::Count {
            of, found, span, ..
        } = difference
        {
            match span {
                Some(span) => edits.push((span.clone(), found.to_string())),
                None if is_told(of) => new_numbers.push(format!("{of}: {found}")),
                None => edits.push(new_key(text, test, of, *found)),
            }
        }
    }
    let (Some(expected), Some(node)) = (&test.expect, &test.expect_node) else {
        return;
    };
    let list = List {
        text,
        node,
        expected,
        results: &outcome.results,
    };
    if compare::is_of_numbers(test, expected) {
        if !new_numbers.is_empty() {
            edits.push(list.whole(list.numbers(new_numbers)));
        }
        return;
    }
    let is_out_of_order = |difference: &Difference| matches!(difference, Difference::Order { .. });
    if differences.iter().any(is_out_of_order) {
        edits.push(list.whole(list.entries()));
    } else {
        list.in_place(edits);
    }
}

/// Whether it is the number of what an alert tells.
fn is_told(of: &str) -> bool {
    Change::ALL.into_iter().any(|change| change.name() == of)
}

/// A line more at the end of a test.
fn new_key(text: &str, test: &TestCase, name: &str, value: u64) -> Edit {
    let end = test.span.end;
    let is_flow = text
        .get(test.span.clone())
        .is_some_and(|test| test.starts_with('{'));
    if is_flow {
        let before = end.saturating_sub(1);
        return (before..before, format!(", {name}: {value} "));
    }
    let column = test.span.start - line_start(text, test.span.start);
    let indent = " ".repeat(column);
    (end..end, format!("\n{indent}{name}: {value}"))
}

/// `expect:` of a test, and what came out.
struct List<'l> {
    text: &'l str,
    node: &'l Node,
    expected: &'l [Expected],
    results: &'l [Outgoing],
}

impl List<'_> {
    /// Changes values where they stand, takes out lines and adds others.
    fn in_place(&self, edits: &mut Vec<Edit>) {
        let pairs = compare::pairs(self.expected, self.results);
        let has_gone = pairs.contains(&None);
        let new: Vec<_> = self.unexpected(&pairs).collect();
        if (has_gone || !new.is_empty()) && !self.is_block() {
            return edits.push(self.whole(self.entries()));
        }
        let mut end = None;
        for (expected, pair) in self.expected.iter().zip(&pairs) {
            match pair.and_then(|number| self.results.get(number)) {
                Some(result) => value_edits(expected, result, edits),
                None => edits.push((self.lines(&expected.span), String::new())),
            }
            end = Some(self.lines(&expected.span).end);
        }
        if let Some(end) = end {
            let lines = new
                .iter()
                .map(|result| self.line(&compare::result_written(result)));
            let lines: String = lines.collect();
            let needs_break = !self.text.get(..end).unwrap_or_default().ends_with('\n');
            if !lines.is_empty() && needs_break {
                edits.push((end..end, format!("\n{}", lines.trim_end())));
            } else if !lines.is_empty() {
                edits.push((end..end, lines));
            }
        }
    }

    fn unexpected<'s>(&'s self, pairs: &'s [Option<usize>]) -> impl Iterator<Item = &'s Outgoing> {
        let numbered = self.results.iter().enumerate();
        numbered
            .filter(|(number, _)| !pairs.contains(&Some(*number)))
            .map(|(_, result)| result)
    }

    /// Whether each entry stands on lines of its own, behind a dash.
    fn is_block(&self) -> bool {
        !self.expected.is_empty()
            && self.expected.iter().all(|expected| {
                let start = line_start(self.text, expected.span.start);
                let before = self.text.get(start..expected.span.start);
                before.is_some_and(|before| before.trim() == "-")
            })
    }

    /// The lines that an entry stands on, with the end of the last.
    fn lines(&self, span: &Range<usize>) -> Range<usize> {
        let rest = self.text.get(span.end..).unwrap_or_default();
        let end = rest
            .find('\n')
            .map_or(self.text.len(), |at| span.end + at + 1);
        line_start(self.text, span.start)..end
    }

    /// A line for one more entry, indented as the first one.
    fn line(&self, entry: &str) -> String {
        let first = self.expected.first().map_or(0, |entry| entry.span.start);
        let start = line_start(self.text, first);
        let before = self.text.get(start..first).unwrap_or_default();
        format!("{before}{entry}\n")
    }

    /// How often each thing was told, and with `new` those that were not expected at all.
    fn numbers(&self, new: Vec<String>) -> Vec<String> {
        let fields = self.expected.iter().flat_map(|entry| &entry.fields);
        let known = fields.map(|field| {
            let of_it = |result: &&Outgoing| result.time == Some(&*field.name);
            let found = self.results.iter().filter(of_it).count();
            format!("{}: {found}", field.name)
        });
        known.chain(new).collect()
    }

    /// All results, each with the fields that the test names.
    fn entries(&self) -> Vec<String> {
        let pairs = compare::pairs(self.expected, self.results);
        let entries = self.results.iter().enumerate().map(|(number, result)| {
            let place = pairs.iter().position(|pair| *pair == Some(number));
            match place.and_then(|place| self.expected.get(place)) {
                Some(expected) => entry_written(expected, result),
                None => compare::result_written(result),
            }
        });
        entries.collect()
    }

    /// These entries in place of the whole list.
    fn whole(&self, entries: Vec<String>) -> Edit {
        let span = &self.node.span;
        let written = self.text.get(span.clone()).unwrap_or_default();
        if written.starts_with('[') {
            let list = match entries.is_empty() {
                true => "[]".to_owned(),
                false => format!("[ {} ]", entries.join(", ")),
            };
            return (span.clone(), list);
        }
        // Right behind `expect:`, on lines of their own.
        let before = self.text.get(..span.start).unwrap_or_default();
        let start = before.trim_end().trim_end_matches('-').trim_end().len();
        // Where nothing stands, it stands before the colon.
        let has_colon = self
            .text
            .get(start..)
            .is_some_and(|rest| rest.starts_with(':'));
        let start = start + usize::from(has_colon);
        let key = line_start(self.text, start);
        let line = self.text.get(key..start).unwrap_or_default();
        let indent = line.len() - line.trim_start_matches([' ', '-']).len() + 2;
        let indent = " ".repeat(indent);
        let lines = entries.iter().map(|entry| format!("\n{indent}- {entry}"));
        let list = match entries.is_empty() {
            true => " []".to_owned(),
            false => lines.collect(),
        };
        let end = if has_colon {
            start
        } else {
            span.end.max(start)
        };
        (start..end, list)
    }
}

/// New values where a result has others than expected.
fn value_edits(expected: &Expected, result: &Outgoing, edits: &mut Vec<Edit>) {
    let found = expected.fields.iter();
    let found: Vec<_> = found
        .map(|field| (field, compare::found(field, result)))
        .collect();
    if found.iter().any(|(_, found)| found.is_none()) {
        return edits.push((expected.span.clone(), entry_written(expected, result)));
    }
    for (field, found) in found {
        if let Some(found) = found.filter(|found| !compare::is_same(&field.value, found)) {
            let new = compare::written_as(&field.value, &found);
            edits.push((field.node.span.clone(), new));
        }
    }
}

/// The result with the fields that the test names.
fn entry_written(expected: &Expected, result: &Outgoing) -> String {
    let mut fields = Map::new();
    for field in &expected.fields {
        let Some(found) = compare::found(field, result) else {
            continue;
        };
        let value = match compare::is_same(&field.value, &found) {
            true => field.value.clone(),
            false => compare::as_expected(&field.value, found),
        };
        fields.insert(field.name.clone(), value);
    }
    written(&Json::Object(fields))
}

fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.rfind('\n').map_or(0, |at| at + 1)
}
