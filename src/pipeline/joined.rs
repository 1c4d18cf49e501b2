//! `join:` compiled: which two may be joined how, and what comes of it.

use crate::expr::Type;
use crate::pipeline::compile::Compiler;
use crate::pipeline::file::FlowBody;
use crate::pipeline::file::JoinBody;
use crate::pipeline::finding::Finding;
use crate::pipeline::operators::Made;
use crate::pipeline::operators::Making;
use crate::stream::graph::expression;
use crate::stream::graph::join_window::JoinWindow;
use crate::stream::graph::topology::JoinType;
use crate::stream::graph::topology::Kind;
use crate::stream::graph::topology::Shape;

impl Compiler<'_, '_> {
    /// `join:`: with a stream, with a table, or of two tables.
    pub(super) fn joined(
        &mut self,
        body: &FlowBody,
        join: &JoinBody,
        left: Made,
        making: &mut Making,
    ) -> Option<Made> {
        self.check_sides(body, join);
        let right = self.opened(&join.with, None, making)?;
        if !self.is_known(&join.with) {
            return None;
        }
        let kind = self.join_kind(body, join, &left, &right)?;
        let at = &join.with;
        let feed = self.add(kind, [left.feed, right.feed], making, at)?;
        let may_miss = |misses: bool, ty: Type| if misses { ty.nullable() } else { ty };
        let sides = vec![
            (
                body.from.value.clone(),
                may_miss(join.kind == JoinType::Outer, left.value_type),
            ),
            (
                join.with.value.clone(),
                may_miss(join.kind != JoinType::Inner, right.value_type),
            ),
        ];
        let both_are_tables = left.shape != Shape::Stream && right.shape != Shape::Stream;
        Some(Made {
            feed,
            shape: if both_are_tables {
                Shape::Table
            } else {
                Shape::Stream
            },
            value_type: Type::record("join", sides.clone()),
            sides: Some(sides),
        })
    }

    fn join_kind(
        &mut self,
        body: &FlowBody,
        join: &JoinBody,
        left: &Made,
        right: &Made,
    ) -> Option<Kind> {
        let joiner = expression::sides(&body.from.value, &join.with.value);
        let (is_table, with_table) = (left.shape != Shape::Stream, right.shape != Shape::Stream);
        let is_global = self.table(&join.with).is_some_and(|table| table.is_global);
        let problem = match (is_global, is_table) {
            (true, true) => Some((
                "a table joined with a global table",
                "only streams are joined with global tables; leave `global` out",
            )),
            _ => self.join_problem(join, (is_table, with_table, is_global), right.shape),
        };
        if let Some((message, help)) = problem {
            self.report(Finding::new(message, join.span.clone()).help(help));
            return None;
        }
        let kind = join.kind;
        Some(match (is_table, with_table) {
            (false, false) => {
                let nearness = join.nearness?;
                let grace = join.grace.unwrap_or_default();
                let window = JoinWindow::new(nearness.before, nearness.after, grace);
                let at = |error: &dyn std::fmt::Display| {
                    let finding = Finding::new(error.to_string(), join.span.clone());
                    finding.help("write `within: 5m`, with `grace: 1m`")
                };
                match window {
                    Ok(window) => Kind::JoinStreams(kind, window, joiner),
                    Err(error) => {
                        self.report(at(&error));
                        return None;
                    }
                }
            }
            (false, true) => Kind::JoinTable {
                kind,
                key: match &join.on {
                    Some(on) => Some(self.mapping(on, left)?),
                    None => None,
                },
                joiner,
                grace: join.grace,
            },
            (true, _) => match &join.on {
                Some(on) => Kind::JoinForeign {
                    kind,
                    foreign: self.mapping(on, left)?,
                    joiner,
                },
                None => Kind::JoinTables(kind, joiner),
            },
        })
    }

    /// What keeps these two from being joined this way, and how to mend it.
    fn join_problem(
        &self,
        join: &JoinBody,
        (is_table, with_table, is_global): (bool, bool, bool),
        right: Shape,
    ) -> Option<(&'static str, &'static str)> {
        let is_outer = join.kind == JoinType::Outer;
        match (is_table, with_table) {
            (true, false) => Some((
                "a table joined with a stream",
                "read the stream with `from:`, and join it with the table",
            )),
            (false, false) if join.nearness.is_none() => Some((
                "a join of two streams without `within`",
                "say how near their times must be: `within: 5m`",
            )),
            (_, true) if join.nearness.is_some() => Some((
                "`within` of a join with a table",
                "a table has one row for each key, whatever the time; remove it",
            )),
            (false, _) if join.on.is_some() && !is_global => Some((
                "`on` of a stream",
                "give the flow `key:`, which is what the join looks up, or make the table `global`",
            )),
            (false, true) if is_outer => Some((
                "an outer join of a stream with a table",
                "write `type: left`",
            )),
            (true, true) if is_outer && join.on.is_some() => Some((
                "an outer join by a key that the left side names",
                "write `type: left`",
            )),
            (_, true) if join.grace.is_some() && (is_table || right == Shape::Table) => Some((
                "`grace` of a join with a table without history",
                "give the table `history:`, or remove it",
            )),
            _ => None,
        }
    }

    /// The sides of a join have names that expressions can use, and not the same.
    fn check_sides(&mut self, body: &FlowBody, join: &JoinBody) {
        if let Some(other) = body.others.first() {
            let finding = Finding::new("a join of several sources", other.span.clone());
            self.report(
                finding.help("write them to one topic in a flow of its own, and join that"),
            );
        }
        if body.from.value == join.with.value {
            let message = format!("`{}` joined with itself", join.with.value);
            let finding = Finding::new(message, join.with.span.clone());
            self.report(finding.help("name its topic as another source, and join that"));
        }
        for side in [&body.from, &join.with] {
            let starts = |char: char| char.is_ascii_alphabetic() || char == '_';
            let is_name = side.value.starts_with(starts)
                && side
                    .value
                    .chars()
                    .all(|char| starts(char) || char.is_ascii_digit());
            if !is_name {
                let message = format!("`{}` cannot be named in expressions", side.value);
                let finding = Finding::new(message, side.span.clone());
                self.report(finding.help("letters, digits and `_`, no digit first"));
            }
        }
    }
}
