//! Aggregates, as they are written in Rust.

use std::marker::PhantomData;
use std::panic::Location;

use chrono::TimeDelta;

use crate::stream::aggregate::Function;
use crate::stream::aggregate::parameter::Divisor;
use crate::stream::aggregate::parameter::HalfLife;
use crate::stream::aggregate::parameter::Limit;
use crate::stream::aggregate::parameter::ParameterError;
use crate::stream::aggregate::parameter::Rank;
use crate::stream::aggregate::parameter::Smoothing;
use crate::stream::builder::computed::Compute;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Test;

/// One aggregate of records of type `T`: made by [`sum`] and its like.
///
/// What each computes, what it makes of null, how exact it is and whether order matters stands
/// with its [`Function`].
#[derive(Debug)]
pub struct Aggregate<T> {
    spec: Spec,
    of: PhantomData<fn(T)>,
}

/// An aggregate, whatever it is of.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Spec {
    pub(super) name: Option<String>,
    pub(super) function: Result<Function, ParameterError>,
    pub(super) argument: Option<Computed>,
    pub(super) at: &'static Location<'static>,
}

impl<T> Aggregate<T> {
    #[track_caller]
    fn new(function: Result<Function, ParameterError>, argument: Option<Computed>) -> Self {
        Self {
            spec: Spec {
                name: None,
                function,
                argument,
                at: Location::caller(),
            },
            of: PhantomData,
        }
    }

    /// Gives it the name that results show it under. Without one that is the function's:
    /// `count`, `sum`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.spec.name = Some(name.to_owned());
        self
    }
}

/// How many records there are.
#[track_caller]
#[must_use]
pub fn count<T>() -> Aggregate<T> {
    Aggregate::new(Ok(Function::Count), None)
}

/// For how many records the condition is true.
#[track_caller]
#[must_use]
pub fn count_if<T>(condition: impl Test<T>) -> Aggregate<T> {
    let condition = condition.tested(Location::caller());
    Aggregate::new(Ok(Function::Count), Some(condition))
}

/// How many records there are for each second of the window's length.
#[track_caller]
#[must_use]
pub fn rate<T>() -> Aggregate<T> {
    Aggregate::new(Ok(Function::Rate), None)
}

/// Aggregates of one argument and no more.
macro_rules! of_one {
    ($($(#[$doc:meta])* $name:ident: $function:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        #[must_use]
        pub fn $name<T>(argument: impl Compute<T>) -> Aggregate<T> {
            let argument = argument.computed(Location::caller());
            Aggregate::new(Ok($function), Some(argument))
        }
    )*};
}

of_one! {
    /// The sum of numbers; of integers exact, and an error beyond 64 bits.
    sum: Function::Sum;
    /// The arithmetic mean of numbers: over a trailing window the simple moving average, without
    /// a window the running average.
    avg: Function::Avg;
    /// The smallest value.
    min: Function::Min;
    /// The largest value.
    max: Function::Max;
    /// The value with the smallest event time.
    first: Function::First;
    /// The value with the largest event time.
    last: Function::Last;
    /// The variance of a sample.
    variance: Function::Variance(Divisor::Sample);
    /// The variance of a whole population.
    variance_of_population: Function::Variance(Divisor::Population);
    /// The standard deviation of a sample.
    stddev: Function::Stddev(Divisor::Sample);
    /// The standard deviation of a whole population.
    stddev_of_population: Function::Stddev(Divisor::Population);
    /// How many different values there are.
    distinct: Function::Distinct;
    /// The sum of numbers for each second of the window's length.
    rate_of: Function::Rate;
}

/// The mean of numbers whose weights halve with every `half_life` of event time. It covers the
/// key's whole history.
#[track_caller]
#[must_use]
pub fn ema<T>(argument: impl Compute<T>, half_life: TimeDelta) -> Aggregate<T> {
    let argument = argument.computed(Location::caller());
    Aggregate::new(HalfLife::new(half_life).map(Function::Ema), Some(argument))
}

/// The mean of numbers whose weights shrink with every record.
#[track_caller]
#[must_use]
pub fn ewma<T>(argument: impl Compute<T>, smoothing: Smoothing) -> Aggregate<T> {
    let argument = argument.computed(Location::caller());
    Aggregate::new(Ok(Function::Ewma(smoothing)), Some(argument))
}

/// The number below which the share `rank` of all lies, from 0 to 1; 0.5 is the median.
#[track_caller]
#[must_use]
pub fn quantile<T>(argument: impl Compute<T>, rank: f64) -> Aggregate<T> {
    let argument = argument.computed(Location::caller());
    Aggregate::new(Rank::new(rank).map(Function::Quantile), Some(argument))
}

/// The `count` largest values, the largest first.
#[track_caller]
#[must_use]
pub fn top<T>(count: usize, argument: impl Compute<T>) -> Aggregate<T> {
    let argument = argument.computed(Location::caller());
    Aggregate::new(Limit::new(count).map(Function::Top), Some(argument))
}

/// The first `limit` values by event time.
#[track_caller]
#[must_use]
pub fn collect<T>(argument: impl Compute<T>, limit: usize) -> Aggregate<T> {
    let argument = argument.computed(Location::caller());
    Aggregate::new(Limit::new(limit).map(Function::Collect), Some(argument))
}

/// Aggregates of records of type `T`: one, or up to eight in parentheses.
pub trait Aggregates<T> {
    /// Not for others to call.
    #[doc(hidden)]
    fn specs(self) -> Vec<Spec>;
}

impl<T> Aggregates<T> for Aggregate<T> {
    fn specs(self) -> Vec<Spec> {
        vec![self.spec]
    }
}

impl<T> Aggregates<T> for Vec<Aggregate<T>> {
    fn specs(self) -> Vec<Spec> {
        self.into_iter().map(|aggregate| aggregate.spec).collect()
    }
}

/// The type of each aggregate of a tuple.
macro_rules! one {
    ($name:ident) => {
        Aggregate<T>
    };
}

/// Tuples of aggregates.
macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<T> Aggregates<T> for ($(one!($name),)+) {
            fn specs(self) -> Vec<Spec> {
                let ($($name,)+) = self;
                vec![$($name.spec),+]
            }
        }
    )*};
}

tuples! {
    a;
    a b;
    a b c;
    a b c d;
    a b c d e;
    a b c d e f;
    a b c d e f g;
    a b c d e f g h;
}
