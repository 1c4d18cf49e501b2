//! Series of numbers with their averages in exact arithmetic (`tests/golden/averages/README.md`).

use serde_json::Value;

use crate::support::json_lines;
use crate::support::stream::Rec;

/// One line of a file: what goes in, and what must come out after each record.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) id: String,
    pub(crate) op: String,
    pub(crate) params: Value,
    /// Event times in milliseconds and numbers, in the order in which they come; `None` is missing.
    pub(crate) records: Vec<(i64, Option<f64>)>,
    /// What is done, where it is more than adding.
    pub(crate) ops: Vec<(Op, f64)>,
    /// The result after each record or operation.
    pub(crate) expect: Vec<Value>,
}

/// What is done with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Remove,
}

/// The series of these ops in `tests/golden/averages`, and below the folder that
/// `TIDEMILL_GOLDEN_AVERAGES` names.
pub(crate) fn series(ops: &[&str]) -> Vec<Series> {
    let all = json_lines::in_folders("tests/golden/averages", "TIDEMILL_GOLDEN_AVERAGES");
    let all = all.map(|line| Series::of(&line));
    all.filter(|series| ops.contains(&&*series.op)).collect()
}

impl Series {
    fn of(line: &Value) -> Self {
        let array = |name: &str| line[name].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let number = |value: &Value| value.as_f64();
        let times = array("t");
        let times = times.iter().map(|time| time.as_i64().expect("a time"));
        let op = |op: &Value| {
            let name = op[0].as_str().expect("add or remove");
            let op_of = if name == "add" { Op::Add } else { Op::Remove };
            (op_of, number(&op[1]).expect("a number"))
        };
        Self {
            id: text(&line["id"]),
            op: text(&line["op"]),
            params: line["params"].clone(),
            records: times.zip(array("v").iter().map(number)).collect(),
            ops: array("ops").iter().map(op).collect(),
            expect: array("expect"),
        }
    }

    /// The records as JSON objects with a `v`, all of one key.
    pub(crate) fn json_records(&self) -> Vec<Rec> {
        let records = (0..).zip(&self.records);
        let record = |(offset, (time, number)): (i64, &(i64, Option<f64>))| {
            let number = number.map_or(Value::Null, Value::from);
            Rec::new(offset, *time, "k", &format!(r#"{{"v":{number}}}"#))
        };
        records.map(record).collect()
    }

    /// Checks the result after the record or operation at `place`: to 1e-12 of the exact one, and
    /// where only an exact sum gets there, of `largest`, the largest number involved.
    pub(crate) fn check(&self, place: usize, ours: Option<f64>, exact: &Value, largest: f64) {
        let at = format!("{} at {place}", self.id);
        let (Some(ours), Some(exact)) = (ours, exact.as_f64()) else {
            assert_eq!(ours, exact.as_f64(), "{at}");
            return;
        };
        let scale = match self.id.starts_with("spike_neg") || self.id.starts_with("offset/var") {
            true => largest.max(exact.abs()),
            false => exact.abs(),
        };
        let error = (ours - exact).abs();
        assert!(error <= 1e-12 * scale, "{at}: {ours}, exactly {exact}");
    }
}
