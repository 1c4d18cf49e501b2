//! Progress and totals on standard error.

use std::time::Duration;
use std::time::Instant;

use indicatif::HumanBytes;
use indicatif::HumanCount;
use indicatif::ProgressBar;

use crate::cli::args::Verbosity;

/// Work shorter than this shows no progress.
const QUIET_AT_FIRST: Duration = Duration::from_secs(1);
/// How often the line on the terminal changes.
const REFRESH: Duration = Duration::from_millis(200);

/// Counts records and bytes; says so on a terminal while the work goes on, and at its end always,
/// unless `-q`.
#[derive(Debug)]
pub(crate) struct Progress {
    verb: &'static str,
    started: Instant,
    shown: Instant,
    bar: Option<ProgressBar>,
    is_quiet: bool,
    records: u64,
    bytes: u64,
}

impl Progress {
    /// Starts to count; `verb` is what happens to the records, in the past tense.
    pub(crate) fn start(verb: &'static str, verbosity: Verbosity) -> Self {
        let now = Instant::now();
        Self {
            verb,
            started: now,
            shown: now,
            bar: None,
            is_quiet: verbosity.quiet,
            records: 0,
            bytes: 0,
        }
    }

    /// Counts records that were done; cheap, but meant for a batch at a time.
    pub(crate) fn add(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
        let now = Instant::now();
        if self.is_quiet || now - self.started < QUIET_AT_FIRST || now - self.shown < REFRESH {
            return;
        }
        self.shown = now;
        let text = self.totals();
        let bar = self.bar.get_or_insert_with(ProgressBar::new_spinner);
        bar.set_message(text);
        bar.tick();
    }

    /// Ends with a line of totals and `more` behind it.
    pub(crate) fn finish(self, more: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.is_quiet {
            eprintln!("{}{more}", self.totals());
        }
    }

    fn totals(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.records as f64 / seconds.max(1e-9);
        let noun = if self.records == 1 {
            "record"
        } else {
            "records"
        };
        format!(
            "{} {noun} {} ({}) in {seconds:.1} s, {rate:.0} records/s",
            HumanCount(self.records),
            self.verb,
            HumanBytes(self.bytes)
        )
    }
}
