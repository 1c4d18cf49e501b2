//! What every record has besides its key and value.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use chrono::DateTime;

use crate::expr::Type;
use crate::expr::ast::Expr;
use crate::expr::ast::Node;
use crate::expr::ast::Spanned;
use crate::expr::code::At;
use crate::expr::code::Code;
use crate::expr::code::General;
use crate::expr::compile::Compiler;
use crate::expr::compile::Selection;
use crate::expr::compile::Typed;
use crate::expr::error::Fault;
use crate::expr::scope::Binding;
use crate::expr::scope::Meta;
use crate::record::Header;
use crate::record::HeadersView;
use crate::record::Value;

impl Compiler<'_> {
    /// Code for `meta`, which stands at `span`.
    pub(super) fn meta(meta: Meta, span: &Range<usize>) -> Typed {
        let at = At::new(span);
        let (ty, code): (_, General) = match meta {
            Meta::Topic => (
                Type::Text,
                Box::new(|env| Ok(Cow::Owned(Value::text(env.row.topic)))),
            ),
            Meta::Partition => (
                Type::Int,
                Box::new(|env| Ok(Cow::Owned(Value::Int(env.row.partition.0.into())))),
            ),
            Meta::Offset => (
                Type::Int,
                Box::new(|env| Ok(Cow::Owned(Value::Int(env.row.record.offset.0)))),
            ),
            Meta::Timestamp => (
                Type::Timestamp,
                Box::new(move |env| {
                    let instant = DateTime::from_timestamp_millis(env.row.record.timestamp.0);
                    let instant = instant.ok_or_else(|| at.raise(Fault::Overflow))?;
                    Ok(Cow::Owned(Value::Timestamp(instant)))
                }),
            ),
            Meta::Headers => (
                Type::map(Type::Text, Type::Dyn),
                Box::new(|env| Ok(Cow::Owned(all_headers(env.row.record.headers)))),
            ),
        };
        Typed::general(ty, span, code)
    }

    /// `headers.name`, which needs no map of all of them.
    pub(super) fn header(&self, operand: &Expr, field: &Spanned) -> Option<Selection> {
        let Node::Name(name) = &operand.node else {
            return None;
        };
        let is_shadowed = self.variables.iter().any(|(own, _)| own == name);
        let binding = self.scope.binding(name).filter(|_| !is_shadowed);
        if binding != Some(&Binding::Meta(Meta::Headers)) {
            return None;
        }
        let name = field.name.clone();
        Some(Selection {
            ty: Type::Dyn,
            is_optional: false,
            code: Code::Maybe(Box::new(move |env| {
                let header = env.row.record.headers.last(name.as_bytes());
                Ok(header.map(|header| Cow::Owned(header_value(header))))
            })),
        })
    }
}

/// Headers as a map. Of headers that repeat, the last counts, in the place of the first.
fn all_headers(headers: HeadersView<'_>) -> Value<'_> {
    let mut entries: Vec<(Value<'_>, Value<'_>)> = Vec::with_capacity(headers.len());
    let mut places = HashMap::new();
    for header in headers {
        let place = *places.entry(header.name).or_insert(entries.len());
        match entries.get_mut(place) {
            Some((_, value)) => *value = header_value(header),
            None => entries.push((text_or_bytes(header.name), header_value(header))),
        }
    }
    Value::Map(entries)
}

fn header_value(header: Header<'_>) -> Value<'_> {
    header.value.map_or(Value::Null, text_or_bytes)
}

/// Text where the bytes are UTF-8.
fn text_or_bytes(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::bytes(bytes), Value::text)
}
