//! Which operators there are, and what feeds what.

use chrono::TimeDelta;
use thiserror::Error;

use crate::stream::emit::Emit;
use crate::stream::graph::aggregates::Aggregates;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Condition;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::join_window::JoinWindow;
use crate::stream::graph::suppress::Bounds;
use crate::stream::window::SlidingWindows;
use crate::stream::window::TimeWindows;

/// The number of a node within its topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// One output of a node: what another node may be fed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Feed {
    /// The node.
    pub node: NodeId,
    /// Which of its outputs; 0 but of a branch, which has one for each of its conditions.
    pub output: usize,
}

impl From<NodeId> for Feed {
    fn from(node: NodeId) -> Self {
        Self { node, output: 0 }
    }
}

/// What a node puts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Records, each by itself.
    Stream,
    /// Changes of rows.
    Table,
    /// Changes of rows that keep their history so long.
    Versioned(TimeDelta),
}

/// Which rows a join has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinType {
    /// Those that have both sides.
    Inner,
    /// Those that have a left side.
    Left,
    /// Those that have any side; not of a stream with a table.
    Outer,
}

/// What a node does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// Takes in records from outside.
    Source,
    /// Puts out records, or the changes of a table as records, to the outside.
    Sink,
    /// Keeps the records, or the rows, that meet the condition.
    Filter(Condition),
    /// Gives records another key, another value, or both. Of a table, only the value.
    Map {
        /// Makes the key; null is none. `None` leaves the key as it is.
        key: Option<Mapping>,
        /// Makes the value; null is none. `None` leaves the value as it is.
        value: Option<Mapping>,
    },
    /// Makes none, one or more records of each: the elements of the list that the function makes.
    FlatMap(Mapping),
    /// Sends each record on by the output of the first condition that it meets; `None` meets all.
    Branch(Vec<Option<Condition>>),
    /// Makes one stream of several.
    Merge,
    /// Makes the records of equal keys meet in one task; those without a key are left out.
    Repartition,
    /// Makes a table of a stream: the last value of each key, by the order of offsets.
    ToTable,
    /// Makes a table of a stream by the order of timestamps, with so much history.
    ToVersioned(TimeDelta),
    /// Makes a stream of the changes of a table.
    ToStream,
    /// Aggregates a stream by its keys over all time.
    Aggregate(Fold),
    /// Aggregates a stream by its keys and by tumbling or hopping windows.
    AggregateWindows(TimeWindows, Fold, Emit),
    /// Aggregates a stream by its keys and by sliding windows.
    AggregateSliding(SlidingWindows, Fold, Emit),
    /// Aggregates a stream by its keys and by sessions.
    AggregateSessions {
        /// How long a session may be silent, inclusive.
        gap: TimeDelta,
        /// How long a session stays open beyond that.
        grace: TimeDelta,
        /// What is done with the values.
        fold: Fold,
        /// When results come out.
        emit: Emit,
    },
    /// Gives the rows of a table other keys to aggregate them by.
    Regroup(Mapping),
    /// Aggregates what comes of [`Kind::Regroup`].
    AggregateTable(Fold),
    /// Aggregates what comes of [`Kind::Regroup`] by built-in aggregates, into objects of the key
    /// and each aggregate by its name.
    AggregateRows(Aggregates),
    /// Holds back the changes of each row for so long.
    Suppress(TimeDelta, Bounds),
    /// Joins a stream (first) with a stream.
    JoinStreams(JoinType, JoinWindow, Joiner),
    /// Joins a stream (first) with a table.
    JoinTable {
        /// Inner or left.
        kind: JoinType,
        /// Makes the key to look up; `None` looks up the record's own.
        key: Option<Mapping>,
        /// Makes the result.
        joiner: Joiner,
        /// How long records wait for versions that come late; only with a versioned table.
        grace: Option<TimeDelta>,
    },
    /// Joins a table (first) with a table.
    JoinTables(JoinType, Joiner),
    /// Joins a table (first) with the rows of another that it names.
    JoinForeign {
        /// Inner or left.
        kind: JoinType,
        /// Makes the key that a left value names.
        foreign: Mapping,
        /// Makes the result.
        joiner: Joiner,
    },
    /// Takes in what another stretch of the flow sends. This and the next three are made where a
    /// flow is cut, and cannot be added to a topology.
    Received(Shape),
    /// Tells the right rows that a left table names of it: the first part of a
    /// [`Kind::JoinForeign`] over several tasks.
    Subscribe(Mapping),
    /// Joins those who name a right row (first) with the right table: the second part.
    JoinSubscribed(JoinType, Joiner),
    /// Makes a table of what came of the newest state of each left row: the third part.
    Settle,
    /// Lets the first record of each id through and none like it within the time.
    Distinct(Mapping, TimeDelta),
}

impl Kind {
    /// Whether what it puts out has to go to other tasks, by its key.
    pub(crate) const fn sends_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Repartition | Self::Regroup(_) | Self::Subscribe(_) | Self::JoinSubscribed(..)
        )
    }

    /// Whether it needs the records of one key in one task.
    pub(crate) const fn needs_keys_together(&self) -> bool {
        !matches!(
            self,
            Self::Source
                | Self::Received(_)
                | Self::Sink
                | Self::Filter(_)
                | Self::Map { .. }
                | Self::FlatMap(_)
                | Self::Branch(_)
                | Self::Merge
                | Self::Repartition
                | Self::ToStream
        )
    }

    /// What it does, in words.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Source => "read",
            Self::Sink => "write",
            Self::Filter(_) => "filter",
            Self::Map { .. } => "map",
            Self::FlatMap(_) => "flat map",
            Self::Branch(_) => "branch",
            Self::Merge => "merge",
            Self::Repartition => "repartition",
            Self::ToTable => "table",
            Self::ToVersioned(_) => "table with history",
            Self::ToStream => "changes",
            Self::Aggregate(_) => "aggregate",
            Self::AggregateWindows(..) | Self::AggregateSliding(..) => "aggregate by windows",
            Self::AggregateSessions { .. } => "aggregate by sessions",
            Self::Regroup(_) => "group by another key",
            Self::AggregateTable(_) | Self::AggregateRows(_) => "aggregate table",
            Self::Suppress(..) => "suppress",
            Self::JoinStreams(..) => "join streams",
            Self::JoinTable { .. } => "join with table",
            Self::JoinTables(..) => "join tables",
            Self::JoinForeign { .. } => "join tables by a foreign key",
            Self::Received(_) => "receive",
            Self::Subscribe(_) => "tell the rows that it names",
            Self::JoinSubscribed(..) => "join with those who name it",
            Self::Settle => "settle",
            Self::Distinct(..) => "distinct",
        }
    }
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name, for people.
    pub name: Box<str>,
    /// What feeds its inputs, in their order.
    pub feeds: Vec<Feed>,
    /// What it does.
    pub kind: Kind,
    /// What it puts out.
    pub shape: Shape,
}

/// A node that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// It is fed from something else than it takes.
    #[error("{node}: takes {takes}")]
    Feeds {
        /// The node.
        node: Box<str>,
        /// What it takes.
        takes: &'static str,
    },
    /// It cannot do what is asked of it.
    #[error("{node}: {what}")]
    Unable {
        /// The node.
        node: Box<str>,
        /// What is wrong.
        what: &'static str,
    },
    /// It is fed from a node or an output that is not there.
    #[error("{node}: fed from something that is not there")]
    NoFeed {
        /// The node.
        node: Box<str>,
    },
}

/// Nodes and what feeds them; each node stands behind those that feed it, so there are no circles.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    nodes: Vec<Node>,
}

impl Topology {
    /// A topology without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The nodes, by their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds a node that does `kind` with what comes from `feeds`.
    ///
    /// # Errors
    ///
    /// [`TopologyError`], the author's fault: it does not fit what feeds it.
    pub fn add<F: Into<Feed>>(
        &mut self,
        name: &str,
        kind: Kind,
        feeds: impl IntoIterator<Item = F>,
    ) -> Result<NodeId, TopologyError> {
        let feeds: Vec<Feed> = feeds.into_iter().map(Into::into).collect();
        let shapes: Option<Vec<Shape>> = feeds.iter().map(|feed| self.shape(*feed)).collect();
        let shapes = shapes.ok_or_else(|| TopologyError::NoFeed { node: name.into() })?;
        let shape = shape_of(name, &kind, &shapes)?;
        self.nodes.push(Node {
            name: name.into(),
            feeds,
            kind,
            shape,
        });
        Ok(NodeId(self.nodes.len() - 1))
    }

    /// Adds a node that is known to fit.
    pub(crate) fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// What comes from `feed`; `None` where there is no such output.
    #[must_use]
    pub fn shape(&self, feed: Feed) -> Option<Shape> {
        let node = self.nodes.get(feed.node.0)?;
        let outputs = match &node.kind {
            Kind::Branch(conditions) => conditions.len(),
            Kind::Sink => 0,
            _ => 1,
        };
        (feed.output < outputs).then_some(node.shape)
    }
}

/// What `kind` puts out when it is fed with `shapes`.
fn shape_of(name: &str, kind: &Kind, shapes: &[Shape]) -> Result<Shape, TopologyError> {
    use Shape::Stream;
    let feeds = |takes| {
        let node = name.into();
        Err(TopologyError::Feeds { node, takes })
    };
    let unable = |what| {
        let node = name.into();
        Err(TopologyError::Unable { node, what })
    };
    let is_table = |shape: &Shape| *shape != Stream;
    let after_change = |shape: &Shape| {
        if is_table(shape) {
            Shape::Table
        } else {
            Stream
        }
    };
    match (kind, shapes) {
        (Kind::Source, []) => Ok(Stream),
        (Kind::Sink | Kind::Filter(_) | Kind::Repartition, [shape]) => Ok(after_change(shape)),
        (Kind::Map { key: Some(_), .. }, [shape]) if is_table(shape) => {
            feeds("a stream: a table keeps its keys; regroup it")
        }
        (Kind::Map { .. }, [shape]) => Ok(after_change(shape)),
        (Kind::FlatMap(_) | Kind::Branch(_) | Kind::Distinct(..), [Stream]) => Ok(Stream),
        (Kind::Merge, [_, ..]) if !shapes.iter().any(is_table) => Ok(Stream),
        (Kind::ToTable, [Stream]) => Ok(Shape::Table),
        (Kind::ToVersioned(history), [Stream]) => Ok(Shape::Versioned(*history)),
        (Kind::ToStream, [shape]) if is_table(shape) => Ok(Stream),
        (
            Kind::Aggregate(_) | Kind::AggregateWindows(..) | Kind::AggregateSliding(..),
            [Stream],
        ) => Ok(Shape::Table),
        (Kind::AggregateSessions { fold, .. }, [Stream]) => match fold.can_merge() {
            true => Ok(Shape::Table),
            false => unable("sessions need an aggregate that can merge two results"),
        },
        (Kind::Regroup(_), [shape]) if is_table(shape) => Ok(Shape::Table),
        (Kind::AggregateTable(fold), [Shape::Table]) => match fold.can_remove() {
            true => Ok(Shape::Table),
            false => unable("a table needs an aggregate that can take a value back"),
        },
        (Kind::AggregateRows(all), [Shape::Table]) => match all.not_of_tables() {
            None => Ok(Shape::Table),
            Some(_) => unable("a table needs aggregates that can take a value back"),
        },
        (Kind::Suppress(..), [Shape::Table]) => Ok(Shape::Table),
        (Kind::JoinStreams(..), [Stream, Stream]) => Ok(Stream),
        (Kind::JoinTable { kind, grace, .. }, [Stream, table]) if is_table(table) => {
            match (kind, grace, table) {
                (JoinType::Outer, ..) => unable("a stream joins a table inner or left"),
                (_, Some(_), Shape::Table) => unable("grace needs a versioned table"),
                _ => Ok(Stream),
            }
        }
        (Kind::JoinTables(..), [left, right]) if is_table(left) && is_table(right) => {
            Ok(Shape::Table)
        }
        (Kind::JoinForeign { kind, .. }, [left, right]) if is_table(left) && is_table(right) => {
            match kind {
                JoinType::Outer => unable("a foreign key joins inner or left"),
                _ => Ok(Shape::Table),
            }
        }
        _ => feeds(takes(kind)),
    }
}

/// What `kind` is fed from, in words.
const fn takes(kind: &Kind) -> &'static str {
    match kind {
        Kind::Source => "nothing",
        Kind::Received(_) | Kind::Subscribe(_) | Kind::JoinSubscribed(..) | Kind::Settle => {
            "nothing by hand: it is made where a flow is cut"
        }
        Kind::ToStream | Kind::Regroup(_) | Kind::AggregateTable(_) | Kind::AggregateRows(_) => {
            "one table"
        }
        Kind::Suppress(..) => "one table without versions",
        Kind::JoinStreams(..) => "two streams",
        Kind::JoinTable { .. } => "a stream and a table",
        Kind::JoinTables(..) | Kind::JoinForeign { .. } => "two tables",
        Kind::Sink | Kind::Filter(_) | Kind::Repartition | Kind::Map { .. } => {
            "one stream or table"
        }
        Kind::Merge => "streams",
        Kind::FlatMap(_)
        | Kind::Branch(_)
        | Kind::Distinct(..)
        | Kind::ToTable
        | Kind::ToVersioned(_)
        | Kind::Aggregate(_)
        | Kind::AggregateWindows(..)
        | Kind::AggregateSliding(..)
        | Kind::AggregateSessions { .. } => "one stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Value;

    fn joiner() -> Joiner {
        Joiner::new(|_| Ok(Value::Null))
    }

    fn source(topology: &mut Topology) -> NodeId {
        let none: [Feed; 0] = [];
        topology.add("in", Kind::Source, none).expect("a source")
    }

    #[test]
    fn a_node_that_does_not_fit_what_feeds_it_is_refused() {
        let mut topology = Topology::new();
        let stream = source(&mut topology);
        let table = topology
            .add("table", Kind::ToTable, [stream])
            .expect("fits");
        let kind = || Kind::JoinTables(JoinType::Inner, joiner());
        let refused = topology.add("join", kind(), [table, stream]);
        let takes = "two tables";
        let node = "join".into();
        assert_eq!(refused, Err(TopologyError::Feeds { node, takes }));
        assert!(topology.add("join", kind(), [table, table]).is_ok());
        let refused = topology.add("table", Kind::ToTable, [table]);
        assert!(refused.is_err(), "a table already");
    }

    #[test]
    fn a_table_takes_only_aggregates_that_can_take_back() {
        let mut topology = Topology::new();
        let stream = source(&mut topology);
        let table = topology
            .add("table", Kind::ToTable, [stream])
            .expect("fits");
        let last = || Fold::new(|_, view| Ok(view.value.cloned().unwrap_or_default()));
        let refused = topology.add("last", Kind::AggregateTable(last()), [table]);
        assert!(matches!(refused, Err(TopologyError::Unable { .. })));
        let fold = last().with_remove(|_, _| Ok(Value::Null));
        let added = topology.add("last", Kind::AggregateTable(fold), [table]);
        assert!(added.is_ok());
    }

    #[test]
    fn a_branch_has_as_many_outputs_as_conditions_and_a_sink_none() {
        let mut topology = Topology::new();
        let stream = source(&mut topology);
        let kind = Kind::Branch(vec![Some(Condition::new(|_| Ok(true))), None]);
        let node = topology.add("branch", kind, [stream]).expect("fits");
        let last = Feed { node, output: 1 };
        let sink = topology.add("to", Kind::Sink, [last]).expect("fits");
        for feed in [Feed { node, output: 2 }, sink.into()] {
            let refused = topology.add("to", Kind::Sink, [feed]);
            let node = "to".into();
            assert_eq!(refused, Err(TopologyError::NoFeed { node }));
        }
    }
}
