//! What came of a test of a pipeline file.

use std::time::Duration;

use crate::pipeline::testing::Verdict;

/// What came of one test.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) name: String,
    /// The number of the line that the test begins on, from 1.
    pub(super) line: usize,
    pub(super) took: Duration,
    pub(super) verdict: Verdict,
    /// What came otherwise, a line each, with where in the file it was expected.
    pub(super) differences: Vec<String>,
}
