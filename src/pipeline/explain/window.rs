//! Windows in words: what they are, when they close, what is kept of them.

use crate::pipeline::explain::millis;
use crate::pipeline::testing::clock;
use crate::record::Timestamp;
use crate::stream::window::Bounds;
use crate::stream::window::CalendarWindows;
use crate::stream::window::SessionWindows;
use crate::stream::window::SlidingWindows;
use crate::stream::window::TimeWindows;
use crate::stream::window::TrailingWindows;
use crate::stream::window::Windows;

/// What is told of windows.
pub(super) struct Told {
    /// What they are.
    pub(super) kind: String,
    /// At which instant they close.
    pub(super) close: String,
    /// What state is kept by beside the key.
    pub(super) kept: String,
}

/// What is told of `windows`.
pub(super) fn told(windows: &Windows) -> Told {
    match windows {
        Windows::Running => Told {
            kind: "none: one running result for each key".to_owned(),
            close: "never".to_owned(),
            kept: "key".to_owned(),
        },
        Windows::Time(windows) => time(*windows),
        Windows::Session(windows) => session(*windows),
        Windows::Sliding(windows) => sliding(*windows),
        Windows::Trailing(windows) => trailing(*windows),
        Windows::Rows(windows) => Told {
            kind: format!("the last {} records of a key", windows.rows()),
            close: "with each record; nothing is ever late".to_owned(),
            kept: "key and record, of the last ones".to_owned(),
        },
        Windows::Calendar(windows) => calendar(windows),
    }
}

/// An instant of the day that examples are of.
fn example(hour: i64) -> Timestamp {
    Timestamp(clock::DAY.0 + hour * 3_600_000)
}

fn session(windows: SessionWindows) -> Told {
    let (gap, grace) = (windows.gap_ms(), windows.grace_ms());
    let end = example(12);
    Told {
        kind: format!("session, gap {}, grace {}", millis(gap), millis(grace)),
        close: format!(
            "when stream time passes last record + gap + grace: one whose last record is at {} at {}",
            clock::written(end),
            clock::written(windows.closes_at(end))
        ),
        kept: "key and open session".to_owned(),
    }
}

fn sliding(windows: SlidingWindows) -> Told {
    let (difference, grace) = (windows.difference_ms(), windows.grace_ms());
    Told {
        kind: format!("sliding {}, grace {}", millis(difference), millis(grace)),
        close: passed(example(12), windows.closes_at(example(12))),
        kept: "key and event time; a window is made of those in it when it comes out".to_owned(),
    }
}

fn trailing(windows: TrailingWindows) -> Told {
    let (length, grace) = (millis(windows.length_ms()), millis(windows.grace_ms()));
    let when = match windows.every_ms() {
        None => "at each record".to_owned(),
        Some(every) => format!("every {}", millis(every)),
    };
    let bounds = match windows.bounds() {
        Bounds::Closed => "closed",
        Bounds::HalfOpen => "half-open",
    };
    Told {
        kind: format!("trailing {length}, {when}, bounds {bounds}, grace {grace}"),
        close: passed(example(12), windows.closes_at(example(12))),
        kept: "key and event time; a window is made of those in it when it comes out".to_owned(),
    }
}

/// When a window closes whose end is inside.
fn passed(end: Timestamp, close: Timestamp) -> String {
    format!(
        "when stream time passes end + grace: one that ends at {} at {}; a record is late once the last window that could hold it is closed",
        clock::written(end),
        clock::written(close)
    )
}

fn calendar(windows: &CalendarWindows) -> Told {
    let (unit, grace) = (windows.unit().name(), windows.grace_ms());
    let zone = windows.zone().iana_name().unwrap_or("UTC");
    let window = windows.holding(example(12));
    let close = window.end.saturating_add(grace);
    Told {
        kind: format!("one {unit} in {zone}, grace {}", millis(grace)),
        close: format!(
            "when stream time reaches end + grace: [{}, {}) at {}; a record for it is late from then on",
            clock::written(window.start),
            clock::written(window.end),
            clock::written(close)
        ),
        kept: "key and window".to_owned(),
    }
}

fn time(windows: TimeWindows) -> Told {
    let (size, advance, grace) = (windows.size_ms(), windows.advance_ms(), windows.grace_ms());
    let kind = match size == advance {
        true => format!("tumbling {}, grace {}", millis(size), millis(grace)),
        false => format!(
            "hopping {}, every {}, grace {}",
            millis(size),
            millis(advance),
            millis(grace)
        ),
    };
    let noon = Timestamp(clock::DAY.0 + 12 * 3_600_000);
    let first = windows.containing(noon);
    let (start, end) = (windows.start(first.start), windows.end(first.start));
    let close = end.saturating_add(grace);
    Told {
        kind,
        close: format!(
            "when stream time reaches end + grace: [{}, {}) at {}; a record for it is late from then on",
            clock::written(start),
            clock::written(end),
            clock::written(close)
        ),
        kept: match size == advance {
            true => "key and window".to_owned(),
            false => format!(
                "key and slice: each record updates one, and a window is made of {} when it comes out",
                windows.slices(first.start).count()
            ),
        },
    }
}
