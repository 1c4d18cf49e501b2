//! Flows of several operators cut into stretches, so that the records of one key meet in one task.
//!
//! Each stretch is what hangs together without an internal topic between. Its records go through
//! one
//!
//! - behind an input that is keyed otherwise than its topic is partitioned,
//! - behind an input whose topic has other partitions than those that it meets,
//! - behind what gives rows of a table other keys to aggregate them by,
//! - twice in a join by a foreign key ([`crate::stream::graph::foreign_tasks`]).
//!
//! A global table is read whole by every task, so what is only looked up in it needs to meet nobody.
//! Where all topics have one partition there is nothing to cut: all keys meet.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::record::PartitionId;
use crate::record::TopicName;
use crate::stream::graph::topology::Feed;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::Node;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Shape;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::Extent;
use crate::stream::plan::Flow;
use crate::stream::plan::GraphInput;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::Keying;
use crate::stream::plan::Map;
use crate::stream::plan::Operator;
use crate::stream::plan::Source;
use crate::stream::stretch::Internal;
use crate::stream::stretch::Outlet;
use crate::stream::stretch::Stretch;
use crate::stream::stretch::StretchInput;

/// The stretches of `flow`, which is `graph`, in the pipeline `pipeline`, each with the number of
/// its tasks. `counts` are the partitions of its inputs, in their order.
pub(crate) fn stretches(
    pipeline: &str,
    flow: &Flow,
    graph: &GraphPlan,
    counts: &[u32],
) -> Vec<(Stretch, u32)> {
    let mut cutting = Cutting::new(graph, counts);
    cutting.cut_rekeyed();
    cutting.cut_uneven();
    cutting.stretches(&Names::new(pipeline, flow))
}

/// All of `graph`, which is `flow`, in one stretch.
pub(crate) fn uncut(flow: &Flow, graph: &GraphPlan) -> Stretch {
    let mut cutting = Cutting::new(graph, &[]);
    cutting.pieces.iter_mut().for_each(|piece| piece.group = 0);
    let names = Names::new("", flow);
    cutting.stretch(0, (0, 0), &names, &BTreeMap::new(), &BTreeMap::new())
}

/// A node, and what becomes of it.
struct Piece {
    node: Node,
    /// Whether its records go through an internal topic.
    is_cut: bool,
    /// Which input of the flow it is.
    input: Option<usize>,
    /// The smallest number of a piece that it hangs together with.
    group: usize,
}

struct Cutting<'g> {
    graph: &'g GraphPlan,
    counts: &'g [u32],
    most: u32,
    pieces: Vec<Piece>,
}

impl<'g> Cutting<'g> {
    fn new(graph: &'g GraphPlan, counts: &'g [u32]) -> Self {
        let mut cutting = Self {
            graph,
            counts,
            most: most(graph, counts),
            pieces: Vec::new(),
        };
        let mut places: Vec<NodeId> = Vec::new();
        for (number, node) in graph.topology.nodes().iter().enumerate() {
            let feeds = node.feeds.iter().map(|feed| Feed {
                node: places.get(feed.node.0).copied().unwrap_or(feed.node),
                output: feed.output,
            });
            let feeds: Vec<Feed> = feeds.collect();
            let mut inputs = graph.inputs.iter();
            let input = inputs.position(|input| input.node.0 == number);
            places.push(cutting.place(node, feeds, input));
        }
        cutting
    }

    /// Adds a node; a join by a foreign key as its parts, if there are several tasks.
    fn place(&mut self, node: &Node, feeds: Vec<Feed>, input: Option<usize>) -> NodeId {
        match (&node.kind, feeds.as_slice()) {
            (
                Kind::JoinForeign {
                    kind,
                    foreign,
                    joiner,
                },
                &[left, right],
            ) if self.most > 1 => {
                let name = &node.name;
                let tell = self.push(name, Kind::Subscribe(foreign.clone()), vec![left]);
                let join = Kind::JoinSubscribed(*kind, joiner.clone());
                let join = self.push(name, join, vec![tell.into(), right]);
                self.push(name, Kind::Settle, vec![join.into()])
            }
            _ => {
                let node = Node {
                    feeds,
                    ..node.clone()
                };
                self.add(node, input)
            }
        }
    }

    fn push(&mut self, name: &str, kind: Kind, feeds: Vec<Feed>) -> NodeId {
        let node = Node {
            name: name.into(),
            feeds,
            kind,
            shape: Shape::Table,
        };
        self.add(node, None)
    }

    fn add(&mut self, node: Node, input: Option<usize>) -> NodeId {
        let number = self.pieces.len();
        self.pieces.push(Piece {
            node,
            is_cut: false,
            input,
            group: number,
        });
        NodeId(number)
    }

    /// Cuts behind everything that gives other keys than records are partitioned by.
    fn cut_rekeyed(&mut self) {
        if self.most <= 1 {
            return;
        }
        let keying = |input: &GraphInput| input.flow.source.keying;
        let mut inputs = self.graph.inputs.iter();
        let is_partitioned = inputs.all(|input| keying(input) == Keying::AlreadyPartitioned);
        for number in 0..self.pieces.len() {
            let Some(piece) = self.pieces.get(number) else {
                continue;
            };
            let is_cut = match piece.input.and_then(|input| self.graph.inputs.get(input)) {
                Some(input) => {
                    let is_rekeyed = input.flow.key.is_some();
                    is_rekeyed && keying(input) == Keying::ByRecordKey && self.keeps(number)
                }
                None => match piece.node.kind {
                    Kind::Repartition | Kind::Regroup(_) => !is_partitioned,
                    _ => piece.node.kind.sends_elsewhere(),
                },
            };
            if let Some(piece) = self.pieces.get_mut(number) {
                piece.is_cut = is_cut;
            }
        }
    }

    /// Whether something that comes of `number` needs the records of one key in one task.
    fn keeps(&self, number: usize) -> bool {
        let mut reached = vec![false; self.pieces.len()];
        for (at, piece) in self.pieces.iter().enumerate() {
            let feeds = &piece.node.feeds;
            let is_fed = |feed: &Feed| reached.get(feed.node.0).copied().unwrap_or(false);
            let is_reached = at == number || feeds.iter().any(is_fed);
            let is_looked_up = matches!(piece.node.kind, Kind::JoinTable { .. })
                && feeds.get(1).is_some_and(|feed| self.is_global(*feed));
            let is_end = matches!(piece.node.kind, Kind::Sink) && self.graph.windows.is_some();
            let is_together = is_end || piece.node.kind.needs_keys_together();
            if is_reached && is_together && !is_looked_up {
                return true;
            }
            if let Some(place) = reached.get_mut(at) {
                *place = is_reached;
            }
        }
        false
    }

    /// Whether what `feed` names is a global table, or comes of one.
    fn is_global(&self, feed: Feed) -> bool {
        let Some(piece) = self.pieces.get(feed.node.0) else {
            return false;
        };
        match piece.input.and_then(|input| self.graph.inputs.get(input)) {
            Some(input) => input.extent == Extent::Everything,
            None => {
                let mut feeds = piece.node.feeds.iter();
                feeds.len() == 1 && feeds.all(|feed| self.is_global(*feed))
            }
        }
    }

    /// Cuts behind inputs whose topics have other partitions than the most of those that they meet.
    fn cut_uneven(&mut self) {
        loop {
            self.group();
            let uneven = self.pieces.iter().position(|piece| {
                !piece.is_cut
                    && self.count(piece).is_some()
                    && self.count(piece) != Some(self.tasks(piece.group))
            });
            match uneven.and_then(|number| self.pieces.get_mut(number)) {
                Some(piece) => piece.is_cut = true,
                None => return,
            }
        }
    }

    /// How many partitions the topic of an input has that are shared out among tasks.
    fn count(&self, piece: &Piece) -> Option<u32> {
        let input = piece.input?;
        let extent = self.graph.inputs.get(input)?.extent;
        let count = self.counts.get(input).copied();
        count.filter(|_| extent == Extent::Partition)
    }

    /// How many tasks the pieces of a group have: as many as the most partitions of their topics,
    /// or of all topics where they have none.
    fn tasks(&self, group: usize) -> u32 {
        let pieces = self.pieces.iter().filter(|piece| piece.group == group);
        let counts = pieces.filter_map(|piece| self.count(piece));
        counts.max().unwrap_or(self.most)
    }

    /// Finds out what hangs together.
    fn group(&mut self) {
        for (number, piece) in self.pieces.iter_mut().enumerate() {
            piece.group = number;
        }
        for number in 0..self.pieces.len() {
            let feeds = self
                .pieces
                .get(number)
                .map(|piece| piece.node.feeds.clone());
            for feed in feeds.into_iter().flatten() {
                let fed = self.pieces.get(feed.node.0);
                let Some(fed) = fed.filter(|fed| !fed.is_cut).map(|fed| fed.group) else {
                    continue;
                };
                let own = self.pieces.get(number).map_or(fed, |piece| piece.group);
                let (least, other) = (fed.min(own), fed.max(own));
                let members = self.pieces.iter_mut();
                members
                    .filter(|piece| piece.group == other)
                    .for_each(|piece| piece.group = least);
            }
        }
    }

    /// The groups in their order, each with how many internal topics lie before it.
    fn levels(&self) -> BTreeMap<usize, usize> {
        let groups = self.pieces.iter().map(|piece| (piece.group, 0));
        let mut levels: BTreeMap<usize, usize> = groups.collect();
        // A group that reads what came of its own records is raised no higher than there are groups.
        for _ in 0..levels.len() {
            for piece in &self.pieces {
                for feed in &piece.node.feeds {
                    let fed = self.pieces.get(feed.node.0).filter(|fed| fed.is_cut);
                    let fed = fed.and_then(|fed| levels.get(&fed.group)).copied();
                    if let (Some(fed), Some(level)) = (fed, levels.get_mut(&piece.group)) {
                        *level = (*level).max(fed + 1);
                    }
                }
            }
        }
        levels
    }

    fn stretches(&self, names: &Names<'_>) -> Vec<(Stretch, u32)> {
        let topics = self.topics(names);
        let levels = self.levels();
        let mut groups: Vec<_> = levels
            .iter()
            .map(|(group, level)| (*level, *group))
            .collect();
        groups.sort_unstable();
        let groups = groups.into_iter().enumerate();
        let made = groups.map(|(number, (level, group))| {
            let stretch = self.stretch(number, (level, group), names, &topics, &levels);
            (stretch, self.tasks(group))
        });
        made.collect()
    }

    fn stretch(
        &self,
        number: usize,
        (level, group): (usize, usize),
        names: &Names<'_>,
        topics: &BTreeMap<usize, TopicName>,
        levels: &BTreeMap<usize, usize>,
    ) -> Stretch {
        let mut making = Making {
            cutting: self,
            names,
            topics,
            levels,
            places: BTreeMap::new(),
            stretch: Stretch {
                number,
                level,
                topology: Topology::new(),
                inputs: Vec::new(),
                outlets: Vec::new(),
            },
        };
        for (number, piece) in self.pieces.iter().enumerate() {
            if piece.group == group {
                making.add(number, piece);
            }
        }
        making.stretch
    }

    /// The internal topics behind the pieces that are cut.
    fn topics(&self, names: &Names<'_>) -> BTreeMap<usize, TopicName> {
        let mut topics: BTreeMap<usize, TopicName> = BTreeMap::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            if !piece.is_cut {
                continue;
            }
            let first = names.topic(&piece.node);
            let mut name = first.clone();
            let mut count = 1;
            while topics.values().any(|taken| **taken == *name) {
                count += 1;
                name = format!("{first}-{count}");
            }
            topics.insert(number, name.into());
        }
        topics
    }
}

/// The most partitions that a topic has whose partitions are shared out among tasks.
fn most(graph: &GraphPlan, counts: &[u32]) -> u32 {
    let counts = graph.inputs.iter().zip(counts);
    let shared = counts.filter(|(input, _)| input.extent == Extent::Partition);
    shared.map(|(_, count)| *count).max().unwrap_or(1)
}

/// A stretch in the making.
struct Making<'m> {
    cutting: &'m Cutting<'m>,
    names: &'m Names<'m>,
    topics: &'m BTreeMap<usize, TopicName>,
    levels: &'m BTreeMap<usize, usize>,
    /// Where pieces, and what is received of others, stand in the stretch.
    places: BTreeMap<usize, NodeId>,
    stretch: Stretch,
}

impl Making<'_> {
    fn add(&mut self, number: usize, piece: &Piece) {
        let feeds = piece.node.feeds.iter();
        let feeds: Vec<Feed> = feeds
            .filter_map(|feed| {
                let node = self.fed(*feed)?;
                Some(Feed { node, ..*feed })
            })
            .collect();
        let node = self.stretch.topology.push(Node {
            feeds,
            ..piece.node.clone()
        });
        let inputs = &self.cutting.graph.inputs;
        if let Some(input) = piece.input.and_then(|input| inputs.get(input)) {
            let read = |partition| StretchInput {
                input: GraphInput {
                    node,
                    ..input.clone()
                },
                internal: None,
                partition,
            };
            let count = piece.input.and_then(|input| self.cutting.counts.get(input));
            let count = i32::try_from(count.copied().unwrap_or(1)).unwrap_or(i32::MAX);
            match input.extent {
                Extent::Partition => self.stretch.inputs.push(read(None)),
                Extent::Everything => {
                    let all = (0..count).map(|number| read(Some(PartitionId(number))));
                    self.stretch.inputs.extend(all);
                }
            }
        }
        if let Some(topic) = self.topics.get(&number) {
            self.send(number, piece, node, topic);
        } else {
            self.places.insert(number, node);
        }
    }

    /// Where what `feed` names comes in, or stands.
    fn fed(&mut self, feed: Feed) -> Option<NodeId> {
        let number = feed.node.0;
        if let Some(place) = self.places.get(&number) {
            return Some(*place);
        }
        let piece = self.cutting.pieces.get(number)?;
        let topic = self.topics.get(&number)?;
        let node = self.stretch.topology.push(Node {
            name: piece.node.name.clone(),
            feeds: Vec::new(),
            kind: Kind::Received(piece.node.shape),
            shape: piece.node.shape,
        });
        let writers = self.cutting.tasks(piece.group);
        self.stretch.inputs.push(StretchInput {
            input: GraphInput {
                node,
                flow: self.names.received(topic),
                value_slot: 0,
                extent: Extent::Partition,
            },
            partition: None,
            internal: Some(Internal {
                writers: usize::try_from(writers).unwrap_or(usize::MAX),
                level: self.levels.get(&piece.group).copied().unwrap_or_default(),
                shape: piece.node.shape,
            }),
        });
        self.places.insert(number, node);
        Some(node)
    }

    fn send(&mut self, number: usize, piece: &Piece, from: NodeId, topic: &TopicName) {
        let node = self.stretch.topology.push(Node {
            name: piece.node.name.clone(),
            feeds: vec![from.into()],
            kind: Kind::Sink,
            shape: piece.node.shape,
        });
        let cutting = self.cutting;
        let mut readers = cutting.pieces.iter().filter(|reader| {
            let mut feeds = reader.node.feeds.iter();
            feeds.any(|feed| feed.node.0 == number)
        });
        let reader = readers.next().map(|reader| reader.group);
        self.stretch.outlets.push(Outlet {
            node,
            topic: Arc::clone(topic),
            partitions: reader.map_or(cutting.most, |group| cutting.tasks(group)),
            what: what(&piece.node.kind),
        });
    }
}

/// What goes through the internal topic behind a node, in words.
const fn what(kind: &Kind) -> &'static str {
    match kind {
        Kind::Subscribe(_) => "which rows name which",
        Kind::JoinSubscribed(..) => "what became of the rows that name others",
        Kind::Regroup(_) => "rows by the key that they are aggregated by",
        _ => "records by their new key",
    }
}

/// What internal topics of a flow are called, and how they are read.
struct Names<'n> {
    pipeline: &'n str,
    flow: &'n Flow,
}

impl<'n> Names<'n> {
    const fn new(pipeline: &'n str, flow: &'n Flow) -> Self {
        Self { pipeline, flow }
    }

    /// `<pipeline>-<flow>-<what>-repartition`, and the like of both ways of a join by a foreign key.
    fn topic(&self, node: &Node) -> String {
        let (pipeline, flow) = (self.pipeline, &self.flow.name);
        match node.kind {
            Kind::Subscribe(_) => format!("{pipeline}-{flow}-subscription"),
            Kind::JoinSubscribed(..) => format!("{pipeline}-{flow}-response"),
            Kind::Regroup(_) => format!("{pipeline}-{flow}-rows-repartition"),
            _ => format!("{pipeline}-{flow}-{}-repartition", node.name),
        }
    }

    /// The flow of an input that reads an internal topic.
    fn received(&self, topic: &TopicName) -> Arc<Flow> {
        let flow = self.flow;
        Arc::new(Flow {
            name: flow.name.clone(),
            source: Source {
                topic: Arc::clone(topic),
                key_format: Format::Bytes,
                value_format: Format::Bytes,
                value_schema: None,
                time: None,
                future: None,
                idle: None,
                keying: Keying::AlreadyPartitioned,
            },
            fields: Fields::default(),
            filter: None,
            key: None,
            operator: Operator::Map(Map { select: None }),
            late: flow.late.clone(),
            on_error: flow.on_error.clone(),
            sink: flow.sink.clone(),
        })
    }
}
