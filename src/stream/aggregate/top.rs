//! `top(k, x)`.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::extreme::order;
use crate::stream::aggregate::held;
use crate::stream::aggregate::parameter::Limit;

/// The largest values, the largest first; of equal ones the first that came first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    values: Vec<Value<'static>>,
}

impl Aggregate for Top {
    type Settings = Limit;

    #[inline]
    fn add(&mut self, limit: Limit, _: Timestamp, value: &Value<'_>) {
        let is_before = |held: &Value<'_>| order(held, value).is_ge();
        let place = self.values.partition_point(is_before);
        if place >= limit.get() {
            return;
        }
        held::insert(&mut self.values, place, limit, value);
    }

    fn merge(&mut self, limit: Limit, other: &Self) {
        for value in &other.values {
            self.add(limit, Timestamp::MIN, value);
        }
    }

    fn result(&self, _: Limit, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let values = self.values.iter().map(Value::borrowed);
        Ok(Value::List(values.collect()))
    }

    fn reset(&mut self) {
        self.values.clear();
    }
}

impl Persist for Top {
    fn save(&self, out: &mut Writer) {
        out.count(self.values.len());
        self.values.iter().for_each(|value| held::save(value, out));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.count(1)?;
        let values = (0..count)
            .map(|_| held::load(from))
            .collect::<Result<_, _>>()?;
        Ok(Self { values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_the_head_of_all_sorted_however_it_is_merged(
            numbers in prop::collection::vec(-20i64..20, 0..40), cut in 0usize..40, k in 1usize..8,
        ) {
            let limit = Limit::new(k).unwrap();
            let top = |numbers: &[i64]| {
                let mut top = Top::default();
                for number in numbers {
                    top.add(limit, Timestamp(0), &Value::Int(*number));
                }
                top
            };
            let (left, right) = numbers.split_at(cut.min(numbers.len()));
            let mut merged = top(left);
            merged.merge(limit, &top(right));
            let mut sorted = numbers.clone();
            sorted.sort_by(|left, right| right.cmp(left));
            sorted.truncate(k);
            let expected: Vec<_> = sorted.into_iter().map(Value::Int).collect();
            prop_assert_eq!(merged.result(limit, None), Ok(Value::List(expected.clone())));
            prop_assert_eq!(top(&numbers).values, expected);
        }
    }
}
