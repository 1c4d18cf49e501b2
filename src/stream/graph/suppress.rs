//! Holding back the changes of a table, so that fewer come out.

use chrono::TimeDelta;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::size::message_bytes;
use crate::stream::graph::table::no_key;
use crate::stream::held::Held;

pub use crate::stream::held::Bounds;
pub use crate::stream::held::WhenFull;

/// Holds back the changes of each row until a time after the first of them, then lets only the
/// last one out.
///
/// A row leaves once its buffer time, the timestamp of the first change held back, is at or below
/// stream time minus the limit: later changes of it replace the value and the timestamp, and do
/// not put the time off. Rows leave in the order of buffer time, then key, then window.
///
/// Source: `KTableSuppressProcessorSupplier` (Apache Kafka), `untilTimeLimit`.
#[derive(Debug)]
pub(crate) struct Suppress {
    limit_ms: i64,
    /// Of each change the old value is what came out before.
    held: Held<RowKey, Message>,
    time: Timestamp,
}

impl Suppress {
    pub(crate) fn new(limit: TimeDelta, bounds: Bounds) -> Self {
        Self {
            limit_ms: limit.num_milliseconds().max(0),
            held: Held::new(bounds),
            time: Timestamp::MIN,
        }
    }

    fn hold(&mut self, row: RowKey, mut message: Message) {
        let due = message.time.saturating_add(self.limit_ms);
        self.held.hold(row, due, |before| {
            if let Some(before) = before {
                message.old = before.old;
            }
            let bytes = message_bytes(&message);
            (message, bytes)
        });
    }

    fn release(&mut self, out: &mut Out) {
        while let Some((_, message)) = self.held.pop_due(self.time) {
            out.send(message);
        }
    }
}

impl Operator for Suppress {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Older {
            return Ok(());
        }
        let row = message.row().ok_or_else(|| no_key("suppress"))?;
        self.time = out.stream_time(self.time, message.time);
        self.hold(row, message);
        out.take();
        self.release(out);
        while self.held.is_too_much() {
            if self.held.when_full() == WhenFull::Stop {
                return Err(Refusal::new("suppress: more is held back than may be"));
            }
            let Some((_, message)) = self.held.pop_first() else {
                break;
            };
            out.send(message);
        }
        Ok(())
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.release(out);
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        self.held.save(out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        self.held.load(|_, message| message_bytes(message), from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;
    use crate::stream::graph::message::Key;
    use std::sync::Arc;

    fn change(key: &str, value: i64, time: i64) -> Message {
        let value = Some(Arc::new(Value::Int(value)));
        Message::new(Key::of(&Value::text(key)), None, Timestamp(time)).with_value(value)
    }

    fn suppress(bounds: Bounds) -> Suppress {
        Suppress::new(TimeDelta::milliseconds(10), bounds)
    }

    /// Keys and values of what comes out when these changes come in.
    fn take(suppress: &mut Suppress, change: Message) -> Vec<(String, Value<'static>)> {
        let mut out = Out::default();
        suppress.take(0, change, &mut out).expect("room");
        let line = |(_, message): (usize, Message)| {
            let key = message.key.expect("a key");
            let key = String::from_utf8_lossy(key.bytes()).into_owned();
            (
                key,
                message
                    .value
                    .map(|value| (*value).clone())
                    .unwrap_or_default(),
            )
        };
        out.sent.drain(..).map(line).collect()
    }

    #[test]
    fn a_later_change_replaces_the_value_and_does_not_put_the_time_off() {
        let mut suppress = suppress(Bounds::default());
        assert_eq!(take(&mut suppress, change("a", 1, 0)), []);
        assert_eq!(take(&mut suppress, change("a", 2, 9)), []);
        let out = take(&mut suppress, change("b", 7, 10));
        assert_eq!(
            out,
            [("a".to_owned(), Value::Int(2))],
            "10 ms after the first"
        );
    }

    #[test]
    fn beyond_the_bounds_the_oldest_comes_out_early() {
        let bounds = Bounds {
            records: Some(1),
            ..Bounds::default()
        };
        let mut suppress = suppress(bounds);
        assert_eq!(take(&mut suppress, change("b", 1, 1)), []);
        let out = take(&mut suppress, change("a", 2, 2));
        assert_eq!(out, [("b".to_owned(), Value::Int(1))]);
        let out = take(&mut suppress, change("a", 3, 3));
        assert_eq!(out, [], "one row, and as many may be held back");
    }

    #[test]
    fn bytes_are_counted_until_they_leave() {
        let one = message_bytes(&change("a", 1, 1));
        let bounds = Bounds {
            bytes: Some(one),
            ..Bounds::default()
        };
        let mut suppress = suppress(bounds);
        assert_eq!(
            take(&mut suppress, change("a", 1, 1)),
            [],
            "exactly as much"
        );
        assert_eq!(take(&mut suppress, change("b", 1, 2)).len(), 1);
        assert_eq!(suppress.held.bytes(), one);
    }

    #[test]
    fn where_it_is_told_to_stop_the_record_that_is_too_much_is_refused() {
        let bounds = Bounds {
            records: Some(1),
            when_full: WhenFull::Stop,
            ..Bounds::default()
        };
        let mut suppress = suppress(bounds);
        let mut out = Out::default();
        assert_eq!(suppress.take(0, change("a", 1, 1), &mut out), Ok(()));
        assert!(suppress.take(0, change("b", 1, 2), &mut out).is_err());
    }
}
