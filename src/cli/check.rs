//! `tidemill check`: whether a pipeline file is right.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::Verbosity;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::pipeline_file;

/// Flags of `check`.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// Pipeline file
    file: PathBuf,
}

impl Check {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let pipeline = pipeline_file::load(&self.file)?;
        if !verbosity.quiet {
            let flows = pipeline.plan.flows.len();
            let noun = if flows == 1 { "flow" } else { "flows" };
            eprintln!("{}: {flows} {noun}, nothing wrong", self.file.display());
        }
        Ok(Exit::Done)
    }
}
