//! What must come out, worked out plainly: all records of a key in memory, each window counted and
//! added up on its own.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use tidemill::stream::effects::Destination;
use tidemill::stream::effects::Effects;

use crate::flow::Kind;
use crate::flow::PRICE_MIN;
use crate::orders::Orders;
use crate::orders::price;
use crate::topic::CLOSING_KEY;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Count and sum of one window.
type Sums = (i64, i64);

/// The results of each key, smallest first: when they came out is not compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Results(BTreeMap<String, Vec<Sums>>);

impl Results {
    /// What windows of this kind make of all `orders`.
    pub(crate) fn expected(kind: Kind, orders: Orders) -> Self {
        let mut members: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        for i in (0..i64::from(orders.count)).filter(|&i| price(i) >= PRICE_MIN) {
            let member = (orders.timestamp(i), price(i));
            members.entry(orders.key(i)).or_default().push(member);
        }
        let sorted = members.into_iter().map(|(key, members)| {
            let mut results = windows(kind, &members);
            results.sort_unstable();
            (key, results)
        });
        Self(sorted.collect())
    }

    /// Takes in what came out; of results that replace each other (`kind` is running), the last.
    pub(crate) fn add(&mut self, kind: Kind, effects: &Effects) {
        for output in effects.outputs() {
            assert_eq!(output.destination, Destination::Sink);
            let value = output.value.expect("no window is taken back");
            let value: Value = serde_json::from_slice(value).expect("JSON");
            let key = value["key"].as_str().expect("a text");
            let whole = |name: &str| value[name].as_i64().expect("a whole number");
            if key == CLOSING_KEY {
                continue;
            }
            let results = self.0.entry(key.to_owned()).or_default();
            if kind == Kind::Running {
                results.clear();
            }
            results.push((whole("n"), whole("total")));
        }
    }

    /// Puts the results of each key in order.
    pub(crate) fn sort(&mut self) {
        self.0
            .values_mut()
            .for_each(|results| results.sort_unstable());
    }

    /// The first key whose results differ, with both: for a message.
    pub(crate) fn difference<'r>(&'r self, other: &'r Self) -> Option<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let differs = |key: &&&String| self.0.get(**key) != other.0.get(**key);
        let key = keys.iter().find(differs)?;
        Some(format!(
            "{key}: expected {:?}, found {:?}",
            self.0.get(*key),
            other.0.get(*key)
        ))
    }
}

/// The windows of one key, whose records `members` are in the order of their offsets.
fn windows(kind: Kind, members: &[(i64, i64)]) -> Vec<Sums> {
    let by_time = ByTime::new(members);
    match kind {
        Kind::Tumbling => by_time.stretches(MINUTE, MINUTE),
        Kind::Hopping => by_time.stretches(MINUTE, 5 * SECOND),
        // The offset of Berlin is whole hours.
        Kind::Calendar => by_time.stretches(HOUR, HOUR),
        Kind::Sliding => by_time.sliding(MINUTE),
        Kind::Session => by_time.sessions(30 * SECOND),
        Kind::Trailing => by_time.as_of(MINUTE, by_time.times()),
        Kind::TrailingEvery => by_time.as_of(MINUTE, by_time.ticks(MINUTE, SECOND)),
        Kind::Rows => (1..=members.len())
            .map(|end| sums(&members[end.saturating_sub(20)..end]))
            .collect(),
        Kind::Running => vec![sums(members)],
    }
}

fn sums(members: &[(i64, i64)]) -> Sums {
    let count = i64::try_from(members.len()).expect("few");
    (count, members.iter().map(|member| member.1).sum())
}

/// The records of a key, by time.
struct ByTime(Vec<(i64, i64)>);

impl ByTime {
    fn new(members: &[(i64, i64)]) -> Self {
        let mut sorted = members.to_vec();
        sorted.sort_unstable();
        Self(sorted)
    }

    fn times(&self) -> BTreeSet<i64> {
        self.0.iter().map(|member| member.0).collect()
    }

    /// Those from `start` to `end`, both inside.
    fn between(&self, start: i64, end: i64) -> Sums {
        let from = self.0.partition_point(|member| member.0 < start);
        let to = self.0.partition_point(|member| member.0 <= end);
        sums(&self.0[from..to])
    }

    /// `[start, start + size)` for each multiple of `advance` where there is a record.
    fn stretches(&self, size: i64, advance: i64) -> Vec<Sums> {
        let starts: BTreeSet<i64> = (self.0.iter())
            .flat_map(|&(at, _)| {
                let last = at - at.rem_euclid(advance);
                (0..size / advance).map(move |back| last - back * advance)
            })
            .collect();
        let stretch = |start| self.between(start, start + size - 1);
        starts.into_iter().map(stretch).collect()
    }

    /// KIP-450: a window ends at each record, and one begins right after each that another follows
    /// within `difference`.
    fn sliding(&self, difference: i64) -> Vec<Sums> {
        let times = self.times();
        let left = times.iter().map(|at| at - difference);
        let is_followed = |at: &&i64| times.range(*at + 1..=*at + difference).next().is_some();
        let right = times.iter().filter(is_followed).map(|at| at + 1);
        let starts: BTreeSet<i64> = left.chain(right).collect();
        let window = |start| self.between(start, start + difference);
        starts.into_iter().map(window).collect()
    }

    fn sessions(&self, gap: i64) -> Vec<Sums> {
        self.0.chunk_by(|a, b| b.0 - a.0 <= gap).map(sums).collect()
    }

    /// The multiples of `every` at which there is a record within `length` before.
    fn ticks(&self, length: i64, every: i64) -> BTreeSet<i64> {
        let of_one = |at: i64| {
            let first = at + (-at).rem_euclid(every);
            (first..=at + length).step_by(usize::try_from(every).expect("small"))
        };
        self.0.iter().flat_map(|&(at, _)| of_one(at)).collect()
    }

    /// `[end - length, end]` for each of `ends`.
    fn as_of(&self, length: i64, ends: BTreeSet<i64>) -> Vec<Sums> {
        let window = |end| self.between(end - length, end);
        ends.into_iter().map(window).collect()
    }
}
