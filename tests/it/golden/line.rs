//! What comes out of a script, as both sides show it.

use std::collections::BTreeMap;

use serde_json::Value;

/// One record that came out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    pub(crate) key: Option<String>,
    /// Start and end, where the key has a window.
    pub(crate) window: Option<(i64, i64)>,
    /// `None` is a tombstone.
    pub(crate) value: Option<String>,
    pub(crate) ts: i64,
}

/// In which order results are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they came.
    AsTheyCame,
    /// As they came; what the definitions say has no order.
    AsTheyCameUnlessDefined,
    /// As they came; the definitions say only what has become of each window in the step.
    AsTheyCameOrNet,
    /// In any order within a step.
    Any,
    /// In any order within a step; the definitions say only what has become of each window in it.
    AnyOrNet,
    /// Only what has become of each window in the step.
    Net,
}

impl Order {
    /// The order in which results are compared with what the definitions say.
    pub(crate) const fn of_definitions(self) -> Self {
        match self {
            Self::AsTheyCame => Self::AsTheyCame,
            Self::AsTheyCameUnlessDefined | Self::Any => Self::Any,
            Self::AsTheyCameOrNet | Self::AnyOrNet | Self::Net => Self::Net,
        }
    }
}

impl Line {
    /// The line that a script has.
    pub(crate) fn of(line: &Value) -> Self {
        let bound = |place: usize| line["window"][place].as_i64();
        Self {
            key: line["key"].as_str().map(str::to_owned),
            window: bound(0).zip(bound(1)),
            value: match &line["value"] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                value => Some(value.to_string()),
            },
            ts: line["ts"].as_i64().expect("ts"),
        }
    }
}

/// `lines` in a form that is equal where the order says that they are.
pub(crate) fn in_order(mut lines: Vec<Line>, order: Order) -> Vec<Line> {
    match order {
        Order::AsTheyCame | Order::AsTheyCameUnlessDefined | Order::AsTheyCameOrNet => lines,
        Order::Any | Order::AnyOrNet => {
            lines.sort();
            lines
        }
        Order::Net => {
            let by_window = |line: Line| ((line.key.clone(), line.window), line);
            let last: BTreeMap<_, _> = lines.into_iter().map(by_window).collect();
            let lines = last.into_values().map(|line| match line.value {
                Some(_) => line,
                None => Line { ts: 0, ..line },
            });
            lines.collect()
        }
    }
}
