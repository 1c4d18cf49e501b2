//! Functions over numbers.

use std::cmp::Ordering;

use crate::expr::code::Any;
use crate::expr::code::Budget;
use crate::expr::error::Fault;
use crate::expr::function::arg;
use crate::expr::function::no_overload;
use crate::expr::number::Number;
use crate::record::Value;

type Outcome<'e> = Result<Value<'e>, Fault>;

fn number(value: &Value<'_>) -> Result<Number, Fault> {
    Number::of(value).map_or_else(|| no_overload(value), Ok)
}

pub(super) fn greatest<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    extreme(args, Ordering::Greater)
}

pub(super) fn least<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    extreme(args, Ordering::Less)
}

/// The first number that lies furthest on the `wanted` side; of a single list, of its elements.
fn extreme<'e>(args: &[Any<'e>], wanted: Ordering) -> Outcome<'e> {
    if let ([single], Value::List(items)) = (args, arg(args, 0)) {
        if items.is_empty() {
            return no_overload(single);
        }
        return extreme_of(items.iter(), wanted);
    }
    extreme_of(args.iter().map(|arg| &**arg), wanted)
}

fn extreme_of<'v, 'e: 'v>(
    values: impl Iterator<Item = &'v Value<'e>>,
    wanted: Ordering,
) -> Outcome<'e> {
    let mut best: Option<Number> = None;
    for value in values {
        let number = number(value)?;
        best = Some(match best {
            Some(best) if number.order(best) != Some(wanted) => best,
            _ => number,
        });
    }
    Ok(best.map_or(Value::Null, Number::into_value))
}

pub(super) fn abs<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let number = match number(arg(args, 0))? {
        Number::Int(int) => Number::Int(int.checked_abs().ok_or(Fault::Overflow)?),
        Number::Float(float) => Number::Float(float.abs()),
        uint @ Number::UInt(_) => uint,
    };
    Ok(number.into_value())
}

/// −1, 0 or 1 in the type of the argument; NaN stays NaN.
pub(super) fn sign<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    let number = match number(arg(args, 0))? {
        Number::Int(int) => Number::Int(int.signum()),
        Number::UInt(uint) => Number::UInt(uint.min(1)),
        zero @ Number::Float(0.0) => zero,
        Number::Float(float) => Number::Float(float.signum()),
    };
    Ok(number.into_value())
}

fn rounded<'e>(args: &[Any<'e>], round: fn(f64) -> f64) -> Outcome<'e> {
    Ok(Value::Float(round(number(arg(args, 0))?.to_f64())))
}

pub(super) fn ceil<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    rounded(args, f64::ceil)
}

pub(super) fn floor<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    rounded(args, f64::floor)
}

/// To the nearest whole number; halves go away from zero.
pub(super) fn round<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    rounded(args, f64::round)
}

pub(super) fn trunc<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    rounded(args, f64::trunc)
}

fn test<'e>(args: &[Any<'e>], test: fn(f64) -> bool) -> Outcome<'e> {
    Ok(Value::Bool(test(number(arg(args, 0))?.to_f64())))
}

pub(super) fn is_nan<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    test(args, f64::is_nan)
}

pub(super) fn is_inf<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    test(args, f64::is_infinite)
}

pub(super) fn is_finite<'e>(args: &[Any<'e>], _: &Budget) -> Outcome<'e> {
    test(args, f64::is_finite)
}
