//! The records of a test through its flow.

use std::sync::Arc;

use serde_json::Value as Json;
use serde_json::json;

use crate::pipeline::testing::given::Arrival;
use crate::pipeline::testing::given::Given;
use crate::record::Timestamp;
use crate::stream::account::Account;
use crate::stream::alert::Alert;
use crate::stream::alert::Notice;
use crate::stream::driver::DriveError;
use crate::stream::driver::TestDriver;
use crate::stream::driver::Written;
use crate::stream::plan::Flow;
use crate::stream::plan::Plan;

/// What came of the records.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The results in the order in which they came out.
    pub(super) results: Vec<Outgoing>,
    pub(super) account: Account,
    /// Why records, or results, could not be used.
    pub(super) reasons: Vec<String>,
    /// Why the flow stopped, if it did.
    pub(super) stopped: Option<String>,
}

/// One result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    pub(super) key: Option<String>,
    /// Null is a tombstone.
    pub(super) value: Json,
    /// The field of its value that is a time, however it is to be written.
    pub(super) time: Option<&'static str>,
}

/// Drives `flow` of `plan` over the records.
pub(super) fn drive(plan: &Plan, flow: &Arc<Flow>, given: &Given) -> Outcome {
    let driven = alone(plan, flow, given).map(|mut driver| {
        let stopped = run(&mut driver, given).err();
        let results = driver.read_all(&flow.sink.topic);
        let results = results.iter().map(outgoing).collect();
        outcome(&driver, results, stopped)
    });
    driven.unwrap_or_else(not_driven)
}

/// Drives `flow` of `plan` over the records as `run` would, and lets `alert` watch:
/// the results are what it tells.
pub(super) fn drive_watched(
    plan: &Plan,
    (flow, alert): (&Arc<Flow>, &Arc<Alert>),
    given: &Given,
) -> Outcome {
    let driven = alone(plan, flow, given).and_then(|mut driver| {
        driver.watch(alert)?;
        let stopped = run_by_seconds(&mut driver, given).err();
        let notices = driver.notices();
        let notices = notices.iter().map(told).collect();
        let mut outcome = outcome(&driver, notices, stopped);
        for reason in driver.unjudged() {
            outcome.account.rejected += 1;
            outcome.reasons.push(reason.to_owned());
        }
        Ok(outcome)
    });
    driven.unwrap_or_else(not_driven)
}

fn alone(plan: &Plan, flow: &Arc<Flow>, given: &Given) -> Result<TestDriver, DriveError> {
    let plan = Plan {
        name: plan.name.clone(),
        flows: vec![Arc::clone(flow)],
    };
    TestDriver::over(&plan, |_| given.partitions)
}

fn not_driven(error: DriveError) -> Outcome {
    Outcome {
        stopped: Some(error.to_string()),
        ..Outcome::default()
    }
}

fn outcome(driver: &TestDriver, results: Vec<Outgoing>, stopped: Option<String>) -> Outcome {
    Outcome {
        results,
        account: driver.account(),
        reasons: driver.reasons().to_vec(),
        stopped,
    }
}

/// How often `run` commits and looks at the clock: once a second.
const STEP_MS: i64 = 1_000;

/// A stretch of time is gone through in at most so many steps, which are longer then: of a second
/// they reach for more than a day.
const STEPS_MAX: i64 = 100_000;

/// As [`run`], committing and looking at the clock as often as the command `run` does.
fn run_by_seconds(driver: &mut TestDriver, given: &Given) -> Result<(), String> {
    given.schemas().for_each(|text| driver.add_schema(text));
    let mut number = 0;
    let first = given.arrivals.first();
    let mut now = first.map_or(Timestamp::MIN, |first| first.at);
    for arrival in &given.arrivals {
        let passed = pass(driver, now, arrival.at);
        passed.map_err(|error| why(error, number))?;
        pipe(driver, arrival, &mut number)?;
        now = arrival.at;
    }
    driver.commit().map_err(|error| why(error, number))
}

/// Lets time pass.
fn pass(driver: &mut TestDriver, from: Timestamp, to: Timestamp) -> Result<(), DriveError> {
    let step = (to.0.saturating_sub(from.0) / STEPS_MAX).max(STEP_MS);
    let mut next = from.saturating_add(step);
    while next < to {
        driver.commit()?;
        driver.advance_wall_clock(next.0)?;
        next = next.saturating_add(step);
    }
    driver.commit()?;
    driver.advance_wall_clock(to.0)
}

fn run(driver: &mut TestDriver, given: &Given) -> Result<(), String> {
    given.schemas().for_each(|text| driver.add_schema(text));
    let mut number = 0;
    for arrival in &given.arrivals {
        let advanced = driver.advance_wall_clock(arrival.at.0);
        advanced.map_err(|error| why(error, number))?;
        pipe(driver, arrival, &mut number)?;
    }
    driver.commit().map_err(|error| why(error, number))
}

/// Hands over the record that arrives, if it is one.
fn pipe(driver: &mut TestDriver, arrival: &Arrival, number: &mut u64) -> Result<(), String> {
    let Some(record) = &arrival.record else {
        return Ok(());
    };
    *number += 1;
    let piped = driver.pipe_to(&arrival.topic, arrival.partition, record.clone());
    piped.map_err(|error| why(error, *number))
}

/// Why a flow stopped, by the number of the record, as a test counts them.
fn why(error: DriveError, number: u64) -> String {
    match error {
        DriveError::Stopped { reason, .. } => format!("record {number}: {reason}"),
        DriveError::Unwritable { reason, .. } => reason,
        error => error.to_string(),
    }
}

fn outgoing(written: &Written) -> Outgoing {
    Outgoing {
        key: written.key(),
        value: written.json().clone(),
        time: None,
    }
}

/// What an alert tells, as a test writes it.
fn told(notice: &Notice) -> Outgoing {
    let change = notice.change.name();
    Outgoing {
        key: notice.shown_key.clone(),
        value: json!({
            "key": notice.shown_key,
            change: notice.time.0,
            "message": notice.message,
        }),
        time: Some(change),
    }
}
