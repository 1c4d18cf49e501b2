//! Windows in words: what they are, when they close, what is kept of them.

use crate::pipeline::explain::millis;
use crate::pipeline::testing::clock;
use crate::record::Timestamp;
use crate::stream::window::TimeWindows;
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
