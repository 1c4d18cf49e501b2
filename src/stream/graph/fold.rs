//! What an aggregation by functions does with values.

use std::fmt;
use std::sync::Arc;

use crate::record::Value;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::function::View;
use crate::stream::graph::message::Shared;

/// The step of a fold: what there was, if anything, and one message more; null makes nothing of
/// both.
type Step =
    dyn Fn(Option<&Value<'static>>, View<'_>) -> Result<Value<'static>, Refusal> + Send + Sync;

/// Makes one value of two, the earlier first.
type Merge =
    dyn Fn(&Value<'static>, &Value<'static>) -> Result<Value<'static>, Refusal> + Send + Sync;

/// An aggregation by functions: how one message more, or one less, changes the value so far.
///
/// The functions see messages in the order in which they come, and need not care for it or give
/// the same whatever it is: so a fold is kept for each window by itself, where built-in aggregates
/// share slices.
#[derive(Clone)]
pub struct Fold {
    add: Arc<Step>,
    remove: Option<Arc<Step>>,
    merge: Option<Arc<Merge>>,
}

impl Fold {
    /// The fold that adds by `add`.
    pub fn new(
        add: impl Fn(Option<&Value<'static>>, View<'_>) -> Result<Value<'static>, Refusal>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            add: Arc::new(add),
            remove: None,
            merge: None,
        }
    }

    /// Takes a value that was added back out by `remove`; tables need it.
    #[must_use]
    pub fn with_remove(
        self,
        remove: impl Fn(Option<&Value<'static>>, View<'_>) -> Result<Value<'static>, Refusal>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let remove: Option<Arc<Step>> = Some(Arc::new(remove));
        Self { remove, ..self }
    }

    /// Merges two sessions by `merge`, the earlier first; session windows need it.
    #[must_use]
    pub fn with_merge(
        self,
        merge: impl Fn(&Value<'static>, &Value<'static>) -> Result<Value<'static>, Refusal>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let merge: Option<Arc<Merge>> = Some(Arc::new(merge));
        Self { merge, ..self }
    }

    /// Whether values can be taken out again.
    #[must_use]
    pub const fn can_remove(&self) -> bool {
        self.remove.is_some()
    }

    /// Whether two results can be merged.
    #[must_use]
    pub const fn can_merge(&self) -> bool {
        self.merge.is_some()
    }

    pub(crate) fn add(
        &self,
        so_far: Option<&Shared>,
        view: View<'_>,
    ) -> Result<Option<Shared>, Refusal> {
        let so_far = so_far.map(|value| &**value);
        (self.add)(so_far, view).map(shared)
    }

    pub(crate) fn remove(
        &self,
        so_far: Option<&Shared>,
        view: View<'_>,
    ) -> Result<Option<Shared>, Refusal> {
        let so_far = so_far.map(|value| &**value);
        match &self.remove {
            Some(remove) => remove(so_far, view).map(shared),
            None => Err(Refusal::new(
                "aggregate of a table: it cannot take a value back",
            )),
        }
    }

    pub(crate) fn merge(
        &self,
        earlier: Option<Shared>,
        later: Option<Shared>,
    ) -> Result<Option<Shared>, Refusal> {
        match (earlier, later) {
            (Some(earlier), Some(later)) => match &self.merge {
                Some(merge) => merge(&earlier, &later).map(shared),
                None => Err(Refusal::new("sessions: the aggregate cannot merge two")),
            },
            (earlier, later) => Ok(earlier.or(later)),
        }
    }
}

fn shared(value: Value<'static>) -> Option<Shared> {
    match value {
        Value::Null => None,
        value => Some(Arc::new(value)),
    }
}

impl fmt::Debug for Fold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fold")
    }
}
