//! Numbers and their arithmetic.

use std::cmp::Ordering;

use crate::expr::ast::BinaryOp;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::record::Value;

/// A number of an expression.
///
/// `PartialEq` is structural; [`Number::order`] compares across the types.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// `int`
    Int(i64),
    /// `uint`
    UInt(u64),
    /// `double`
    Float(f64),
}

impl Number {
    /// The number that `value` is, if it is one.
    #[inline]
    #[must_use]
    pub const fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Int(int) => Some(Self::Int(*int)),
            Value::UInt(uint) => Some(Self::UInt(*uint)),
            Value::Float(float) => Some(Self::Float(*float)),
            _ => None,
        }
    }

    /// The number as a value.
    #[must_use]
    pub const fn into_value(self) -> Value<'static> {
        match self {
            Self::Int(int) => Value::Int(int),
            Self::UInt(uint) => Value::UInt(uint),
            Self::Float(float) => Value::Float(float),
        }
    }

    /// The number as the nearest double.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest double is what is asked for"
    )]
    #[inline]
    #[must_use]
    pub const fn to_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::UInt(uint) => uint as f64,
            Self::Float(float) => float,
        }
    }

    pub(super) const fn value_type(self) -> ValueType {
        match self {
            Self::Int(_) => ValueType::Int,
            Self::UInt(_) => ValueType::UInt,
            Self::Float(_) => ValueType::Double,
        }
    }

    /// Compares by mathematical value across the types, exactly; `None` where one is NaN.
    #[inline]
    #[must_use]
    pub fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(&right)),
            (Self::UInt(left), Self::UInt(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Float(left), right) => order_whole(right.whole(), left).map(Ordering::reverse),
            (left, Self::Float(right)) => order_whole(left.whole(), right),
            (left, right) => Some(left.whole().cmp(&right.whole())),
        }
    }

    /// The integer; 0 for a double, which no caller asks for.
    const fn whole(self) -> i128 {
        match self {
            Self::Int(int) => int as i128,
            Self::UInt(uint) => uint as i128,
            Self::Float(_) => 0,
        }
    }

    /// `self op other`. Integers overflow to an error; a double with an integer is computed in
    /// doubles, where CEL would have no overload.
    #[inline]
    pub(super) fn arithmetic(self, op: BinaryOp, other: Self) -> Result<Self, Fault> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => int(op, left, right).map(Self::Int),
            (Self::UInt(left), Self::UInt(right)) => uint(op, left, right).map(Self::UInt),
            (Self::Float(_), _) | (_, Self::Float(_)) => {
                float(op, self.to_f64(), other.to_f64()).map(Self::Float)
            }
            _ => None,
        }
        .ok_or_else(|| self.refusal(op, other))
    }

    /// Why `self op other` has no result.
    #[cold]
    fn refusal(self, op: BinaryOp, other: Self) -> Fault {
        let same = self.value_type() == other.value_type();
        let is_whole = !matches!(self, Self::Float(_));
        let divides = matches!(op, BinaryOp::Divide | BinaryOp::Remainder);
        match (same && is_whole, divides && other.whole() == 0) {
            (true, true) => Fault::DivisionByZero,
            (true, false) => Fault::Overflow,
            (false, _) => Fault::NoOverloadOfTwo(self.value_type(), other.value_type()),
        }
    }

    pub(super) const fn negate(self) -> Result<Self, Fault> {
        match self {
            Self::Int(int) => match int.checked_neg() {
                Some(int) => Ok(Self::Int(int)),
                None => Err(Fault::Overflow),
            },
            Self::UInt(_) => Err(Fault::NoOverload(ValueType::UInt)),
            Self::Float(float) => Ok(Self::Float(-float)),
        }
    }
}

#[inline]
const fn int(op: BinaryOp, left: i64, right: i64) -> Option<i64> {
    match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide => left.checked_div(right),
        BinaryOp::Remainder => left.checked_rem(right),
        _ => None,
    }
}

#[inline]
const fn uint(op: BinaryOp, left: u64, right: u64) -> Option<u64> {
    match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide => left.checked_div(right),
        BinaryOp::Remainder => left.checked_rem(right),
        _ => None,
    }
}

#[inline]
const fn float(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    match op {
        BinaryOp::Add => Some(left + right),
        BinaryOp::Subtract => Some(left - right),
        BinaryOp::Multiply => Some(left * right),
        BinaryOp::Divide => Some(left / right),
        _ => None,
    }
}

/// 2^64: every double from here on is above every integer.
const BEYOND_UINT: f64 = 18_446_744_073_709_551_616.0;

/// Compares an integer of 64 bits with a double, exactly.
fn order_whole(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND_UINT {
        return Some(Ordering::Less);
    }
    if float <= -BEYOND_UINT {
        return Some(Ordering::Greater);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within 65 bits; the fraction is compared below"
    )]
    let floor = float.floor() as i128;
    let has_fraction = float.fract() != 0.0;
    Some(whole.cmp(&floor).then(if has_fraction {
        Ordering::Less
    } else {
        Ordering::Equal
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_different_types_compare_by_value_and_exactly() {
        use Number::{Float, Int, UInt};
        let beyond = 9_007_199_254_740_993; // 2^53 + 1 has no double of its own
        for (left, right, expected) in [
            (Int(1), Float(1.0), Some(Ordering::Equal)),
            (Int(1), UInt(1), Some(Ordering::Equal)),
            (Int(-1), UInt(u64::MAX), Some(Ordering::Less)),
            (
                Int(beyond),
                Float(9_007_199_254_740_992.0),
                Some(Ordering::Greater),
            ),
            (
                Int(i64::MAX),
                Float(9_223_372_036_854_775_808.0),
                Some(Ordering::Less),
            ),
            (
                UInt(u64::MAX),
                Float(18_446_744_073_709_551_616.0),
                Some(Ordering::Less),
            ),
            (Int(-2), Float(-1.5), Some(Ordering::Less)),
            (Int(-1), Float(-1.5), Some(Ordering::Greater)),
            (Int(0), Float(-0.0), Some(Ordering::Equal)),
            (Int(0), Float(f64::NAN), None),
            (Int(i64::MAX), Float(f64::INFINITY), Some(Ordering::Less)),
            (
                Int(i64::MIN),
                Float(f64::NEG_INFINITY),
                Some(Ordering::Greater),
            ),
        ] {
            assert_eq!(left.order(right), expected, "{left:?} {right:?}");
            assert_eq!(
                right.order(left),
                expected.map(Ordering::reverse),
                "{right:?} {left:?}"
            );
        }
    }
}
