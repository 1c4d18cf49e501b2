//! From the tree of a pipeline file to what its author meant.

use std::ops::Range;
use std::str::FromStr;

use chrono::TimeDelta;

use crate::codec::format::Format;
use crate::expr::duration;
use crate::pipeline::delivery::DELIVERY_WORDS;
use crate::pipeline::delivery::Delivery;
use crate::pipeline::file::Expression;

use crate::pipeline::file::File;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::KEY_FORMAT_DEFAULT;
use crate::pipeline::file::Located;
use crate::pipeline::file::SinkBody;
use crate::pipeline::file::SourceBody;
use crate::pipeline::file::SourceEntry;
use crate::pipeline::file::TableBody;
use crate::pipeline::file::VALUE_FORMAT_DEFAULT;
use crate::pipeline::finding::Finding;
use crate::pipeline::keys::Keys;
use crate::pipeline::keys::entries;
use crate::pipeline::keys::keys;
use crate::pipeline::outside::Outside;
use crate::pipeline::vocabulary::FLOW;
use crate::pipeline::vocabulary::FORMAT_VERSION;
use crate::pipeline::vocabulary::KEY_WORDS;
use crate::pipeline::vocabulary::PIPELINE;
use crate::pipeline::vocabulary::SINK;
use crate::pipeline::vocabulary::SOURCE;
use crate::pipeline::vocabulary::TABLE;
use crate::pipeline::vocabulary::TOPIC_ONLY;
use crate::pipeline::vocabulary::Vocabulary;
use crate::pipeline::yaml::Key;
use crate::pipeline::yaml::Kind;
use crate::pipeline::yaml::Node;
use crate::record::TopicName;
use crate::stream::plan::FUTURE_DEFAULT;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Keying;
use crate::stream::plan::OnError;

/// Names that stand for something else in expressions over results.
const TAKEN_NAMES: [&str; 2] = ["key", "window"];

/// The longest name of a topic, in bytes (Kafka's `Topic.MAX_NAME_LENGTH`).
const TOPIC_BYTES_MAX: usize = 249;

/// Reads a pipeline, as much of it as can be; everything that is wrong goes to `findings`.
pub(super) fn read(
    root: &Node,
    outside: &Outside<'_>,
    findings: &mut Vec<Finding>,
) -> Option<File> {
    let mut reader = Reader { outside, findings };
    reader.pipeline(root)
}

pub(super) struct Reader<'r, 'o> {
    pub(super) outside: &'r Outside<'o>,
    pub(super) findings: &'r mut Vec<Finding>,
}

impl Reader<'_, '_> {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn keys<'t>(
        &mut self,
        node: &'t Node,
        at: &'t Range<usize>,
        vocabulary: &'static Vocabulary,
    ) -> Option<Keys<'t>> {
        keys(node, at, vocabulary, self.findings)
    }

    fn pipeline(&mut self, root: &Node) -> Option<File> {
        let whole = 0..0;
        let keys = self.keys(root, &whole, &PIPELINE)?;
        self.version(keys);
        let name = keys.optional("name");
        let name = name.and_then(|node| self.topic_like(node, "a pipeline"));
        let connect = keys.optional("connect");
        let connect = connect.map(|node| self.connect(node)).unwrap_or_default();
        let delivery = keys.optional("delivery");
        let delivery = delivery.and_then(|node| self.delivery(node));
        let sources = keys.optional("sources");
        let sources = sources.map(|node| self.sources(node)).unwrap_or_default();
        let tables = keys.optional("tables");
        let tables = tables.map(|node| self.tables(node)).unwrap_or_default();
        let flows = keys.optional("flows");
        let flows = flows.map(|node| self.flows(node)).unwrap_or_default();
        let on_error = keys.optional("on_error");
        let on_error = on_error.and_then(|node| self.on_error(node));
        let alerts = keys.optional("alerts");
        let alerts = alerts.map(|node| self.alerts(node)).unwrap_or_default();
        let tests = keys.optional("tests");
        let tests = tests.map(|node| self.tests(node, &flows, &alerts));
        let tests = tests.unwrap_or_default();
        Some(File {
            name: name.unwrap_or_else(|| Located {
                value: String::new(),
                span: whole.clone(),
            }),
            connect,
            delivery: delivery.unwrap_or_default(),
            sources: sources.into_iter().chain(tables).collect(),
            flows,
            on_error: on_error.unwrap_or_default(),
            alerts,
            tests,
        })
    }

    fn delivery(&mut self, node: &Node) -> Option<Delivery> {
        let word = self.text(node, "`exactly-once` or `at-least-once`")?;
        match word.value.as_str() {
            "exactly-once" => Some(Delivery::ExactlyOnce),
            "at-least-once" => Some(Delivery::AtLeastOnce),
            other => {
                let message = format!("unknown `delivery: {other}`");
                self.unknown_word(message, other, DELIVERY_WORDS, &node.span);
                None
            }
        }
    }

    fn version(&mut self, keys: Keys<'_>) {
        let help = format!("this version reads `tidemill: {FORMAT_VERSION}`");
        let Some(node) = keys.optional("tidemill") else {
            return;
        };
        let text = node.text().unwrap_or_default();
        if text == FORMAT_VERSION {
            return;
        }
        let message = match text.parse::<u32>() {
            Ok(_) => format!("file format {text} is not known"),
            Err(_) => "expected the version of the file format".to_owned(),
        };
        self.report(Finding::new(message, node.span.clone()).help(help));
    }

    fn sources(&mut self, node: &Node) -> Vec<SourceEntry> {
        let entries = entries(node, "sources by name", self.findings).unwrap_or_default();
        let mut sources = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            sources.push(SourceEntry {
                name: name_of(key),
                body: self.source(key, value),
            });
        }
        sources
    }

    fn tables(&mut self, node: &Node) -> Vec<SourceEntry> {
        let entries = entries(node, "tables by name", self.findings).unwrap_or_default();
        let mut tables = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            tables.push(SourceEntry {
                name: name_of(key),
                body: self.table(key, value),
            });
        }
        tables
    }

    fn table(&mut self, key: &Key, node: &Node) -> Option<SourceBody> {
        let keys = self.keys(node, &key.span, &TABLE)?;
        let history = keys.optional("history").and_then(|node| self.span(node));
        let global = keys.optional("global");
        let is_global = global.and_then(|node| self.truth(node)) == Some(true);
        if let (Some(node), true, Some(_)) = (global, is_global, history) {
            let finding = Finding::new("`global` of a table with `history`", node.span.clone());
            self.report(finding.help("a global table has no times; remove one of them"));
        }
        let table = Some(TableBody { history, is_global });
        let body = self.source_body(&key.name, keys)?;
        Some(SourceBody { table, ..body })
    }

    fn source(&mut self, key: &Key, node: &Node) -> Option<SourceBody> {
        let keys = self.keys(node, &key.span, &SOURCE)?;
        self.source_body(&key.name, keys)
    }

    fn source_body(&mut self, name: &str, keys: Keys<'_>) -> Option<SourceBody> {
        let topic = keys.optional("topic");
        let topic = topic.and_then(|node| self.topic_like(node, "a topic"));
        let value = keys.optional("value").and_then(|node| self.format(node));
        let value_format = value.map_or(VALUE_FORMAT_DEFAULT, |format| format.value);
        let key_format = keys.optional("key").and_then(|node| self.format(node));
        let schema = keys.optional("schema");
        let schema = schema.and_then(|node| self.value_schema(node, name, value_format));
        let time = keys.optional("time");
        let idle = keys.optional("idle").and_then(|node| self.span(node));
        let future = keys.optional("future").map(|node| self.future(node));
        let partitioned = keys.optional("partitioned");
        let partitioned = partitioned.and_then(|node| self.truth(node));
        Some(SourceBody {
            topic: topic?,
            key_format: key_format.map_or(KEY_FORMAT_DEFAULT, |format| format.value),
            value_format,
            schema,
            time: time.and_then(|node| self.expression(node)),
            idle,
            future: future.unwrap_or(Some(FUTURE_DEFAULT)),
            keying: match partitioned {
                Some(true) => Keying::AlreadyPartitioned,
                _ => Keying::ByRecordKey,
            },
            table: None,
        })
    }

    /// `future: 5m`, or `future: none` for no bound.
    fn future(&mut self, node: &Node) -> Option<TimeDelta> {
        if node.text() == Some("none") {
            return None;
        }
        self.span(node)
    }

    fn flows(&mut self, node: &Node) -> Vec<FlowEntry> {
        let entries = entries(node, "flows by name", self.findings);
        if entries.is_some_and(<[_]>::is_empty) {
            let finding = Finding::new("no flows", node.span.clone());
            self.report(finding.help(format!("add {}", FLOW.example())));
        }
        let entries = entries.unwrap_or_default();
        let mut flows = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.check_topic_like(&key.name, &key.span, "a flow");
            if has_branches(value) {
                flows.extend(self.branches(key, value));
                continue;
            }
            flows.push(FlowEntry {
                name: name_of(key),
                body: self.flow(key, value),
            });
        }
        self.check_names(&flows);
        flows
    }

    /// A branch may have the name of another flow.
    fn check_names(&mut self, flows: &[FlowEntry]) {
        for (number, flow) in flows.iter().enumerate() {
            let mut before = flows.iter().take(number);
            if before.any(|other| other.name.value == flow.name.value) {
                let message = format!("another flow is `{}` too", flow.name.value);
                let finding = Finding::new(message, flow.name.span.clone());
                self.report(finding.help("give it another name"));
            }
        }
    }

    fn flow(&mut self, key: &Key, node: &Node) -> Option<FlowBody> {
        let keys = self.keys(node, &key.span, &FLOW)?;
        let from = keys.optional("from");
        let mut from = from
            .map(|node| self.from(node))
            .unwrap_or_default()
            .into_iter();
        let flat_map = keys.optional("flat_map");
        let distinct = keys.optional("distinct");
        let join = keys.optional("join").map(|node| self.join(node));
        let filter = keys.optional("where");
        let window = keys.optional("window");
        let aggregate = keys.optional("aggregate");
        let select = keys.optional("select");
        let to = keys.optional("to");
        let to = to.and_then(|node| self.sink(node));
        let chart = keys.optional("chart").and_then(|node| self.chart(node));
        let late = keys.optional("late").and_then(|node| self.late(node));
        let emit = keys.optional("emit").and_then(|node| self.emit(node));
        Some(FlowBody {
            filter: filter.and_then(|node| self.expression(node)),
            branch: None,
            key: keys.optional("key").and_then(|node| self.expression(node)),
            window: window.and_then(|node| self.window(node)),
            aggregate: aggregate.map(|node| self.columns(node, "aggregates by name")),
            select: select.map(|node| self.columns(node, "fields by name")),
            emit,
            late,
            flat_map: flat_map.and_then(|node| self.expression(node)),
            distinct: distinct.and_then(|node| self.distinct(node)),
            join: join.unwrap_or(None),
            from: from.next()?,
            others: from.collect(),
            chart,
            to: to?,
        })
    }

    pub(super) fn columns(&mut self, node: &Node, of: &str) -> Vec<(Located<String>, Expression)> {
        let Some(entries) = entries(node, of, self.findings) else {
            return Vec::new();
        };
        if entries.is_empty() {
            let finding = Finding::new(format!("no {of}"), node.span.clone());
            self.report(finding.help("add one, as `name: expression`, or remove the key"));
        }
        let mut columns = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.check_column(key);
            if let Some(expression) = self.expression(value) {
                columns.push((name_of(key), expression));
            }
        }
        columns
    }

    /// A column is a field of results, and a name in expressions over them.
    fn check_column(&mut self, key: &Key) {
        let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
        let is_name = key.name.starts_with(starts)
            && key
                .name
                .chars()
                .all(|char| starts(char) || char.is_ascii_digit());
        if !is_name {
            let message = format!("`{}` is no name of a field", key.name);
            let finding = Finding::new(message, key.span.clone());
            self.report(finding.help("letters, digits and `_`, no digit first"));
        }
        if TAKEN_NAMES.contains(&key.name.as_str()) {
            let message = format!("`{}` already stands for something", key.name);
            self.report(Finding::new(message, key.span.clone()).help("choose another name"));
        }
    }

    /// `late: drop`, or a topic.
    fn late(&mut self, node: &Node) -> Option<Located<String>> {
        if node.text() == Some("drop") {
            return None;
        }
        self.topic_of(node, "`drop` or `{ topic: … }`")
    }

    /// `{ topic: … }`; a text instead is reported with the `forms` that are understood.
    fn topic_of(&mut self, node: &Node, forms: &str) -> Option<Located<String>> {
        if let Some(text) = node.text() {
            let message = format!("expected {forms}, found `{text}`");
            let finding = Finding::new(message, node.span.clone());
            self.report(finding.help(format!("write `{{ topic: {text} }}` to send them there")));
            return None;
        }
        let keys = self.keys(node, &node.span, &TOPIC_ONLY)?;
        let topic = keys.optional("topic")?;
        self.topic_like(topic, "a topic")
    }

    fn on_error(&mut self, node: &Node) -> Option<OnError> {
        match node.text() {
            Some("fail") => Some(OnError::Fail),
            Some("skip") => Some(OnError::Skip),
            _ => {
                let topic = self.topic_of(node, "`fail`, `skip` or `{ topic: … }`")?;
                Some(OnError::DeadLetter(TopicName::from(topic.value)))
            }
        }
    }

    pub(super) fn sink(&mut self, node: &Node) -> Option<SinkBody> {
        let keys = self.keys(node, &node.span, &SINK)?;
        let topic = keys.optional("topic");
        let topic = topic.and_then(|node| self.topic_like(node, "a topic"));
        let value = keys.optional("value");
        let schema = keys.optional("schema");
        let schema = schema.and_then(|node| self.text(node, "the name of a file"));
        Some(SinkBody {
            key: keys.optional("key").and_then(|node| self.key_form(node)),
            value: value.and_then(|node| self.format(node)),
            topic: topic?,
            schema,
        })
    }

    fn key_form(&mut self, node: &Node) -> Option<Located<KeyForm>> {
        let text = self.text(node, "`text` or `windowed`")?;
        let value = match text.value.as_str() {
            "text" => KeyForm::Text,
            "windowed" => KeyForm::Windowed,
            other => {
                let finding = Finding::new(format!("unknown `key: {other}`"), text.span)
                    .nearest(other, KEY_WORDS.iter().copied())
                    .help("`text`, or `windowed` for the key with its window behind it");
                self.report(finding);
                return None;
            }
        };
        let span = text.span;
        Some(Located { value, span })
    }

    fn format(&mut self, node: &Node) -> Option<Located<Format>> {
        let text = self.text(node, "a format")?;
        match Format::from_str(&text.value) {
            Ok(value) => Some(Located {
                value,
                span: text.span,
            }),
            Err(_) => {
                let message = format!("unknown format `{}`", text.value);
                let names = Format::ALL.map(Format::name);
                self.unknown_word(message, &text.value, &names, &text.span);
                None
            }
        }
    }

    /// Reports `word`, which is none of `known`.
    pub(super) fn unknown_word(
        &mut self,
        message: String,
        word: &str,
        known: &[&str],
        span: &Range<usize>,
    ) {
        let finding = Finding::new(message, span.clone())
            .nearest(word, known.iter().copied())
            .help(format!("one of {}", known.join(", ")));
        self.report(finding);
    }

    pub(super) fn text(&mut self, node: &Node, of: &str) -> Option<Located<String>> {
        match node.text().filter(|_| !node.is_null()) {
            Some(text) => Some(Located {
                value: text.to_owned(),
                span: node.span.clone(),
            }),
            None => {
                let message = format!("expected {of}, found {}", node.describe());
                let help = match node.is_null() {
                    true => "write it behind the colon",
                    false => "write one text; one that begins with `[` or `{` needs quotes",
                };
                self.report(Finding::new(message, node.span.clone()).help(help));
                None
            }
        }
    }

    pub(super) fn expression(&mut self, node: &Node) -> Option<Expression> {
        let text = self.text(node, "an expression")?;
        Some(Expression {
            text: text.value,
            node: node.clone(),
        })
    }

    fn truth(&mut self, node: &Node) -> Option<bool> {
        match node.text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                let finding = Finding::new("expected true or false", node.span.clone());
                self.report(finding.help("write `true` or `false`"));
                None
            }
        }
    }

    /// A duration that is not negative.
    pub(super) fn span(&mut self, node: &Node) -> Option<TimeDelta> {
        let text = self.text(node, "a duration")?;
        let (message, help) = match duration::parse(&text.value) {
            Ok(span) if span < TimeDelta::zero() => {
                let message = "expected a duration of 0 or more".to_owned();
                (message, Some("write it without the sign".to_owned()))
            }
            Ok(span) => return Some(span),
            Err(error) => {
                let help = match text.value.parse::<u64>() {
                    Ok(_) => format!("write `{}s` for seconds", text.value),
                    Err(_) => "write numbers with units and no spaces: `30s`, `5m`, `1h30m`, `7d`"
                        .to_owned(),
                };
                (error.to_string(), Some(help))
            }
        };
        let mut finding = Finding::new(message, text.span);
        finding.help = help;
        self.report(finding);
        None
    }

    /// The name of something that is a topic or part of one's name.
    pub(super) fn topic_like(&mut self, node: &Node, of: &str) -> Option<Located<String>> {
        let text = self.text(node, &format!("the name of {of}"))?;
        self.check_topic_like(&text.value, &text.span, of);
        Some(text)
    }

    pub(super) fn check_topic_like(&mut self, name: &str, span: &Range<usize>, of: &str) {
        let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-');
        let is_name = !name.is_empty()
            && name.len() <= TOPIC_BYTES_MAX
            && name.chars().all(is_part)
            && !matches!(name, "." | "..");
        if is_name {
            return;
        }
        let finding = Finding::new(format!("`{name}` cannot be the name of {of}"), span.clone());
        let help = if name.contains("${") {
            "variables are replaced in `connect:` only".to_owned()
        } else {
            format!("letters, digits, `.`, `_` and `-`, at most {TOPIC_BYTES_MAX}")
        };
        self.report(finding.help(help));
    }
}

/// Whether a flow has branches.
fn has_branches(flow: &Node) -> bool {
    match &flow.kind {
        Kind::Mapping(entries) => entries.iter().any(|(key, _)| key.name == "branch"),
        _ => false,
    }
}

/// The name that a key gives to what stands under it.
pub(super) fn name_of(key: &Key) -> Located<String> {
    Located {
        value: key.name.clone(),
        span: key.span.clone(),
    }
}
