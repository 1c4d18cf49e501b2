//! What the demo shows: results as lines, or a table that is drawn anew.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use chrono::DateTime;
use serde::Deserialize;

use crate::cli::run::totals;
use crate::runtime::FlowCounts;

/// How many windows the table shows.
const WINDOWS: usize = 3;
/// The longest bar, in characters.
const BAR: f64 = 30.0;

/// A result of the demo's pipeline.
#[derive(Clone, Debug, Deserialize)]
struct Revenue {
    key: String,
    window: Window,
    revenue: f64,
    orders: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Window {
    start: i64,
    end: i64,
}

/// Shows results.
#[derive(Debug)]
pub(super) struct Screen {
    is_table: bool,
    /// Results that were not shown yet, in the order in which they came.
    fresh: Vec<Revenue>,
    /// The last windows, each with its results.
    windows: BTreeMap<Window, Vec<Revenue>>,
    /// How many lines the table took.
    lines: usize,
}

impl Screen {
    /// A table where `is_table`, else lines.
    pub(super) const fn new(is_table: bool) -> Self {
        Self {
            is_table,
            fresh: Vec::new(),
            windows: BTreeMap::new(),
            lines: 0,
        }
    }

    /// Takes one result as it stands in the topic.
    pub(super) fn take(&mut self, value: &[u8]) {
        // The topic may be written to by others; what is no result is not ours to show.
        if let Ok(result) = serde_json::from_slice(value) {
            self.fresh.push(result);
        }
    }

    /// Shows what came since this was called last.
    pub(super) fn draw(&mut self, counts: &BTreeMap<Box<str>, FlowCounts>) -> io::Result<()> {
        let fresh = std::mem::take(&mut self.fresh);
        if !self.is_table {
            let mut out = io::stdout().lock();
            fresh
                .iter()
                .try_for_each(|result| writeln!(out, "{}", line(result)))?;
            return out.flush();
        }
        for result in fresh {
            self.windows.entry(result.window).or_default().push(result);
        }
        while self.windows.len() > WINDOWS {
            self.windows.pop_first();
        }
        let text = self.table(counts);
        let mut out = io::stdout().lock();
        if self.lines > 0 {
            // Up to the table's first line, and clear from there on.
            write!(out, "\x1b[{}A\x1b[J", self.lines)?;
        }
        self.lines = text.lines().count();
        write!(out, "{text}")?;
        out.flush()
    }

    fn table(&self, counts: &BTreeMap<Box<str>, FlowCounts>) -> String {
        let most = self
            .windows
            .values()
            .flatten()
            .map(|result| result.revenue)
            .fold(1.0, f64::max);
        let mut text = String::new();
        for (window, results) in self.windows.iter().rev() {
            text += &format!("\n{} to {}\n", clock(window.start), clock(window.end));
            for result in results {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "0 to BAR"
                )]
                let bar = "█".repeat((result.revenue / most * BAR) as usize);
                text += &format!(
                    "  {:8} {:>9.2}  {:>3} orders  {bar}\n",
                    result.key, result.revenue, result.orders
                );
            }
        }
        text + "\n" + &totals(counts)
    }
}

fn line(result: &Revenue) -> String {
    let Revenue {
        key,
        window,
        revenue,
        orders,
    } = result;
    format!(
        "{} to {}  {key:8} revenue {revenue:>9.2}  {orders:>3} orders",
        clock(window.start),
        clock(window.end)
    )
}

/// The time of day in UTC.
fn clock(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).map_or_else(
        || millis.to_string(),
        |time| time.format("%H:%M:%S").to_string(),
    )
}
