//! Results of built-in aggregates.

use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use chrono::TimeDelta;

use crate::stream::builder::Dynamic;
use crate::stream::builder::aggregate::Spec;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::node::Emission;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Node;
use crate::stream::builder::node::Shared;
use crate::stream::builder::node::Step;
use crate::stream::builder::sink::Flow;
use crate::stream::builder::sink::OutputFormat;
use crate::stream::builder::stream::Stream;
use crate::stream::builder::stream::named;
use crate::stream::builder::windows::Window;
use crate::stream::emit::Emit;
use crate::stream::held::Bounds;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Thinning;

/// Results of aggregates, one for each key and window: objects of the key, the window's bounds and
/// the aggregates by name, `{"key": …, "window": {"start": …, "end": …}, …}`.
///
/// Without windows there is no `window`, and results come out as updates; of windows they come out
/// once, when the window closes, unless it is said otherwise.
#[derive(Debug)]
pub struct Results {
    told: Shared,
    of: Link,
    window: Option<Window>,
    aggregates: Vec<Spec>,
    emission: Emission,
    late: Option<String>,
    select: Option<Vec<(String, Expression)>>,
    at: &'static Location<'static>,
}

impl Results {
    pub(super) const fn new(
        told: Shared,
        of: Link,
        window: Option<Window>,
        aggregates: Vec<Spec>,
        at: &'static Location<'static>,
    ) -> Self {
        Self {
            told,
            of,
            window,
            aggregates,
            emission: Emission {
                emit: None,
                thinning: Thinning::Off,
                key: KeyForm::Text,
            },
            late: None,
            select: None,
            at,
        }
    }

    /// Results come out once, when their window closes.
    #[must_use]
    pub const fn emit_final(self) -> Self {
        self.emit(Emit::Final)
    }

    /// Results come out with each commit where there was a change, at most one for each key and
    /// window, and when the window closes.
    #[must_use]
    pub const fn emit_updates(self) -> Self {
        self.emit(Emit::Updates)
    }

    /// Results come out at each change.
    #[must_use]
    pub fn emit_every_update(self) -> Self {
        self.emit(Emit::EveryUpdate)
    }

    /// As [`Results::emit_updates`], and commits bring changes out only so long of wall clock after
    /// one that did.
    #[must_use]
    pub fn emit_updates_every(self, time: TimeDelta) -> Self {
        let mut thinned = self.emit(Emit::Updates);
        thinned.emission.thinning = Thinning::Every(time);
        thinned
    }

    /// As [`Results::emit_every_update`], and each key and window is held back until so long of
    /// stream time after its first change that has not come out; then its last one comes out. No
    /// more is held back than `bounds` says.
    #[must_use]
    pub fn emit_held(self, time: TimeDelta, bounds: Bounds) -> Self {
        let mut held = self.emit(Emit::EveryUpdate);
        held.emission.thinning = Thinning::Hold(time, bounds);
        held
    }

    /// Writes keys with their windows, as Kafka Streams does and Java readers expect.
    #[must_use]
    pub const fn windowed_keys(mut self) -> Self {
        self.emission.key = KeyForm::Windowed;
        self
    }

    const fn emit(mut self, emit: Emit) -> Self {
        self.emission.emit = Some(emit);
        self.emission.thinning = Thinning::Off;
        self
    }

    /// Sends records all of whose windows are closed to a topic, as they were. They are counted in
    /// any case.
    #[must_use]
    pub fn late_to(mut self, topic: &str) -> Self {
        self.late = Some(topic.to_owned());
        self
    }

    /// In place of key, window and all aggregates objects of these columns. Expressions know
    /// `key`, `window.start`, `window.end`, and the aggregates by name.
    #[must_use]
    pub fn select<const N: usize>(mut self, columns: [(&str, Expression); N]) -> Self {
        self.select = Some(named(columns));
        self
    }

    /// Writes them to a topic: a flow of the pipeline. The record's key is the key as text.
    #[track_caller]
    pub fn to(self, topic: &str, format: OutputFormat) -> Flow {
        let at = Location::caller();
        self.stream().ended(topic, format, at)
    }

    /// Writes them to a topic, and reads them from there: what follows is a flow of its own.
    #[track_caller]
    #[must_use]
    pub fn through(self, topic: &str, format: OutputFormat) -> Stream<Dynamic> {
        let at = Location::caller();
        self.stream().reopened(topic, format, at)
    }

    /// The steps that they are.
    fn stream(self) -> Stream<Dynamic> {
        let at = self.at;
        let link = |step| Rc::new(Node { step, at });
        let mut last = link(Step::Aggregate {
            of: self.of,
            window: self.window,
            aggregates: self.aggregates,
            emission: self.emission,
        });
        if let Some(topic) = self.late {
            last = link(Step::Late(last, topic.as_str().into()));
        }
        if let Some(columns) = self.select {
            last = link(Step::Select(last, columns));
        }
        Stream {
            told: self.told,
            link: last,
            of: PhantomData,
        }
    }
}
