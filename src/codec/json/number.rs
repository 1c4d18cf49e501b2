//! Numbers.

use crate::codec::json::scan::Fault;
use crate::codec::json::scan::JsonError;
use crate::codec::json::scan::Scanner;
use crate::record::Value;

/// A number as serde_json tells them apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::codec) enum Number {
    /// Zero and above, without fraction or exponent.
    Natural(u64),
    /// Below zero, without fraction or exponent.
    Negative(i64),
    /// All others.
    Float(f64),
}

impl From<Number> for Value<'_> {
    #[inline]
    fn from(number: Number) -> Self {
        match number {
            Number::Natural(natural) => {
                i64::try_from(natural).map_or(Self::UInt(natural), Self::Int)
            }
            Number::Negative(negative) => Self::Int(negative),
            Number::Float(float) => Self::Float(float),
        }
    }
}

/// That many decimal digits always fit 64 bits.
const EXACT_DIGITS: usize = 19;

/// Integers of so many digits are in the range of floats.
const PLAIN_DIGITS: usize = 300;

/// Integers below this are exact as floats.
const EXACT_FLOAT: u64 = 1 << 53;

/// The powers of ten that are exact as floats and may follow a point here. A quotient of two exact
/// floats is correctly rounded, so the short way gives the same bits as the long one.
const POWERS: [f64; EXACT_DIGITS] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];

/// Digits read so far, of the integer and of the fraction.
#[derive(Default)]
struct Digits {
    /// All digits as one integer; meaningless past [`EXACT_DIGITS`].
    number: u64,
    count: usize,
}

impl Scanner<'_> {
    /// Reads the number that starts here.
    #[inline]
    pub(in crate::codec) fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let negative = self.take_if(b'-');
        let mut digits = Digits::default();
        self.integer_digits(&mut digits)?;
        match self.peek() {
            b'.' => {}
            b'e' | b'E' => return self.exponent(start),
            _ => return self.integer(start, negative, &digits),
        }
        self.at += 1;
        let before = digits.count;
        self.digits(&mut digits);
        let places = digits.count - before;
        if places == 0 {
            return Err(self.error(Fault::Number));
        }
        if matches!(self.peek(), b'e' | b'E') {
            return self.exponent(start);
        }
        if digits.count > EXACT_DIGITS || digits.number >= EXACT_FLOAT {
            return self.long_float(start);
        }
        match POWERS.get(places) {
            Some(power) => Ok(Number::Float(short_float(negative, digits.number, *power))),
            None => self.long_float(start),
        }
    }

    /// Checks the number that starts here, and moves past it.
    #[inline]
    pub(in crate::codec) fn skip_number(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.take_if(b'-');
        let first = self.peek();
        let digits = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        let count = self.at - digits;
        let is_plain = (1..=PLAIN_DIGITS).contains(&count) && (count == 1 || first != b'0');
        if is_plain && !matches!(self.peek(), b'.' | b'e' | b'E') {
            return Ok(());
        }
        self.at = start;
        self.number().map(drop)
    }

    /// At least one digit, and no zero before another.
    #[inline]
    fn integer_digits(&mut self, digits: &mut Digits) -> Result<(), JsonError> {
        let first = self.peek();
        self.digits(digits);
        if digits.count == 0 || (first == b'0' && digits.count > 1) {
            return Err(self.error(Fault::Number));
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self, digits: &mut Digits) {
        while let digit @ b'0'..=b'9' = self.peek() {
            let digit = u64::from(digit - b'0');
            digits.number = digits.number.wrapping_mul(10).wrapping_add(digit);
            digits.count += 1;
            self.at += 1;
        }
    }

    #[inline]
    fn integer(&self, start: usize, negative: bool, digits: &Digits) -> Result<Number, JsonError> {
        if digits.count > EXACT_DIGITS {
            return self.long_integer(start, negative);
        }
        match (negative, digits.number) {
            (false, natural) => Ok(Number::Natural(natural)),
            (true, 0) => Ok(Number::Float(-0.0)),
            (true, magnitude) => match 0i64.checked_sub_unsigned(magnitude) {
                Some(number) => Ok(Number::Negative(number)),
                None => self.long_float(start),
            },
        }
    }

    /// Twenty digits and more.
    #[cold]
    fn long_integer(&self, start: usize, negative: bool) -> Result<Number, JsonError> {
        match self.text(start).parse() {
            Ok(natural) if !negative => Ok(Number::Natural(natural)),
            _ => self.long_float(start),
        }
    }

    #[cold]
    fn exponent(&mut self, start: usize) -> Result<Number, JsonError> {
        self.at += 1;
        if !self.take_if(b'+') {
            self.take_if(b'-');
        }
        let mut digits = Digits::default();
        self.digits(&mut digits);
        if digits.count == 0 {
            return Err(self.error(Fault::Number));
        }
        self.long_float(start)
    }

    /// The number from `start` to here, correctly rounded.
    #[cold]
    fn long_float(&self, start: usize) -> Result<Number, JsonError> {
        match self.text(start).parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Number::Float(float)),
            _ => Err(self.error(Fault::NumberRange)),
        }
    }

    /// What was read since `start`; ASCII, as only numbers ask.
    fn text(&self, start: usize) -> &str {
        let bytes = self.bytes.get(start..self.at).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

#[inline]
fn short_float(negative: bool, digits: u64, power: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "below 2^53 every integer is a float"
    )]
    let magnitude = digits as f64 / power;
    if negative { -magnitude } else { magnitude }
}
