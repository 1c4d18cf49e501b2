//! `tidemill help`: the help of a command, or the JSON Schema of pipeline files.

use std::io;
use std::io::IsTerminal;
use std::io::Write;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::expr::nearest;
use crate::pipeline;

/// The topic that is no command.
const SCHEMA: &str = "schema";

/// Flags of `help`.
#[derive(Args, Debug)]
#[command(
    after_help = "`tidemill help schema` prints the JSON Schema of pipeline files; tell your editor with a first line such as\n  # yaml-language-server: $schema=tidemill.schema.json\n`tidemill schema --help` is about the registry."
)]
pub(super) struct Help {
    /// The words of a command; or `schema`, for the JSON Schema of pipeline files
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

impl Help {
    /// Runs the command; `command` is the whole command line.
    pub(super) fn run(self, mut command: clap::Command) -> Result<Exit, Failure> {
        if self.topic == [SCHEMA] {
            return print_schema();
        }
        command.build();
        let mut found = &mut command;
        for word in &self.topic {
            let names = found
                .get_subcommands()
                .map(|known| known.get_name().to_owned());
            let names: Vec<_> = names.collect();
            if !names.contains(word) {
                return Err(unknown(word, &names));
            }
            // Just found among them.
            match found.find_subcommand_mut(word) {
                Some(next) => found = next,
                None => return Err(unknown(word, &names)),
            }
        }
        let printed = found.print_long_help();
        printed
            .map(|()| Exit::Done)
            .map_err(|error| Failure::output(&error))
    }
}

fn unknown(word: &str, names: &[String]) -> Failure {
    let hint = match nearest(word, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Failure::usage(format!("no help for `{word}`")).hint(hint)
}

#[expect(clippy::print_stderr, reason = "this is the module that prints")]
fn print_schema() -> Result<Exit, Failure> {
    let mut out = io::stdout();
    if out.is_terminal() {
        eprintln!("the JSON Schema of pipeline files; the command's help: tidemill schema --help");
    }
    writeln!(out, "{:#}", pipeline::json_schema())
        .map(|()| Exit::Done)
        .map_err(|error| Failure::output(&error))
}
