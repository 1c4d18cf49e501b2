//! What stands beside the argument of an aggregate: constants, read from the expression.

use chrono::TimeDelta;

use crate::expr::Diagnostic;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::expr::ast::UnaryOp;
use crate::expr::duration;
use crate::record::Value;
use crate::stream::aggregate::parameter::Divisor;
use crate::stream::aggregate::parameter::Form;
use crate::stream::aggregate::parameter::HalfLife;
use crate::stream::aggregate::parameter::Limit;
use crate::stream::aggregate::parameter::Nulls;
use crate::stream::aggregate::parameter::ParameterError;
use crate::stream::aggregate::parameter::Rank;
use crate::stream::aggregate::parameter::Smoothing;

/// What may stand in the map of `ewma`.
const SMOOTHING_KEYS: [&str; 6] = [
    "factor",
    "span",
    "centre_of_mass",
    "half_life",
    "adjusted",
    "nulls",
];

const SMOOTHING: &str = "write a factor such as `0.2`, or a map such as `{\"span\": 20}` or \
                         `{\"half_life\": 5, \"adjusted\": true, \"nulls\": \"decay\"}`";

const HALF_LIFE: &str = "write a constant such as `duration(\"5m\")`";
const RANK: &str = "write a constant from 0 to 1, such as `0.99`";
const LIMIT: &str = "write a constant such as `10`";
const DIVISOR: &str = "leave it out for \"sample\"";
const NULLS: &str = "leave it out for \"skip\"";

/// `"sample"` or `"population"`.
pub(super) fn divisor(expr: &Expr) -> Result<Divisor, Diagnostic> {
    let known = [Divisor::Sample, Divisor::Population];
    let expected = || expected("\"sample\" or \"population\"", expr).help(DIVISOR);
    let text = text(expr).ok_or_else(expected)?;
    let found = known.into_iter().find(|divisor| divisor.name() == text);
    found.ok_or_else(|| expected().nearest(text, known.map(Divisor::name)))
}

/// `duration("5m")`, or the text alone.
pub(super) fn half_life(expr: &Expr) -> Result<HalfLife, Diagnostic> {
    let literal = match &expr.node {
        Node::Call {
            target: None,
            function,
            args,
        } if &*function.name == "duration" => match args.as_slice() {
            [literal] => literal,
            _ => expr,
        },
        _ => expr,
    };
    let text = text(literal).ok_or_else(|| expected("a half-life", expr).help(HALF_LIFE))?;
    let time: TimeDelta = duration::parse(text).map_err(|error| {
        Diagnostic::new(error.to_string(), literal.span.clone()).help(HALF_LIFE)
    })?;
    HalfLife::new(time).map_err(refused(expr, HALF_LIFE))
}

/// A number from 0 to 1.
pub(super) fn rank(expr: &Expr) -> Result<Rank, Diagnostic> {
    let number = number(expr).ok_or_else(|| expected("a quantile", expr).help(RANK))?;
    Rank::new(number).map_err(refused(expr, RANK))
}

/// How many values are kept.
pub(super) fn limit(expr: &Expr) -> Result<Limit, Diagnostic> {
    let count = match constant(expr) {
        Some(Value::Int(count)) => usize::try_from(count).unwrap_or(0),
        Some(Value::UInt(count)) => usize::try_from(count).unwrap_or(usize::MAX),
        _ => return Err(expected("how many", expr).help(LIMIT)),
    };
    Limit::new(count).map_err(refused(expr, LIMIT))
}

/// A smoothing factor, or a map that says more.
pub(super) fn smoothing(expr: &Expr) -> Result<Smoothing, Diagnostic> {
    if let Some(factor) = number(expr) {
        return Smoothing::by_factor(factor).map_err(refused(expr, SMOOTHING));
    }
    let Node::Map(entries) = &expr.node else {
        return Err(expected("a smoothing", expr).help(SMOOTHING));
    };
    let mut smoothing = None;
    let (mut form, mut nulls) = (Form::default(), Nulls::default());
    for (key, value) in entries {
        match text(key) {
            Some("adjusted") => form = self::form(value)?,
            Some("nulls") => nulls = self::nulls(value)?,
            _ if smoothing.is_some() => {
                let twice = Diagnostic::new("a smoothing said twice", key.span.clone());
                return Err(twice.help(SMOOTHING));
            }
            _ => smoothing = Some(by_key(key, value)?),
        }
    }
    let smoothing = smoothing.ok_or_else(|| expected("a smoothing", expr).help(SMOOTHING))?;
    Ok(smoothing.with(form, nulls))
}

fn by_key(key: &Expr, value: &Expr) -> Result<Smoothing, Diagnostic> {
    let of = match text(key) {
        Some("factor") => Smoothing::by_factor,
        Some("span") => Smoothing::by_span,
        Some("centre_of_mass") => Smoothing::by_centre_of_mass,
        Some("half_life") => Smoothing::by_half_life,
        other => {
            let unknown = Diagnostic::new("unknown key of a smoothing", key.span.clone());
            let unknown = unknown.nearest(other.unwrap_or_default(), SMOOTHING_KEYS);
            return Err(unknown.help(SMOOTHING));
        }
    };
    let number = number(value).ok_or_else(|| expected("a number", value).help(SMOOTHING))?;
    of(number).map_err(refused(value, SMOOTHING))
}

fn form(expr: &Expr) -> Result<Form, Diagnostic> {
    match constant(expr) {
        Some(Value::Bool(true)) => Ok(Form::Adjusted),
        Some(Value::Bool(false)) => Ok(Form::Plain),
        _ => Err(expected("true or false", expr).help(SMOOTHING)),
    }
}

fn nulls(expr: &Expr) -> Result<Nulls, Diagnostic> {
    match text(expr) {
        Some("skip") => Ok(Nulls::Skip),
        Some("decay") => Ok(Nulls::Decay),
        other => {
            let found = expected("\"skip\" or \"decay\"", expr).help(NULLS);
            Err(found.nearest(other.unwrap_or_default(), ["skip", "decay"]))
        }
    }
}

fn expected(what: &str, expr: &Expr) -> Diagnostic {
    Diagnostic::new(format!("expected {what}"), expr.span.clone())
}

fn refused(expr: &Expr, mend: &'static str) -> impl FnOnce(ParameterError) -> Diagnostic {
    move |error| Diagnostic::new(error.to_string(), expr.span.clone()).help(mend)
}

fn text(expr: &Expr) -> Option<&str> {
    match &expr.node {
        Node::Literal(Value::Text(text)) => Some(text),
        _ => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
fn number(expr: &Expr) -> Option<f64> {
    match constant(expr)? {
        Value::Int(int) => Some(int as f64),
        Value::UInt(uint) => Some(uint as f64),
        Value::Float(float) => Some(float),
        _ => None,
    }
}

/// The value of a literal, also with a sign before it.
fn constant(expr: &Expr) -> Option<Value<'static>> {
    match &expr.node {
        Node::Literal(value) => Some(value.clone()),
        Node::Unary(UnaryOp::Negate, operand) => match &operand.node {
            Node::Literal(Value::Int(int)) => int.checked_neg().map(Value::Int),
            Node::Literal(Value::Float(float)) => Some(Value::Float(-float)),
            _ => None,
        },
        _ => None,
    }
}
