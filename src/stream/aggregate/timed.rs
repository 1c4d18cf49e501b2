//! `first(x)` and `last(x)`.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::held;
use crate::stream::aggregate::held::replace;

/// The value with the smallest event time; of equal times the first that came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct First(Held);

/// The value with the largest event time; of equal times the last that came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Last(Held);

/// A value and when it was; null where there is none.
#[derive(Clone, Debug, PartialEq)]
struct Held {
    time: Timestamp,
    value: Value<'static>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            time: Timestamp::MIN,
            value: Value::Null,
        }
    }
}

impl Held {
    fn is_empty(&self) -> bool {
        self.value == Value::Null
    }

    #[inline]
    fn put(&mut self, time: Timestamp, value: &Value<'_>) {
        self.time = time;
        replace(&mut self.value, value);
    }
}

impl Aggregate for First {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), time: Timestamp, value: &Value<'_>) {
        if self.0.is_empty() || time < self.0.time {
            self.0.put(time, value);
        }
    }

    fn merge(&mut self, (): (), other: &Self) {
        if !other.0.is_empty() {
            self.add((), other.0.time, &other.0.value);
        }
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(self.0.value.borrowed())
    }
}

impl Aggregate for Last {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), time: Timestamp, value: &Value<'_>) {
        if self.0.is_empty() || time >= self.0.time {
            self.0.put(time, value);
        }
    }

    fn merge(&mut self, (): (), other: &Self) {
        if !other.0.is_empty() {
            self.add((), other.0.time, &other.0.value);
        }
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(self.0.value.borrowed())
    }
}

impl Persist for First {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for Last {
    fn save(&self, out: &mut Writer) {
        out.put(&self.0);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.take().map(Self)
    }
}

impl Persist for Held {
    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        held::save(&self.value, out);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            time: from.take()?,
            value: held::load(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(records: &[(i64, &'static str)]) -> (First, Last) {
        let (mut first, mut last) = (First::default(), Last::default());
        for (time, text) in records {
            first.add((), Timestamp(*time), &Value::text(text));
            last.add((), Timestamp(*time), &Value::text(text));
        }
        (first, last)
    }

    #[test]
    fn event_time_decides_and_among_equal_times_arrival() {
        let (first, last) = both(&[(5, "b"), (9, "y"), (5, "c"), (9, "z"), (7, "m")]);
        assert_eq!(first.result((), None), Ok(Value::text("b")));
        assert_eq!(last.result((), None), Ok(Value::text("z")));
    }

    #[test]
    fn merging_in_either_order_gives_the_outermost_times() {
        let (early, late) = (both(&[(1, "a"), (2, "b")]), both(&[(3, "c"), (4, "d")]));
        for (left, right) in [(&early, &late), (&late, &early)] {
            let (mut first, mut last) = left.clone();
            first.merge((), &right.0);
            last.merge((), &right.1);
            last.merge((), &Last::default());
            assert_eq!(first.result((), None), Ok(Value::text("a")));
            assert_eq!(last.result((), None), Ok(Value::text("d")));
        }
    }
}
