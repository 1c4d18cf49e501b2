//! Built-in aggregates of tables.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::column::Column;
use crate::stream::graph::function::Function as OfMessage;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::table::no_key;

/// Built-in aggregates by name, and what they are of.
#[derive(Clone)]
pub struct Aggregates {
    named: Arc<[(Box<str>, Function)]>,
    /// Makes their arguments, in their order.
    arguments: OfMessage<Vec<Value<'static>>>,
}

impl Aggregates {
    /// The aggregates `named`, of what `arguments` makes, one for each; what a function does not
    /// take is refused.
    #[must_use]
    pub fn new(
        named: Vec<(Box<str>, Function)>,
        arguments: OfMessage<Vec<Value<'static>>>,
    ) -> Self {
        Self {
            named: named.into(),
            arguments,
        }
    }

    /// The first whose results depend on what a table does not keep: the time at which a value
    /// came, or the values beside the one that is taken back.
    #[must_use]
    pub fn not_of_tables(&self) -> Option<&str> {
        let mut named = self.named.iter();
        let found = named.find(|(_, function)| {
            !function.can_retract() || matches!(function, Function::Ema(_) | Function::Rate)
        });
        found.map(|(name, _)| &**name)
    }

    fn arguments(&self, view: View<'_>) -> Result<Vec<Value<'static>>, Refusal> {
        let arguments = self.arguments.call(view)?;
        for ((name, function), argument) in self.named.iter().zip(&arguments) {
            let checked = function.check(argument);
            checked.map_err(|error| Refusal::new(format_args!("{name}: {error}")))?;
        }
        Ok(arguments)
    }
}

impl fmt::Debug for Aggregates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.named.iter()).finish()
    }
}

/// Aggregates a table by the keys that a regrouping gave: takes the old value out, then the new one
/// in. A result is an object of the key and the aggregates.
///
/// A row whose last value is taken out comes out once more, empty, and is then forgotten.
#[derive(Debug)]
pub(crate) struct AggregateRows {
    aggregates: Aggregates,
    rows: HashMap<RowKey, Cells, RandomState>,
}

/// The aggregates of one row.
#[derive(Debug)]
struct Cells {
    columns: Box<[Column]>,
    /// How many values are in them.
    values: u64,
    time: Timestamp,
    result: Option<Shared>,
}

impl Cells {
    fn new(aggregates: &Aggregates) -> Self {
        let functions = aggregates.named.iter();
        let columns = functions.map(|(_, function)| {
            let column = Column::retractable(*function);
            let mut column = column.unwrap_or_else(|| Column::new(*function));
            column.push();
            column
        });
        Self {
            columns: columns.collect(),
            values: 0,
            time: Timestamp::MIN,
            result: None,
        }
    }

    fn result(&self, key: &RowKey, aggregates: &Aggregates) -> Result<Shared, Refusal> {
        let name = |name: &str| Value::Text(name.to_owned().into());
        let mut entries = vec![(name("key"), key.key.value().into_owned())];
        for ((text, _), column) in aggregates.named.iter().zip(&self.columns) {
            let value = column.result(0, None);
            let value = value.map_err(|error| Refusal::new(format_args!("{text}: {error}")))?;
            entries.push((name(text), value.into_owned()));
        }
        Ok(Arc::new(Value::Map(entries)))
    }
}

impl AggregateRows {
    pub(crate) fn new(aggregates: Aggregates) -> Self {
        Self {
            aggregates,
            rows: HashMap::default(),
        }
    }
}

/// Aggregates of tables do not look at times.
const NO_TIME: Timestamp = Timestamp(0);

impl Operator for AggregateRows {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let row = message.row().ok_or_else(|| no_key("aggregate"))?;
        let of = |value: &Option<Shared>| match value {
            Some(_) => {
                let view = View::with(&message, value.as_ref());
                self.aggregates.arguments(view).map(Some)
            }
            None => Ok(None),
        };
        let (taken, added) = (of(&message.old)?, of(&message.value)?);
        let fresh = || Cells::new(&self.aggregates);
        let cells = self.rows.entry(row.clone()).or_insert_with(fresh);
        if let Some(arguments) = taken
            && cells.values > 0
        {
            for (column, argument) in cells.columns.iter_mut().zip(&arguments) {
                let retracted = column.retract(0, NO_TIME, argument);
                retracted.map_err(|error| Refusal::new(format_args!("aggregate: {error}")))?;
            }
            cells.values -= 1;
        }
        if let Some(arguments) = added {
            for (column, argument) in cells.columns.iter_mut().zip(&arguments) {
                column.add(0, NO_TIME, argument);
            }
            cells.values += 1;
        }
        cells.time = cells.time.max(message.time);
        let value = cells.result(&row, &self.aggregates)?;
        let old = cells.result.replace(Arc::clone(&value));
        let (time, values) = (cells.time, cells.values);
        if values == 0 {
            self.rows.remove(&row);
        }
        out.take();
        out.send(message.with_change(Some(value), old, time));
        Ok(())
    }

    fn row(&self, row: &RowKey) -> Option<Shared> {
        self.rows.get(row)?.result.clone()
    }

    fn save(&self, out: &mut Writer) {
        out.count(self.rows.len());
        for (row, cells) in &self.rows {
            out.put(row);
            out.put(&cells.values);
            out.put(&cells.time);
            out.put(&cells.result);
            cells.columns.iter().for_each(|column| column.save(out));
        }
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        for _ in 0..from.count(1)? {
            let row = from.take()?;
            let mut cells = Cells::new(&self.aggregates);
            cells.values = from.take()?;
            cells.time = from.take()?;
            cells.result = from.take()?;
            for column in &mut cells.columns {
                column.clear();
                column.load(1, from)?;
            }
            self.rows.insert(row, cells);
        }
        Ok(())
    }
}
