//! Joins of two tables by their keys.

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::no_key;
use crate::stream::graph::topology::JoinType;

/// Joins two tables into a third: a row wherever both sides have one, or as the type of join says.
///
/// A result is stamped with the larger of the two timestamps. A change on one side whose other
/// side has no row brings nothing out in an inner join.
///
/// Source: `KTableKTableInnerJoin`, `…LeftJoin`, `…OuterJoin` (Apache Kafka).
#[derive(Debug)]
pub(crate) struct TableTable {
    kind: JoinType,
    joiner: Joiner,
    /// Left, then right.
    sides: [Rows; 2],
}

impl TableTable {
    pub(crate) fn new(kind: JoinType, joiner: Joiner) -> Self {
        Self {
            kind,
            joiner,
            sides: [Rows::default(), Rows::default()],
        }
    }

    /// The joined row of `left` and `right`, if these have one.
    fn join(
        &self,
        key: Option<&Key>,
        left: Option<&Shared>,
        right: Option<&Shared>,
    ) -> Result<Option<Shared>, Refusal> {
        let has_row = match self.kind {
            JoinType::Inner => left.is_some() && right.is_some(),
            JoinType::Left => left.is_some(),
            JoinType::Outer => left.is_some() || right.is_some(),
        };
        has_row
            .then(|| self.joiner.join(key, left, right))
            .transpose()
    }
}

impl Operator for TableTable {
    fn take(&mut self, input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Older {
            return Ok(());
        }
        let row = message.row().ok_or_else(|| no_key("join"))?;
        let [left, right] = &mut self.sides;
        let (own, other) = match input {
            0 => (left, &*right),
            _ => (right, &*left),
        };
        let other = other.get(&row).cloned();
        let old = own.put(row, message.value.clone(), message.time);
        out.take();
        let old = old.map(|old| old.value);
        let is_nothing = match self.kind {
            JoinType::Inner => other.is_none(),
            JoinType::Left if input != 0 => other.is_none(),
            JoinType::Left | JoinType::Outer => {
                other.is_none() && old.is_none() && message.value.is_none()
            }
        };
        if is_nothing {
            return Ok(());
        }
        let other_value = other.as_ref().map(|other| &other.value);
        let key = message.key.as_ref();
        let both = |own| match input {
            0 => self.join(key, own, other_value),
            _ => self.join(key, other_value, own),
        };
        let (value, old) = (both(message.value.as_ref())?, both(old.as_ref())?);
        let time = other.map_or(Timestamp::MIN, |other| other.time);
        let time = time.max(message.time);
        out.send(message.with_change(value, old, time));
        Ok(())
    }

    fn save(&self, out: &mut Writer) {
        self.sides.iter().for_each(|side| out.put(side));
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.sides = [from.take()?, from.take()?];
        Ok(())
    }
}
