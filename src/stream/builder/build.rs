//! From what a builder was told to a plan.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::expr;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::record::TopicName;
use crate::stream::builder::computed::Closure;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::lane::Lane;
use crate::stream::builder::mistake::BuildError;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Node;
use crate::stream::builder::node::Step;
use crate::stream::builder::node::Told;
use crate::stream::builder::piece::Opened;
use crate::stream::builder::piece::Piece;
use crate::stream::builder::windowing::Windowing;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::Plan;
use crate::stream::typed::Input;

/// The plan of what was told.
pub(super) fn plan(told: &Told) -> Result<Plan, BuildError> {
    let mut mistakes = Vec::new();
    let mut outputs = Vec::new();
    let mut flows = Vec::new();
    for (number, end) in told.ends.iter().enumerate() {
        let mut others = told.ends.iter().take(number);
        if others.any(|other| other.name == end.name) {
            let mistake = Mistake::new(format!("two flows named `{}`", end.name), end.at);
            mistakes.push(mistake.help("give one of them a name of its own: `.named(\"…\")`"));
        }
        let mut making = Making {
            told,
            outputs: &outputs,
            mistakes: &mut mistakes,
            topology: Topology::new(),
            inputs: Vec::new(),
            uses: uses(&end.of),
            done: HashMap::new(),
            late: None,
        };
        let (flow, output) = making.flow(end);
        flows.extend(flow.map(Arc::new));
        outputs.push(output);
    }
    let name = told.name.as_str().into();
    match BuildError::new(mistakes) {
        None => Ok(Plan { name, flows }),
        Some(wrong) => Err(wrong),
    }
}

/// How many steps stand on each step, of those that `last` stands on.
fn uses(last: &Link) -> HashMap<*const Node, usize> {
    let mut uses = HashMap::from([(Rc::as_ptr(last), 1)]);
    let mut left = vec![last];
    while let Some(link) = left.pop() {
        for input in link.step.inputs() {
            let used = uses.entry(Rc::as_ptr(input)).or_default();
            *used += 1;
            if *used == 1 {
                left.push(input);
            }
        }
    }
    uses
}

/// What a flow puts into its topic.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) topic: TopicName,
    pub(super) value_type: Type,
    pub(super) value_format: Format,
}

/// A flow in the making.
pub(super) struct Making<'m> {
    pub(super) told: &'m Told,
    /// What the flows before it put out.
    pub(super) outputs: &'m [Output],
    pub(super) mistakes: &'m mut Vec<Mistake>,
    pub(super) topology: Topology,
    pub(super) inputs: Vec<Opened>,
    pub(super) uses: HashMap<*const Node, usize>,
    /// The steps that several stand on.
    pub(super) done: HashMap<*const Node, Piece>,
    pub(super) late: Option<TopicName>,
}

/// What has been made of a step.
pub(super) enum Made {
    /// Records of one source, so far only filtered and keyed: these have a way of their own that
    /// copies nothing.
    Lane(Box<Lane>),
    /// The same, aggregated.
    Windowing(Box<Windowing>),
    /// What a node of a graph puts out.
    Piece(Piece),
}

impl Making<'_> {
    pub(super) fn report(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// What `link` comes to; `None` where something is wrong with it, which is reported.
    pub(super) fn made(&mut self, link: &Link) -> Option<Made> {
        let place = Rc::as_ptr(link);
        if let Some(piece) = self.done.get(&place) {
            return Some(Made::Piece(piece.clone()));
        }
        let made = self.step(link)?;
        if self.uses.get(&place).copied().unwrap_or(0) <= 1 {
            return Some(made);
        }
        let piece = self.piece_of(made, link.at)?;
        self.done.insert(place, piece.clone());
        Some(Made::Piece(piece))
    }

    fn step(&mut self, link: &Link) -> Option<Made> {
        let at = link.at;
        match &link.step {
            Step::Source(origin, shape) => self.opened(origin, shape, at).map(Made::Lane),
            Step::Through(flow, shape) => self.reopened(*flow, shape, at).map(Made::Lane),
            Step::Filter(of, condition) => self.filtered(of, condition, at),
            Step::Key(of, key) => self.keyed(of, key, at),
            Step::Select(of, columns) => self.selected(of, columns, at),
            Step::Way(of, number) => self.way(of, *number, at),
            Step::Late(of, topic) => {
                self.late = Some(Arc::clone(topic));
                self.made(of)
            }
            Step::Aggregate {
                of,
                window,
                aggregates,
                emission,
            } => self.aggregated(of, window.as_ref(), aggregates, *emission, at),
            _ => self.operator(link).map(Made::Piece),
        }
    }

    /// The program that `computed` is within `scope`.
    pub(super) fn program(
        &mut self,
        computed: &Computed,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        match computed {
            Computed::Expression(expression) => self.compiled(expression, scope, fields),
            Computed::Closure(closure) => Some(native(closure, fields)),
        }
    }

    pub(super) fn compiled(
        &mut self,
        expression: &Expression,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        let compiled = expr::compile(&expression.text, scope, fields);
        let wrong = match compiled {
            Ok(program) => return Some(program),
            Err(wrong) => wrong,
        };
        for diagnostic in wrong {
            self.report(Mistake::of(diagnostic, &expression.text, expression.at));
        }
        None
    }

    /// The same, whose type must satisfy `fits`; else `expected` is reported.
    pub(super) fn program_of(
        &mut self,
        computed: &Computed,
        scope: &Scope,
        fields: &mut Fields,
        expected: &str,
        fits: impl FnOnce(&Type) -> bool,
    ) -> Option<Program> {
        let program = self.program(computed, scope, fields)?;
        if fits(program.ty()) {
            return Some(program);
        }
        let message = format!("expected {expected}, found {}", program.ty());
        self.report(about(message, computed));
        None
    }

    pub(super) fn condition_of(
        &mut self,
        condition: &Computed,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        self.program_of(condition, scope, fields, "a condition", |ty| {
            ty.may_be(&Type::Bool)
        })
    }

    pub(super) fn key_of(
        &mut self,
        key: &Computed,
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<Program> {
        let expected = "a text, a number, a bool or bytes as key";
        self.program_of(key, scope, fields, expected, Type::may_be_key)
    }
}

/// A mistake about all of `computed`.
pub(super) fn about(message: String, computed: &Computed) -> Mistake {
    match computed {
        Computed::Expression(Expression { text, at }) => {
            let diagnostic = expr::Diagnostic::new(message, 0..text.len());
            Mistake::of(diagnostic, text, at)
        }
        Computed::Closure(closure) => Mistake::new(message, closure.at),
    }
}

/// The program that a closure is; it reads the fields of the value that its type has.
fn native(closure: &Closure, fields: &mut Fields) -> Program {
    let closure = closure.clone();
    let (name, result) = (closure.name(), closure.result.clone());
    let mut slot = |steps: &[&str]| fields.slot(Path::new(Root::Value, steps.iter().copied()));
    let Some(names) = closure.fields else {
        let slot = slot(&[]);
        return Program::native(&name, result, move |row| {
            let value = row.slots.get(slot).and_then(Option::as_ref);
            let called = closure.call(Input::Whole(value));
            called.map_err(|refusal| refusal.0)
        });
    };
    let slots: Vec<usize> = names.iter().map(|name| slot(&[name])).collect();
    Program::native(&name, result, move |row| {
        let called = closure.call(Input::Fields(names, &slots, row));
        called.map_err(|refusal| refusal.0)
    })
}
