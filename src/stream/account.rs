//! What became of the records that a task took in.

use std::ops::AddAssign;

/// Counts of records and results, of one step or summed over many.
///
/// Invariant, the conservation law: `taken = aggregated + passed + filtered + late + rejected +
/// replayed`. It is checked after every step of a task in debug builds, and
/// [`Account::imbalance`] is exported as a metric that must be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Records taken in. Clock records of a repartition topic carry no data and are not counted.
    pub taken: u64,
    /// Records that went into at least one open window.
    pub aggregated: u64,
    /// Records that went on: to the sink topic of a flow without windows, to the repartition
    /// topic, or into tables and joins.
    pub passed: u64,
    /// Records that `where` refused, and tombstones on their way to an aggregate.
    pub filtered: u64,
    /// Records all of whose windows were closed.
    pub late: u64,
    /// Records that could not be used: undecodable, failing in an expression, without a key,
    /// without a usable event time, or with a number that no aggregate takes.
    pub rejected: u64,
    /// Records that an earlier run had already dealt with: read again after a restart only to
    /// rebuild open windows, or repeated in a repartition topic.
    pub replayed: u64,
    /// Results that came out. Not part of the law.
    pub results: u64,
    /// Results that could not be written, for example a sum beyond 64 bits. Not part of the law.
    pub failed_results: u64,
    /// Windows that were already closed for records that other, open windows still took. Not part
    /// of the law.
    pub expired_windows: u64,
}

impl Account {
    /// How many records are unaccounted for (positive) or accounted for twice (negative). Always
    /// 0, or the engine has a bug.
    #[must_use]
    pub fn imbalance(&self) -> i128 {
        let outcomes = [
            self.aggregated,
            self.passed,
            self.filtered,
            self.late,
            self.rejected,
            self.replayed,
        ];
        i128::from(self.taken) - outcomes.into_iter().map(i128::from).sum::<i128>()
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.taken += other.taken;
        self.aggregated += other.aggregated;
        self.passed += other.passed;
        self.filtered += other.filtered;
        self.late += other.late;
        self.rejected += other.rejected;
        self.replayed += other.replayed;
        self.results += other.results;
        self.failed_results += other.failed_results;
        self.expired_windows += other.expired_windows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_outcome_or_with_two_shows() {
        let mut account = Account {
            taken: 2,
            aggregated: 1,
            late: 1,
            results: 7,
            ..Account::default()
        };
        assert_eq!(account.imbalance(), 0, "results are not records");
        account.taken += 1;
        assert_eq!(account.imbalance(), 1);
        account += Account {
            rejected: 2,
            ..Account::default()
        };
        assert_eq!(account.imbalance(), -1);
    }
}
