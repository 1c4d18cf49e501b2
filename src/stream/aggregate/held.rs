//! Values that cells keep.

use std::borrow::Cow;

use crate::record::Value;

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
