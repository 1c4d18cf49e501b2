//! Folds by key and session.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use chrono::TimeDelta;
use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::emit::Emit;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Span;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::table::no_key;

/// Folds a stream by its keys and by sessions: stretches of activity with gaps up to `gap`, both
/// ends inside.
///
/// A record merges the sessions that it is near enough to, in the order of their ends, and is then
/// added; each merged session comes out deleted, then the new one, stamped with its end. A session
/// is open while stream time ≤ end + gap + grace, and never opened again after that.
///
/// Source: `KStreamSessionWindowAggregate` (Apache Kafka), which forgets a session one millisecond
/// too early and forwards no old value for one of a single point (golden/streams, U-5, U-8).
#[derive(Debug)]
pub(crate) struct SessionFold {
    gap_ms: i64,
    grace_ms: i64,
    fold: Fold,
    emit: Emit,
    /// By key and start. Sessions of one key neither touch nor overlap.
    sessions: HashMap<Key, BTreeMap<Timestamp, Session>, RandomState>,
    /// All of them, in the order in which they close.
    order: BTreeSet<(Timestamp, Key, Timestamp)>,
    time: Timestamp,
}

#[derive(Clone, Debug)]
struct Session {
    end: Timestamp,
    value: Option<Shared>,
}

impl SessionFold {
    pub(crate) fn new(gap: TimeDelta, grace: TimeDelta, fold: Fold, emit: Emit) -> Self {
        Self {
            gap_ms: gap.num_milliseconds().max(0),
            grace_ms: grace.num_milliseconds().max(0),
            fold,
            emit,
            sessions: HashMap::default(),
            order: BTreeSet::new(),
            time: Timestamp::MIN,
        }
    }

    fn is_closed(&self, end: Timestamp) -> bool {
        end.saturating_add(self.gap_ms)
            .saturating_add(self.grace_ms)
            < self.time
    }

    fn close(&mut self, out: &mut Out) {
        while self
            .order
            .first()
            .is_some_and(|(end, ..)| self.is_closed(*end))
        {
            let Some((end, key, start)) = self.order.pop_first() else {
                break;
            };
            let session = self.remove(&key, start);
            if let (Some(session), Emit::Final) = (session, self.emit) {
                let mut message = Message::new(Some(key), None, end);
                message.window = Some(Span { start, end });
                out.send(message.with_value(session.value));
            }
        }
    }

    fn remove(&mut self, key: &Key, start: Timestamp) -> Option<Session> {
        let of_key = self.sessions.get_mut(key)?;
        let session = of_key.remove(&start);
        if of_key.is_empty() {
            self.sessions.remove(key);
        }
        session
    }

    /// The sessions of `key` near enough to `time`, by their starts.
    fn near(&self, key: &Key, time: Timestamp) -> Vec<(Timestamp, Session)> {
        let gap_ms = self.gap_ms;
        let reach: RangeInclusive<_> = Timestamp::MIN..=time.saturating_add(gap_ms);
        let of_key = self.sessions.get(key).into_iter();
        let mut near: Vec<_> = of_key
            .flat_map(|of_key| of_key.range(reach.clone()).rev())
            .take_while(|(_, session)| session.end >= time.saturating_sub(gap_ms))
            .map(|(start, session)| (*start, session.clone()))
            .collect();
        near.reverse();
        near
    }

    fn add(&mut self, key: &Key, message: &Message, out: &mut Out) -> Result<(), Refusal> {
        let near = self.near(key, message.time);
        let starts = near.iter().map(|(start, _)| *start);
        let start = starts.fold(message.time, Timestamp::min);
        let ends = near.iter().map(|(_, session)| session.end);
        let end = ends.fold(message.time, Timestamp::max);
        if self.is_closed(end) {
            out.late();
            return Ok(());
        }
        let merged = near.iter().try_fold(None, |merged, (_, session)| {
            self.fold.merge(merged, session.value.clone())
        })?;
        let window = Some(Span { start, end });
        let mut grown = message.clone();
        grown.window = window;
        let value = self.fold.add(merged.as_ref(), View::of(&grown))?;
        let is_update = start == end;
        let old = near.first().filter(|_| is_update);
        let old = old.and_then(|(_, session)| session.value.clone());
        for (start, session) in near {
            self.order.remove(&(session.end, key.clone(), start));
            self.remove(key, start);
            if !is_update && self.emit != Emit::Final {
                self.send_deletion(message, start, session, out);
            }
        }
        self.order.insert((end, key.clone(), start));
        let session = Session {
            end,
            value: value.clone(),
        };
        let of_key = self.sessions.entry(key.clone()).or_default();
        of_key.insert(start, session);
        out.take();
        if self.emit != Emit::Final {
            out.send(grown.with_change(value, old, end));
        }
        Ok(())
    }

    fn send_deletion(&self, message: &Message, start: Timestamp, session: Session, out: &mut Out) {
        let end = session.end;
        let mut gone = message.clone();
        gone.window = Some(Span { start, end });
        out.send(gone.with_change(None, session.value, end));
    }
}

impl Operator for SessionFold {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.value.is_none() {
            return Ok(());
        }
        let key = message.key.clone().ok_or_else(|| no_key("aggregate"))?;
        self.time = out.stream_time(self.time, message.time);
        self.close(out);
        self.add(&key, &message, out)
    }

    fn advance(&mut self, time: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        self.time = self.time.max(time);
        self.close(out);
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.time);
        out.count(self.order.len());
        for (key, of_key) in &self.sessions {
            for (start, session) in of_key {
                out.put(key);
                out.put(start);
                out.put(&session.end);
                out.put(&session.value);
            }
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.time = from.take()?;
        for _ in 0..from.count(1)? {
            let (key, start): (Key, _) = (from.take()?, from.take()?);
            let (end, value) = (from.take()?, from.take()?);
            self.order.insert((end, key.clone(), start));
            let of_key = self.sessions.entry(key).or_default();
            of_key.insert(start, Session { end, value });
        }
        Ok(())
    }
}
