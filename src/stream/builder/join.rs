//! What joins are told beside their two sides.

use std::panic::Location;

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::Value;
use crate::stream::builder::Dynamic;
use crate::stream::builder::node;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Pair;
use crate::stream::graph::function::Refusal;
use crate::stream::typed::Input;
use crate::stream::typed::Shape;
use crate::stream::typed::to_value;

/// How near the times of two records must be to be joined: made by [`within`].
#[derive(Clone, Debug)]
pub struct Within {
    pub(super) before: TimeDelta,
    pub(super) after: TimeDelta,
    pub(super) grace: TimeDelta,
    pub(super) at: &'static Location<'static>,
}

/// A left record joins right ones that are at most so much earlier or later, both ends inside.
#[track_caller]
#[must_use]
pub fn within(time: TimeDelta) -> Within {
    Within {
        before: time,
        after: time,
        grace: TimeDelta::zero(),
        at: Location::caller(),
    }
}

impl Within {
    /// How much earlier a right record may be; below 0 how much later it has to be.
    #[must_use]
    pub fn before(self, before: TimeDelta) -> Self {
        Self { before, ..self }
    }

    /// How much later a right record may be; below 0 how much earlier it has to be.
    #[must_use]
    pub fn after(self, after: TimeDelta) -> Self {
        Self { after, ..self }
    }

    /// Waits so much longer for partners that come out of order.
    #[must_use]
    pub fn grace(self, grace: TimeDelta) -> Self {
        Self { grace, ..self }
    }
}

/// Gives both sides of a join names, by which expressions know them: made by [`sides`].
#[derive(Clone, Debug)]
pub struct Named {
    left: String,
    right: String,
}

/// The result of a join is an object of both sides under these names: `sides("order",
/// "customer")` lets expressions say `order.price` and `customer.name`. A side that is not there
/// is null.
#[must_use]
pub fn sides(left: &str, right: &str) -> Named {
    Named {
        left: left.to_owned(),
        right: right.to_owned(),
    }
}

/// Joins that have results only where both sides are there.
#[derive(Debug)]
pub enum Inner {}

/// Joins that have results where the left side is there.
#[derive(Debug)]
pub enum Left {}

/// Joins that have results where any side is there.
#[derive(Debug)]
pub enum Outer {}

/// What makes one value of the two sides of a join of kind `K`: [`sides`], or a closure.
///
/// A closure of an inner join is given `&L` and `&R`, of a left join `&L` and `Option<&R>`, of an
/// outer join `Option<&L>` and `Option<&R>`; its parameters have to be written out.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot join `{L}` with `{R}`",
    note = "write `sides(\"left\", \"right\")`, or a closure with typed parameters: `|order: &Order, customer: &Customer| …`; of a left join the second is `Option<&Customer>`, of an outer join both are options"
)]
pub trait Join<K, L, R> {
    /// What comes of it.
    type Out;

    /// Not for others to call.
    #[doc(hidden)]
    fn sides(self) -> Joining;
}

/// What makes one value of two sides.
#[doc(hidden)]
#[derive(Debug)]
pub struct Joining(pub(super) node::Sides);

impl<K, L, R> Join<K, L, R> for Named {
    type Out = Dynamic;

    fn sides(self) -> Joining {
        Joining(node::Sides::Named(self.left, self.right))
    }
}

fn read<T: DeserializeOwned>(side: Option<&Value<'static>>) -> Result<Option<T>, Refusal> {
    side.map(|value| Input::Whole(Some(value)).read())
        .transpose()
}

fn joined<C: DeserializeOwned>(
    join: impl Fn(Pair<'_>) -> Result<Value<'static>, Refusal> + Send + Sync + 'static,
) -> Joining {
    Joining(node::Sides::Closure(Joiner::new(join), Shape::of::<C>()))
}

/// A side is missing that cannot be.
fn missing() -> Refusal {
    Refusal::new("join: a side is missing")
}

impl<L, R, C, F> Join<Inner, L, R> for F
where
    L: DeserializeOwned,
    R: DeserializeOwned,
    C: Serialize + DeserializeOwned,
    F: Fn(&L, &R) -> C + Send + Sync + 'static,
{
    type Out = C;

    fn sides(self) -> Joining {
        joined::<C>(move |pair| {
            let (left, right) = (read(pair.left)?, read(pair.right)?);
            let (left, right) = (left.ok_or_else(missing)?, right.ok_or_else(missing)?);
            to_value(&self(&left, &right))
        })
    }
}

impl<L, R, C, F> Join<Left, L, R> for F
where
    L: DeserializeOwned,
    R: DeserializeOwned,
    C: Serialize + DeserializeOwned,
    F: Fn(&L, Option<&R>) -> C + Send + Sync + 'static,
{
    type Out = C;

    fn sides(self) -> Joining {
        joined::<C>(move |pair| {
            let (left, right): (Option<L>, Option<R>) = (read(pair.left)?, read(pair.right)?);
            to_value(&self(&left.ok_or_else(missing)?, right.as_ref()))
        })
    }
}

impl<L, R, C, F> Join<Outer, L, R> for F
where
    L: DeserializeOwned,
    R: DeserializeOwned,
    C: Serialize + DeserializeOwned,
    F: Fn(Option<&L>, Option<&R>) -> C + Send + Sync + 'static,
{
    type Out = C;

    fn sides(self) -> Joining {
        joined::<C>(move |pair| {
            let (left, right): (Option<L>, Option<R>) = (read(pair.left)?, read(pair.right)?);
            to_value(&self(left.as_ref(), right.as_ref()))
        })
    }
}
