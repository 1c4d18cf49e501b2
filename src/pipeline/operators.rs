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
use crate::pipeline::file::Expression;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::Located;
use crate::pipeline::file::TableBody;
use crate::pipeline::finding::Finding;
use crate::record::TopicName;
use crate::stream::graph::expression;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::topology::Feed;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Shape;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::Extent;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::GraphWindows;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Sink;
use crate::stream::plan::Source;
use crate::stream::plan::Thinning;

/// A graph in the making.
#[derive(Default)]
pub(super) struct Making {
    topology: Topology,
    inputs: Vec<Opened>,
    windows: Option<Arc<GraphWindows>>,
}

/// An input that is compiled, and still has no flow around it.
struct Opened {
    node: NodeId,
    source: Source,
    fields: Fields,
    value_slot: usize,
    filter: Option<Program>,
    key: Option<Program>,
    extent: Extent,
}

/// What has been made so far: where it comes out, and what is known of it.
pub(super) struct Made {
    pub(super) feed: Feed,
    pub(super) shape: Shape,
    pub(super) value_type: Type,
    /// The sides of a join, by name.
    pub(super) sides: Option<Vec<(String, Type)>>,
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

    pub(super) fn is_known(&self, name: &Located<String>) -> bool {
        let file = self.file();
        let sources = file.sources.iter().map(|source| &source.name.value);
        let mut names = sources.chain(file.flows.iter().map(|flow| &flow.name.value));
        names.any(|known| *known == name.value)
    }

    /// What the file says of the table with this name, if it is one.
    pub(super) fn table(&self, name: &Located<String>) -> Option<&TableBody> {
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
        let mut making = Making::default();
        let made = self.operators(entry, body, &mut making);
        let Some(first) = making.inputs.first() else {
            return (None, Output::unknown());
        };
        let bare = first.source.bare();
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
        let Some(feed) = self.held(body, &made, &mut making) else {
            return (None, output);
        };
        let finished = making.topology.add("to", Kind::Sink, [feed]);
        if let Err(error) = finished {
            let finding = Finding::new(error.to_string(), entry.name.span.clone());
            self.report(finding.help("a flow writes what its last operator puts out"));
        }
        (Some(self.flow_of(entry, body, making, bare, sink)), output)
    }

    /// `emit: { hold: … }` of what a flow puts out, which must be changes of a table.
    fn held(&mut self, body: &FlowBody, made: &Made, making: &mut Making) -> Option<Feed> {
        let emit = body.emit.as_ref();
        let Some((emit, Thinning::Hold(limit, bounds))) = emit.map(|emit| (emit, emit.thinning))
        else {
            return Some(made.feed);
        };
        if making.windows.is_some() {
            return Some(made.feed);
        }
        if making.topology.shape(made.feed) == Some(Shape::Table) {
            return self.add(
                Kind::Suppress(limit, bounds),
                [made.feed],
                making,
                &body.from,
            );
        }
        let finding = Finding::new("`hold` where results replace no others", emit.span.clone());
        self.report(
            finding.help(
                "only windows, and tables without `history`, can hold changes back; remove it",
            ),
        );
        None
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
            extent: opened.extent,
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
            windows: making.windows,
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
        self.refuse_windows(body, made.shape);
        if let Some(aggregates) = &body.aggregate {
            if made.shape == Shape::Stream {
                return self.ended(body, aggregates, made, making);
            }
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
    pub(super) fn opened(
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
        let table = self.table(from);
        let extent = match table.is_some_and(|table| table.is_global) {
            true => Extent::Everything,
            false => Extent::Partition,
        };
        let history = table.map(|table| table.history);
        if let (Some(_), Extent::Everything) = (body, extent) {
            let finding = Finding::new("a flow of a global table", from.span.clone());
            let help = "every task has all of it, and would write it; leave `global` out, or join a stream with it";
            self.report(finding.help(help));
            return None;
        }
        let scope = Scope::record(value_type.clone(), key_type);
        let (filter, key) = match (body, history) {
            (Some(body), None) => (
                self.filter_of(body, &scope, &mut fields),
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
            extent,
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
        if let Some(branch) = &body.branch {
            let finding = Finding::new("a branch of a table", branch.span.clone());
            self.report(finding.help("write flows with a `where` of their own: a row that changes may leave one for another"));
        }
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

    pub(super) fn mapping(&mut self, of: &Expression, made: &Made) -> Option<Mapping> {
        let mut fields = Fields::default();
        let program = self.program_of(of, &made.scope(), &mut fields, KEY, Type::may_be_key)?;
        Some(expression::text_key(program, fields))
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
        self.program_of(key?, scope, fields, KEY, Type::may_be_key)
    }

    /// Adds a node; what does not fit is reported at `at`.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        feeds: impl IntoIterator<Item = Feed>,
        making: &mut Making,
        at: &Located<String>,
    ) -> Option<Feed> {
        match making.topology.add(&at.value, kind, feeds) {
            Ok(node) => Some(node.into()),
            Err(error) => {
                let finding = Finding::new(error.to_string(), at.span.clone());
                let help = "a table is joined, filtered or aggregated; for the rest, read its topic as a source";
                self.report(finding.help(help));
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

    /// `aggregate:` of a stream: the windows that the flow ends in.
    #[expect(
        clippy::type_complexity,
        reason = "what is made, and its fields by name"
    )]
    fn ended(
        &mut self,
        body: &FlowBody,
        aggregates: &[(Located<String>, Expression)],
        made: Made,
        making: &mut Making,
    ) -> Option<(Made, Option<Vec<(String, Type)>>)> {
        let scope = made.scope();
        let (windows, types) = self.end_windows(body, aggregates, &key_type(), &scope)?;
        making.windows = Some(Arc::new(windows));
        Some((made, Some(types)))
    }

    /// Windows are of streams, and close what is aggregated.
    fn refuse_windows(&mut self, body: &FlowBody, shape: Shape) {
        let window = body.window.as_ref().map(|window| ("window", &window.span));
        let emit = body.emit.as_ref();
        let emit = emit.filter(|emit| !matches!(emit.thinning, Thinning::Hold(..)));
        let emit = emit.map(|emit| ("emit", &emit.span));
        let (what, help) = match (shape, &body.aggregate) {
            (Shape::Stream, Some(_)) => {
                let empty = body.window.as_ref().filter(|window| window.empty.is_some());
                if let Some(window) = empty {
                    let message = "`empty` in a flow of several operators";
                    let finding = Finding::new(message, window.span.clone());
                    let help = "aggregate its topic in a flow of its own, with `from:` this one";
                    self.report(finding.help(help));
                }
                return;
            }
            (Shape::Stream, None) => ("without `aggregate`", "add `aggregate`, or remove it"),
            _ => (
                "of a table",
                "a table has no windows: each change of a row brings its results up to date",
            ),
        };
        for (key, span) in window.into_iter().chain(emit) {
            let finding = Finding::new(format!("`{key}` {what}"), span.clone());
            self.report(finding.help(help));
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
