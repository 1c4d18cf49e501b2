//! Exact sums of doubles.

use crate::store::persist::Malformed;
use crate::store::persist::Persist;
use crate::store::persist::Reader;
use crate::store::persist::Writer;
use crate::stream::aggregate::compensated::nearest_of_magnitude;

/// The bits of one digit.
const DIGIT_BITS: i32 = 32;
const DIGIT: i64 = 0xFFFF_FFFF;

/// How many additions may pass before carries are settled: each adds less than one digit to a limb,
/// so that twice as many, which a merge can bring together, stay within 63 bits.
const ADDITIONS_MAX: u32 = 1 << 29;

/// No double, and no product of two, has a digit further from the point.
const PLACES_MAX: i32 = 80;

/// How many digits are rounded without taking memory: sums of numbers between 1e-19 and 1e38.
const FEW: usize = 9;

/// The exact sum of any doubles, and of products of two.
///
/// A fixed-point number in base 2^32 that grows to the digits that its numbers need: about five for
/// what people measure, 66 for all doubles. Nothing is lost, so that the order of additions does not
/// matter, a number taken away leaves no trace, and only the result is rounded, once, to the nearest
/// double.
///
/// Source: the small superaccumulator of R. M. Neal, "Fast exact summation using small and large
/// superaccumulators", 2015 (arXiv:1505.05571), with as many limbs as are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exact {
    /// The sum is that of `limbs[i] · 2^(32 · (lowest + i))`. Between settlings a limb holds more
    /// than a digit, and either sign.
    limbs: Vec<i64>,
    lowest: i32,
    /// Each has added less than one digit to a limb.
    additions: u32,
}

/// Whether a number is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    const fn flip(self) -> Self {
        match self {
            Self::Plus => Self::Minus,
            Self::Minus => Self::Plus,
        }
    }

    #[inline]
    const fn times(self, number: i64) -> i64 {
        match self {
            Self::Plus => number,
            Self::Minus => -number,
        }
    }
}

/// A finite double as `± magnitude · 2^exponent`.
#[derive(Clone, Copy, Debug)]
struct Parts {
    sign: Sign,
    magnitude: u64,
    exponent: i32,
}

impl Parts {
    #[inline]
    fn of(number: f64) -> Self {
        let bits = number.to_bits();
        let mantissa = bits & 0x000F_FFFF_FFFF_FFFF;
        let exponent = i32::try_from((bits >> 52) & 0x7FF).unwrap_or(0);
        let (magnitude, exponent) = match exponent {
            0 => (mantissa, -1074),
            _ => (mantissa | 1 << 52, exponent - 1075),
        };
        let sign = match number.is_sign_negative() {
            true => Sign::Minus,
            false => Sign::Plus,
        };
        Self {
            sign,
            magnitude,
            exponent,
        }
    }
}

/// A rounded sum, `mantissa · 2^exponent`, which may lie beyond the doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounded {
    mantissa: f64,
    exponent: i32,
}

impl Rounded {
    /// The sum divided by `divisor`, infinite where it lies beyond the doubles.
    pub(crate) fn over(self, divisor: f64) -> f64 {
        scale(self.mantissa / divisor, self.exponent)
    }
}

impl Exact {
    /// Adds `number`, which is finite, or takes it away.
    #[inline]
    pub(crate) fn add(&mut self, sign: Sign, number: f64) {
        let parts = Parts::of(number);
        let sign = match parts.sign {
            Sign::Plus => sign,
            Sign::Minus => sign.flip(),
        };
        self.add_part(sign, parts.magnitude, parts.exponent);
    }

    /// Adds the square of `number`, which is finite, or takes it away.
    #[inline]
    pub(crate) fn add_square(&mut self, sign: Sign, number: f64) {
        let Parts {
            magnitude,
            exponent,
            ..
        } = Parts::of(number);
        let (low, high) = halves(u128::from(magnitude) * u128::from(magnitude));
        self.add_part(sign, low, 2 * exponent);
        self.add_part(sign, high, 2 * exponent + 64);
    }

    /// Adds `integer`.
    pub(crate) fn add_integer(&mut self, integer: i128) {
        let sign = match integer < 0 {
            true => Sign::Minus,
            false => Sign::Plus,
        };
        let (low, high) = halves(integer.unsigned_abs());
        self.add_part(sign, low, 0);
        self.add_part(sign, high, 64);
    }

    /// Adds `± magnitude · 2^exponent`.
    #[inline]
    fn add_part(&mut self, sign: Sign, magnitude: u64, exponent: i32) {
        if magnitude == 0 {
            return;
        }
        let shift = exponent & (DIGIT_BITS - 1);
        let low = magnitude << shift;
        let high = (magnitude >> 1) >> (63 - shift);
        let at = self.room(exponent >> 5);
        if let Some([first, second, third]) = self.limbs.get_mut(at..at + 3) {
            *first += sign.times(low.cast_signed() & DIGIT);
            *second += sign.times((low >> DIGIT_BITS).cast_signed());
            *third += sign.times(high.cast_signed());
        }
        self.additions += 1;
        if self.additions >= ADDITIONS_MAX {
            self.settle();
        }
    }

    /// Where the limb of `place` stands, which is followed by at least two.
    #[inline]
    fn room(&mut self, place: i32) -> usize {
        match usize::try_from(place - self.lowest) {
            Ok(at) if at + 3 <= self.limbs.len() => at,
            _ => self.make_room(place, 3),
        }
    }

    /// Makes limbs for `count` places from `place` upward, and says where they begin.
    #[inline(never)]
    fn make_room(&mut self, place: i32, count: usize) -> usize {
        if self.limbs.is_empty() {
            self.lowest = place;
        }
        if place < self.lowest {
            let missing = usize::try_from(self.lowest - place).unwrap_or(0);
            self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
            self.lowest = place;
        }
        let at = usize::try_from(place - self.lowest).unwrap_or(0);
        self.limbs.resize(self.limbs.len().max(at + count), 0);
        at
    }

    /// Adds all of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.additions + other.additions > ADDITIONS_MAX {
            self.settle();
        }
        let at = self.make_room_for(other);
        for (into, from) in self.limbs.iter_mut().skip(at).zip(&other.limbs) {
            *into += from;
        }
        self.additions += other.additions + 1;
        if self.additions >= ADDITIONS_MAX {
            self.settle();
        }
    }

    fn make_room_for(&mut self, other: &Self) -> usize {
        match other.limbs.is_empty() {
            true => 0,
            false => self.make_room(other.lowest, other.limbs.len()),
        }
    }

    /// Brings every limb but the highest back to one digit.
    #[inline(never)]
    fn settle(&mut self) {
        self.limbs.push(0);
        carry(&mut self.limbs);
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
        self.additions = 1;
    }

    /// Forgets all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.limbs.clear();
        self.additions = 0;
    }

    /// The sum, rounded to the nearest; ties go to the even mantissa.
    pub(crate) fn rounded(&self) -> Rounded {
        let mut few = [0; FEW];
        match few.get_mut(..=self.limbs.len()) {
            Some(digits) => self.rounded_in(digits),
            None => self.rounded_in(&mut vec![0; self.limbs.len() + 1]),
        }
    }

    fn rounded_in(&self, digits: &mut [i64]) -> Rounded {
        let sign = self.put_digits(digits);
        let Some(top) = digits.iter().rposition(|digit| *digit != 0) else {
            return Rounded {
                mantissa: 0.0,
                exponent: 0,
            };
        };
        let lowest = top.saturating_sub(2);
        let (rest, leading) = digits.split_at(lowest);
        let leading = leading.iter().rev().fold(0u128, |magnitude, digit| {
            (magnitude << DIGIT_BITS) | u128::from(digit.cast_unsigned())
        });
        // With three digits there are more than 64 bits: the last one only tells that there is more.
        let more = u128::from(rest.iter().any(|digit| *digit != 0));
        let mantissa = nearest_of_magnitude(leading | more);
        Rounded {
            mantissa: match sign {
                Sign::Plus => mantissa,
                Sign::Minus => -mantissa,
            },
            exponent: DIGIT_BITS
                * self
                    .lowest
                    .saturating_add(i32::try_from(lowest).unwrap_or(0)),
        }
    }

    /// Puts the digits of the magnitude into `digits`, which are one more than there are limbs, and
    /// says the sign.
    fn put_digits(&self, digits: &mut [i64]) -> Sign {
        for (digit, limb) in digits.iter_mut().zip(&self.limbs) {
            *digit = *limb;
        }
        carry(digits);
        if digits.last().is_none_or(|top| *top >= 0) {
            return Sign::Plus;
        }
        for digit in &mut *digits {
            *digit = -*digit;
        }
        carry(digits);
        Sign::Minus
    }

    /// `count · squares − sum²`.
    pub(crate) fn spread(count: u64, squares: &Self, sum: &Self) -> Self {
        let mut spread = Self::default();
        let mut digits = vec![0; squares.limbs.len() + 1];
        let sign = squares.put_digits(&mut digits);
        let (low, high) = (count & DIGIT.cast_unsigned(), count >> DIGIT_BITS);
        for (place, digit) in (squares.lowest..).zip(&digits) {
            let digit = digit.cast_unsigned();
            spread.add_part(sign, digit * low, DIGIT_BITS * place);
            spread.add_part(sign, digit * high, DIGIT_BITS * (place + 1));
        }
        let mut digits = vec![0; sum.limbs.len() + 1];
        sum.put_digits(&mut digits);
        for (left_place, left) in (sum.lowest..).zip(&digits) {
            for (right_place, right) in (sum.lowest..).zip(&digits) {
                let product = left.cast_unsigned() * right.cast_unsigned();
                let exponent = DIGIT_BITS * (left_place + right_place);
                spread.add_part(Sign::Minus, product, exponent);
            }
        }
        spread
    }
}

/// Moves what goes beyond a digit up to the next limb; the highest takes the rest, and the sign.
fn carry(limbs: &mut [i64]) {
    let mut carried = 0;
    let last = limbs.len().saturating_sub(1);
    for (index, limb) in limbs.iter_mut().enumerate() {
        *limb += carried;
        if index < last {
            carried = *limb >> DIGIT_BITS;
            *limb &= DIGIT;
        }
    }
}

/// The low and the high 64 bits.
fn halves(wide: u128) -> (u64, u64) {
    let low = u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(wide >> 64).unwrap_or(0);
    (low, high)
}

/// `number · 2^exponent`: zero or infinite where that lies beyond the doubles.
pub(crate) fn scale(mut number: f64, mut exponent: i32) -> f64 {
    const STEP: i32 = 1000;
    while exponent > STEP && number.is_finite() && number != 0.0 {
        number *= power_of_two(STEP);
        exponent -= STEP;
    }
    while exponent < -STEP && number != 0.0 {
        number *= power_of_two(-STEP);
        exponent += STEP;
    }
    number * power_of_two(exponent.clamp(-STEP, STEP))
}

/// 2^exponent, for exponents from −1022 to 1023.
const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023).cast_unsigned() as u64) << 52)
}

impl Persist for Exact {
    fn save(&self, out: &mut Writer) {
        let mut settled = self.clone();
        settled.settle();
        out.put(&settled.lowest);
        out.slice(&settled.limbs);
    }

    fn load(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut exact = Self {
            lowest: from.take()?,
            limbs: from.vec()?,
            additions: 1,
        };
        let is_doubles = exact.lowest.abs() <= PLACES_MAX
            && exact.limbs.len() <= 2 * PLACES_MAX.unsigned_abs() as usize
            && exact.limbs.iter().all(|limb| limb.unsigned_abs() < 1 << 62);
        if !is_doubles {
            return Err(Malformed::new("no sum of doubles"));
        }
        exact.settle();
        Ok(exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(numbers: &[f64]) -> Exact {
        let mut exact = Exact::default();
        for number in numbers {
            exact.add(Sign::Plus, *number);
        }
        exact
    }

    fn value(exact: &Exact) -> f64 {
        exact.rounded().over(1.0)
    }

    #[test]
    fn every_double_comes_back_and_none_leaves_a_trace() {
        let numbers = [
            1.0,
            -0.1,
            1e16,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            1.5e-310,
            0.0,
        ];
        let mut all = exact(&[0.3]);
        for number in numbers {
            assert_eq!(value(&exact(&[number])), number);
            all.add(Sign::Plus, number);
        }
        for number in numbers {
            all.add(Sign::Minus, number);
        }
        assert_eq!(value(&all), 0.3);
    }

    #[test]
    fn half_way_between_two_doubles_the_even_one_wins_unless_there_is_more() {
        let ulp = f64::EPSILON;
        assert_eq!(value(&exact(&[1.0, ulp / 2.0])), 1.0);
        assert_eq!(value(&exact(&[1.0, ulp / 2.0, 5e-324])), 1.0 + ulp);
        assert_eq!(value(&exact(&[1.0 + ulp, ulp / 2.0])), 1.0 + 2.0 * ulp);
        assert_eq!(value(&exact(&[-1.0, -ulp / 2.0])), -1.0);
        assert_eq!(value(&exact(&[-1.0, -ulp / 2.0, -5e-324])), -1.0 - ulp);
    }

    #[test]
    fn a_sum_beyond_the_doubles_is_infinite_until_it_comes_back() {
        let mut huge = exact(&[f64::MAX, f64::MAX]);
        assert_eq!(value(&huge), f64::INFINITY);
        assert_eq!(huge.rounded().over(2.0), f64::MAX);
        huge.add(Sign::Minus, f64::MAX);
        assert_eq!(value(&huge), f64::MAX);
    }

    #[test]
    fn carries_settle_before_a_limb_overflows() {
        let mut exact = exact(&[4_294_967_295.0]);
        exact.additions = ADDITIONS_MAX - 1;
        exact.add(Sign::Plus, 4_294_967_295.0);
        assert_eq!(exact.additions, 1, "settled");
        assert_eq!(value(&exact), 8_589_934_590.0);
        let mut negative = Exact::default();
        negative.merge(&exact);
        negative.add(Sign::Minus, 1e18);
        negative.settle();
        assert_eq!(value(&negative), 8_589_934_590.0 - 1e18);
    }

    /// Doubles of all sizes, also nearly equal ones, as 128-bit integers times 2^-60.
    fn numbers() -> impl Strategy<Value = Vec<f64>> {
        let number = (any::<i32>(), 0u8..60)
            .prop_map(|(mantissa, shift)| f64::from(mantissa) * 2f64.powi(i32::from(shift) - 60));
        prop::collection::vec(number, 0..40)
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^91")]
    fn fixed(number: f64) -> i128 {
        (number * 2f64.powi(60)) as i128
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_sum_is_that_of_the_integers_rounded_once(
            numbers in numbers(), cut in 0usize..40, gone in 0usize..40,
        ) {
            let (left, right) = numbers.split_at(cut.min(numbers.len()));
            let mut sum = exact(left);
            sum.merge(&exact(right));
            let gone = &numbers[..gone.min(numbers.len())];
            for number in gone {
                sum.add(Sign::Minus, *number);
            }
            let whole: i128 = numbers.iter().skip(gone.len()).copied().map(fixed).sum();
            #[expect(clippy::cast_precision_loss, reason = "rounded once, as it should be")]
            let expected = whole as f64 * 2f64.powi(-60);
            prop_assert_eq!(value(&sum), expected);
        }

        #[test]
        fn the_spread_is_that_of_the_integers(
            numbers in prop::collection::vec(-30_000i32..30_000, 1..20),
        ) {
            let numbers: Vec<f64> = numbers.into_iter().map(f64::from).collect();
            let mut squares = Exact::default();
            for number in &numbers {
                squares.add_square(Sign::Plus, *number);
            }
            let count = numbers.len() as u64;
            let spread = Exact::spread(count, &squares, &exact(&numbers));
            let sum: f64 = numbers.iter().sum();
            let of_squares: f64 = numbers.iter().map(|number| number * number).sum();
            #[expect(clippy::cast_precision_loss, reason = "fewer than twenty")]
            let expected = count as f64 * of_squares - sum * sum;
            prop_assert_eq!(value(&spread), expected);
        }
    }
}
