//! Functions made of expressions.

use std::sync::Arc;

use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr::Program;
use crate::record::HeadersView;
use crate::record::Offset;
use crate::record::PartitionId;
use crate::record::RecordView;
use crate::record::TimestampType;
use crate::record::Value;
use crate::stream::aggregate::Function;
use crate::stream::graph::aggregates::Aggregates;
use crate::stream::graph::function::Condition;
use crate::stream::graph::function::Function as OfMessage;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Key;

/// The function that computes `program`, whose slots are `fields`.
///
/// It sees the key, the value and the timestamp; of what else a record has (headers, topic,
/// partition, offset) nothing is left between operators.
#[must_use]
pub fn mapping(program: Program, fields: Fields) -> Mapping {
    Mapping::new(move |view| {
        let row = row(&fields, view);
        let value = program.eval(&row).map_err(Refusal::new)?;
        Ok(value.into_owned())
    })
}

/// The function that computes `program` as a key: what its result is as text, or null.
#[must_use]
pub fn text_key(program: Program, fields: Fields) -> Mapping {
    Mapping::new(move |view| {
        let row = row(&fields, view);
        let value = program.eval(&row).map_err(Refusal::new)?;
        let text = Key::of(&value).map(|key| String::from_utf8_lossy(key.bytes()).into_owned());
        Ok(text.map_or(Value::Null, |text| Value::Text(text.into())))
    })
}

/// The aggregates by name, each of what its program makes; without one, of what the function takes
/// then. A field that is not there counts as null, which is part of no aggregate.
#[must_use]
pub fn aggregates(named: Vec<(Box<str>, Function, Option<Program>)>, fields: Fields) -> Aggregates {
    let functions = named.iter();
    let functions = functions.map(|(name, function, _)| (name.clone(), *function));
    let functions = functions.collect();
    let arguments = OfMessage::new(move |view| {
        let row = row(&fields, view);
        let argument = |(name, function, program): &(Box<str>, Function, Option<Program>)| {
            let Some(program) = program else {
                return Ok(function.without_argument());
            };
            let slot = program.slot().and_then(|slot| row.slots.get(slot));
            if let Some(None) = slot {
                return Ok(Value::Null);
            }
            let value = program.eval(&row);
            let value = value.map_err(|error| Refusal::new(format_args!("{name}: {error}")));
            value.map(Value::into_owned)
        };
        named.iter().map(argument).collect()
    });
    Aggregates::new(functions, arguments)
}

/// The condition that `program` is, whose slots are `fields`.
#[must_use]
pub fn condition(program: Program, fields: Fields) -> Condition {
    Condition::new(move |view| program.eval_bool(&row(&fields, view)).map_err(Refusal::new))
}

/// The function that makes an object of these columns, whose slots are `fields`.
#[must_use]
pub fn object(columns: Vec<(Box<str>, Program)>, fields: Fields) -> Mapping {
    Mapping::new(move |view| {
        if view.value.is_none() {
            return Ok(Value::Null);
        }
        let row = row(&fields, view);
        let entry = |(name, program): &(Box<str>, Program)| {
            let value = program.eval(&row);
            let value = value.map_err(|error| Refusal::new(format_args!("select {name}: {error}")));
            let name = Value::Text(name.to_string().into());
            Ok((name, value?.into_owned()))
        };
        let entries: Result<_, Refusal> = columns.iter().map(entry).collect();
        entries.map(Value::Map)
    })
}

/// The joiner that makes an object of both sides under their names; a side that is not there is
/// null.
#[must_use]
pub fn sides(left: &str, right: &str) -> Joiner {
    let names: [Arc<str>; 2] = [left.into(), right.into()];
    Joiner::new(move |pair| {
        let entry = |name: &Arc<str>, value: Option<&Value<'static>>| {
            let name = Value::Text(name.to_string().into());
            (name, value.cloned().unwrap_or_default())
        };
        let [left, right] = &names;
        let entries = vec![entry(left, pair.left), entry(right, pair.right)];
        Ok(Value::Map(entries))
    })
}

/// The row that programs read, with `fields` filled from `view`.
pub(crate) fn row<'v>(fields: &Fields, view: View<'v>) -> Row<'v> {
    let slot = |path: &Path| match path.root {
        Root::Key => field(view.key.map(|key| key.value()), path),
        Root::Value => view.value.and_then(|value| find(value, path)),
        Root::Result => None,
    };
    Row {
        topic: "",
        partition: PartitionId(0),
        record: RecordView {
            offset: Offset(0),
            timestamp: view.time,
            timestamp_type: TimestampType::CreateTime,
            key: view.key.map(|key| key.bytes()),
            value: None,
            headers: HeadersView::EMPTY,
        },
        slots: fields.paths().iter().map(slot).collect(),
    }
}

/// The field of `value` that `path` names.
fn find<'v>(value: &'v Value<'v>, path: &Path) -> Option<Value<'v>> {
    let mut steps = path.steps.iter();
    let found = steps.try_fold(value, |value, step| value.field(step));
    found.map(Value::borrowed)
}

fn field<'v>(value: Option<Value<'v>>, path: &Path) -> Option<Value<'v>> {
    let value = value.unwrap_or_default();
    match path.steps.as_slice() {
        [] => Some(value),
        _ => find(&value, path).map(Value::into_owned),
    }
}
