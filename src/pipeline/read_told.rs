//! What tests of alerts expect, read.

use crate::pipeline::file::Expected;
use crate::pipeline::file::ExpectedField;
use crate::pipeline::finding::Finding;
use crate::pipeline::read::Reader;
use crate::pipeline::testing::clock;
use crate::pipeline::yaml::Node;
use crate::stream::alert::Change;

const HELP: &str = "write how many, as in `[ fired: 1, cleared: 1 ]`, or each with its key and time, as in `{ key: web, fired: \"12:00:40\" }`";

impl Reader<'_, '_> {
    /// What an alert tells: numbers, or one entry for each.
    pub(super) fn expect_told(&mut self, node: &Node) -> Vec<Expected> {
        let expected = self.expect(node);
        let mut numbers: Vec<&str> = Vec::new();
        let mut notices = 0;
        for entry in &expected {
            let changes = || entry.fields.iter().filter(|field| field.is_change());
            let is_of_numbers = changes().any(|field| field.value.is_number());
            match is_of_numbers {
                true => self.check_numbers(entry, &mut numbers),
                false => {
                    notices += 1;
                    self.check_notice(entry);
                }
            }
        }
        if !numbers.is_empty() && notices > 0 {
            self.refuse("numbers beside what is told one by one", node);
        }
        expected
    }

    /// `fired: 1`; each once in a list.
    fn check_numbers<'e>(&mut self, entry: &'e Expected, seen: &mut Vec<&'e str>) {
        for field in &entry.fields {
            match field.is_change() {
                true if !field.value.is_u64() => {
                    let message = format!("`{}` is no number of times", field.value);
                    self.refuse(&message, &field.node);
                }
                true if seen.contains(&field.name.as_str()) => {
                    self.refuse(
                        &format!("`{}` for the second time", field.name),
                        &field.node,
                    );
                }
                true => seen.push(&field.name),
                false => {
                    let message = format!("`{}` beside a number of times", field.name);
                    self.refuse(&message, &field.node);
                }
            }
        }
    }

    /// `{ key: web, fired: "12:00:40" }`.
    fn check_notice(&mut self, entry: &Expected) {
        let is_known =
            |field: &ExpectedField| field.is_change() || ["key", "message"].contains(&&*field.name);
        if let Some(field) = entry.fields.iter().find(|field| !is_known(field)) {
            let message = format!("alerts tell no `{}`", field.name);
            let finding = Finding::new(message, field.node.span.clone());
            let known = Change::ALL.map(Change::name).into_iter();
            let known = known.chain(["key", "message"]);
            return self.report(finding.nearest(&field.name, known).help(HELP));
        }
        let mut changes = entry.fields.iter().filter(|field| field.is_change());
        match (changes.next(), changes.next()) {
            (Some(change), None) => {
                let time = change.value.as_str().and_then(clock::instant);
                if time.is_none() {
                    let message = format!("`{}` is no time", change.value);
                    self.refuse(&message, &change.node);
                }
            }
            (Some(_), Some(other)) => {
                self.refuse("two things in one entry", &other.node);
            }
            (None, _) => {
                let message = "neither `fired` nor `cleared` nor `no_data`";
                let finding = Finding::new(message, entry.span.clone());
                self.report(finding.help(HELP));
            }
        }
    }

    fn refuse(&mut self, message: &str, node: &Node) {
        let finding = Finding::new(message, node.span.clone());
        self.report(finding.help(HELP));
    }
}
