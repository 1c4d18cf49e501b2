//! What functions are given beside their argument.

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
