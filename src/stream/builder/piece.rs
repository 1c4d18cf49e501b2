//! Operators that feed each other.

use std::panic::Location;

use chrono::TimeDelta;

use crate::codec::projection::Fields;
use crate::codec::projection::Path;
use crate::codec::projection::Root;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::record::Value;
use crate::stream::builder::build::Made;
use crate::stream::builder::build::Making;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::lane::Lane;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Step;
use crate::stream::builder::windows::Window;
use crate::stream::emit::Emit;
use crate::stream::graph::expression;
use crate::stream::graph::fold::Fold;
use crate::stream::graph::function::Condition;
use crate::stream::graph::function::Mapping;
use crate::stream::graph::topology::Feed;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::NodeId;
use crate::stream::plan::Extent;
use crate::stream::plan::Source;
use crate::stream::window::Windows;

/// An input of a graph, compiled, with no flow around it yet.
pub(super) struct Opened {
    pub(super) node: NodeId,
    pub(super) source: Source,
    pub(super) fields: Fields,
    pub(super) value_slot: usize,
    pub(super) filter: Option<Program>,
    pub(super) key: Option<Program>,
    pub(super) extent: Extent,
}

/// What a node puts out, and what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) feed: Feed,
    pub(super) value_type: Type,
    /// The sides of a join by name, where expressions know them by these.
    pub(super) sides: Option<Vec<(String, Type)>>,
    /// Whether records of equal keys may stand in different tasks.
    pub(super) is_scattered: bool,
}

impl Piece {
    fn scope(&self) -> Scope {
        let key = Type::Text.nullable();
        match &self.sides {
            Some(sides) => Scope::joined(sides.clone(), key),
            None => Scope::message(self.value_type.clone(), key),
        }
    }

    fn fed(self, feed: Feed) -> Self {
        Self { feed, ..self }
    }

    /// The same values from another output of the node.
    pub(super) fn output(mut self, output: usize) -> Self {
        self.feed.output = output;
        self
    }

    /// Values of this type, of whichever node.
    pub(super) const fn of(feed: Feed, value_type: Type) -> Self {
        Self {
            feed,
            value_type,
            sides: None,
            is_scattered: false,
        }
    }
}

impl Making<'_> {
    pub(super) fn node(
        &mut self,
        name: &str,
        kind: Kind,
        feeds: impl IntoIterator<Item = Feed>,
        at: &'static Location<'static>,
    ) -> Option<Feed> {
        match self.topology.add(name, kind, feeds) {
            Ok(node) => Some(node.into()),
            Err(error) => {
                self.report(Mistake::new(error.to_string(), at));
                None
            }
        }
    }

    pub(super) fn piece(&mut self, link: &Link) -> Option<Piece> {
        let made = self.made(link)?;
        self.piece_of(made, link.at)
    }

    /// A piece whose records of equal keys stand in one task.
    pub(super) fn gathered(&mut self, link: &Link) -> Option<Piece> {
        let piece = self.piece(link)?;
        if !piece.is_scattered {
            return Some(piece);
        }
        let feed = self.node("repartition", Kind::Repartition, [piece.feed], link.at)?;
        Some(Piece {
            feed,
            is_scattered: false,
            ..piece
        })
    }

    /// What was made, as what a node puts out.
    pub(super) fn piece_of(&mut self, made: Made, at: &'static Location<'static>) -> Option<Piece> {
        match made {
            Made::Piece(piece) => Some(piece),
            Made::Lane(lane) => self.input(*lane, at),
            Made::Windowing(_) => {
                let mistake = Mistake::new("more made of results of windows", at);
                self.report(mistake.help(
                    "write them to a topic and read them from there: `.through(\"topic\", json())`",
                ));
                None
            }
        }
    }

    fn input(&mut self, mut lane: Lane, at: &'static Location<'static>) -> Option<Piece> {
        let topic = std::sync::Arc::clone(&lane.source.topic);
        let feed = self.node(&topic, Kind::Source, [], at)?;
        let value_slot = lane.fields.slot(Path::new(Root::Value, []));
        self.inputs.push(Opened {
            node: feed.node,
            source: lane.source,
            fields: lane.fields,
            value_slot,
            filter: lane.filter,
            key: lane.key,
            extent: Extent::Partition,
        });
        let piece = Piece::of(feed, lane.value_type);
        match lane.select {
            None => Some(piece),
            Some(columns) => self.selected_piece(piece, &columns, at),
        }
    }

    pub(super) fn filtered_piece(
        &mut self,
        piece: Piece,
        condition: &Computed,
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let Some(condition) = self.condition(&piece, condition) else {
            return Some(piece);
        };
        let kind = Kind::Filter(condition);
        let feed = self.node("filter", kind, [piece.feed], at)?;
        Some(piece.fed(feed))
    }

    pub(super) fn keyed_piece(
        &mut self,
        piece: Piece,
        key: &Computed,
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let Some(key) = self.text_key(&piece, key) else {
            return Some(piece);
        };
        let key = Some(key);
        let feed = self.node("key", Kind::Map { key, value: None }, [piece.feed], at)?;
        Some(Piece {
            feed,
            is_scattered: true,
            ..piece
        })
    }

    pub(super) fn selected_piece(
        &mut self,
        piece: Piece,
        columns: &[(String, Expression)],
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let mut fields = Fields::default();
        let (columns, types) = self.columns(columns, &piece.scope(), &mut fields)?;
        let value = Some(expression::object(columns, fields));
        let feed = self.node("select", Kind::Map { key: None, value }, [piece.feed], at)?;
        Some(Piece {
            is_scattered: piece.is_scattered,
            ..Piece::of(feed, Type::record("result", types))
        })
    }

    fn condition(&mut self, piece: &Piece, condition: &Computed) -> Option<Condition> {
        let mut fields = Fields::default();
        let program = self.condition_of(condition, &piece.scope(), &mut fields)?;
        Some(expression::condition(program, fields))
    }

    pub(super) fn text_key(&mut self, piece: &Piece, key: &Computed) -> Option<Mapping> {
        let mut fields = Fields::default();
        let program = self.key_of(key, &piece.scope(), &mut fields)?;
        Some(expression::text_key(program, fields))
    }

    /// One way out of a branch that has several.
    pub(super) fn way_of(
        &mut self,
        branch: &Link,
        number: usize,
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let made = self.made(branch)?;
        Some(self.piece_of(made, at)?.output(number))
    }

    pub(super) fn branched(
        &mut self,
        piece: Piece,
        conditions: &[Option<Computed>],
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let mut made = Vec::with_capacity(conditions.len());
        for condition in conditions {
            made.push(match condition {
                None => None,
                Some(condition) => Some(self.condition(&piece, condition)?),
            });
        }
        let feed = self.node("branch", Kind::Branch(made), [piece.feed], at)?;
        Some(piece.fed(feed))
    }

    /// Whatever is a node of a graph in any case.
    pub(super) fn operator(&mut self, link: &Link) -> Option<Piece> {
        let at = link.at;
        match &link.step {
            Step::Table(of, history) => {
                let piece = self.gathered(of)?;
                let kind = history.map_or(Kind::ToTable, Kind::ToVersioned);
                let feed = self.node("table", kind, [piece.feed], at)?;
                Some(piece.fed(feed))
            }
            Step::Global(of) => {
                let input = self.inputs.len();
                let piece = self.piece(of)?;
                if let Some(opened) = self.inputs.get_mut(input) {
                    opened.extent = Extent::Everything;
                }
                let feed = self.node("global table", Kind::ToTable, [piece.feed], at)?;
                Some(piece.fed(feed))
            }
            Step::Map(of, value, shape) => {
                let piece = self.piece(of)?;
                let value = Some(value.clone());
                let feed = self.node("map", Kind::Map { key: None, value }, [piece.feed], at)?;
                let is_scattered = piece.is_scattered;
                Some(Piece {
                    is_scattered,
                    ..Piece::of(feed, shape.ty.clone())
                })
            }
            Step::FlatMap(of, list) => self.flattened(of, list, at),
            Step::Merge(links) => self.merged(links, at),
            Step::Branch(of, conditions) => {
                let piece = self.piece(of)?;
                self.branched(piece, conditions, at)
            }
            Step::Distinct(of, id, within) => {
                let piece = self.gathered(of)?;
                let kind = Kind::Distinct(self.text_key(&piece, id)?, *within);
                let feed = self.node("distinct", kind, [piece.feed], at)?;
                Some(piece.fed(feed))
            }
            Step::Fold {
                of,
                window,
                fold,
                emit,
                shape,
            } => self.folded(of, window.as_ref(), fold, *emit, &shape.ty, at),
            Step::AggregateTable(..) | Step::FoldTable(..) => self.regrouped(link),
            Step::ToStream(of) => {
                let piece = self.piece(of)?;
                let feed = self.node("changes", Kind::ToStream, [piece.feed], at)?;
                Some(piece.fed(feed))
            }
            Step::Suppress(of, limit, bounds) => {
                let piece = self.piece(of)?;
                let kind = Kind::Suppress(*limit, *bounds);
                let feed = self.node("suppress", kind, [piece.feed], at)?;
                Some(piece.fed(feed))
            }
            _ => self.joined(link),
        }
    }

    fn flattened(
        &mut self,
        of: &Link,
        list: &Computed,
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let piece = self.piece(of)?;
        let mut fields = Fields::default();
        let expected = "a list, whose elements become records";
        let program = self.program_of(list, &piece.scope(), &mut fields, expected, |ty| {
            matches!(ty.non_null(), Type::List(_) | Type::Dyn)
        })?;
        let element = match program.ty().non_null() {
            Type::List(element) => (**element).clone(),
            _ => Type::Dyn,
        };
        let kind = Kind::FlatMap(expression::mapping(program, fields));
        let feed = self.node("flat map", kind, [piece.feed], at)?;
        Some(Piece {
            is_scattered: piece.is_scattered,
            ..Piece::of(feed, element)
        })
    }

    fn merged(&mut self, links: &[Link], at: &'static Location<'static>) -> Option<Piece> {
        let pieces: Vec<Option<Piece>> = links.iter().map(|link| self.piece(link)).collect();
        let pieces = pieces.into_iter().collect::<Option<Vec<_>>>()?;
        let feeds: Vec<Feed> = pieces.iter().map(|piece| piece.feed).collect();
        let feed = self.node("merge", Kind::Merge, feeds, at)?;
        let is_scattered = pieces.iter().any(|piece| piece.is_scattered);
        let mut types = pieces.iter().map(|piece| &piece.value_type);
        let first = types.next().cloned().unwrap_or_default();
        let is_one_type = types.all(|ty| *ty == first);
        Some(Piece {
            is_scattered,
            ..Piece::of(feed, if is_one_type { first } else { Type::Dyn })
        })
    }

    fn folded(
        &mut self,
        of: &Link,
        window: Option<&Window>,
        fold: &Fold,
        emit: Option<Emit>,
        ty: &Type,
        at: &'static Location<'static>,
    ) -> Option<Piece> {
        let windows = match window.map(Window::windows).transpose() {
            Ok(windows) => windows,
            Err(mistake) => {
                self.report(mistake);
                return None;
            }
        };
        let piece = self.gathered(of)?;
        let kind = match &windows {
            None => Kind::Aggregate(fold.clone()),
            Some(windows) => self.windowed(windows, fold, emit.unwrap_or_default(), at)?,
        };
        let mut feed = self.node("fold", kind, [piece.feed], at)?;
        if windows.is_some() {
            let value = Some(in_window());
            feed = self.node("window", Kind::Map { key: None, value }, [feed], at)?;
        }
        Some(Piece::of(feed, ty.clone()))
    }

    fn windowed(
        &mut self,
        windows: &Windows,
        fold: &Fold,
        emit: Emit,
        at: &'static Location<'static>,
    ) -> Option<Kind> {
        let millis = |millis| TimeDelta::try_milliseconds(millis).unwrap_or(TimeDelta::MAX);
        match windows {
            Windows::Time(windows) => Some(Kind::AggregateWindows(*windows, fold.clone(), emit)),
            Windows::Sliding(windows) => Some(Kind::AggregateSliding(*windows, fold.clone(), emit)),
            Windows::Session(windows) => Some(Kind::AggregateSessions {
                gap: millis(windows.gap_ms()),
                grace: millis(windows.grace_ms()),
                fold: fold.clone(),
                emit,
            }),
            _ => {
                let message = "a closure as aggregate of such windows";
                self.report(Mistake::new(message, at).help(
                    "closures aggregate tumbling, hopping, sliding and session windows; the built-in aggregates all",
                ));
                None
            }
        }
    }

    fn regrouped(&mut self, link: &Link) -> Option<Piece> {
        let at = link.at;
        let (Step::AggregateTable(of, key, _) | Step::FoldTable(of, key, ..)) = &link.step else {
            return None;
        };
        let piece = self.piece(of)?;
        let (kind, ty) = match &link.step {
            Step::FoldTable(_, _, fold, shape) => {
                (Kind::AggregateTable(fold.clone()), shape.ty.clone())
            }
            Step::AggregateTable(_, _, specs) => {
                let mut fields = Fields::default();
                let (named, types) = self.named(specs, &piece.scope(), &mut fields)?;
                let named = named.into_iter();
                let named = named.map(|one| (one.name, one.function, one.argument));
                let all = expression::aggregates(named.collect(), fields);
                if let Some(name) = all.not_of_tables() {
                    let message = format!("`{name}` cannot take values of a table back");
                    let mistake = Mistake::new(message, at);
                    self.report(mistake.help("a row's old value leaves when a new one comes: count, sum, avg, variance, stddev and quantile can do that"));
                    return None;
                }
                let key = ("key".to_owned(), Type::Text.nullable());
                let types = [key].into_iter().chain(types);
                (Kind::AggregateRows(all), Type::record("result", types))
            }
            _ => return None,
        };
        let key = self.text_key(&piece, key)?;
        let feed = self.node("group", Kind::Regroup(key), [piece.feed], at)?;
        let feed = self.node("aggregate", kind, [feed], at)?;
        Some(Piece::of(feed, ty))
    }
}

/// The value with its key and its window.
fn in_window() -> Mapping {
    Mapping::new(|view| {
        let (Some(value), Some(window)) = (view.value, view.window) else {
            return Ok(Value::Null);
        };
        let key = view.key.map(|key| key.value().into_owned());
        let bounds = [("start", window.start), ("end", window.end)];
        let bounds = bounds.map(|(name, time)| (Value::text(name), Value::Int(time.0)));
        Ok(Value::Map(vec![
            (Value::text("key"), key.unwrap_or_default()),
            (Value::text("window"), Value::Map(bounds.into())),
            (Value::text("value"), value.clone()),
        ]))
    })
}
