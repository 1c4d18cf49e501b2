//! What comes out of a script, as both sides show it, and how it is compared.

use std::collections::BTreeMap;

use serde_json::Value;

/// One record that came out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// Empty where the other side names none.
    pub(crate) topic: String,
    pub(crate) key: Option<String>,
    /// Start and end, where the key has a window.
    pub(crate) window: Option<(i64, i64)>,
    /// `None` is a tombstone.
    pub(crate) value: Option<String>,
    pub(crate) ts: i64,
}

/// How the lines of a step are compared, from the strictest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// As they came.
    Kept,
    /// In any order within the step.
    Any,
    /// Only what has become of each row in the step.
    Net,
    /// Only the values of the table that all steps together make.
    Table,
}

/// What tells the rows of a table apart.
type Row = (Option<String>, Option<(i64, i64)>);

/// The tables that the lines of one side make.
#[derive(Debug, Default)]
pub(crate) struct Tables(BTreeMap<Row, String>);

impl Line {
    /// The line that a script has.
    pub(crate) fn of(line: &Value) -> Self {
        let bound = |place: usize| line["window"][place].as_i64();
        Self {
            topic: line["topic"].as_str().unwrap_or_default().to_owned(),
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

    /// The same without its topic.
    pub(crate) fn anywhere(self) -> Self {
        let topic = String::new();
        Self { topic, ..self }
    }

    fn row(&self) -> Row {
        (self.key.clone(), self.window)
    }
}

impl Tables {
    /// `lines` of the next step in a form that is equal where `order` says that they are.
    pub(crate) fn in_order(&mut self, mut lines: Vec<Line>, order: Order) -> Vec<Line> {
        match order {
            Order::Kept => lines,
            Order::Any => {
                lines.sort();
                lines
            }
            Order::Net => net(lines),
            Order::Table => {
                lines.into_iter().for_each(|line| self.apply(line));
                self.lines()
            }
        }
    }

    fn apply(&mut self, line: Line) {
        let row = line.row();
        match line.value {
            Some(value) => self.0.insert(row, value),
            None => self.0.remove(&row),
        };
    }

    fn lines(&self) -> Vec<Line> {
        let line = |((key, window), value): (&Row, &String)| Line {
            topic: String::new(),
            key: key.clone(),
            window: *window,
            value: Some(value.clone()),
            ts: 0,
        };
        self.0.iter().map(line).collect()
    }
}

/// The last line of each row; a deletion has no time.
fn net(lines: Vec<Line>) -> Vec<Line> {
    let by_row = |line: Line| (line.row(), line);
    let last: BTreeMap<_, _> = lines.into_iter().map(by_row).collect();
    let lines = last.into_values().map(|line| match line.value {
        Some(_) => line,
        None => Line { ts: 0, ..line },
    });
    lines.collect()
}
