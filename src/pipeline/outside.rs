//! What a pipeline file may ask of the world around it.

use std::fmt;

/// What a pipeline file may ask of the world around it.
#[derive(Clone, Copy)]
pub struct Outside<'o> {
    /// The value of an environment variable.
    pub variable: &'o dyn Fn(&str) -> Option<String>,
    /// The text of the file with this name (a schema, a fixture), relative to the pipeline file; or why
    /// it cannot be read.
    pub file: &'o dyn Fn(&str) -> Result<String, String>,
}

impl fmt::Debug for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}
