//! A topic to read, and how.

use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use chrono::TimeDelta;
use serde::de::DeserializeOwned;

use crate::codec::format::Format;
use crate::stream::builder::Dynamic;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::node::Node;
use crate::stream::builder::node::Origin;
use crate::stream::builder::node::Shared;
use crate::stream::builder::node::Step;
use crate::stream::builder::stream::Stream;
use crate::stream::builder::table::GlobalTable;
use crate::stream::plan::FUTURE_DEFAULT;
use crate::stream::plan::Keying;
use crate::stream::typed::Shape;

/// A topic to read, and how: made by [`crate::stream::builder::Builder::source`].
///
/// Unless it is told otherwise keys are text, values JSON, and the event time is the record's
/// timestamp, of which those more than an hour beyond the wall clock are rejected.
#[derive(Clone, Debug)]
pub struct Source {
    told: Shared,
    origin: Origin,
    at: &'static Location<'static>,
}

impl Source {
    pub(super) fn new(told: Shared, topic: &str, at: &'static Location<'static>) -> Self {
        Self {
            told,
            origin: Origin {
                topic: topic.into(),
                key_format: Format::Text,
                value_format: Format::Json,
                schema: None,
                time: None,
                future: Some(FUTURE_DEFAULT),
                idle: None,
                keying: Keying::ByRecordKey,
            },
            at,
        }
    }

    /// Values are JSON.
    #[must_use]
    pub fn json(self) -> Self {
        self.values(Format::Json)
    }

    /// Values are Avro, each read as it was written. Nothing is known of their fields before
    /// anything runs; see [`Source::avro_as`].
    #[must_use]
    pub fn avro(self) -> Self {
        self.values(Format::Avro)
    }

    /// Values are Avro, read as the schema whose JSON text is `schema`, by Avro's rules of schema
    /// resolution; expressions are checked against it.
    #[must_use]
    pub fn avro_as(mut self, schema: &str) -> Self {
        self.origin.schema = Some(schema.into());
        self.values(Format::Avro)
    }

    /// Values are UTF-8 text.
    #[must_use]
    pub fn text(self) -> Self {
        self.values(Format::Text)
    }

    /// Values are bytes.
    #[must_use]
    pub fn bytes(self) -> Self {
        self.values(Format::Bytes)
    }

    fn values(mut self, format: Format) -> Self {
        self.origin.value_format = format;
        self
    }

    /// Keys have this format.
    #[must_use]
    pub fn keys(mut self, format: Format) -> Self {
        self.origin.key_format = format;
        self
    }

    /// The event time: milliseconds since the epoch, an instant, or RFC 3339 text.
    #[must_use]
    pub fn event_time(mut self, time: Expression) -> Self {
        self.origin.time = Some(time);
        self
    }

    /// A partition that is read to its end and silent for so long follows the wall clock, so that
    /// its last windows close. Without it, they wait for a record.
    #[must_use]
    pub fn idle(mut self, idle: TimeDelta) -> Self {
        self.origin.idle = Some(idle);
        self
    }

    /// How far beyond the wall clock an event time may lie.
    #[must_use]
    pub fn future(mut self, future: TimeDelta) -> Self {
        self.origin.future = Some(future);
        self
    }

    /// Event times may lie beyond the wall clock as far as they like: one wrong clock then closes
    /// every window.
    #[must_use]
    pub fn any_future(mut self) -> Self {
        self.origin.future = None;
        self
    }

    /// Records that a flow gives the same key stand in the same partition already, so that no
    /// repartition topic is needed: the author's word.
    #[must_use]
    pub fn already_partitioned(mut self) -> Self {
        self.origin.keying = Keying::AlreadyPartitioned;
        self
    }

    /// Its latest rows, all of them in every task.
    #[must_use]
    pub fn global_table<T: DeserializeOwned>(&self) -> GlobalTable<T> {
        let all: Stream<T> = self.typed();
        GlobalTable(all.then(Step::Global(Rc::clone(&all.link)), self.at))
    }

    /// Its records, of which nothing is known but what a schema says.
    #[must_use]
    pub fn stream(&self) -> Stream<Dynamic> {
        self.typed()
    }

    /// Its records, each of which is a `T`, for closures over `T`. Expressions over JSON are checked
    /// against the fields of `T`; they see values as they stand in the record, so that an integer
    /// is one also where `T` has a float. Over Avro they are checked against its schema, where
    /// there is one.
    #[must_use]
    pub fn typed<T: DeserializeOwned>(&self) -> Stream<T> {
        let step = Step::Source(self.origin.clone(), Shape::of::<T>());
        Stream {
            told: Rc::clone(&self.told),
            link: Rc::new(Node { step, at: self.at }),
            of: PhantomData,
        }
    }
}
