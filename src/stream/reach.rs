//! How far back the state that comes of a source goes.

use chrono::TimeDelta;

use crate::stream::aggregate::Function;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::NodeId;
use crate::stream::graph::topology::Topology;
use crate::stream::plan::GraphPlan;
use crate::stream::plan::WindowAggregate;
use crate::stream::window::Windows;

/// How far back records have to be read again so that the state that came of them is rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing is kept of them.
    Nothing,
    /// Those of the last so long.
    Time(TimeDelta),
    /// All of them.
    All,
}

impl Reach {
    /// How far back the state goes that comes of what `source` takes in.
    #[must_use]
    pub fn of(topology: &Topology, source: NodeId) -> Self {
        let mut reaches: Vec<Option<Self>> = vec![None; topology.nodes().len()];
        let mut furthest = Self::Nothing;
        for (number, node) in topology.nodes().iter().enumerate() {
            let fed = node
                .feeds
                .iter()
                .filter_map(|feed| reaches.get(feed.node.0));
            let fed = fed.copied().flatten().reduce(Self::max);
            let reach = match number == source.0 {
                true => Some(Self::Nothing),
                false => fed.map(|fed| fed.beyond(&node.kind)),
            };
            if let (Some(place), Some(reach)) = (reaches.get_mut(number), reach) {
                *place = Some(reach);
                furthest = furthest.max(reach);
            }
        }
        furthest
    }

    /// How far back the state goes that comes of what the input `node` of a flow takes in.
    #[must_use]
    pub fn of_input(graph: &GraphPlan, node: NodeId) -> Self {
        Self::of(&graph.topology, node).with_end(graph)
    }

    /// With the windows on top that a flow ends in.
    #[must_use]
    pub fn with_end(self, graph: &GraphPlan) -> Self {
        match &graph.windows {
            Some(windows) => self.with_windows(&windows.aggregate),
            None => self,
        }
    }

    /// With the windows on top that `aggregate` has.
    fn with_windows(self, aggregate: &WindowAggregate) -> Self {
        let mut aggregates = aggregate.aggregates.iter();
        let remembers = aggregates.any(|one| matches!(one.function, Function::Ema(_)));
        match &aggregate.windows {
            // What never closes, may be as long as it likes, or goes by number of records.
            Windows::Running | Windows::Rows(_) | Windows::Session(_) => Self::All,
            _ if remembers => Self::All,
            windows => {
                self.and(TimeDelta::try_milliseconds(windows.open_ms()).unwrap_or(TimeDelta::MAX))
            }
        }
    }

    /// With what a node of `kind` keeps on top.
    fn beyond(self, kind: &Kind) -> Self {
        let zero = TimeDelta::zero();
        let own = match kind {
            Kind::ToTable
            | Kind::ToVersioned(_)
            | Kind::Aggregate(_)
            | Kind::AggregateTable(_)
            | Kind::AggregateRows(_)
            | Kind::Suppress(..)
            | Kind::JoinTables(..)
            | Kind::JoinForeign { .. }
            | Kind::JoinSubscribed(..)
            | Kind::Settle => return Self::All,
            Kind::JoinStreams(_, window, _) => window.reach(),
            Kind::Distinct(_, within) => *within * 2,
            Kind::JoinTable { grace, .. } => grace.unwrap_or(zero),
            Kind::AggregateWindows(windows, ..) => {
                let reach = windows.size_ms().saturating_add(windows.grace_ms());
                TimeDelta::try_milliseconds(reach).unwrap_or(TimeDelta::MAX)
            }
            Kind::AggregateSliding(windows, ..) => {
                // Records up to two differences apart are in windows that hold a third one.
                let reach = windows.difference_ms().saturating_mul(2);
                let reach = reach.saturating_add(windows.grace_ms()).saturating_add(1);
                TimeDelta::try_milliseconds(reach).unwrap_or(TimeDelta::MAX)
            }
            // A session may be as long as it likes.
            Kind::AggregateSessions { .. } => return Self::All,
            _ => zero,
        };
        self.and(own)
    }

    /// With so much time on top.
    fn and(self, own: TimeDelta) -> Self {
        match self {
            Self::All => Self::All,
            Self::Nothing if own == TimeDelta::zero() => Self::Nothing,
            Self::Nothing => Self::Time(own),
            Self::Time(before) => Self::Time(before.checked_add(&own).unwrap_or(TimeDelta::MAX)),
        }
    }

    fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Time(a), Self::Time(b)) => Self::Time(a.max(b)),
            (Self::Nothing, other) | (other, Self::Nothing) => other,
        }
    }
}
