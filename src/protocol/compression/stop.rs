//! Why reading compressed bytes ends early.

/// Why a codec stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The output passes the limit.
    LimitPassed,
    /// The input is not what the codec writes.
    Corrupt(Box<str>),
}

impl Stop {
    /// Ends for `problem`, in a few words.
    pub(super) fn corrupt(problem: impl Into<Box<str>>) -> Self {
        Self::Corrupt(problem.into())
    }
}
