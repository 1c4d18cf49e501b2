//! `distinct(x)`.

use std::fmt;

use datasketches::hll::HllSketch;
use datasketches::hll::HllType;
use datasketches::hll::HllUnion;

use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::elements::Elements;

/// 2^12 registers of one byte: a relative standard error of 1.04 / √4096 = 1.6 %.
const LG_REGISTERS: u8 = 12;

/// How many different values there are: exactly for few, by a sketch for more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distinct {
    /// All of them, unless there is a sketch.
    few: Elements,
    many: Option<Box<Sketch>>,
}

/// A `HyperLogLog` sketch; the same registers whatever the order.
#[derive(Clone)]
struct Sketch(HllSketch);

#[expect(
    clippy::expect_used,
    reason = "the number of registers is a constant within the range"
)]
impl Sketch {
    fn new() -> Self {
        Self(HllSketch::new(LG_REGISTERS, HllType::Hll8).expect("from 4 to 21"))
    }

    fn merge(&mut self, other: &Self) {
        let mut union = HllUnion::new(LG_REGISTERS).expect("from 4 to 21");
        union.update(&self.0);
        union.update(&other.0);
        self.0 = union.to_sketch(HllType::Hll8);
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let estimate = self.0.composite_estimate();
        f.debug_tuple("Sketch").field(&estimate).finish()
    }
}

impl Distinct {
    /// Moves all values into a sketch.
    #[inline(never)]
    fn spill(&mut self) -> &mut Sketch {
        let many = self.many.get_or_insert_with(|| Box::new(Sketch::new()));
        for element in self.few.iter() {
            many.0.update(element);
        }
        self.few.clear();
        many
    }

    fn spill_if_many(&mut self) {
        if self.few.are_many() {
            self.spill();
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "an estimate of what was counted one by one"
    )]
    fn count(&self) -> i64 {
        match &self.many {
            Some(many) => many.0.composite_estimate().round() as i64,
            None => i64::try_from(self.few.len()).unwrap_or(i64::MAX),
        }
    }
}

impl Aggregate for Distinct {
    type Settings = ();

    #[inline]
    fn add(&mut self, (): (), _: Timestamp, value: &Value<'_>) {
        match &mut self.many {
            Some(many) => self.few.with(value, |element| many.0.update(element)),
            None => {
                self.few.insert(value);
                self.spill_if_many();
            }
        }
    }

    fn merge(&mut self, (): (), other: &Self) {
        if let Some(many) = &other.many {
            self.spill().merge(many);
            return;
        }
        for element in other.few.iter() {
            match &mut self.many {
                Some(many) => many.0.update(element),
                None => self.few.insert_encoded(element),
            }
        }
        self.spill_if_many();
    }

    fn result(&self, (): (), _: Option<i64>) -> Result<Value<'_>, ResultError> {
        Ok(Value::Int(self.count()))
    }

    fn reset(&mut self) {
        self.few.clear();
        self.many = None;
    }
}

impl Persist for Distinct {
    fn save(&self, out: &mut Writer) {
        out.put(&self.few);
        out.put(&self.many.is_some());
        if let Some(many) = &self.many {
            out.bytes(&many.0.serialize());
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let few = from.take()?;
        let many = match from.take::<bool>()? {
            false => None,
            true => {
                let sketch = HllSketch::deserialize(from.bytes()?).ok();
                let sketch = sketch.filter(|sketch| {
                    sketch.lg_config_k() == LG_REGISTERS && sketch.target_type() == HllType::Hll8
                });
                let sketch = sketch.ok_or_else(|| Malformed::new("not a sketch of ours"))?;
                Some(Box::new(Sketch(sketch)))
            }
        };
        Ok(Self { few, many })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distinct(values: impl IntoIterator<Item = i64>) -> Distinct {
        let mut distinct = Distinct::default();
        for value in values {
            distinct.add((), Timestamp(0), &Value::Int(value));
        }
        distinct
    }

    fn saved(distinct: &Distinct) -> Vec<u8> {
        let mut out = Writer::new();
        out.put(distinct);
        out.into_bytes()
    }

    #[test]
    fn few_are_counted_exactly_and_many_within_a_few_hundredths() {
        assert_eq!(distinct((0..5000).map(|n| n % 1000)).count(), 1000);
        for many in [1_100, 2_000, 10_000, 100_000] {
            let count = distinct(0..many).count();
            assert!((count - many).abs() * 100 <= many * 5, "{count} of {many}");
        }
    }

    #[test]
    fn however_it_is_merged_the_count_is_the_same() {
        for last in [100, 900, 1_500, 5_000] {
            let whole = distinct(0..last).count();
            for cut in [0, 1, last / 2, last - 1] {
                let mut merged = distinct(0..(cut + cut / 2).min(last));
                merged.merge((), &distinct(cut..last));
                assert_eq!(merged.count(), whole, "{last} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_was_saved_goes_on_as_if_it_had_not_been() {
        for before in [10, 3_000] {
            let whole = distinct(0..before);
            let mut loaded: Distinct = Reader::new(&saved(&whole)).take().unwrap();
            loaded.merge((), &distinct(5..4_000));
            assert_eq!(loaded.count(), distinct(0..4_000).count());
        }
        let mut bytes = saved(&distinct(0..3_000));
        bytes[20] ^= 0xFF;
        assert!(Reader::new(&bytes).take::<Distinct>().is_err());
    }
}
