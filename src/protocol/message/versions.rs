//! A range of versions.

use std::fmt;

/// A range of message versions, both ends inside. Displays as Kafka writes it: `3-13`, `4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest version.
    pub min: i16,
    /// The highest version; below `min`, the range is empty.
    pub max: i16,
}

impl Versions {
    /// Every version.
    pub const ALL: Self = Self::since(0);
    /// No version.
    pub const NONE: Self = Self { min: 0, max: -1 };

    /// `min` and every version after it.
    #[must_use]
    pub const fn since(min: i16) -> Self {
        Self { min, max: i16::MAX }
    }

    /// Whether `version` is in the range.
    #[inline]
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    /// The versions in both ranges; empty if there are none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self {
            min: self.min.max(other.min),
            max: self.max.min(other.max),
        }
    }

    /// Whether no version is in the range.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.max < self.min
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { min, max } if max < min => f.write_str("none"),
            Self { min, max } if max == min => min.fmt(f),
            Self { min, max: i16::MAX } => write!(f, "{min}+"),
            Self { min, max } => write!(f, "{min}-{max}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_inside() {
        let range = Versions { min: 3, max: 13 };
        assert!(range.contains(3) && range.contains(13));
        assert!(!range.contains(2) && !range.contains(14));
        assert!(Versions::ALL.contains(0) && !Versions::NONE.contains(0));
    }

    #[test]
    fn ranges_that_do_not_meet_share_no_version() {
        let ours = Versions { min: 3, max: 13 };
        assert_eq!(
            ours.intersect(Versions { min: 0, max: 9 }),
            Versions { min: 3, max: 9 }
        );
        assert!(ours.intersect(Versions { min: 0, max: 2 }).is_empty());
    }

    #[test]
    fn a_range_displays_as_kafka_writes_it() {
        let shown = |min, max| Versions { min, max }.to_string();
        assert_eq!(
            [shown(3, 13), shown(4, 4), shown(1, 0)],
            ["3-13", "4", "none"]
        );
        assert_eq!(Versions::since(9).to_string(), "9+");
    }
}
