//! Flags, commands, printing, exit codes: the only module that prints.
//!
//! One file a command: its flags, and what it does. Data goes to standard output and nothing else
//! does; everything said about the work goes to standard error. How a command ends is
//! [`exit::Exit`]'s table.
#![expect(clippy::print_stderr, reason = "this is the module that prints")]

mod args;
mod avro;
mod broker;
mod check;
mod clock;
mod connect;
mod consume;
mod demo;
pub mod exit;
mod explain;
mod failures;
mod help;
mod junit;
mod listing;
mod offset_spec;
mod pipeline_file;
mod produce;
mod progress;
mod record_format;
mod run;
mod schema;
mod signal;
mod test;
mod tested;
mod topic;

use std::io::IsTerminal;
use std::panic;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use tracing_subscriber::EnvFilter;

use crate::cli::args::Verbosity;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;

/// What the user typed.
#[derive(Debug, Parser)]
#[command(
    name = "tidemill",
    version,
    about = "Streams, mirrors and watches Apache Kafka, from one static binary",
    after_help = "Examples:\n  tidemill demo                                    a broker, orders, windows, with nothing installed\n  tidemill consume orders -b host:9092 -o jsonl    follow a topic\n  tidemill run shop.yaml                           run a pipeline file",
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole of it: broker, registry, orders, a pipeline, live results
    Demo(demo::Demo),
    /// Run the embedded development broker and schema registry
    Broker(broker::Broker),
    /// Write records to a topic
    Produce(produce::Produce),
    /// Read records from topics
    Consume(consume::Consume),
    /// List, create, describe, alter and delete topics
    Topic(topic::Topic),
    /// Look up, register, check and delete schemas in a registry
    Schema(schema::Schema),
    /// Check a pipeline file
    Check(check::Check),
    /// Run the tests in a pipeline file
    Test(test::Test),
    /// Explain a pipeline file: defaults, state, internal topics, what a change costs
    Explain(explain::Explain),
    /// Draw a pipeline file
    Graph(explain::GraphCommand),
    /// Run a pipeline file
    Run(run::Run),
    /// Print the help of a command, or the JSON Schema of pipeline files
    Help(help::Help),
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return if error.print().is_ok() {
                exit
            } else {
                Exit::Done
            }
            .into();
        }
    };
    start_log(cli.verbosity);
    let verbosity = cli.verbosity;
    match panic::catch_unwind(move || dispatch(cli.command, verbosity)) {
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            if !failure.message.is_empty() {
                eprintln!("tidemill: {failure}");
            }
            failure.exit.into()
        }
        Err(_) => {
            eprintln!("tidemill: this is a bug of tidemill; please report the lines above");
            Exit::Bug.into()
        }
    }
}

fn dispatch(command: Command, verbosity: Verbosity) -> Result<Exit, Failure> {
    match command {
        Command::Demo(demo) => demo.run(verbosity),
        Command::Broker(broker) => broker.run(verbosity),
        Command::Produce(produce) => produce.run(verbosity),
        Command::Consume(consume) => consume.run(verbosity),
        Command::Topic(topic) => topic.run(),
        Command::Schema(schema) => schema.run(),
        Command::Check(check) => check.run(verbosity),
        Command::Test(test) => test.run(verbosity),
        Command::Explain(explain) => explain.run(verbosity),
        Command::Graph(graph) => graph.run(),
        Command::Run(run) => run.run(verbosity),
        Command::Help(help) => help.run(Cli::command()),
    }
}

/// Logs go to standard error: warnings, and more with each `-v`; `TIDEMILL_LOG` has the last word.
fn start_log(verbosity: Verbosity) {
    let level = match (verbosity.quiet, verbosity.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "tidemill=info,warn",
        (false, 2) => "tidemill=debug,info",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("TIDEMILL_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flag_is_defined_twice_in_any_command() {
        Cli::command().debug_assert();
    }
}
