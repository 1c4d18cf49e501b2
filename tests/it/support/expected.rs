//! What aggregates come to, by their definitions.

use serde_json::Value as Json;
use serde_json::json;
use tidemill::stream::aggregate::Function;
use tidemill::stream::aggregate::parameter::Divisor;
use tidemill::stream::aggregate::parameter::Limit;
use tidemill::stream::aggregate::parameter::Rank;

use crate::support::chance::Chance;
use crate::support::window_model::Kind;

/// An aggregate of `x`, or of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Max,
    Min,
    Avg,
    Known,
    First,
    Last,
    Variance,
    Stddev,
    Distinct,
    Median,
    Top,
    Collect,
    Rate,
}

/// One record of a window: its time, its number, and `x`.
pub(crate) type Member = (i64, usize, Option<i64>);

impl Aggregate {
    const ALL: [Self; 15] = [
        Self::Count,
        Self::Sum,
        Self::Max,
        Self::Min,
        Self::Avg,
        Self::Known,
        Self::First,
        Self::Last,
        Self::Variance,
        Self::Stddev,
        Self::Distinct,
        Self::Median,
        Self::Top,
        Self::Collect,
        Self::Rate,
    ];

    /// One to four of them.
    pub(crate) fn some(chance: &mut Chance, kind: Kind) -> Vec<Self> {
        let mut some = Vec::new();
        for _ in 0..1 + chance.below(4) {
            let one = Self::ALL[chance.below(Self::ALL.len())];
            // Elsewhere a window may have no length.
            let has_length = matches!(kind, Kind::Hopping { .. } | Kind::Calendar(_));
            if !some.contains(&one) && (one != Self::Rate || has_length) {
                some.push(one);
            }
        }
        if some.is_empty() {
            some.push(Self::Sum);
        }
        some
    }

    /// Its name, what it is, and its argument.
    pub(crate) fn named(self) -> (&'static str, Function, Option<&'static str>) {
        let limit = |count| Limit::new(count).unwrap();
        let x = Some("value.x");
        match self {
            Self::Count => ("count", Function::Count, None),
            Self::Known => ("known", Function::Count, Some("value.x != null")),
            Self::Sum => ("sum", Function::Sum, x),
            Self::Avg => ("avg", Function::Avg, x),
            Self::Min => ("min", Function::Min, x),
            Self::Max => ("max", Function::Max, x),
            Self::First => ("first", Function::First, x),
            Self::Last => ("last", Function::Last, x),
            Self::Variance => ("variance", Function::Variance(Divisor::Population), x),
            Self::Stddev => ("stddev", Function::Stddev(Divisor::Sample), x),
            Self::Distinct => ("distinct", Function::Distinct, x),
            Self::Median => ("median", Function::Quantile(Rank::new(0.5).unwrap()), x),
            Self::Top => ("top", Function::Top(limit(2)), x),
            Self::Collect => ("collect", Function::Collect(limit(3)), x),
            Self::Rate => ("rate", Function::Rate, None),
        }
    }

    /// Whether it takes nothing but numbers.
    pub(crate) const fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Sum | Self::Avg | Self::Variance | Self::Stddev | Self::Median
        )
    }

    /// What it comes to over `members`, in the order in which they came, of a window that is so long.
    pub(crate) fn of(self, members: &[Member], length: i64) -> Json {
        let mut by_time: Vec<Member> = members.to_vec();
        by_time.sort_by_key(|(time, number, _)| (*time, *number));
        let values: Vec<i64> = by_time.iter().filter_map(|(.., x)| *x).collect();
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let last = by_time
            .iter()
            .filter(|(.., x)| x.is_some())
            .max_by_key(|(time, ..)| *time);
        match self {
            Self::Count => json!(members.len()),
            Self::Known => json!(values.len()),
            Self::Sum if values.is_empty() => Json::Null,
            Self::Sum => json!(values.iter().sum::<i64>()),
            Self::Avg => float(mean(&values)),
            Self::Min => json!(sorted.first()),
            Self::Max => json!(sorted.last()),
            Self::First => json!(values.first()),
            Self::Last => json!(last.and_then(|(.., x)| *x)),
            Self::Variance => float(squares(&values).map(|sum| sum / count(&values))),
            Self::Stddev if values.len() < 2 => Json::Null,
            Self::Stddev => {
                float(squares(&values).map(|sum| (sum / (count(&values) - 1.0)).sqrt()))
            }
            Self::Distinct => {
                sorted.dedup();
                json!(sorted.len())
            }
            Self::Median if sorted.is_empty() => Json::Null,
            Self::Median => json!(sorted[(sorted.len() - 1) / 2]),
            Self::Top => json!(sorted.iter().rev().take(2).collect::<Vec<_>>()),
            Self::Collect => json!(values.iter().take(3).collect::<Vec<_>>()),
            #[expect(clippy::cast_precision_loss, reason = "small")]
            Self::Rate => json!(members.len() as f64 / (length as f64 / 1_000.0)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "few")]
fn count(values: &[i64]) -> f64 {
    values.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "small")]
fn mean(values: &[i64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<i64>() as f64 / count(values))
}

/// The sum of the squares of what values differ from their mean.
#[expect(clippy::cast_precision_loss, reason = "small")]
fn squares(values: &[i64]) -> Option<f64> {
    let mean = mean(values)?;
    Some(
        values
            .iter()
            .map(|value| (*value as f64 - mean).powi(2))
            .sum(),
    )
}

fn float(value: Option<f64>) -> Json {
    json!(value)
}

/// Whether two results are the same, floats to their last digits.
pub(crate) fn is_same(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Array(ours), Json::Array(theirs)) => {
            let pairs = || ours.iter().zip(theirs);
            ours.len() == theirs.len() && pairs().all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Json::Number(_), Json::Number(_)) => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0)
        }
        _ => ours == theirs,
    }
}
