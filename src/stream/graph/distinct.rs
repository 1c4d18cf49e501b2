//! Leaving out records that repeat.

use std::collections::BTreeSet;
use std::collections::HashMap;

use chrono::TimeDelta;
use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;

/// Lets the first record of each id through, and none that has the same id and lies within a time
/// of it, before or after, both ends inside.
///
/// A record more than that time behind stream time is late: whether it repeats one is not known
/// any more. Records without id pass.
#[derive(Debug)]
pub(crate) struct Distinct {
    id: Mapping,
    within_ms: i64,
    /// The times of the records of each id that passed.
    passed: HashMap<Key, BTreeSet<Timestamp>, RandomState>,
    order: BTreeSet<(Timestamp, Key)>,
    time: Timestamp,
}

impl Distinct {
    pub(crate) fn new(id: Mapping, within: TimeDelta) -> Self {
        Self {
            id,
            within_ms: within.num_milliseconds().max(0),
            passed: HashMap::default(),
            order: BTreeSet::new(),
            time: Timestamp::MIN,
        }
    }

    fn oldest_open(&self) -> Timestamp {
        self.time.saturating_sub(self.within_ms)
    }

    /// Forgets what no open record can repeat.
    fn forget(&mut self) {
        let oldest = self.oldest_open().saturating_sub(self.within_ms);
        while self.order.first().is_some_and(|(time, _)| *time < oldest) {
            let Some((time, id)) = self.order.pop_first() else {
                break;
            };
            if let Some(times) = self.passed.get_mut(&id) {
                times.remove(&time);
                if times.is_empty() {
                    self.passed.remove(&id);
                }
            }
        }
    }
}

impl Operator for Distinct {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let Some(id) = self.id.key(View::of(&message))? else {
            out.send(message);
            return Ok(());
        };
        let time = message.time;
        self.time = out.stream_time(self.time, time);
        self.forget();
        if time < self.oldest_open() {
            out.late();
            return Ok(());
        }
        let around = time.saturating_sub(self.within_ms)..=time.saturating_add(self.within_ms);
        let times = self.passed.entry(id.clone()).or_default();
        if times.range(around).next().is_none() {
            times.insert(time);
            self.order.insert((time, id));
            out.take();
            out.send(message);
        }
        Ok(())
    }

    fn advance(&mut self, time: Timestamp, _out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.forget();
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.count(self.order.len());
        for (time, id) in &self.order {
            out.put(time);
            out.put(id);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        for _ in 0..from.count(1)? {
            let (time, id): (_, Key) = (from.take()?, from.take()?);
            self.passed.entry(id.clone()).or_default().insert(time);
            self.order.insert((time, id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;

    fn distinct() -> Distinct {
        let id = Mapping::new(|view| Ok(view.value.cloned().unwrap_or_default()));
        Distinct::new(id, TimeDelta::milliseconds(10))
    }

    /// How many records of these ids and times pass.
    fn passed(distinct: &mut Distinct, records: &[(&'static str, i64)]) -> Vec<i64> {
        let mut out = Out::default();
        for &(id, time) in records {
            let message = Message::new(None, Some(Value::text(id)), Timestamp(time));
            distinct.take(0, message, &mut out).expect("an id");
        }
        out.sent.iter().map(|(_, message)| message.time.0).collect()
    }

    #[test]
    fn a_repetition_counts_from_the_first_that_passed_both_ends_inside() {
        let records = [("a", 100), ("a", 110), ("a", 111), ("b", 110), ("a", 121)];
        assert_eq!(passed(&mut distinct(), &records), [100, 111, 110]);
    }

    #[test]
    fn one_that_comes_out_of_order_repeats_what_lies_after_it() {
        let records = [("a", 100), ("a", 90), ("a", 89)];
        assert_eq!(passed(&mut distinct(), &records), [100], "89 is late");
        let records = [("a", 95), ("b", 100), ("b", 90)];
        assert_eq!(passed(&mut distinct(), &records), [95, 100]);
    }

    #[test]
    fn what_no_open_record_can_repeat_is_forgotten() {
        let mut distinct = distinct();
        passed(&mut distinct, &[("a", 100), ("b", 120)]);
        assert_eq!(
            distinct.order.len(),
            2,
            "100 is 10 before the oldest open, 110"
        );
        passed(&mut distinct, &[("c", 121)]);
        assert_eq!(distinct.order.len(), 2);
        assert_eq!(distinct.passed.len(), 2);
    }
}
