//! Operators: their types and their code.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use chrono::TimeDelta;

use crate::expr::Type;
use crate::expr::ast::BinaryOp;
use crate::expr::ast::Expr;
use crate::expr::ast::LogicOp;
use crate::expr::ast::UnaryOp;
use crate::expr::code::At;
use crate::expr::code::Budget;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::Raise;
use crate::expr::code::slot;
use crate::expr::compile::Compiler;
use crate::expr::compile::Typed;
use crate::expr::equality::contains;
use crate::expr::equality::equal;
use crate::expr::equality::order;
use crate::expr::error::Diagnostic;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::instant;
use crate::expr::number::Number;
use crate::record::Value;

impl Compiler<'_> {
    pub(super) fn unary(&mut self, op: UnaryOp, operand: &Expr, span: &Range<usize>) -> Typed {
        let operand = match op {
            UnaryOp::Not => self.condition(operand),
            UnaryOp::Negate => self.value(operand),
        };
        let at = At::new(span);
        if op == UnaryOp::Not {
            let (code, operand_at) = (operand.code, operand.at);
            return Typed {
                ty: Type::Bool,
                code: Code::Bool(Box::new(move |env| Ok(!code.bool(env, operand_at)?))),
                at,
            };
        }
        let ty = match operand.ty.non_null() {
            ty @ (Type::Int | Type::Double | Type::Dyn) => ty.clone(),
            other => {
                let message = format!("`-` has no meaning for {other}");
                let found = Diagnostic::new(message, span.clone());
                return self.fail(found.help("convert it to a number: `int(…)` or `double(…)`"));
            }
        };
        let is_constant = operand.is_constant();
        let number = self.number(operand);
        let code: Code = Code::Number(Box::new(move |env| {
            let negated = number.eval(env, at)?.negate();
            negated.map_err(|fault| at.raise(fault))
        }));
        let negated = Typed { ty, code, at };
        if is_constant {
            self.folded(negated)
        } else {
            negated
        }
    }

    /// Compiles an expression that must be true or false.
    pub(super) fn condition(&mut self, expr: &Expr) -> Typed {
        let typed = self.value(expr);
        if typed.ty.may_be(&Type::Bool) {
            return typed;
        }
        let message = format!("expected bool, found {}", typed.ty);
        let found = Diagnostic::new(message, expr.span.clone());
        self.fail(found.help("compare it with something: `==`, `!=`, `<`, `>`"))
    }

    pub(super) fn logic(&mut self, op: LogicOp, operands: &[Expr], span: &Range<usize>) -> Typed {
        let conditions: Vec<_> = operands
            .iter()
            .map(|operand| self.condition(operand))
            .map(|typed| (typed.code, typed.at))
            .collect();
        let decisive = op == LogicOp::Or;
        let code: Code = Code::Bool(Box::new(move |env| decided(&conditions, decisive, env)));
        Typed {
            ty: Type::Bool,
            code,
            at: At::new(span),
        }
    }

    pub(super) fn ternary(
        &mut self,
        condition: &Expr,
        yes: &Expr,
        no: &Expr,
        span: &Range<usize>,
    ) -> Typed {
        let condition = self.condition(condition);
        let (yes, no) = (self.value(yes), self.value(no));
        let ty = yes.ty.join(&no.ty);
        let (condition, condition_at) = (condition.code, condition.at);
        let (yes, no) = (yes.code, no.code);
        Typed::general(
            ty,
            span,
            Box::new(move |env| match condition.bool(env, condition_at)? {
                true => yes.any(env),
                false => no.any(env),
            }),
        )
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        span: &Range<usize>,
    ) -> Typed {
        let (left, right) = (self.value(left), self.value(right));
        let Some(ty) = result_type(op, &left.ty, &right.ty) else {
            let found = self.no_meaning(op, &left, &right, span.clone());
            return self.fail(found);
        };
        let is_constant = left.is_constant() && right.is_constant();
        let at = At::new(span);
        let code = match op {
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => {
                self.arithmetic(op, left, right, at)
            }
            BinaryOp::Add | BinaryOp::Subtract if left.ty.is_number() || right.ty.is_number() => {
                self.arithmetic(op, left, right, at)
            }
            BinaryOp::Add | BinaryOp::Subtract => {
                let (left, right) = (left.code, right.code);
                Code::General(Box::new(move |env| {
                    let (left, right) = (left.any(env)?, right.any(env)?);
                    let sum = sum(op, &left, &right, env.budget);
                    sum.map(Cow::Owned).map_err(|fault| at.raise(fault))
                }))
            }
            BinaryOp::In => {
                let (left, right) = (left.code, right.code);
                Code::Bool(Box::new(move |env| {
                    let (item, container) = (left.any(env)?, right.any(env)?);
                    contains(&container, &item).map_err(|fault| at.raise(fault))
                }))
            }
            BinaryOp::Equal | BinaryOp::NotEqual => self.equality(op, left, right),
            BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual => self.comparison(op, left, right, at),
        };
        let typed = Typed { ty, code, at };
        if is_constant {
            self.folded(typed)
        } else {
            typed
        }
    }

    fn no_meaning(
        &self,
        op: BinaryOp,
        left: &Typed,
        right: &Typed,
        span: Range<usize>,
    ) -> Diagnostic {
        let (symbol, left, right) = (op.symbol(), left.ty.non_null(), right.ty.non_null());
        let message = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                format!("{left} is never equal to {right}")
            }
            _ => format!("`{symbol}` has no meaning for {left} and {right}"),
        };
        let found = Diagnostic::new(message, span);
        match (left, right) {
            (Type::Text, other) | (other, Type::Text) if other.is_number() => {
                found.help(format!("convert one side: `{other}(…)` or `string(…)`"))
            }
            (Type::Timestamp, Type::Int) | (Type::Int, Type::Timestamp) => found.help(
                "an instant goes with instants and durations: `timestamp(…)`, `duration(\"5m\")`",
            ),
            (Type::Timestamp, Type::Text) | (Type::Text, Type::Timestamp) => {
                found.help("make an instant of the text: `timestamp(\"2026-01-31T12:00:00Z\")`")
            }
            (Type::Duration, Type::Text) | (Type::Text, Type::Duration) => {
                found.help("make a duration of the text: `duration(\"5m\")`")
            }
            (Type::Int, Type::UInt) | (Type::UInt, Type::Int) => {
                found.help("convert one side: `int(…)` or `uint(…)`")
            }
            _ => found.help("convert one side so that both have one type"),
        }
    }

    /// An operand that is to be a number.
    fn number(&self, operand: Typed) -> Operand {
        let constant = self.constant_value(&operand).and_then(Number::of);
        match (operand.code, constant) {
            (_, Some(number)) => Operand::Constant(number),
            (Code::Slot(index, at), None) => Operand::Slot(index, at),
            (code, None) => Operand::Code(code),
        }
    }

    fn arithmetic(&self, op: BinaryOp, left: Typed, right: Typed, at: At) -> Code {
        let (left, right) = (self.number(left), self.number(right));
        Code::Number(Box::new(move |env| {
            let (left, right) = (left.eval(env, at)?, right.eval(env, at)?);
            left.arithmetic(op, right).map_err(|fault| at.raise(fault))
        }))
    }

    fn equality(&self, op: BinaryOp, left: Typed, right: Typed) -> Code {
        let wanted = op == BinaryOp::Equal;
        if let Some(Value::Text(text)) = self.constant_value(&right) {
            return text_equality(left.code, text.clone().into_owned().into(), wanted);
        }
        if let Some(Value::Text(text)) = self.constant_value(&left) {
            return text_equality(right.code, text.clone().into_owned().into(), wanted);
        }
        if is_number(&left) || is_number(&right) {
            let (left, right) = (self.number(left), self.number(right));
            return Code::Bool(Box::new(move |env| {
                let numbers = (left.maybe(env)?, right.maybe(env)?);
                let is_equal = match numbers {
                    (Some(left), Some(right)) => left.order(right) == Some(Ordering::Equal),
                    _ => false,
                };
                Ok(is_equal == wanted)
            }));
        }
        let (left, right) = (left.code, right.code);
        Code::Bool(Box::new(move |env| {
            Ok(equal(&*left.any(env)?, &*right.any(env)?) == wanted)
        }))
    }

    fn comparison(&self, op: BinaryOp, left: Typed, right: Typed, at: At) -> Code {
        if is_number(&left) || is_number(&right) {
            let (left, right) = (self.number(left), self.number(right));
            return Code::Bool(Box::new(move |env| {
                if let Some((left, right)) = left.int(env).zip(right.int(env)) {
                    return Ok(holds(op, left.cmp(&right)));
                }
                let (left, right) = (left.eval(env, at)?, right.eval(env, at)?);
                Ok(left.order(right).is_some_and(|order| holds(op, order)))
            }));
        }
        let (left, right) = (left.code, right.code);
        Code::Bool(Box::new(move |env| {
            let (left, right) = (left.any(env)?, right.any(env)?);
            let order = order(&left, &right).map_err(|fault| at.raise(fault))?;
            Ok(order.is_some_and(|order| holds(op, order)))
        }))
    }
}

/// Whether the type says, or the code can only make, a number.
fn is_number(typed: &Typed) -> bool {
    matches!(typed.code, Code::Number(_))
        || matches!(typed.ty, Type::Int | Type::UInt | Type::Double)
}

const fn holds(op: BinaryOp, order: Ordering) -> bool {
    match op {
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessOrEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// The value of `&&` or `||`: that of a condition which decides it, whatever others fail with;
/// else the first failure, if there is one.
fn decided(conditions: &[(Code, At)], decisive: bool, env: &Env<'_, '_>) -> Result<bool, Raise> {
    let mut failure = None;
    for (code, at) in conditions {
        match code.bool(env, *at) {
            Ok(value) if value == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(raise) => failure = failure.or(Some(raise)),
        }
    }
    failure.map_or(Ok(!decisive), Err)
}

fn text_equality(code: Code, text: Box<str>, wanted: bool) -> Code {
    let is_equal = move |value: &Value<'_>| {
        let is_equal = matches!(value, Value::Text(own) if **own == *text);
        is_equal == wanted
    };
    match code {
        Code::Slot(index, at) => Code::Bool(Box::new(move |env| match slot(env, index) {
            Some(value) => Ok(is_equal(value)),
            None => Err(at.raise(Fault::Missing)),
        })),
        code => Code::Bool(Box::new(move |env| Ok(is_equal(&*code.any(env)?)))),
    }
}

/// An operand that is to be a number: without a call where it is a field or a constant.
enum Operand {
    Slot(usize, At),
    Constant(Number),
    Code(Code),
}

impl Operand {
    /// The number where it can be seen at once that it is an `int`, as most are.
    #[inline]
    fn int(&self, env: &Env<'_, '_>) -> Option<i64> {
        match self {
            Self::Constant(Number::Int(int)) => Some(*int),
            Self::Slot(index, _) => match slot(env, *index) {
                Some(Value::Int(int)) => Some(*int),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number; `at` is the operator, for messages.
    #[inline]
    fn eval(&self, env: &Env<'_, '_>, at: At) -> Result<Number, Raise> {
        match self {
            Self::Constant(number) => Ok(*number),
            Self::Slot(index, own) => match slot(env, *index) {
                None => Err(own.raise(Fault::Missing)),
                Some(value) => Number::of(value).ok_or_else(|| no_number(value, at)),
            },
            Self::Code(Code::Number(code)) => code(env),
            Self::Code(code) => {
                let value = code.any(env)?;
                Number::of(&value).ok_or_else(|| no_number(&value, at))
            }
        }
    }

    /// The number; `None` where the value is of another type.
    #[inline]
    fn maybe(&self, env: &Env<'_, '_>) -> Result<Option<Number>, Raise> {
        match self {
            Self::Constant(number) => Ok(Some(*number)),
            Self::Slot(index, own) => match slot(env, *index) {
                None => Err(own.raise(Fault::Missing)),
                Some(value) => Ok(Number::of(value)),
            },
            Self::Code(Code::Number(code)) => code(env).map(Some),
            Self::Code(code) => Ok(Number::of(&*code.any(env)?)),
        }
    }
}

#[cold]
fn no_number(value: &Value<'_>, at: At) -> Raise {
    at.raise(Fault::NoOverload(ValueType::of(value)))
}

/// The type of `left op right`; `None` where it has no meaning.
fn result_type(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    let is_known = !left.is_dyn() && !right.is_dyn();
    match op {
        BinaryOp::Equal | BinaryOp::NotEqual => {
            let both_numbers = left.is_number() && right.is_number();
            (both_numbers || left.may_be(right)).then_some(Type::Bool)
        }
        BinaryOp::In => may_contain(right, left).then_some(Type::Bool),
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            let both_numbers = left.is_number() && right.is_number();
            let is_ordered = has_order(left) && has_order(right);
            (is_ordered && (both_numbers || left.may_be(right))).then_some(Type::Bool)
        }
        _ if is_known => arithmetic_type(op, left.non_null(), right.non_null()),
        _ => partly_known(op, left.non_null(), right.non_null()),
    }
}

fn has_order(ty: &Type) -> bool {
    matches!(
        ty.non_null(),
        Type::Dyn
            | Type::Bool
            | Type::Int
            | Type::UInt
            | Type::Double
            | Type::Text
            | Type::Bytes
            | Type::Timestamp
            | Type::Duration
    )
}

fn may_contain(container: &Type, item: &Type) -> bool {
    let may_equal = |ty: &Type| ty.may_be(item) || (ty.is_number() && item.is_number());
    match container.non_null() {
        Type::Dyn => true,
        Type::List(element) => may_equal(element),
        Type::Map(key, _) => may_equal(key),
        Type::Record(_) => may_equal(&Type::Text),
        _ => false,
    }
}

fn arithmetic_type(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, Remainder, Subtract};
    match (left, right) {
        (Type::Int, Type::Int) | (Type::UInt, Type::UInt) => Some(left.clone()),
        (Type::Double, _) | (_, Type::Double)
            if op != Remainder && left.is_number() && right.is_number() =>
        {
            Some(Type::Double)
        }
        (Type::Text, Type::Text) | (Type::Bytes, Type::Bytes) if op == Add => Some(left.clone()),
        (Type::List(_), Type::List(_)) if op == Add => Some(left.join(right)),
        (Type::Timestamp, Type::Duration) if matches!(op, Add | Subtract) => Some(Type::Timestamp),
        (Type::Duration, Type::Timestamp) if op == Add => Some(Type::Timestamp),
        (Type::Timestamp, Type::Timestamp) if op == Subtract => Some(Type::Duration),
        (Type::Duration, Type::Duration) if matches!(op, Add | Subtract) => Some(Type::Duration),
        _ => None,
    }
}

/// The type where one side or both may be anything: none where the known side has no meaning with
/// any other.
fn partly_known(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    let known = if left.is_dyn() { right } else { left };
    let is_sum = matches!(op, BinaryOp::Add | BinaryOp::Subtract);
    match known {
        Type::Dyn => Some(Type::Dyn),
        Type::Double if op != BinaryOp::Remainder => Some(Type::Double),
        Type::Int | Type::UInt => Some(Type::Dyn),
        Type::Text | Type::Bytes | Type::List(_) if op == BinaryOp::Add => Some(known.clone()),
        Type::Timestamp | Type::Duration if is_sum => Some(Type::Dyn),
        _ => None,
    }
}

/// Only durations that 64 bits of nanoseconds can count, as everywhere.
fn span<'e>(span: Option<TimeDelta>) -> Result<Value<'e>, Fault> {
    span.filter(|span| span.num_nanoseconds().is_some())
        .map(Value::Duration)
        .ok_or(Fault::Overflow)
}

/// `left + right` or `left - right` for values of any type.
fn sum<'e>(
    op: BinaryOp,
    left: &Value<'e>,
    right: &Value<'e>,
    budget: &Budget,
) -> Result<Value<'e>, Fault> {
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return left.arithmetic(op, right).map(Number::into_value);
    }
    match (op, left, right) {
        (BinaryOp::Add, Value::Timestamp(at), Value::Duration(by))
        | (BinaryOp::Add, Value::Duration(by), Value::Timestamp(at)) => {
            instant::known(at.checked_add_signed(*by))
        }
        (BinaryOp::Subtract, Value::Timestamp(at), Value::Duration(by)) => {
            instant::known(at.checked_sub_signed(*by))
        }
        (BinaryOp::Subtract, Value::Timestamp(to), Value::Timestamp(from)) => {
            span(Some(to.signed_duration_since(from)))
        }
        (BinaryOp::Add, Value::Duration(left), Value::Duration(right)) => {
            span(left.checked_add(right))
        }
        (BinaryOp::Subtract, Value::Duration(left), Value::Duration(right)) => {
            span(left.checked_sub(right))
        }
        (BinaryOp::Add, left, right) => concatenated(left, right, budget),
        _ => Err(no_sum(left, right)),
    }
}

fn no_sum(left: &Value<'_>, right: &Value<'_>) -> Fault {
    Fault::NoOverloadOfTwo(ValueType::of(left), ValueType::of(right))
}

fn concatenated<'e>(
    left: &Value<'e>,
    right: &Value<'e>,
    budget: &Budget,
) -> Result<Value<'e>, Fault> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            budget.draw_bytes(left.len().saturating_add(right.len()))?;
            Ok(Value::Text(Cow::Owned([&**left, &**right].concat())))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            budget.draw_bytes(left.len().saturating_add(right.len()))?;
            Ok(Value::Bytes(Cow::Owned([&**left, &**right].concat())))
        }
        (Value::List(first), Value::List(second)) => {
            budget.draw_copy(left)?;
            budget.draw_copy(right)?;
            Ok(Value::List([&**first, &**second].concat()))
        }
        _ => Err(no_sum(left, right)),
    }
}
