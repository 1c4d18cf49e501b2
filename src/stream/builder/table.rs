//! The latest row of each key.

use std::panic::Location;
use std::rc::Rc;

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::stream::builder::Dynamic;
use crate::stream::builder::aggregate::Aggregates;
use crate::stream::builder::computed::Compute;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::computed::Test;
use crate::stream::builder::folds;
use crate::stream::builder::join::Inner;
use crate::stream::builder::join::Join;
use crate::stream::builder::join::Joining;
use crate::stream::builder::join::Left;
use crate::stream::builder::join::Outer;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Step;
use crate::stream::builder::sink::Flow;
use crate::stream::builder::sink::OutputFormat;
use crate::stream::builder::stream::Stream;
use crate::stream::builder::stream::mapping;
use crate::stream::builder::stream::named;
use crate::stream::graph::suppress::Bounds;
use crate::stream::graph::topology::JoinType;
use crate::stream::typed::Shape;

/// The latest row of each key, with values of type `T`: made by [`Stream::table`] and its like.
///
/// Each change of a row goes on with the value before it, so that what is made of a table can take
/// the old value back.
#[derive(Debug)]
pub struct Table<T>(pub(super) Stream<T>);

/// The latest row of each key of a whole topic, in every task, whatever its partition: made by
/// [`crate::stream::builder::Source::global_table`].
///
/// It is read to its end before anything else, and from then on before anything else, so streams
/// are joined with it by any key, and never by time.
#[derive(Clone, Debug)]
pub struct GlobalTable<T>(pub(super) Stream<T>);

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Table<T> {
    fn link(&self) -> Link {
        Rc::clone(&self.0.link)
    }

    fn then<U>(&self, step: Step, at: &'static Location<'static>) -> Table<U> {
        Table(self.0.then(step, at))
    }

    /// The rows that meet the condition; one that does no longer is deleted.
    #[track_caller]
    #[must_use]
    pub fn filter(&self, condition: impl Test<T>) -> Self {
        let at = Location::caller();
        self.then(Step::Filter(self.link(), condition.tested(at)), at)
    }

    /// The rows with other values, made by a closure.
    #[track_caller]
    #[must_use]
    pub fn map<U>(&self, map: impl Fn(&T) -> U + Send + Sync + 'static) -> Table<U>
    where
        T: DeserializeOwned,
        U: Serialize + DeserializeOwned,
    {
        let step = Step::Map(self.link(), mapping(map), Shape::of::<U>());
        self.then(step, Location::caller())
    }

    /// The rows as objects of these columns, by name, in their order.
    #[track_caller]
    #[must_use]
    pub fn select<const N: usize>(&self, columns: [(&str, Expression); N]) -> Table<Dynamic> {
        let step = Step::Select(self.link(), named(columns));
        self.then(step, Location::caller())
    }

    /// Joins rows of equal keys.
    #[track_caller]
    #[must_use]
    pub fn join<R, J: Join<Inner, T, R>>(&self, right: &Table<R>, sides: J) -> Table<J::Out> {
        self.joined(right, JoinType::Inner, sides.sides(), Location::caller())
    }

    /// As [`Table::join`]; a left row that finds none stands alone.
    #[track_caller]
    #[must_use]
    pub fn left_join<R, J: Join<Left, T, R>>(&self, right: &Table<R>, sides: J) -> Table<J::Out> {
        self.joined(right, JoinType::Left, sides.sides(), Location::caller())
    }

    /// As [`Table::left_join`], of both sides.
    #[track_caller]
    #[must_use]
    pub fn outer_join<R, J: Join<Outer, T, R>>(&self, right: &Table<R>, sides: J) -> Table<J::Out> {
        self.joined(right, JoinType::Outer, sides.sides(), Location::caller())
    }

    fn joined<R, C>(
        &self,
        right: &Table<R>,
        kind: JoinType,
        Joining(sides): Joining,
        at: &'static Location<'static>,
    ) -> Table<C> {
        let step = Step::JoinTables(self.link(), right.link(), kind, sides);
        self.then(step, at)
    }

    /// Joins each row with the row of `right` whose key it names: a foreign key.
    #[track_caller]
    #[must_use]
    pub fn join_on<R, J: Join<Inner, T, R>>(
        &self,
        foreign: impl Compute<T>,
        right: &Table<R>,
        sides: J,
    ) -> Table<J::Out> {
        let at = Location::caller();
        let foreign = foreign.computed(at);
        self.referred(foreign, right, JoinType::Inner, sides.sides(), at)
    }

    /// As [`Table::join_on`]; a row that names none stands alone.
    #[track_caller]
    #[must_use]
    pub fn left_join_on<R, J: Join<Left, T, R>>(
        &self,
        foreign: impl Compute<T>,
        right: &Table<R>,
        sides: J,
    ) -> Table<J::Out> {
        let at = Location::caller();
        let foreign = foreign.computed(at);
        self.referred(foreign, right, JoinType::Left, sides.sides(), at)
    }

    fn referred<R, C>(
        &self,
        foreign: Computed,
        right: &Table<R>,
        kind: JoinType,
        Joining(sides): Joining,
        at: &'static Location<'static>,
    ) -> Table<C> {
        let step = Step::JoinForeign {
            left: self.link(),
            right: right.link(),
            kind,
            foreign,
            sides,
        };
        self.then(step, at)
    }

    /// The rows by another key, to be aggregated.
    #[track_caller]
    #[must_use]
    pub fn group_by(&self, key: impl Compute<T>) -> Grouped<T> {
        Grouped {
            of: self.clone(),
            key: key.computed(Location::caller()),
        }
    }

    /// Holds changes back until so long after the first of a row, and lets only the last one out.
    #[track_caller]
    #[must_use]
    pub fn suppress(&self, limit: TimeDelta) -> Self {
        self.suppress_within(limit, Bounds::default())
    }

    /// As [`Table::suppress`], and holds back no more than `bounds` says.
    #[track_caller]
    #[must_use]
    pub fn suppress_within(&self, limit: TimeDelta, bounds: Bounds) -> Self {
        let step = Step::Suppress(self.link(), limit, bounds);
        self.then(step, Location::caller())
    }

    /// The changes, as records; a deletion is a tombstone.
    #[track_caller]
    #[must_use]
    pub fn changes(&self) -> Stream<T> {
        self.0.then(Step::ToStream(self.link()), Location::caller())
    }

    /// Sends records that come too late to a topic, as they were. They are counted in any case.
    #[track_caller]
    #[must_use]
    pub fn late_to(&self, topic: &str) -> Self {
        self.then(Step::Late(self.link(), topic.into()), Location::caller())
    }

    /// Writes the changes to a topic: a flow of the pipeline.
    #[track_caller]
    pub fn to(&self, topic: &str, format: OutputFormat) -> Flow {
        self.0.ended(topic, format, Location::caller())
    }

    /// Writes the changes to a topic, and reads them from there, as records: what follows is a flow
    /// of its own.
    #[track_caller]
    #[must_use]
    pub fn through(&self, topic: &str, format: OutputFormat) -> Stream<T>
    where
        T: DeserializeOwned,
    {
        self.0.reopened(topic, format, Location::caller())
    }
}

/// Rows by another key, to be aggregated: made by [`Table::group_by`].
#[derive(Debug)]
pub struct Grouped<T> {
    of: Table<T>,
    key: Computed,
}

impl<T> Grouped<T> {
    /// One result for each key: an object of the key and the aggregates by name. When a row
    /// changes, its old value leaves.
    #[track_caller]
    #[must_use]
    pub fn aggregate(self, aggregates: impl Aggregates<T>) -> Table<Dynamic> {
        let step = Step::AggregateTable(self.of.link(), self.key, aggregates.specs());
        self.of.then(step, Location::caller())
    }

    /// One value for each key, made by closures: `add` takes a row in, `remove` takes it out
    /// again.
    #[track_caller]
    #[must_use]
    pub fn fold<A>(
        self,
        add: impl Fn(A, &T) -> A + Send + Sync + 'static,
        remove: impl Fn(A, &T) -> A + Send + Sync + 'static,
    ) -> Table<A>
    where
        T: DeserializeOwned,
        A: Default + Serialize + DeserializeOwned,
    {
        let fold = folds::fold_and_remove(add, remove);
        let step = Step::FoldTable(self.of.link(), self.key, fold, Shape::of::<A>());
        self.of.then(step, Location::caller())
    }
}
