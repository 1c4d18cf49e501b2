//! The functions that scripts name: predicates, values, keys, aggregates.

use serde_json::Value as Json;
use tidemill::record::Value;
use tidemill::stream::graph::fold::Fold;
use tidemill::stream::graph::function::Condition;
use tidemill::stream::graph::function::Joiner;
use tidemill::stream::graph::function::Mapping;
use tidemill::stream::graph::function::Refusal;
use tidemill::stream::graph::function::View;

type Result<T> = std::result::Result<T, Refusal>;

/// A value as text.
pub(crate) fn text(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(int) => int.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn own(text: impl Into<String>) -> Value<'static> {
    Value::Text(text.into().into())
}

pub(crate) fn value_of(json: &Json) -> Option<Value<'static>> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(own(text.clone())),
        number => number.as_i64().map(Value::Int),
    }
}

fn int(value: &Value<'_>) -> i64 {
    match value {
        Value::Int(int) => *int,
        _ => 0,
    }
}

fn argument_text(of: &Json) -> String {
    value_of(&of["arg"]).map_or_else(String::new, |value| text(&value))
}

/// Whether a condition holds for a key and a value; a null value meets none.
pub(crate) fn holds(of: &Json, key: Option<&str>, value: Option<&Value<'_>>) -> bool {
    let name = of["fn"].as_str().expect("fn");
    if name == "key_equals" {
        return key.is_some_and(|key| key == argument_text(of));
    }
    let Some(value) = value else {
        return false;
    };
    match name {
        "value_contains" => text(value).contains(&argument_text(of)),
        "value_equals" => Some(value) == value_of(&of["arg"]).as_ref(),
        "value_greater" => int(value) > of["arg"].as_i64().unwrap_or_default(),
        "value_even" => int(value) % 2 == 0,
        "value_present" => true,
        other => panic!("condition {other}"),
    }
}

/// What a value function makes of a value.
pub(crate) fn made_value(of: &Json, value: &Value<'static>) -> Value<'static> {
    match of["fn"].as_str().expect("fn") {
        "identity" => value.clone(),
        "append" => own(text(value) + &argument_text(of)),
        "add" => Value::Int(int(value).wrapping_add(of["arg"].as_i64().unwrap_or_default())),
        "null_if" if text(value) == argument_text(of) => Value::Null,
        "null_if" => value.clone(),
        other => panic!("value function {other}"),
    }
}

/// The key that a key function makes of a key and a value.
pub(crate) fn made_key(of: &Json, key: Option<&str>, value: Option<&Value<'_>>) -> Option<String> {
    let key = key.map(str::to_owned);
    let value = value.map(text);
    match of["fn"].as_str().expect("fn") {
        "key" | "window_key" => key,
        "value" => value,
        "first_char" => value.and_then(|value| value.chars().next().map(String::from)),
        "const" => Some(argument_text(of)),
        "append" => key.map(|key| key + &argument_text(of)),
        "value_if_prefix" => value.filter(|value| value.starts_with(&argument_text(of))),
        other => panic!("key function {other}"),
    }
}

fn key_text(view: View<'_>) -> Option<String> {
    view.key.map(|key| text(&key.value()))
}

pub(crate) fn condition(of: &Json) -> Condition {
    let of = of.clone();
    Condition::new(move |view| Ok(holds(&of, key_text(view).as_deref(), view.value)))
}

/// The opposite, which a null value or key does not meet either where it matters.
pub(crate) fn opposite(of: &Json) -> Condition {
    let condition = condition(of);
    Condition::new(move |view| Ok(!condition.call(view)?))
}

pub(crate) fn value(of: &Json) -> Mapping {
    let of = of.clone();
    let made = move |value: &Value<'static>| made_value(&of, value);
    Mapping::new(move |view| Ok(view.value.map_or(Value::Null, &made)))
}

pub(crate) fn key(of: &Json) -> Mapping {
    let of = of.clone();
    Mapping::new(move |view| {
        let made = made_key(&of, key_text(view).as_deref(), view.value);
        Ok(made.map_or(Value::Null, own))
    })
}

pub(crate) fn flat_map(of: &Json) -> Mapping {
    let name = of["fn"].as_str().expect("fn").to_owned();
    let times = of["arg"].as_u64().unwrap_or_default();
    Mapping::new(move |view| {
        let value = view.value.cloned().unwrap_or_default();
        Ok(Value::List(match name.as_str() {
            "split" if value == Value::Null => Vec::new(),
            "split" => {
                let whole = text(&value);
                let parts = whole.split(',').filter(|part| !part.is_empty());
                parts.map(own).collect()
            }
            "repeat" => (0..times).map(|_| value.clone()).collect(),
            other => panic!("flat_map {other}"),
        }))
    })
}

/// The value of a joined row; a missing side is `null`.
pub(crate) fn joined(left: Option<&Value<'_>>, right: Option<&Value<'_>>) -> Value<'static> {
    let side = |value: Option<&Value<'_>>| value.map_or_else(|| "null".to_owned(), text);
    own(format!("{}|{}", side(left), side(right)))
}

pub(crate) fn joiner() -> Joiner {
    Joiner::new(move |pair| Ok(joined(pair.left, pair.right)))
}

fn pair(avg: Option<&Value<'static>>) -> (i64, i64) {
    let avg = avg.map_or_else(|| "0/0".to_owned(), text);
    let (sum, count) = avg.split_once('/').expect("sum/count");
    (sum.parse().expect("a sum"), count.parse().expect("a count"))
}

/// The aggregate of an operator; `is_table` where values are taken back too.
pub(crate) fn fold(op: &Json, is_table: bool) -> Fold {
    match (op["agg"].as_str().expect("agg"), op["fn"].as_str()) {
        ("count", _) => numbers(|count, _| count + 1, |count, _| count - 1)
            .with_merge(|a, b| Ok(Value::Int(int(a) + int(b)))),
        ("sum", _) => numbers(i64::wrapping_add, i64::wrapping_sub)
            .with_merge(|a, b| Ok(Value::Int(int(a).wrapping_add(int(b))))),
        ("min", _) => extreme(i64::min),
        ("max", _) => extreme(i64::max),
        ("avg", _) => avg(),
        ("concat", _) => concat(op, is_table),
        ("reduce", Some(function)) => reduce(function),
        other => panic!("aggregate {other:?}"),
    }
}

fn numbers(
    add: impl Fn(i64, i64) -> i64 + Send + Sync + 'static,
    remove: impl Fn(i64, i64) -> i64 + Send + Sync + 'static,
) -> Fold {
    let step = |so_far: Option<&Value<'static>>, value: Option<&Value<'static>>| {
        (so_far.map_or(0, int), value.map_or(0, int))
    };
    Fold::new(move |so_far, view| {
        let (so_far, value) = step(so_far, view.value);
        Ok(Value::Int(add(so_far, value)))
    })
    .with_remove(move |so_far, view| {
        let (so_far, value) = step(so_far, view.value);
        Ok(Value::Int(remove(so_far, value)))
    })
}

fn extreme(of: fn(i64, i64) -> i64) -> Fold {
    Fold::new(move |so_far, view| {
        let value = view.value.map_or(0, int);
        Ok(Value::Int(
            so_far.map_or(value, |so_far| of(int(so_far), value)),
        ))
    })
    .with_merge(move |a, b| Ok(Value::Int(of(int(a), int(b)))))
}

fn avg() -> Fold {
    let shown = |sum: i64, count: i64| own(format!("{sum}/{count}"));
    Fold::new(move |so_far, view| {
        let (sum, count) = pair(so_far);
        Ok(shown(sum + view.value.map_or(0, int), count + 1))
    })
    .with_remove(move |so_far, view| {
        let (sum, count) = pair(so_far);
        Ok(shown(sum - view.value.map_or(0, int), count - 1))
    })
    .with_merge(move |a, b| {
        let (a, b) = (pair(Some(a)), pair(Some(b)));
        Ok(shown(a.0 + b.0, a.1 + b.1))
    })
}

fn concat(op: &Json, is_table: bool) -> Fold {
    let delete_on = op["delete_on"].as_str().map(str::to_owned);
    let appended = |so_far: Option<&Value<'static>>, sign: &str, value: Option<&Value<'static>>| {
        let so_far = so_far.map_or_else(String::new, text);
        own(so_far + sign + &value.map_or_else(|| "null".to_owned(), text))
    };
    Fold::new(move |so_far, view| -> Result<Value<'static>> {
        let value = view.value.map(text);
        if delete_on.is_some() && value == delete_on {
            return Ok(Value::Null);
        }
        Ok(appended(
            so_far,
            if is_table { "+" } else { "" },
            view.value,
        ))
    })
    .with_remove(move |so_far, view| Ok(appended(so_far, "-", view.value)))
    .with_merge(|a, b| Ok(own(text(a) + &text(b))))
}

fn reduce(function: &str) -> Fold {
    let function = function.to_owned();
    let apply = move |a: &Value<'static>, b: &Value<'static>| match function.as_str() {
        "concat" => own(format!("{}+{}", text(a), text(b))),
        "sum" => Value::Int(int(a).wrapping_add(int(b))),
        "last" => b.clone(),
        other => panic!("reduce {other}"),
    };
    let merge = apply.clone();
    Fold::new(move |so_far, view| {
        let value = view.value.cloned().unwrap_or_default();
        Ok(so_far.map_or(value.clone(), |so_far| apply(so_far, &value)))
    })
    .with_remove(|so_far, view| {
        let (so_far, value) = (so_far.map_or(0, int), view.value.map_or(0, int));
        Ok(Value::Int(so_far.wrapping_sub(value)))
    })
    .with_merge(move |a, b| Ok(merge(a, b)))
}
