//! The tests in a pipeline file: records in, results out, on a virtual clock.
//!
//! A test names a flow, gives it records and says what comes out. [`run`] drives the very
//! [`crate::stream::task::Task`] that the runtime drives, over one partition, so a test is judged by
//! the engine and not by a likeness of it. Time is what the test says: `at:` is the wall clock when
//! a record arrives, and its timestamp; between records nothing happens but the passing of time.
//! There is one commit, after the last record. A record of a flow that reads several topics names
//! its own with `topic:`.
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

use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::Pipeline;
use crate::pipeline::Subject;
use crate::pipeline::TestCase;

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as expected.
    Passed,
    /// Something is not.
    Failed(Vec<Difference>),
    /// It is about something that this version checks and does not run: an alert.
    NotRun,
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
    let Some(outcome) = outcome(pipeline, test, outside)? else {
        return Ok(Verdict::NotRun);
    };
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
    match flow_of(pipeline, test) {
        Some(flow) => {
            expected::expected(test, outside)?;
            given::given(test, flow, outside).map(drop)
        }
        None => Ok(()),
    }
}

fn outcome(
    pipeline: &Pipeline,
    test: &TestCase,
    outside: &Outside<'_>,
) -> Result<Option<drive::Outcome>, Findings> {
    let Some(flow) = flow_of(pipeline, test) else {
        return Ok(None);
    };
    let given = given::given(test, flow, outside)?;
    Ok(Some(drive::drive(&pipeline.plan, flow, &given)))
}

fn flow_of<'p>(
    pipeline: &'p Pipeline,
    test: &TestCase,
) -> Option<&'p std::sync::Arc<crate::stream::plan::Flow>> {
    let Subject::Flow(name) = &test.subject else {
        return None;
    };
    let mut flows = pipeline.plan.flows.iter();
    flows.find(|flow| *flow.name == *name.value)
}
