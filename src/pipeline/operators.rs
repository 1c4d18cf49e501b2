//! Flows of several topics, of tables, and of operators beyond one aggregation: to a graph.

use std::sync::Arc;

use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::pipeline::compile::Compiler;
use crate::pipeline::compile::Input;
use crate::pipeline::compile::KEY;
use crate::pipeline::compile::Output;
use crate::pipeline::compile::is_key;
use crate::pipeline::file::Expression;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::JoinBody;
use crate::pipeline::file::Located;
use crate::pipeline::file::TableBody;
use crate::pipeline::finding::Finding;
use crate::record::TopicName;
use crate::stream::graph::expression;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::join_window::JoinWindow;
use crate::stream::graph::topology::Feed;
use crate::stream::graph::topology::JoinType;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Shape;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Sink;
use crate::stream::plan::Source;

/// A graph in the making.
#[derive(Default)]
struct Making {
    topology: Topology,
    inputs: Vec<Opened>,
}

/// An input that is compiled, and still has no flow around it.
struct Opened {
    node: NodeId,
    source: Source,
    fields: Fields,
    value_slot: usize,
    filter: Option<Program>,
    key: Option<Program>,
}

/// What has been made so far: where it comes out, and what is known of it.
struct Made {
    feed: Feed,
    shape: Shape,
    value_type: Type,
    /// The sides of a join, by name.
    sides: Option<Vec<(String, Type)>>,
}

impl Made {
    fn scope(&self) -> Scope {
        match &self.sides {
            Some(sides) => Scope::joined(sides.clone(), key_type()),
            None => Scope::message(self.value_type.clone(), key_type()),
        }
    }
}

/// Keys are text between operators, as they are in topics.
fn key_type() -> Type {
    Type::Text.nullable()
}

impl Compiler<'_, '_> {
    /// Whether a flow takes operators that feed each other.
    pub(super) fn is_graph(&self, body: &FlowBody) -> bool {
        !body.others.is_empty()
            || body.join.is_some()
            || body.distinct.is_some()
            || body.flat_map.is_some()
            || self.table(&body.from).is_some()
    }

    fn is_known(&self, name: &Located<String>) -> bool {
        let file = self.file();
        let sources = file.sources.iter().map(|source| &source.name.value);
        let mut names = sources.chain(file.flows.iter().map(|flow| &flow.name.value));
        names.any(|known| *known == name.value)
    }

    /// What the file says of the table with this name, if it is one.
    fn table(&self, name: &Located<String>) -> Option<&TableBody> {
        let mut sources = self.file().sources.iter();
        let entry = sources.find(|source| source.name.value == name.value)?;
        entry.body.as_ref()?.table.as_ref()
    }

    /// A flow through a graph, and what it puts out.
    pub(super) fn graph_flow(
        &mut self,
        entry: &FlowEntry,
        body: &FlowBody,
    ) -> (Option<Flow>, Output) {
        self.refuse_windows(body);
        let mut making = Making::default();
        let made = self.operators(entry, body, &mut making);
        let Some(first) = making.inputs.first() else {
            return (None, Output::unknown());
        };
        let bare = bare(&first.source);
        let fields = made.as_ref().and_then(|(_, types)| types.clone());
        if fields.is_none() {
            self.refuse_other_formats(body, &bare);
        }
        let value_type = made
            .as_ref()
            .map_or(Type::Dyn, |(made, _)| made.value_type.clone());
        let (sink, output) = self.sink(entry, body, &bare, &value_type, fields);
        let (Some((made, _)), Some(sink)) = (made, sink) else {
            return (None, output);
        };
        let finished = making.topology.add("to", Kind::Sink, [made.feed]);
        if let Err(error) = finished {
            self.report(Finding::new(error.to_string(), entry.name.span.clone()));
        }
        (Some(self.flow_of(entry, body, making, bare, sink)), output)
    }

    fn flow_of(
        &self,
        entry: &FlowEntry,
        body: &FlowBody,
        making: Making,
        source: Source,
        sink: Sink,
    ) -> Flow {
        let name: Box<str> = entry.name.value.as_str().into();
        let late = body.late.as_ref().map(|late| TopicName::from(&*late.value));
        let on_error = &self.file().on_error;
        let input = |opened: Opened| GraphInput {
            node: opened.node,
            value_slot: opened.value_slot,
            flow: Arc::new(Flow {
                name: name.clone(),
                source: opened.source,
                fields: opened.fields,
                filter: opened.filter,
                key: opened.key,
                operator: Operator::Map(Map { select: None }),
                late: late.clone(),
                on_error: on_error.clone(),
                sink: sink.clone(),
            }),
        };
        let operator = Operator::Graph(GraphPlan {
            inputs: making.inputs.into_iter().map(input).collect(),
            topology: making.topology,
        });
        Flow {
            source,
            fields: Fields::default(),
            filter: None,
            key: None,
            operator,
            late: late.clone(),
            on_error: on_error.clone(),
            sink: sink.clone(),
            name,
        }
    }

    /// The operators in their order: read, filter, make several, leave out, join, select.
    #[expect(
        clippy::type_complexity,
        reason = "what is made, and its fields by name"
    )]
    fn operators(
        &mut self,
        entry: &FlowEntry,
        body: &FlowBody,
        making: &mut Making,
    ) -> Option<(Made, Option<Vec<(String, Type)>>)> {
        let mut made = self.left(body, making)?;
        if let Some(flat_map) = &body.flat_map {
            made = self.flat_map(flat_map, made, making)?;
        }
        if let Some(distinct) = &body.distinct {
            let id = self.mapping(&distinct.by, &made)?;
            let kind = Kind::Distinct(id, distinct.within);
            made.feed = self.node(kind, [made.feed], making, &distinct.by)?;
        }
        if let Some(join) = &body.join {
            made = self.joined(body, join, made, making)?;
        }
        if let Some(aggregates) = &body.aggregate {
            made = self.aggregated(entry, body, aggregates, made, making)?;
        }
        let Some(columns) = &body.select else {
            let types = match &body.aggregate {
                Some(_) => Some(Self::with_key(&made)),
                None => made.sides.clone(),
            };
            return Some((made, types));
        };
        let mut fields = Fields::default();
        let (columns, types) = self.columns(columns, &made.scope(), &mut fields);
        let value = Some(expression::object(columns, fields));
        let kind = Kind::Map { key: None, value };
        made.feed = self.add(kind, [made.feed], making, &entry.name)?;
        made.value_type = Type::record(entry.name.value.clone(), types.clone());
        Some((made, Some(types)))
    }

    /// What `from:` names, one or several.
    fn left(&mut self, body: &FlowBody, making: &mut Making) -> Option<Made> {
        let mut all = Vec::new();
        for from in [&body.from].into_iter().chain(&body.others) {
            all.push(self.opened(from, Some(body), making)?);
        }
        let mut all = all.into_iter();
        let first = all.next()?;
        let others: Vec<Made> = all.collect();
        if others.is_empty() {
            return Some(first);
        }
        let feeds: Vec<Feed> = others.iter().map(|made| made.feed).collect();
        let feeds = [first.feed].into_iter().chain(feeds);
        let is_one_type = others
            .iter()
            .all(|made| made.value_type == first.value_type);
        Some(Made {
            feed: self.add(Kind::Merge, feeds, making, &body.from)?,
            shape: Shape::Stream,
            value_type: if is_one_type {
                first.value_type
            } else {
                Type::Dyn
            },
            sides: None,
        })
    }

    /// A source of the graph: a stream with the filter and the key of `body`, or a table.
    fn opened(
        &mut self,
        from: &Located<String>,
        body: Option<&FlowBody>,
        making: &mut Making,
    ) -> Option<Made> {
        let mut fields = Fields::default();
        let Input {
            source,
            value_type,
            key_type,
        } = self.input(from, &mut fields);
        let history = self.table(from).map(|table| table.history);
        let scope = Scope::record(value_type.clone(), key_type);
        let (filter, key) = match (body, history) {
            (Some(body), None) => (
                self.condition(body.filter.as_ref(), &scope, &mut fields),
                self.key_of(body.key.as_ref(), &scope, &mut fields),
            ),
            _ => (None, None),
        };
        let node = self.add(Kind::Source, [], making, from)?;
        making.inputs.push(Opened {
            node: node.node,
            source,
            value_slot: fields.slot(Path::new(Root::Value, [])),
            fields,
            filter,
            key,
        });
        let mut made = Made {
            feed: node,
            shape: Shape::Stream,
            value_type,
            sides: None,
        };
        if let Some(history) = history {
            let kind = history.map_or(Kind::ToTable, Kind::ToVersioned);
            made.feed = self.add(kind, [made.feed], making, from)?;
            made.shape = history.map_or(Shape::Table, Shape::Versioned);
            self.filter_table(body, &mut made, making)?;
        }
        Some(made)
    }

    /// `where:` of a table, which keeps or deletes rows; a table keeps its keys.
    fn filter_table(
        &mut self,
        body: Option<&FlowBody>,
        made: &mut Made,
        making: &mut Making,
    ) -> Option<()> {
        let Some(body) = body else {
            return Some(());
        };
        if let (Some(key), None) = (&body.key, &body.aggregate) {
            let finding = Finding::new("`key` of a flow of a table", key.node.span.clone());
            self.report(finding.help("a table keeps its keys; remove it, or aggregate by it"));
        }
        if let Some(filter) = &body.filter {
            let mut fields = Fields::default();
            let program = self.condition(Some(filter), &made.scope(), &mut fields)?;
            let kind = Kind::Filter(expression::condition(program, fields));
            made.feed = self.node(kind, [made.feed], making, filter)?;
        }
        Some(())
    }

    fn flat_map(&mut self, each: &Expression, made: Made, making: &mut Making) -> Option<Made> {
        let mut fields = Fields::default();
        let expected = (
            "a list, whose elements become records",
            "name a field that holds one, as in `value.items`, or write one: `[value.a, value.b]`",
        );
        let program = self.program_of(each, &made.scope(), &mut fields, expected, |ty| {
            matches!(ty.non_null(), Type::List(_) | Type::Dyn)
        })?;
        let value_type = match program.ty().non_null() {
            Type::List(element) => (**element).clone(),
            _ => Type::Dyn,
        };
        let kind = Kind::FlatMap(expression::mapping(program, fields));
        Some(Made {
            feed: self.node(kind, [made.feed], making, each)?,
            value_type,
            ..made
        })
    }

    /// The fields of results that are not selected from: the key and the aggregates.
    fn with_key(made: &Made) -> Vec<(String, Type)> {
        let key = [("key".to_owned(), key_type())].into_iter();
        key.chain(made.sides.clone().into_iter().flatten())
            .collect()
    }

    /// `aggregate:` of a table: by the flow's key, old values taken back.
    fn aggregated(
        &mut self,
        entry: &FlowEntry,
        body: &FlowBody,
        aggregates: &[(Located<String>, Expression)],
        made: Made,
        making: &mut Making,
    ) -> Option<Made> {
        if made.shape == Shape::Stream {
            return None;
        }
        let mut fields = Fields::default();
        let (mut named, mut types) = (Vec::new(), vec![("key".to_owned(), key_type())]);
        for (name, expression) in aggregates {
            let (ty, one) = self.aggregate(name, expression, &made.scope(), &mut fields)?;
            types.push((name.value.clone(), ty));
            named.push((one.name, one.function, one.argument));
        }
        let all = expression::aggregates(named, fields);
        let refused = all.not_of_tables();
        let refused = aggregates
            .iter()
            .find(|(name, _)| Some(&*name.value) == refused);
        if let Some((name, _)) = refused {
            let message = format!("`{}` cannot take values of a table back", name.value);
            let finding = Finding::new(message, name.span.clone());
            let help = "a row's old value leaves when a new one comes: count, sum, avg, variance, stddev and quantile can do that";
            self.report(finding.help(help));
            return None;
        }
        let key = match &body.key {
            Some(key) => self.mapping(key, &made)?,
            None => own_key(),
        };
        let grouped = self.add(Kind::Regroup(key), [made.feed], making, &entry.name)?;
        let kind = Kind::AggregateRows(all);
        Some(Made {
            feed: self.add(kind, [grouped], making, &entry.name)?,
            shape: Shape::Table,
            value_type: Type::record("result", types.clone()),
            sides: Some(
                types
                    .into_iter()
                    .filter(|(name, _)| name != "key")
                    .collect(),
            ),
        })
    }

    fn mapping(&mut self, of: &Expression, made: &Made) -> Option<Mapping> {
        let mut fields = Fields::default();
        let program = self.program_of(of, &made.scope(), &mut fields, KEY, is_key)?;
        Some(expression::text_key(program, fields))
    }

    /// `join:`: with a stream, with a table, or of two tables.
    fn joined(
        &mut self,
        body: &FlowBody,
        join: &JoinBody,
        left: Made,
        making: &mut Making,
    ) -> Option<Made> {
        self.check_sides(body, join);
        let right = self.opened(&join.with, None, making)?;
        if !self.is_known(&join.with) {
            return None;
        }
        let kind = self.join_kind(body, join, &left, &right)?;
        let at = &join.with;
        let feed = self.add(kind, [left.feed, right.feed], making, at)?;
        let may_miss = |misses: bool, ty: Type| if misses { ty.nullable() } else { ty };
        let sides = vec![
            (
                body.from.value.clone(),
                may_miss(join.kind == JoinType::Outer, left.value_type),
            ),
            (
                join.with.value.clone(),
                may_miss(join.kind != JoinType::Inner, right.value_type),
            ),
        ];
        let both_are_tables = left.shape != Shape::Stream && right.shape != Shape::Stream;
        Some(Made {
            feed,
            shape: if both_are_tables {
                Shape::Table
            } else {
                Shape::Stream
            },
            value_type: Type::record("join", sides.clone()),
            sides: Some(sides),
        })
    }

    fn join_kind(
        &mut self,
        body: &FlowBody,
        join: &JoinBody,
        left: &Made,
        right: &Made,
    ) -> Option<Kind> {
        let joiner = expression::sides(&body.from.value, &join.with.value);
        let (is_table, with_table) = (left.shape != Shape::Stream, right.shape != Shape::Stream);
        let problem = self.join_problem(join, is_table, with_table, right.shape);
        if let Some((message, help)) = problem {
            self.report(Finding::new(message, join.span.clone()).help(help));
            return None;
        }
        let kind = join.kind;
        Some(match (is_table, with_table) {
            (false, false) => {
                let nearness = join.nearness?;
                let grace = join.grace.unwrap_or_default();
                let window = JoinWindow::new(nearness.before, nearness.after, grace);
                let at = |error: &dyn std::fmt::Display| {
                    Finding::new(error.to_string(), join.span.clone())
                };
                match window {
                    Ok(window) => Kind::JoinStreams(kind, window, joiner),
                    Err(error) => {
                        self.report(at(&error));
                        return None;
                    }
                }
            }
            (false, true) => Kind::JoinTable {
                kind,
                key: None,
                joiner,
                grace: join.grace,
            },
            (true, _) => match &join.on {
                Some(on) => Kind::JoinForeign {
                    kind,
                    foreign: self.mapping(on, left)?,
                    joiner,
                },
                None => Kind::JoinTables(kind, joiner),
            },
        })
    }

    /// What keeps these two from being joined this way, and how to mend it.
    fn join_problem(
        &self,
        join: &JoinBody,
        is_table: bool,
        with_table: bool,
        right: Shape,
    ) -> Option<(&'static str, &'static str)> {
        let is_outer = join.kind == JoinType::Outer;
        match (is_table, with_table) {
            (true, false) => Some((
                "a table joined with a stream",
                "read the stream with `from:`, and join it with the table",
            )),
            (false, false) if join.nearness.is_none() => Some((
                "a join of two streams without `within`",
                "say how near their times must be: `within: 5m`",
            )),
            (_, true) if join.nearness.is_some() => Some((
                "`within` of a join with a table",
                "a table has one row for each key, whatever the time; remove it",
            )),
            (false, _) if join.on.is_some() => Some((
                "`on` of a stream",
                "give the flow `key:`, which is what the join looks up",
            )),
            (false, true) if is_outer => Some((
                "an outer join of a stream with a table",
                "write `type: left`",
            )),
            (true, true) if is_outer && join.on.is_some() => Some((
                "an outer join by a key that the left side names",
                "write `type: left`",
            )),
            (_, true) if join.grace.is_some() && (is_table || right == Shape::Table) => Some((
                "`grace` of a join with a table without history",
                "give the table `history:`, or remove it",
            )),
            _ => None,
        }
    }

    /// The sides of a join have names that expressions can use, and not the same.
    fn check_sides(&mut self, body: &FlowBody, join: &JoinBody) {
        if let Some(other) = body.others.first() {
            let finding = Finding::new("a join of several sources", other.span.clone());
            self.report(
                finding.help("write them to one topic in a flow of its own, and join that"),
            );
        }
        if body.from.value == join.with.value {
            let message = format!("`{}` joined with itself", join.with.value);
            let finding = Finding::new(message, join.with.span.clone());
            self.report(finding.help("name its topic as another source, and join that"));
        }
        for side in [&body.from, &join.with] {
            let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
            let is_name = side.value.starts_with(starts)
                && side
                    .value
                    .chars()
                    .all(|char| starts(char) || char.is_ascii_digit());
            if !is_name {
                let message = format!("`{}` cannot be named in expressions", side.value);
                let finding = Finding::new(message, side.span.clone());
                self.report(finding.help("letters, digits and `_`, no digit first"));
            }
        }
    }

    fn condition(
        &mut self,
        filter: Option<&Expression>,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        self.condition_of(filter?, scope, fields)
    }

    fn key_of(
        &mut self,
        key: Option<&Expression>,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        self.program_of(key?, scope, fields, KEY, is_key)
    }

    /// Adds a node; what does not fit is reported at `at`.
    fn add(
        &mut self,
        kind: Kind,
        feeds: impl IntoIterator<Item = Feed>,
        making: &mut Making,
        at: &Located<String>,
    ) -> Option<Feed> {
        match making.topology.add(&at.value, kind, feeds) {
            Ok(node) => Some(node.into()),
            Err(error) => {
                self.report(Finding::new(error.to_string(), at.span.clone()));
                None
            }
        }
    }

    fn node(
        &mut self,
        kind: Kind,
        feeds: impl IntoIterator<Item = Feed>,
        making: &mut Making,
        at: &Expression,
    ) -> Option<Feed> {
        let at = Located {
            value: at.text.clone(),
            span: at.node.span.clone(),
        };
        self.add(kind, feeds, making, &at)
    }

    /// Aggregation stands in a flow of its own, behind the topic of this one.
    fn refuse_windows(&mut self, body: &FlowBody) {
        let aggregate = body.aggregate.as_ref().and_then(|columns| columns.first());
        let aggregate = aggregate.filter(|_| self.table(&body.from).is_none());
        let aggregate = aggregate.map(|(name, _)| ("aggregate", &name.span));
        let window = body.window.as_ref().map(|window| ("window", &window.span));
        let emit = body.emit.as_ref().map(|emit| ("emit", &emit.span));
        if let Some((key, span)) = aggregate.or(window).or(emit) {
            let message = format!("`{key}` in a flow that joins, merges, or reads a table");
            let finding = Finding::new(message, span.clone());
            self.report(
                finding.help("aggregate its topic in a flow of its own, with `from:` this one"),
            );
        }
    }

    /// Values that pass a graph unchanged are written anew, as JSON.
    fn refuse_other_formats(&mut self, body: &FlowBody, source: &Source) {
        if source.value_format != Format::Json {
            let message = format!(
                "a flow without `select` passes values as JSON, and these are {}",
                source.value_format
            );
            let finding = Finding::new(message, body.from.span.clone());
            self.report(finding.help("add `select`"));
        }
    }
}

/// The key that a row has.
fn own_key() -> Mapping {
    Mapping::new(|view| {
        let key = view.key.map(|key| key.value().into_owned());
        Ok(key.unwrap_or_default())
    })
}

/// A source with the topic and the formats of `source`.
fn bare(source: &Source) -> Source {
    Source {
        topic: Arc::clone(&source.topic),
        key_format: source.key_format,
        value_format: source.value_format,
        value_schema: None,
        time: None,
        future: source.future,
        idle: source.idle,
        keying: source.keying,
    }
}
