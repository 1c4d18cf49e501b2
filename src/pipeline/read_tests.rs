//! The tests of a pipeline file, read.

use std::ops::Range;

use serde_json::Value as Json;

use crate::pipeline::file::AlertEntry;
use crate::pipeline::file::Arrival;
use crate::pipeline::file::Expected;
use crate::pipeline::file::ExpectedField;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::Given;
use crate::pipeline::file::Located;
use crate::pipeline::file::Subject;
use crate::pipeline::file::TestCase;
use crate::pipeline::file::Written;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::keys::entries;
use crate::pipeline::read::Reader;
use crate::pipeline::testing::clock;
use crate::pipeline::testing::json::json;
use crate::pipeline::vocabulary::ARRIVAL;
use crate::pipeline::vocabulary::TEST;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::record::Timestamp;

/// A topic of a test has at most so many partitions.
const PARTITIONS_MAX: u32 = 64;

impl Reader<'_, '_> {
    /// The tests, of which those of flows that there are not are reported.
    pub(super) fn tests(
        &mut self,
        node: &Node,
        flows: &[FlowEntry],
        alerts: &[AlertEntry],
    ) -> Vec<TestCase> {
        let items = self.list(node, "a list of tests");
        let tests: Vec<_> = items.iter().filter_map(|item| self.test(item)).collect();
        let flows: Vec<_> = flows.iter().map(|flow| flow.name.value.as_str()).collect();
        let alerts: Vec<_> = alerts
            .iter()
            .map(|alert| alert.name.value.as_str())
            .collect();
        for test in &tests {
            match &test.subject {
                Subject::Flow(name) => self.check_known(name, &flows, "flow"),
                Subject::Alert(name) => self.check_known(name, &alerts, "alert"),
            }
        }
        tests
    }

    fn check_known(&mut self, name: &Located<String>, known: &[&str], of: &str) {
        if known.contains(&name.value.as_str()) {
            return;
        }
        let finding = Finding::new(format!("`{}` is no {of}", name.value), name.span.clone());
        let help = match known {
            [] => format!("this file has no {of}s"),
            known => format!("the {of}s are {}", known.join(", ")),
        };
        let known = known.iter().copied();
        self.report(finding.nearest(&name.value, known).help(help));
    }

    fn test(&mut self, node: &Node) -> Option<TestCase> {
        let start = node.span.start..node.span.start;
        let keys = self.keys(node, &start, &TEST)?;
        let name = keys.optional("name");
        let name = name.and_then(|node| self.text(node, "what the test shows"));
        let subject = self.subject(keys, &start);
        let partitions = self.partitions(keys);
        let given = self.given(keys, &start);
        let expect_node = keys.stands("expect");
        let expect_file = keys.optional("expect_file");
        if let Some(file) = expect_file.filter(|_| expect_node.is_some()) {
            let finding = Finding::new("`expect` and `expect_file`", file.span.clone());
            self.report(finding.help("remove one of the two"));
        }
        Some(TestCase {
            expect: expect_node.map(|node| match &subject {
                Some(Subject::Alert(_)) => self.expect_told(node),
                _ => self.expect(node),
            }),
            expect_node: expect_node.cloned(),
            expect_file: expect_file.and_then(|node| self.text(node, "the name of a file")),
            late: self.count(keys, "late"),
            rejected: self.count(keys, "rejected"),
            filtered: self.count(keys, "filtered"),
            span: node.span.clone(),
            name: name?,
            subject: subject?,
            partitions,
            given: given?,
        })
    }

    /// How many partitions there are: 1 unless it is said.
    fn partitions(&mut self, keys: Keys<'_>) -> u32 {
        let Some(count) = self.count(keys, "partitions") else {
            return 1;
        };
        let known = u32::try_from(count.value).ok();
        known
            .filter(|known| (1..=PARTITIONS_MAX).contains(known))
            .unwrap_or_else(|| {
                let message = format!("{} partitions", count.value);
                let finding = Finding::new(message, count.span);
                self.report(finding.help(format!("from 1 to {PARTITIONS_MAX}")));
                1
            })
    }

    fn subject(&mut self, keys: Keys<'_>, start: &Range<usize>) -> Option<Subject> {
        match (keys.optional("flow"), keys.optional("alert")) {
            (Some(flow), None) => self.text(flow, "the name of a flow").map(Subject::Flow),
            (None, Some(alert)) => self.text(alert, "the name of an alert").map(Subject::Alert),
            (None, None) => {
                let finding = Finding::new("a test of nothing", start.clone());
                self.report(finding.help("add `flow: NAME`, the flow that is tested"));
                None
            }
            (Some(_), Some(alert)) => {
                let finding = Finding::new("a test of a flow and an alert", alert.span.clone());
                self.report(finding.help("make two tests of it"));
                None
            }
        }
    }

    fn given(&mut self, keys: Keys<'_>, start: &Range<usize>) -> Option<Given> {
        match (keys.optional("given"), keys.optional("given_file")) {
            (Some(given), None) => {
                let items = self.list(given, "a list of records");
                let mut arrivals: Vec<Arrival> = Vec::with_capacity(items.len());
                for item in items {
                    let arrival = self.arrival(item);
                    arrivals.extend(arrival);
                }
                self.check_order(&arrivals);
                Some(Given::Here(arrivals))
            }
            (None, Some(file)) => self.text(file, "the name of a file").map(Given::File),
            (None, None) => {
                let finding = Finding::new("a test without records", start.clone());
                let help = "add `given: [ { at: \"12:00:00\", value: … } ]`, or `given_file: NAME` with one envelope a line, as `consume -o jsonl` prints them";
                self.report(finding.help(help));
                None
            }
            (Some(_), Some(file)) => {
                let finding = Finding::new("`given` and `given_file`", file.span.clone());
                self.report(finding.help("remove one of the two"));
                None
            }
        }
    }

    /// The wall clock does not go back.
    fn check_order(&mut self, arrivals: &[Arrival]) {
        for pair in arrivals.windows(2) {
            if let [before, after] = pair
                && after.at < before.at
            {
                let message = format!(
                    "a record that arrives before the one above it, at {}",
                    clock::written(before.at)
                );
                let finding = Finding::new(message, after.span.clone());
                self.report(finding.help(
                    "`at` is when a record arrives; its event time may lie before, in its value",
                ));
            }
        }
    }

    fn arrival(&mut self, node: &Node) -> Option<Arrival> {
        let keys = self.keys(node, &node.span, &ARRIVAL)?;
        let at = keys.optional("at").and_then(|node| self.instant(node))?;
        let (key, value) = (keys.optional("key"), keys.stands("value"));
        let headers = keys.optional("headers");
        let topic = keys.optional("topic");
        let topic = topic.and_then(|node| self.text(node, "the name of a topic"));
        let partition = self.count(keys, "partition");
        let is_time = topic.is_none() && partition.is_none();
        let record = match (key, value, headers) {
            (None, None, None) if is_time => None,
            (_, None, _) => {
                let finding = Finding::new("a record without `value`", node.span.clone());
                self.report(finding.help("add `value: …`; `value: null` is a tombstone"));
                return None;
            }
            (key, Some(value), headers) => Some(Written {
                topic,
                partition,
                key: match key {
                    Some(node) => Some(self.json(node)?),
                    None => None,
                },
                value: self.json(value)?,
                value_span: value.span.clone(),
                headers: headers.map(|node| self.headers(node)).unwrap_or_default(),
            }),
        };
        Some(Arrival {
            at,
            record,
            span: node.span.clone(),
        })
    }

    fn headers(&mut self, node: &Node) -> Vec<(String, Option<String>)> {
        let mut headers = Vec::new();
        for (name, value) in entries(node, "headers by name", self.findings).unwrap_or_default() {
            let value = match value.is_null() {
                true => None,
                false => self.text(value, "a text").map(|text| text.value),
            };
            headers.push((name.name.clone(), value));
        }
        headers
    }

    fn instant(&mut self, node: &Node) -> Option<Timestamp> {
        let text = self.text(node, "a time")?;
        let instant = clock::instant(&text.value);
        if instant.is_none() {
            let message = format!("`{}` is no time", text.value);
            let finding = Finding::new(message, text.span);
            self.report(
                finding.help("write \"12:00:05\", RFC 3339, or milliseconds since the epoch"),
            );
        }
        instant
    }

    fn json(&mut self, node: &Node) -> Option<Json> {
        json(node).map_err(|finding| self.report(finding)).ok()
    }

    /// Nothing at all stands for no results.
    pub(super) fn expect(&mut self, node: &Node) -> Vec<Expected> {
        let items = match node.is_null() {
            true => &[],
            false => self.list(node, "a list of results"),
        };
        let mut expected = Vec::with_capacity(items.len());
        for item in items {
            let fields = entries(item, "the fields of a result by name", self.findings);
            let fields = fields.unwrap_or_default().iter();
            let fields = fields.filter_map(|(name, node)| {
                Some(ExpectedField {
                    name: name.name.clone(),
                    value: self.json(node)?,
                    node: node.clone(),
                })
            });
            expected.push(Expected {
                fields: fields.collect(),
                span: item.span.clone(),
            });
        }
        expected
    }

    pub(super) fn count(&mut self, keys: Keys<'_>, name: &str) -> Option<Located<u64>> {
        let node = keys.optional(name)?;
        let text = self.text(node, "a number")?;
        match text.value.parse() {
            Ok(value) => Some(Located {
                value,
                span: text.span,
            }),
            Err(_) => {
                let message = format!("expected a number of records, found `{}`", text.value);
                let finding = Finding::new(message, text.span);
                self.report(finding.help("write a whole number, 0 or more"));
                None
            }
        }
    }

    fn list<'t>(&mut self, node: &'t Node, of: &str) -> &'t [Node] {
        match &node.kind {
            Kind::Sequence(items) => items,
            Kind::Scalar(_) | Kind::Mapping(_) => {
                let message = format!("expected {of}, found {}", node.describe());
                let finding = Finding::new(message, node.span.clone());
                self.report(finding.help("a list is written `- …`, one entry a line"));
                &[]
            }
        }
    }
}
