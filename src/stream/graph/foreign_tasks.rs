//! Joins by a foreign key over several tasks: left rows stand in other partitions than the right
//! rows that they name.
//!
//! | part | task | what |
//! | --- | --- | --- |
//! | [`Subscribe`] | of the left row | tells the right row that a left row names of its value, and the one that it named that it does no longer |
//! | [`JoinSubscribed`] | of the right row | keeps who names its rows, and answers with what each comes to, when either side changes |
//! | [`Settle`] | of the left row | takes the answers for the newest state of each left row, and makes the table of results |
//!
//! A left row that names another right row is answered from another task, and the two answers may
//! overtake each other. So each state of a left row has a number, larger than those before it, which
//! its answers carry; an answer for an earlier state than one that was heard of is left out. The
//! number stays with deleted rows, for an answer that is still on its way.
//!
//! Source: KIP-213, which compares hashes of the left value where this compares numbers.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Behalf;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Version;
use crate::stream::graph::message::Word;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::persisted::load_map;
use crate::stream::graph::persisted::save_map;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::no_key;
use crate::stream::graph::topology::JoinType;

/// Tells right rows which left rows name them.
#[derive(Debug)]
pub(crate) struct Subscribe(pub(crate) Mapping);

impl Subscribe {
    fn named(&self, message: &Message, left: Option<&Shared>) -> Result<Option<Key>, Refusal> {
        match left {
            Some(left) => self.0.key(View::with(message, Some(left))),
            None => Ok(None),
        }
    }
}

impl Operator for Subscribe {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Older {
            return Ok(());
        }
        let row = message.row().ok_or_else(|| no_key("join"))?;
        let before = self.named(&message, message.old.as_ref())?;
        let now = self.named(&message, message.value.as_ref())?;
        let version = out.sequence();
        let mut tell = |key: Option<Key>, value: Option<Shared>, word: Word| {
            let row = row.clone();
            out.send(Message {
                key,
                window: None,
                value,
                old: None,
                behalf: Some(Arc::new(Behalf { row, version, word })),
                ..message.clone()
            });
        };
        if before.is_some() && before != now {
            tell(before, None, Word::NamesNoLonger);
        }
        let value = message.value.clone();
        match now {
            Some(_) => tell(now, value, Word::Names),
            None if value.is_none() && message.old.is_none() => {}
            None => tell(message.key.clone(), value, Word::NamesNothing),
        }
        Ok(())
    }
}

/// A left row, as the task of the right row that it names knows it.
#[derive(Clone, Debug)]
struct Subscriber {
    version: i64,
    value: Shared,
    time: Timestamp,
}

impl Persist for Subscriber {
    fn save(&self, out: &mut Writer) {
        out.put(&self.version);
        out.put(&self.value);
        out.put(&self.time);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            version: from.take()?,
            value: from.take()?,
            time: from.take()?,
        })
    }
}

/// Joins right rows with the left rows that name them, and answers these.
#[derive(Debug)]
pub(crate) struct JoinSubscribed {
    kind: JoinType,
    joiner: Joiner,
    right: Rows,
    /// By right row.
    naming: HashMap<RowKey, BTreeMap<RowKey, Subscriber>, RandomState>,
}

impl JoinSubscribed {
    pub(crate) fn new(kind: JoinType, joiner: Joiner) -> Self {
        Self {
            kind,
            joiner,
            right: Rows::default(),
            naming: HashMap::default(),
        }
    }

    fn join(
        &self,
        row: &RowKey,
        left: Option<&Shared>,
        right: Option<&Shared>,
    ) -> Result<Option<Shared>, Refusal> {
        let has_row = left.is_some() && (right.is_some() || self.kind != JoinType::Inner);
        let joined = has_row.then(|| self.joiner.join(Some(&row.key), left, right));
        joined.transpose()
    }

    fn take_left(&mut self, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let Some(behalf) = message.behalf.clone() else {
            return Err(Refusal::new("join: a row that nobody is told of"));
        };
        let named = message.row().ok_or_else(|| no_key("join"))?;
        match behalf.word {
            Word::NamesNoLonger => self.forget(&named, &behalf.row),
            Word::NamesNothing => {
                let value = self.join(&behalf.row, message.value.as_ref(), None)?;
                let time = message.time;
                answer(&behalf.row, behalf.version, value, time, &message, out);
            }
            Word::Names | Word::Answer => self.subscribe(named, &behalf, &message, out)?,
        }
        out.take();
        Ok(())
    }

    fn subscribe(
        &mut self,
        named: RowKey,
        behalf: &Behalf,
        message: &Message,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(left) = message.value.clone() else {
            return Err(Refusal::new("join: a row without value names another"));
        };
        let right = self.right.get(&named);
        let value = right.map(|right| &right.value);
        let value = self.join(&behalf.row, Some(&left), value)?;
        let time = right.map_or(message.time, |right| right.time.max(message.time));
        let naming = self.naming.entry(named).or_default();
        // What is told once more after a restart must not fall behind what was answered.
        let known = naming.get(&behalf.row).map(|known| known.version);
        let version = known.map_or(behalf.version, |known| known.max(behalf.version));
        let subscriber = Subscriber {
            version,
            value: left,
            time: message.time,
        };
        naming.insert(behalf.row.clone(), subscriber);
        answer(&behalf.row, version, value, time, message, out);
        Ok(())
    }

    fn forget(&mut self, named: &RowKey, row: &RowKey) {
        if let Some(naming) = self.naming.get_mut(named) {
            naming.remove(row);
            if naming.is_empty() {
                self.naming.remove(named);
            }
        }
    }

    fn take_right(&mut self, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("join"))?;
        let before = self.right.get(&row).map(|before| &before.value);
        let mut answers = Vec::new();
        for (left_row, left) in self.naming.get(&row).into_iter().flatten() {
            let value = self.join(left_row, Some(&left.value), message.value.as_ref())?;
            if value.is_some() || self.join(left_row, Some(&left.value), before)?.is_some() {
                let time = left.time.max(message.time);
                answers.push((left_row.clone(), left.version, value, time));
            }
        }
        self.right.put(row, message.value.clone(), message.time);
        out.take();
        for (row, version, value, time) in answers {
            answer(&row, version, value, time, &message, out);
        }
        Ok(())
    }
}

/// Sends what the left row `row` comes to, caused by `message`.
fn answer(
    row: &RowKey,
    version: i64,
    value: Option<Shared>,
    time: Timestamp,
    message: &Message,
    out: &mut Out,
) {
    let behalf = Behalf {
        row: row.clone(),
        version,
        word: Word::Answer,
    };
    out.send(Message {
        key: Some(row.key.clone()),
        window: row.window,
        value,
        old: None,
        time,
        behalf: Some(Arc::new(behalf)),
        ..message.clone()
    });
}

impl Operator for JoinSubscribed {
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        match (message.version, input) {
            (Version::Older, _) => Ok(()),
            (Version::Newest, 0) => self.take_left(message, out),
            (Version::Newest, _) => self.take_right(message, out),
        }
    }

    fn save(&self, out: &mut Writer) {
        out.put(&self.right);
        out.count(self.naming.len());
        for (named, naming) in &self.naming {
            out.put(named);
            save_map(naming.iter(), out);
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.right = from.take()?;
        for _ in 0..from.count(1)? {
            let named = from.take()?;
            self.naming.insert(named, load_map(from)?);
        }
        Ok(())
    }
}

/// What is known of one left row: the number of its newest state, and what that came to.
#[derive(Clone, Debug)]
struct Settled {
    version: i64,
    value: Option<Shared>,
}

impl Persist for Settled {
    fn save(&self, out: &mut Writer) {
        out.put(&self.version);
        out.put(&self.value);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (version, value) = (from.take()?, from.take()?);
        Ok(Self { version, value })
    }
}

/// Makes a table of the answers for the newest states of left rows.
#[derive(Debug, Default)]
pub(crate) struct Settle {
    rows: HashMap<RowKey, Settled, RandomState>,
}

impl Operator for Settle {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let Some(behalf) = message.behalf.clone() else {
            return Err(Refusal::new("join: an answer that nobody asked for"));
        };
        out.take();
        let known = self.rows.get(&behalf.row);
        if known.is_some_and(|known| known.version > behalf.version) {
            return Ok(());
        }
        let value = message.value.clone();
        let settled = Settled {
            version: behalf.version,
            value: value.clone(),
        };
        let old = self.rows.insert(behalf.row.clone(), settled);
        let old = old.and_then(|old| old.value);
        if value.is_some() || old.is_some() {
            let time = message.time;
            let behalf = None;
            let message = Message { behalf, ..message };
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        save_map(self.rows.iter(), out);
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.rows = load_map(from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;

    fn row(key: &str) -> RowKey {
        let key = Key::of(&Value::Text(key.into())).expect("a key");
        RowKey { key, window: None }
    }

    fn answered(version: i64, value: Option<i64>) -> Message {
        let row = row("a");
        let word = Word::Answer;
        let mut message = Message::new(Some(row.key.clone()), value.map(Value::Int), Timestamp(1));
        message.behalf = Some(Arc::new(Behalf { row, version, word }));
        message
    }

    #[test]
    fn an_answer_for_an_earlier_state_is_left_out_and_one_for_the_same_state_is_not() {
        let (mut settle, mut out) = (Settle::default(), Out::default());
        for (version, value) in [(2, Some(20)), (1, Some(10)), (2, Some(21)), (3, None)] {
            let taken = settle.take(0, answered(version, value), &mut out);
            assert_eq!(taken, Ok(()));
        }
        let sent = out.sent.drain(..).map(|(_, message)| {
            let value = |value: Option<Shared>| value.map(|value| (*value).clone());
            (value(message.value), value(message.old))
        });
        let sent: Vec<_> = sent.collect();
        let int = |value| Some(Value::Int(value));
        assert_eq!(sent, [(int(20), None), (int(21), int(20)), (None, int(21))]);
    }
}
