//! CEL's own conformance cases: what we answer, held against what the suite expects.
//!
//! Every case passes, or has its reason in [`DIFFERENCES`], and a reason that no case needs any more
//! is an error. The table of passes in the crate's documentation, `src/expr/conformance.md`, is
//! written by this test: `TIDEMILL_UPDATE_GOLDEN=1 cargo test cel_conformance`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde::Deserialize;
use serde_json::Value as Json;
use tidemill::codec::projection::Fields;
use tidemill::codec::projection::Row;
use tidemill::expr::Scope;
use tidemill::expr::Type;
use tidemill::expr::compile;
use tidemill::expr::duration;
use tidemill::record::HeadersView;
use tidemill::record::Offset;
use tidemill::record::PartitionId;
use tidemill::record::RecordView;
use tidemill::record::Timestamp;
use tidemill::record::TimestampType;
use tidemill::record::Value;

#[derive(Debug, Deserialize)]
struct Case {
    file: String,
    section: String,
    name: String,
    expr: String,
    #[serde(default)]
    unchecked: bool,
    #[serde(default)]
    bindings: BTreeMap<String, Json>,
    #[serde(default)]
    absent: Vec<String>,
    value: Option<Json>,
}

#[derive(Debug, Deserialize)]
struct Skipped {
    file: String,
    cases: usize,
    why: String,
}

/// Cases that we answer otherwise: file, what their expression or name holds, and the reason.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("basic", "unbound_is_runtime_error", UNKNOWN),
    (
        "comparisons",
        "eq_literal",
        "of types that never match, refused before anything runs",
    ),
    ("comparisons", "not_lt_dyn_int_big_lossy_double", EXACT),
    ("comparisons", "not_gt_dyn_big_double_int", EXACT),
    ("comparisons", "lte_dyn_big_double_int", EXACT),
    ("comparisons", "gte_dyn_int_big_lossy_double", EXACT),
    ("conversions", "type(int)", "types of types"),
    ("conversions", "type(type)", "types of types"),
    (
        "logic",
        "AND",
        "with operands that are no bool, refused before anything runs",
    ),
    (
        "logic",
        "OR",
        "with operands that are no bool, refused before anything runs",
    ),
    ("macros2", "all", "macros of two variables"),
    ("macros2", "exists", "macros of two variables"),
    ("macros2", "transformList", "macros of two variables"),
    ("macros2", "transformMap", "macros of two variables"),
    ("math_ext", "math.bit", "functions on bits"),
    (
        "math_ext",
        "dyn_error",
        "where we round an integer to itself",
    ),
    ("optionals", "ofNonZeroValue", "`optional.ofNonZeroValue`"),
    ("optionals", "optMap", "`optMap`, `optFlatMap`"),
    ("optionals", "optFlatMap", "`optMap`, `optFlatMap`"),
    ("optionals", "{?", "optional entries of lists and maps"),
    ("optionals", "[?", "optional entries of lists and maps"),
    (
        "optionals",
        "optionals",
        "optional values that are compared or kept",
    ),
    ("parse", "receiver_function_names", UNKNOWN),
    ("string_ext", "format", "`format`"),
    ("string_ext", "quote", "`strings.quote`"),
    (
        "timestamps",
        "get_milliseconds",
        "`getMilliseconds` of a duration, which here gives all of it",
    ),
    (
        "timestamps",
        "timestamp_selectors_tz",
        "time zones by name; offsets are known",
    ),
];

const UNKNOWN: &str = "unknown names and functions, refused before anything runs";
const EXACT: &str = "integers beyond 2^53 with doubles, which we compare exactly";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn lines<T: for<'de> Deserialize<'de>>(name: &str) -> Vec<T> {
    let text = fs::read_to_string(root().join("tests/golden/cel").join(name)).expect(name);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The value that a tagged one stands for.
fn value(tagged: &Json) -> Value<'static> {
    let (tag, inner) = tagged
        .as_object()
        .and_then(|object| object.iter().next())
        .expect("a tag");
    let text = || inner.as_str().expect("a text").to_owned();
    match tag.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool().expect("a bool")),
        "int" => Value::Int(text().parse().expect("an int")),
        "uint" => Value::UInt(text().parse().expect("a uint")),
        "double" => Value::Float(match text().as_str() {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            "NaN" => f64::NAN,
            number => number.parse().expect("a double"),
        }),
        "string" | "type" => Value::Text(text().into()),
        "bytes" => Value::Bytes(STANDARD.decode(text()).expect("base64").into()),
        "timestamp" => {
            let instant = DateTime::parse_from_rfc3339(&text()).expect("RFC 3339");
            Value::Timestamp(instant.to_utc())
        }
        "duration" => Value::Duration(duration::parse(&text()).expect("a duration")),
        "list" => Value::List(
            inner
                .as_array()
                .expect("a list")
                .iter()
                .map(value)
                .collect(),
        ),
        "map" => {
            let entries = inner.as_array().expect("entries").iter();
            let entries = entries.map(|pair| (value(&pair[0]), value(&pair[1])));
            Value::Map(entries.collect())
        }
        other => panic!("unknown tag {other}"),
    }
}

/// Whether two values are the same: NaN as NaN, maps in any order.
fn is_same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Float(left), Value::Float(right)) => {
            left == right || left.is_nan() && right.is_nan()
        }
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| {
                    right
                        .iter()
                        .any(|(other, found)| is_same(key, other) && is_same(value, found))
                })
        }
        (left, right) => left == right,
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Refused(String),
    Failed(String),
    Value(Value<'static>),
}

fn answer(case: &Case) -> Answer {
    let names = case.bindings.keys().chain(&case.absent);
    let scope = Scope::result(Type::Dyn, names.map(|name| (name.clone(), Type::Dyn)));
    let mut fields = Fields::default();
    let program = match compile(&case.expr, &scope, &mut fields) {
        Ok(program) => program,
        Err(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            return Answer::Refused(errors.join("; "));
        }
    };
    let slots = fields.paths().iter().map(|path| {
        let (first, rest) = path.steps.split_first()?;
        let mut at = value(case.bindings.get(&**first)?);
        for step in rest {
            at = at.field(step)?.clone().into_owned();
        }
        Some(at)
    });
    let row = Row {
        topic: "cel",
        partition: PartitionId(0),
        record: RecordView {
            offset: Offset(0),
            timestamp: Timestamp(0),
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: HeadersView::EMPTY,
        },
        slots: slots.collect(),
    };
    match program.eval(&row).map(Value::into_owned) {
        Ok(value) => Answer::Value(value),
        Err(error) => Answer::Failed(error.to_string()),
    }
}

/// Why the case does not pass.
fn fault(case: &Case) -> Option<String> {
    match (answer(case), &case.value) {
        (Answer::Value(found), Some(expected)) => {
            let expected = value(expected);
            (!is_same(&found, &expected)).then(|| format!("{found:?}, expected {expected:?}"))
        }
        (Answer::Value(found), None) => Some(format!("{found:?}, expected an error")),
        (Answer::Refused(_) | Answer::Failed(_), None) => None,
        (Answer::Refused(error), Some(_)) => Some(format!("refused: {error}")),
        (Answer::Failed(error), Some(_)) => Some(format!("failed: {error}")),
    }
}

fn reason(case: &Case) -> Option<usize> {
    DIFFERENCES.iter().position(|(file, part, _)| {
        *file == case.file
            && (case.expr.contains(part) || case.name == *part || case.section == *part)
    })
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    other: BTreeMap<String, usize>,
}

#[test]
fn every_case_passes_or_has_a_reason() {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut unexplained, mut needed) = (Vec::new(), vec![false; DIFFERENCES.len()]);
    for case in lines::<Case>("conformance.jsonl") {
        let tally = tallies.entry(case.file.clone()).or_default();
        let Some(fault) = fault(&case) else {
            tally.passed += 1;
            continue;
        };
        match reason(&case) {
            Some(number) => {
                needed[number] = true;
                *tally
                    .other
                    .entry(DIFFERENCES[number].2.to_owned())
                    .or_default() += 1;
            }
            None => unexplained.push(format!(
                "{}/{}/{}{}: {}\n    {fault}",
                case.file,
                case.section,
                case.name,
                if case.unchecked { " (unchecked)" } else { "" },
                case.expr
            )),
        }
    }
    for skipped in lines::<Skipped>("skipped.jsonl") {
        let tally = tallies.entry(skipped.file).or_default();
        *tally.other.entry(skipped.why).or_default() += skipped.cases;
    }
    assert!(
        unexplained.is_empty(),
        "{} cases without a reason:\n{}",
        unexplained.len(),
        unexplained.join("\n")
    );
    let idle: Vec<_> = (0..DIFFERENCES.len())
        .filter(|number| !needed[*number])
        .collect();
    assert!(idle.is_empty(), "no case needs {idle:?} of DIFFERENCES");
    let (path, table) = (root().join("src/expr/conformance.md"), table(&tallies));
    if std::env::var_os("TIDEMILL_UPDATE_GOLDEN").is_some() {
        fs::write(&path, &table).expect("written");
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), table);
}

fn table(tallies: &BTreeMap<String, Tally>) -> String {
    let mut out = String::from(
        "| file of the suite | cases | pass | the others |\n| --- | ---: | ---: | --- |\n",
    );
    let mut totals = (0, 0);
    for (file, tally) in tallies {
        let others: usize = tally.other.values().sum();
        let cases = tally.passed + others;
        let why: Vec<_> = tally
            .other
            .iter()
            .map(|(why, cases)| format!("{cases} {why}"))
            .collect();
        writeln!(
            out,
            "| `{file}` | {cases} | {} | {} |",
            tally.passed,
            why.join("; ")
        )
        .expect("text");
        totals = (totals.0 + cases, totals.1 + tally.passed);
    }
    writeln!(
        out,
        "| all | {} | {} | {} |",
        totals.0,
        totals.1,
        totals.0 - totals.1
    )
    .expect("text");
    out
}
