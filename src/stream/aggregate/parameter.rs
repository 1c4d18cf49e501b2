//! What functions are given beside their argument.

use chrono::TimeDelta;
use thiserror::Error;

use crate::record::Timestamp;

/// A parameter that a function cannot work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// Nothing halves in no time, and time is counted in milliseconds.
    #[error("a half-life is at least a millisecond, and whole milliseconds")]
    HalfLife,
    /// A smoothing factor is the share of the newest value.
    #[error("a smoothing factor is above 0 and at most 1")]
    Factor,
    /// A span of *s* records is a smoothing factor of 2 / (s + 1).
    #[error("a span is at least 1 record")]
    Span,
    /// A centre of mass of *c* records is a smoothing factor of 1 / (1 + c).
    #[error("a centre of mass is at least 0 records")]
    CentreOfMass,
    /// A half-life of *h* records is a smoothing factor of 1 − 2^(−1/h).
    #[error("a half-life in records is above 0")]
    HalfLifeInRecords,
    /// The smallest value is the quantile 0, the largest 1.
    #[error("a quantile is from 0 to 1")]
    Rank,
    /// Something must be kept, and not without bound.
    #[error("a limit is from 1 to {}", Limit::MAX)]
    Limit,
}

/// What the sum of squared deviations is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Divisor {
    /// The count less one: the values are a sample. One value alone has no variance then.
    #[default]
    Sample,
    /// The count: the values are all there are.
    Population,
}

impl Divisor {
    /// The name in pipeline files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Population => "population",
        }
    }

    /// What to divide by for `count` values; `None` where there is no variance.
    pub(crate) const fn of(self, count: u64) -> Option<u64> {
        match self {
            Self::Sample if count > 1 => Some(count - 1),
            Self::Population if count > 0 => Some(count),
            _ => None,
        }
    }
}

/// The event time in which a weight halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfLife {
    ms: i64,
}

impl HalfLife {
    /// A half-life of `time`.
    ///
    /// # Errors
    ///
    /// [`ParameterError::HalfLife`] below a millisecond, or where it is not whole milliseconds.
    pub fn new(time: TimeDelta) -> Result<Self, ParameterError> {
        let ms = time.num_milliseconds();
        match ms >= 1 && TimeDelta::milliseconds(ms) == time {
            true => Ok(Self { ms }),
            false => Err(ParameterError::HalfLife),
        }
    }

    /// The half-life in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// `time` since the epoch as whole half-lives and the rest of one, from 0 inside to 1 outside.
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53 ms, 285,000 years, the last bits of a weight do not matter"
    )]
    #[inline]
    pub(crate) const fn split(self, time: Timestamp) -> (i64, f64) {
        let whole = time.0.div_euclid(self.ms);
        let rest = time.0.rem_euclid(self.ms);
        (whole, rest as f64 / self.ms as f64)
    }
}

/// How a mean follows new records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    factor: f64,
    pub(crate) form: Form,
    pub(crate) nulls: Nulls,
}

/// Whether early results of a smoothed mean lean on the first number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `y = (1 − a) · y + a · x`, from the first number on: they do.
    #[default]
    Plain,
    /// The weighted mean of all numbers so far: they do not (`adjust=True` in pandas).
    Adjusted,
}

/// What a null does to the weights of a smoothed mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// Nothing (`ignore_na=True` in pandas).
    #[default]
    Skip,
    /// Older numbers lose weight as if a number had come (`ignore_na=False` in pandas).
    Decay,
}

impl Smoothing {
    const fn new(factor: f64) -> Self {
        Self {
            factor,
            form: Form::Plain,
            nulls: Nulls::Skip,
        }
    }

    /// The newest value has the share `factor`, above 0 and at most 1; plain, nulls skipped.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Factor`].
    pub fn by_factor(factor: f64) -> Result<Self, ParameterError> {
        match factor > 0.0 && factor <= 1.0 {
            true => Ok(Self::new(factor)),
            false => Err(ParameterError::Factor),
        }
    }

    /// A span of so many records, at least 1: the factor is 2 / (span + 1).
    ///
    /// # Errors
    ///
    /// [`ParameterError::Span`].
    pub fn by_span(span: f64) -> Result<Self, ParameterError> {
        match span >= 1.0 && span.is_finite() {
            true => Ok(Self::new(2.0 / (span + 1.0))),
            false => Err(ParameterError::Span),
        }
    }

    /// A centre of mass of so many records, at least 0: the factor is 1 / (1 + centre).
    ///
    /// # Errors
    ///
    /// [`ParameterError::CentreOfMass`].
    pub fn by_centre_of_mass(centre: f64) -> Result<Self, ParameterError> {
        match centre >= 0.0 && centre.is_finite() {
            true => Ok(Self::new(1.0 / (1.0 + centre))),
            false => Err(ParameterError::CentreOfMass),
        }
    }

    /// A weight halves in so many records, above 0: the factor is 1 − 2^(−1 / records).
    ///
    /// # Errors
    ///
    /// [`ParameterError::HalfLifeInRecords`].
    pub fn by_half_life(records: f64) -> Result<Self, ParameterError> {
        let factor = -(-std::f64::consts::LN_2 / records).exp_m1();
        match records > 0.0 && factor > 0.0 {
            true => Ok(Self::new(factor)),
            false => Err(ParameterError::HalfLifeInRecords),
        }
    }

    /// The same share, in this form.
    #[must_use]
    pub const fn with(self, form: Form, nulls: Nulls) -> Self {
        Self {
            form,
            nulls,
            ..self
        }
    }

    /// The share of the newest value.
    #[must_use]
    pub const fn factor(self) -> f64 {
        self.factor
    }
}

/// Which quantile: 0 is the smallest value, 0.5 the median, 1 the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank(f64);

impl Rank {
    /// The quantile `rank`, from 0 to 1, both inside.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Rank`].
    pub fn new(rank: f64) -> Result<Self, ParameterError> {
        match (0.0..=1.0).contains(&rank) {
            true => Ok(Self(rank)),
            false => Err(ParameterError::Rank),
        }
    }

    /// The quantile.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Where the quantile stands among `count` values in ascending order, counted from 0: rounded
    /// down, so that it is one of them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "from 0 to the count, which stays far below 2^53"
    )]
    pub(crate) fn place(self, count: u64) -> u64 {
        (self.0 * count.saturating_sub(1) as f64) as u64
    }
}

/// How many values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The most that may be kept of one key.
    pub const MAX: usize = 10_000;

    /// At most `count` values, from 1 to [`Limit::MAX`].
    ///
    /// # Errors
    ///
    /// [`ParameterError::Limit`].
    pub fn new(count: usize) -> Result<Self, ParameterError> {
        match (1..=Self::MAX).contains(&count) {
            true => Ok(Self(count)),
            false => Err(ParameterError::Limit),
        }
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}
