//! Records, each by itself.

use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use chrono::TimeDelta;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::Value;
use crate::stream::builder::Dynamic;
use crate::stream::builder::aggregate::Aggregates;
use crate::stream::builder::computed::Closure;
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
use crate::stream::builder::join::Within;
use crate::stream::builder::node::End;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Node;
use crate::stream::builder::node::Shared;
use crate::stream::builder::node::Step;
use crate::stream::builder::results::Results;
use crate::stream::builder::sink::Flow;
use crate::stream::builder::sink::OutputFormat;
use crate::stream::builder::table::GlobalTable;
use crate::stream::builder::table::Table;
use crate::stream::builder::windowed::Windowed;
use crate::stream::builder::windows::Window;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::topology::JoinType;
use crate::stream::typed::Input;
use crate::stream::typed::Shape;
use crate::stream::typed::to_value;

/// Records, each by itself, with values of type `T`.
///
/// What is made of a stream is a stream or a table of its own; one may be used several times.
/// Nothing is computed until the pipeline that [`crate::stream::builder::Builder::build`] makes of
/// it is run, and nothing is checked before that.
#[derive(Debug)]
pub struct Stream<T> {
    pub(super) told: Shared,
    pub(super) link: Link,
    pub(super) of: PhantomData<fn() -> T>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self {
            told: Rc::clone(&self.told),
            link: Rc::clone(&self.link),
            of: PhantomData,
        }
    }
}

impl<T> Stream<T> {
    /// What `step` makes of it.
    pub(super) fn then<U>(&self, step: Step, at: &'static Location<'static>) -> Stream<U> {
        Stream {
            told: Rc::clone(&self.told),
            link: Rc::new(Node { step, at }),
            of: PhantomData,
        }
    }

    fn to_table<U>(&self, step: Step, at: &'static Location<'static>) -> Table<U> {
        Table(self.then(step, at))
    }

    fn link(&self) -> Link {
        Rc::clone(&self.link)
    }

    /// The records that meet the condition. Those on which it fails are rejected.
    #[track_caller]
    #[must_use]
    pub fn filter(&self, condition: impl Test<T>) -> Self {
        let at = Location::caller();
        self.then(Step::Filter(self.link(), condition.tested(at)), at)
    }

    /// The records with another key. What is aggregated or joined after it goes through a
    /// repartition topic where the source has several partitions.
    #[track_caller]
    #[must_use]
    pub fn key_by(&self, key: impl Compute<T>) -> Self {
        let at = Location::caller();
        self.then(Step::Key(self.link(), key.computed(at)), at)
    }

    /// Objects of these columns, by name, in their order.
    #[track_caller]
    #[must_use]
    pub fn select<const N: usize>(&self, columns: [(&str, Expression); N]) -> Stream<Dynamic> {
        let columns = named(columns);
        self.then(Step::Select(self.link(), columns), Location::caller())
    }

    /// Other values, made by a closure. Tombstones pass.
    #[track_caller]
    #[must_use]
    pub fn map<U>(&self, map: impl Fn(&T) -> U + Send + Sync + 'static) -> Stream<U>
    where
        T: DeserializeOwned,
        U: Serialize + DeserializeOwned,
    {
        let step = Step::Map(self.link(), mapping(map), Shape::of::<U>());
        self.then(step, Location::caller())
    }

    /// None, one or several records of each, made by a closure.
    #[track_caller]
    #[must_use]
    pub fn flat_map<U>(&self, map: impl Fn(&T) -> Vec<U> + Send + Sync + 'static) -> Stream<U>
    where
        T: DeserializeOwned,
        U: Serialize + DeserializeOwned,
    {
        let at = Location::caller();
        let list = Shape::of::<Vec<U>>().ty;
        let closure = Closure::new(at, list, move |of: &T| to_value(&map(of)));
        let step = Step::FlatMap(self.link(), Computed::Closure(closure));
        self.then(step, at)
    }

    /// One record for each element of the list that the expression gives.
    #[track_caller]
    #[must_use]
    pub fn flatten(&self, list: Expression) -> Stream<Dynamic> {
        let list = Computed::Expression(list);
        self.then(Step::FlatMap(self.link(), list), Location::caller())
    }

    /// These records and those of `other`, in the order of their event times.
    #[track_caller]
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let links = vec![self.link(), other.link()];
        self.then(Step::Merge(links), Location::caller())
    }

    /// The records that meet the condition, and the rest.
    #[track_caller]
    #[must_use]
    pub fn split(&self, condition: impl Test<T>) -> (Self, Self) {
        let at = Location::caller();
        let conditions = vec![Some(condition.tested(at)), None];
        let branch: Self = self.then(Step::Branch(self.link(), conditions), at);
        let way = |number| branch.then(Step::Way(branch.link(), number), at);
        (way(0), way(1))
    }

    /// For each condition the records that meet it and none before it. Those that meet none are
    /// left out.
    #[track_caller]
    #[must_use]
    pub fn branch<const N: usize>(&self, conditions: [impl Test<T>; N]) -> [Self; N] {
        let at = Location::caller();
        let conditions = conditions.map(|condition| Some(condition.tested(at)));
        let branch: Self = self.then(Step::Branch(self.link(), conditions.into()), at);
        std::array::from_fn(|number| branch.then(Step::Way(branch.link(), number), at))
    }

    /// The first record of each id, and none like it within the time.
    #[track_caller]
    #[must_use]
    pub fn distinct(&self, id: impl Compute<T>, within: TimeDelta) -> Self {
        let at = Location::caller();
        self.then(Step::Distinct(self.link(), id.computed(at), within), at)
    }

    /// The latest record of each key.
    #[track_caller]
    #[must_use]
    pub fn table(&self) -> Table<T> {
        self.to_table(Step::Table(self.link(), None), Location::caller())
    }

    /// The latest record of each key by its timestamp, and those before it so far back: joins then
    /// find the one that held at a record's time.
    #[track_caller]
    #[must_use]
    pub fn versioned_table(&self, history: TimeDelta) -> Table<T> {
        let step = Step::Table(self.link(), Some(history));
        self.to_table(step, Location::caller())
    }

    /// The records in windows, to be aggregated.
    #[track_caller]
    #[must_use]
    pub fn window(&self, window: impl Into<Window>) -> Windowed<T> {
        Windowed {
            of: self.clone(),
            window: window.into(),
        }
    }

    /// One running result for each key.
    #[track_caller]
    #[must_use]
    pub fn aggregate(&self, aggregates: impl Aggregates<T>) -> Results {
        let told = Rc::clone(&self.told);
        let at = Location::caller();
        Results::new(told, self.link(), None, aggregates.specs(), at)
    }

    /// One value for each key, made of all its records by a closure: of what there was and the
    /// next one, in the order in which they come.
    #[track_caller]
    #[must_use]
    pub fn reduce(&self, reduce: impl Fn(T, T) -> T + Send + Sync + 'static) -> Table<T>
    where
        T: Serialize + DeserializeOwned,
    {
        self.folded(folds::reduce(reduce), Location::caller())
    }

    /// The texts that a closure makes of the records of each key, with `separator` between them,
    /// in the order in which they come. They grow without bound.
    #[track_caller]
    #[must_use]
    pub fn concat(
        &self,
        separator: &str,
        text: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> Table<String>
    where
        T: DeserializeOwned,
    {
        self.folded(folds::concat(separator, text), Location::caller())
    }

    /// One value for each key, made by a closure of `A::default()` and one record after another,
    /// in the order in which they come.
    #[track_caller]
    #[must_use]
    pub fn fold<A>(&self, add: impl Fn(A, &T) -> A + Send + Sync + 'static) -> Table<A>
    where
        T: DeserializeOwned,
        A: Default + Serialize + DeserializeOwned,
    {
        self.folded(folds::fold(add), Location::caller())
    }

    fn folded<A: DeserializeOwned>(&self, fold: Fold, at: &'static Location<'static>) -> Table<A> {
        let step = Step::Fold {
            of: self.link(),
            window: None,
            fold,
            emit: None,
            shape: Shape::of::<A>(),
        };
        self.to_table(step, at)
    }

    /// Joins records of equal keys whose times are near each other.
    #[track_caller]
    #[must_use]
    pub fn join<R, J: Join<Inner, T, R>>(
        &self,
        right: &Stream<R>,
        within: Within,
        sides: J,
    ) -> Stream<J::Out> {
        self.joined(
            right,
            JoinType::Inner,
            within,
            sides.sides(),
            Location::caller(),
        )
    }

    /// As [`Stream::join`]; a left record that finds none comes out alone, once, when none can
    /// come any more.
    #[track_caller]
    #[must_use]
    pub fn left_join<R, J: Join<Left, T, R>>(
        &self,
        right: &Stream<R>,
        within: Within,
        sides: J,
    ) -> Stream<J::Out> {
        self.joined(
            right,
            JoinType::Left,
            within,
            sides.sides(),
            Location::caller(),
        )
    }

    /// As [`Stream::left_join`], of both sides.
    #[track_caller]
    #[must_use]
    pub fn outer_join<R, J: Join<Outer, T, R>>(
        &self,
        right: &Stream<R>,
        within: Within,
        sides: J,
    ) -> Stream<J::Out> {
        self.joined(
            right,
            JoinType::Outer,
            within,
            sides.sides(),
            Location::caller(),
        )
    }

    fn joined<R, C>(
        &self,
        right: &Stream<R>,
        kind: JoinType,
        within: Within,
        Joining(sides): Joining,
        at: &'static Location<'static>,
    ) -> Stream<C> {
        let step = Step::JoinStreams(self.link(), right.link(), kind, within, sides);
        self.then(step, at)
    }

    /// Joins each record with the row of its key: the one that holds then, or with a versioned
    /// table the one that held at the record's time.
    #[track_caller]
    #[must_use]
    pub fn join_table<R, J: Join<Inner, T, R>>(
        &self,
        table: &Table<R>,
        sides: J,
    ) -> Stream<J::Out> {
        self.looked_up(
            &table.0,
            (JoinType::Inner, None, None),
            sides.sides(),
            Location::caller(),
        )
    }

    /// As [`Stream::join_table`]; a record that finds no row comes out alone.
    #[track_caller]
    #[must_use]
    pub fn left_join_table<R, J: Join<Left, T, R>>(
        &self,
        table: &Table<R>,
        sides: J,
    ) -> Stream<J::Out> {
        self.looked_up(
            &table.0,
            (JoinType::Left, None, None),
            sides.sides(),
            Location::caller(),
        )
    }

    /// As [`Stream::join_table`] with a versioned table; records wait so long for versions that
    /// come late.
    #[track_caller]
    #[must_use]
    pub fn join_table_after<R, J: Join<Inner, T, R>>(
        &self,
        grace: TimeDelta,
        table: &Table<R>,
        sides: J,
    ) -> Stream<J::Out> {
        let how = (JoinType::Inner, None, Some(grace));
        self.looked_up(&table.0, how, sides.sides(), Location::caller())
    }

    /// Joins each record with the row of a global table that it names.
    #[track_caller]
    #[must_use]
    pub fn join_global<R, J: Join<Inner, T, R>>(
        &self,
        key: impl Compute<T>,
        table: &GlobalTable<R>,
        sides: J,
    ) -> Stream<J::Out> {
        let at = Location::caller();
        let how = (JoinType::Inner, Some(key.computed(at)), None);
        self.looked_up(&table.0, how, sides.sides(), at)
    }

    /// As [`Stream::join_global`]; a record that finds no row comes out alone.
    #[track_caller]
    #[must_use]
    pub fn left_join_global<R, J: Join<Left, T, R>>(
        &self,
        key: impl Compute<T>,
        table: &GlobalTable<R>,
        sides: J,
    ) -> Stream<J::Out> {
        let at = Location::caller();
        let how = (JoinType::Left, Some(key.computed(at)), None);
        self.looked_up(&table.0, how, sides.sides(), at)
    }

    fn looked_up<R, C>(
        &self,
        table: &Stream<R>,
        (kind, key, grace): (JoinType, Option<Computed>, Option<TimeDelta>),
        Joining(sides): Joining,
        at: &'static Location<'static>,
    ) -> Stream<C> {
        let step = Step::JoinTable {
            stream: self.link(),
            table: table.link(),
            kind,
            key,
            grace,
            sides,
        };
        self.then(step, at)
    }

    /// Sends records that come too late for a join or a window to a topic, as they were. They are
    /// counted in any case.
    #[track_caller]
    #[must_use]
    pub fn late_to(&self, topic: &str) -> Self {
        self.then(Step::Late(self.link(), topic.into()), Location::caller())
    }

    /// Writes them to a topic: a flow of the pipeline.
    #[track_caller]
    pub fn to(&self, topic: &str, format: OutputFormat) -> Flow {
        self.ended(topic, format, Location::caller())
    }

    /// Writes them to a topic, and reads them from there: what follows is a flow of its own.
    #[track_caller]
    #[must_use]
    pub fn through(&self, topic: &str, format: OutputFormat) -> Self
    where
        T: DeserializeOwned,
    {
        self.reopened(topic, format, Location::caller())
    }

    /// Ends a flow here.
    pub(super) fn ended(
        &self,
        topic: &str,
        format: OutputFormat,
        at: &'static Location<'static>,
    ) -> Flow {
        let mut told = self.told.borrow_mut();
        told.ends.push(End {
            name: topic.to_owned(),
            of: self.link(),
            topic: topic.into(),
            format,
            at,
        });
        Flow {
            told: Rc::clone(&self.told),
            number: told.ends.len() - 1,
        }
    }

    /// Ends a flow here, and begins another with what it writes.
    pub(super) fn reopened(
        &self,
        topic: &str,
        format: OutputFormat,
        at: &'static Location<'static>,
    ) -> Self
    where
        T: DeserializeOwned,
    {
        let flow = self.ended(topic, format, at);
        self.then(Step::Through(flow.number, Shape::of::<T>()), at)
    }
}

pub(super) fn named<const N: usize>(columns: [(&str, Expression); N]) -> Vec<(String, Expression)> {
    let columns = columns.into_iter();
    columns
        .map(|(name, expression)| (name.to_owned(), expression))
        .collect()
}

/// The function of messages that a closure over `T` is; what has no value stays so.
pub(super) fn mapping<T: DeserializeOwned, U: Serialize>(
    map: impl Fn(&T) -> U + Send + Sync + 'static,
) -> Mapping {
    Mapping::new(move |view| match view.value {
        None => Ok(Value::Null),
        value => to_value(&map(&Input::Whole(value).read()?)),
    })
}
