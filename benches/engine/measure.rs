//! One case: checked, then timed.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::case::Case;
use crate::engine::Engine;
use crate::flow::stage;
use crate::model::Results;
use crate::topic::Topic;

/// How many records are compared with the model, result by result.
const CHECKED_RECORDS: u32 = 60_000;

/// What the rounds of a case took.
#[derive(Debug)]
pub(crate) struct Measured {
    /// CPU time of each round, the shortest first; at least one.
    rounds: Vec<Duration>,
    /// How many results came out of each round.
    pub(crate) results: u64,
}

impl Measured {
    /// The CPU time of the best round.
    pub(crate) fn best(&self) -> Duration {
        self.rounds[0]
    }

    /// That of the middle one, or of the worse of two middle ones.
    pub(crate) fn median(&self) -> Duration {
        self.rounds[self.rounds.len() / 2]
    }
}

/// Runs this case over all of `topic`, as often as `rounds` says.
pub(crate) fn measure(case: Case, topic: &Topic, rounds: usize) -> Measured {
    let (mut times, counts): (Vec<_>, Vec<_>) = (0..rounds.max(1))
        .map(|_| {
            let mut engine = Engine::new(&stage(case.kind, case.shape.format));
            let from = cpu_time();
            counted(&mut engine, topic);
            (cpu_time().saturating_sub(from), engine.results)
        })
        .unzip();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    times.sort_unstable();
    Measured {
        rounds: times,
        results: counts[0],
    }
}

/// What is measured, and nothing else: `benches/instructions` has callgrind count below this name.
#[inline(never)]
pub(crate) fn counted(engine: &mut Engine, topic: &Topic) {
    for fetched in topic.fetches() {
        engine.take(&fetched, &mut |_| ());
    }
    engine.commit(&mut |_| ());
}

/// Fails where a smaller topic of this shape does not give what the model says.
pub(crate) fn check(case: Case, records: u32) -> Result<(), String> {
    let records = records.min(CHECKED_RECORDS);
    let topic = Topic::new(case.shape, records);
    let mut engine = Engine::new(&stage(case.kind, case.shape.format));
    let mut found = Results::default();
    for fetched in topic.fetches() {
        engine.take(&fetched, &mut |effects| found.add(case.kind, effects));
    }
    engine.commit(&mut |effects| found.add(case.kind, effects));
    found.sort();
    let expected = Results::expected(case.kind, case.shape.orders(records));
    match expected.difference(&found) {
        Some(difference) => Err(format!("{case}: {difference}")),
        None => Ok(()),
    }
}

/// What this thread has had of a CPU. Linux brings the number up to date at each tick of its
/// scheduler, some milliseconds apart, and whenever a thread yields.
fn cpu_time() -> Duration {
    thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}
