//! `ewma(x, smoothing)`.

use crate::expr::Number;
use crate::record::Timestamp;
use crate::record::Value;
use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::Aggregate;
use crate::stream::aggregate::ResultError;
use crate::stream::aggregate::compensated::finite;
use crate::stream::aggregate::parameter::Form;
use crate::stream::aggregate::parameter::Nulls;
use crate::stream::aggregate::parameter::Smoothing;

/// The mean of numbers by weights that shrink with every record that comes after.
///
/// With `a` the smoothing factor and `w` the weight of all so far, 1 at the first number and
/// multiplied by `1 − a` at each later record: `y = (w · y + n · x) / (w + n)`. In the plain form `n`
/// is `a` and `w` is 1 again afterwards, which makes it `y = (1 − a) · y + a · x`; in the adjusted
/// form `n` is 1 and `w` becomes `w + 1`, so that early results do not lean on the first number.
///
/// Source: pandas `ewm(adjust=…, ignore_na=…)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ewma {
    /// How many numbers there were; with none, only `lead` means something.
    count: u64,
    mean: f64,
    weight: f64,
    first: f64,
    /// What the weight of whatever came before is multiplied by up to and with the first number.
    lead: f64,
    /// What the share of the mean at the first number (plain) or its weight (adjusted) has been
    /// multiplied by since.
    rest: f64,
}

impl Default for Ewma {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            weight: 0.0,
            first: 0.0,
            lead: 1.0,
            rest: 1.0,
        }
    }
}

impl Ewma {
    fn add_null(&mut self, smoothing: Smoothing) {
        if smoothing.nulls == Nulls::Decay {
            self.decay(smoothing, 1.0 - smoothing.factor());
        }
    }

    /// Records without a number have multiplied the weight of what was before by `kept`.
    fn decay(&mut self, smoothing: Smoothing, kept: f64) {
        if self.count == 0 {
            self.lead *= kept;
            return;
        }
        self.weight *= kept;
        if smoothing.form == Form::Adjusted {
            self.rest *= kept;
        }
    }

    #[inline]
    fn add_number(&mut self, smoothing: Smoothing, number: f64) {
        let kept = 1.0 - smoothing.factor();
        self.count += 1;
        if self.count == 1 {
            (self.mean, self.first, self.weight) = (number, number, 1.0);
            self.lead *= kept;
            return;
        }
        let weight = self.weight * kept;
        match smoothing.form {
            Form::Plain => {
                let share = weight / (weight + smoothing.factor());
                self.mean = share * self.mean + (1.0 - share) * number;
                self.rest *= share;
                self.weight = 1.0;
            }
            Form::Adjusted => {
                self.mean = (weight * self.mean + number) / (weight + 1.0);
                self.rest *= kept;
                self.weight = weight + 1.0;
            }
        }
    }

    /// Takes in `other`, where both have seen numbers.
    fn append(&mut self, smoothing: Smoothing, other: &Self) {
        let weight = self.weight * other.lead;
        match smoothing.form {
            Form::Plain => {
                let share = weight / (weight + smoothing.factor());
                let at_first = share * self.mean + (1.0 - share) * other.first;
                self.mean = other.mean + other.rest * (at_first - other.first);
                self.rest *= share * other.rest;
                self.weight = other.weight;
            }
            Form::Adjusted => {
                let weight = weight * other.rest;
                let sum = weight * self.mean + other.weight * other.mean;
                self.rest *= other.lead * other.rest;
                self.weight = weight + other.weight;
                self.mean = sum / self.weight;
            }
        }
        self.count += other.count;
    }
}

impl Aggregate for Ewma {
    type Settings = Smoothing;

    const TAKES_NULL: bool = true;

    #[inline]
    fn add(&mut self, smoothing: Smoothing, _: Timestamp, value: &Value<'_>) {
        match Number::of(value) {
            Some(number) => self.add_number(smoothing, number.to_f64()),
            None => self.add_null(smoothing),
        }
    }

    fn merge(&mut self, smoothing: Smoothing, other: &Self) {
        match (self.count, other.count) {
            (_, 0) => self.decay(smoothing, other.lead),
            (0, _) => {
                let lead = self.lead * other.lead;
                *self = Self { lead, ..*other };
            }
            _ => self.append(smoothing, other),
        }
    }

    fn result(&self, _: Smoothing, _: Option<i64>) -> Result<Value<'_>, ResultError> {
        match self.count {
            0 => Ok(Value::Null),
            _ => finite(self.mean),
        }
    }
}

impl Persist for Ewma {
    fn save(&self, out: &mut Writer) {
        out.put(&self.count);
        for number in [self.mean, self.weight, self.first, self.lead, self.rest] {
            out.put(&number);
        }
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            count: from.take()?,
            mean: from.take()?,
            weight: from.take()?,
            first: from.take()?,
            lead: from.take()?,
            rest: from.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ewma(smoothing: Smoothing, records: &[Option<f64>]) -> Ewma {
        let mut ewma = Ewma::default();
        for record in records {
            let value = record.map_or(Value::Null, Value::Float);
            ewma.add(smoothing, Timestamp(0), &value);
        }
        ewma
    }

    fn smoothing(factor: f64, form: Form, nulls: Nulls) -> Smoothing {
        Smoothing::by_factor(factor).unwrap().with(form, nulls)
    }

    #[test]
    fn a_null_is_skipped_or_lets_the_weights_decay() {
        let gap = [Some(1.0), None, Some(3.0)];
        let mean = |form, nulls| ewma(smoothing(0.5, form, nulls), &gap).mean;
        assert_eq!(mean(Form::Plain, Nulls::Skip), 2.0);
        assert!((mean(Form::Plain, Nulls::Decay) - 7.0 / 3.0).abs() < 1e-15);
        assert!((mean(Form::Adjusted, Nulls::Decay) - 2.6).abs() < 1e-15);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn merged_in_any_grouping_it_is_that_of_all_in_one_go(
            records in prop::collection::vec(prop::option::weighted(0.7, -10.0f64..10.0), 0..16),
            cuts in prop::collection::vec(0usize..16, 0..4),
            factor in 0.01f64..1.0, adjusted in any::<bool>(), decay in any::<bool>(),
        ) {
            let form = if adjusted { Form::Adjusted } else { Form::Plain };
            let nulls = if decay { Nulls::Decay } else { Nulls::Skip };
            let smoothing = smoothing(factor, form, nulls);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(records.len())).collect();
            cuts.extend([0, records.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| ewma(smoothing, &records[cut[0]..cut[1]]));
            let mut left = Ewma::default();
            for part in parts.clone() {
                left.merge(smoothing, &part);
            }
            let right = parts.rev().reduce(|after, mut before| {
                before.merge(smoothing, &after);
                before
            });
            let whole = ewma(smoothing, &records);
            for merged in [left, right.unwrap_or_default()] {
                prop_assert_eq!(merged.count, whole.count);
                prop_assert!((merged.mean - whole.mean).abs() < 1e-9);
                prop_assert!((merged.weight - whole.weight).abs() < 1e-9);
            }
        }
    }
}
