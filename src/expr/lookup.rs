//! Taking elements out of lists and maps.

use std::borrow::Cow;

use crate::expr::code::Any;
use crate::expr::equality::entry;
use crate::expr::equality::equal;
use crate::expr::error::Fault;
use crate::expr::error::ValueType;
use crate::record::Value;

/// The element of a list at an index, or the value of a map by its key, if it is there.
///
/// # Errors
///
/// [`Fault::NoOverload`] where `operand` has no elements, or `index` is none.
pub(super) fn element_of<'e>(
    operand: Any<'e>,
    index: &Value<'_>,
) -> Result<Option<Any<'e>>, Fault> {
    if matches!(*operand, Value::Map(_)) {
        return entry_of(operand, index);
    }
    let place = place(index);
    match operand {
        Cow::Borrowed(Value::List(items)) => {
            Ok(place?.and_then(|place| items.get(place)).map(Cow::Borrowed))
        }
        Cow::Owned(Value::List(mut items)) => {
            let place = place?.filter(|place| *place < items.len());
            Ok(place.map(|place| Cow::Owned(items.swap_remove(place))))
        }
        other => Err(Fault::NoOverload(ValueType::of(&other))),
    }
}

/// The place that an index stands for; `None` where no list has it.
fn place(index: &Value<'_>) -> Result<Option<usize>, Fault> {
    match index {
        Value::Int(int) => Ok(usize::try_from(*int).ok()),
        Value::UInt(uint) => Ok(usize::try_from(*uint).ok()),
        Value::Float(float) if float.fract() == 0.0 && (0.0..MAX_PLACE).contains(float) => {
            Ok(Some(whole(*float)))
        }
        other => Err(Fault::NoOverload(ValueType::of(other))),
    }
}

/// Up to here each whole number is a double; no list is as long.
const MAX_PLACE: f64 = 9_007_199_254_740_992.0;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has checked that it is whole and within the range"
)]
const fn whole(float: f64) -> usize {
    float as usize
}

/// The value of a map by its key, if it is there.
///
/// # Errors
///
/// [`Fault::NoOverload`] where `operand` is no map.
pub(super) fn entry_of<'e>(operand: Any<'e>, key: &Value<'_>) -> Result<Option<Any<'e>>, Fault> {
    match operand {
        Cow::Borrowed(Value::Map(entries)) => Ok(entry(entries, key).map(Cow::Borrowed)),
        Cow::Owned(Value::Map(entries)) => {
            let mut entries = entries.into_iter();
            let found = entries.find(|(own, _)| equal(own, key));
            Ok(found.map(|(_, value)| Cow::Owned(value)))
        }
        other => Err(Fault::NoOverload(ValueType::of(&other))),
    }
}
