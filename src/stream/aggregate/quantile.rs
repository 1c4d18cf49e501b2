//! `quantile(x, rank)`.

use crate::expr::Number;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::NeverAdded;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::Retract;
use crate::stream::aggregate::log_histogram::LogHistogram;
use crate::stream::aggregate::parameter::Rank;

/// Up to so many numbers are kept as they are.
const EXACT_MAX: usize = 64;

/// One of the numbers by its place among all in ascending order: exact for few, within a hundredth
/// of its value for more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantile {
    /// In ascending order; all of them, unless there is a histogram.
    few: Vec<f64>,
    many: Option<Box<LogHistogram>>,
}

impl Quantile {
    #[inline]
    fn put(&mut self, number: f64) {
        if let Some(many) = &mut self.many {
            many.add(number);
            return;
        }
        if self.few.len() == EXACT_MAX {
            self.spill().add(number);
            return;
        }
        let place = self.few.partition_point(|other| *other <= number);
        self.few.insert(place, number);
    }

    /// Moves all numbers into a histogram.
    #[inline(never)]
    fn spill(&mut self) -> &mut LogHistogram {
        let many = self.many.get_or_insert_with(Box::default);
        for number in self.few.drain(..) {
            many.add(number);
        }
        many
    }

    fn at(&self, rank: Rank) -> Option<f64> {
        match &self.many {
            Some(many) => many.at(rank.place(many.count())),
            None => {
                let place = rank.place(u64::try_from(self.few.len()).unwrap_or(0));
                self.few.get(usize::try_from(place).ok()?).copied()
            }
        }
    }
}

impl Aggregate for Quantile {
    type Settings = Rank;

    #[inline]
    fn add(&mut self, _: Rank, _: Timestamp, value: &Value<'_>) {
        if let Some(number) = Number::of(value) {
            self.put(number.to_f64());
        }
    }

    fn merge(&mut self, _: Rank, other: &Self) {
        match &other.many {
            Some(many) => self.spill().merge(many),
            None => other.few.iter().for_each(|number| self.put(*number)),
        }
    }

    fn result(&self, rank: Rank, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(self.at(rank).map_or(Value::Null, Value::Float))
    }

    fn reset(&mut self) {
        self.few.clear();
        self.many = None;
    }
}

impl Retract for Quantile {
    fn retract(&mut self, _: Rank, _: Timestamp, value: &Value<'_>) -> Result<(), NeverAdded> {
        let Some(number) = Number::of(value).map(Number::to_f64) else {
            return Ok(());
        };
        if let Some(many) = &mut self.many {
            return many.retract(number);
        }
        let place = self.few.partition_point(|other| *other < number);
        match self.few.get(place) {
            Some(found) if *found == number => {
                self.few.remove(place);
                Ok(())
            }
            _ => Err(NeverAdded),
        }
    }
}

impl Persist for Quantile {
    fn save(&self, out: &mut Writer) {
        out.slice(&self.few);
        out.put(&self.many.is_some());
        if let Some(many) = &self.many {
            out.put(&**many);
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut few: Vec<f64> = from.vec()?;
        few.sort_by(f64::total_cmp);
        let many = match from.take::<bool>()? {
            true => Some(Box::new(from.take()?)),
            false => None,
        };
        Ok(Self { few, many })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantile(numbers: &[f64]) -> Quantile {
        let mut quantile = Quantile::default();
        numbers.iter().for_each(|number| quantile.put(*number));
        quantile
    }

    fn rank(rank: f64) -> Rank {
        Rank::new(rank).unwrap()
    }

    #[test]
    fn of_few_it_is_exact_and_of_an_even_count_the_median_is_the_lower_one() {
        let numbers = quantile(&[3.0, 1.0, 4.0, 2.0]);
        assert_eq!(numbers.at(rank(0.0)), Some(1.0));
        assert_eq!(numbers.at(rank(0.5)), Some(2.0));
        assert_eq!(numbers.at(rank(1.0)), Some(4.0));
        assert_eq!(quantile(&[]).at(rank(0.5)), None);
    }

    #[test]
    fn what_is_taken_back_no_longer_counts_also_among_many() {
        let (one, hundred) = (Value::Float(1.0), Value::Float(100.0));
        let mut numbers = quantile(&[1.0, 100.0, 200.0]);
        let at = Timestamp(0);
        assert_eq!(numbers.retract(rank(0.5), at, &hundred), Ok(()));
        assert_eq!(numbers.retract(rank(0.5), at, &hundred), Err(NeverAdded));
        (0..100).for_each(|_| numbers.put(100.0));
        assert_eq!(numbers.retract(rank(0.5), at, &one), Ok(()));
        assert_eq!(numbers.retract(rank(0.5), at, &one), Err(NeverAdded));
        let lowest = numbers.at(rank(0.0)).unwrap();
        assert!((lowest - 100.0).abs() <= 1.0, "{lowest}");
    }

    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        let number = (-1e3f64..1e3, -12i32..12).prop_map(|(x, e)| x * 10f64.powi(e));
        prop::collection::vec(prop_oneof![20 => number, 1 => Just(0.0)], 1..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_within_a_hundredth_however_it_is_merged(
            numbers in numbers(), cut in 0usize..200, at in 0.0f64..=1.0,
        ) {
            let (left, right) = numbers.split_at(cut.min(numbers.len()));
            let mut merged = quantile(left);
            merged.merge(rank(at), &quantile(right));
            let whole = quantile(&numbers).at(rank(at));
            prop_assert_eq!(merged.at(rank(at)), whole);
            let mut sorted = numbers;
            sorted.sort_by(f64::total_cmp);
            let place = rank(at).place(sorted.len() as u64);
            let truth = sorted[usize::try_from(place).unwrap()];
            let found = whole.unwrap();
            prop_assert!((found - truth).abs() <= 0.010_000_001 * truth.abs(), "{found} {truth}");
        }
    }
}
