//! Operators without state.

use std::sync::Arc;

use crate::record::Value;
use crate::stream::graph::function::Condition;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Version;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;

/// Lets records through that meet a condition.
#[derive(Debug)]
pub(crate) struct Filter(pub(crate) Condition);

impl Operator for Filter {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if self.0.call(View::of(&message))? {
            out.send(message);
        }
        Ok(())
    }
}

/// Keeps rows of a table whose values meet a condition; others are as if they were not there.
///
/// A change between two values that do not meet it is nothing, and not sent on.
#[derive(Debug)]
pub(crate) struct FilterTable(pub(crate) Condition);

impl FilterTable {
    fn keep(&self, message: &Message, value: Option<&Shared>) -> Result<Option<Shared>, Refusal> {
        let Some(value) = value else {
            return Ok(None);
        };
        let is_kept = self.0.call(View::with(message, Some(value)))?;
        Ok(is_kept.then(|| Arc::clone(value)))
    }
}

impl Operator for FilterTable {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let value = self.keep(&message, message.value.as_ref())?;
        let old = self.keep(&message, message.old.as_ref())?;
        if value.is_some() || old.is_some() {
            let time = message.time;
            out.send(message.with_change(value, old, time));
        }
        Ok(())
    }
}

/// Gives records another key, another value, or both.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) key: Option<Mapping>,
    pub(crate) value: Option<Mapping>,
}

impl Operator for Map {
    fn take(&mut self, _input: usize, mut message: Message, out: &mut Out) -> Result<(), Refusal> {
        let view = View::of(&message);
        let key = self.key.as_ref().map(|key| key.key(view)).transpose()?;
        let value = self.value.as_ref().map(|value| value.value(view));
        if let Some(value) = value.transpose()? {
            message.value = value;
        }
        if let Some(key) = key {
            message.key = key;
            message.window = None;
        }
        out.send(message);
        Ok(())
    }
}

/// Gives the rows of a table other values.
#[derive(Debug)]
pub(crate) struct MapTable(pub(crate) Mapping);

impl Operator for MapTable {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let map = |value: Option<&Shared>| match value {
            Some(value) => self.0.value(View::with(&message, Some(value))),
            None => Ok(None),
        };
        let (value, old) = (map(message.value.as_ref())?, map(message.old.as_ref())?);
        let time = message.time;
        out.send(message.with_change(value, old, time));
        Ok(())
    }
}

/// Makes none, one or more records of each, with the same key: one for each element of the list
/// that the function makes. Anything but a list is one record, and null is none.
#[derive(Debug)]
pub(crate) struct FlatMap(pub(crate) Mapping);

impl Operator for FlatMap {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        let made = match self.0.call(View::of(&message))? {
            Value::Null => Vec::new(),
            Value::List(values) => values,
            value => vec![value],
        };
        for value in made {
            let value = Some(value).filter(|value| *value != Value::Null);
            out.send(message.clone().with_value(value.map(Arc::new)));
        }
        Ok(())
    }
}

/// Sends each record on by the output of the first condition that it meets; `None` meets all.
#[derive(Debug)]
pub(crate) struct Branch(pub(crate) Box<[Option<Condition>]>);

impl Operator for Branch {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        for (output, condition) in self.0.iter().enumerate() {
            let is_met = match condition {
                Some(condition) => condition.call(View::of(&message))?,
                None => true,
            };
            if is_met {
                out.send_by(output, message);
                break;
            }
        }
        Ok(())
    }
}

/// Hands on what comes on any input.
#[derive(Debug)]
pub(crate) struct Pass;

impl Operator for Pass {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        out.send(message);
        Ok(())
    }
}

/// Makes a stream of the changes of a table.
#[derive(Debug)]
pub(crate) struct ToStream;

impl Operator for ToStream {
    fn take(&mut self, _input: usize, mut message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.version == Version::Newest {
            message.old = None;
            out.send(message);
        }
        Ok(())
    }
}

/// Leaves out records without a key, which no partition would be the right one for.
#[derive(Debug)]
pub(crate) struct Repartition;

impl Operator for Repartition {
    fn take(&mut self, _input: usize, message: Message, out: &mut Out) -> Result<(), Refusal> {
        if message.key.is_some() {
            out.send(message);
        }
        Ok(())
    }
}
