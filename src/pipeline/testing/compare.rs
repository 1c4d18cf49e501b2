//! What a test expects, held against what came out.

use std::fmt;
use std::ops::Range;

use serde_json::Map;
use serde_json::Value as Json;

use crate::pipeline::file::Expected;
use crate::pipeline::file::ExpectedField;
use crate::pipeline::file::Located;
use crate::pipeline::file::Subject;
use crate::pipeline::file::TestCase;
use crate::pipeline::testing::clock;
use crate::pipeline::testing::drive::Outcome;
use crate::pipeline::testing::drive::Outgoing;
use crate::pipeline::testing::json::written;
use crate::record::Timestamp;
use crate::stream::alert::Change;

/// How far two floats may lie apart and still count as equal, relative to the larger one: a test is
/// written by hand.
const TOLERANCE: f64 = 1e-9;

/// One thing that came out otherwise than a test expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A field of a result has another value.
    Field {
        /// Which result: what stands in the file, on one line.
        result: String,
        /// The field.
        field: String,
        /// What the test expects.
        expected: String,
        /// What came out; `None` where the result has no such field.
        found: Option<String>,
        /// Where the expected value stands in the file.
        span: Range<usize>,
    },
    /// An expected result did not come out.
    Missing {
        /// The result as the test writes it.
        result: String,
        /// Where it stands in the file.
        span: Range<usize>,
    },
    /// A result came out that the test does not expect.
    Unexpected {
        /// The result as a test would write it.
        result: String,
    },
    /// A result came out, but before one of the same key that stands above it.
    Order {
        /// The result as the test writes it.
        result: String,
        /// Where it stands in the file.
        span: Range<usize>,
    },
    /// A number of records, or of what an alert told, is another one.
    Count {
        /// `late`, `rejected` or `filtered`; `fired`, `cleared` or `no_data`.
        of: &'static str,
        /// How many the test expects.
        expected: u64,
        /// How many there were.
        found: u64,
        /// Where the number stands in the file; `None` where it is a default.
        span: Option<Range<usize>>,
        /// Why records were rejected, as far as it is known; the first that an alert told.
        reasons: Vec<String>,
    },
    /// The flow stopped at a record, as `on_error: fail` says.
    Stopped {
        /// Which record, and what is wrong with it.
        reason: String,
    },
}

impl Difference {
    /// Where in the file what was expected stands.
    #[must_use]
    pub const fn span(&self) -> Option<&Range<usize>> {
        match self {
            Self::Field { span, .. } | Self::Missing { span, .. } | Self::Order { span, .. } => {
                Some(span)
            }
            Self::Count { span, .. } => span.as_ref(),
            Self::Unexpected { .. } | Self::Stopped { .. } => None,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field {
                result,
                field,
                expected,
                found,
                ..
            } => match found {
                Some(found) => {
                    write!(f, "{result}: {field} is {found}, expected {expected}")
                }
                None => write!(f, "{result}: no field {field}, expected {expected}"),
            },
            Self::Missing { result, .. } => write!(f, "did not come out: {result}"),
            Self::Unexpected { result } => write!(f, "came out, not expected: {result}"),
            Self::Order { result, .. } => {
                write!(
                    f,
                    "came out before the one above it of the same key: {result}"
                )
            }
            Self::Count {
                of,
                expected,
                found,
                reasons,
                ..
            } => {
                write!(f, "{found} {of}, expected {expected}")?;
                reasons
                    .iter()
                    .try_for_each(|reason| write!(f, "; {reason}"))
            }
            Self::Stopped { reason } => write!(f, "the flow stopped at {reason}"),
        }
    }
}

/// Everything that came out otherwise than `test` expects, of whose results `expected` are those
/// that it names.
pub(super) fn differences(
    test: &TestCase,
    expected: Option<&[Expected]>,
    outcome: &Outcome,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    if let Some(reason) = &outcome.stopped {
        let reason = reason.clone();
        differences.push(Difference::Stopped { reason });
    }
    if let Some(expected) = expected {
        if is_of_numbers(test, expected) {
            differences.extend(told_differences(expected, &outcome.results));
        } else {
            let pairs = pairs(expected, &outcome.results);
            result_differences(expected, &outcome.results, &pairs, &mut differences);
        }
    }
    differences.extend(count_differences(test, outcome));
    differences
}

/// Whether a test of an alert expects numbers (`fired: 1`) and not what it tells one by one.
pub(super) fn is_of_numbers(test: &TestCase, expected: &[Expected]) -> bool {
    let mut fields = expected.iter().flat_map(|entry| &entry.fields);
    let is_number = |field: &ExpectedField| field.is_change() && field.value.is_u64();
    matches!(test.subject, Subject::Alert(_)) && !expected.is_empty() && fields.all(is_number)
}

/// How many notices of each kind there are, where there are more or fewer than expected: none of
/// those that are not named.
fn told_differences(expected: &[Expected], told: &[Outgoing]) -> Vec<Difference> {
    let differences = Change::ALL.into_iter().filter_map(|change| {
        let of = change.name();
        let of_it = || told.iter().filter(|notice| notice.time == Some(of));
        let mut fields = expected.iter().filter_map(|entry| entry.field(of));
        let field = fields.next();
        let expected = field.and_then(|field| field.value.as_u64());
        let (expected, found) = (expected.unwrap_or_default(), of_it().count());
        let found = u64::try_from(found).unwrap_or(u64::MAX);
        (expected != found).then(|| Difference::Count {
            of,
            expected,
            found,
            span: field.map(|field| field.node.span.clone()),
            reasons: of_it().take(TOLD_MAX).map(result_written).collect(),
        })
    });
    differences.collect()
}

/// How many of an alert's notices are shown where only their number was expected.
const TOLD_MAX: usize = 3;

/// For each expected result, the number of the result that is meant by it.
///
/// First those that are as expected, each the first that is left; then of the rest those of the same
/// key and window.
pub(super) fn pairs(expected: &[Expected], results: &[Outgoing]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; expected.len()];
    let mut is_taken = vec![false; results.len()];
    let judges: [fn(&Expected, &Outgoing) -> bool; 2] = [is_as_expected, is_meant];
    for judge in judges {
        for (pair, expected) in pairs.iter_mut().zip(expected) {
            if pair.is_some() {
                continue;
            }
            let mut free = results.iter().zip(&mut is_taken).enumerate();
            let found = free.find(|(_, (result, taken))| !**taken && judge(expected, result));
            if let Some((number, (_, taken))) = found {
                *taken = true;
                *pair = Some(number);
            }
        }
    }
    pairs
}

fn result_differences(
    expected: &[Expected],
    results: &[Outgoing],
    pairs: &[Option<usize>],
    differences: &mut Vec<Difference>,
) {
    let mut last_of: Vec<(&Option<String>, usize)> = Vec::new();
    for (expected, pair) in expected.iter().zip(pairs) {
        let Some((number, result)) = pair.and_then(|number| Some((number, results.get(number)?)))
        else {
            differences.push(Difference::Missing {
                result: expected_written(expected),
                span: expected.span.clone(),
            });
            continue;
        };
        let wrong = expected
            .fields
            .iter()
            .filter(|field| !is_equal(field, result));
        differences.extend(wrong.map(|field| Difference::Field {
            result: identity_written(expected, result),
            field: field.name.clone(),
            expected: written(&field.value),
            found: found(field, result).map(|found| written_as(&field.value, &found)),
            span: field.node.span.clone(),
        }));
        match last_of.iter_mut().find(|(key, _)| *key == &result.key) {
            Some((_, last)) if *last > number => differences.push(Difference::Order {
                result: expected_written(expected),
                span: expected.span.clone(),
            }),
            Some((_, last)) => *last = number,
            None => last_of.push((&result.key, number)),
        }
    }
    for (number, result) in results.iter().enumerate() {
        if !pairs.contains(&Some(number)) {
            let result = result_written(result);
            differences.push(Difference::Unexpected { result });
        }
    }
}

fn count_differences(test: &TestCase, outcome: &Outcome) -> Vec<Difference> {
    let none_rejected = Some((0, None));
    let said = |count: &Option<Located<u64>>| {
        let count = count.as_ref()?;
        Some((count.value, Some(count.span.clone())))
    };
    let account = &outcome.account;
    let counts = [
        ("late", said(&test.late), account.late),
        (
            "rejected",
            said(&test.rejected).or(none_rejected),
            account.rejected,
        ),
        ("filtered", said(&test.filtered), account.filtered),
    ];
    let differ = counts.into_iter().filter_map(|(of, expected, found)| {
        let (expected, span) = expected.filter(|(expected, _)| *expected != found)?;
        Some(Difference::Count {
            of,
            expected,
            found,
            span,
            reasons: match of {
                "rejected" => outcome.reasons.clone(),
                _ => Vec::new(),
            },
        })
    });
    differ.collect()
}

fn is_as_expected(expected: &Expected, result: &Outgoing) -> bool {
    expected.fields.iter().all(|field| is_equal(field, result))
}

/// Whether key and window are those of the result, as far as the test says, and of a notice what it
/// tells.
fn is_meant(expected: &Expected, result: &Outgoing) -> bool {
    let identity = ["key", "window"].into_iter();
    let mut identity = identity.filter_map(|name| expected.field(name));
    let is_told = |change| expected.field(change).is_some();
    result.time.is_none_or(is_told) && identity.all(|field| is_equal(field, result))
}

fn is_equal(field: &ExpectedField, result: &Outgoing) -> bool {
    found(field, result).is_some_and(|found| is_same(&field.value, &found))
}

/// What the result has where the test expects `field`: the field of its value; else its key for
/// `key` and the whole value for `value`. Of a window the start, where a time is expected.
pub(super) fn found(field: &ExpectedField, result: &Outgoing) -> Option<Json> {
    let whole = || match field.name.as_str() {
        "key" => Some(result.key.clone().map_or(Json::Null, Json::String)),
        "value" => Some(result.value.clone()),
        _ => None,
    };
    let found = result.value.get(&field.name).cloned().or_else(whole)?;
    match (&field.value, field.name.as_str()) {
        (Json::String(_) | Json::Number(_), "window") => found.get("start").cloned(),
        _ => Some(found),
    }
}

/// Whether what was found is what is expected: numbers by value, floats within [`TOLERANCE`], a
/// clock time for the instant that it is; of objects all fields.
pub(super) fn is_same(expected: &Json, found: &Json) -> bool {
    match (expected, found) {
        (Json::Number(left), Json::Number(right)) => {
            if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
                return left == right;
            }
            match (left.as_f64(), right.as_f64()) {
                (Some(left), Some(right)) => {
                    (left - right).abs() <= TOLERANCE * left.abs().max(right.abs())
                }
                _ => left == right,
            }
        }
        (Json::String(text), Json::Number(number)) => {
            let time = clock::instant(text);
            time.is_some_and(|time| number.as_i64() == Some(time.0))
        }
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| is_same(left, right)))
        }
        (left, right) => left == right,
    }
}

/// What was found, as one would write it where `expected` stands.
pub(super) fn written_as(expected: &Json, found: &Json) -> String {
    written(&as_expected(expected, found.clone()))
}

/// What was found, as a clock time where `expected` is a time.
pub(super) fn as_expected(expected: &Json, found: Json) -> Json {
    match (expected, found.as_i64()) {
        (Json::String(text), Some(millis)) if clock::instant(text).is_some() => {
            clock::written(Timestamp(millis)).into()
        }
        _ => found,
    }
}

fn expected_written(expected: &Expected) -> String {
    let fields = expected.fields.iter();
    let fields = fields.map(|field| (field.name.clone(), field.value.clone()));
    written(&Json::Object(fields.collect()))
}

/// Key and window of a result, in words.
fn identity_written(expected: &Expected, result: &Outgoing) -> String {
    let identity = ["window", "key"].into_iter();
    let identity = identity.filter_map(|name| expected.field(name));
    let fields: Map<String, Json> = identity
        .map(|field| (field.name.clone(), field.value.clone()))
        .collect();
    match fields.is_empty() {
        true => result_written(result),
        false => written(&Json::Object(fields)),
    }
}

/// A result as a test would write it: of a window its start, in clock time, as times of notices are.
pub(super) fn result_written(result: &Outgoing) -> String {
    let mut fields = Map::new();
    let Json::Object(entries) = &result.value else {
        if let Some(key) = &result.key {
            fields.insert("key".to_owned(), key.clone().into());
        }
        fields.insert("value".to_owned(), result.value.clone());
        return written(&Json::Object(fields));
    };
    let start = entries.get("window").and_then(|window| window.get("start"));
    if let Some(start) = start.and_then(Json::as_i64) {
        let start = clock::written(Timestamp(start));
        fields.insert("window".to_owned(), start.into());
    }
    for (name, value) in entries {
        let time = value.as_i64().filter(|_| result.time == Some(name));
        let value = time.map_or_else(
            || value.clone(),
            |time| clock::written(Timestamp(time)).into(),
        );
        fields.entry(name).or_insert(value);
    }
    written(&Json::Object(fields))
}
