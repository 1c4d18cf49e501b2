//! In which order records are applied, and what aggregates make of them.

use serde_json::Value as Json;
use tidemill::record::Value;

use crate::golden::functions::own;
use crate::golden::functions::text;

/// `records`, which stand with their times in the order of their arrival, in the order in which
/// they are applied: as they came; sessions with this gap put the earlier one first when they merge.
pub(crate) fn in_order<T: Clone>(gap: Option<i64>, records: &[(T, i64)]) -> Vec<T> {
    let Some(gap) = gap else {
        return records.iter().map(|(record, _)| record.clone()).collect();
    };
    // First time, last time, records.
    let mut sessions: Vec<(i64, i64, Vec<T>)> = Vec::new();
    for (record, time) in records {
        let is_joined =
            |(first, last, _): &(i64, i64, Vec<T>)| time + gap >= *first && last + gap >= *time;
        let (mut joined, rest): (Vec<_>, Vec<_>) = sessions.into_iter().partition(is_joined);
        joined.sort_by_key(|(_, last, _)| *last);
        joined.push((*time, *time, vec![record.clone()]));
        let first = joined.iter().map(|(first, ..)| *first).min().expect("one");
        let last = joined.iter().map(|(_, last, _)| *last).max().expect("one");
        let records = joined.into_iter().flat_map(|(.., records)| records);
        let records = records.collect();
        sessions = rest;
        sessions.push((first, last, records));
    }
    let records = sessions.into_iter().flat_map(|(.., records)| records);
    records.collect()
}

/// A result that 64 bits do not hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beyond;

/// What the aggregate of an operator makes of `values`; `None` where that is nothing.
pub(crate) fn aggregate(
    op: &Json,
    values: &[Value<'static>],
) -> Result<Option<Value<'static>>, Beyond> {
    let ints = || values.iter().map(int);
    let sum = || ints().map(i128::from).sum::<i128>();
    let name = op["agg"].as_str().expect("agg");
    Ok(match (name, op["fn"].as_str()) {
        ("count", _) => i64::try_from(values.len()).ok().map(Value::Int),
        ("sum", _) | ("reduce", Some("sum")) => {
            let sum = i64::try_from(sum()).map_err(|_| Beyond)?;
            Some(Value::Int(sum))
        }
        ("min", _) => ints().min().map(Value::Int),
        ("max", _) => ints().max().map(Value::Int),
        ("avg", _) => Some(own(format!("{}/{}", sum(), values.len()))),
        ("concat", _) => concat(op, values),
        ("reduce", Some("concat")) => {
            let texts: Vec<String> = values.iter().map(text).collect();
            Some(own(texts.join("+")))
        }
        ("reduce", Some("last")) => values.last().cloned(),
        other => panic!("aggregate {other:?}"),
    })
}

/// All values behind the last one that deletes.
fn concat(op: &Json, values: &[Value<'static>]) -> Option<Value<'static>> {
    let texts: Vec<String> = values.iter().map(text).collect();
    let deletes = |value: &String| op["delete_on"].as_str() == Some(value);
    let from = texts.iter().rposition(deletes).map_or(0, |place| place + 1);
    (from < texts.len()).then(|| own(texts[from..].concat()))
}

fn int(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(int) => *int,
        _ => 0,
    }
}
