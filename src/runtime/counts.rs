//! What the workers of a pipeline have counted, together.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::stream::account::Account;
use crate::stream::stage::Part;
use crate::stream::stage::Stage;

/// The counts of one flow: of its first stage, and of the one behind a repartition topic if there
/// is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// What came of the records of the source topic.
    pub source: Account,
    /// What came of those of the repartition topic.
    pub repartitioned: Account,
}

impl FlowCounts {
    /// Records of the source topic that were taken in.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.source.taken
    }

    /// Records that went into a window, or on to the sink topic of a flow without windows.
    #[must_use]
    pub const fn used(&self) -> u64 {
        let passed = if self.repartitioned.taken > 0 {
            0
        } else {
            self.source.passed
        };
        self.source.aggregated + self.repartitioned.aggregated + passed
    }

    /// Records that `where` refused.
    #[must_use]
    pub const fn filtered(&self) -> u64 {
        self.source.filtered + self.repartitioned.filtered
    }

    /// Records all of whose windows were closed.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.source.late + self.repartitioned.late
    }

    /// Records that could not be used.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.source.rejected + self.repartitioned.rejected
    }

    /// Records that were read again after a restart.
    #[must_use]
    pub const fn replayed(&self) -> u64 {
        self.source.replayed + self.repartitioned.replayed
    }

    /// Results that were written.
    #[must_use]
    pub const fn results(&self) -> u64 {
        self.source.results + self.repartitioned.results
    }
}

/// What the workers share: their counts, and who has read its sources to the end.
#[derive(Debug)]
pub(super) struct Counts {
    flows: Mutex<BTreeMap<Box<str>, FlowCounts>>,
    /// By level: how many workers have not read all topics up to that level to their ends.
    workers_left: Vec<AtomicUsize>,
}

impl Counts {
    /// For `workers`, and topics of so many `levels`.
    pub(super) fn new(workers: usize, levels: usize) -> Self {
        Self {
            flows: Mutex::default(),
            workers_left: (0..levels).map(|_| AtomicUsize::new(workers)).collect(),
        }
    }

    /// How many levels of topics there are: 0 are the user's, each other those that stretches of
    /// the one below write.
    pub(super) fn levels(&self) -> usize {
        self.workers_left.len()
    }

    pub(super) fn add(&self, stage: &Stage, account: &Account) {
        if *account == Account::default() {
            return;
        }
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = flows.entry(stage.flow.name.clone()).or_default();
        match stage.part {
            // What comes of internal topics of a flow of several operators is counted where it
            // was sent, but for what goes wrong with it.
            Part::Whole | Part::BeforeRepartition { .. } | Part::Stretch(_) => {
                counts.source += *account;
            }
            Part::AfterRepartition { .. } => counts.repartitioned += *account,
        }
    }

    pub(super) fn flows(&self) -> BTreeMap<Box<str>, FlowCounts> {
        self.flows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A worker has read its topics of `level` to their ends, and all that came of them is written.
    pub(super) fn arrive(&self, level: usize) {
        if let Some(left) = self.workers_left.get(level) {
            left.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(super) fn have_all_arrived(&self, level: usize) -> bool {
        let left = self.workers_left.get(level);
        left.is_none_or(|left| left.load(Ordering::Acquire) == 0)
    }
}
