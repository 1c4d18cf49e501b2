//! The tests in a pipeline file: records in, results out, on a virtual clock.
//!
//! A test names a flow, gives it records and says what comes out; or it names an alert, gives records
//! to its flow, and says what the alert tells. [`run`] drives the very
//! [`crate::stream::task::Task`]s that the runtime drives, over one partition or as many as the test
//! says, so a test is judged by the engine and not by a likeness of it. Time is what the test says:
//! `at:` is the wall clock when a record arrives, and its timestamp; between records nothing happens
//! but the passing of time. There is one commit, after the last record; in a test of an alert, which
//! is about time that passes, there is one a second, as in `run`. A record of a flow that reads
//! several topics names its own with `topic:`, and where topics have several `partitions:` its own
//! with `partition:`.
//!
//! Times may be written as clock times (`12:00:05`), which stand on one fixed day
//! ([`clock`]).

mod avro;
pub mod clock;
mod compare;
mod drive;
mod expected;
mod given;
pub(super) mod json;
mod line_diff;
mod rewrite;

pub use compare::Difference;
pub use line_diff::line_diff;
pub use rewrite::rewritten;

use std::sync::Arc;

use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::Pipeline;
use crate::pipeline::Subject;
use crate::pipeline::TestCase;
use crate::stream::alert::Alert;
use crate::stream::plan::Flow;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as expected.
    Passed,
    /// Something is not.
    Failed(Vec<Difference>),
}

/// Runs `test` of `pipeline`.
///
/// # Errors
///
/// What is wrong with its records: they cannot be read, or cannot be written in the source's format.
pub fn run(
    pipeline: &Pipeline,
    test: &TestCase,
    outside: &Outside<'_>,
) -> Result<Verdict, Findings> {
    let outcome = outcome(pipeline, test, outside)?;
    let expected = expected::expected(test, outside)?;
    let differences = compare::differences(test, expected.as_deref(), &outcome);
    Ok(match differences.is_empty() {
        true => Verdict::Passed,
        false => Verdict::Failed(differences),
    })
}

/// Checks the records of `test` without running it.
///
/// # Errors
///
/// As [`run`].
pub fn check(pipeline: &Pipeline, test: &TestCase, outside: &Outside<'_>) -> Result<(), Findings> {
    let (flow, _) = subject(pipeline, test)?;
    expected::expected(test, outside)?;
    given::given(test, flow, outside).map(drop)
}

fn outcome(
    pipeline: &Pipeline,
    test: &TestCase,
    outside: &Outside<'_>,
) -> Result<drive::Outcome, Findings> {
    let (flow, alert) = subject(pipeline, test)?;
    let given = given::given(test, flow, outside)?;
    Ok(match alert {
        Some(alert) => drive::drive_watched(&pipeline.plan, (flow, alert), &given),
        None => drive::drive(&pipeline.plan, flow, &given),
    })
}

/// The flow that the records of `test` are for, and the alert that is tested, if it is one.
fn subject<'p>(
    pipeline: &'p Pipeline,
    test: &TestCase,
) -> Result<(&'p Arc<Flow>, Option<&'p Arc<Alert>>), Findings> {
    let (flow, alert) = match &test.subject {
        Subject::Flow(name) => (&*name.value, None),
        Subject::Alert(name) => {
            let mut alerts = pipeline.alerts.iter();
            let alert = alerts.find(|alert| *alert.name == *name.value);
            let alert = alert.ok_or_else(Findings::unexplained)?;
            (&*alert.flow, Some(alert))
        }
    };
    let mut flows = pipeline.plan.flows.iter();
    let flow = flows.find(|known| *known.name == *flow);
    // That there are both was found out when the file was compiled.
    Ok((flow.ok_or_else(Findings::unexplained)?, alert))
}
