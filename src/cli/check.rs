//! `tidemill check`: whether a pipeline file is right.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::Verbosity;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::pipeline_file::PipelineFile;
use crate::pipeline::testing;

/// Flags of `check`.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Pipeline file
    file: PathBuf,
}

impl Check {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let file = PipelineFile::load(&self.file)?;
        let pipeline = &file.pipeline;
        for test in &pipeline.tests {
            let checked = file.with_outside(|outside| testing::check(pipeline, test, outside));
            checked.map_err(|findings| file.failure(&findings))?;
        }
        if !verbosity.quiet && !pipeline.warnings.is_empty() {
            eprintln!("{}", file.warnings());
        }
        if !verbosity.quiet {
            let flows = counted(pipeline.plan.flows.len(), "flow");
            let tests = counted(pipeline.tests.len(), "test");
            let warnings = match pipeline.warnings.len() {
                0 => String::new(),
                count => format!(", {}", counted(count, "warning")),
            };
            let name = self.file.display();
            eprintln!("{name}: {flows}, {tests}, nothing wrong{warnings}");
        }
        Ok(Exit::Done)
    }
}

fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}
