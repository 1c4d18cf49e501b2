//! Numbers counted by the logarithm of their size.

use std::collections::VecDeque;

use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::NeverAdded;

/// A number found again differs from the true one by at most this share of it.
const RELATIVE_ERROR: f64 = 0.01;

/// The most bins of one sign: numbers that differ by a factor of up to 10^35.
const BINS_MAX: usize = 4096;

/// Bin boundaries are the powers of this.
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);

/// How many numbers there are of about each size.
///
/// A number falls into the bin of its logarithm to the base [`GAMMA`], whose middle is within
/// [`RELATIVE_ERROR`] of all that fall into it. Where the numbers of one sign differ by more than a
/// factor of 10^35, the smallest of them count as the smallest that there is still a bin for.
///
/// Source: C. Masson, J. E. Rim and H. K. Lee, `DDSketch`, 2019 (arXiv:1908.10693), with the
/// logarithmic mapping and the collapsing of the lowest bins.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogHistogram {
    positive: Bins,
    negative: Bins,
    zeros: u64,
}

/// Counts by bin, from the bin `lowest` upward.
#[derive(Clone, Debug, Default)]
struct Bins {
    counts: VecDeque<u64>,
    lowest: i32,
    count: u64,
}

impl LogHistogram {
    pub(crate) fn count(&self) -> u64 {
        self.positive.count + self.negative.count + self.zeros
    }

    #[inline]
    pub(crate) fn add(&mut self, number: f64) {
        if number > 0.0 {
            self.positive.add(bin(number), 1);
        } else if number < 0.0 {
            self.negative.add(bin(-number), 1);
        } else {
            self.zeros += 1;
        }
    }

    /// Takes back a number that was added.
    ///
    /// # Errors
    ///
    /// [`NeverAdded`] where its bin is empty.
    pub(crate) fn retract(&mut self, number: f64) -> Result<(), NeverAdded> {
        if number > 0.0 {
            self.positive.retract(bin(number))
        } else if number < 0.0 {
            self.negative.retract(bin(-number))
        } else {
            self.zeros = self.zeros.checked_sub(1).ok_or(NeverAdded)?;
            Ok(())
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.positive.merge(&other.positive);
        self.negative.merge(&other.negative);
        self.zeros += other.zeros;
    }

    /// The number at `place` in ascending order, counted from 0; `None` where there are not so many.
    pub(crate) fn at(&self, place: u64) -> Option<f64> {
        if let Some(from_zero) = self.negative.count.checked_sub(place + 1) {
            return self.negative.at(from_zero).map(|number| -number);
        }
        let place = place - self.negative.count;
        match place.checked_sub(self.zeros) {
            None => Some(0.0),
            Some(place) => self.positive.at(place),
        }
    }
}

/// The bin of a number above 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "from -37222 to 35488 for all doubles"
)]
#[inline]
fn bin(number: f64) -> i32 {
    (number.ln() / GAMMA.ln()).ceil() as i32
}

/// The number that stands for a bin.
fn middle(bin: i32) -> f64 {
    let power = (f64::from(bin) * GAMMA.ln()).exp();
    (power * (2.0 / (GAMMA + 1.0))).clamp(f64::from_bits(1), f64::MAX)
}

impl Bins {
    #[inline]
    fn add(&mut self, bin: i32, count: u64) {
        self.count += count;
        let place = self.place_or_add(bin);
        if let Some(counted) = self.counts.get_mut(place) {
            *counted += count;
        }
    }

    /// Where `bin`, or the lowest one in its stead, is counted.
    #[inline]
    fn place_or_add(&mut self, bin: i32) -> usize {
        match usize::try_from(bin - self.lowest) {
            Ok(place) if place < self.counts.len() => place,
            _ => self.make_place(bin),
        }
    }

    #[inline(never)]
    fn make_place(&mut self, bin: i32) -> usize {
        if self.counts.is_empty() {
            self.lowest = bin;
        }
        while bin < self.lowest && self.counts.len() < BINS_MAX {
            self.counts.push_front(0);
            self.lowest -= 1;
        }
        let place = usize::try_from(bin - self.lowest).unwrap_or(0);
        while self.counts.len() <= place {
            self.counts.push_back(0);
        }
        while self.counts.len() > BINS_MAX {
            let collapsed = self.counts.pop_front().unwrap_or(0);
            self.lowest += 1;
            if let Some(lowest) = self.counts.front_mut() {
                *lowest += collapsed;
            }
        }
        usize::try_from(bin - self.lowest).unwrap_or(0)
    }

    fn retract(&mut self, bin: i32) -> Result<(), NeverAdded> {
        let place = usize::try_from(bin - self.lowest).unwrap_or(0);
        let counted = self.counts.get_mut(place).ok_or(NeverAdded)?;
        *counted = counted.checked_sub(1).ok_or(NeverAdded)?;
        self.count -= 1;
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        for (bin, count) in (other.lowest..).zip(&other.counts) {
            if *count > 0 {
                self.add(bin, *count);
            }
        }
    }

    /// The number at `place` from zero outward, counted from 0.
    fn at(&self, place: u64) -> Option<f64> {
        let mut passed = 0;
        let mut bins = (self.lowest..).zip(&self.counts);
        let found = bins.find(|(_, count)| {
            passed += **count;
            passed > place
        });
        found.map(|(bin, _)| middle(bin))
    }
}

impl Persist for LogHistogram {
    fn save(&self, out: &mut Writer) {
        out.put(&self.positive);
        out.put(&self.negative);
        out.put(&self.zeros);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            positive: from.take()?,
            negative: from.take()?,
            zeros: from.take()?,
        })
    }
}

impl Persist for Bins {
    fn save(&self, out: &mut Writer) {
        out.put(&self.lowest);
        out.count(self.counts.len());
        self.counts.iter().for_each(|count| out.put(count));
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let lowest: i32 = from.take()?;
        let counts: Vec<u64> = from.vec()?;
        if counts.len() > BINS_MAX || lowest.unsigned_abs() > 1 << 20 {
            return Err(Malformed::new("a histogram of more bins than there may be"));
        }
        let count = counts
            .iter()
            .try_fold(0u64, |sum, count| sum.checked_add(*count));
        Ok(Self {
            count: count.ok_or_else(|| Malformed::new("a histogram of too many numbers"))?,
            counts: counts.into(),
            lowest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_and_the_largest_doubles_have_bins_of_their_own_sign() {
        for number in [f64::from_bits(1), f64::MIN_POSITIVE, 1.0, f64::MAX] {
            let mut histogram = LogHistogram::default();
            histogram.add(number);
            histogram.add(-number);
            let (low, high) = (histogram.at(0).unwrap(), histogram.at(1).unwrap());
            assert_eq!(low, -high);
            assert!((high / number - 1.0).abs() <= 0.0101, "{high} {number}");
            assert_eq!(histogram.at(2), None);
        }
    }

    #[test]
    fn numbers_far_below_the_largest_count_as_the_smallest_that_has_a_bin_in_any_order() {
        let mut upward = LogHistogram::default();
        let mut downward = LogHistogram::default();
        let numbers = [1e-200, 1e-100, 1.0, 1e100];
        numbers.iter().for_each(|number| upward.add(*number));
        numbers
            .iter()
            .rev()
            .for_each(|number| downward.add(*number));
        for place in 0..4 {
            assert_eq!(upward.at(place), downward.at(place));
        }
        assert!(upward.positive.counts.len() <= BINS_MAX);
        assert_eq!(upward.at(0), upward.at(2));
        assert!((upward.at(3).unwrap() / 1e100 - 1.0).abs() <= 0.0101);
        upward.retract(1e-200).unwrap();
        assert_eq!(upward.count(), 3);
    }
}
