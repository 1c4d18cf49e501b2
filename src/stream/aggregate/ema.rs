//! `ema(x, half_life)`.

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
use crate::stream::aggregate::compensated::Compensated;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::exact::scale;
use crate::stream::aggregate::parameter::HalfLife;

/// The mean of numbers by weights that double with every half-life of event time.
///
/// The result is `Σ x · 2^(t/h) / Σ 2^(t/h)`: a weight depends on the record alone, so that neither
/// the order of records nor how they were cut matters, records of one time count alike, and a record
/// can be taken back. Weights are held as multiples of 2^(whole half-lives of the latest record), and
/// moving on by whole half-lives divides both sums by a power of two, which rounds nothing.
///
/// Source: G. Cormode, V. Shkapenyuk, D. Srivastava and B. Xu, "Forward decay", 2009.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ema {
    values: Compensated,
    weights: Compensated,
    /// How many whole half-lives after the epoch the latest record was.
    half_lives: i64,
    count: u64,
}

impl Ema {
    #[inline]
    fn add_weighted(&mut self, number: f64, weight: f64) {
        self.values.add(number * weight);
        self.weights.add(weight);
    }

    /// Makes this relative to no fewer than `half_lives`, and says the weight of a record of that
    /// many and `rest` of one more.
    #[inline]
    fn weight(&mut self, half_lives: i64, rest: f64) -> f64 {
        let weight = rest.exp2();
        match half_lives.cmp(&self.half_lives) {
            std::cmp::Ordering::Equal => weight,
            std::cmp::Ordering::Greater => {
                self.move_on(half_lives);
                weight
            }
            std::cmp::Ordering::Less => halved(weight, self.half_lives.abs_diff(half_lives)),
        }
    }

    #[inline(never)]
    fn move_on(&mut self, half_lives: i64) {
        let passed = half_lives.abs_diff(self.half_lives);
        self.values = self.values.map(|sum| halved(sum, passed));
        self.weights = self.weights.map(|sum| halved(sum, passed));
        self.half_lives = half_lives;
    }
}

/// `number / 2^times`; 0 once that lies below the doubles.
fn halved(number: f64, times: u64) -> f64 {
    // The doubles reach over 2098 powers of two.
    i32::try_from(times.min(2200)).map_or(0.0, |times| scale(number, -times))
}

impl Aggregate for Ema {
    type Settings = HalfLife;

    #[inline]
    fn add(&mut self, half_life: HalfLife, time: Timestamp, value: &Value<'_>) {
        if let Some(number) = Number::of(value) {
            let (half_lives, rest) = half_life.split(time);
            if self.count == 0 {
                self.half_lives = half_lives;
            }
            let weight = self.weight(half_lives, rest);
            self.add_weighted(number.to_f64(), weight);
            self.count += 1;
        }
    }

    fn merge(&mut self, _: HalfLife, other: &Self) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *other;
            return;
        }
        let mut other = *other;
        match self.half_lives < other.half_lives {
            true => self.move_on(other.half_lives),
            false => other.move_on(self.half_lives),
        }
        self.values.merge(&other.values);
        self.weights.merge(&other.weights);
        self.count += other.count;
    }

    fn result(&self, _: HalfLife, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        let weights = self.weights.total();
        match weights > 0.0 {
            true => finite(self.values.total() / weights),
            false => Ok(Value::Null),
        }
    }
}

impl Retract for Ema {
    fn retract(
        &mut self,
        half_life: HalfLife,
        time: Timestamp,
        value: &Value<'_>,
    ) -> Result<(), NeverAdded> {
        let Some(number) = Number::of(value) else {
            return Ok(());
        };
        let (half_lives, rest) = half_life.split(time);
        match self.count {
            0 => return Err(NeverAdded),
            _ if half_lives > self.half_lives => return Err(NeverAdded),
            1 => self.reset(),
            _ => {
                let weight = self.weight(half_lives, rest);
                self.add_weighted(number.to_f64(), -weight);
                self.count -= 1;
            }
        }
        Ok(())
    }
}

impl Persist for Ema {
    fn save(&self, out: &mut Writer) {
        out.put(&self.values);
        out.put(&self.weights);
        out.put(&self.half_lives);
        out.put(&self.count);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            values: from.take()?,
            weights: from.take()?,
            half_lives: from.take()?,
            count: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    const SERIES: [(i64, f64); 6] = [
        (0, 10.0),
        (1000, 20.0),
        (1500, 30.0),
        (4000, 40.0),
        (4000, 50.0),
        (10_000, 60.0),
    ];

    fn half_life(ms: i64) -> HalfLife {
        HalfLife::new(TimeDelta::milliseconds(ms)).unwrap()
    }

    fn ema(half_life: HalfLife, records: impl IntoIterator<Item = (i64, f64)>) -> Ema {
        let mut ema = Ema::default();
        for (time, number) in records {
            ema.add(half_life, Timestamp(time), &Value::Float(number));
        }
        ema
    }

    fn result(ema: &Ema) -> Option<f64> {
        match ema.result(half_life(1), None) {
            Ok(Value::Float(mean)) => Some(mean),
            Ok(Value::Null) => None,
            other => panic!("{other:?}"),
        }
    }

    fn is_near(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-13 * right.abs()
    }

    #[test]
    fn the_series_of_the_reference_comes_out_as_in_pandas() {
        let expected = [
            10.0,
            15.857_864_376_269_049,
            21.664_530_679_670_05,
            30.723_549_870_392_933,
            37.098_033_978_123_83,
            53.717_745_662_907_18,
        ];
        for (count, expected) in (1..).zip(expected) {
            let mean = result(&ema(half_life(2000), SERIES.into_iter().take(count))).unwrap();
            assert!(is_near(mean, expected), "{count}: {mean}");
        }
    }

    #[test]
    fn neither_order_nor_cuts_matter_and_a_record_can_be_taken_back() {
        let half_life = half_life(2000);
        let expected = result(&ema(half_life, SERIES)).unwrap();
        let backwards = ema(half_life, SERIES.into_iter().rev());
        assert!(is_near(result(&backwards).unwrap(), expected));
        for cut in 0..=SERIES.len() {
            let (early, late) = SERIES.split_at(cut);
            let mut merged = ema(half_life, late.iter().copied());
            merged.merge(half_life, &ema(half_life, early.iter().copied()));
            assert!(is_near(result(&merged).unwrap(), expected), "cut at {cut}");
        }
        for gone in [(7_000, 1e16), (10_000, 1e16), (0, -1e16)] {
            let mut spiked = ema(half_life, SERIES.into_iter().chain([gone]));
            let spike = Value::Float(gone.1);
            spiked
                .retract(half_life, Timestamp(gone.0), &spike)
                .unwrap();
            let mean = result(&spiked).unwrap();
            assert!(is_near(mean, expected), "{gone:?}: {mean}");
        }
    }

    #[test]
    fn after_thousands_of_half_lives_only_the_new_record_counts() {
        let half_life = half_life(1);
        let mut ema = ema(half_life, [(0, 5.0)]);
        ema.add(half_life, Timestamp(1_000_000), &Value::Float(7.0));
        assert_eq!(result(&ema), Some(7.0));
        ema.add(half_life, Timestamp(0), &Value::Float(1e9));
        assert_eq!(result(&ema), Some(7.0), "and an old one no longer does");
        let new = Value::Float(7.0);
        ema.retract(half_life, Timestamp(1_000_000), &new).unwrap();
        assert_eq!(result(&ema), None, "what is left weighs nothing");
        ema.add(half_life, Timestamp(i64::MAX), &Value::Float(3.0));
        assert_eq!(result(&ema), Some(3.0));
    }

    #[test]
    fn what_is_later_than_everything_or_after_the_last_was_never_added() {
        let half_life = half_life(1000);
        let mut ema = ema(half_life, [(5_000, 1.0)]);
        let one = Value::Float(1.0);
        let retracted = ema.retract(half_life, Timestamp(6_000), &one);
        assert_eq!(retracted, Err(NeverAdded));
        assert_eq!(ema.retract(half_life, Timestamp(5_000), &one), Ok(()));
        let retracted = ema.retract(half_life, Timestamp(5_000), &one);
        assert_eq!(retracted, Err(NeverAdded));
        assert_eq!(result(&ema), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn the_mean_is_that_of_the_definition(
            records in prop::collection::vec((0i64..100_000, -1e3f64..1e3), 1..30),
            ms in 1i64..50_000,
        ) {
            let latest = records.iter().map(|(time, _)| *time).max().unwrap_or(0);
            let weight = |time: i64| {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                let half_lives = (time - latest) as f64 / ms as f64;
                half_lives.exp2()
            };
            let values: f64 = records.iter().map(|(time, x)| x * weight(*time)).sum();
            let weights: f64 = records.iter().map(|(time, _)| weight(*time)).sum();
            let mean = result(&ema(half_life(ms), records)).unwrap();
            prop_assert!((mean - values / weights).abs() <= 1e-9, "{} {}", mean, values / weights);
        }
    }
}
