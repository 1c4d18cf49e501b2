//! Joins: which two, how, and what is known of what comes of it.

use std::panic::Location;
use std::rc::Rc;

use crate::expr::Type;
use crate::stream::builder::build::Making;
use crate::stream::builder::join::Within;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Sides;
use crate::stream::builder::node::Step;
use crate::stream::builder::piece::Piece;
use crate::stream::graph::expression;
use crate::stream::graph::function::Joiner;
use crate::stream::graph::join_window::JoinWindow;
use crate::stream::graph::topology::Feed;
use crate::stream::graph::topology::JoinType;
use crate::stream::graph::topology::Kind;

impl Making<'_> {
    pub(super) fn joined(&mut self, link: &Link) -> Option<Piece> {
        let at = link.at;
        let (left, right) = match link.step.inputs().as_slice() {
            [left, right] => (Rc::clone(left), Rc::clone(right)),
            _ => return None,
        };
        // Both are compiled, so that all that is wrong is told.
        let left = match right.step {
            Step::Global(_) => self.piece(&left),
            _ => self.gathered(&left),
        };
        let right = self.gathered(&right);
        let (left, right) = (left?, right?);
        let (kind, sides, may_miss) = self.join_kind(&link.step, &left)?;
        self.check_sides(sides, at);
        let feed = self.node("join", kind, [left.feed, right.feed], at)?;
        let types = (left.value_type, right.value_type);
        Some(both(feed, sides, may_miss, types))
    }

    /// What the join does, what makes one value of its sides, and which of them may be missing.
    fn join_kind<'s>(
        &mut self,
        step: &'s Step,
        left: &Piece,
    ) -> Option<(Kind, &'s Sides, JoinType)> {
        Some(match step {
            Step::JoinStreams(_, _, kind, within, sides) => {
                let window = self.join_window(within)?;
                let join = Kind::JoinStreams(*kind, window, joiner(sides));
                (join, sides, *kind)
            }
            Step::JoinTable {
                kind,
                key,
                grace,
                sides,
                ..
            } => {
                let join = Kind::JoinTable {
                    kind: *kind,
                    key: match key {
                        Some(key) => Some(self.text_key(left, key)?),
                        None => None,
                    },
                    joiner: joiner(sides),
                    grace: *grace,
                };
                (join, sides, *kind)
            }
            Step::JoinTables(_, _, kind, sides) => {
                (Kind::JoinTables(*kind, joiner(sides)), sides, *kind)
            }
            Step::JoinForeign {
                kind,
                foreign,
                sides,
                ..
            } => {
                let join = Kind::JoinForeign {
                    kind: *kind,
                    foreign: self.text_key(left, foreign)?,
                    joiner: joiner(sides),
                };
                (join, sides, *kind)
            }
            _ => return None,
        })
    }

    fn join_window(&mut self, within: &Within) -> Option<JoinWindow> {
        match JoinWindow::new(within.before, within.after, within.grace) {
            Ok(window) => Some(window),
            Err(error) => {
                self.report(Mistake::new(error.to_string(), within.at));
                None
            }
        }
    }

    /// The sides of a join have names that expressions can use, and not the same.
    fn check_sides(&mut self, sides: &Sides, at: &'static Location<'static>) {
        let Sides::Named(left, right) = sides else {
            return;
        };
        if left == right {
            self.report(Mistake::new(format!("two sides named `{left}`"), at));
        }
        let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
        for side in [left, right] {
            let mut chars = side.chars();
            let is_name = chars.next().is_some_and(starts)
                && chars.all(|char| starts(char) || char.is_ascii_digit());
            if !is_name {
                let message = format!("`{side}` cannot be named in expressions");
                let mistake = Mistake::new(message, at);
                self.report(mistake.help("letters, digits and `_`, no digit first"));
            }
        }
    }
}

fn joiner(sides: &Sides) -> Joiner {
    match sides {
        Sides::Named(left, right) => expression::sides(left, right),
        Sides::Closure(joiner, _) => joiner.clone(),
    }
}

/// What is known of the results of a join.
fn both(feed: Feed, sides: &Sides, kind: JoinType, (left_type, right_type): (Type, Type)) -> Piece {
    let (left, right) = match sides {
        Sides::Closure(_, shape) => return Piece::of(feed, shape.ty.clone()),
        Sides::Named(left, right) => (left.clone(), right.clone()),
    };
    let may_miss = |misses: bool, ty: Type| if misses { ty.nullable() } else { ty };
    let sides = vec![
        (left, may_miss(kind == JoinType::Outer, left_type)),
        (right, may_miss(kind != JoinType::Inner, right_type)),
    ];
    Piece {
        sides: Some(sides.clone()),
        ..Piece::of(feed, Type::record("join", sides))
    }
}
