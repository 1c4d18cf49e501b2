//! From what the author meant to a plan: names resolved, expressions compiled, types checked.

use std::sync::Arc;

use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::expr;
use crate::expr::Diagnostic;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::expr::schema_type::type_of;
use crate::pipeline::file::EmptyBody;
use crate::pipeline::file::Expression;
use crate::pipeline::file::File;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::FlowEntry;
use crate::pipeline::file::Located;
use crate::pipeline::file::SchemaBody;
use crate::pipeline::file::SourceBody;
use crate::pipeline::file::WindowBody;
use crate::pipeline::finding::Finding;
use crate::pipeline::outside::Outside;
use crate::pipeline::yaml::place;
use crate::record::TopicName;
use crate::stream::aggregate::Function;
use crate::stream::alert;
use crate::stream::alert::Alert;
use crate::stream::plan::Emit;
use crate::stream::plan::Empty;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphWindows;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Keying;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Plan;
use crate::stream::plan::Select;
use crate::stream::plan::Source;
use crate::stream::plan::WindowAggregate;
use crate::stream::window::Windows;

/// What a condition must be, and how to make one.
const CONDITION: (&str, &str) = (
    "a condition",
    "compare it with something, as in `value.price > 100.0`",
);
/// What a key must be, and how to make one.
pub(super) const KEY: (&str, &str) = (
    "a text, a number, a bool or bytes as key",
    "make one text of several: `value.shop + \"/\" + value.product`",
);

/// What a file comes to.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) plan: Plan,
    pub(super) alerts: Vec<Alert>,
}

/// What `file` comes to, as much of it as could be made; everything that is wrong goes to
/// `findings`.
pub(super) fn compiled(
    text: &str,
    file: &File,
    outside: &Outside<'_>,
    findings: &mut Vec<Finding>,
) -> Compiled {
    let mut compiler = Compiler {
        text,
        file,
        outside,
        findings,
        source_types: Vec::new(),
        begun: Vec::new(),
        states: file.flows.iter().map(|_| State::New).collect(),
        flows: file.flows.iter().map(|_| None).collect(),
    };
    compiler.sources();
    for index in 0..file.flows.len() {
        compiler.output_of(index);
    }
    let alerts = compiler.alerts(&file.alerts);
    let plan = Plan {
        name: file.name.value.as_str().into(),
        flows: compiler.flows.into_iter().flatten().map(Arc::new).collect(),
    };
    Compiled { plan, alerts }
}

pub(super) struct Compiler<'c, 'f> {
    text: &'c str,
    file: &'c File,
    outside: &'c Outside<'c>,
    findings: &'f mut Vec<Finding>,
    /// What is known of the values of each source, and the schema that says so.
    source_types: Vec<(Type, Option<Arc<str>>)>,
    states: Vec<State>,
    /// The flows that have begun, each read by the one before it.
    begun: Vec<usize>,
    flows: Vec<Option<Flow>>,
}

/// How far a flow has come.
enum State {
    New,
    Begun,
    Done(Output),
}

/// What a flow puts into its topic.
#[derive(Clone)]
pub(super) struct Output {
    pub(super) value_type: Type,
    pub(super) value_format: Format,
    pub(super) key: KeyForm,
}

impl Output {
    /// What is assumed of a flow that could not be compiled.
    pub(super) const fn unknown() -> Self {
        Self {
            value_type: Type::Dyn,
            value_format: Format::Json,
            key: KeyForm::Text,
        }
    }
}

/// What a flow reads: a source, or the topic of another flow.
pub(super) struct Input {
    pub(super) source: Source,
    pub(super) value_type: Type,
    pub(super) key_type: Type,
}

/// An operator and the fields of the values that it makes; `None` where values pass unchanged.
struct Made {
    operator: Operator,
    fields: Option<Vec<(String, Type)>>,
}

impl Compiler<'_, '_> {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Reports a finding about a part of an expression.
    pub(super) fn diagnose(&mut self, expression: &Expression, diagnostic: Diagnostic) {
        let start = place(self.text, &expression.node, diagnostic.span.start);
        let end = match diagnostic.span.is_empty() {
            true => start,
            false => place(self.text, &expression.node, diagnostic.span.end),
        };
        self.findings.push(Finding {
            message: diagnostic.message,
            span: start..end.max(start),
            nearest: diagnostic.nearest,
            help: diagnostic.help,
        });
    }

    pub(super) fn program(
        &mut self,
        expression: &Expression,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        match expr::compile(&expression.text, scope, fields) {
            Ok(program) => Some(program),
            Err(diagnostics) => {
                for diagnostic in diagnostics {
                    self.diagnose(expression, diagnostic);
                }
                None
            }
        }
    }

    /// The types of values and keys of the results of the flow that an alert is about; reported
    /// where there is no such flow.
    pub(super) fn results_of(&mut self, on: &Located<String>) -> Option<(Type, Type)> {
        let flows = self.file.flows.iter().map(|flow| flow.name.value.as_str());
        let known: Vec<_> = flows.collect();
        if let Some(index) = known.iter().position(|name| *name == on.value) {
            let output = self.output_of(index)?;
            let flow = self.flows.get(index).and_then(Option::as_ref);
            let key = flow.map_or(Type::Text, |flow| Type::of_key(alert::key_format(flow)));
            return Some((output.value_type, key));
        }
        let finding = Finding::new(format!("`{}` is no flow", on.value), on.span.clone());
        let help = format!("the flows are {}", known.join(", "));
        self.report(finding.nearest(&on.value, known).help(help));
        None
    }

    /// A program that answers true or false.
    pub(super) fn condition_of(
        &mut self,
        expression: &Expression,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        self.program_of(expression, scope, fields, CONDITION, |ty| {
            ty.may_be(&Type::Bool)
        })
    }

    /// A program whose type must satisfy `fits`; else `expected` is reported.
    pub(super) fn program_of(
        &mut self,
        expression: &Expression,
        scope: &Scope,
        fields: &mut Fields,
        (expected, help): (&str, &str),
        fits: impl FnOnce(&Type) -> bool,
    ) -> Option<Program> {
        let program = self.program(expression, scope, fields)?;
        if fits(program.ty()) {
            return Some(program);
        }
        let message = format!("expected {expected}, found {}", program.ty());
        let found = Diagnostic::new(message, 0..expression.text.len());
        self.diagnose(expression, found.help(help));
        None
    }

    /// What `body` is keyed by; `None` for the record's own key, which an aggregation need not be
    /// told: it is not read into a field first, and its records already meet.
    fn flow_key(&mut self, body: &FlowBody, scope: &Scope, fields: &mut Fields) -> Option<Program> {
        let mut read = fields.clone();
        let key = body.key.as_ref()?;
        let key = self.program_of(key, scope, &mut read, KEY, Type::may_be_key)?;
        let path = key.slot().and_then(|slot| read.paths().get(slot));
        if body.aggregate.is_some() && path == Some(&Path::new(Root::Key, [])) {
            return None;
        }
        *fields = read;
        Some(key)
    }

    /// Finds out what is known of the sources, and checks their expressions, also of sources that
    /// no flow reads.
    fn sources(&mut self) {
        let file = self.file;
        for entry in &file.sources {
            let (ty, schema) = match &entry.body {
                Some(body) => self.value_type(body),
                None => (Type::Dyn, None),
            };
            self.source_types.push((ty.clone(), schema));
            if let Some(body) = &entry.body {
                let scope = Scope::record(ty, Type::of_key(body.key_format));
                self.time(body, &scope, &mut Fields::default());
            }
        }
    }

    fn value_type(&mut self, body: &SourceBody) -> (Type, Option<Arc<str>>) {
        match (body.value_format, &body.schema) {
            (Format::Text, _) => (Type::Text, None),
            (Format::Bytes, _) => (Type::Bytes, None),
            (Format::Fixed(fixed), _) => (Type::of_fixed(fixed), None),
            (Format::Json, Some(SchemaBody::Fields(ty))) => (ty.clone(), None),
            (Format::Avro, Some(SchemaBody::File(file))) => match self.schema(file) {
                Some((text, schema)) => (type_of(&schema), Some(text.into())),
                None => (Type::Dyn, None),
            },
            (Format::Json | Format::Avro, _) => (Type::Dyn, None),
        }
    }

    /// The schema in a file: its text, and what it says.
    pub(super) fn schema(&mut self, file: &Located<String>) -> Option<(String, Schema)> {
        let at = |message| Finding::new(message, file.span.clone());
        let finding = match (self.outside.file)(&file.value) {
            Err(reason) => at(format!("read schema {}: {reason}", file.value))
                .help("the name is relative to the pipeline file"),
            Ok(text) => match Schema::parse(&text) {
                Ok(schema) => return Some((text, schema)),
                Err(error) => at(error.to_string())
                    .help("mend the file, which is to hold one Avro schema in JSON"),
            },
        };
        self.report(finding);
        None
    }

    fn time(&mut self, body: &SourceBody, scope: &Scope, fields: &mut Fields) -> Option<Program> {
        let time = body.time.as_ref()?;
        let expected = "milliseconds as int, a timestamp, or RFC 3339 text";
        let help = "name the field that holds the time, as in `value.ordered_at`";
        self.program_of(time, scope, fields, (expected, help), |ty| {
            matches!(
                ty.non_null(),
                Type::Int | Type::Timestamp | Type::Text | Type::Dyn
            )
        })
    }

    /// Compiles the flow with this index, unless it has been, and says what it puts out. `None`
    /// where it has begun and not ended: it reads itself.
    fn output_of(&mut self, index: usize) -> Option<Output> {
        let file = self.file;
        match self.states.get(index)? {
            State::Done(output) => return Some(output.clone()),
            State::Begun => return None,
            State::New => {}
        }
        self.set_state(index, State::Begun);
        self.begun.push(index);
        let mut output = Output::unknown();
        if let Some(entry) = file.flows.get(index)
            && let Some(body) = &entry.body
        {
            let (flow, made) = self.flow(entry, body);
            output = made;
            if let Some(place) = self.flows.get_mut(index) {
                *place = flow;
            }
        }
        self.begun.pop();
        self.set_state(index, State::Done(output.clone()));
        Some(output)
    }

    /// The flows between the one with this index, which has begun, and what it reads of itself: each
    /// reads the next.
    fn ring(&self, index: usize) -> Vec<String> {
        let begun = self.begun.iter().skip_while(|begun| **begun != index);
        let others = begun
            .skip(1)
            .filter_map(|begun| self.file.flows.get(*begun));
        others
            .map(|flow| format!("`{}`", flow.name.value))
            .collect()
    }

    fn set_state(&mut self, index: usize, state: State) {
        if let Some(place) = self.states.get_mut(index) {
            *place = state;
        }
    }

    pub(super) const fn file(&self) -> &File {
        self.file
    }

    fn flow(&mut self, entry: &FlowEntry, body: &FlowBody) -> (Option<Flow>, Output) {
        if self.is_graph(body) {
            return self.graph_flow(entry, body);
        }
        let mut fields = Fields::default();
        let input = self.input(&body.from, &mut fields);
        if input.source.topic.as_ref() == body.to.topic.value {
            let finding = Finding::new(
                "a flow that writes into the topic that it reads",
                body.to.topic.span.clone(),
            );
            self.report(finding.help("give the results a topic of their own"));
        }
        let scope = Scope::record(input.value_type.clone(), input.key_type.clone());
        let filter = self.filter_of(body, &scope, &mut fields);
        let key = self.flow_key(body, &scope, &mut fields);
        let key_type = key.as_ref().map_or(input.key_type, |key| key.ty().clone());
        let made = match &body.aggregate {
            Some(aggregates) => {
                let window = body.window.as_ref();
                let windows = window.map_or(&Windows::Running, |window| &window.value);
                self.check_emission(body, windows);
                let empty = body
                    .window
                    .as_ref()
                    .map(|window| empty(window, key.as_ref()));
                let of = (windows, empty.unwrap_or_default());
                Some(self.windowed(body, of, aggregates, &key_type, (&scope, &mut fields)))
            }
            None => self.unwindowed(body, &scope, &mut fields),
        };
        let made = made.unwrap_or_else(|| Made {
            operator: Operator::Map(Map { select: None }),
            fields: Some(Vec::new()),
        });
        if let Some(chart) = &body.chart {
            self.check_chart(chart, made.fields.as_deref());
        }
        let (sink, output) = self.sink(entry, body, &input.source, &input.value_type, made.fields);
        let flow = sink.map(|sink| Flow {
            name: entry.name.value.as_str().into(),
            source: input.source,
            fields,
            filter,
            key,
            operator: made.operator,
            late: body.late.as_ref().map(|late| TopicName::from(&*late.value)),
            on_error: self.file.on_error.clone(),
            sink,
        });
        (flow, output)
    }

    /// What `from:` names.
    pub(super) fn input(&mut self, from: &Located<String>, fields: &mut Fields) -> Input {
        let file = self.file;
        let names = file.sources.iter().map(|source| &source.name.value);
        if let Some(index) = names.clone().position(|name| *name == from.value) {
            return self.source_input(index, fields);
        }
        let flows = file.flows.iter().map(|flow| &flow.name.value);
        let Some(index) = flows.clone().position(|name| *name == from.value) else {
            let known: Vec<_> = names.chain(flows).map(String::as_str).collect();
            let finding = Finding::new(
                format!("`{}` is no source and no flow", from.value),
                from.span.clone(),
            );
            let help = format!("there are {}", known.join(", "));
            self.report(finding.nearest(&from.value, known).help(help));
            return unknown_input();
        };
        let Some(output) = self.output_of(index) else {
            let message = match self.ring(index).as_slice() {
                [] => format!("`{}` reads itself", from.value),
                others => format!(
                    "`{}` reads itself, through {}",
                    from.value,
                    others.join(", ")
                ),
            };
            let finding = Finding::new(message, from.span.clone());
            self.report(finding.help("begin the chain with a source"));
            return unknown_input();
        };
        let topic = file.flows.get(index).and_then(|flow| flow.body.as_ref());
        let topic = topic.map(|body| TopicName::from(&*body.to.topic.value));
        let mut input = unknown_input();
        input.source.topic = topic.unwrap_or(input.source.topic);
        input.source.value_format = output.value_format;
        input.value_type = output.value_type;
        if output.key == KeyForm::Windowed {
            input.source.key_format = Format::Bytes;
            input.key_type = Type::of_key(Format::Bytes);
        }
        input
    }

    fn source_input(&self, index: usize, fields: &mut Fields) -> Input {
        let file = self.file;
        let body = file
            .sources
            .get(index)
            .and_then(|entry| entry.body.as_ref());
        let Some(body) = body else {
            return unknown_input();
        };
        let known = self.source_types.get(index).cloned();
        let (value_type, value_schema) = known.unwrap_or_default();
        let key_type = Type::of_key(body.key_format);
        let scope = Scope::record(value_type.clone(), key_type.clone());
        // What is wrong with it has been reported with the source.
        let time = body.time.as_ref();
        let time = time.and_then(|time| expr::compile(&time.text, &scope, fields).ok());
        Input {
            source: Source {
                topic: TopicName::from(&*body.topic.value),
                key_format: body.key_format,
                value_format: body.value_format,
                value_schema,
                time,
                future: body.future,
                idle: body.idle,
                keying: body.keying,
            },
            value_type,
            key_type,
        }
    }

    fn windowed(
        &mut self,
        body: &FlowBody,
        (windows, empty): (&Windows, Empty),
        aggregates: &[(Located<String>, Expression)],
        key_type: &Type,
        (scope, fields): (&Scope, &mut Fields),
    ) -> Made {
        let mut named = Vec::with_capacity(aggregates.len());
        let mut types = Vec::with_capacity(aggregates.len());
        for (name, expression) in aggregates {
            let compiled = self.aggregate(name, expression, scope, fields);
            if let (Some((_, aggregate)), false) = (&compiled, windows.has_bounds()) {
                self.refuse_rate(expression, aggregate.function);
            }
            let (ty, aggregate) = match compiled {
                Some((ty, aggregate)) if empty != Empty::Never => {
                    (of_nothing_too(ty, aggregate.function), Some(aggregate))
                }
                Some((ty, aggregate)) => (ty, Some(aggregate)),
                None => (Type::Dyn, None),
            };
            types.push((name.value.clone(), ty));
            named.extend(aggregate);
        }
        let results = Scope::result(key_type.clone(), types.clone());
        let select = body.select.as_ref().map(|columns| {
            let mut fields = Fields::default();
            let (columns, types) = self.columns(columns, &results, &mut fields);
            (Select { fields, columns }, types)
        });
        let (select, columns) = select.unzip();
        let columns = columns.unwrap_or_else(|| {
            let instants = ["start", "end"].map(|name| (name.to_owned(), Type::Timestamp));
            let window = Type::record("window", instants);
            let window = windows.has_bounds().then(|| ("window".to_owned(), window));
            let key = ("key".to_owned(), key_type.clone());
            [key].into_iter().chain(window).chain(types).collect()
        });
        let thinning = body.emit.as_ref().map(|emit| emit.thinning);
        let emit = body.emit.as_ref().map(|emit| emit.value);
        Made {
            operator: Operator::Window(WindowAggregate {
                windows: windows.clone(),
                aggregates: named,
                select,
                emit: emit.unwrap_or(windows.default_emit()),
                empty,
                thinning: thinning.unwrap_or_default(),
            }),
            fields: Some(columns),
        }
    }

    /// The windows that a flow of several operators ends in, and the fields of their results.
    pub(super) fn end_windows(
        &mut self,
        body: &FlowBody,
        aggregates: &[(Located<String>, Expression)],
        key_type: &Type,
        scope: &Scope,
    ) -> Option<(GraphWindows, Vec<(String, Type)>)> {
        let window = body.window.as_ref();
        let windows = window.map_or(&Windows::Running, |window| &window.value);
        self.check_emission(body, windows);
        let mut fields = Fields::default();
        let of = (windows, Empty::Never);
        let made = self.windowed(body, of, aggregates, key_type, (scope, &mut fields));
        match made.operator {
            Operator::Window(aggregate) => Some((
                GraphWindows { aggregate, fields },
                made.fields.unwrap_or_default(),
            )),
            Operator::Map(_) | Operator::Graph(_) => None,
        }
    }

    /// Reports a rate where there is no window whose length it could be of.
    fn refuse_rate(&mut self, expression: &Expression, function: Function) {
        if function == Function::Rate {
            let message = "`rate` where windows have no length";
            let finding = Finding::new(message, expression.node.span.clone());
            let help = "add a window of event time, as in `window: { tumbling: 1m }`, or take `count()` or `sum()`";
            self.report(finding.help(help));
        }
    }

    /// Reports an `emit` that would put out nothing, and a `late` for what is never late.
    fn check_emission(&mut self, body: &FlowBody, windows: &Windows) {
        if let (Some(emit), Windows::Running) = (&body.emit, windows)
            && emit.value == Emit::Final
        {
            let finding = Finding::new("`emit: final` without a window", emit.span.clone());
            self.report(finding.help("only windows close; write `emit: updates`"));
        }
        if let (Some(late), Windows::Running | Windows::Rows(_)) = (&body.late, windows) {
            let finding = Finding::new("`late` where nothing ever is", late.span.clone());
            self.report(finding.help("only windows of event time close; remove it"));
        }
    }

    /// A flow without aggregates; a window without them is reported.
    fn unwindowed(&mut self, body: &FlowBody, scope: &Scope, fields: &mut Fields) -> Option<Made> {
        if let Some(window) = &body.window {
            let finding = Finding::new("`window` without `aggregate`", window.span.clone());
            self.report(finding.help("add `aggregate: { count: count() }`, or remove the window"));
            return None;
        }
        let emit = body.emit.as_ref().map(|emit| ("emit", &emit.span));
        let late = body.late.as_ref().map(|late| ("late", &late.span));
        for (key, span) in emit.into_iter().chain(late) {
            let finding = Finding::new(format!("`{key}` without a window"), span.clone());
            self.report(finding.help("only windows close; remove it"));
        }
        let select = body.select.as_ref();
        let select = select.map(|columns| self.columns(columns, scope, fields));
        let (select, types) = select.unzip();
        Some(Made {
            operator: Operator::Map(Map { select }),
            fields: types,
        })
    }

    #[expect(
        clippy::type_complexity,
        reason = "programs by name, and their types by name"
    )]
    pub(super) fn columns(
        &mut self,
        columns: &[(Located<String>, Expression)],
        scope: &Scope,
        fields: &mut Fields,
    ) -> (Vec<(Box<str>, Program)>, Vec<(String, Type)>) {
        let (mut programs, mut types) = (Vec::new(), Vec::new());
        for (name, expression) in columns {
            let program = self.program(expression, scope, fields);
            let ty = program.as_ref().map(|program| program.ty().clone());
            types.push((name.value.clone(), ty.unwrap_or_default()));
            programs.extend(program.map(|program| (name.value.as_str().into(), program)));
        }
        (programs, types)
    }
}

/// Which windows without records come out, of a flow with this key.
fn empty(window: &WindowBody, key: Option<&Program>) -> Empty {
    match (window.empty, &window.value) {
        (None, _) => Empty::Never,
        (Some(EmptyBody::ZeroFor(time)), _) => Empty::Within(time),
        (Some(EmptyBody::Zero), windows) => Empty::of(windows, key),
    }
}

/// The type of the results of `function` where windows without records come out too.
fn of_nothing_too(ty: Type, function: Function) -> Type {
    match function.is_null_of_nothing() {
        true => ty.nullable(),
        false => ty,
    }
}

/// What is assumed of an input that could not be found, so that the rest can still be checked; and
/// of the topic of another flow, whose keys are text and whose records carry their event time.
fn unknown_input() -> Input {
    Input {
        source: Source {
            topic: TopicName::from(""),
            key_format: Format::Text,
            value_format: Format::Json,
            value_schema: None,
            time: None,
            future: None,
            idle: None,
            keying: Keying::ByRecordKey,
        },
        value_type: Type::Dyn,
        key_type: Type::of_key(Format::Text),
    }
}
