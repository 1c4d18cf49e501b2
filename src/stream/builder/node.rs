//! What a builder has been told, before anything is checked.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::codec::format::Format;
use crate::record::TopicName;
use crate::stream::builder::aggregate::Spec;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::join::Within;
use crate::stream::builder::sink::OutputFormat;
use crate::stream::builder::windows::Window;
use crate::stream::emit::Emit;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::suppress::Bounds;
use crate::stream::graph::topology::JoinType;
use crate::stream::plan::KeyForm;
use crate::stream::plan::Keying;
use crate::stream::plan::OnError;
use crate::stream::plan::Thinning;
use crate::stream::typed::Shape;

/// One step, and what it stands on. Steps are shared by those that stand on them.
pub(super) type Link = Rc<Node>;

/// A step and the call that made it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) step: Step,
    pub(super) at: &'static Location<'static>,
}

/// What a source was told to be.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) topic: TopicName,
    pub(super) key_format: Format,
    pub(super) value_format: Format,
    pub(super) schema: Option<Arc<str>>,
    pub(super) time: Option<Expression>,
    pub(super) future: Option<TimeDelta>,
    pub(super) idle: Option<TimeDelta>,
    pub(super) keying: Keying,
}

/// The sides of a join: their names in expressions, or a closure over both.
#[derive(Clone, Debug)]
pub(super) enum Sides {
    Named(String, String),
    Closure(Joiner, Shape),
}

/// When results of built-in aggregates come out, and under which keys.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Emission {
    /// `None` is what the windows say.
    pub(super) emit: Option<Emit>,
    pub(super) thinning: Thinning,
    pub(super) key: KeyForm,
}

/// What makes one value of another.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Records of a topic.
    Source(Origin, Shape),
    /// Records that a flow writes, by the flow's number.
    Through(usize, Shape),
    /// The latest row of each key; with history every version for so long.
    Table(Link, Option<TimeDelta>),
    /// The latest row of each key of a whole topic, in every task.
    Global(Link),
    Filter(Link, Computed),
    Key(Link, Computed),
    /// Named columns.
    Select(Link, Vec<(String, Expression)>),
    /// Another value, by a closure.
    Map(Link, Mapping, Shape),
    /// Several records, by the list that is computed.
    FlatMap(Link, Computed),
    Merge(Vec<Link>),
    Branch(Link, Vec<Option<Computed>>),
    /// One way out of a branch.
    Way(Link, usize),
    Distinct(Link, Computed, TimeDelta),
    Aggregate {
        of: Link,
        window: Option<Window>,
        aggregates: Vec<Spec>,
        emission: Emission,
    },
    Fold {
        of: Link,
        window: Option<Window>,
        fold: Fold,
        emit: Option<Emit>,
        shape: Shape,
    },
    /// Rows by another key, aggregated.
    AggregateTable(Link, Computed, Vec<Spec>),
    /// The same by closures.
    FoldTable(Link, Computed, Fold, Shape),
    ToStream(Link),
    Suppress(Link, TimeDelta, Bounds),
    JoinStreams(Link, Link, JoinType, Within, Sides),
    JoinTable {
        stream: Link,
        table: Link,
        kind: JoinType,
        /// What is looked up; `None` is the record's key.
        key: Option<Computed>,
        grace: Option<TimeDelta>,
        sides: Sides,
    },
    JoinTables(Link, Link, JoinType, Sides),
    JoinForeign {
        left: Link,
        right: Link,
        kind: JoinType,
        foreign: Computed,
        sides: Sides,
    },
    /// Late records of the flow go to a topic.
    Late(Link, TopicName),
}

impl Step {
    /// What it stands on.
    pub(super) fn inputs(&self) -> Vec<&Link> {
        match self {
            Self::Source(..) | Self::Through(..) => Vec::new(),
            Self::Merge(links) => links.iter().collect(),
            Self::Table(of, _)
            | Self::Global(of)
            | Self::Filter(of, _)
            | Self::Key(of, _)
            | Self::Select(of, _)
            | Self::Map(of, ..)
            | Self::FlatMap(of, _)
            | Self::Branch(of, _)
            | Self::Way(of, _)
            | Self::Distinct(of, ..)
            | Self::Aggregate { of, .. }
            | Self::Fold { of, .. }
            | Self::AggregateTable(of, ..)
            | Self::FoldTable(of, ..)
            | Self::ToStream(of)
            | Self::Suppress(of, ..)
            | Self::Late(of, _) => vec![of],
            Self::JoinStreams(left, right, ..)
            | Self::JoinTables(left, right, ..)
            | Self::JoinForeign { left, right, .. }
            | Self::JoinTable {
                stream: left,
                table: right,
                ..
            } => vec![left, right],
        }
    }
}

/// Where a flow ends.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) name: String,
    pub(super) of: Link,
    pub(super) topic: TopicName,
    pub(super) format: OutputFormat,
    pub(super) at: &'static Location<'static>,
}

/// All that a builder has been told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) name: String,
    pub(super) on_error: OnError,
    pub(super) ends: Vec<End>,
}

/// What a builder and all that comes of it have in common.
pub(super) type Shared = Rc<RefCell<Told>>;
