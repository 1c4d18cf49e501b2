//! Macros over the elements of a list or the keys of a map: `all`, `exists`, `exists_one`, `map`,
//! `filter`.

use std::borrow::Cow;
use std::ops::Range;

use crate::expr::Type;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::expr::code::Any;
use crate::expr::code::At;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::Frame;
use crate::expr::code::Raise;
use crate::expr::compile::Compiler;
use crate::expr::compile::Typed;
use crate::expr::error::Diagnostic;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::record::Value;

/// One macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

/// The names of the macros.
pub(super) const NAMES: [(&str, Macro); 6] = [
    ("all", Macro::All),
    ("exists", Macro::Exists),
    ("exists_one", Macro::ExistsOne),
    ("existsOne", Macro::ExistsOne),
    ("map", Macro::Map),
    ("filter", Macro::Filter),
];

impl Macro {
    pub(super) fn named(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find_map(|(own, kind)| (*own == name).then_some(*kind))
    }
}

impl Compiler<'_> {
    /// `target.all(x, condition)` and its like.
    pub(super) fn comprehension(
        &mut self,
        kind: Macro,
        target: &Expr,
        args: &[Expr],
        span: &Range<usize>,
    ) -> Typed {
        let range = self.value(target);
        let (name, condition, made) = match (kind, args) {
            (Macro::Map, [name, made]) => (name, None, Some(made)),
            (Macro::Map, [name, condition, made]) => (name, Some(condition), Some(made)),
            (Macro::Map, _) => return self.misused(span, "map(x, 2 * x)"),
            (_, [name, condition]) => (name, Some(condition), None),
            (Macro::Filter, _) => return self.misused(span, "filter(x, x > 0)"),
            _ => return self.misused(span, "all(x, x > 0)"),
        };
        let Node::Name(name) = &name.node else {
            let message = "expected a name for the element";
            let found = Diagnostic::new(message, name.span.clone());
            return self.fail(found.help("write it as in `value.items.all(x, x > 0)`"));
        };
        let Some(element) = element_type(&range.ty) else {
            let message = format!("{} has no elements", range.ty);
            let found = Diagnostic::new(message, target.span.clone());
            return self.fail(found.help("only lists and maps have elements"));
        };
        self.variables.push((name.clone(), element.clone()));
        let condition = condition.map(|condition| self.condition(condition));
        let made = made.map(|made| self.value(made));
        self.variables.pop();
        let made_type = made.as_ref().map(|made| made.ty.clone());
        let body = Body {
            range: range.code,
            range_at: range.at,
            condition: condition.map(|condition| (condition.code, condition.at)),
            made: made.map(|made| made.code),
            at: At::new(span),
        };
        typed(kind, body, element, made_type, span)
    }

    fn misused(&mut self, span: &Range<usize>, example: &str) -> Typed {
        let found = Diagnostic::new("a macro with the wrong arguments", span.clone());
        self.fail(found.help(format!("write it as in `value.items.{example}`")))
    }
}

/// The type of the variable over a range; `None` where it has no elements.
fn element_type(range: &Type) -> Option<Type> {
    match range.non_null() {
        Type::Dyn => Some(Type::Dyn),
        Type::List(element) => Some((**element).clone()),
        Type::Map(key, _) => Some((**key).clone()),
        Type::Record(_) => Some(Type::Text),
        _ => None,
    }
}

fn typed(kind: Macro, body: Body, element: Type, made: Option<Type>, span: &Range<usize>) -> Typed {
    let at = At::new(span);
    let (ty, code) = match kind {
        Macro::All => (
            Type::Bool,
            Code::Bool(Box::new(move |env| body.decided(env, false))),
        ),
        Macro::Exists => (
            Type::Bool,
            Code::Bool(Box::new(move |env| body.decided(env, true))),
        ),
        Macro::ExistsOne => (
            Type::Bool,
            Code::Bool(Box::new(move |env| Ok(body.count(env)? == 1))),
        ),
        Macro::Map => (
            Type::list(made.unwrap_or_default()),
            Code::General(Box::new(move |env| body.made(env))),
        ),
        Macro::Filter => (
            Type::list(element),
            Code::General(Box::new(move |env| body.filtered(env))),
        ),
    };
    Typed { ty, code, at }
}

struct Body {
    range: Code,
    range_at: At,
    condition: Option<(Code, At)>,
    made: Option<Code>,
    at: At,
}

impl Body {
    /// Calls `visit` with the environment of each element and the element, until it breaks.
    fn each<'e, T>(
        &self,
        env: &Env<'e, '_>,
        range: &Any<'e>,
        mut visit: impl FnMut(&Env<'_, '_>, &Value<'e>) -> Result<Option<T>, Raise>,
    ) -> Result<Option<T>, Raise> {
        let mut step = |element: &Value<'e>| {
            let drawn = env.budget.draw(1);
            drawn.map_err(|fault| self.at.raise(fault))?;
            let frame = Frame {
                value: element,
                outer: env.frame,
            };
            let inner = Env {
                row: env.row,
                constants: env.constants,
                frame: Some(&frame),
                budget: env.budget,
            };
            visit(&inner, element)
        };
        match &**range {
            Value::List(items) => first(items.iter().map(step)),
            Value::Map(entries) => first(entries.iter().map(|(key, _)| step(key))),
            other => {
                let fault = Fault::NoOverload(ValueType::of(other));
                Err(self.range_at.raise(fault))
            }
        }
    }

    fn holds(&self, env: &Env<'_, '_>) -> Result<bool, Raise> {
        match &self.condition {
            Some((code, at)) => code.bool(env, *at),
            None => Ok(true),
        }
    }

    /// As `&&` (where false decides) or `||` (where true does) over all elements.
    fn decided(&self, env: &Env<'_, '_>, decisive: bool) -> Result<bool, Raise> {
        let range = self.range.any(env)?;
        let mut failure = None;
        let decided = self.each(env, &range, |inner, _| match self.holds(inner) {
            Ok(value) if value == decisive => Ok(Some(())),
            Ok(_) => Ok(None),
            // What ends the evaluation is not absorbed, or the budget would be none.
            Err(raise) if raise.fault == Fault::TooMuchWork => Err(raise),
            Err(raise) => {
                failure = failure.or(Some(raise));
                Ok(None)
            }
        })?;
        match (decided, failure) {
            (Some(()), _) => Ok(decisive),
            (None, Some(raise)) => Err(raise),
            (None, None) => Ok(!decisive),
        }
    }

    fn count(&self, env: &Env<'_, '_>) -> Result<usize, Raise> {
        let range = self.range.any(env)?;
        let mut count = 0;
        self.each(env, &range, |inner, _| {
            count += usize::from(self.holds(inner)?);
            Ok(None::<()>)
        })?;
        Ok(count)
    }

    fn filtered<'e>(&self, env: &Env<'e, '_>) -> Result<Any<'e>, Raise> {
        let range = self.range.any(env)?;
        let mut kept = Vec::new();
        self.each(env, &range, |inner, element| {
            if self.holds(inner)? {
                let drawn = env.budget.draw_copy(element);
                drawn.map_err(|fault| self.at.raise(fault))?;
                kept.push(element.clone());
            }
            Ok(None::<()>)
        })?;
        Ok(Cow::Owned(Value::List(kept)))
    }

    fn made<'e>(&self, env: &Env<'e, '_>) -> Result<Any<'e>, Raise> {
        let range = self.range.any(env)?;
        let mut list = Vec::new();
        self.each(env, &range, |inner, element| {
            if self.holds(inner)? {
                list.push(self.one(inner, element)?);
            }
            Ok(None::<()>)
        })?;
        Ok(Cow::Owned(Value::List(list)))
    }

    /// What is made of one element; owned, since the element may not outlive the macro.
    fn one(&self, env: &Env<'_, '_>, element: &Value<'_>) -> Result<Value<'static>, Raise> {
        let made = match &self.made {
            Some(code) => code.any(env)?,
            None => Cow::Borrowed(element),
        };
        let drawn = env.budget.draw_copy(&made);
        drawn.map_err(|fault| self.at.raise(fault))?;
        Ok(made.into_owned().into_owned())
    }
}

/// The first outcome that is something or an error.
fn first<T>(
    mut outcomes: impl Iterator<Item = Result<Option<T>, Raise>>,
) -> Result<Option<T>, Raise> {
    outcomes.find_map(Result::transpose).transpose()
}
