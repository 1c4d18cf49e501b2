//! Joins of two streams: pairs of records whose times are near enough.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::join_window::JoinWindow;
use crate::stream::graph::message::Headers;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::persisted::load_headers;
use crate::stream::graph::persisted::save_headers;
use crate::stream::graph::table::no_key;
use crate::stream::graph::topology::JoinType;

/// Joins the records of two streams with equal keys whose times are near enough.
///
/// A record is open until stream time is beyond its window and grace; a pair joins while both are
/// open, and a record that comes when it is not is late. Where the type of join wants them, records
/// without a partner come out once, with nothing on the other side, when they close: in the order
/// of their times, left before right, then by key. A pair is stamped with the larger time, and has
/// the headers of the record that came second.
///
/// Kafka Streams lets records past their grace join whatever is still stored, so that a record may
/// come out both alone and in a pair, and brings out unmatched ones early or late, depending on the
/// order of arrival (golden/streams, U-10, U-14, U-17, U-18, U-22, U-24).
#[derive(Debug)]
pub(crate) struct StreamStream {
    kind: JoinType,
    window: JoinWindow,
    joiner: Joiner,
    /// The records that are open, left and right.
    sides: [Side; 2],
    time: Timestamp,
    number: u64,
}

/// The open records of one side.
#[derive(Debug, Default)]
struct Side {
    /// By key, in the order of time and then of arrival.
    records: HashMap<RowKey, BTreeMap<(Timestamp, u64), Waiting>, RandomState>,
    /// Which there are, in the order in which they close.
    order: BTreeSet<(Timestamp, RowKey, u64)>,
}

/// A record that may still find partners.
#[derive(Clone, Debug)]
struct Waiting {
    value: Shared,
    headers: Headers,
    has_matched: bool,
}

impl Side {
    fn add(&mut self, row: RowKey, time: Timestamp, number: u64, waiting: Waiting) {
        self.order.insert((time, row.clone(), number));
        let of_key = self.records.entry(row).or_default();
        of_key.insert((time, number), waiting);
    }

    fn save(&self, out: &mut Writer) {
        out.count(self.order.len());
        for (row, of_key) in &self.records {
            for ((time, number), waiting) in of_key {
                out.put(row);
                out.put(time);
                out.put(number);
                out.put(&waiting.value);
                out.put(&waiting.has_matched);
                save_headers(&waiting.headers, out);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        for _ in 0..from.count(1)? {
            let (row, time, number) = (from.take()?, from.take()?, from.take()?);
            let waiting = Waiting {
                value: from.take()?,
                has_matched: from.take()?,
                headers: load_headers(from)?,
            };
            self.add(row, time, number, waiting);
        }
        Ok(())
    }

    /// Takes out the records for which `is_closed`, oldest first.
    fn close(
        &mut self,
        is_closed: impl Fn(Timestamp) -> bool,
    ) -> Vec<(Timestamp, RowKey, Waiting)> {
        let mut closed = Vec::new();
        while self.order.first().is_some_and(|first| is_closed(first.0)) {
            let Some((time, row, number)) = self.order.pop_first() else {
                break;
            };
            if let Some(of_key) = self.records.get_mut(&row) {
                let waiting = of_key.remove(&(time, number));
                if of_key.is_empty() {
                    self.records.remove(&row);
                }
                closed.extend(waiting.map(|waiting| (time, row, waiting)));
            }
        }
        closed
    }
}

impl StreamStream {
    pub(crate) fn new(kind: JoinType, window: JoinWindow, joiner: Joiner) -> Self {
        Self {
            kind,
            window,
            joiner,
            sides: [Side::default(), Side::default()],
            time: Timestamp::MIN,
            number: 0,
        }
    }

    /// Whether records of this side come out alone.
    fn comes_out_alone(&self, side: usize) -> bool {
        match self.kind {
            JoinType::Inner => false,
            JoinType::Left => side == 0,
            JoinType::Outer => true,
        }
    }

    /// Sends on what becomes of records that stay alone, and forgets all that close.
    fn close(&mut self, out: &mut Out) -> Result<(), Refusal> {
        let (window, now) = (self.window, self.time);
        let mut alone = Vec::new();
        for (side, records) in self.sides.iter_mut().enumerate() {
            let closed = records.close(|time| window.is_closed(side, time, now));
            let unmatched = closed.into_iter().filter(|closed| !closed.2.has_matched);
            alone.extend(unmatched.map(|(time, row, waiting)| (time, side, row, waiting)));
        }
        alone.retain(|(_, side, ..)| self.comes_out_alone(*side));
        alone.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        for (time, side, row, waiting) in alone {
            let message = Message {
                key: Some(row.key),
                window: row.window,
                value: None,
                old: None,
                time,
                version: Default::default(),
                headers: waiting.headers,
                behalf: None,
            };
            self.send_alone(side, message, &waiting.value, out)?;
        }
        Ok(())
    }

    fn send_alone(
        &self,
        side: usize,
        message: Message,
        value: &Shared,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let (left, right) = in_order(side, Some(value), None);
        let joined = self.joiner.join(message.key.as_ref(), left, right)?;
        out.send(message.with_value(Some(joined)));
        Ok(())
    }

    /// Sends on the pairs of `message` with what waits on the other side; whether there are any.
    fn pair(
        &mut self,
        side: usize,
        row: &RowKey,
        message: &Message,
        value: &Shared,
        out: &mut Out,
    ) -> Result<bool, Refusal> {
        let range = self.window.partners(side, message.time);
        let [left, right] = &mut self.sides;
        let other = if side == 0 { right } else { left };
        let Some(partners) = other.records.get_mut(row) else {
            return Ok(false);
        };
        let range = (*range.start(), 0)..=(*range.end(), u64::MAX);
        let mut is_any = false;
        for ((time, _), partner) in partners.range_mut(range) {
            let (left, right) = in_order(side, Some(value), Some(&partner.value));
            let joined = self.joiner.join(Some(&row.key), left, right)?;
            let mut pair = message.clone().with_value(Some(joined));
            pair.time = message.time.max(*time);
            out.send(pair);
            partner.has_matched = true;
            is_any = true;
        }
        Ok(is_any)
    }
}

/// What is on the left and on the right, where `own` is of `side`.
const fn in_order<T>(side: usize, own: T, other: T) -> (T, T) {
    match side {
        0 => (own, other),
        _ => (other, own),
    }
}

impl Operator for StreamStream {
    fn take(&mut self, side: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let Some(value) = message.value.clone() else {
            return Ok(());
        };
        let Some(row) = message.row() else {
            return match self.comes_out_alone(side) {
                true => self.send_alone(side, message, &value, out),
                false => Err(no_key("join")),
            };
        };
        self.time = out.stream_time(self.time, message.time);
        self.close(out)?;
        if self.window.is_closed(side, message.time, self.time) {
            out.late();
            return Ok(());
        }
        let has_matched = self.pair(side, &row, &message, &value, out)?;
        self.number += 1;
        let waiting = Waiting {
            value,
            headers: message.headers,
            has_matched,
        };
        let (time, number) = (message.time, self.number);
        if let Some(records) = self.sides.get_mut(side) {
            records.add(row, time, number, waiting);
        }
        out.take();
        Ok(())
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.close(out)
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.put(&self.number);
        self.sides.iter().for_each(|side| side.save(out));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        self.number = from.take()?;
        for side in &mut self.sides {
            side.load(from)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;
    use crate::stream::graph::message::Key;
    use chrono::TimeDelta;
    use proptest::prelude::*;
    use std::sync::Arc;

    const BEFORE: i64 = 4;
    const AFTER: i64 = 6;
    const GRACE: i64 = 5;

    fn join(kind: JoinType) -> StreamStream {
        let millis = TimeDelta::milliseconds;
        let window = JoinWindow::new(millis(BEFORE), millis(AFTER), millis(GRACE));
        let side = |value: Option<&Value<'static>>| value.cloned().unwrap_or_default();
        let joiner =
            Joiner::new(move |pair| Ok(Value::List(vec![side(pair.left), side(pair.right)])));
        StreamStream::new(kind, window.expect("a window"), joiner)
    }

    fn take(join: &mut StreamStream, side: usize, number: i64, time: i64, out: &mut Out) {
        let key = Key::of(&Value::text("k"));
        let message = Message::new(key, Some(Value::Int(number)), Timestamp(time));
        join.take(side, message, out).expect("a key");
    }

    fn pairs(out: &Out) -> Vec<(Value<'static>, Value<'static>)> {
        let pair = |message: &Message| match message.value.as_deref() {
            Some(Value::List(sides)) => (sides[0].clone(), sides[1].clone()),
            other => panic!("{other:?}"),
        };
        out.sent.iter().map(|(_, message)| pair(message)).collect()
    }

    #[test]
    fn time_that_goes_on_without_a_record_brings_out_what_stays_alone() {
        let (mut join, mut out) = (join(JoinType::Left), Out::default());
        take(&mut join, 0, 1, 100, &mut out);
        let last_open = Timestamp(100 + AFTER + GRACE);
        join.advance(last_open, &mut out).expect("no refusal");
        assert_eq!(pairs(&out), []);
        join.advance(Timestamp(last_open.0 + 1), &mut out)
            .expect("no refusal");
        assert_eq!(pairs(&out), [(Value::Int(1), Value::Null)]);
        assert!(join.sides.iter().all(|side| side.records.is_empty()));
    }

    #[test]
    fn what_waits_keeps_its_match_over_saving_and_loading() {
        let (mut join_before, mut out) = (join(JoinType::Outer), Out::default());
        take(&mut join_before, 0, 1, 100, &mut out);
        take(&mut join_before, 1, 2, 100, &mut out);
        let mut writer = Writer::new();
        join_before.save(&mut writer);
        let bytes = writer.into_bytes();
        let mut join_after = join(JoinType::Outer);
        join_after
            .load(&mut Reader::new(&bytes))
            .expect("what was saved");
        out.sent.clear();
        join_after
            .advance(Timestamp(1_000), &mut out)
            .expect("no refusal");
        assert_eq!(pairs(&out), [], "both have come out, together");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// By the definition: a pair of records that were both open when the later one came, and
        /// each record that was in time and has no pair, once.
        #[test]
        fn pairs_and_loners_are_those_of_the_definition(
            records in prop::collection::vec((0usize..2, 0i64..40), 0..30),
        ) {
            let (mut join, mut out) = (join(JoinType::Outer), Out::default());
            for (number, &(side, time)) in (0..).zip(&records) {
                take(&mut join, side, number, time, &mut out);
            }
            join.advance(Timestamp(1_000), &mut out).expect("no refusal");
            let close = |side: usize, time: i64| time + [AFTER, BEFORE][side] + GRACE;
            let mut stream_time = i64::MIN;
            let (mut expected, mut in_time) = (Vec::new(), Vec::new());
            for (number, &(side, time)) in (0..).zip(&records) {
                stream_time = stream_time.max(time);
                if close(side, time) < stream_time {
                    continue;
                }
                for &(other, partner, partner_time) in &in_time {
                    let (left, right) = if side == 0 { (time, partner_time) } else { (partner_time, time) };
                    let is_near = (left - BEFORE..=left + AFTER).contains(&right);
                    if other != side && is_near && close(other, partner_time) >= stream_time {
                        let pair = (Value::Int(number), Value::Int(partner));
                        expected.push(if side == 0 { pair } else { (pair.1, pair.0) });
                    }
                }
                in_time.push((side, number, time));
            }
            let is_in = |side: usize, number: i64, pairs: &[(Value<'static>, Value<'static>)]| {
                pairs.iter().any(|pair| [&pair.0, &pair.1][side] == &Value::Int(number))
            };
            let paired = expected.clone();
            for &(side, number, _) in &in_time {
                if !is_in(side, number, &paired) {
                    let pair = (Value::Int(number), Value::Null);
                    expected.push(if side == 0 { pair } else { (pair.1, pair.0) });
                }
            }
            let mut ours = pairs(&out);
            let text = |pair: &(Value<'static>, Value<'static>)| format!("{pair:?}");
            ours.sort_by_key(text);
            expected.sort_by_key(text);
            prop_assert_eq!(ours, expected);
        }
    }

    #[test]
    fn a_record_is_held_once_and_shared() {
        let value = Arc::new(Value::Int(1));
        let (mut join, mut out) = (join(JoinType::Left), Out::default());
        let key = Key::of(&Value::text("k"));
        let message = Message::new(key, None, Timestamp(1)).with_value(Some(Arc::clone(&value)));
        join.take(0, message, &mut out).expect("a key");
        assert_eq!(Arc::strong_count(&value), 2);
    }
}
