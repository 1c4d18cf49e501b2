//! Pipeline files from the disk.

use std::env;
use std::fs;
use std::io;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::pipeline;
use crate::pipeline::Colour;
use crate::pipeline::Connect;
use crate::pipeline::FILE_BYTES_MAX;
use crate::pipeline::Findings;
use crate::pipeline::Outside;
use crate::pipeline::Pipeline;

/// A pipeline file, compiled, with its text.
#[derive(Debug)]
pub(super) struct PipelineFile {
    /// The name that it was asked for by.
    pub(super) name: String,
    /// Where the files that it names are looked for.
    pub(super) folder: PathBuf,
    pub(super) text: String,
    pub(super) pipeline: Pipeline,
}

impl PipelineFile {
    /// Reads and compiles a pipeline file. All that is wrong with it is in the failure's message.
    pub(super) fn load(file: &Path) -> Result<Self, Failure> {
        let name = file.display();
        let failed = |error: io::Error| Failure::new(Exit::Usage, format!("read {name}: {error}"));
        let size = fs::metadata(file).map_err(failed)?.len();
        if size > FILE_BYTES_MAX as u64 {
            return Err(Failure::usage(format!(
                "read {name}: {size} bytes are more than a pipeline file may have"
            )));
        }
        let text = fs::read_to_string(file).map_err(failed)?;
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        Self::of_text(&name.to_string(), text, folder)
    }

    /// Compiles the text of a pipeline file; the files that it names are looked for in `folder`.
    pub(super) fn of_text(name: &str, text: String, folder: &Path) -> Result<Self, Failure> {
        let compiled = with_outside(folder, |outside| pipeline::compile(&text, outside));
        match compiled {
            Ok(pipeline) => Ok(Self {
                name: name.to_owned(),
                folder: folder.to_owned(),
                text,
                pipeline,
            }),
            Err(findings) => Err(failure(name, &text, &findings)),
        }
    }

    /// Calls `call` with what a pipeline file may ask of the world.
    pub(super) fn with_outside<T>(&self, call: impl FnOnce(&Outside<'_>) -> T) -> T {
        with_outside(&self.folder, call)
    }

    /// The likely mistakes in the file, as a person reads them.
    pub(super) fn warnings(&self) -> String {
        pipeline::render_warnings(&self.pipeline.warnings, &self.name, &self.text, colour())
    }

    /// What is wrong with the file, as a failure of a command.
    pub(super) fn failure(&self, findings: &Findings) -> Failure {
        failure(&self.name, &self.text, findings)
    }

    /// The number of the line on which byte `at` stands, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        let before = self.text.as_bytes().iter().take(at);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}

/// Reads and compiles a pipeline file, of which nothing but the pipeline is wanted.
pub(super) fn load(file: &Path) -> Result<Pipeline, Failure> {
    Ok(PipelineFile::load(file)?.pipeline)
}

/// Compiles the text of a pipeline file; the files that it names are looked for in `folder`.
pub(super) fn compile(name: &str, text: &str, folder: &Path) -> Result<Pipeline, Failure> {
    Ok(PipelineFile::of_text(name, text.to_owned(), folder)?.pipeline)
}

fn with_outside<T>(folder: &Path, call: impl FnOnce(&Outside<'_>) -> T) -> T {
    call(&Outside {
        variable: &|name| env::var(name).ok(),
        file: &|file| fs::read_to_string(folder.join(file)).map_err(|error| error.to_string()),
    })
}

/// Whether standard error may be coloured.
fn colour() -> Colour {
    match io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none() {
        true => Colour::Always,
        false => Colour::Never,
    }
}

fn failure(name: &str, text: &str, findings: &Findings) -> Failure {
    let colour = colour();
    let count = findings.as_slice().len();
    let noun = if count == 1 { "error" } else { "errors" };
    Failure::usage(format!(
        "{count} {noun} in {name}\n\n{}",
        findings.render(name, text, colour)
    ))
}

/// What a pipeline's `connect:` says, as properties.
pub(super) fn properties(connect: &Connect) -> Vec<(String, String)> {
    let own = [
        ("bootstrap.servers", &connect.brokers),
        ("schema.registry.url", &connect.registry),
    ];
    let own = own
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.as_ref()?.value.clone())));
    own.chain(
        connect
            .properties
            .iter()
            .map(|(name, value)| (name.value.clone(), value.clone())),
    )
    .collect()
}
