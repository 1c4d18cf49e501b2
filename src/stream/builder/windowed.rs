//! Records in windows.

use std::panic::Location;
use std::rc::Rc;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::stream::builder::aggregate::Aggregates;
use crate::stream::builder::folds;
use crate::stream::builder::node::Step;
use crate::stream::builder::results::Results;
use crate::stream::builder::stream::Stream;
use crate::stream::builder::table::Table;
use crate::stream::builder::windows::Window;
use crate::stream::emit::Emit;
use crate::stream::graph::fold::Fold;
use crate::stream::typed::Shape;

/// Records of type `T` in windows, to be aggregated: made by [`Stream::window`].
#[derive(Clone, Debug)]
pub struct Windowed<T> {
    pub(super) of: Stream<T>,
    pub(super) window: Window,
}

/// A value that stands for a key and a window, as results show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InWindow<A> {
    /// The key, as text.
    pub key: String,
    /// The window.
    pub window: Bounds,
    /// The value.
    pub value: A,
}

/// The bounds of a window, in milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Where it starts.
    pub start: i64,
    /// Where it ends.
    pub end: i64,
}

impl<T> Windowed<T> {
    /// One result for each key and window.
    #[track_caller]
    #[must_use]
    pub fn aggregate(self, aggregates: impl Aggregates<T>) -> Results {
        let told = Rc::clone(&self.of.told);
        let link = Rc::clone(&self.of.link);
        let (window, at) = (Some(self.window), Location::caller());
        Results::new(told, link, window, aggregates.specs(), at)
    }

    /// As [`Stream::reduce`], for each key and window; tumbling, hopping, sliding and session windows.
    #[track_caller]
    #[must_use]
    pub fn reduce(self, reduce: impl Fn(T, T) -> T + Send + Sync + 'static) -> Folded<T>
    where
        T: Serialize + DeserializeOwned,
    {
        self.folded(folds::reduce(reduce), Location::caller())
    }

    /// As [`Stream::concat`], for each key and window; tumbling, hopping, sliding and session windows.
    #[track_caller]
    #[must_use]
    pub fn concat(
        self,
        separator: &str,
        text: impl Fn(&T) -> String + Send + Sync + 'static,
    ) -> Folded<String>
    where
        T: DeserializeOwned,
    {
        self.folded(folds::concat(separator, text), Location::caller())
    }

    /// As [`Stream::fold`], for each key and window; tumbling, hopping and sliding windows.
    #[track_caller]
    #[must_use]
    pub fn fold<A>(self, add: impl Fn(A, &T) -> A + Send + Sync + 'static) -> Folded<A>
    where
        T: DeserializeOwned,
        A: Default + Serialize + DeserializeOwned,
    {
        self.folded(folds::fold(add), Location::caller())
    }

    /// As [`Windowed::fold`], with a closure that makes one result of two, the earlier first:
    /// sessions need it.
    #[track_caller]
    #[must_use]
    pub fn fold_and_merge<A>(
        self,
        add: impl Fn(A, &T) -> A + Send + Sync + 'static,
        merge: impl Fn(A, A) -> A + Send + Sync + 'static,
    ) -> Folded<A>
    where
        T: DeserializeOwned,
        A: Default + Serialize + DeserializeOwned,
    {
        self.folded(folds::fold_and_merge(add, merge), Location::caller())
    }

    fn folded<A: DeserializeOwned>(self, fold: Fold, at: &'static Location<'static>) -> Folded<A> {
        let step = |emit| Step::Fold {
            of: Rc::clone(&self.of.link),
            window: Some(self.window.clone()),
            fold: fold.clone(),
            emit,
            shape: Shape::of::<InWindow<A>>(),
        };
        let table = |emit| Table(self.of.then(step(emit), at));
        Folded {
            closed: table(Emit::Final.into()),
            changing: table(Emit::EveryUpdate.into()),
        }
    }
}

/// Results of windows that closures made: when are they to come out?
#[derive(Debug)]
pub struct Folded<A> {
    closed: Table<InWindow<A>>,
    changing: Table<InWindow<A>>,
}

impl<A> Folded<A> {
    /// Once, when the window closes.
    #[must_use]
    pub fn emit_final(self) -> Table<InWindow<A>> {
        self.closed
    }

    /// At each change.
    #[must_use]
    pub fn emit_every_update(self) -> Table<InWindow<A>> {
        self.changing
    }
}
