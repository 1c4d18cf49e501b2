//! About how much memory values take.

use crate::record::Value;
use crate::stream::graph::message::Message;

/// What a message takes besides its key and values, about.
const MESSAGE_BYTES: usize = 64;

/// About how many bytes a message takes, key and values with it.
pub(crate) fn message_bytes(message: &Message) -> usize {
    let key = message.key.as_ref().map_or(0, |key| key.bytes().len());
    let values = [&message.value, &message.old].into_iter().flatten();
    MESSAGE_BYTES + key + values.map(|value| value_bytes(value)).sum::<usize>()
}

/// About how many bytes a value takes.
fn value_bytes(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(values) => values.iter().map(value_bytes).sum(),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| value_bytes(key) + value_bytes(value))
            .sum(),
        _ => size_of::<Value<'_>>(),
    }
}
