//! Calls: which function is meant, and code that calls it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::Type;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::expr::ast::Spanned;
use crate::expr::code::Any;
use crate::expr::code::At;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::Raise;
use crate::expr::compile::Compiler;
use crate::expr::compile::Typed;
use crate::expr::comprehension;
use crate::expr::comprehension::Macro;
use crate::expr::error::Diagnostic;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::function;
use crate::expr::function::Body;
use crate::expr::function::Misfit;
use crate::expr::function::Style;
use crate::record::Value;

/// What is called of an optional value.
const OPTIONAL_METHODS: [&str; 4] = ["or", "orValue", "hasValue", "value"];

/// Functions that aggregate, which have their own place in a pipeline file.
const AGGREGATES: [&str; 7] = ["count", "sum", "avg", "min", "max", "first", "last"];

impl Compiler<'_> {
    pub(super) fn call(
        &mut self,
        target: Option<&Expr>,
        function: &Spanned,
        args: &[Expr],
        span: &Range<usize>,
    ) -> Typed {
        let Some(target) = target else {
            if &*function.name == "has" {
                return self.presence(args, span);
            }
            let args = args.iter().map(|arg| self.value(arg)).collect();
            return self.function(&function.name, function, Style::Global, args, span);
        };
        if let Node::Name(namespace) = &target.node {
            match &**namespace {
                "math" => {
                    let name = format!("math.{}", function.name);
                    let args = args.iter().map(|arg| self.value(arg)).collect();
                    return self.function(&name, function, Style::Global, args, span);
                }
                "optional" => return self.made_optional(function, args, span),
                _ => {}
            }
        }
        if let Some(kind) = Macro::named(&function.name) {
            return self.comprehension(kind, target, args, span);
        }
        if OPTIONAL_METHODS.contains(&&*function.name) {
            return self.of_optional(target, function, args, span);
        }
        let mut all = vec![self.value(target)];
        all.extend(args.iter().map(|arg| self.value(arg)));
        self.function(&function.name, function, Style::Method, all, span)
    }

    fn function(
        &mut self,
        name: &str,
        written: &Spanned,
        style: Style,
        args: Vec<Typed>,
        span: &Range<usize>,
    ) -> Typed {
        let types: Vec<_> = args.iter().map(|arg| &arg.ty).collect();
        let (function, ty) = match function::find(name, style, &types) {
            Ok(found) => found,
            Err(misfit) => {
                let found = misfit_diagnostic(&misfit, name, style, &types, written, span);
                return self.fail(found);
            }
        };
        let at = At::new(span);
        if name == "matches"
            && let [text, pattern] = args.as_slice()
            && let Some(Value::Text(source)) = self.constant_value(pattern)
        {
            let source = source.clone().into_owned();
            let pattern_span = pattern.at.span();
            let text_at = text.at;
            let text = args.into_iter().next().map(|text| text.code);
            return self.matches(text, text_at, &source, pattern_span, at);
        }
        let is_constant = args.iter().all(Typed::is_constant);
        let codes: Vec<_> = args.into_iter().map(|arg| arg.code).collect();
        let call = Typed {
            ty,
            code: called(function.body, codes, at),
            at,
        };
        if !is_constant {
            return call;
        }
        self.folded_call(call, name, span)
    }

    /// A call with constants. One that makes no duration or instant of its text never will.
    fn folded_call(&mut self, call: Typed, name: &str, span: &Range<usize>) -> Typed {
        let example = match name {
            "duration" => "a duration is written `duration(\"1h30m\")`",
            "timestamp" => "an instant is written `timestamp(\"2026-01-31T12:00:00Z\")`",
            _ => return self.folded(call),
        };
        match self.evaluate(&call.code) {
            Err(fault) => self.fail(Diagnostic::new(fault.to_string(), span.clone()).help(example)),
            Ok(_) => self.folded(call),
        }
    }

    /// `text.matches(pattern)` with a pattern that is compiled once.
    fn matches(
        &mut self,
        text: Option<Code>,
        text_at: At,
        source: &str,
        pattern_span: Range<usize>,
        at: At,
    ) -> Typed {
        let (Some(text), Ok(pattern)) = (text, function::pattern(source)) else {
            let found = Diagnostic::new("not a regular expression", pattern_span);
            return self
                .fail(found.help("the syntax is RE2's; a raw text spares backslashes: r\"\\d+\""));
        };
        let code = Code::Bool(Box::new(move |env| match &*text.any(env)? {
            Value::Text(text) => Ok(pattern.is_match(text)),
            other => Err(text_at.raise(Fault::NoOverload(ValueType::of(other)))),
        }));
        Typed {
            ty: Type::Bool,
            code,
            at,
        }
    }

    /// `optional.none()` and `optional.of(x)`.
    fn made_optional(&mut self, function: &Spanned, args: &[Expr], span: &Range<usize>) -> Typed {
        let at = At::new(span);
        let (ty, code) = match (&*function.name, args) {
            ("none", []) => (Type::Dyn, Code::Maybe(Box::new(|_| Ok(None)))),
            ("of", [value]) => {
                let value = self.value(value);
                let code = value.code;
                (
                    value.ty,
                    Code::Maybe(Box::new(move |env| code.any(env).map(Some))),
                )
            }
            _ => {
                let message = format!("unknown function `optional.{}`", function.name);
                let found = Diagnostic::new(message, function.span.clone());
                return self.fail(found.help("there are `optional.of(x)` and `optional.none()`"));
            }
        };
        let ty = Type::Optional(Arc::new(ty));
        Typed { ty, code, at }
    }

    /// The methods of optional values.
    fn of_optional(
        &mut self,
        target: &Expr,
        function: &Spanned,
        args: &[Expr],
        span: &Range<usize>,
    ) -> Typed {
        let optional = self.expr(target);
        let Type::Optional(inner) = &optional.ty else {
            let message = format!(
                "`{}` on {}, which is not optional",
                function.name, optional.ty
            );
            let found = Diagnostic::new(message, function.span.clone());
            return self.fail(found.help("a field that may be missing is written `value.?field`"));
        };
        let (inner, code, at) = ((**inner).clone(), optional.code, At::new(span));
        match (&*function.name, args) {
            ("hasValue", []) => Typed {
                ty: Type::Bool,
                code: Code::Bool(Box::new(move |env| Ok(code.maybe(env)?.is_some()))),
                at,
            },
            ("value", []) => Typed::general(
                inner,
                span,
                Box::new(move |env| code.maybe(env)?.ok_or_else(|| at.raise(Fault::NoneValue))),
            ),
            ("orValue", [other]) => {
                let other = self.value(other);
                let (ty, other) = (inner.join(&other.ty), other.code);
                Typed::general(ty, span, Box::new(move |env| or_value(&code, &other, env)))
            }
            ("or", [other]) => {
                let other = self.expr(other);
                let Type::Optional(other_inner) = &other.ty else {
                    let found = Diagnostic::new("`or` takes an optional value", other.at.span());
                    return self.fail(found.help("with a plain value it is `orValue`"));
                };
                let (ty, other) = (inner.join(other_inner), other.code);
                Typed {
                    ty: Type::Optional(Arc::new(ty)),
                    code: Code::Maybe(Box::new(move |env| match code.maybe(env)? {
                        Some(value) => Ok(Some(value)),
                        None => other.maybe(env),
                    })),
                    at,
                }
            }
            _ => {
                let message = format!("`{}` with the wrong number of arguments", function.name);
                let found = Diagnostic::new(message, span.clone());
                self.fail(found.help("write `value.?field.hasValue()`, `.value()`, `.orValue(0)` or `.or(value.?other)`"))
            }
        }
    }
}

fn or_value<'e>(code: &Code, other: &Code, env: &Env<'e, '_>) -> Result<Any<'e>, Raise> {
    match code.maybe(env)? {
        Some(value) => Ok(value),
        None => other.any(env),
    }
}

/// Code that calls `body`; without an allocation for up to three arguments.
fn called(body: Body, codes: Vec<Code>, at: At) -> Code {
    let raise = move |fault| at.raise(fault);
    Code::General(Box::new(move |env| {
        let value = match codes.as_slice() {
            [one] => body(&[one.any(env)?], env.budget),
            [one, two] => body(&[one.any(env)?, two.any(env)?], env.budget),
            [one, two, three] => body(&[one.any(env)?, two.any(env)?, three.any(env)?], env.budget),
            many => {
                let args = many.iter().map(|code| code.any(env));
                body(&args.collect::<Result<Vec<_>, _>>()?, env.budget)
            }
        };
        value.map(Cow::Owned).map_err(raise)
    }))
}

fn misfit_diagnostic(
    misfit: &Misfit,
    name: &str,
    style: Style,
    types: &[&Type],
    written: &Spanned,
    span: &Range<usize>,
) -> Diagnostic {
    match misfit {
        Misfit::Unknown => unknown(name, style, written),
        Misfit::Style(Style::Method) => Diagnostic::new(
            format!("`{name}` is called on a value"),
            written.span.clone(),
        )
        .help(format!("write `x.{name}(…)`")),
        Misfit::Style(_) => Diagnostic::new(
            format!("`{name}` is not called on a value"),
            written.span.clone(),
        )
        .help(format!("write `{name}(x)`")),
        Misfit::Arity(counts) => {
            let counts: Vec<_> = counts.iter().map(ToString::to_string).collect();
            let given = types.len() - usize::from(style == Style::Method);
            Diagnostic::new(
                format!(
                    "`{name}` takes {} arguments, not {given}",
                    counts.join(" or ")
                ),
                span.clone(),
            )
            .help(format!("give it {} in the brackets", counts.join(" or ")))
        }
        Misfit::Types => {
            let types: Vec<_> = types.iter().map(ToString::to_string).collect();
            Diagnostic::new(
                format!("`{name}` has no meaning for {}", types.join(", ")),
                span.clone(),
            )
            .help("convert what it is given: `string(…)`, `int(…)`, `double(…)`, `timestamp(…)`, `duration(…)`")
        }
    }
}

fn unknown(name: &str, style: Style, written: &Spanned) -> Diagnostic {
    let found = Diagnostic::new(format!("unknown function `{name}`"), written.span.clone());
    if style == Style::Global && AGGREGATES.contains(&name) {
        return found.help("aggregates stand under `aggregate:` only");
    }
    let macros = comprehension::NAMES.iter().map(|(name, _)| *name);
    let macros = macros.filter(|_| style == Style::Method);
    found
        .nearest(name, function::names(style).chain(macros))
        .help("there are CEL's functions; of texts also lowerAscii, trim, split, replace and others, of numbers math.abs, math.greatest and others")
}
