//! Values that cells keep.

use std::borrow::Cow;

use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::parameter::Limit;
use crate::stream::value_bytes;

/// Puts `value` in the place of `place`, keeping the memory of text.
#[inline]
pub(crate) fn replace(place: &mut Value<'static>, value: &Value<'_>) {
    match (place, value) {
        (Value::Text(Cow::Owned(place)), Value::Text(text)) => {
            place.clear();
            place.push_str(text);
        }
        (place, value) => *place = value.clone().into_owned(),
    }
}

/// Writes `value`.
pub(crate) fn save(value: &Value<'_>, out: &mut Writer) {
    out.with(|out| value_bytes::put(out, value));
}

/// Reads back what [`save`] wrote.
///
/// # Errors
///
/// [`Malformed`].
pub(crate) fn load(from: &mut Reader<'_>) -> Result<Value<'static>, Malformed> {
    from.with(value_bytes::take).map(Value::into_owned)
}

/// Puts `value` at `place` among `values`, of which at most `limit` stay: the last one goes, and
/// gives its memory.
pub(crate) fn insert(
    values: &mut Vec<Value<'static>>,
    place: usize,
    limit: Limit,
    value: &Value<'_>,
) {
    let mut held = match values.len() >= limit.get() {
        true => values.pop().unwrap_or_default(),
        false => Value::Null,
    };
    replace(&mut held, value);
    values.insert(place.min(values.len()), held);
}
