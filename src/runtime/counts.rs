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
    workers_left: AtomicUsize,
}

impl Counts {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            flows: Mutex::default(),
            workers_left: AtomicUsize::new(workers),
        }
    }

    pub(super) fn add(&self, stage: &Stage, account: &Account) {
        if *account == Account::default() {
            return;
        }
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = flows.entry(stage.flow.name.clone()).or_default();
        match stage.part {
            Part::Whole | Part::BeforeRepartition { .. } => counts.source += *account,
            Part::AfterRepartition { .. } => counts.repartitioned += *account,
        }
    }

    pub(super) fn flows(&self) -> BTreeMap<Box<str>, FlowCounts> {
        self.flows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A worker has read its sources to their ends, and all that came of them is written.
    pub(super) fn arrive(&self) {
        self.workers_left.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn have_all_arrived(&self) -> bool {
        self.workers_left.load(Ordering::Acquire) == 0
    }
}
