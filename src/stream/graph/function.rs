//! What operators compute of messages: closures, made by hand or of expressions.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::record::Timestamp;
use crate::record::Value;
use crate::stream::graph::message::Key;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::Shared;
use crate::stream::graph::message::Span;

/// Why a function has no result, or an operator cannot take a message. The record is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refusal(pub Box<str>);

impl Refusal {
    /// A refusal for `reason`.
    #[must_use]
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string().into())
    }
}

/// A message as functions see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'m> {
    /// The key.
    pub key: Option<&'m Key>,
    /// The window of the key, if it has one.
    pub window: Option<Span>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'m Value<'static>>,
    /// The timestamp.
    pub time: Timestamp,
}

impl<'m> View<'m> {
    /// The message with its value.
    #[must_use]
    pub fn of(message: &'m Message) -> Self {
        Self::with(message, message.value.as_ref())
    }

    /// The message with another value: the one before, or one of the other side of a join.
    #[must_use]
    pub fn with(message: &'m Message, value: Option<&'m Shared>) -> Self {
        Self {
            key: message.key.as_ref(),
            window: message.window,
            value: value.map(|value| &**value),
            time: message.time,
        }
    }
}

type OfView<T> = dyn Fn(View<'_>) -> Result<T, Refusal> + Send + Sync;

type OfPair = dyn Fn(Pair<'_>) -> Result<Value<'static>, Refusal> + Send + Sync;

/// A function of a message.
pub struct Function<T>(Arc<OfView<T>>);

impl<T> Function<T> {
    /// The function that is `function`.
    pub fn new(function: impl Fn(View<'_>) -> Result<T, Refusal> + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// The result for `view`.
    ///
    /// # Errors
    ///
    /// [`Refusal`], where there is none.
    pub fn call(&self, view: View<'_>) -> Result<T, Refusal> {
        (self.0)(view)
    }
}

impl<T> Clone for Function<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Function<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

/// Whether a message is meant.
pub type Condition = Function<bool>;

/// A value made of a message; null stands for none, as in a tombstone.
pub type Mapping = Function<Value<'static>>;

impl Mapping {
    /// The result for `view`, where null is none.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn value(&self, view: View<'_>) -> Result<Option<Shared>, Refusal> {
        Ok(match self.call(view)? {
            Value::Null => None,
            value => Some(Arc::new(value)),
        })
    }

    /// The key made of the result for `view`; null makes none.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub(crate) fn key(&self, view: View<'_>) -> Result<Option<Key>, Refusal> {
        Ok(Key::of(&self.call(view)?))
    }
}

/// The two sides of a join.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'m> {
    /// The key of the result.
    pub key: Option<&'m Key>,
    /// The left value; `None` where there is none, in outer joins.
    pub left: Option<&'m Value<'static>>,
    /// The right value; `None` where there is none, in left and outer joins.
    pub right: Option<&'m Value<'static>>,
}

/// Makes one value of the two sides of a join.
#[derive(Clone)]
pub struct Joiner(Arc<OfPair>);

impl Joiner {
    /// The joiner that is `function`.
    pub fn new(
        function: impl Fn(Pair<'_>) -> Result<Value<'static>, Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(function))
    }

    pub(crate) fn join(
        &self,
        key: Option<&Key>,
        left: Option<&Shared>,
        right: Option<&Shared>,
    ) -> Result<Shared, Refusal> {
        let pair = Pair {
            key,
            left: left.map(|value| &**value),
            right: right.map(|value| &**value),
        };
        (self.0)(pair).map(Arc::new)
    }
}

impl fmt::Debug for Joiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joiner")
    }
}
