//! Aggregations by closures.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::Value;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::typed::Input;
use crate::stream::typed::to_value;

fn read<T: DeserializeOwned>(value: Option<&Value<'static>>) -> Result<T, Refusal> {
    Input::Whole(value).read()
}

fn so_far<A: Default + DeserializeOwned>(value: Option<&Value<'static>>) -> Result<A, Refusal> {
    value.map_or_else(|| Ok(A::default()), |value| read(Some(value)))
}

/// Of what there was and the next one; two sessions are merged the same way.
pub(super) fn reduce<T>(reduce: impl Fn(T, T) -> T + Send + Sync + 'static) -> Fold
where
    T: Serialize + DeserializeOwned,
{
    let both = move |earlier: Option<&Value<'static>>, later: Option<&Value<'static>>| {
        let later: T = read(later)?;
        match earlier {
            None => to_value(&later),
            earlier => to_value(&reduce(read(earlier)?, later)),
        }
    };
    let both = std::sync::Arc::new(both);
    let merge = std::sync::Arc::clone(&both);
    Fold::new(move |so_far, view: View<'_>| both(so_far, view.value))
        .with_merge(move |earlier, later| merge(Some(earlier), Some(later)))
}

/// Texts one after another.
pub(super) fn concat<T>(
    separator: &str,
    text: impl Fn(&T) -> String + Send + Sync + 'static,
) -> Fold
where
    T: DeserializeOwned,
{
    let separator: std::sync::Arc<str> = separator.into();
    let merging = std::sync::Arc::clone(&separator);
    let both = |earlier: &str, separator: &str, later: &str| {
        Value::Text(format!("{earlier}{separator}{later}").into())
    };
    Fold::new(move |so_far, view: View<'_>| {
        let next = text(&read(view.value)?);
        Ok(match so_far {
            Some(Value::Text(so_far)) => both(so_far, &separator, &next),
            _ => Value::Text(next.into()),
        })
    })
    .with_merge(move |earlier, later| match (earlier, later) {
        (Value::Text(earlier), Value::Text(later)) => Ok(both(earlier, &merging, later)),
        _ => Err(Refusal::new("concat: no text")),
    })
}

/// Of what there was, or of the default, and one record more.
pub(super) fn fold<T, A>(add: impl Fn(A, &T) -> A + Send + Sync + 'static) -> Fold
where
    T: DeserializeOwned,
    A: Default + Serialize + DeserializeOwned,
{
    Fold::new(move |before, view: View<'_>| to_value(&add(so_far(before)?, &read(view.value)?)))
}

/// The same, where two results can be made one.
pub(super) fn fold_and_merge<T, A>(
    add: impl Fn(A, &T) -> A + Send + Sync + 'static,
    merge: impl Fn(A, A) -> A + Send + Sync + 'static,
) -> Fold
where
    T: DeserializeOwned,
    A: Default + Serialize + DeserializeOwned,
{
    fold(add).with_merge(move |earlier, later| {
        to_value(&merge(read(Some(earlier))?, read(Some(later))?))
    })
}

/// The same, where a record can be taken out again.
pub(super) fn fold_and_remove<T, A>(
    add: impl Fn(A, &T) -> A + Send + Sync + 'static,
    remove: impl Fn(A, &T) -> A + Send + Sync + 'static,
) -> Fold
where
    T: DeserializeOwned,
    A: Default + Serialize + DeserializeOwned,
{
    fold(add)
        .with_remove(move |before, view| to_value(&remove(so_far(before)?, &read(view.value)?)))
}
