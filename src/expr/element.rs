//! Code that makes lists and maps, and that takes elements out of them.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::Type;
use crate::expr::ast::Access;
use crate::expr::ast::Expr;
use crate::expr::code::Any;
use crate::expr::code::At;
use crate::expr::code::Code;
use crate::expr::code::Env;
use crate::expr::code::Raise;
use crate::expr::compile::Compiler;
use crate::expr::compile::Typed;
use crate::expr::equality::equal;
use crate::expr::error::Diagnostic;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::lookup::element_of;
use crate::record::Value;

impl Compiler<'_> {
    pub(super) fn list(&mut self, items: &[Expr], span: &Range<usize>) -> Typed {
        let items: Vec<_> = items.iter().map(|item| self.value(item)).collect();
        let types = items.iter().map(|item| item.ty.clone());
        let ty = types
            .reduce(|left, right| left.join(&right))
            .unwrap_or_default();
        let is_constant = items.iter().all(Typed::is_constant);
        let codes: Vec<_> = items.into_iter().map(|item| (item.code, item.at)).collect();
        let list = Typed::general(
            Type::list(ty),
            span,
            Box::new(move |env| {
                let items = codes.iter().map(|(code, at)| copied(code, env, *at));
                Ok(Cow::Owned(Value::List(items.collect::<Result<_, _>>()?)))
            }),
        );
        if is_constant { self.folded(list) } else { list }
    }

    pub(super) fn map(&mut self, entries: &[(Expr, Expr)], span: &Range<usize>) -> Typed {
        let (mut codes, mut key_type, mut value_type) = (Vec::new(), None, None);
        let mut is_constant = true;
        for (key, value) in entries {
            let (key, value) = (self.value(key), self.value(value));
            is_constant &= key.is_constant() && value.is_constant();
            key_type = joined(key_type, &key.ty);
            value_type = joined(value_type, &value.ty);
            codes.push(((key.code, key.at), (value.code, value.at)));
        }
        let ty = Type::map(key_type.unwrap_or_default(), value_type.unwrap_or_default());
        let map = Typed::general(ty, span, Box::new(move |env| made_map(&codes, env)));
        if is_constant { self.folded(map) } else { map }
    }

    /// `operand[index]`.
    pub(super) fn element(
        &mut self,
        operand: &Expr,
        index: &Expr,
        access: Access,
        span: &Range<usize>,
    ) -> Typed {
        let (operand_typed, index_typed) = (self.expr(operand), self.value(index));
        let (ty, is_optional) = match &operand_typed.ty {
            Type::Optional(inner) => ((**inner).clone(), true),
            ty => (ty.clone(), access == Access::Optional),
        };
        let ty = self.element_type(&ty, operand, &index_typed.ty, index);
        let (operand, index, at) = (operand_typed.code, index_typed.code, At::new(span));
        if is_optional {
            return Typed {
                ty: Type::Optional(Arc::new(ty)),
                code: Code::Maybe(Box::new(move |env| found(&operand, &index, env, at))),
                at,
            };
        }
        Typed::general(
            ty,
            span,
            Box::new(move |env| {
                let operand = operand.any(env)?;
                let is_list = matches!(*operand, Value::List(_));
                let index = index.any(env)?;
                let element = element_of(operand, &index).map_err(|fault| at.raise(fault))?;
                let absent = if is_list {
                    Fault::OutOfBounds
                } else {
                    Fault::Missing
                };
                element.ok_or_else(|| at.raise(absent))
            }),
        )
    }

    /// The type of an element; reports where there can be none.
    fn element_type(&mut self, ty: &Type, operand: &Expr, index: &Type, at: &Expr) -> Type {
        match ty.non_null() {
            Type::Dyn => Type::Dyn,
            Type::List(element) if index.is_dyn() || index.is_number() => (**element).clone(),
            Type::Map(key, value) if index.may_be(key) || index.is_number() && key.is_number() => {
                (**value).clone()
            }
            Type::Record(_) if index.may_be(&Type::Text) => Type::Dyn,
            Type::List(_) | Type::Map(..) | Type::Record(_) => {
                let message = format!("{ty} cannot be indexed with {index}");
                let found = Diagnostic::new(message, at.span.clone());
                let help = "a list is indexed with an int from 0, a map with its keys, an object with a text";
                self.fail(found.help(help)).ty
            }
            other => {
                let message = format!("{other} has no elements");
                let found = Diagnostic::new(message, operand.span.clone());
                self.fail(found.help("only lists, maps and objects have elements"))
                    .ty
            }
        }
    }
}

fn joined(known: Option<Type>, ty: &Type) -> Option<Type> {
    Some(known.map_or_else(|| ty.clone(), |known| known.join(ty)))
}

/// The value of `code`, to be kept in a list or map. A copy of it draws on the budget.
pub(super) fn copied<'e>(code: &Code, env: &Env<'e, '_>, at: At) -> Result<Value<'e>, Raise> {
    match code.any(env)? {
        Cow::Owned(value) => Ok(value),
        Cow::Borrowed(value) => {
            let drawn = env.budget.draw_copy(value);
            drawn.map_err(|fault| at.raise(fault))?;
            Ok(value.borrowed())
        }
    }
}

type Entry = ((Code, At), (Code, At));

fn made_map<'e>(codes: &[Entry], env: &Env<'e, '_>) -> Result<Any<'e>, Raise> {
    let mut entries: Vec<(Value<'e>, Value<'e>)> = Vec::with_capacity(codes.len());
    for ((key, key_at), (value, value_at)) in codes {
        let key = copied(key, env, *key_at)?;
        let is_key = matches!(
            key,
            Value::Text(_) | Value::Int(_) | Value::UInt(_) | Value::Bool(_)
        );
        if !is_key {
            return Err(key_at.raise(Fault::NoOverload(ValueType::of(&key))));
        }
        if entries.iter().any(|(own, _)| equal(own, &key)) {
            return Err(key_at.raise(Fault::DuplicateKey));
        }
        entries.push((key, copied(value, env, *value_at)?));
    }
    Ok(Cow::Owned(Value::Map(entries)))
}

fn found<'e>(
    operand: &Code,
    index: &Code,
    env: &Env<'e, '_>,
    at: At,
) -> Result<Option<Any<'e>>, Raise> {
    let Some(operand) = operand.maybe(env)? else {
        return Ok(None);
    };
    let index = index.any(env)?;
    element_of(operand, &index).map_err(|fault| at.raise(fault))
}
