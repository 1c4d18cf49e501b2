//! A topology at work.

use crate::record::Timestamp;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::graph::aggregate::AggregateStream;
use crate::stream::graph::aggregate::AggregateTable;
use crate::stream::graph::aggregate::Regroup;
use crate::stream::graph::aggregates::AggregateRows;
use crate::stream::graph::distinct::Distinct;
use crate::stream::graph::foreign_key::ForeignKey;
use crate::stream::graph::foreign_tasks::JoinSubscribed;
use crate::stream::graph::foreign_tasks::Settle;
use crate::stream::graph::foreign_tasks::Subscribe;
use crate::stream::graph::function::Refusal;
use crate::stream::graph::message::Message;
use crate::stream::graph::message::RowKey;
use crate::stream::graph::message::Shared;
use crate::stream::graph::operator::Fate;
use crate::stream::graph::operator::Operator;
use crate::stream::graph::operator::Out;
use crate::stream::graph::session_fold::SessionFold;
use crate::stream::graph::sliding_fold::SlidingFold;
use crate::stream::graph::stateless::Branch;
use crate::stream::graph::stateless::Filter;
use crate::stream::graph::stateless::FilterTable;
use crate::stream::graph::stateless::FlatMap;
use crate::stream::graph::stateless::Map;
use crate::stream::graph::stateless::MapTable;
use crate::stream::graph::stateless::Pass;
use crate::stream::graph::stateless::Repartition;
use crate::stream::graph::stateless::ToStream;
use crate::stream::graph::stream_stream::StreamStream;
use crate::stream::graph::stream_table::AsOf;
use crate::stream::graph::stream_table::Pairing;
use crate::stream::graph::stream_table::StreamTable;
use crate::stream::graph::suppress::Suppress;
use crate::stream::graph::table::Rows;
use crate::stream::graph::table::Table;
use crate::stream::graph::table::VersionedTable;
use crate::stream::graph::table_table::TableTable;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::Node;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Shape;
use crate::stream::graph::topology::Topology;
use crate::stream::graph::versions::Versions;
use crate::stream::graph::window_fold::WindowFold;

/// The operators of a topology with their state, for one task.
///
/// A record goes depth first: what an operator sends on has gone all its way before the operator's
/// next message does, and to the nodes that it feeds in the order in which these were added.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<Running>,
    out: Out,
    /// What is still on its way, the next one last.
    stack: Vec<(usize, usize, Message)>,
}

#[derive(Debug)]
struct Running {
    /// `None` at sources and sinks.
    operator: Option<Box<dyn Operator>>,
    /// By output: nodes, and which of their inputs.
    feeds: Vec<Vec<(usize, usize)>>,
    is_sink: bool,
}

/// Takes what comes out at the sinks of a graph.
pub trait Collect {
    /// Takes `message`, which came out at `sink`.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where it cannot be written.
    fn collect(&mut self, sink: NodeId, message: Message) -> Result<(), Refusal>;
}

impl Collect for Vec<(NodeId, Message)> {
    fn collect(&mut self, sink: NodeId, message: Message) -> Result<(), Refusal> {
        self.push((sink, message));
        Ok(())
    }
}

impl Graph {
    /// The operators of `topology`, without state.
    #[must_use]
    pub fn new(topology: &Topology) -> Self {
        let nodes = topology.nodes();
        let mut running: Vec<_> = nodes
            .iter()
            .map(|node| Running {
                operator: operator(node.kind.clone(), &shapes(topology, node)),
                feeds: Vec::new(),
                is_sink: matches!(node.kind, Kind::Sink),
            })
            .collect();
        for (number, node) in nodes.iter().enumerate() {
            for (input, feed) in node.feeds.iter().enumerate() {
                if let Some(from) = running.get_mut(feed.node.0) {
                    let outputs = from.feeds.len().max(feed.output + 1);
                    from.feeds.resize(outputs, Vec::new());
                    if let Some(fed) = from.feeds.get_mut(feed.output) {
                        fed.push((number, input));
                    }
                }
            }
        }
        Self {
            nodes: running,
            out: Out::default(),
            stack: Vec::new(),
        }
    }

    /// Lets operators go by `time` as their stream time from now on, in place of the largest
    /// timestamp of the messages that reach them.
    pub fn set_clock(&mut self, time: Timestamp) {
        self.out.set_clock(time);
    }

    /// Numbers the next record; later ones get larger numbers.
    pub(crate) const fn set_sequence(&mut self, sequence: i64) {
        self.out.set_sequence(sequence);
    }

    /// Takes in `message` at `source`; what comes out goes to `collect`. Says what became of it.
    pub fn take(&mut self, source: NodeId, message: Message, collect: &mut impl Collect) -> Fate {
        self.send(source.0, 0, message);
        self.run(collect);
        self.out.fate()
    }

    /// Lets time go on to `time` for every operator, without a record.
    pub fn advance(&mut self, time: Timestamp, collect: &mut impl Collect) -> Fate {
        for number in 0..self.nodes.len() {
            let operator = self.nodes.get_mut(number);
            if let Some(operator) = operator.and_then(|node| node.operator.as_mut()) {
                if let Err(refusal) = operator.advance(time, &mut self.out) {
                    self.out.reject(refusal);
                }
                self.send_all(number);
                self.run(collect);
            }
        }
        self.out.fate()
    }

    /// How many messages came too late for an operator so far: a record may for several.
    #[must_use]
    pub const fn late_messages(&self) -> u64 {
        self.out.late_messages()
    }

    /// The values of `row` in the tables that are kept, in the order of the nodes.
    pub(crate) fn rows<'g>(&'g self, row: &'g RowKey) -> impl Iterator<Item = Shared> + 'g {
        let operators = self.nodes.iter().filter_map(|node| node.operator.as_ref());
        operators.filter_map(|operator| operator.row(row))
    }

    /// Writes the state of all operators.
    pub fn save(&self, out: &mut Writer) {
        self.out.save(out);
        let operators = self.nodes.iter().filter_map(|node| node.operator.as_ref());
        operators.for_each(|operator| operator.save(out));
    }

    /// Reads back what was saved, into a graph of the same topology without state.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where the bytes are not those of such a graph.
    pub fn load(&mut self, from: &mut Reader<'_>) -> Result<(), Malformed> {
        self.out.load(from)?;
        let mut operators = self
            .nodes
            .iter_mut()
            .filter_map(|node| node.operator.as_mut());
        operators.try_for_each(|operator| operator.load(from))
    }

    fn run(&mut self, collect: &mut impl Collect) {
        while let Some((number, input, message)) = self.stack.pop() {
            let Some(node) = self.nodes.get_mut(number) else {
                continue;
            };
            let taken = match &mut node.operator {
                Some(operator) => operator.take(input, message, &mut self.out),
                None if node.is_sink => {
                    let collected = collect.collect(NodeId(number), message);
                    self.out.take();
                    collected
                }
                None => Ok(()),
            };
            if let Err(refusal) = taken {
                self.out.reject(refusal);
            }
            self.send_all(number);
        }
    }

    /// Puts what `number` sent on its way, so that the first message goes first.
    fn send_all(&mut self, number: usize) {
        let mut sent = std::mem::take(&mut self.out.sent);
        for (output, message) in sent.drain(..).rev() {
            self.send(number, output, message);
        }
        self.out.sent = sent;
    }

    fn send(&mut self, number: usize, output: usize, message: Message) {
        let node = self.nodes.get(number);
        let Some(fed) = node.and_then(|node| node.feeds.get(output)) else {
            return;
        };
        let Some((&(first, input), others)) = fed.split_first() else {
            return;
        };
        let others = others.iter().rev();
        self.stack
            .extend(others.map(|&(node, input)| (node, input, message.clone())));
        self.stack.push((first, input, message));
    }
}

fn shapes(topology: &Topology, node: &Node) -> Vec<Shape> {
    let shapes = node.feeds.iter().map(|feed| topology.shape(*feed));
    shapes.flatten().collect()
}

/// The operator that does `kind`; none at sources and sinks.
fn operator(kind: Kind, shapes: &[Shape]) -> Option<Box<dyn Operator>> {
    let is_table = shapes.first().is_some_and(|shape| *shape != Shape::Stream);
    let rows = Rows::default;
    Some(match kind {
        Kind::Source | Kind::Received(_) | Kind::Sink => return None,
        Kind::Filter(condition) if is_table => Box::new(FilterTable(condition)),
        Kind::Filter(condition) => Box::new(Filter(condition)),
        Kind::Map {
            value: Some(value), ..
        } if is_table => Box::new(MapTable(value)),
        Kind::Map { key, value } => Box::new(Map { key, value }),
        Kind::FlatMap(function) => Box::new(FlatMap(function)),
        Kind::Branch(conditions) => Box::new(Branch(conditions.into())),
        Kind::Merge => Box::new(Pass),
        Kind::Repartition => Box::new(Repartition),
        Kind::ToTable => Box::new(Table::default()),
        Kind::ToVersioned(history) => Box::new(VersionedTable {
            versions: Versions::new(history),
        }),
        Kind::ToStream => Box::new(ToStream),
        Kind::Aggregate(fold) => Box::new(AggregateStream { fold, rows: rows() }),
        Kind::AggregateWindows(windows, fold, emit) => {
            Box::new(WindowFold::new(windows, fold, emit))
        }
        Kind::AggregateSliding(windows, fold, emit) => {
            Box::new(SlidingFold::new(windows, fold, emit))
        }
        Kind::AggregateSessions {
            gap,
            grace,
            fold,
            emit,
        } => Box::new(SessionFold::new(gap, grace, fold, emit)),
        Kind::Regroup(key) => Box::new(Regroup(key)),
        Kind::AggregateTable(fold) => Box::new(AggregateTable { fold, rows: rows() }),
        Kind::AggregateRows(aggregates) => Box::new(AggregateRows::new(aggregates)),
        Kind::Suppress(limit, bounds) => Box::new(Suppress::new(limit, bounds)),
        Kind::JoinStreams(kind, window, joiner) => {
            Box::new(StreamStream::new(kind, window, joiner))
        }
        Kind::JoinTable {
            kind,
            key,
            joiner,
            grace,
        } => {
            let pairing = Pairing { kind, key, joiner };
            match shapes.get(1) {
                Some(Shape::Versioned(history)) => Box::new(AsOf::new(pairing, *history, grace)),
                _ => Box::new(StreamTable {
                    pairing,
                    rows: rows(),
                }),
            }
        }
        Kind::JoinTables(kind, joiner) => Box::new(TableTable::new(kind, joiner)),
        Kind::JoinForeign {
            kind,
            foreign,
            joiner,
        } => Box::new(ForeignKey::new(kind, foreign, joiner)),
        Kind::Subscribe(foreign) => Box::new(Subscribe(foreign)),
        Kind::JoinSubscribed(kind, joiner) => Box::new(JoinSubscribed::new(kind, joiner)),
        Kind::Settle => Box::new(Settle::default()),
        Kind::Distinct(id, within) => Box::new(Distinct::new(id, within)),
    })
}
