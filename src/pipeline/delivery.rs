//! `delivery:`: how often a result may come out.

use std::fmt;

/// How often a result may come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Once or more: after a crash nothing is lost, and results may come out again.
    AtLeastOnce,
    /// Once, for readers that read what is committed only.
    #[default]
    ExactlyOnce,
}

/// The words of `delivery:`, the default first.
pub(super) const DELIVERY_WORDS: &[&str] = &["exactly-once", "at-least-once"];

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeastOnce => {
                "at least once: after a crash nothing is lost, and results since the last commit come out again"
            }
            Self::ExactlyOnce => {
                "exactly once: results, state and offsets are committed together, or not at all"
            }
        })
    }
}
