//! `tidemill test`: run the tests in a pipeline file.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;

use crate::cli::args::Verbosity;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::junit;
use crate::cli::pipeline_file::PipelineFile;
use crate::cli::tested::Tested;
use crate::pipeline::testing;
use crate::pipeline::testing::Verdict;

/// Flags of `test`.
#[derive(Args, Debug)]
#[command(
    after_help = "The tests run on a virtual clock and need no broker. Exit code 3 where one fails."
)]
pub(super) struct Test {
    /// Pipeline file
    file: PathBuf,
    /// Write what came out into the file as what is expected, after showing how it differs
    #[arg(long)]
    update: bool,
    /// How to print what came of the tests
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// JUnit's XML, for CI
    Junit,
}

impl Test {
    /// Runs the command.
    pub(super) fn run(self, verbosity: Verbosity) -> Result<Exit, Failure> {
        let begun = Instant::now();
        let name = self.file.display().to_string();
        let mut file = PipelineFile::load(&self.file)?;
        if file.pipeline.tests.is_empty() {
            return Err(Failure::usage(format!("{name} has no tests")).hint(
                "add `tests:`; `tidemill help schema` and the sample in the README show how",
            ));
        }
        let mut tested = run_all(&file)?;
        if self.update && tested.iter().any(has_failed) {
            let diff;
            (file, diff) = updated(&self.file, file)?;
            print(&diff)?;
            tested = run_all(&file)?;
        }
        match self.output {
            Output::Text => print(&text(&name, &tested))?,
            Output::Junit => print(&junit::report(&name, &tested))?,
        }
        if !verbosity.quiet {
            eprintln!("{name}: {}", totals(&tested, begun.elapsed()));
        }
        Ok(match tested.iter().any(has_failed) {
            true => Exit::Differences,
            false => Exit::Done,
        })
    }
}

fn has_failed(tested: &Tested) -> bool {
    matches!(tested.verdict, Verdict::Failed(_))
}

fn run_all(file: &PipelineFile) -> Result<Vec<Tested>, Failure> {
    let tests = file.pipeline.tests.iter();
    let tested = tests.map(|test| {
        let begun = Instant::now();
        let verdict = file.with_outside(|outside| testing::run(&file.pipeline, test, outside));
        let verdict = verdict.map_err(|findings| file.failure(&findings))?;
        let differences = match &verdict {
            Verdict::Failed(differences) => differences
                .iter()
                .map(|difference| match difference.span() {
                    Some(span) => format!("line {}: {difference}", file.line(span.start)),
                    None => difference.to_string(),
                })
                .collect(),
            Verdict::Passed => Vec::new(),
        };
        Ok(Tested {
            name: test.name.value.clone(),
            line: file.line(test.name.span.start),
            took: begun.elapsed(),
            verdict,
            differences,
        })
    });
    tested.collect()
}

/// Writes the file with what came out, and reads it again; and how it differs.
fn updated(path: &Path, file: PipelineFile) -> Result<(PipelineFile, String), Failure> {
    let rewritten =
        file.with_outside(|outside| testing::rewritten(&file.text, &file.pipeline, outside));
    let rewritten = rewritten.map_err(|findings| file.failure(&findings))?;
    let diff = testing::line_diff(&file.text, &rewritten);
    // What was written has to be read as it was meant, or the file stays as it is.
    let again = PipelineFile::of_text(&file.name, rewritten, &file.folder);
    let again = again.map_err(|failure| {
        Failure::new(
            Exit::Bug,
            format!(
                "{}: cannot be updated in place:\n{diff}\n{failure}",
                file.name
            ),
        )
    })?;
    fs::write(path, &again.text)
        .map_err(|error| Failure::new(Exit::Failed, format!("write {}: {error}", file.name)))?;
    Ok((again, diff))
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::output(&error))
}

fn text(file: &str, tested: &[Tested]) -> String {
    let is_coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mark = |word: &str, colour: u8| match is_coloured {
        true => format!("\x1b[{colour}m{word}\x1b[0m"),
        false => word.to_owned(),
    };
    let mut out = String::new();
    for tested in tested {
        let name = &tested.name;
        // Writing to a text cannot fail.
        let _ = match &tested.verdict {
            Verdict::Passed => writeln!(out, "{}    {name}", mark("ok", 32)),
            Verdict::Failed(_) => {
                writeln!(out, "{}  {name} ({file}:{})", mark("FAIL", 31), tested.line)
            }
        };
        for difference in &tested.differences {
            let _ = writeln!(out, "      {difference}");
        }
    }
    out
}

fn totals(tested: &[Tested], took: Duration) -> String {
    let failed = tested.iter().filter(|tested| has_failed(tested)).count();
    let passed = tested.len() - failed;
    let millis = took.as_secs_f64() * 1_000.0;
    format!("{passed} passed, {failed} failed, in {millis:.1} ms")
}
