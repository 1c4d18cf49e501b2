//! Records of one source that are filtered, keyed and aggregated: the way that copies nothing.

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use crate::codec::avro::schema::Schema;
use crate::codec::format::Format;
use crate::codec::projection::Fields;
use crate::codec::projection::Root;
use crate::codec::projection::Row;
use crate::expr;
use crate::expr::EvalError;
use crate::expr::Program;
use crate::expr::Scope;
use crate::expr::Type;
use crate::expr::schema_type::type_of;
use crate::record::Value;
use crate::stream::builder::build::Made;
use crate::stream::builder::build::Making;
use crate::stream::builder::computed::Computed;
use crate::stream::builder::computed::Expression;
use crate::stream::builder::mistake::Mistake;
use crate::stream::builder::node::Link;
use crate::stream::builder::node::Origin;
use crate::stream::builder::node::Step;
use crate::stream::plan::Keying;
use crate::stream::plan::Source;
use crate::stream::typed::Shape;

/// A source, and what is done with its records as they are read.
pub(super) struct Lane {
    pub(super) source: Source,
    pub(super) fields: Fields,
    pub(super) filter: Option<Program>,
    pub(super) key: Option<Program>,
    pub(super) value_type: Type,
    pub(super) key_type: Type,
    /// Compiled where it is known what the columns are read from.
    pub(super) select: Option<Vec<(String, Expression)>>,
}

impl Lane {
    /// Filters by `condition`, too.
    fn also(&mut self, condition: Program) {
        self.filter = Some(match self.filter.take() {
            None => condition,
            Some(before) => both(before, condition),
        });
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::record(self.value_type.clone(), self.key_type.clone())
    }
}

impl Making<'_> {
    pub(super) fn opened(
        &mut self,
        origin: &Origin,
        shape: &Shape,
        at: &'static Location<'static>,
    ) -> Option<Box<Lane>> {
        let value_type = self.value_type(origin, shape, at)?;
        let key_type = Type::of_key(origin.key_format);
        let mut fields = Fields::default();
        let scope = Scope::record(value_type.clone(), key_type.clone());
        let time = match &origin.time {
            None => None,
            Some(time) => Some(self.time(time, &scope, &mut fields)?),
        };
        Some(Box::new(Lane {
            source: Source {
                topic: Arc::clone(&origin.topic),
                key_format: origin.key_format,
                value_format: origin.value_format,
                value_schema: origin.schema.clone(),
                time,
                future: origin.future,
                idle: origin.idle,
                keying: origin.keying,
            },
            fields,
            filter: None,
            key: None,
            value_type,
            key_type,
            select: None,
        }))
    }

    fn time(&mut self, time: &Expression, scope: &Scope, fields: &mut Fields) -> Option<Program> {
        let expected = "milliseconds as int, a timestamp, or RFC 3339 text";
        let time = Computed::Expression(time.clone());
        self.program_of(&time, scope, fields, expected, |ty| {
            matches!(
                ty.non_null(),
                Type::Int | Type::Timestamp | Type::Text | Type::Dyn
            )
        })
    }

    fn value_type(
        &mut self,
        origin: &Origin,
        shape: &Shape,
        at: &'static Location<'static>,
    ) -> Option<Type> {
        Some(match (origin.value_format, &origin.schema) {
            (Format::Text, _) => Type::Text,
            (Format::Bytes, _) => Type::Bytes,
            (Format::Fixed(fixed), _) => Type::of_fixed(fixed),
            (Format::Avro, None) => Type::Dyn,
            (Format::Avro, Some(schema)) => match Schema::parse(schema) {
                Ok(schema) => type_of(&schema),
                Err(error) => {
                    self.report(Mistake::new(error.to_string(), at));
                    return None;
                }
            },
            (Format::Json, _) => match shape.fields {
                Some(_) => shape.ty.clone(),
                None => Type::Dyn,
            },
        })
    }

    /// What another flow has written, by its number.
    pub(super) fn reopened(
        &mut self,
        flow: usize,
        shape: &Shape,
        at: &'static Location<'static>,
    ) -> Option<Box<Lane>> {
        let output = self.outputs.get(flow)?.clone();
        let origin = Origin {
            topic: output.topic,
            key_format: Format::Text,
            value_format: output.value_format,
            schema: None,
            time: None,
            future: None,
            idle: None,
            keying: Keying::ByRecordKey,
        };
        let mut lane = self.opened(&origin, shape, at)?;
        lane.value_type = output.value_type;
        Some(lane)
    }

    pub(super) fn filtered(
        &mut self,
        of: &Link,
        condition: &Computed,
        at: &'static Location<'static>,
    ) -> Option<Made> {
        match self.made(of)? {
            Made::Lane(mut lane) if self.may_read(&lane, condition) => {
                let scope = lane.scope();
                if let Some(condition) = self.condition_of(condition, &scope, &mut lane.fields) {
                    lane.also(condition);
                }
                Some(Made::Lane(lane))
            }
            made => {
                let piece = self.piece_of(made, at)?;
                self.filtered_piece(piece, condition, at).map(Made::Piece)
            }
        }
    }

    pub(super) fn keyed(
        &mut self,
        of: &Link,
        key: &Computed,
        at: &'static Location<'static>,
    ) -> Option<Made> {
        match self.made(of)? {
            Made::Lane(mut lane) if self.may_read(&lane, key) => {
                let scope = lane.scope();
                lane.key = self.key_of(key, &scope, &mut lane.fields).or(lane.key);
                Some(Made::Lane(lane))
            }
            made => {
                let piece = self.piece_of(made, at)?;
                self.keyed_piece(piece, key, at).map(Made::Piece)
            }
        }
    }

    /// Whether `computed` may be computed of the records as they are read: not where it would see
    /// another key or value than the one that the steps before it made.
    fn may_read(&self, lane: &Lane, computed: &Computed) -> bool {
        let Computed::Expression(expression) = computed else {
            return lane.select.is_none();
        };
        let mut fields = Fields::default();
        // What is wrong with it is reported where it is compiled to stay.
        drop(expr::compile(&expression.text, &lane.scope(), &mut fields));
        let reads_key = fields.of(Root::Key).count() > 0;
        lane.select.is_none() && (lane.key.is_none() || !reads_key)
    }

    pub(super) fn selected(
        &mut self,
        of: &Link,
        columns: &[(String, Expression)],
        at: &'static Location<'static>,
    ) -> Option<Made> {
        match self.made(of)? {
            Made::Lane(mut lane) if self.may_read_columns(&lane, columns) => {
                lane.select = Some(columns.to_vec());
                Some(Made::Lane(lane))
            }
            Made::Windowing(windowing) if windowing.all.select.is_none() => {
                let selected = self.selected_results(*windowing, columns);
                selected.map(|selected| Made::Windowing(Box::new(selected)))
            }
            made => {
                let piece = self.piece_of(made, at)?;
                self.selected_piece(piece, columns, at).map(Made::Piece)
            }
        }
    }

    /// Programs by name, and their types by name.
    #[expect(
        clippy::type_complexity,
        reason = "programs by name, and their types by name"
    )]
    pub(super) fn columns(
        &mut self,
        columns: &[(String, Expression)],
        scope: &Scope,
        fields: &mut Fields,
    ) -> Option<(Vec<(Box<str>, Program)>, Vec<(String, Type)>)> {
        let compiled = columns.iter().map(|(name, expression)| {
            let program = self.compiled(expression, scope, fields)?;
            let ty = (name.clone(), program.ty().clone());
            Some(((name.as_str().into(), program), ty))
        });
        // All of them are compiled, so that all that is wrong is told.
        let compiled: Vec<Option<_>> = compiled.collect();
        compiled.into_iter().collect::<Option<_>>()
    }

    /// One way out of a branch: where nobody wants the others, a filter.
    pub(super) fn way(
        &mut self,
        of: &Link,
        number: usize,
        at: &'static Location<'static>,
    ) -> Option<Made> {
        let is_alone = self.uses.get(&Rc::as_ptr(of)).copied() == Some(1);
        let Step::Branch(from, conditions) = &of.step else {
            return None;
        };
        if !is_alone {
            return self.way_of(of, number, at).map(Made::Piece);
        }
        match self.made(from)? {
            Made::Lane(mut lane) if self.may_read_all(&lane, conditions) => {
                let scope = lane.scope();
                let programs = conditions.iter().take(number + 1);
                let programs = programs.map(|condition| {
                    let condition = condition.as_ref()?;
                    self.condition_of(condition, &scope, &mut lane.fields)
                });
                let programs = programs.collect();
                lane.also(first_of(programs));
                Some(Made::Lane(lane))
            }
            made => {
                let piece = self.piece_of(made, at)?;
                let piece = self.branched(piece, conditions, at)?;
                Some(Made::Piece(piece.output(number)))
            }
        }
    }

    fn may_read_columns(&self, lane: &Lane, columns: &[(String, Expression)]) -> bool {
        let mut columns = columns.iter();
        columns.all(|(_, column)| self.may_read(lane, &Computed::Expression(column.clone())))
    }

    fn may_read_all(&self, lane: &Lane, conditions: &[Option<Computed>]) -> bool {
        let mut conditions = conditions.iter().flatten();
        conditions.all(|condition| self.may_read(lane, condition))
    }
}

/// The condition that is true where both are; the second is asked where the first is true.
fn both(first: Program, second: Program) -> Program {
    let name = format!("({}) && ({})", first.source(), second.source());
    condition(&name, move |row| {
        Ok(first.eval_bool(row)? && second.eval_bool(row)?)
    })
}

/// The condition that is true where the last of `conditions` is the first that is true; without a
/// program it always is.
fn first_of(conditions: Vec<Option<Program>>) -> Program {
    let name = |condition: &Option<Program>| match condition {
        Some(program) => format!("({})", program.source()),
        None => "true".to_owned(),
    };
    let (last, before) = match conditions.split_last() {
        Some((last, before)) => (name(last), before.iter().map(name).collect()),
        None => (String::new(), Vec::new()),
    };
    let names: Vec<String> = before
        .iter()
        .map(|name: &String| format!("!{name}"))
        .collect();
    let name = names.into_iter().chain([last]).collect::<Vec<_>>();
    condition(&name.join(" && "), move |row| {
        for (number, condition) in conditions.iter().enumerate() {
            let is_true = match condition {
                Some(condition) => condition.eval_bool(row)?,
                None => true,
            };
            if is_true {
                return Ok(number + 1 == conditions.len());
            }
        }
        Ok(false)
    })
}

fn condition(
    name: &str,
    test: impl Fn(&Row<'_>) -> Result<bool, EvalError> + Send + Sync + 'static,
) -> Program {
    Program::native(name, Type::Bool, move |row| {
        let tested = test(row).map(Value::Bool);
        tested.map_err(|error| error.to_string().into())
    })
}
