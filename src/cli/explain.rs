//! `tidemill explain` and `tidemill graph`: what a pipeline file comes to.

use std::io;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::ValueEnum;

use crate::cli::args::Verbosity;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::pipeline_file;
use crate::pipeline::explain;
use crate::pipeline::graph::Drawing;
use crate::pipeline::graph::Graph;

/// Flags of `explain`.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// Pipeline file
    file: PathBuf,
    /// Say what changed since this older version of the file, and what going on with the new one
    /// costs
    #[arg(long, value_name = "OLD")]
    diff: Option<PathBuf>,
}

impl Explain {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let pipeline = pipeline_file::load(&self.file)?;
        let Some(old) = &self.diff else {
            return print(&explain::text(&explain::explain(&pipeline)));
        };
        let old = pipeline_file::load(old)?;
        let changes = explain::changes(&old, &pipeline);
        if changes.is_empty() && !verbosity.quiet {
            eprintln!("the two compute the same");
        }
        let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
        print(&changes.join("\n"))
    }
}

/// Flags of `graph`.
#[derive(Args, Debug)]
pub(super) struct GraphCommand {
    /// Pipeline file
    file: PathBuf,
    /// How to draw it
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// Mermaid, which Markdown viewers draw
    Mermaid,
    /// DOT, which Graphviz draws
    Dot,
}

impl GraphCommand {
    /// Runs the command.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let pipeline = pipeline_file::load(&self.file)?;
        let drawing = match self.output {
            Output::Text => Drawing::Text,
            Output::Mermaid => Drawing::Mermaid,
            Output::Dot => Drawing::Dot,
        };
        print(&Graph::of(&pipeline).draw(drawing))
    }
}

fn print(text: &str) -> Result<Exit, Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map(|()| Exit::Done)
        .map_err(|error| Failure::output(&error))
}
