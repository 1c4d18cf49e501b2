//! Which values are equal, which comes first, and what contains what.

use std::cmp::Ordering;

use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::expr::number::Number;
use crate::record::Value;

/// Whether two values are equal as CEL sees it: numbers by value whatever their types, values of
/// different types never, NaN to nothing, maps in any order.
pub(super) fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| equal(l, r))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| entry(right, key).is_some_and(|other| equal(value, other)))
        }
        _ => match (Number::of(left), Number::of(right)) {
            (Some(left), Some(right)) => left.order(right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// The value of the entry whose key equals `key`.
pub(super) fn entry<'v, 'a>(
    entries: &'v [(Value<'a>, Value<'a>)],
    key: &Value<'_>,
) -> Option<&'v Value<'a>> {
    entries
        .iter()
        .find_map(|(own, value)| equal(own, key).then_some(value))
}

/// How two values compare; `None` where one is NaN.
///
/// # Errors
///
/// [`Fault::NoOverloadOfTwo`] where their types have no order, or none with each other.
pub(super) fn order(left: &Value<'_>, right: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Ok(Some(left.cmp(right))),
        (Value::Bool(left), Value::Bool(right)) => Ok(Some(left.cmp(right))),
        (Value::Bytes(left), Value::Bytes(right)) => Ok(Some(left.cmp(right))),
        (Value::Timestamp(left), Value::Timestamp(right)) => Ok(Some(left.cmp(right))),
        (Value::Duration(left), Value::Duration(right)) => Ok(Some(left.cmp(right))),
        _ => match (Number::of(left), Number::of(right)) {
            (Some(left), Some(right)) => Ok(left.order(right)),
            _ => Err(Fault::NoOverloadOfTwo(
                ValueType::of(left),
                ValueType::of(right),
            )),
        },
    }
}

/// Whether `item` is an element of a list or a key of a map.
///
/// # Errors
///
/// [`Fault::NoOverloadOfTwo`] where `container` is neither.
pub(super) fn contains(container: &Value<'_>, item: &Value<'_>) -> Result<bool, Fault> {
    match container {
        Value::List(items) => Ok(items.iter().any(|own| equal(own, item))),
        Value::Map(entries) => Ok(entry(entries, item).is_some()),
        other => Err(Fault::NoOverloadOfTwo(
            ValueType::of(item),
            ValueType::of(other),
        )),
    }
}
