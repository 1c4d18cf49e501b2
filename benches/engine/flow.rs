//! The flow that is measured, out of a pipeline file as a user writes it.

use std::sync::Arc;

use tidemill::codec::fixed::Fixed;
use tidemill::codec::format::Format;
use tidemill::pipeline::Outside;
use tidemill::pipeline::compile;
use tidemill::stream::stage::Stage;

/// Orders below this price do not pass: one of ten.
pub(crate) const PRICE_MIN: i64 = 10_000;

/// The windows of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tumbling,
    Hopping,
    Sliding,
    Session,
    Trailing,
    TrailingEvery,
    Rows,
    Calendar,
    Running,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Tumbling,
        Self::Hopping,
        Self::Sliding,
        Self::Session,
        Self::Trailing,
        Self::TrailingEvery,
        Self::Rows,
        Self::Calendar,
        Self::Running,
    ];

    /// What it is called in the name of a case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tumbling => "tumbling",
            Self::Hopping => "hopping",
            Self::Sliding => "sliding",
            Self::Session => "session",
            Self::Trailing => "trailing",
            Self::TrailingEvery => "trailing-1s",
            Self::Rows => "rows",
            Self::Calendar => "calendar",
            Self::Running => "running",
        }
    }

    /// The lines of the file that say which windows, and when their results come out. No record is
    /// later than the grace.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Tumbling => "window: { tumbling: 1m, grace: 10s }\n    emit: final",
            Self::Hopping => "window: { hopping: 1m, every: 5s, grace: 10s }\n    emit: final",
            Self::Sliding => "window: { sliding: 1m, grace: 10s }\n    emit: final",
            Self::Session => "window: { session: 30s, grace: 10s }\n    emit: final",
            Self::Trailing => "window: { trailing: 1m, grace: 10s }\n    emit: final",
            Self::TrailingEvery => {
                "window: { trailing: 1m, every: 1s, grace: 10s }\n    emit: final"
            }
            Self::Rows => "window: { rows: 20 }\n    emit: final",
            Self::Calendar => {
                "window: { calendar: hour, zone: Europe/Berlin, grace: 10s }\n    emit: final"
            }
            Self::Running => "emit: updates",
        }
    }
}

/// The pipeline file of a case.
pub(crate) fn pipeline(kind: Kind, format: Format) -> String {
    let price = match format {
        Format::Fixed(Fixed::Long) => "value",
        _ => "value.price",
    };
    let (format, windows) = (format.name(), kind.text());
    format!(
        "tidemill: 1
name: bench
sources:
  orders: {{ topic: orders, key: text, value: {format} }}
flows:
  sums:
    from: orders
    where: {price} >= {PRICE_MIN}
    key: key
    {windows}
    aggregate: {{ n: count(), total: sum({price}) }}
    to: {{ topic: sums, value: json }}
"
    )
}

/// The only stage of that pipeline.
pub(crate) fn stage(kind: Kind, format: Format) -> Arc<Stage> {
    let outside = Outside {
        variable: &|_| None,
        file: &|_| Err("none".to_owned()),
    };
    let plan = compile(&pipeline(kind, format), &outside).expect("a pipeline");
    let mut stages = plan.plan.lay_out(|_| Some(1)).expect("a topic");
    assert_eq!(stages.len(), 1, "nothing is keyed anew");
    stages.remove(0)
}
