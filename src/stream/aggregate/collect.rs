//! `collect(x, limit)`.

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::held;
use crate::stream::aggregate::parameter::Limit;

/// The first values by event time, in its order; of equal times in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Collect {
    times: Vec<Timestamp>,
    values: Vec<Value<'static>>,
}

impl Aggregate for Collect {
    type Settings = Limit;

    #[inline]
    fn add(&mut self, limit: Limit, time: Timestamp, value: &Value<'_>) {
        let place = self.times.partition_point(|held| *held <= time);
        if place >= limit.get() {
            return;
        }
        held::insert(&mut self.values, place, limit, value);
        self.times.truncate(limit.get() - 1);
        self.times.insert(place, time);
    }

    fn merge(&mut self, limit: Limit, other: &Self) {
        for (time, value) in other.times.iter().zip(&other.values) {
            self.add(limit, *time, value);
        }
    }

    fn result(&self, _: Limit, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let values = self.values.iter().map(Value::borrowed);
        Ok(Value::List(values.collect()))
    }

    fn reset(&mut self) {
        self.times.clear();
        self.values.clear();
    }
}

impl Persist for Collect {
    fn save(&self, out: &mut Writer) {
        out.slice(&self.times);
        self.values.iter().for_each(|value| held::save(value, out));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let times: Vec<Timestamp> = from.vec()?;
        let values = times.iter().map(|_| held::load(from));
        Ok(Self {
            values: values.collect::<Result<_, _>>()?,
            times,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_the_head_of_all_by_time_however_it_is_merged(
            times in prop::collection::vec(0i64..12, 0..30), cut in 0usize..30, k in 1usize..8,
        ) {
            let limit = Limit::new(k).unwrap();
            let records: Vec<(i64, i64)> = times.into_iter().zip(0..).collect();
            let collect = |records: &[(i64, i64)]| {
                let mut collect = Collect::default();
                for (time, number) in records {
                    collect.add(limit, Timestamp(*time), &Value::Int(*number));
                }
                collect
            };
            let (left, right) = records.split_at(cut.min(records.len()));
            let mut merged = collect(left);
            merged.merge(limit, &collect(right));
            prop_assert_eq!(&merged, &collect(&records));
            let mut sorted = records.clone();
            sorted.sort_by_key(|(time, _)| *time);
            let expected = sorted.into_iter().take(k).map(|(_, number)| Value::Int(number));
            prop_assert_eq!(merged.values, expected.collect::<Vec<_>>());
        }
    }
}
