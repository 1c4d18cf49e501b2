//! The cells of one aggregate for all keys of a pane.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Function;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::cells::Cells;
use crate::stream::aggregate::collect::Collect;
use crate::stream::aggregate::count::Count;
use crate::stream::aggregate::distinct::Distinct;
use crate::stream::aggregate::ema::Ema;
use crate::stream::aggregate::ewma::Ewma;
use crate::stream::aggregate::exact_moments::ExactStddev;
use crate::stream::aggregate::exact_moments::ExactVariance;
use crate::stream::aggregate::exact_total::ExactTotal;
use crate::stream::aggregate::extreme::Max;
use crate::stream::aggregate::extreme::Min;
use crate::stream::aggregate::figure::Avg;
use crate::stream::aggregate::figure::FigureOf;
use crate::stream::aggregate::figure::Rate;
use crate::stream::aggregate::figure::Sum;
use crate::stream::aggregate::moments::Stddev;
use crate::stream::aggregate::moments::Variance;
use crate::stream::aggregate::quantile::Quantile;
use crate::stream::aggregate::timed::First;
use crate::stream::aggregate::timed::Last;
use crate::stream::aggregate::top::Top;
use crate::stream::aggregate::total::Total;

/// The cells of one aggregate, one for each slot of a pane, in one flat vector.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    Count(Cells<Count>),
    Sum(Cells<FigureOf<Sum, Total>>),
    Avg(Cells<FigureOf<Avg, Total>>),
    Min(Cells<Min>),
    Max(Cells<Max>),
    First(Cells<First>),
    Last(Cells<Last>),
    Variance(Cells<Variance>),
    Stddev(Cells<Stddev>),
    Ema(Cells<Ema>),
    Ewma(Cells<Ewma>),
    Distinct(Cells<Distinct>),
    Quantile(Cells<Quantile>),
    Top(Cells<Top>),
    Collect(Cells<Collect>),
    Rate(Cells<FigureOf<Rate, Total>>),
    ExactSum(Cells<FigureOf<Sum, ExactTotal>>),
    ExactAvg(Cells<FigureOf<Avg, ExactTotal>>),
    ExactVariance(Cells<ExactVariance>),
    ExactStddev(Cells<ExactStddev>),
    ExactRate(Cells<FigureOf<Rate, ExactTotal>>),
}

/// Does the same for whichever aggregate it is.
macro_rules! each {
    ($column:expr, $cells:ident => $body:expr) => {
        match $column {
            Column::Count($cells) => $body,
            Column::Sum($cells) => $body,
            Column::Avg($cells) => $body,
            Column::Min($cells) => $body,
            Column::Max($cells) => $body,
            Column::First($cells) => $body,
            Column::Last($cells) => $body,
            Column::Variance($cells) => $body,
            Column::Stddev($cells) => $body,
            Column::ExactSum($cells) => $body,
            Column::ExactAvg($cells) => $body,
            Column::ExactVariance($cells) => $body,
            Column::ExactStddev($cells) => $body,
            Column::Ema($cells) => $body,
            Column::Ewma($cells) => $body,
            Column::Distinct($cells) => $body,
            Column::Quantile($cells) => $body,
            Column::Top($cells) => $body,
            Column::Collect($cells) => $body,
            Column::Rate($cells) => $body,
            Column::ExactRate($cells) => $body,
        }
    };
}

impl Column {
    /// How many bytes a cell takes, without what it may hold elsewhere.
    pub(crate) const fn cell_bytes(&self) -> usize {
        each!(self, cells => cells.cell_bytes())
    }

    /// A column of `function` without cells, for adding and merging.
    pub(crate) const fn new(function: Function) -> Self {
        match function {
            Function::Count => Self::Count(Cells::new(())),
            Function::Sum => Self::Sum(Cells::new(())),
            Function::Avg => Self::Avg(Cells::new(())),
            Function::Min => Self::Min(Cells::new(())),
            Function::Max => Self::Max(Cells::new(())),
            Function::First => Self::First(Cells::new(())),
            Function::Last => Self::Last(Cells::new(())),
            Function::Variance(divisor) => Self::Variance(Cells::new(divisor)),
            Function::Stddev(divisor) => Self::Stddev(Cells::new(divisor)),
            Function::Ema(half_life) => Self::Ema(Cells::new(half_life)),
            Function::Ewma(smoothing) => Self::Ewma(Cells::new(smoothing)),
            Function::Distinct => Self::Distinct(Cells::new(())),
            Function::Quantile(rank) => Self::Quantile(Cells::new(rank)),
            Function::Top(limit) => Self::Top(Cells::new(limit)),
            Function::Collect(limit) => Self::Collect(Cells::new(limit)),
            Function::Rate => Self::Rate(Cells::new(())),
        }
    }

    /// A column of `function` without cells, for adding, merging and taking back: where that costs
    /// exactness in the plain column, this one pays for it. `None` where the function cannot take
    /// values back ([`Function::can_retract`]).
    pub(crate) const fn retractable(function: Function) -> Option<Self> {
        match function {
            Function::Count => Some(Self::Count(Cells::new(()))),
            Function::Sum => Some(Self::ExactSum(Cells::new(()))),
            Function::Avg => Some(Self::ExactAvg(Cells::new(()))),
            Function::Variance(divisor) => Some(Self::ExactVariance(Cells::new(divisor))),
            Function::Stddev(divisor) => Some(Self::ExactStddev(Cells::new(divisor))),
            Function::Ema(half_life) => Some(Self::Ema(Cells::new(half_life))),
            Function::Quantile(rank) => Some(Self::Quantile(Cells::new(rank))),
            Function::Rate => Some(Self::ExactRate(Cells::new(()))),
            Function::Min
            | Function::Max
            | Function::First
            | Function::Last
            | Function::Ewma(_)
            | Function::Distinct
            | Function::Top(_)
            | Function::Collect(_) => None,
        }
    }

    /// Adds a cell that has seen nothing.
    #[inline]
    pub(crate) fn push(&mut self) {
        each!(self, cells => cells.push());
    }

    /// Takes `value` of a record with the event time `time` into the cell at `slot`; null changes
    /// nothing.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize, time: Timestamp, value: &Value<'_>) {
        each!(self, cells => cells.add(slot, time, value));
    }

    /// Takes back what was added with the same time and value.
    ///
    /// # Errors
    ///
    /// [`NeverAdded`] where it was not, or the column is none of [`Column::retractable`].
    pub(crate) fn retract(
        &mut self,
        slot: usize,
        time: Timestamp,
        value: &Value<'_>,
    ) -> Result<(), NeverAdded> {
        match self {
            Self::Count(cells) => cells.retract(slot, time, value),
            Self::ExactSum(cells) => cells.retract(slot, time, value),
            Self::ExactAvg(cells) => cells.retract(slot, time, value),
            Self::ExactVariance(cells) => cells.retract(slot, time, value),
            Self::ExactStddev(cells) => cells.retract(slot, time, value),
            Self::Ema(cells) => cells.retract(slot, time, value),
            Self::Quantile(cells) => cells.retract(slot, time, value),
            Self::ExactRate(cells) => cells.retract(slot, time, value),
            _ => Err(NeverAdded),
        }
    }

    /// Merges cells of `other`, which was made like this one, into cells of this: pairs of a slot
    /// there and a slot here. Of two cells merged into one, the older comes first.
    pub(crate) fn merge(&mut self, other: &Self, slots: &[(usize, usize)]) {
        match (self, other) {
            (Self::Count(into), Self::Count(from)) => into.merge(from, slots),
            (Self::Sum(into), Self::Sum(from)) => into.merge(from, slots),
            (Self::Avg(into), Self::Avg(from)) => into.merge(from, slots),
            (Self::Min(into), Self::Min(from)) => into.merge(from, slots),
            (Self::Max(into), Self::Max(from)) => into.merge(from, slots),
            (Self::First(into), Self::First(from)) => into.merge(from, slots),
            (Self::Last(into), Self::Last(from)) => into.merge(from, slots),
            (Self::Variance(into), Self::Variance(from)) => into.merge(from, slots),
            (Self::Stddev(into), Self::Stddev(from)) => into.merge(from, slots),
            (Self::ExactSum(into), Self::ExactSum(from)) => into.merge(from, slots),
            (Self::ExactAvg(into), Self::ExactAvg(from)) => into.merge(from, slots),
            (Self::ExactVariance(into), Self::ExactVariance(from)) => into.merge(from, slots),
            (Self::ExactStddev(into), Self::ExactStddev(from)) => into.merge(from, slots),
            (Self::Ema(into), Self::Ema(from)) => into.merge(from, slots),
            (Self::Ewma(into), Self::Ewma(from)) => into.merge(from, slots),
            (Self::Distinct(into), Self::Distinct(from)) => into.merge(from, slots),
            (Self::Quantile(into), Self::Quantile(from)) => into.merge(from, slots),
            (Self::Top(into), Self::Top(from)) => into.merge(from, slots),
            (Self::Collect(into), Self::Collect(from)) => into.merge(from, slots),
            (Self::Rate(into), Self::Rate(from)) => into.merge(from, slots),
            (Self::ExactRate(into), Self::ExactRate(from)) => into.merge(from, slots),
            _ => debug_assert!(false, "columns of one plan position have one function"),
        }
    }

    /// The result of the cell at `slot` over a window of `length_ms`; `None` is a window without
    /// a length.
    ///
    /// # Errors
    ///
    /// [`ResultError`] where it cannot be expressed.
    pub(crate) fn result(
        &self,
        slot: usize,
        length_ms: Option<i64>,
    ) -> Result<Value<'_>, ResultError> {
        each!(self, cells => cells.result(slot, length_ms))
    }

    /// Merges the cell at `from` into that at `into`, which is another, as if it had come after.
    pub(crate) fn join(&mut self, into: usize, from: usize) {
        each!(self, cells => cells.join(into, from));
    }

    /// Makes the cell at `into` what that at `from`, which is another, is.
    pub(crate) fn set(&mut self, into: usize, from: usize) {
        each!(self, cells => cells.set(into, from));
    }

    /// Makes the cell at `slot` one that has seen nothing.
    pub(crate) fn reset(&mut self, slot: usize) {
        each!(self, cells => cells.reset(slot));
    }

    /// Forgets all cells, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        each!(self, cells => cells.clear());
    }

    /// Writes all cells.
    pub(crate) fn save(&self, out: &mut Writer) {
        each!(self, cells => cells.save(out));
    }

    /// Reads back `count` cells into this, which has none.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub(crate) fn load(&mut self, count: usize, from: &mut Reader<'_>) -> Result<(), Malformed> {
        each!(self, cells => cells.load(count, from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::aggregate::parameter::Divisor;
    use crate::stream::aggregate::parameter::Form;
    use crate::stream::aggregate::parameter::HalfLife;
    use crate::stream::aggregate::parameter::Limit;
    use crate::stream::aggregate::parameter::Nulls;
    use crate::stream::aggregate::parameter::Rank;
    use crate::stream::aggregate::parameter::Smoothing;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn functions() -> Vec<Function> {
        let half_life = HalfLife::new(TimeDelta::milliseconds(9)).unwrap();
        let smoothing = Smoothing::by_span(5.0).unwrap();
        vec![
            Function::Count,
            Function::Sum,
            Function::Avg,
            Function::Min,
            Function::Max,
            Function::First,
            Function::Last,
            Function::Variance(Divisor::Sample),
            Function::Stddev(Divisor::Population),
            Function::Ema(half_life),
            Function::Ewma(smoothing),
            Function::Ewma(smoothing.with(Form::Adjusted, Nulls::Decay)),
            Function::Distinct,
            Function::Quantile(Rank::new(0.75).unwrap()),
            Function::Top(Limit::new(3).unwrap()),
            Function::Collect(Limit::new(4).unwrap()),
            Function::Rate,
        ]
    }

    /// A record: its event time, and a number that `Count` takes as whether it is above 0.
    type Record = (i64, Option<f64>);

    fn value(function: Function, number: Option<f64>) -> Value<'static> {
        match (function, number) {
            (_, None) => Value::Null,
            (Function::Count, Some(number)) => Value::Bool(number > 0.0),
            (_, Some(number)) if number.fract() == 0.0 =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "small and whole")]
                Value::Int(number as i64)
            }
            (_, Some(number)) => Value::Float(number),
        }
    }

    fn add(column: &mut Column, function: Function, records: &[Record]) {
        for (time, number) in records {
            let value = value(function, *number);
            function.check(&value).unwrap();
            column.add(0, Timestamp(*time), &value);
        }
    }

    fn filled(mut column: Column, function: Function, records: &[Record]) -> Column {
        column.push();
        add(&mut column, function, records);
        column
    }

    /// Equal, floats to the last digits.
    fn are_alike(left: &Column, right: &Column) -> bool {
        match (left.result(0, Some(1000)), right.result(0, Some(1000))) {
            (Ok(Value::Float(left)), Ok(Value::Float(right))) => {
                (left - right).abs() <= 1e-9 * right.abs().max(1.0)
            }
            (left, right) => left == right,
        }
    }

    fn records() -> impl Strategy<Value = Vec<Record>> {
        let number =
            prop_oneof![3 => (-40i32..40).prop_map(|n| f64::from(n) / 4.0), 1 => -9f64..9.0];
        let record = (0i64..100, prop::option::weighted(0.85, number));
        prop::collection::vec(record, 0..90)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn merged_in_any_grouping_it_is_as_all_in_one_go(
            records in records(), cuts in prop::collection::vec(0usize..90, 1..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(records.len())).collect();
            cuts.extend([0, records.len()]);
            cuts.sort_unstable();
            for function in functions() {
                for column in [Some(Column::new(function)), Column::retractable(function)] {
                    let Some(column) = column else { continue };
                    let part = |range: &[usize]| {
                        filled(column.clone(), function, &records[range[0]..range[1]])
                    };
                    let mut left = filled(column.clone(), function, &[]);
                    cuts.windows(2).for_each(|range| left.merge(&part(range), &[(0, 0)]));
                    let right = cuts.windows(2).rev().map(part).reduce(|after, mut before| {
                        before.merge(&after, &[(0, 0)]);
                        before
                    });
                    let whole = filled(column.clone(), function, &records);
                    prop_assert!(are_alike(&left, &whole), "{function}: {left:?} {whole:?}");
                    let right = right.unwrap();
                    prop_assert!(are_alike(&right, &whole), "{function}: {right:?} {whole:?}");
                }
            }
        }

        #[test]
        fn what_is_taken_back_was_never_there(kept in records(), gone in records()) {
            for function in functions().into_iter().filter(|function| function.can_retract()) {
                // More than are kept one by one become a histogram, which stays one.
                if matches!(function, Function::Quantile(_)) && kept.len() + gone.len() > 64 {
                    continue;
                }
                let column = Column::retractable(function).unwrap();
                let mut column = filled(column, function, &gone);
                add(&mut column, function, &kept);
                for (time, number) in &gone {
                    let value = value(function, *number);
                    prop_assert_eq!(column.retract(0, Timestamp(*time), &value), Ok(()));
                }
                let never = filled(Column::retractable(function).unwrap(), function, &kept);
                prop_assert!(are_alike(&column, &never), "{function}: {column:?} {never:?}");
            }
        }

        #[test]
        fn what_was_saved_goes_on_as_if_it_had_not_been(before in records(), after in records()) {
            for function in functions() {
                for column in [Some(Column::new(function)), Column::retractable(function)] {
                    let Some(mut loaded) = column else { continue };
                    let mut whole = filled(loaded.clone(), function, &before);
                    let mut out = Writer::new();
                    whole.save(&mut out);
                    let bytes = out.into_bytes();
                    loaded.load(1, &mut Reader::new(&bytes)).unwrap();
                    add(&mut whole, function, &after);
                    add(&mut loaded, function, &after);
                    prop_assert_eq!(loaded.result(0, Some(7)), whole.result(0, Some(7)));
                    let cut = bytes.get(..bytes.len() - 1).unwrap_or_default();
                    prop_assert!(loaded.load(1, &mut Reader::new(cut)).is_err());
                }
            }
        }
    }

    #[test]
    fn a_cell_that_is_used_again_has_seen_nothing() {
        let records: Vec<Record> = (0..2_000i32).map(|n| (n.into(), Some(n.into()))).collect();
        for function in functions() {
            for column in [Some(Column::new(function)), Column::retractable(function)] {
                let Some(column) = column else { continue };
                let mut used = filled(column.clone(), function, &records);
                used.clear();
                used.push();
                let new = filled(column, function, &[]);
                assert_eq!(
                    used.result(0, Some(7)),
                    new.result(0, Some(7)),
                    "{function}"
                );
                add(&mut used, function, &records);
                used.reset(0);
                assert_eq!(
                    used.result(0, Some(7)),
                    new.result(0, Some(7)),
                    "{function}"
                );
            }
        }
    }
}
