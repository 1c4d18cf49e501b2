//! One alert at the end of one task.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use chrono::TimeDelta;
use thiserror::Error;

use crate::codec::avro::schema::SchemaError;
use crate::codec::format::Format;
use crate::codec::framing;
use crate::codec::framing::SchemaId;
use crate::codec::projection::DecodeError;
use crate::codec::projection::Projection;
use crate::codec::projection::ProjectionError;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr::EvalError;
use crate::expr::duration;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::Timestamp;
use crate::record::TimestampType;
use crate::record::Value;
use crate::stream::alert;
use crate::stream::alert::Alert;
use crate::stream::alert::message::message;
use crate::stream::alert::message::text;
use crate::stream::alert::notice::Change;
use crate::stream::alert::notice::Notice;
use crate::stream::alert::state::Judgement;
use crate::stream::alert::state::KeyState;
use crate::stream::alert::state::Lasting;
use crate::stream::alert::state::Terms;
use crate::stream::effects::Destination;
use crate::stream::effects::Output;
use crate::stream::plan::Emit;
use crate::stream::plan::Flow;
use crate::stream::recycle::recycle;
use crate::stream::window::Windows;

/// How many keys one task remembers for an alert, about: more is nothing that anybody watches key by
/// key. Calm keys of an alert without `no_data` are not remembered.
pub const KEYS_MAX: usize = 1_000_000;

/// One alert at the end of one task.
///
/// Given results in order and the wall clock, it tells the same however often it is asked: no state
/// but what it was given.
#[derive(Debug)]
pub struct Watch {
    alert: Arc<Alert>,
    flow: Arc<Flow>,
    terms: Terms,
    keys_of: Projection,
    values: Projection,
    slots: Vec<Option<Value<'static>>>,
    known: HashMap<Key, Known>,
    /// What changes without another result, soonest first.
    due: BTreeSet<(Timestamp, Key)>,
}

type Key = Option<Arc<[u8]>>;

/// What is said of a key whose row is gone.
const GONE: &str = "there is no such row any more";

/// What is known of one key.
#[derive(Debug)]
struct Known {
    state: KeyState,
    /// What it is to say if it fires without another result.
    message: String,
}

/// A result cannot be judged: it is as if it had not come out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WatchError {
    /// It was written with a schema that has not been given: hand it to [`Watch::add_schema`], and
    /// the result over once more.
    #[error("schema {id} is not known yet")]
    UnknownSchema {
        /// Of the key or the value.
        root: Root,
        /// The schema.
        id: SchemaId,
    },
    /// It cannot be read.
    #[error("read a result: {0}")]
    Unreadable(DecodeError),
    /// A condition has no value on it.
    #[error("{key}: {error}")]
    Condition {
        /// `fire` or `clear`.
        key: &'static str,
        /// Why.
        error: EvalError,
    },
    /// There are too many keys to watch one more.
    #[error("more than {KEYS_MAX} keys")]
    TooManyKeys,
}

impl Watch {
    /// `alert` at the end of a task of `flow`, of which nothing has come out yet.
    #[must_use]
    pub fn new(alert: &Arc<Alert>, flow: &Arc<Flow>) -> Self {
        let windows = flow.window_aggregate();
        let is_windowed = windows.is_some_and(|all| all.windows.has_bounds());
        let closing = windows.filter(|all| all.emit == Emit::Final);
        let every = closing.and_then(|all| every(&all.windows));
        let terms = Terms {
            hold: alert.hold.num_milliseconds(),
            no_data: alert.no_data.map(|no_data| no_data.num_milliseconds()),
            lasting: match is_windowed {
                true => Lasting::Momentary,
                false => Lasting::UntilNext,
            },
            every,
        };
        let projection = |format, root| Projection::new(format, root, &alert.fields);
        Self {
            terms,
            keys_of: projection(alert::key_format(flow), Root::Key),
            values: projection(alert::value_format(flow), Root::Value),
            alert: Arc::clone(alert),
            flow: Arc::clone(flow),
            slots: Vec::new(),
            known: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// The alert.
    #[must_use]
    pub const fn alert(&self) -> &Arc<Alert> {
        &self.alert
    }

    /// Makes known the text of a schema, as [`WatchError::UnknownSchema`] asks.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] where `text` is none.
    pub fn add_schema(&mut self, root: Root, id: SchemaId, text: &str) -> Result<(), SchemaError> {
        match root {
            Root::Key => self.keys_of.add_schema(id, text),
            Root::Value | Root::Result => self.values.add_schema(id, text),
        }
    }

    /// Takes what the task put out at the wall clock `now`, and tells what changes by it. What is no
    /// result is left out.
    ///
    /// That there is no result of a window any more (a session that grew) says nothing; that there
    /// is no row of a key any more ends all that was said of it.
    ///
    /// # Errors
    ///
    /// [`WatchError`]; nothing has changed then.
    pub fn take(
        &mut self,
        output: &Output<'_>,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> Result<(), WatchError> {
        if output.destination != Destination::Sink {
            return Ok(());
        }
        let key: Key = output.key_stem.or(output.key).map(Arc::from);
        match (output.value, output.window_end) {
            (Some(_), _) => self.judge(key, output, now, notices),
            (None, None) => {
                self.forget(&key, output.timestamp, notices);
                Ok(())
            }
            (None, Some(_)) => Ok(()),
        }
    }

    fn judge(
        &mut self,
        key: Key,
        output: &Output<'_>,
        now: Timestamp,
        notices: &mut Vec<Notice>,
    ) -> Result<(), WatchError> {
        let mut state = match self.known.get(&key) {
            Some(known) => known.state,
            None if self.known.len() >= KEYS_MAX => return Err(WatchError::TooManyKeys),
            None => KeyState::NEW,
        };
        let (alert, flow) = (Arc::clone(&self.alert), Arc::clone(&self.flow));
        let row = self.row(output, &flow)?;
        let judgement = judgement(&alert, &row, &state)?;
        let change = state.take(judgement, time(&flow, output), now, &self.terms);
        let may_fire_later = state.is_pending() && self.terms.lasting == Lasting::UntilNext;
        let message = match change.is_some() || may_fire_later {
            true => self.says(&row),
            false => String::new(),
        };
        self.slots = recycle(row.slots);
        if let Some(change) = change {
            notices.push(self.notice(&key, change, state.latest(), message.clone()));
        }
        self.remember(key, Known { state, message });
        Ok(())
    }

    /// What expressions see of a result.
    fn row<'r>(&mut self, output: &Output<'r>, flow: &'r Flow) -> Result<Row<'r>, WatchError> {
        let mut slots = recycle(mem::take(&mut self.slots));
        slots.resize_with(self.alert.fields.paths().len(), || None);
        let key = output.key_stem.or(output.key);
        let headers = output.headers;
        let unread = |root| move |error: Box<_>| WatchError::of(root, *error);
        self.keys_of
            .read_with_headers(key, headers, framing::KEY_HEADER, &mut slots)
            .map_err(unread(Root::Key))?;
        self.values
            .read_with_headers(output.value, headers, framing::VALUE_HEADER, &mut slots)
            .map_err(unread(Root::Value))?;
        Ok(Row {
            topic: &flow.sink.topic,
            partition: PartitionId(0),
            record: RecordView {
                offset: Offset(0),
                timestamp: output.timestamp,
                timestamp_type: TimestampType::CreateTime,
                key,
                value: output.value,
                headers,
            },
            slots,
        })
    }

    fn says(&self, row: &Row<'_>) -> String {
        match self.alert.message.as_slice() {
            [] => self.alert.fire.source().to_owned(),
            pieces => message(pieces, row),
        }
    }

    /// There is no row of the key any more.
    fn forget(&mut self, key: &Key, time: Timestamp, notices: &mut Vec<Notice>) {
        let Some(known) = self.take_out(key) else {
            return;
        };
        if known.state.is_up() {
            let time = time.max(known.state.latest());
            notices.push(self.notice(key, Change::Cleared, time, GONE.to_owned()));
        }
    }

    /// The wall clock goes on to `now`, with nothing left to read: tells what that changes, in the
    /// order of its time.
    pub fn tick(&mut self, now: Timestamp, notices: &mut Vec<Notice>) {
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, key)) = self.due.pop_first()
        {
            let Some(mut known) = self.known.remove(&key) else {
                continue;
            };
            if let Some(due) = known.state.due(&self.terms) {
                let time = known.state.pass(due, &self.terms);
                let message = self.says_of_itself(due.1, &mut known);
                notices.push(self.notice(&key, due.1, time, message));
            }
            self.remember(key, known);
        }
    }

    /// What is said of a key without another result.
    fn says_of_itself(&self, change: Change, known: &mut Known) -> String {
        match (change, self.alert.no_data) {
            (Change::NoData, Some(time)) => format!("no data for {}", duration::to_text(time)),
            _ => mem::take(&mut known.message),
        }
    }

    fn notice(&self, key: &Key, change: Change, time: Timestamp, message: String) -> Notice {
        let key = key.clone();
        Notice {
            alert: Arc::clone(&self.alert.name),
            shown_key: key
                .as_deref()
                .map(|key| shown(key, alert::key_format(&self.flow))),
            key,
            change,
            time,
            message,
        }
    }

    /// Takes a key out of what is known and due.
    fn take_out(&mut self, key: &Key) -> Option<Known> {
        let known = self.known.remove(key)?;
        if let Some((at, _)) = known.state.due(&self.terms) {
            self.due.remove(&(at, key.clone()));
        }
        Some(known)
    }

    fn remember(&mut self, key: Key, known: Known) {
        self.take_out(&key);
        if known.state.is_forgettable(&self.terms) {
            return;
        }
        if let Some((at, _)) = known.state.due(&self.terms) {
            self.due.insert((at, key.clone()));
        }
        self.known.insert(key, known);
    }
}

impl WatchError {
    fn of(root: Root, error: ProjectionError) -> Self {
        match error {
            ProjectionError::UnknownSchema(id) => Self::UnknownSchema { root, id },
            ProjectionError::Undecodable(error) => Self::Unreadable(error),
        }
    }
}

fn judgement(alert: &Alert, row: &Row<'_>, state: &KeyState) -> Result<Judgement, WatchError> {
    let failed = |key| move |error| WatchError::Condition { key, error };
    if alert.fire.eval_bool(row).map_err(failed("fire"))? {
        return Ok(Judgement::Fires);
    }
    let clears = match &alert.clear {
        Some(clear) if state.is_firing() => clear.eval_bool(row).map_err(failed("clear"))?,
        Some(_) => false,
        None => true,
    };
    Ok(match clears {
        true => Judgement::Clears,
        false => Judgement::Neither,
    })
}

/// How far apart the ends of windows are at most that follow one another, in milliseconds; `None`
/// where that is for the records to say.
fn every(windows: &Windows) -> Option<i64> {
    let every = windows.at_most_every()?;
    // A day may have an hour more, and so may weeks and months.
    let more = match windows {
        Windows::Calendar(_) if every > TimeDelta::hours(1) => TimeDelta::hours(1),
        _ => TimeDelta::zero(),
    };
    Some(
        every
            .num_milliseconds()
            .saturating_add(more.num_milliseconds()),
    )
}

/// The time of a result.
fn time(flow: &Flow, output: &Output<'_>) -> Timestamp {
    let is_final = flow
        .window_aggregate()
        .is_some_and(|all| all.emit == Emit::Final);
    let end = output.window_end.filter(|_| is_final);
    end.unwrap_or(output.timestamp)
}

/// The key as text.
fn shown(key: &[u8], format: Format) -> String {
    let number = match format {
        Format::Fixed(fixed) => fixed.parse(key).ok(),
        _ => None,
    };
    number.map_or_else(
        || String::from_utf8_lossy(key).into_owned(),
        |number| text(&number),
    )
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::stream::window::CalendarWindows;
    use crate::stream::window::TimeWindows;
    use crate::stream::window::Unit;

    #[test]
    fn a_day_of_25_hours_follows_the_one_before_it() {
        let windows = |unit| CalendarWindows::new(unit, TimeZone::UTC, TimeDelta::zero());
        let of = |unit| {
            windows(unit)
                .ok()
                .and_then(|windows| every(&windows.into()))
        };
        assert_eq!(of(Unit::Day), Some(25 * 3_600_000));
        assert_eq!(of(Unit::Hour), Some(3_600_000));
        let hopping = TimeWindows::hopping(
            TimeDelta::minutes(1),
            TimeDelta::seconds(10),
            TimeDelta::zero(),
        );
        let hopping = hopping.expect("windows").into();
        assert_eq!(every(&hopping), Some(10_000));
    }
}
