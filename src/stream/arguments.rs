//! The arguments of aggregates.

use crate::codec::projection::Row;
use crate::expr::EvalError;
use crate::expr::Program;
use crate::record::Value;
use crate::stream::aggregate::ArgumentError;
use crate::stream::plan::NamedAggregate;
use crate::stream::reason::Reason;

/// The arguments of one record, in the order of a flow's aggregates, where they stand: a value that
/// is moved costs more than it does to use it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arguments<'a> {
    /// Where each comes from.
    pub(crate) sources: &'a [Source],
    /// The fields of the record.
    pub(crate) slots: &'a [Option<Value<'a>>],
    /// What expressions made of it.
    pub(crate) computed: &'a [Value<'a>],
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
    /// Arguments that come computed, `sources` being [`Source::computed`].
    pub(crate) const fn all_computed(sources: &'a [Source], computed: &'a [Value<'a>]) -> Self {
        Self {
            sources,
            slots: &[],
            computed,
        }
    }

    /// How many there are.
    pub(crate) const fn len(self) -> usize {
        self.sources.len()
    }

    /// All, in order.
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Value<'a>> {
        let sources = self.sources.iter();
        sources.map(move |source| source.value(self.slots, self.computed))
    }

    /// Checks all, so that a record that any of `aggregates` refuses touches none.
    ///
    /// # Errors
    ///
    /// Where there is one that its aggregate cannot take.
    #[inline(always)]
    pub(crate) fn check(self, aggregates: &[NamedAggregate]) -> Result<(), Box<Reason>> {
        for (named, source) in aggregates.iter().zip(self.sources) {
            if !matches!(source, Source::Fixed(_)) {
                let value = source.value(self.slots, self.computed);
                let checked = named.function.check(value);
                checked.map_err(|error| bad_argument(named, error))?;
            }
        }
        Ok(())
    }
}

#[cold]
fn bad_argument(named: &NamedAggregate, error: ArgumentError) -> Box<Reason> {
    let name = named.name.clone();
    Reason::BadArgument { name, error }.into()
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

    /// That of `count` arguments that all come computed.
    pub(crate) fn computed(count: usize) -> Box<[Self]> {
        (0..count).map(Self::Computed).collect()
    }

    #[inline]
    fn value<'a>(
        &'a self,
        slots: &'a [Option<Value<'a>>],
        computed: &'a [Value<'a>],
    ) -> &'a Value<'a> {
        let found = match self {
            Self::Fixed(value) => return value,
            Self::Slot(slot) => slots.get(*slot).and_then(Option::as_ref),
            Self::Computed(number) => computed.get(*number),
        };
        found.unwrap_or(&NULL)
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
) -> Result<(), Box<Reason>> {
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
