//! The arguments of aggregates.

use crate::codec::projection::Row;
use crate::expr::EvalError;
use crate::expr::Program;
use crate::record::Value;
use crate::stream::plan::NamedAggregate;
use crate::stream::reason::Reason;

/// The arguments of one record, in the order of a flow's aggregates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arguments<'a> {
    /// One after another.
    Values(&'a [Value<'a>]),
    /// Where they stand in a row: a value that is moved costs more than it does to use it.
    Row {
        sources: &'a [Source],
        slots: &'a [Option<Value<'a>>],
        computed: &'a [Value<'a>],
    },
}

/// Where an argument of every record comes from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The same for every record.
    Fixed(Value<'static>),
    /// The field in this slot; one that is not there counts as null: it is not part of the aggregate.
    Slot(usize),
    /// The expression that is computed as the one of this number.
    Computed(usize),
}

/// What a field that is not there is to an aggregate.
static NULL: Value<'static> = Value::Null;

impl<'a> Arguments<'a> {
    /// The argument of the `index`th aggregate.
    #[inline]
    pub(crate) fn get(self, index: usize) -> &'a Value<'a> {
        let found = match self {
            Self::Values(values) => values.get(index),
            Self::Row {
                sources,
                slots,
                computed,
            } => match sources.get(index) {
                Some(Source::Fixed(value)) => Some(value),
                Some(Source::Slot(slot)) => slots.get(*slot).and_then(Option::as_ref),
                Some(Source::Computed(number)) => computed.get(*number),
                None => None,
            },
        };
        found.unwrap_or(&NULL)
    }

    /// How many there are.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Row { sources, .. } => sources.len(),
        }
    }

    /// All, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Value<'a>> {
        (0..self.len()).map(move |index| self.get(index))
    }

    /// Checks all, so that a record that any of `aggregates` refuses touches none.
    ///
    /// # Errors
    ///
    /// Where there is one that its aggregate cannot take.
    #[inline]
    pub(crate) fn check(self, aggregates: &[NamedAggregate]) -> Result<(), Reason> {
        for (index, named) in aggregates.iter().enumerate() {
            if let Err(error) = named.function.check(self.get(index)) {
                let name = named.name.clone();
                return Err(Reason::BadArgument { name, error });
            }
        }
        Ok(())
    }
}

impl Source {
    /// Where the arguments of `aggregates` come from.
    pub(crate) fn of(aggregates: &[NamedAggregate]) -> Box<[Self]> {
        let mut computed = 0..;
        let source = |named: &NamedAggregate| match &named.argument {
            None => Self::Fixed(named.function.without_argument()),
            Some(program) => match program.slot() {
                Some(slot) => Self::Slot(slot),
                None => Self::Computed(computed.next().unwrap_or_default()),
            },
        };
        aggregates.iter().map(source).collect()
    }
}

/// Evaluates the arguments of `aggregates` that are no fields of `row`.
///
/// # Errors
///
/// Where one has no value.
pub(crate) fn compute<'r>(
    aggregates: &'r [NamedAggregate],
    row: &'r Row<'r>,
    computed: &mut Vec<Value<'r>>,
) -> Result<(), Reason> {
    computed.clear();
    for named in aggregates {
        if let Some(program) = named
            .argument
            .as_ref()
            .filter(|program| program.slot().is_none())
        {
            let value = match named.function.is_numeric() {
                true => number(program, row),
                false => program.eval(row),
            };
            computed.push(value.map_err(|error| Reason::Argument {
                name: named.name.clone(),
                error,
            })?);
        }
    }
    Ok(())
}

#[inline]
fn number(program: &Program, row: &Row<'_>) -> Result<Value<'static>, EvalError> {
    let number = program.eval_number(row)?;
    Ok(number.map_or(Value::Null, |number| number.into_value()))
}
